package proxy_test

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
)

// Attacks that once succeeded against a whole proxy. The tests of their causes stand with
// what they test.

// quoted is a quoted value of a line.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// No text that a client chooses reaches the log so that it looks like a line, an attribute or
// a command to the terminal.
func TestAttackOnTheLog(t *testing.T) {
	const evil = "x\nlevel=INFO msg=denied principal=User:admin\x1b[2J\u202e\u2028\u0085"
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	m := kmsg.NewPtrDeleteTopicsRequest()
	m.TopicNames, m.Version = []string{evil, "a,b", "a b", `q"x`}, 4
	w.write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(evil)).AppendRequest(nil, m, 7))
	w.receive(m)
	for mechanism, token := range map[string]string{
		evil: "", proxy.Plain: "\x00" + evil + "\x00pw", proxy.ScramSHA256: "n,,n=" + evil + ",r=" + evil,
	} {
		w := dial(t, p.Addresses()[0])
		if w.handshake(mechanism, 1); token != "" {
			w.token(token)
		}
	}
	p.log.WaitFor(t, 4, "msg=denied")
	p.log.WaitFor(t, 3, "msg=\"login failed\"")
	for _, line := range p.log.With("") {
		line = strings.TrimSuffix(line, "\n")
		assert.Negative(t, strings.IndexFunc(line, func(r rune) bool { return r != ' ' && !unicode.IsGraphic(r) || r == '\u2028' }), "%q", line)
		assert.NotContains(t, quoted.ReplaceAllString(line, ""), "User:admin", "%q", line)
	}
}

// Lists of millions of empty strings take no more memory than their bytes: the connection ends
// before they are decoded.
func TestAttackByEmptyStrings(t *testing.T) {
	const entries = 6_500_000
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	for key, version := range map[ops.APIKey]int16{ops.FindCoordinatorKey: 4, ops.DescribeGroupsKey: 5} {
		t.Run(key.String(), func(t *testing.T) {
			frame := binary.BigEndian.AppendUint16(nil, uint16(key))
			frame = binary.BigEndian.AppendUint16(frame, uint16(version))
			frame = append(frame, 0, 0, 0, 7, 0, 1, 'c', 0)
			if key == ops.FindCoordinatorKey {
				frame = append(frame, 0) // the type of the keys
			}
			frame = binary.AppendUvarint(frame, entries+1)
			frame = append(append(frame, bytes.Repeat([]byte{1}, entries)...), 0, 0)
			w := dial(t, p.Addresses()[0])
			w.login("bob", passwords["bob"])
			before := reachable()
			most := 0
			sampled, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(sampled)
				for {
					select {
					case <-done:
						return
					case <-time.After(time.Millisecond):
						most = max(most, int(heap()))
					}
				}
			}()
			w.writeFrame(frame)
			w.closed("millions of empty strings")
			close(done)
			<-sampled
			t.Logf("%d bytes take %d", len(frame), most-before)
			assert.Less(t, most-before, 8*len(frame))
		})
	}
}

// A pattern of a heartbeat costs a client nothing that may not read the group.
func TestAttackByPatterns(t *testing.T) {
	p := start(t, upstream(t, kfake.SeedTopics(1, "secret")), proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	began := time.Now()
	for _, pattern := range []string{"x", "(?:" + strings.Repeat(".?", 490) + "){1000}", "s(?:" + strings.Repeat("(?:.?)", 10) + "){900}"} {
		m := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		m.Group, m.MemberID, m.RebalanceTimeoutMillis, m.SubscribedTopicRegex = "not-mine", "m", 1000, &pattern
		r := w.ask(m, 1).(*kmsg.ConsumerGroupHeartbeatResponse)
		assert.Equal(t, kerr.GroupAuthorizationFailed.Code, r.ErrorCode, "%.20s", pattern)
	}
	assert.Less(t, time.Since(began), 10*time.Second, "once half a minute")
}

// Only a first SCRAM message of the form that Kafka accepts gets a challenge.
func TestAttackByFirstSCRAMMessages(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	for message, accepted := range map[string]bool{
		"n,,n=alice,r=abc":            true,
		"p=tls-unique,,n=alice,r=abc": false, "p=tls-exporter,,n=alice,r=abc": false,
		"n,a=admin,n=alice,r=abc": false, "n,,m=x,n=alice,r=abc": false, "n,,n=,r=abc": false, "n,,n=alice,n=admin,r=abc": false,
		"n,,n=alice,r=": false, "": false, "n": false, "n,,": false, "n,,n=alice,r=abc,tokenauth=true": false, "n,,n=a=2cl,r=abc": false,
	} {
		t.Run(message, func(t *testing.T) {
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.ScramSHA256, 1)
			r := w.token(message)
			assert.Equal(t, accepted, r.ErrorCode == 0, "%d %q", r.ErrorCode, r.SASLAuthBytes)
		})
	}
}

// A login that has begun as one principal does not end as another.
func TestAttackByLogins(t *testing.T) {
	l := plainListener()
	l.SASL.MaxSession = time.Minute
	p := start(t, upstream(t), proxy.Config{Listeners: []proxy.Listener{l}, Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.handshake(proxy.ScramSHA256, 1)
	require.Zero(t, w.token("n,,n=alice,r=abc").ErrorCode)
	require.Equal(t, kerr.IllegalSaslState.Code, w.handshake(proxy.Plain, 1).ErrorCode)
	w.closed("a second login before the end of the first")
	assert.Empty(t, p.log.With("principal=User:alice"))

	for name, token := range map[string]string{
		"as somebody else": "admin\x00bob\x00" + passwords["bob"],
		"with no name":     "\x00\x00" + passwords["bob"],
	} {
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.Plain, 1)
		assert.Equal(t, kerr.SaslAuthenticationFailed.Code, w.token(token).ErrorCode, name)
	}

	w = dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	w.handshake(proxy.Plain, 1)
	w.send(kmsg.NewPtrMetadataRequest(), 12)
	w.closed("half a login")
}
