package judge_test

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

var (
	versionFlag  = flag.String("kafka", kafkatest.DefaultVersion, "the version of Kafka that judges")
	soakFlag     = flag.Duration("soak", 0, "judge for this long, with more rounds than usual")
	seedFlag     = flag.Uint64("seed", 1, "the seed of all requests and ACLs")
	roundsFlag   = flag.Int("rounds", rounds, "how many sets of ACLs to judge")
	countsFlag   = flag.String("counts", "", "write the number of requests compared, by API and version, to this file")
	resultFlag   = flag.String("result", "", "write the figures to this file, as JSON")
	rowsFlag     = flag.String("rows", "", "replay the rows of this file, such as -examples writes, instead of those in testdata")
	examplesFlag = flag.String("examples", "", "write one example of each kind of difference to this file, as JSON lines")
)

const (
	// rounds is how many sets of ACLs are judged: a half of them with
	// allow.everyone.if.no.acl.found.
	rounds = 80
	// eachRound is how many requests of each API and version a round has.
	eachRound = 3
	// pipelined is how many requests a connection sends before it reads an answer.
	pipelined = 50
	// leastRequests is how many requests a usual run compares at least.
	leastRequests = 60_000
	// maxReported is how many differences a test prints.
	maxReported = 60
)

// servedPairs is how many versions of APIs the broker and the proxy both serve, without those
// of a login, by the version of Kafka.
var servedPairs = map[string]int{"4.2.1": 259, "4.4.0": 267}

// pair is a version of an API.
type pair struct{ key, version int16 }

// String returns API vVERSION.
func (p pair) String() string { return fmt.Sprintf("%s v%d", kmsg.NameForKey(p.key), p.version) }

// question is a request of a client.
type question struct {
	pair
	request kmsg.Request
	odd     string // how the frame is malformed, if it is
}

// makesTopics reports whether a request for metadata may make topics: below version 4 all do.
func makesTopics(m *kmsg.MetadataRequest, version int16) bool {
	return m.AllowAutoTopicCreation || version < 4
}

func (q question) api() string { return kmsg.NameForKey(q.key) }

// writes reports whether the request may change something.
func (q question) writes() bool {
	m, ok := q.request.(*kmsg.MetadataRequest)
	return slices.Contains(writing, q.key) || ok && makesTopics(m, q.version)
}

// closing reports whether a connection may well be closed instead of an answer. Such a
// request is sent alone, lest those that follow it change something twice.
func (q question) closing() bool { return q.odd != "" || slices.Contains([]int16{29, 30, 31}, q.key) }

// oddities are what frames have that no good client sends, and that Kafka may answer all
// the same.
var oddities = map[string]func(frame []byte, flexible bool) []byte{
	"bytes after the message": func(frame []byte, _ bool) []byte { return append(frame, 0, 1, 2) },
	"an unknown tag": func(frame []byte, flexible bool) []byte {
		if flexible && frame[len(frame)-1] == 0 { // the tags of the message come last
			return append(frame[:len(frame)-1], 1, 99, 2, 'x', 'y')
		}
		return frame
	},
	"a long number of tags": func(frame []byte, flexible bool) []byte {
		if flexible && frame[len(frame)-1] == 0 {
			return append(frame[:len(frame)-1], 0x80, 0x80, 0)
		}
		return frame
	},
	"an end that comes early": func(frame []byte, _ bool) []byte { return frame[:len(frame)-1] },
}

// frame returns the bytes of the request r, which is the question's, bound to a broker.
func (q question) frame(r kmsg.Request, correlation int32) []byte {
	frame := encode(r, q.version, correlation)
	if change := oddities[q.odd]; change != nil {
		frame = change(frame, r.IsFlexible())
		binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	}
	return frame
}

// tally is what all judges of a test have counted and found.
type tally struct {
	mu      sync.Mutex
	counts  map[pair]int
	found   map[string]*example
	allowed map[string]int
	silent  map[string]int           // requests that Kafka does not answer in time
	took    map[string]time.Duration // by part of a round
}

func newTally() *tally {
	return &tally{counts: map[pair]int{}, found: map[string]*example{}, allowed: map[string]int{}, silent: map[string]int{}, took: map[string]time.Duration{}}
}

// judge compares what the brokers of a world and the proxy answer.
type judge struct {
	*tally
	t     *testing.T
	w     *world
	pairs []pair
	seed  uint64
}

// timed adds the time since began to a part of the rounds.
func (j *tally) timed(part string, began time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.took[part] += time.Since(began)
}

// example is the first difference of a class, and how many there are.
type example struct {
	situation
	count int
}

// The proxy answers as the broker does: random requests, and those that were once answered
// otherwise. Brokers with allow.everyone.if.no.acl.found and those without it are judged at
// the same time: most of the time they wait.
func TestJudge(t *testing.T) {
	rows := readRows(t)
	kafkatest.Jars(t, *versionFlag) // or skip
	all := newTally()
	began := time.Now()
	t.Run("worlds", func(t *testing.T) {
		for part, allowEveryone := range []bool{false, true} {
			t.Run(fmt.Sprintf("allow everyone %v", allowEveryone), func(t *testing.T) {
				t.Parallel()
				j := &judge{tally: all, t: t, w: startWorld(t, *versionFlag, allowEveryone), seed: *seedFlag}
				j.pairs = j.sharedPairs(t)
				if want := servedPairs[*versionFlag]; len(j.pairs) < want {
					t.Errorf("%d versions of APIs are served before Kafka %s, expected %d", len(j.pairs), *versionFlag, want)
				}
				for round := part; round < *roundsFlag || time.Since(began) < *soakFlag; round += 2 {
					if !j.round(round) {
						return
					}
				}
				j.shrink(t)
				j.replayAll(rows) // last: what their groups become later is no effect of a round
			})
		}
	})
	all.report(t)
	if *roundsFlag == rounds && *seedFlag == 1 && *soakFlag == 0 {
		all.checkCounts(t)
	}
}

// countsFile returns the path of the file with the numbers of requests of a usual run.
func countsFile() string { return filepath.Join("testdata", "counts-"+*versionFlag+".tsv") }

// checkCounts fails the test if fewer requests were compared than the file says.
func (j *tally) checkCounts(t *testing.T) {
	t.Helper()
	file, err := os.ReadFile(countsFile())
	if os.IsNotExist(err) && *versionFlag != kafkatest.DefaultVersion {
		return // a version that is judged by hand
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		var p pair
		var want int
		if _, err := fmt.Sscanf(line, "%d\t%d\t%d", &p.key, &p.version, &want); err != nil {
			t.Fatalf("%s: %q: %v", countsFile(), line, err)
		}
		if j.counts[p] < want {
			t.Errorf("%v: %d requests compared, expected %d as %s says", p, j.counts[p], want, countsFile())
		}
	}
	total := 0
	for _, n := range j.counts {
		total += n
	}
	if total < leastRequests {
		t.Errorf("%d requests compared, expected %d at least", total, leastRequests)
	}
}

// sharedPairs returns the versions of APIs that the broker, the proxy and kmsg have.
func (j *judge) sharedPairs(t *testing.T) []pair {
	t.Helper()
	direct, proxied := j.ways(snapshot.Documented, true)
	who := client{"alice", "127.0.0.1"}
	var answers []*kmsg.ApiVersionsResponse
	for _, w := range []*way{direct, proxied} {
		c, err := w.conn(who)
		if err != nil {
			t.Fatal(err)
		}
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "judge", "1"
		response, err := c.ask(request, 3)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, response.(*kmsg.ApiVersionsResponse))
		w.close()
	}
	var pairs []pair
	for _, k := range answers[0].ApiKeys {
		request := kmsg.RequestForKey(k.ApiKey)
		i := slices.IndexFunc(answers[1].ApiKeys, func(o kmsg.ApiVersionsResponseApiKey) bool { return o.ApiKey == k.ApiKey })
		if _, no := unjudged[k.ApiKey]; no || request == nil || i < 0 {
			continue
		}
		o := answers[1].ApiKeys[i]
		lowest := max(k.MinVersion, o.MinVersion)
		if k.ApiKey == 0 && kafkatest.AtLeast(*versionFlag, "4.0") {
			lowest = 3 // shown as 0 for librdkafka only
		}
		for v := lowest; v <= min(k.MaxVersion, o.MaxVersion, request.MaxVersion()); v++ {
			pairs = append(pairs, pair{k.ApiKey, v})
		}
	}
	return pairs
}

// ways returns both ways. Requests that only read go to the same broker.
func (j *judge) ways(semantics snapshot.Semantics, reads bool) (direct, proxied *way) {
	direct = &way{broker: j.w.direct, conns: map[string]*wire{}}
	if reads {
		direct.broker = j.w.proxied
	}
	direct.address = direct.broker.cluster.Brokers[0].Address(clientListener)
	proxied = &way{broker: j.w.proxied, address: j.w.proxies[semantics].Addresses()[0], conns: map[string]*wire{}}
	return direct, proxied
}

var clients = []client{{"alice", "127.0.0.1"}, {"alice", "127.0.0.2"}, {"bob", "127.0.0.1"}}

// round judges one set of ACLs. It reports whether the test can go on.
func (j *judge) round(n int) bool {
	j.t.Helper()
	semantics := pick(rand.New(rand.NewPCG(j.seed, uint64(n)<<8)), snapshot.Documented, exact(*versionFlag))
	r := rand.New(rand.NewPCG(j.seed, uint64(n)))
	p := &pools{round: n, r: r}
	s := situation{acls: randomACLs(p), semantics: semantics, allowEveryone: j.w.allowEveryone, client: clients[n/2%len(clients)]}
	began := time.Now()
	j.w.repair(j.t, fmt.Sprintf("-%d", n))
	j.timed("repair", began)
	began = time.Now()
	j.w.setACLs(j.t, s.acls)
	j.timed("ACLs", began)
	began = time.Now()
	reads, writes := j.questions(p)
	r.Shuffle(len(reads), func(a, b int) { reads[a], reads[b] = reads[b], reads[a] })
	r.Shuffle(len(writes), func(a, b int) { writes[a], writes[b] = writes[b], writes[a] })

	// The requests that read, on several connections at the same time.
	var running sync.WaitGroup
	var lost atomic.Bool
	for i, who := range clients {
		share := reads[len(reads)*i/len(clients) : len(reads)*(i+1)/len(clients)]
		running.Go(func() {
			direct, proxied := j.ways(semantics, true)
			defer direct.close()
			defer proxied.close()
			s := s
			s.client = who
			if !j.run(share, s, direct, proxied) {
				lost.Store(true)
			}
		})
	}
	running.Wait()
	if lost.Load() {
		return false
	}
	j.timed("reads", began)

	began = time.Now()
	var before [2]map[string]string
	j.w.each(func(i int, b *broker) { before[i] = j.effects(b) })
	j.timed("effects", began)
	began = time.Now()
	direct, proxied := j.ways(semantics, false)
	defer direct.close()
	defer proxied.close()
	// Those that make and delete topics come last: it takes a broker an uncertain time to
	// see what the controller has done.
	late := func(q question) bool { return slices.Contains(topicMaking, q.key) }
	if !j.run(slices.DeleteFunc(slices.Clone(writes), late), s, direct, proxied) {
		return false
	}
	j.timed("writes", began)
	began = time.Now()
	for _, q := range slices.DeleteFunc(writes, func(q question) bool { return !late(q) }) {
		answers, ok := j.batch([]question{q}, s, direct, proxied)
		if !ok {
			return false
		}
		if making := beingMade(q, answers[0]); len(making) > 0 || changesTopics(q, answers[0]) {
			began := time.Now()
			j.w.settle(j.t, making)
			j.timed("settling", began)
		}
	}
	j.timed("topics", began)
	began = time.Now()
	j.compareEffects(before, s)
	j.timed("effects", began)
	return true
}

// questions returns the requests of a round.
func (j *judge) questions(p *pools) (reads, writes []question) {
	for _, pair := range j.pairs {
		for range eachRound {
			p.writes = slices.Contains(writing, pair.key) || pair.key == 3 && (p.r.IntN(2) == 0 || pair.version < 4)
			q := question{pair: pair, request: p.request(pair.key, pair.version)}
			if p.r.IntN(60) == 0 {
				q.odd = pick(p.r, slices.Sorted(maps.Keys(oddities))...)
			}
			if q.writes() {
				writes = append(writes, q)
			} else {
				reads = append(reads, q)
			}
		}
	}
	return reads, writes
}

// run sends questions on both ways, pipelined or alone, and compares the answers. It reports
// whether the test can go on.
func (j *judge) run(questions []question, about situation, direct, proxied *way) bool {
	for i := 0; len(questions) > 0; i++ {
		n := min(pipelined, len(questions))
		if i%8 == 7 || questions[0].closing() {
			n = 1
		} else if next := slices.IndexFunc(questions[:n], question.closing); next > 0 {
			n = next
		}
		if _, ok := j.batch(questions[:n], about, direct, proxied); !ok {
			return false
		}
		questions = questions[n:]
	}
	return true
}

// beingMade returns the topics that a broker goes on to make after it has answered q.
func beingMade(q question, kafka outcome) (names []string) {
	m, ok := q.request.(*kmsg.MetadataRequest)
	fields, answered := kafka.answer.(map[string]node)
	if !ok || !answered || !makesTopics(m, q.version) {
		return nil
	}
	topics, _ := fields["Topics"].([]node)
	for _, topic := range topics {
		if t := topic.(map[string]node); t["ErrorCode"] == "3" {
			names = append(names, strings.Trim(fmt.Sprint(t["Topic"]), `"`))
		}
	}
	return names
}

// changesTopics reports whether an answer to a request that makes or deletes topics says
// that it has done something.
func changesTopics(q question, is outcome) bool {
	fields, _ := is.answer.(map[string]node)
	if fields["ErrorCode"] != nil {
		return fields["ErrorCode"] == "0"
	}
	topics, _ := fields["Topics"].([]node)
	return q.key != 3 && slices.ContainsFunc(topics, func(topic node) bool { return topic.(map[string]node)["ErrorCode"] == "0" })
}

// batch sends questions together, and returns what Kafka says. It reports whether the test
// can go on.
func (j *judge) batch(questions []question, about situation, direct, proxied *way) (kafka []outcome, ok bool) {
	var ours []outcome
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { kafka, errs[0] = direct.exchange(about.client, questions) })
	both.Go(func() { ours, errs[1] = proxied.exchange(about.client, questions) })
	both.Wait()
	if err := cmp.Or(errs[0], errs[1]); err != nil {
		j.t.Errorf("%v: %v", about.client, err)
		return nil, false
	}
	for i, q := range questions {
		about.question = q
		j.compare(about, kafka[i], ours[i])
	}
	return kafka, true
}

func (j *judge) compare(s situation, kafka, ours outcome) {
	differences := differencesOf(kafka, ours)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts[s.pair]++
	if kafka.closed == unanswered {
		text, _ := json.Marshal(asJSON(reflect.ValueOf(s.request)))
		j.silent[fmt.Sprintf("%v %s %s", s.pair, s.odd, text)]++
	}
	s.all = differences
	for _, d := range differences {
		s.difference = d
		j.note(s)
	}
}

// differencesOf returns how two outcomes differ.
func differencesOf(kafka, ours outcome) []difference {
	switch {
	case kafka.closed != ours.closed:
		return []difference{{"", "", cmp.Or(kafka.closed, "answers"), cmp.Or(ours.closed, "answers")}}
	case kafka.closed == "":
		return compare(kafka.answer, ours.answer)
	}
	return nil
}

// note records a difference. j.mu is held.
func (j *tally) note(s situation) {
	if id := allowedID(s); id != "" {
		j.allowed[id]++
		return
	}
	class := s.class()
	e := j.found[class]
	if e == nil {
		e = &example{situation: s}
		j.found[class] = e
	}
	e.count++
}

// randomACLs returns ACLs about the names of the pools.
func randomACLs(p *pools) []acl.Binding {
	var acls []acl.Binding
	add := func(t resource.Type, pattern resource.PatternType, name, who, host string, op ops.Operation, permission acl.PermissionType) {
		acls = append(acls, acl.Binding{
			Pattern: resource.Pattern{Type: t, PatternType: pattern, Name: name},
			Entry:   acl.Entry{Principal: who, Host: host, Operation: op, Permission: permission},
		})
	}
	for _, t := range []resource.Type{resource.Topic, resource.Group, resource.TransactionalID, resource.Cluster} {
		if p.r.IntN(2) == 0 { // much is allowed, so that more than refusals are compared
			name := "*"
			if t == resource.Cluster {
				name = resource.ClusterName
			}
			add(t, resource.Literal, name, "User:"+pick(p.r, "alice", "alice", "bob"), "*", pick(p.r, ops.All, ops.All, ops.Describe, ops.Write, ops.Read), acl.Allow)
		}
	}
	for range p.r.IntN(8) {
		t := pick(p.r, resource.Topic, resource.Topic, resource.Topic, resource.Group, resource.TransactionalID, resource.Cluster)
		pattern, name := resource.Literal, resource.ClusterName
		if t != resource.Cluster {
			name = aclName(p, t)
			if cut := p.r.IntN(len(name) + 1); p.r.IntN(3) == 0 && cut > 0 && name != "*" && utf8.ValidString(name[:cut]) {
				pattern, name = resource.Prefixed, name[:cut]
			}
		}
		add(t, pattern, name, pick(p.r, "User:alice", "User:alice", "User:*", "User:bob"), pick(p.r, hosts()...),
			pick(p.r, validOperations(t)...), pick(p.r, acl.Allow, acl.Allow, acl.Allow, acl.Deny))
	}
	return acls
}

// aclName returns a name for an ACL: one that requests use, or "*".
func aclName(p *pools, t resource.Type) string {
	q := *p
	q.writes = p.r.IntN(2) == 0
	var pool []string
	switch t {
	case resource.Topic:
		pool = append(slices.Clone(worldTopics), "__consumer_offsets", p.newTopic(), "missing", "é", "\xff\xfe")
	case resource.Group:
		pool = q.groups()
	default:
		pool = q.transactions()
	}
	pool = slices.DeleteFunc(pool, func(name string) bool { return name == "" })
	// Kafka reads each byte that is not UTF-8 as U+FFFD. An ACL is about what it reads.
	return string([]rune(pick(p.r, append(pool, "*")...)))
}

// hosts returns what the hosts of ACLs are picked from. 4.4 reads networks, which earlier
// releases compare as text.
func hosts() []string {
	all := []string{"*", "*", "127.0.0.1", "127.0.0.2", "10.0.0.1"}
	if kafkatest.AtLeast(*versionFlag, "4.4") {
		all = append(all, "127.0.0.0/31", "127.0.0.2/31", "10.0.0.0/8")
	}
	return all
}

// validOperations returns what an ACL about a type may allow.
func validOperations(t resource.Type) []ops.Operation {
	valid := []ops.Operation{ops.All, ops.All, ops.Describe}
	switch t {
	case resource.Topic:
		return append(valid, ops.Read, ops.Write, ops.Create, ops.Delete, ops.Alter, ops.DescribeConfigs, ops.AlterConfigs)
	case resource.Group:
		return append(valid, ops.Read, ops.Delete, ops.DescribeConfigs, ops.AlterConfigs)
	case resource.Cluster:
		return append(valid, ops.Create, ops.Alter, ops.ClusterAction, ops.DescribeConfigs, ops.AlterConfigs, ops.IdempotentWrite)
	}
	return append(valid, ops.Write)
}

// report writes what was found.
func (j *tally) report(t *testing.T) {
	t.Helper()
	total := 0
	for _, n := range j.counts {
		total += n
	}
	t.Logf("Kafka %s: %d requests compared, %d versions of APIs, seed %d", *versionFlag, total, len(j.counts), *seedFlag)
	for _, part := range slices.Sorted(maps.Keys(j.took)) {
		t.Logf("%s: %.1f s", part, j.took[part].Seconds())
	}
	for _, what := range slices.Sorted(maps.Keys(j.silent)) {
		t.Logf("Kafka does not answer %s: %d times", what, j.silent[what])
	}
	for _, id := range slices.Sorted(maps.Keys(allowed)) {
		t.Logf("published difference %s: %d times", id, j.allowed[id])
		if j.allowed[id] == 0 && *roundsFlag >= rounds {
			t.Logf("the published difference %s never occurred: it may be out of date", id)
		}
	}
	if *countsFlag != "" {
		j.writeCounts(t, *countsFlag)
	}
	if *resultFlag != "" {
		j.writeResult(t, *resultFlag, total)
	}
	classes := slices.SortedFunc(maps.Keys(j.found), func(a, b string) int { return j.found[b].count - j.found[a].count })
	var list strings.Builder
	for i, class := range classes {
		e := j.found[class]
		if i < maxReported {
			t.Errorf("%d times: %s\n%s", e.count, class, e.json())
		}
		list.WriteString(e.json() + "\n")
	}
	if len(classes) > maxReported {
		t.Errorf("%d more kinds of difference", len(classes)-maxReported)
	}
	if *examplesFlag != "" {
		if err := os.WriteFile(*examplesFlag, []byte(list.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// row is a difference as a line of testdata/requests.jsonl.
type row struct {
	ID            string          `json:"id,omitempty"`
	Class         string          `json:"class,omitempty"`
	Count         int             `json:"count,omitempty"`
	Key           int16           `json:"key"`
	API           string          `json:"api"`
	Version       int16           `json:"version"`
	Broker        string          `json:"broker"`
	Semantics     string          `json:"semantics"`
	AllowEveryone bool            `json:"allow_everyone"`
	Client        string          `json:"client"`
	Odd           string          `json:"frame,omitempty"`
	ACLs          []rowACL        `json:"acls"`
	Request       json.RawMessage `json:"request"`
	Expected      []difference    `json:"expected"`
	Differs       string          `json:"differs,omitempty"` // the published difference that must show
}

type rowACL struct {
	Type      string `json:"type"`
	Name      string `json:"name"`
	Pattern   string `json:"pattern"`
	Principal string `json:"principal"`
	Host      string `json:"host"`
	Op        string `json:"op"`
	Perm      string `json:"perm"`
}

// json returns the difference as a line of testdata/requests.jsonl.
func (e *example) json() string {
	request := []byte("null")
	if e.request != nil {
		var err error
		if request, err = json.Marshal(asJSON(reflect.ValueOf(e.request))); err != nil {
			return err.Error()
		}
	}
	r := row{
		Count: e.count, Key: e.key, API: e.api(), Version: e.version, Broker: *versionFlag, Semantics: e.semantics.String(), AllowEveryone: e.allowEveryone, Client: e.client.String(), Odd: e.odd,
		ACLs: []rowACL{}, Request: request, Expected: []difference{e.difference},
	}
	for _, b := range e.acls {
		r.ACLs = append(r.ACLs, rowACL{
			b.Pattern.Type.String(), b.Pattern.Name, b.Pattern.PatternType.String(),
			b.Entry.Principal, b.Entry.Host, b.Entry.Operation.String(), b.Entry.Permission.String(),
		})
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// writeResult writes what docs/kafka-tested.md shows of the version.
func (j *tally) writeResult(t *testing.T, path string, total int) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"kafka": *versionFlag, "requests": total, "versions": len(j.counts), "differences": len(j.found), "published": j.allowed,
	})
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// writeCounts writes how many requests were compared, by API and version.
func (j *tally) writeCounts(t *testing.T, path string) {
	t.Helper()
	var b strings.Builder
	for _, p := range slices.SortedFunc(maps.Keys(j.counts), func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.version, b.version))
	}) {
		fmt.Fprintf(&b, "%d\t%d\t%d\t%s\n", p.key, p.version, j.counts[p], kmsg.NameForKey(p.key))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Error(err)
	}
}
