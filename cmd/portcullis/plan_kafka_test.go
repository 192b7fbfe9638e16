package main

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/javaprops"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// planSeed is the seed of the ACLs of TestPlanKafka. Change it to try others.
const planSeed = 21_000_000

// What the ACLs of TestPlanKafka are drawn from: few values, so that they collide.
var (
	planNames      = []string{"a", "ab", "abc", "b", "*"}
	planPrincipals = []string{"User:alice", "User:bob", "User:*"}
	planHosts      = []string{"*", "*", "127.0.0.1", "10.0.0.0/8"}
	planOperations = []ops.Operation{ops.Read, ops.Write, ops.All, ops.Describe, ops.AlterConfigs}
)

// drawPlanACLs returns up to n ACLs, each once, with the rights of User:ops.
func drawPlanACLs(src gen.Source, n int) []acl.Binding {
	set := map[acl.Binding]bool{opsAlter: true, opsDescribe: true}
	for range n {
		b := acl.Binding{
			Pattern: resource.Pattern{Type: gen.Pick(src, []resource.Type{resource.Topic, resource.Group}), Name: gen.Pick(src, planNames),
				PatternType: gen.Pick(src, []resource.PatternType{resource.Literal, resource.Prefixed})},
			Entry: acl.Entry{Principal: gen.Pick(src, planPrincipals), Host: gen.Pick(src, planHosts), Operation: gen.Pick(src, planOperations),
				Permission: gen.Pick(src, []acl.PermissionType{acl.Allow, acl.Allow, acl.Deny})},
		}
		set[b] = true
	}
	list := []acl.Binding{}
	for b := range set {
		list = append(list, b)
	}
	slices.SortFunc(list, acl.Binding.Compare)
	return list
}

// planCluster is a real broker and the user who changes its ACLs.
type planCluster struct {
	*kafkatest.Cluster
	t     *testing.T
	flags []string
}

func startPlanCluster(t *testing.T, version string, allowEveryone bool) *planCluster {
	t.Helper()
	c := kafkatest.Start(t, kafkatest.Config{Version: version, LogLevel: "warn", AllowEveryone: allowEveryone,
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"ops": "ops-secret", "alice": "alice-secret"}}}})
	return &planCluster{c, t, []string{"--bootstrap-server", c.Bootstrap("CLIENT"), "--command-config", clientProperties(t, "PLAIN", "ops", "ops-secret")}}
}

func (c *planCluster) run(status int, args ...string) result {
	c.t.Helper()
	got := runWith("", append(args, c.flags...)...)
	require.Equal(c.t, status, got.status, "%q: %s%s", args, got.stdout, got.stderr)
	return got
}

// acls returns the ACLs of the cluster as the tool lists them.
func (c *planCluster) acls() []acl.Binding {
	c.t.Helper()
	return readACLs(c.t, c.run(0, "list", "-o", "json").stdout)
}

// kill runs the tool in a process of its own, and kills it once it has changed so many ACLs.
// It returns how many were changed.
func (c *planCluster) kill(changes int, args ...string) int {
	c.t.Helper()
	before := c.acls()
	self, err := os.Executable()
	require.NoError(c.t, err)
	var out bytes.Buffer
	tool := &exec.Cmd{Path: self, Args: append(append([]string{"portcullis"}, args...), c.flags...), Stdout: &out, Stderr: &out}
	require.NoError(c.t, tool.Start())
	changed := 0
	for deadline := time.Now().Add(time.Minute); changed < changes && time.Now().Before(deadline); {
		changed = difference(before, c.acls())
	}
	require.NoError(c.t, tool.Process.Kill())
	err = tool.Wait()
	require.ErrorContains(c.t, err, "killed", out.String())
	return difference(before, c.acls())
}

// difference counts the ACLs that only one of the lists has.
func difference(a, b []acl.Binding) int {
	n := 0
	for _, list := range [][2][]acl.Binding{{a, b}, {b, a}} {
		for _, x := range list[0] {
			if !slices.Contains(list[1], x) {
				n++
			}
		}
	}
	return n
}

// history returns the sets of ACLs that the cluster has had, one after each record of its
// metadata log.
func (c *planCluster) history() [][]acl.Binding {
	c.t.Helper()
	values, err := javaprops.Parse(c.Brokers[0].Configuration(c.t))
	require.NoError(c.t, err)
	logs, err := filepath.Glob(filepath.Join(values["log.dirs"], "__cluster_metadata-0", "*.log"))
	require.NoError(c.t, err)
	require.Len(c.t, logs, 1)
	dump := kafkatest.Tool(c.t, c.Version, "", "kafka-dump-log", "--cluster-metadata-decoder", "--files", logs[0])
	require.Zero(c.t, dump.Status, dump.String())
	type record struct {
		Type string
		Data struct {
			ID                                                   string
			ResourceType, PatternType, Operation, PermissionType int8
			ResourceName, Principal, Host                        string
		}
	}
	var sets [][]acl.Binding
	now := map[string]acl.Binding{}
	for _, payload := range regexp.MustCompile(`(?m)payload: (\{"type":"(?:REMOVE_)?ACCESS_CONTROL_ENTRY_RECORD".*\})\s*$`).FindAllStringSubmatch(dump.Stdout, -1) {
		var r record
		require.NoError(c.t, json.Unmarshal([]byte(payload[1]), &r))
		if strings.HasPrefix(r.Type, "REMOVE") {
			require.Contains(c.t, now, r.Data.ID)
			delete(now, r.Data.ID)
		} else {
			d := r.Data
			now[d.ID] = acl.Binding{Pattern: resource.Pattern{Type: resource.TypeFromCode(d.ResourceType), PatternType: resource.PatternTypeFromCode(d.PatternType), Name: d.ResourceName},
				Entry: acl.Entry{Principal: d.Principal, Host: d.Host, Operation: ops.OperationFromCode(d.Operation), Permission: acl.PermissionTypeFromCode(d.PermissionType)}}
		}
		set := []acl.Binding{}
		for _, b := range now {
			set = append(set, b)
		}
		slices.SortFunc(set, acl.Binding.Compare)
		sets = append(sets, set)
	}
	return sets
}

// planQuestions are asked about each set.
func planQuestions() (list []hostedQuestion) {
	for _, who := range []string{"alice", "bob", "carol"} {
		for _, host := range []string{"127.0.0.1", "10.0.0.1"} {
			for _, name := range []string{"a", "ab", "abc", "abcd", "ac", "b", "c"} {
				for _, t := range []resource.Type{resource.Topic, resource.Group} {
					for _, op := range []ops.Operation{ops.Read, ops.Write, ops.Describe, ops.AlterConfigs} {
						list = append(list, hostedQuestion{snapshot.Subject{Principal: principal.User(who), Host: netip.MustParseAddr(host)}, snapshot.Request{Operation: op, Type: t, Name: name}})
					}
				}
			}
		}
	}
	return list
}

type hostedQuestion struct {
	subject snapshot.Subject
	request snapshot.Request
}

func (q hostedQuestion) allowed(n *snapshot.Snapshot) bool {
	return n.Check(q.subject, q.request.Operation, q.request.Type, q.request.Name).Allowed()
}

// checkHistory looks at all sets that a cluster had from one set to another: nothing may be
// allowed that neither allows, and nothing denied that both allow. It returns the number of
// sets, and of checks that changed between the two.
func checkHistory(t *testing.T, history [][]acl.Binding, from, to []acl.Binding, config snapshot.Config) (sets, moved int) {
	t.Helper()
	same := func(want []acl.Binding) func([]acl.Binding) bool {
		return func(set []acl.Binding) bool { return slices.Equal(set, want) }
	}
	begin := slices.IndexFunc(history, same(from))
	require.NotEqual(t, -1, begin, "the log does not have the set before")
	end := slices.IndexFunc(history[begin:], same(to))
	require.NotEqual(t, -1, end, "the log does not have the set after")
	before, after := acltest.Store(t, config, from...).Load(), acltest.Store(t, config, to...).Load()
	questions := planQuestions()
	for _, q := range questions {
		if q.allowed(before) != q.allowed(after) {
			moved++
		}
	}
	for i, set := range history[begin : begin+end] {
		during := acltest.Store(t, config, set...).Load()
		for _, q := range questions {
			was, is, will := q.allowed(before), q.allowed(during), q.allowed(after)
			require.False(t, is && !was && !will, "record %d: %+v is allowed, and neither before nor after", i, q)
			require.False(t, !is && was && will, "record %d: %+v is denied, and allowed before and after", i, q)
			sets++
		}
	}
	return end, moved
}

// TestPlanKafka makes random changes of the ACLs of real brokers, by a user whose rights are
// ACLs. Some runs are killed and continued. The brokers' own log of records then shows that
// no forbidden set of ACLs was ever in force.
func TestPlanKafka(t *testing.T) {
	for version, semantics := range map[string]snapshot.Semantics{"4.2.1": snapshot.KafkaExact, "4.4.0": snapshot.KafkaExact44} {
		t.Run(version, func(t *testing.T) {
			c := startPlanCluster(t, version, false)
			src := rand.New(rand.NewPCG(planSeed, 0))
			config := snapshot.Config{Semantics: semantics}
			now := drawPlanACLs(src, 60)
			c.SetACLs(t, now...)
			release := version[:len("4.x")]
			require.ElementsMatch(t, now, c.acls())
			assert.Contains(t, c.run(0, "list").stderr, ", Kafka "+release+"; rules: ")

			type change struct{ from, to []acl.Binding }
			var changes []change
			next := func() string {
				to := drawPlanACLs(src, 60)
				changes = append(changes, change{now, to})
				now = to
				return aclFile(t, to...)
			}
			finished := func(desired string) {
				t.Helper()
				c.run(0, "plan", "--acls", desired)
				assert.ElementsMatch(t, now, c.acls())
			}

			desired := next()
			planned := c.run(2, "plan", "--acls", desired, "-o", "json")
			c.run(0, "apply", "--plan", file(t, "plan.json", planned.stdout))
			finished(desired)
			desired = next()
			c.run(2, "apply", "--dry-run", "--acls", desired)
			c.run(0, "apply", "--force", "--acls", desired, "--batch-size", "7")
			finished(desired)
			for kills := range 3 {
				desired = next()
				killed := []string{}
				args := []string{"apply", "--force", "--acls", desired}
				if kills == 2 {
					args = []string{"apply", "--plan", file(t, "plan.json", c.run(2, "plan", "--acls", desired, "-o", "json").stdout)}
				}
				for _, at := range []int{5 + 10*kills, 12} {
					killed = append(killed, fmt.Sprint(c.kill(at, append(args, "--batch-size", "1")...)))
				}
				left := c.run(2, "plan", "--acls", desired)
				c.run(0, args...)
				finished(desired)
				t.Logf("killed after %s changes; %s", strings.Join(killed, " and "), strings.TrimSpace(left.stderr[strings.LastIndex(left.stderr, "\nchanges"):]))
			}

			history := c.history()
			for i, change := range changes {
				sets, moved := checkHistory(t, history, change.from, change.to, config)
				t.Logf("change %d: %d sets of ACLs between %d and %d ACLs, %d checks of %d differ", i, sets, len(change.from), len(change.to), moved, len(planQuestions()))
				assert.Equal(t, difference(change.from, change.to), sets, "each ACL is changed once")
				assert.Greater(t, moved, 20)
			}
			lockout(t, c, now)
		})
	}
}

// lockout takes from User:ops the right to change ACLs. It must be refused; where it is
// accepted, the broker refuses the next change.
func lockout(t *testing.T, c *planCluster, now []acl.Binding) {
	t.Helper()
	without := slices.DeleteFunc(slices.Clone(now), func(b acl.Binding) bool { return b == opsAlter })
	got := c.run(1, "apply", "--force", "--acls", aclFile(t, without...))
	assert.Contains(t, got.stderr, "User:ops would lose Alter on the cluster")
	assert.ElementsMatch(t, now, c.acls(), "it was changed")
	c.run(0, "apply", "--force", "--allow-lockout", "--acls", aclFile(t, without...))
	got = c.run(1, "apply", "--force", "--acls", aclFile(t, now...))
	assert.Contains(t, got.stderr, "it needs Alter on the cluster")

	// A super user has no ACL and is not locked out.
	flags := []string{"--bootstrap-server", c.Bootstrap(kafkatest.Internal), "--command-config", clientProperties(t, "PLAIN", kafkatest.Admin, kafkatest.AdminPassword)}
	super := runWith("", append([]string{"apply", "--force", "--acls", aclFile(t, now...)}, flags...)...)
	require.Equal(t, 0, super.status, super.stderr)
	assert.ElementsMatch(t, now, c.acls())
	c.run(0, "plan", "--acls", aclFile(t, now...))
}

// TestWatchKafka watches a real broker that restarts, and ACLs that change meanwhile.
func TestWatchKafka(t *testing.T) {
	c := startPlanCluster(t, kafkatest.DefaultVersion, false)
	c.SetACLs(t, opsDescribe)
	w := &watching{status: make(chan int, 1)}
	go func() {
		w.status <- run(append([]string{"watch", "--interval", "1s"}, c.flags...), strings.NewReader(""), &w.out, &w.log)
	}()
	w.log.wait(t, `watching cluster \S+ at \S+, Kafka 4\.4; rules: kafka-exact=4\.4; ACLs: 1\n`)
	first, second := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Deny("User:alice", ops.Read, acltest.Topic("a"))
	c.SetACLs(t, opsDescribe, first)
	w.out.wait(t, `(?m)^\+ User:alice: Read, Describe on Topic "a" from \*\n`)
	c.Brokers[0].Kill()
	w.log.wait(t, `portcullis: not read: cluster at \S+: .*no broker can be reached`)
	c.Brokers[0].Restart(t)
	c.SetACLs(t, opsDescribe, first, second)
	w.log.wait(t, `read again: ACLs: \d\n`)
	w.out.wait(t, `(?m)^- User:alice: Read on Topic "a" from \*\n    add DENY: `)
	end(t, w)
}

// TestLiveClusterKafka reads the ACLs of a real broker through listeners of several kinds, and
// sees what it refuses.
func TestLiveClusterKafka(t *testing.T) {
	authority := kafkatest.NewAuthority(t)
	alice := authority.Client(t, pkix.Name{CommonName: "alice"}, nil)
	c := kafkatest.Start(t, kafkatest.Config{LogLevel: "warn", Listeners: []kafkatest.Listener{
		{Name: "PLAIN", Users: map[string]string{"alice": "alice-secret", "bob": "bob-secret"}},
		{Name: "SCRAM", Mechanisms: []string{"SCRAM-SHA-512"}, Users: map[string]string{"alice": "alice-secret"}, TLS: authority},
		{Name: "MUTUAL", TLS: authority, ClientAuth: "required"},
	}})
	acls := []acl.Binding{acltest.Allow("User:alice", ops.Describe, kafkaCluster), acltest.Allow("User:CN=alice", ops.Describe, kafkaCluster), acltest.Allow("User:x", ops.Read, acltest.Topic("a"))}
	c.SetACLs(t, acls...)
	list := func(listener string, properties map[string]string) result {
		properties["default.api.timeout.ms"] = "10000"
		return runWith("", "list", "-o", "json", "--bootstrap-server", c.Bootstrap(listener), "--command-config", file(t, "c.properties", kafkatest.Properties(properties)))
	}
	for listener, properties := range map[string]map[string]string{
		"PLAIN": c.ClientProperties("PLAIN", "alice", nil), "SCRAM": c.ClientProperties("SCRAM", "alice", nil), "MUTUAL": c.ClientProperties("MUTUAL", "", &alice),
	} {
		t.Run(listener, func(t *testing.T) {
			got := list(listener, properties)
			require.Equal(t, exitDone, got.status, got.stderr)
			assert.ElementsMatch(t, acls, readACLs(t, got.stdout))
			assert.Regexp(t, `^ACLs of cluster \S{22} at \S+, Kafka 4\.4; rules: kafka-exact=4\.4\n$`, got.stderr)
		})
	}
	other := authority.Client(t, pkix.Name{CommonName: "other"}, nil)
	wrongMechanism := c.ClientProperties("SCRAM", "alice", nil)
	wrongMechanism["sasl.mechanism"] = "SCRAM-SHA-256"
	for name, test := range map[string]struct {
		listener   string
		properties map[string]string
		want       string
	}{
		"no right":                  {"PLAIN", c.ClientProperties("PLAIN", "bob", nil), `CLUSTER_AUTHORIZATION_FAILED.*--allow-principal User:bob --operation Describe --cluster`},
		"no right of a certificate": {"MUTUAL", c.ClientProperties("MUTUAL", "", &other), `CLUSTER_AUTHORIZATION_FAILED.*--allow-principal User:NAME`},
		"no certificate":            {"MUTUAL", c.ClientProperties("MUTUAL", "", nil), `check security.protocol, ssl.truststore.location and ssl.keystore.location`},
		"wrong mechanism":           {"SCRAM", wrongMechanism, `UNSUPPORTED_SASL_MECHANISM.*: the listener does not have this sasl.mechanism`},
		"no TLS where it is":        {"MUTUAL", map[string]string{"security.protocol": "PLAINTEXT"}, `check that security.protocol|check security.protocol`},
		"TLS where it is not":       {"PLAIN", c.ClientProperties("SCRAM", "alice", nil), `check that security.protocol|check security.protocol`},
	} {
		t.Run(name, func(t *testing.T) {
			got := list(test.listener, test.properties)
			t.Log(got.stderr)
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
			assert.Regexp(t, test.want, got.stderr)
		})
	}
}
