package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// kafkaACLRun is a command line of kafka-acls and its result: AclCommand of Kafka 4.2.1,
// with a broker of that release and the ACLs of before.jsonl.
type kafkaACLRun struct {
	Args    []string `json:"args"`
	Status  int      `json:"status"`
	Changed []string `json:"changed,omitzero"` // "+" or "-" and the ACL, sorted
	Listed  []string `json:"listed,omitzero"`  // the ACLs that it printed, sorted
}

// row returns the run in the form of the captured rows.
func (r kafkaACLRun) row() string {
	row, err := json.Marshal(r)
	if err != nil {
		panic(err) // all of it can be written
	}
	return string(row)
}

const removesNone = "acl-remove-none"

// aclDifferences are the command lines for which portcullis acl differs, each with its
// row in docs/differences.md. A refused command changes nothing.
var aclDifferences = map[string]struct {
	rows        int  // how many of the captured ones
	kafka, ours bool // who does what the command line says
	about       func(args aclArgs) bool
}{
	"acl-ineffective": {24, true, false, func(args aclArgs) bool {
		patternType := slices.ContainsFunc(args.values("--resource-pattern-type"), func(v string) bool { return !strings.EqualFold(v, "literal") })
		without := func(flag, needed string) bool { return args.has(flag) && !args.has(needed) }
		return args.has("--cluster") && patternType || args.has("--producer", "--cluster") || args.has("--producer") && without("--group", "--consumer") ||
			args.has("--producer", "--delegation-token") || args.has("--list", "--operation") || args.has("--list", "extra") ||
			without("--deny-host", "--deny-principal") || args.has("--deny-principal") && without("--allow-host", "--allow-principal") ||
			slices.Equal(args, aclArgs{"--list", "--principal"})
	}},
	"acl-remove-all": {12, true, false, func(args aclArgs) bool {
		return args.has("--remove") && !args.has("--allow-principal") && !args.has("--deny-principal") &&
			slices.ContainsFunc([]string{"--producer", "--consumer", "--operation", "--allow-host"}, func(flag string) bool { return args.has(flag) })
	}},
	"acl-operation-names": {3, false, true, func(args aclArgs) bool { return slices.Contains(args.values("--operation"), "describe_configs") }},
	"acl-empty-name": {8, true, false, func(args aclArgs) bool {
		for _, f := range cli.ResourceFlags {
			if slices.Contains(args.values("--"+f.Name), "") {
				return true
			}
		}
		return false
	}},
	// Only where Kafka removes nothing either: see compareACLRun.
	removesNone:    {15, true, false, func(args aclArgs) bool { return args.has("--remove") }},
	"acl-add-some": {2, false, false, func(args aclArgs) bool { return args.has("--add") }},
}

// aclArgs are the words of a command line.
type aclArgs []string

// has reports whether the command line has all the words.
func (a aclArgs) has(words ...string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(a, w) })
}

// values returns the values of an option, without the space around them.
func (a aclArgs) values(flag string) (values []string) {
	for i := 1; i < len(a); i++ {
		if a[i-1] == flag {
			values = append(values, strings.TrimSpace(a[i]))
		}
	}
	return values
}

// compareACLRun reports whether portcullis acl does the same as Kafka. If not, it
// returns the row in docs/differences.md, or "" if there is none.
func compareACLRun(kafka, got kafkaACLRun) (id string, same bool) {
	if (kafka.Status == 0) == (got.Status == 0) && slices.Equal(kafka.Changed, got.Changed) && slices.Equal(kafka.Listed, got.Listed) {
		return "", true
	}
	for _, id := range slices.Sorted(maps.Keys(aclDifferences)) {
		d := aclDifferences[id]
		if d.about(kafka.Args) && (kafka.Status == 0) == d.kafka && (got.Status == 0) == d.ours && (d.ours || len(got.Changed) == 0) && (id != removesNone || len(kafka.Changed) == 0 && got.Status == exitDenied) {
			return id, false
		}
	}
	return "", false
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
			id, same := compareACLRun(kafka, got)
			if id != "" {
				differ[id]++
			}
			assert.True(t, same || id != "", "portcullis acl does %s\nand Kafka what was captured:\n%s", got.row(), kafka.row())
		})
	}
	assert.Equal(t, 524, done)
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
	run := kafkaACLRun{Args: args, Status: got.status}
	run.Changed = aclChanges(had, aclLines(t, readAll(t, path)))
	if slices.Contains(args, "--list") && got.status == exitDone {
		run.Listed = listedACLs(got.stdout)
	}
	return run
}

// aclChanges returns the added and removed ACLs in the form of the captured rows.
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

// listedACLs returns the ACLs in a list, each with its heading.
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
