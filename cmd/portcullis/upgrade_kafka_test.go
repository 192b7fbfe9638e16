package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// networksVersion is the metadata version from which on a controller creates networks: 4.4-IV1.
const networksVersion acl.MetadataVersion = 32

// The releases between which TestUpgradedKafka upgrades.
const (
	upgradeFrom = "4.2.1"
	upgradeTo   = "4.4.0"
)

// storedHosts are hosts that kafka-acls can be given. A broker before 4.4 stores all of them.
// Clients of the test have addresses in 127.0.0.0/8.
var storedHosts = []string{
	"*", "127.0.0.1", "127.1.2.3", "127.0.0.0/8", "127.1.0.0/16", "127.0.0.1/32", "127.000.000.001/08", "0127.0.0.0/8", "126.0.0.0/7", "0.0.0.0/0", "0.0.0.0/32", "127.0.0.0/33", "127.0.0.0/+8",
	"127.0.0.0/255.0.0.0", "::/0", "::1", "::ffff:127.0.0.0/104", "::127.0.0.0/104", "[::1]/128", "::ffff:127.0.0.1", "localhost", "127.0.0.*", "127.0.0/8", "localhost/8", "/", "fe80::1%1/64",
}

// storedACLs are the ACLs of the test: for each host an ALLOW, and a DENY where everybody is
// allowed. Each has a topic of its own.
func storedACLs() (acls []acl.Binding) {
	for i, host := range storedHosts {
		given, taken := acltest.Topic(fmt.Sprint("given-", i)), acltest.Topic(fmt.Sprint("taken-", i))
		acls = append(acls, acltest.AllowFrom("User:alice", host, ops.Describe, given),
			acltest.Allow("User:alice", ops.Describe, taken), acltest.DenyFrom("User:alice", host, ops.Describe, taken))
	}
	return acls
}

// TestUpgradedKafka stores ACLs in a broker of 4.2.1 with its kafka-acls, upgrades it to 4.4.0,
// and asks both from several addresses. What the tool reads, and what diff and lint say about
// the upgrade, must be what the brokers do. Then it compares which ACLs the upgraded broker
// creates, before and after its metadata version is raised.
func TestUpgradedKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{Version: upgradeFrom, LogLevel: "warn",
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"alice": "alice-secret"}}}})
	tool := newHostTool(t, cluster)
	stored := storedACLs()
	for _, b := range stored {
		out, status := tool.run(additionOf(b)...)
		require.Equal(t, "0", status, out)
	}
	before := tool.list()
	assert.ElementsMatch(t, stored, before, "Kafka %s stores what it is given", upgradeFrom)
	answersBefore := askAll(t, cluster, before)

	cluster.Upgrade(t, upgradeTo)
	tool = newHostTool(t, cluster)
	after := tool.list()
	assert.ElementsMatch(t, before, after, "the upgrade keeps the ACLs")
	answersAfter := askAll(t, cluster, after)

	old, upgraded := storeBy(t, snapshot.KafkaExact, before).Load(), storeBy(t, snapshot.KafkaExact44, after).Load()
	changes, err := inspect.Diff(old, upgraded, nil)
	require.NoError(t, err)
	gained, lost := 0, 0
	for q, was := range answersBefore {
		is := answersAfter[q]
		assert.Equal(t, was, decides(old, q), "%v at %s", q, upgradeFrom)
		assert.Equal(t, is, decides(upgraded, q), "%v at %s", q, upgradeTo)
		assert.Equal(t, is && !was, inChanges(changes, q, func(c inspect.Change) []inspect.Access { return c.Gained }), "%v is gained", q)
		assert.Equal(t, was && !is, inChanges(changes, q, func(c inspect.Change) []inspect.Access { return c.Lost }), "%v is lost", q)
		if is && !was {
			gained++
		}
		if was && !is {
			lost++
		}
	}
	t.Logf("%d ACLs, %d questions; the upgrade gave %d and took %d", len(before), len(answersBefore), gained, lost)
	assert.Equal(t, len(storedHosts)*2*len(askers), len(answersBefore))
	assert.Equal(t, gained, lost, "each host has an ALLOW and a DENY")
	assert.GreaterOrEqual(t, gained, 10)
	compareLint(t, old, upgraded, answersBefore, answersAfter)

	for _, at := range []acl.MetadataVersion{28 + 1, 33} { // 4.2-IV1, which the upgrade kept, and 4.4-IV2
		if at >= networksVersion {
			tool.features("upgrade", "--feature", fmt.Sprint("metadata.version=", int(at)))
		}
		tool.compareCreation(at)
	}
}

// compareLint compares the findings about hosts before and after the upgrade with the answers
// of the brokers.
func compareLint(t *testing.T, old, upgraded *snapshot.Snapshot, before, after map[hostQuestion]bool) {
	t.Helper()
	starts, dead := 0, 0
	for code, n := range map[inspect.Code]*snapshot.Snapshot{inspect.CodeFrom44: old, inspect.CodeDeadHost: upgraded} {
		found, err := inspect.Lint(n, inspect.LintOptions{})
		require.NoError(t, err)
		has := map[acl.Binding]bool{}
		for _, f := range found {
			has[f.Binding] = has[f.Binding] || f.Code == code
		}
		for _, b := range storedACLs() {
			if b.Entry.Permission == acl.Allow && strings.HasPrefix(b.Pattern.Name, "taken-") {
				continue // its DENY decides
			}
			for _, host := range askers {
				q := hostQuestion{host, b.Pattern.Name}
				matches := after[q] == (b.Entry.Permission == acl.Allow) // the ACL, after the upgrade
				switch {
				case code == inspect.CodeFrom44:
					holds := acl.ParseHost(b.Entry.Host).Contains(netip.MustParseAddr(host))
					assert.Equal(t, has[b] && holds, before[q] != after[q], "%v starts to match %s: %+v", b, host, found)
				case has[b]:
					assert.False(t, matches, "%v, whose host is dead, matches %s", b, host)
				}
			}
			if has[b] && code == inspect.CodeFrom44 {
				starts++
			} else if has[b] {
				dead++
			}
		}
	}
	t.Logf("%d ACLs start to match, %d never do", starts, dead)
	assert.GreaterOrEqual(t, starts, 12)
	assert.GreaterOrEqual(t, dead, 12)
}

// hostTool runs tools of Kafka at a broker.
type hostTool struct {
	t          *testing.T
	cluster    *kafkatest.Cluster
	jvm        *kafkatest.JVM
	properties string
}

func newHostTool(t *testing.T, cluster *kafkatest.Cluster) *hostTool {
	t.Helper()
	path := file(t, "client.properties", kafkatest.Properties(cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil)))
	return &hostTool{t, cluster, kafkatest.StartJVM(t, cluster.Version, aclData+"AclTool.java"), path}
}

// run runs kafka-acls and returns what it prints, and its exit status.
func (h *hostTool) run(args ...string) (printed, status string) {
	h.t.Helper()
	args = append([]string{"run", "--bootstrap-server", h.cluster.Bootstrap(kafkatest.Internal), "--command-config", h.properties}, args...)
	status, printed, _ = strings.Cut(h.jvm.MustCall("AclTool", args...), "\n")
	return printed, status
}

func (h *hostTool) features(args ...string) {
	h.t.Helper()
	result := kafkatest.Tool(h.t, h.cluster.Version, "", "kafka-features", append([]string{"--bootstrap-server", h.cluster.Bootstrap(kafkatest.Internal), "--command-config", h.properties}, args...)...)
	require.Zero(h.t, result.Status, result)
}

// list returns the ACLs of the cluster as portcullis reads them from what kafka-acls prints.
func (h *hostTool) list() []acl.Binding {
	h.t.Helper()
	printed, status := h.run("--list")
	require.Equal(h.t, "0", status)
	r := runWith(printed, "list", "--acls", "-", "-o", "json")
	require.Equal(h.t, exitDone, r.status, r.stderr)
	bindings, err := acl.Read(strings.NewReader(r.stdout), "", acl.FormatJSON)
	require.NoError(h.t, err)
	return bindings
}

func additionOf(b acl.Binding) []string {
	side := strings.ToLower(b.Entry.Permission.String())
	args := []string{"--add", "--" + side + "-principal", b.Entry.Principal, "--operation", b.Entry.Operation.DisplayName(), "--topic", b.Pattern.Name}
	if b.Entry.Host != acl.WildcardHost {
		args = append(args, "--"+side+"-host", b.Entry.Host)
	}
	return args
}

func storeBy(t *testing.T, semantics snapshot.Semantics, acls []acl.Binding) *snapshot.Store {
	t.Helper()
	return acltest.Store(t, snapshot.Config{Semantics: semantics}, acls...)
}

// askers are the addresses of clients.
var askers = []string{"127.0.0.1", "127.1.2.3", "127.200.0.9"}

// hostQuestion is whether alice may describe a topic from an address.
type hostQuestion struct{ host, topic string }

func (q hostQuestion) request() snapshot.Request {
	return snapshot.Request{Operation: ops.Describe, Type: resource.Topic, Name: q.topic}
}

// askAll asks a broker about all topics from all addresses, when it knows all ACLs.
func askAll(t *testing.T, cluster *kafkatest.Cluster, acls []acl.Binding) map[hostQuestion]bool {
	t.Helper()
	topics := map[string]bool{}
	for _, b := range acls {
		topics[b.Pattern.Name] = true
	}
	cluster.SetACLs(t, acls...) // which are there already: it waits until the broker decides by them
	answers := map[hostQuestion]bool{}
	for _, host := range askers {
		for topic, allowed := range askFrom(t, cluster.Bootstrap("CLIENT"), host, slices.Sorted(maps.Keys(topics))) {
			answers[hostQuestion{host, topic}] = allowed
		}
	}
	return answers
}

// askFrom asks from one address which topics alice may describe. They do not exist.
func askFrom(t *testing.T, bootstrap, host string, topics []string) map[string]bool {
	t.Helper()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 0))}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.Dialer(dialer.DialContext), kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()))
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: new(topic)})
	}
	r, err := m.RequestWith(ctx, client)
	require.NoError(t, err)
	answers := map[string]bool{}
	for _, topic := range r.Topics {
		switch topic.ErrorCode {
		case kerr.TopicAuthorizationFailed.Code:
			answers[*topic.Topic] = false
		case kerr.UnknownTopicOrPartition.Code:
			answers[*topic.Topic] = true
		default:
			t.Errorf("topic %s: error %d", *topic.Topic, topic.ErrorCode)
		}
	}
	return answers
}

func decides(n *snapshot.Snapshot, q hostQuestion) bool {
	who := snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr(q.host)}
	r := q.request()
	return n.Check(who, r.Operation, r.Type, r.Name).Allowed()
}

// inChanges reports whether one side of a diff has a question.
func inChanges(changes []inspect.Change, q hostQuestion, side func(inspect.Change) []inspect.Access) bool {
	for _, c := range changes {
		if !slices.Contains(c.Principals, "User:alice") {
			continue
		}
		for _, a := range side(c) {
			if a.Type == resource.Topic && a.Operations.Has(ops.Describe) && a.Names.Contains(q.topic) && a.Hosts.Contains(netip.MustParseAddr(q.host)) {
				return true
			}
		}
	}
	return false
}

// compareCreation creates an ACL of each host in the cluster, with that metadata version.
func (h *hostTool) compareCreation(at acl.MetadataVersion) {
	h.t.Helper()
	refused := map[ops.ErrorCode]int{}
	for i, host := range storedHosts {
		b := acltest.AllowFrom("User:bob", host, ops.Describe, acltest.Topic(fmt.Sprint("new-", int(at), "-", i)))
		printed, _ := h.run(additionOf(b)...)
		err := b.ValidateNew(at)
		if err == nil {
			assert.NotContains(h.t, printed, "Error", "%s at %v", host, at)
			continue
		}
		var invalid *acl.InvalidError
		require.ErrorAs(h.t, err, &invalid)
		refused[invalid.Code()]++
		assert.Contains(h.t, printed, map[ops.ErrorCode]string{ops.UnsupportedVersion: "UnsupportedVersionException: ", ops.InvalidRequest: "InvalidRequestException: "}[invalid.Code()]+invalid.KafkaMessage(), "%s at %v", host, at)
	}
	created := 0
	prefix := fmt.Sprint("new-", int(at), "-")
	for _, b := range h.list() {
		if strings.HasPrefix(b.Pattern.Name, prefix) {
			created++
			assert.NoError(h.t, b.ValidateNew(at))
		}
	}
	h.t.Logf("metadata version %v: %d created, refused: %v", at, created, refused)
	assert.Equal(h.t, len(storedHosts), created+refused[ops.UnsupportedVersion]+refused[ops.InvalidRequest])
	code := ops.InvalidRequest
	if at < networksVersion {
		code = ops.UnsupportedVersion
	}
	assert.GreaterOrEqual(h.t, refused[code], 6)
}
