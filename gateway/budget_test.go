package gateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// worstFrame is a request that is small on the wire and has as many entries as
// possible: one array has n entries of minimal length.
type worstFrame struct {
	many     []*layout // the array, and the arrays around it, outermost first
	outer    bool      // the outermost array has the n entries, with one in each inner one
	distinct bool      // strings are four bytes and all differ; else they are empty
	fixed    byte      // every byte of each number; counting means another number in each entry
	n        int

	flexible bool
	named    uint32
	inside   bool
	body     []byte // of the last frame
}

// counting is a value of worstFrame.fixed.
const counting = 2

// longName is how long the strings around an array are.
const longName = 2_000

// arraysOf returns the ways to the arrays of a layout.
func arraysOf(l *layout, way []*layout) (found [][]*layout) {
	switch l.kind {
	case arrayLayout:
		way = append(slices.Clone(way), l)
		return append(append(found, way), arraysOf(l.elem, way)...)
	case nullableLayout:
		return arraysOf(l.elem, way)
	case structLayout:
		for _, f := range l.fields {
			found = append(found, arraysOf(f, way)...)
		}
		for _, f := range l.tagged {
			found = append(found, arraysOf(f, way)...)
		}
	}
	return found
}

// length appends the length of a string, bytes or an array.
func (w *worstFrame) length(b []byte, prefix, n int) []byte {
	switch {
	case w.flexible:
		return binary.AppendUvarint(b, uint64(n+1))
	case prefix == 2:
		return binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func (w *worstFrame) has(l *layout) bool {
	return slices.ContainsFunc(arraysOf(l, nil), func(way []*layout) bool { return slices.Contains(w.many, way[len(way)-1]) })
}

// value appends the shortest value of a layout.
func (w *worstFrame) value(b []byte, l *layout) []byte {
	switch l.kind {
	case fixedLayout:
		number := bytes.Repeat([]byte{w.fixed % counting}, l.size)
		if w.fixed == counting && w.inside && l.size >= 4 {
			w.named++
			binary.BigEndian.PutUint32(number, w.named)
		}
		return append(b, number...)
	case stringLayout:
		if w.fixed == 1 && !w.inside {
			return append(w.length(b, 2, longName), strings.Repeat("n", longName)...)
		}
		if !w.distinct {
			return w.length(b, 2, 0)
		}
		w.named++
		return append(w.length(b, 2, 8), fmt.Sprintf("%08x", w.named)...)
	case bytesLayout:
		return w.length(b, 4, 0)
	case nullableLayout:
		if !w.has(l) {
			return append(b, 0xff)
		}
		return w.value(append(b, 1), l.elem)
	case arrayLayout:
		n := 0
		if at := slices.Index(w.many, l); at >= 0 {
			if n = 1; w.outer && at == 0 || !w.outer && at == len(w.many)-1 {
				n = w.n
			}
		}
		b = w.length(b, 4, n)
		was := w.inside
		w.inside = was || l == w.many[len(w.many)-1]
		for range n {
			b = w.value(b, l.elem)
		}
		w.inside = was
		return b
	}
	for _, f := range l.fields {
		b = w.value(b, f)
	}
	if !w.flexible {
		return b
	}
	for tag, f := range l.tagged {
		if w.has(f) {
			content := w.value(nil, f)
			b = binary.AppendUvarint(binary.AppendUvarint(append(b, 1), uint64(tag)), uint64(len(content)))
			return append(b, content...)
		}
	}
	return append(b, 0)
}

// frame returns the request of the kind.
func (w *worstFrame) frame(k kind, l *layout) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(k.key))
	b = binary.BigEndian.AppendUint16(b, uint16(k.version))
	b = append(b, 0, 0, 0, 9)
	if k.key != ops.ControlledShutdownKey || k.version > 0 {
		b = append(b, 0xff, 0xff)
	}
	if w.flexible = k.flexible(); w.flexible {
		b = append(b, 0)
	}
	w.named = 0
	header := len(b)
	b = w.value(b, l)
	w.body = b[header:]
	return b
}

// allocated returns how many bytes f allocates in total, including those that are freed
// again.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// budgetStores are the ACLs that the worst frames are decided by.
var budgetStores = map[string][]acl.Binding{
	"nothing is allowed":               nil,
	"everything is allowed":            {everythingFor(resource.Topic), everythingFor(resource.Group), everythingFor(resource.TransactionalID), everythingFor(resource.Cluster)},
	"everything but topics is allowed": {everythingFor(resource.Group), everythingFor(resource.TransactionalID), everythingFor(resource.Cluster)},
	"every second topic is allowed":    {everythingFor(resource.Topic), everythingFor(resource.Group), everythingFor(resource.TransactionalID), everythingFor(resource.Cluster), deniedTopics("00000")},
	"only Describe of topics is allowed": {{
		Pattern: resource.Pattern{Type: resource.Topic, PatternType: resource.Literal, Name: "*"},
		Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Describe, Permission: acl.Allow},
	}},
}

func everythingFor(t resource.Type) acl.Binding {
	name := "*"
	if t == resource.Cluster {
		name = resource.ClusterName
	}
	return acl.Binding{
		Pattern: resource.Pattern{Type: t, PatternType: resource.Literal, Name: name},
		Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.All, Permission: acl.Allow},
	}
}

// deniedTopics denies everything on the topics whose names begin with a prefix. "00000"
// matches about half of the topics of a frame with distinct names.
func deniedTopics(prefix string) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: resource.Topic, PatternType: resource.Prefixed, Name: prefix},
		Entry:   acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.All, Permission: acl.Deny},
	}
}

// fits sets the number of entries to the largest that passes the check, in a frame of no
// more than the size, and returns the frame; nil if not even a few entries pass.
func (w *worstFrame) fits(layouts *layouts, k kind, size int) []byte {
	l := layouts.of(k)
	left := func(n int) (left, length int64) {
		w.n = n
		frame := w.frame(k, l)
		c := walker{data: frame[len(frame)-len(w.body):], left: 1 << 40, flexible: k.flexible(), foreign: true}
		if c.value(l); c.problem != "" {
			return 1 << 60, int64(len(frame))
		}
		return c.left, int64(len(frame))
	}
	left1, length1 := left(100)
	left2, length2 := left(200)
	if left1 == 1<<60 {
		return nil
	}
	cost, bytes := (left1-left2)/100, (length2-length1)/100
	most := int64(size) / bytes
	if cost > budgetFactor*bytes {
		most = min(most, (requestBudget(0)-(1<<40-left1)+100*cost)/(cost-budgetFactor*bytes))
	}
	for n := most; n > 0; n-- {
		w.n = int(n)
		frame := w.frame(k, l)
		if _, err := layouts.check(k, w.body, requestBudget(len(w.body))); err == nil {
			return frame
		}
		if n < most-most/20 { // the length of lengths
			break
		}
	}
	return nil
}

// budgetCase is a gateway that decides worst frames.
type budgetCase struct {
	name    string
	gateway *Gateway
	store   *snapshot.Store
	late    bool // every topic is denied once the request was sent on
	partly  bool // some of the request is sent on; measured where the layout differs from that of the version before
}

func budgetCases(t *testing.T) (cases []budgetCase) {
	for name, bindings := range budgetStores {
		for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
			store := storeOf(t, bindings)
			g, err := New(Config{Store: store, Cluster: tinyCluster{}, Endpoint: endpoint, ACLs: ForwardACLs})
			require.NoError(t, err)
			c := budgetCase{name: fmt.Sprintf("%v, %s", endpoint, name), gateway: g, store: store}
			c.partly = name == "everything but topics is allowed" || name == "every second topic is allowed"
			cases = append(cases, c)
			if endpoint == ops.Broker && name == "everything is allowed" {
				c.name, c.late, c.partly = c.name+", and topics no longer", true, true
				cases = append(cases, c)
			}
		}
	}
	return cases
}

func storeOf(t *testing.T, bindings []acl.Binding) *snapshot.Store {
	store := snapshot.NewStore(snapshot.Config{})
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		for _, b := range bindings {
			tx.Add(b)
		}
		return nil
	}))
	return store
}

// takes returns how much memory a request takes. The cluster answers with nothing, whose
// memory counts too.
func (b *budgetCase) takes(t *testing.T, frame []byte) int64 {
	took := b.measure(t, frame)
	for range 2 { // whatever else the process does meanwhile counts too
		if took > int64(budgetFactor*len(frame)+budgetBase) {
			took = min(took, b.measure(t, frame))
		}
	}
	return took
}

func (b *budgetCase) measure(t *testing.T, frame []byte) int64 {
	c := b.gateway.Conn(Client{Subject: snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("127.0.0.1")}})
	var plan *Plan
	took := allocated(func() { plan, _ = c.Request(frame) })
	if plan == nil {
		return took
	}
	replies := make([][]byte, len(plan.Forward()))
	for i := range replies {
		k := kind{plan.Header.Key, plan.version(i), true}
		if plan.instead != nil {
			k.key = ops.MetadataKey
		}
		replies[i] = plan.Header.Response(k.blank().(kmsg.Response))
	}
	if b.late && len(replies) > 0 {
		require.NoError(t, b.store.Update(func(tx *snapshot.Tx) error { tx.Add(deniedTopics("")); return nil }))
		defer func() {
			require.NoError(t, b.store.Update(func(tx *snapshot.Tx) error { tx.Remove(deniedTopics("")); return nil }))
		}()
	}
	return took + allocated(func() { _, _ = plan.Response(replies...) })
}

// TestBudget measures the worst frames of every API and version: the decoded request,
// the evaluation, the denials, and the gateway's part of the answer. None may allocate
// more than 16 times its size and 1 MiB, including memory that is freed again.
func TestBudget(t *testing.T) {
	if raceDetector {
		t.Skip("memory is measured without the race detector")
	}
	const size = 64 << 10
	l, cases := newLayouts(), budgetCases(t)
	kinds, frames := 0, 0
	for key := range ops.APIKey(len(requests)) {
		for version := range requests[key].versions {
			k := kind{key, version, false}
			kinds++
			anew := version == 0 || !reflect.DeepEqual(l.of(k), l.of(kind{key, version - 1, false}))
			for _, way := range arraysOf(l.of(k), nil) {
				for variant := range 12 {
					w := worstFrame{many: way, outer: variant&1 > 0, distinct: variant&2 > 0, fixed: byte(variant >> 2)}
					if w.outer && len(way) == 1 || w.fixed == counting && !anew {
						continue
					}
					frame := w.fits(l, k, size)
					if !assert.NotNil(t, frame, "%v v%d, array %s: no frame passes", key, version, way[len(way)-1].entry) {
						continue
					}
					frames++
					for _, c := range cases {
						if !c.gateway.Conn(Client{}).serves(Header{Key: key, Version: version}) || c.partly && !anew {
							continue
						}
						assert.LessOrEqual(t, c.takes(t, frame), int64(budgetFactor*len(frame)+budgetBase), "%v v%d, array %s, %d deep, outer %t, distinct %t, %d, %s: %d entries in %d bytes",
							key, version, way[len(way)-1].entry, len(way), w.outer, w.distinct, w.fixed, c.name, w.n, len(frame))
					}
				}
			}
		}
	}
	t.Logf("%d kinds of requests, %d frames", kinds, frames)
	assert.Equal(t, 367, kinds)
}

// TestBudgetOfLooseFrames measures frames that Kafka's own clients do not write, which the
// gateway rewrites before it decodes them: a byte follows the message, or every string is
// invalid UTF-8, which takes three times its bytes once it is decoded.
func TestBudgetOfLooseFrames(t *testing.T) {
	if raceDetector {
		t.Skip("memory is measured without the race detector")
	}
	const size = 64 << 10
	l, frames := newLayouts(), 0
	cases := slices.DeleteFunc(budgetCases(t), func(c budgetCase) bool { return c.store.Load().Len() > 0 }) // nothing is allowed
	for key := range ops.APIKey(len(requests)) {
		for version := range requests[key].versions {
			k := kind{key, version, false}
			if version > 0 && reflect.DeepEqual(l.of(k), l.of(kind{key, version - 1, false})) {
				continue
			}
			for _, way := range arraysOf(l.of(k), nil) {
				for variant := range 4 {
					w := worstFrame{many: way, outer: variant&1 > 0, distinct: variant&2 > 0}
					if w.outer && len(way) == 1 {
						continue
					}
					frame := w.fits(l, k, size)
					require.NotNil(t, frame)
					for _, loose := range [][]byte{append(slices.Clone(frame), 0), append(withInvalidText(t, k, frame), 0)} {
						frames++
						for _, c := range cases {
							if c.gateway.Conn(Client{}).serves(Header{Key: key, Version: version}) {
								assert.LessOrEqual(t, c.takes(t, loose), int64(budgetFactor*len(loose)+budgetBase), "%v v%d, array %s, %d deep, outer %t, distinct %t: %d entries in %d bytes",
									key, version, way[len(way)-1].entry, len(way), w.outer, w.distinct, w.n, len(loose))
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d frames", frames)
	assert.Greater(t, frames, 1_500)
}

// withInvalidText returns the frame of a request in which every string of four bytes has
// none of UTF-8.
func withInvalidText(t *testing.T, k kind, frame []byte) []byte {
	m := k.blank().(kmsg.Request)
	h, err := parseHeader(frame, "")
	require.NoError(t, err)
	require.NoError(t, h.decode(frame, m))
	spoil(reflect.ValueOf(m).Elem())
	return m.AppendTo(slices.Clone(frame[:h.size]))
}

// spoil replaces the strings of a message.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("\xff", v.Len()))
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "UnknownTags" {
				spoil(v.Field(i))
			}
		}
	}
}

// TestLargeHonestRequests: requests of clients of large clusters fit in the budget,
// whether allowed or refused.
func TestLargeHonestRequests(t *testing.T) {
	name := func(i int) string { return fmt.Sprintf("topic-%05d", i) }
	for _, tt := range []struct {
		name    string
		request func() kmsg.Request
	}{
		{"Metadata of 10,000 topics", func() kmsg.Request {
			m := kmsg.NewPtrMetadataRequest()
			m.SetVersion(12)
			m.AllowAutoTopicCreation = true
			for i := range 10_000 {
				m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: new(name(i))})
			}
			return m
		}},
		{"old Metadata of 10,000 topics with long names", func() kmsg.Request {
			m := kmsg.NewPtrMetadataRequest()
			m.SetVersion(1)
			for i := range 10_000 {
				m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: new("company.department." + name(i))})
			}
			return m
		}},
		{"OffsetFetch of 100,000 partitions", func() kmsg.Request {
			m := kmsg.NewPtrOffsetFetchRequest()
			m.SetVersion(8)
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group = "g"
			for i := range 1_000 {
				g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: name(i), Partitions: make([]int32, 100)})
			}
			m.Groups = append(m.Groups, g)
			return m
		}},
		{"OffsetCommit of 100,000 partitions", func() kmsg.Request {
			m := kmsg.NewPtrOffsetCommitRequest()
			m.SetVersion(8)
			m.Group = "g"
			for i := range 10_000 {
				m.Topics = append(m.Topics, kmsg.OffsetCommitRequestTopic{Topic: name(i), Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 10)})
			}
			return m
		}},
		{"ListOffsets of 100,000 partitions", func() kmsg.Request {
			m := kmsg.NewPtrListOffsetsRequest()
			m.SetVersion(7)
			for i := range 1_000 {
				m.Topics = append(m.Topics, kmsg.ListOffsetsRequestTopic{Topic: name(i), Partitions: make([]kmsg.ListOffsetsRequestTopicPartition, 100)})
			}
			return m
		}},
		{"Fetch of 50,000 partitions", func() kmsg.Request {
			m := kmsg.NewPtrFetchRequest()
			m.SetVersion(12)
			for i := range 500 {
				m.Topics = append(m.Topics, kmsg.FetchRequestTopic{Topic: name(i), Partitions: make([]kmsg.FetchRequestTopicPartition, 100)})
			}
			return m
		}},
		{"Produce of 90 MB to 1,000 partitions", func() kmsg.Request {
			m := kmsg.NewPtrProduceRequest()
			m.SetVersion(9)
			m.Acks = -1
			topic := kmsg.NewProduceRequestTopic()
			topic.Topic = name(0)
			records := make([]byte, 90_000)
			for range 1_000 {
				topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Records: records})
			}
			m.Topics = append(m.Topics, topic)
			return m
		}},
		{"FindCoordinator of 10,000 groups", func() kmsg.Request {
			m := kmsg.NewPtrFindCoordinatorRequest()
			m.SetVersion(4)
			for i := range 10_000 {
				m.CoordinatorKeys = append(m.CoordinatorKeys, "department.consumers.of."+name(i))
			}
			return m
		}},
	} {
		frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("c")).AppendRequest(nil, tt.request(), 5)[4:]
		for acls, bindings := range budgetStores {
			t.Run(tt.name+", "+acls, func(t *testing.T) {
				g, err := New(Config{Store: storeOf(t, bindings), Cluster: tinyCluster{}})
				require.NoError(t, err)
				plan, err := g.Conn(Client{Subject: snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("127.0.0.1")}}).Request(frame)
				require.NoError(t, err)
				if len(plan.Forward()) == 0 {
					_, err = plan.Response()
					require.NoError(t, err)
				}
			})
		}
	}
}
