package gateway_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// audited returns a connection of alice's, and what its auditor receives from a level on.
func audited(t *testing.T, level slog.Level, config gateway.Config) (*gateway.Conn, *recorder) {
	t.Helper()
	r := new(recorder)
	config.Audit = &audit.Auditor{Handler: r, Level: level}
	return newGateway(t, config).Conn(client("alice")), r
}

// told is what the events say: the verdict, the level of the event, and the question.
func (r *recorder) told() (told []string) {
	for i := range r.events {
		e := &r.events[i]
		verdict := "-"
		if e.Decision.Allowed() {
			verdict = "+"
		}
		told = append(told, fmt.Sprint(verdict, e.Level(), " ", e.Request.Operation, " ", e.Request.Name, " ", e.Decision.Generation()))
	}
	return told
}

// commitOf is an OffsetCommit of some topics.
func commitOf(topics ...string) *kmsg.OffsetCommitRequest {
	m := kmsg.NewPtrOffsetCommitRequest()
	m.SetVersion(8)
	m.Group = "g"
	for _, name := range topics {
		m.Topics = append(m.Topics, kmsg.OffsetCommitRequestTopic{Topic: name})
	}
	return m
}

// describeGroups asks the cluster, whose answer is decided about again if the ACLs change.
func describeGroups(groups ...string) *kmsg.DescribeGroupsRequest {
	m := kmsg.NewPtrDescribeGroupsRequest()
	m.SetVersion(5)
	m.Groups = groups
	return m
}

// described is the cluster's answer.
func described(groups ...string) *kmsg.DescribeGroupsResponse {
	r := describeGroups().ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, name := range groups {
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group = name
		r.Groups = append(r.Groups, g)
	}
	return r
}

// TestLevelOfTheAuditor: with the zero level it receives denials, with DEBUG also allows, and with
// TRACE also what only decides what to show. Denials come first.
func TestLevelOfTheAuditor(t *testing.T) {
	denied, allowed := "-INFO READ secret 1", []string{"+DEBUG READ g 1", "+DEBUG READ mine 1"}
	for _, tt := range []struct {
		level slog.Level
		want  []string
	}{
		{slog.LevelWarn, nil},
		{slog.LevelInfo, []string{denied}},
		{slog.LevelDebug, append([]string{denied}, allowed...)},
	} {
		t.Run(tt.level.String(), func(t *testing.T) {
			conn, r := audited(t, tt.level, gateway.Config{Store: allowing(t, "Read Group:g", "Read Topic:mine")})
			plan := decide(t, conn, commitOf("mine", "secret"))
			assert.Empty(t, r.told(), "deciding has no effect")
			require.Len(t, plan.Forward(), 1)
			assert.Equal(t, tt.want, r.told())
			plan.Forward()
			plan.Audit()
			assert.Equal(t, tt.want, r.told(), "once")
		})
	}
	t.Run("TRACE", func(t *testing.T) {
		conn, r := audited(t, audit.LevelTrace, gateway.Config{Store: allowing(t, "Describe Group:mine")})
		m := kmsg.NewPtrListGroupsRequest()
		m.SetVersion(4)
		plan := decide(t, conn, m)
		plan.Forward()
		reply := m.ResponseKind().(*kmsg.ListGroupsResponse)
		reply.Groups = []kmsg.ListGroupsResponseGroup{{Group: "secret"}, {Group: "mine"}}
		answer[*kmsg.ListGroupsResponse](t, plan, m, reply)
		quiet := fmt.Sprint("-", audit.LevelTrace)
		assert.Equal(t, []string{quiet + " DESCRIBE kafka-cluster 1", quiet + " DESCRIBE secret 1", "+DEBUG DESCRIBE mine 1"}, r.told())
		assert.Empty(t, plan.Denied, "Kafka does not log them")
	})
}

// TestEachDecisionIsReportedOnce: of a request that is decided again, only the plan that is used
// is reported. A question that is asked again about the response is reported again only if its
// answer is another one.
func TestEachDecisionIsReportedOnce(t *testing.T) {
	revoke := func(t *testing.T, store *snapshot.Store) {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Describe Group:b")); return nil }))
	}
	setUp := func(t *testing.T) (*snapshot.Store, *gateway.Conn, *recorder) {
		store := allowing(t, "Describe Group:a", "Describe Group:b")
		conn, r := audited(t, slog.LevelDebug, gateway.Config{Store: store})
		return store, conn, r
	}
	m := describeGroups("a", "b", "c")
	sent := []string{"-INFO DESCRIBE c 1", "+DEBUG DESCRIBE a 1", "+DEBUG DESCRIBE b 1"}
	t.Run("nothing changes", func(t *testing.T) {
		_, conn, r := setUp(t)
		plan := decide(t, conn, m)
		plan.Forward()
		assert.Equal(t, sent, r.told())
		answer[*kmsg.DescribeGroupsResponse](t, plan, m, described("a", "b"))
		assert.Equal(t, sent, r.told())
	})
	t.Run("Response without Forward", func(t *testing.T) {
		_, conn, r := setUp(t)
		answer[*kmsg.DescribeGroupsResponse](t, decide(t, conn, m), m, described("a", "b"))
		assert.Equal(t, sent, r.told())
	})
	t.Run("a plan that is dropped", func(t *testing.T) {
		store, conn, r := setUp(t)
		decide(t, conn, m)
		revoke(t, store)
		plan := decide(t, conn, m)
		plan.Forward()
		answer[*kmsg.DescribeGroupsResponse](t, plan, m, described("a"))
		assert.Equal(t, []string{"-INFO DESCRIBE b 2", "-INFO DESCRIBE c 2", "+DEBUG DESCRIBE a 2"}, r.told())
	})
	t.Run("the ACLs change while the cluster is busy", func(t *testing.T) {
		store, conn, r := setUp(t)
		plan := decide(t, conn, m)
		plan.Forward()
		revoke(t, store)
		answer[*kmsg.DescribeGroupsResponse](t, plan, m, described("a", "b"))
		assert.Equal(t, append(slices.Clone(sent), "-INFO DESCRIBE b 2"), r.told())
	})
	t.Run("an answer with an effect", func(t *testing.T) {
		store := allowing(t, "Alter Cluster:kafka-cluster")
		conn, r := audited(t, slog.LevelDebug, gateway.Config{Store: store})
		create := kmsg.NewPtrCreateACLsRequest()
		create.SetVersion(3)
		create.Creations = []kmsg.CreateACLsRequestCreation{creationOf(allow(t, "All Topic:x"))}
		plan := decide(t, conn, create)
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(allow(t, "Alter Cluster:kafka-cluster")); return nil }))
		got := answer[*kmsg.CreateACLsResponse](t, plan, create)
		assert.Equal(t, int16(ops.ClusterAuthorizationFailed), got.Results[0].ErrorCode)
		assert.Equal(t, []string{"-INFO ALTER kafka-cluster 2"}, r.told(), "the allow took no effect")
	})
	t.Run("a plan that is given up", func(t *testing.T) {
		_, conn, r := setUp(t)
		plan := decide(t, conn, m)
		plan.Audit()
		plan.Audit()
		assert.Equal(t, sent, r.told())
	})
}

// TestUnrecordedAllowsAreNotUsed: if the handler cannot record an allow, nothing is sent, shown or
// done, and the connection is to be closed. A denial stands.
func TestUnrecordedAllowsAreNotUsed(t *testing.T) {
	full := errors.New("the disk is full")
	t.Run("a request that is sent", func(t *testing.T) {
		conn, r := audited(t, slog.LevelDebug, gateway.Config{Store: allowing(t, "Read Group:g", "Read Topic:mine")})
		r.err = full
		plan := decide(t, conn, commitOf("mine"))
		assert.Empty(t, plan.Forward())
		assert.True(t, plan.Close)
		data, err := plan.Response()
		assert.ErrorIs(t, err, full)
		assert.Nil(t, data)
	})
	t.Run("a request without an answer", func(t *testing.T) {
		conn, r := audited(t, slog.LevelDebug, gateway.Config{Store: allowing(t, "Write Topic:mine")})
		r.err = full
		m := kmsg.NewPtrProduceRequest()
		m.SetVersion(9)
		m.Acks, m.Topics = 0, []kmsg.ProduceRequestTopic{{Topic: "mine"}}
		plan := decide(t, conn, m)
		require.True(t, plan.Silent)
		assert.Empty(t, plan.Forward())
		assert.True(t, plan.Close)
	})
	t.Run("an answer with an effect", func(t *testing.T) {
		store := allowing(t, "Alter Cluster:kafka-cluster")
		conn, r := audited(t, slog.LevelDebug, gateway.Config{Store: store})
		r.err = full
		m := kmsg.NewPtrCreateACLsRequest()
		m.SetVersion(3)
		m.Creations = []kmsg.CreateACLsRequestCreation{creationOf(allow(t, "All Topic:x"))}
		_, err := decide(t, conn, m).Response()
		assert.ErrorIs(t, err, full)
		assert.Equal(t, 1, store.Load().Len(), "nothing is created")
	})
	t.Run("a response", func(t *testing.T) {
		conn, r := audited(t, audit.LevelTrace, gateway.Config{Store: allowing(t, "Describe Group:mine")})
		m := kmsg.NewPtrListGroupsRequest()
		m.SetVersion(4)
		plan := decide(t, conn, m)
		require.Len(t, plan.Forward(), 1)
		r.err = full
		reply := m.ResponseKind().(*kmsg.ListGroupsResponse)
		reply.Groups = []kmsg.ListGroupsResponseGroup{{Group: "mine"}}
		data, err := plan.Response(replyOf(reply))
		assert.ErrorIs(t, err, full)
		assert.Nil(t, data)
	})
	t.Run("a denial", func(t *testing.T) {
		conn, r := audited(t, slog.LevelInfo, gateway.Config{Store: allowing(t)})
		r.err = full
		m := commitOf("secret")
		answer[*kmsg.OffsetCommitResponse](t, decide(t, conn, m), m)
		assert.Equal(t, []string{"-INFO READ g 1"}, r.told())
	})
}

// TestEventsOfAnEnvelopeAndOfWhatIsInIt: with allows, the sender of the Envelope and the principal
// inside it have their own events, each once, also for what is decided about the response.
func TestEventsOfAnEnvelopeAndOfWhatIsInIt(t *testing.T) {
	store := allowing(t, "ClusterAction Cluster:kafka-cluster")
	conn, r := audited(t, slog.LevelDebug, gateway.Config{Store: store, Endpoint: ops.Controller})
	m := envelopeOf(t, "root")
	plan := decide(t, conn, m)
	require.Len(t, plan.Forward(), 1)
	var told []string
	for i := range r.events {
		told = append(told, fmt.Sprint(r.events[i].Subject.Principal, " ", r.events[i].Call.API, " ", r.events[i].Request.Operation, " ", r.events[i].Call.ClientID))
	}
	slices.Sort(told)
	told = slices.Compact(told)
	assert.Equal(t, []string{"User:alice Envelope CLUSTER_ACTION client", "User:root DeleteTopics DELETE inner"}, slices.DeleteFunc(told, func(s string) bool { return strings.Contains(s, "DESCRIBE") }))
	count := len(r.events)
	plan.Audit()
	assert.Len(t, r.events, count)
}

// TestHitsAndShadowOfTheGateway: an auditor counts and compares what the gateway decides, without a
// handler too.
func TestHitsAndShadowOfTheGateway(t *testing.T) {
	store, hits := allowing(t, "Read Group:g", "Read Topic:mine"), new(audit.Hits)
	var flips []audit.Flip
	shadow := &audit.Shadow{Candidate: allowing(t, "Read Group:g"), Report: func(f audit.Flip) { flips = append(flips, f) }}
	g := newGateway(t, gateway.Config{Store: store, Audit: &audit.Auditor{Hits: hits, Shadow: shadow}})
	decide(t, g.Conn(client("alice")), commitOf("mine", "secret")).Forward()
	counted := map[string]uint64{}
	for b, n := range hits.All() {
		counted[b.Pattern.Name] = n
	}
	assert.Equal(t, map[string]uint64{"g": 1, "mine": 1}, counted)
	require.Len(t, flips, 1)
	assert.Equal(t, "mine", flips[0].Event.Request.Name)
}

// TestAuditorOfManyConnections: connections report at the same time as the ACLs change.
func TestAuditorOfManyConnections(t *testing.T) {
	store := allowing(t, "Read Group:g", "Read Topic:mine")
	var mu sync.Mutex
	verdicts := map[bool]int{}
	g := newGateway(t, gateway.Config{Store: store, Audit: &audit.Auditor{Level: slog.LevelDebug, Handler: handlerFunc(func(e *audit.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if e.Request.Name == "mine" {
			verdicts[e.Decision.Allowed()]++
		}
		return nil
	})}})
	const connections, requests = 8, 50
	var running sync.WaitGroup
	var outdated atomic.Int64 // plans that were dropped; their requests were decided again
	for range connections {
		running.Go(func() {
			conn := g.Conn(client("alice"))
			for done := 0; done < requests; {
				plan, err := conn.Request(frameOf(commitOf("mine")))
				if !assert.NoError(t, err) {
					return
				}
				if plan.Frames() > 0 && len(plan.Forward()) == 0 {
					outdated.Add(1)
					continue
				}
				if plan.Frames() == 0 {
					if _, err = plan.Response(); err != nil && plan.Outdated() {
						outdated.Add(1)
						continue
					}
					assert.NoError(t, err)
				}
				done++
			}
		})
	}
	for i := range 50 {
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			if i%2 == 0 {
				tx.Remove(allow(t, "Read Topic:mine"))
			} else {
				tx.Add(allow(t, "Read Topic:mine"))
			}
			return nil
		}))
	}
	running.Wait()
	t.Logf("%d plans outdated", outdated.Load())
	assert.Equal(t, connections*requests+int(outdated.Load()), verdicts[true]+verdicts[false], "one event for each plan")
}
