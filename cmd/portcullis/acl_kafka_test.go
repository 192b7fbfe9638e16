package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
)

// kafkaACLRun is a command line of kafka-acls and what came of it: AclCommand of Kafka
// 4.2.1, at a broker of that release with the ACLs of before.jsonl.
type kafkaACLRun struct {
	Args    []string
	Status  int
	Changed []string // "+" or "-" and the ACL, sorted
	Listed  []string // the ACLs that it printed, sorted
}

// aclDifferences are the command lines at which portcullis acl differs, each with the
// row of docs/differences.md that says why. Where it refuses, it changes nothing.
var aclDifferences = map[string]struct {
	rows    int // how many of the captured ones
	refused bool
	about   func(args []string) bool
}{
	"acl-ineffective": {24, true, func(args []string) bool {
		has := func(flags ...string) bool {
			return !slices.ContainsFunc(flags, func(f string) bool { return !slices.Contains(args, f) })
		}
		return has("--cluster", "--resource-pattern-type") || has("--producer", "--cluster") || has("--producer", "--group") ||
			has("--producer", "--delegation-token") || has("--list", "--operation") || has("--deny-host") || has("--list", "extra") ||
			slices.Equal(args, []string{"--list", "--principal"})
	}},
	"acl-remove-all": {12, true, func(args []string) bool {
		named := slices.Contains(args, "--allow-principal") || slices.Contains(args, "--deny-principal")
		return args[0] == "--remove" && !named && slices.ContainsFunc(args, func(a string) bool {
			return slices.Contains([]string{"--producer", "--consumer", "--operation", "--allow-host"}, a)
		})
	}},
	"acl-operation-names": {3, false, func(args []string) bool { return args[len(args)-1] == "describe_configs" }},
}

// TestACLAsKafkaACLs runs every captured command line of kafka-acls on a file with the
// same ACLs: the same is added, removed and listed, and refused.
func TestACLAsKafkaACLs(t *testing.T) {
	before := readAll(t, aclData+"before.jsonl")
	differ, done := map[string]int{}, 0
	for _, kafka := range capturedACLRuns(t) {
		done++
		t.Run(strings.Join(kafka.Args, " "), func(t *testing.T) {
			got := runACL(t, before, kafka.Args)
			for id, d := range aclDifferences {
				if d.about(kafka.Args) && (kafka.Status == 0) == d.refused && (got.Status == 0) != d.refused {
					differ[id]++
					assert.Equal(t, d.refused, len(got.Changed) == 0)
					return
				}
			}
			assert.Equal(t, kafka.Status == 0, got.Status == 0)
			assert.Equal(t, kafka.Changed, got.Changed)
			assert.Equal(t, kafka.Listed, got.Listed)
		})
	}
	assert.Equal(t, 516, done)
	for id, d := range aclDifferences {
		assert.Equal(t, d.rows, differ[id], id)
		assert.Contains(t, readAll(t, "../../docs/differences.md"), "| "+id+" |")
	}
}

// aclData is the folder of the captured command lines.
const aclData = "testdata/aclcommand/"

// capturedACLRuns returns the captured command lines.
func capturedACLRuns(t *testing.T) (runs []kafkaACLRun) {
	t.Helper()
	f, err := os.Open(aclData + "kafka-4.2.1.jsonl.gz")
	require.NoError(t, err)
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	rows := bufio.NewScanner(unzipped)
	rows.Buffer(nil, 1<<20)
	for rows.Scan() {
		var run kafkaACLRun
		require.NoError(t, json.Unmarshal(rows.Bytes(), &run))
		runs = append(runs, run)
	}
	require.NoError(t, rows.Err())
	return runs
}

// runACL runs portcullis acl on a file with these ACLs.
func runACL(t *testing.T, before string, args []string) kafkaACLRun {
	t.Helper()
	path := filepath.Join(t.TempDir(), "acls.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
	had := aclLines(t, before)
	got := runWith("", append([]string{"acl", "--file", path}, args...)...)
	run := kafkaACLRun{Status: got.status}
	run.Changed = aclChanges(had, aclLines(t, readAll(t, path)))
	if slices.Contains(args, "--list") && got.status == exitDone {
		run.Listed = listedACLs(got.stdout)
	}
	return run
}

// aclChanges returns what has come and gone, as captured runs have it.
func aclChanges(had, has []string) (changed []string) {
	for _, line := range has {
		if !slices.Contains(had, line) {
			changed = append(changed, "+"+line)
		}
	}
	for _, line := range had {
		if !slices.Contains(has, line) {
			changed = append(changed, "-"+line)
		}
	}
	slices.Sort(changed)
	return changed
}

func aclLines(t *testing.T, text string) (lines []string) {
	t.Helper()
	bindings, err := acl.Read(strings.NewReader(text), "", acl.FormatJSON)
	require.NoError(t, err)
	for _, b := range bindings {
		lines = append(lines, strings.Join([]string{b.Pattern.Type.String(), b.Pattern.PatternType.String(), b.Pattern.Name,
			b.Entry.Principal, b.Entry.Host, b.Entry.Operation.String(), b.Entry.Permission.String()}, "|"))
	}
	return lines
}

// listedACLs returns the ACLs that a list holds, each with what stands above it.
func listedACLs(text string) []string {
	listed := []string{}
	principal, pattern := "", ""
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "ACLs for"):
			principal = line + " "
		case strings.HasPrefix(line, "Current"):
			_, pattern, _ = strings.Cut(line, "`")
			pattern, _, _ = strings.Cut(pattern, "`")
		case line != "":
			listed = append(listed, principal+pattern+" "+line)
		}
	}
	slices.Sort(listed)
	return listed
}
