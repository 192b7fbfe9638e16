package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/shrink"
)

// aclSeed begins the seeds of drawn command lines. Change it to try others.
const aclSeed = 17_000_000

var (
	aclKafkaFlag = flag.String("kafka", "4.2.1", "the version of Kafka whose kafka-acls is run")
	aclStepFlag  = flag.Int("step", 3, "run one captured command line of kafka-acls in so many")
	aclDrawnFlag = flag.Int("drawn", 400, "compare so many drawn command lines of kafka-acls")
)

// TestCapturedKafkaACLs runs captured command lines of kafka-acls again, with a real
// broker and the same ACLs. TestACLAsKafkaACLs compares portcullis acl with the captured
// results.
func TestCapturedKafkaACLs(t *testing.T) {
	tool := startACLTool(t)
	runs := capturedACLRuns(t)
	tally := aclTally{}
	for i := 0; i < len(runs); i += *aclStepFlag {
		t.Run(strings.Join(runs[i].Args, " "), func(t *testing.T) {
			got := tool.run(t, runs[i].Args)
			tally.count(got)
			want := runs[i]
			if got.Status != 0 && !slices.ContainsFunc(got.Changed, func(c string) bool { return !slices.Contains(want.Changed, c) }) {
				// The tool stops at the first resource that the cluster refuses. It goes
				// through them in another order in each JVM.
				want.Changed = got.Changed
			}
			if !assert.Equal(t, want, got) {
				t.Logf("Kafka %s does what this row of %s says:\n%s", *aclKafkaFlag, aclData, got.row())
			}
		})
	}
	tally.report(t, "captured command lines", aclTally{Done: 170, Changed: 85, Listed: 20, Refused: 45})
}

// TestDrawnKafkaACLs draws command lines. It compares kafka-acls at a real broker with
// portcullis acl on a file with the same ACLs.
func TestDrawnKafkaACLs(t *testing.T) {
	tool := startACLTool(t)
	before := readAll(t, aclData+"before.jsonl")
	known := map[string]int{}
	tally := aclTally{}
	// differs returns what Kafka does, and whether portcullis acl does something else without
	// a row in docs/differences.md.
	differs := func(args []string) (kafkaACLRun, bool) {
		kafka, got := tool.run(t, args), runACL(t, before, args)
		id, same := compareACLRun(kafka, got)
		if id != "" {
			known[id]++
		}
		return kafka, !same && id == ""
	}
	for n := range *aclDrawnFlag {
		args := drawACLArgs(gen.Seeded(aclSeed + uint64(n)))
		kafka, wrong := differs(slices.Concat(args...))
		tally.count(kafka)
		if !wrong {
			continue
		}
		shrink.Value(args[1:], shrink.List, func(options [][][]string) int { // the first is the action
			return slices.IndexFunc(options, func(o [][]string) bool {
				less, wrong := differs(append(slices.Clone(args[0]), slices.Concat(o...)...))
				if wrong {
					kafka = less
				}
				return wrong
			})
		})
		got := runACL(t, before, kafka.Args)
		t.Errorf("portcullis acl does %s\nand Kafka %s what this row for %s says:\n%s", got.row(), *aclKafkaFlag, aclData, kafka.row())
	}
	t.Logf("known differences: %v", known)
	tally.report(t, "drawn command lines", aclTally{Done: 400, Changed: 80, Listed: 40, Refused: 100})
	for id := range aclDifferences {
		assert.Positive(t, known[id], id)
	}
}

// aclTally counts command lines by what kafka-acls did.
type aclTally struct{ Done, Changed, Listed, Refused int }

func (a *aclTally) count(kafka kafkaACLRun) {
	a.Done++
	a.Changed += min(1, len(kafka.Changed))
	a.Listed += min(1, len(kafka.Listed))
	a.Refused += min(1, kafka.Status)
}

// report prints the counts, and fails the test if they are too low.
func (a *aclTally) report(t *testing.T, what string, least aclTally) {
	t.Helper()
	t.Logf("%d %s at Kafka %s: %d changed ACLs, %d listed some, %d were refused", a.Done, what, *aclKafkaFlag, a.Changed, a.Listed, a.Refused)
	assert.GreaterOrEqual(t, a.Done, least.Done)
	assert.GreaterOrEqual(t, a.Changed, least.Changed)
	assert.GreaterOrEqual(t, a.Listed, least.Listed)
	assert.GreaterOrEqual(t, a.Refused, least.Refused)
}

// What command lines are drawn from: names and principals of before.jsonl, and others.
var (
	aclResources = []struct {
		flag  string
		names []string
	}{
		{"--topic", []string{"t", "t", "te", "test", "*", "u", "", " t", "t x", "a/b"}},
		{"--topic", []string{"t", "test", "tes", "__consumer_offsets"}},
		{"--group", []string{"g", "g", "*", "h", "", "g "}},
		{"--transactional-id", []string{"x", "x", "*", "y", " x"}},
		{"--delegation-token", []string{"d", "*", "e"}},
		{"--user-principal", []string{"User:u", "User:*", "User:v"}},
	}
	aclPatternTypes = []string{"literal", "prefixed", "any", "match", "literal", "prefixed", "any", "match", "LITERAL", "Prefixed", "ANY", "unknown", "prefix"}
	aclPrincipals   = []string{"User:alice", "User:alice", "User:bob", "User:*", "Group:ops", "alice", "User:", ":x", "User:CN=a,O=b", " User:alice "}
	aclHosts        = []string{"*", "10.0.0.1", "10.0.0.1", "10.0.0.2", "::1", "host", " 10.0.0.1"}
	aclOperations   = []string{"Read", "Write", "All", "read", "describe_configs", "ALL", "Describe", "Create", "Alter", "DescribeConfigs", "IdempotentWrite", "ClusterAction", "CreateTokens", "Any", "Unknown", "x", ""}
)

// drawACLArgs returns a command line in parts: the action, and options with their values.
func drawACLArgs(src gen.Source) [][]string {
	action := gen.Pick(src, []string{"--add", "--add", "--remove", "--remove", "--list"})
	args := [][]string{{action}}
	oneIn := func(n int, flag string, values []string) {
		if src.IntN(n) > 0 {
			return
		}
		part := []string{flag}
		if values != nil {
			part = append(part, gen.Pick(src, values))
		}
		args = append(args, part)
	}
	if action == "--remove" {
		oneIn(1, "--force", nil)
	}
	convenience := action != "--list" && src.IntN(4) == 0
	if convenience {
		oneIn(2, "--producer", nil)
		oneIn(2, "--consumer", nil)
		oneIn(3, "--idempotent", nil)
		oneIn(1, "--topic", aclResources[0].names)
		oneIn(2, "--group", []string{"g", "*"})
		oneIn(2, "--allow-principal", aclPrincipals[:2])
	} else {
		first := gen.Pick(src, aclResources)
		oneIn(1, first.flag, first.names)
	}
	for _, r := range aclResources {
		oneIn(12, r.flag, r.names)
	}
	oneIn(10, "--cluster", nil)
	oneIn(3, "--resource-pattern-type", aclPatternTypes)
	if action == "--list" {
		oneIn(3, "--principal", aclPrincipals)
		oneIn(16, "--operation", aclOperations)
		return args
	}
	if action == "--add" || src.IntN(3) > 0 {
		oneIn(1, gen.Pick(src, []string{"--allow-principal", "--allow-principal", "--deny-principal"}), aclPrincipals[:4])
	}
	oneIn(8, "--allow-principal", aclPrincipals)
	oneIn(12, "--deny-principal", aclPrincipals)
	oneIn(8, "--allow-host", aclHosts)
	oneIn(12, "--deny-host", aclHosts)
	if !convenience || src.IntN(8) == 0 {
		oneIn(2, "--operation", aclOperations[:5])
		oneIn(6, "--operation", aclOperations)
	}
	return args
}

// aclTool is kafka-acls and a broker.
type aclTool struct {
	jvm        *kafkatest.JVM
	cluster    *kafkatest.Cluster
	properties string // path of the client's properties
	before     []acl.Binding
	had        []string
}

// startACLTool starts a JVM and a broker, which end with the test.
func startACLTool(t *testing.T) *aclTool {
	t.Helper()
	jvm := kafkatest.StartJVM(t, *aclKafkaFlag, aclData+"AclTool.java")
	cluster := kafkatest.Start(t, kafkatest.Config{Version: *aclKafkaFlag, LogLevel: "warn"})
	text := readAll(t, aclData+"before.jsonl")
	bindings, err := acl.Read(strings.NewReader(text), "", acl.FormatJSON)
	require.NoError(t, err)
	var properties strings.Builder
	for key, value := range cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil) {
		fmt.Fprintf(&properties, "%s=%s\n", key, value)
	}
	path := filepath.Join(t.TempDir(), "client.properties")
	require.NoError(t, os.WriteFile(path, []byte(properties.String()), 0o600))
	return &aclTool{jvm, cluster, path, bindings, aclLines(t, text)}
}

// run runs a command line of kafka-acls at the broker, which has the ACLs of before.jsonl.
func (a *aclTool) run(t *testing.T, args []string) kafkaACLRun {
	t.Helper()
	a.cluster.SetACLs(t, a.before...)
	bootstrap := a.cluster.Bootstrap(kafkatest.Internal)
	answer := a.jvm.MustCall("AclTool", append([]string{"run", "--bootstrap-server", bootstrap, "--command-config", a.properties}, args...)...)
	status, printed, _ := strings.Cut(answer, "\n")
	got := kafkaACLRun{Args: args}
	var err error
	got.Status, err = strconv.Atoi(status)
	require.NoError(t, err)
	if slices.Contains(args, "--list") && got.Status == 0 {
		got.Listed = listedACLs(printed)
	}
	got.Changed = aclChanges(a.had, strings.Split(a.jvm.MustCall("AclTool", "acls", bootstrap, a.properties), "\n"))
	return got
}
