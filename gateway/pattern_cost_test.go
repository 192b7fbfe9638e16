package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// costlyPattern has 16 ranges without case, each of which the parser walks through character
// by character.
var costlyPattern = "(?i)" + strings.Repeat("[B-\U0001e942]", 16)

// attempts is how often fastest calls its function.
const attempts = 10

// fastest returns the least time that f takes.
func fastest(f func()) time.Duration {
	var all []time.Duration
	for range attempts {
		began := time.Now()
		f()
		all = append(all, time.Since(began))
	}
	return slices.Min(all)
}

// TestPatternsOfNobodyCost: a client that may read a group and may describe no topic sends
// heartbeats with a pattern. Nothing is matched, but each pattern is parsed: in the turn of the client, and
// at a bounded cost.
func TestPatternsOfNobodyCost(t *testing.T) {
	turns := &turns{}
	alice := client("alice")
	alice.Turn = turns.turn
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g"), Cluster: &topicList{cluster: cluster{"secret"}}}).Conn(alice)
	cost := func(pattern string) time.Duration {
		m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		m.SetVersion(1)
		m.Group, m.MemberID, m.SubscribedTopicRegex = "g", "m", &pattern
		frame := frameOf(m)
		return fastest(func() {
			plan, err := conn.Request(frame)
			require.NoError(t, err)
			plan.Forward()
		})
	}
	plain := cost(strings.Repeat("x", len(costlyPattern)))
	taken := turns.taken
	costly := cost(costlyPattern)
	t.Logf("a pattern of %d bytes: %v, a plain one: %v; %d turns", len(costlyPattern), costly, plain, turns.taken-taken)
	assert.Equal(t, attempts, turns.taken-taken, "each is parsed in a turn")
	assert.Less(t, costly, 20*plain+time.Millisecond, "CPU of a heartbeat")
}

// TestPatternsOfTransactionsCost: a client that may describe one transactional id sends
// ListTransactions with a pattern. It is parsed when the answer comes, which is out of turn in
// the proxy if the answer is small.
func TestPatternsOfTransactionsCost(t *testing.T) {
	turns := &turns{}
	alice := client("alice")
	alice.Turn = turns.turn
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe TransactionalId:mine"), Cluster: cluster{}}).Conn(alice)
	cost := func(pattern string) time.Duration {
		m := kmsg.NewPtrListTransactionsRequest()
		m.SetVersion(2)
		m.TransactionalIDPattern = &pattern
		frame := frameOf(m)
		reply := m.ResponseKind()
		reply.SetVersion(2)
		return fastest(func() {
			plan, err := conn.Request(frame)
			require.NoError(t, err)
			plan.Forward()
			_, err = plan.Response(replyOf(reply))
			require.NoError(t, err)
		})
	}
	plain, costly := cost(strings.Repeat("x", len(costlyPattern))), cost(costlyPattern)
	t.Logf("a pattern of %d bytes: %v, a plain one: %v", len(costlyPattern), costly, plain)
	assert.Less(t, costly, 20*plain+time.Millisecond, "CPU of an answer out of turn")
}
