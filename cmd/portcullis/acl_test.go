package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// words splits a command line as a shell that knows only single quotes does.
func words(line string) []string { return strings.Fields(strings.ReplaceAll(line, "'", "")) }

// forms returns a command of kafka-acls on a file in both forms: with --add, --remove
// or --list as in kafka-acls, and as a subcommand.
func forms(t *testing.T, file, line string) [][]string {
	t.Helper()
	original := append([]string{"acl", "--file", file}, words(line)...)
	for i, word := range original {
		switch word {
		case "--add", "--remove", "--list":
			command := append([]string{"acl", word[2:], "--file", file}, original[3:i]...)
			return [][]string{original, append(command, original[i+1:]...)}
		}
	}
	require.Fail(t, "the command line has no action", line)
	return nil
}

// pattern is a resource pattern as kafka-acls prints it.
func pattern(kind, name, patternType string) string {
	return "ResourcePattern(resourceType=" + kind + ", name=" + name + ", patternType=" + patternType + ")"
}

// entries is entries as kafka-acls prints them: each is given as principal, host,
// operation and permission, separated by spaces.
func entries(list ...string) string {
	var lines []string
	for _, e := range list {
		f := strings.Fields(e)
		lines = append(lines, "\t(principal="+f[0]+", host="+f[1]+", operation="+f[2]+", permissionType="+f[3]+")\n")
	}
	return strings.Join(lines, "")
}

func current(pattern string, list ...string) string {
	return "Current ACLs for resource `" + pattern + "`:\n" + entries(list...) + "\n"
}

func adding(pattern string, list ...string) string {
	return "Adding ACLs for resource `" + pattern + "`: \n " + entries(list...) + "\n"
}

func removing(pattern string, list ...string) string {
	return "Are you sure you want to remove ACLs: \n " + entries(list...) + " from resource filter `" + pattern + "`? (y/n)\n"
}

var (
	testTopic = pattern("TOPIC", "Test-topic", "LITERAL")
	allTopics = pattern("TOPIC", "*", "LITERAL")
	prefixed  = pattern("TOPIC", "Test-", "PREFIXED")
	group1    = pattern("GROUP", "Group-1", "LITERAL")
	owner1    = pattern("USER", "owner1", "LITERAL")

	bobAndAlice = []string{
		"User:Alice 198.51.100.0 READ ALLOW", "User:Alice 198.51.100.0 WRITE ALLOW",
		"User:Alice 198.51.100.1 READ ALLOW", "User:Alice 198.51.100.1 WRITE ALLOW",
		"User:Bob 198.51.100.0 READ ALLOW", "User:Bob 198.51.100.0 WRITE ALLOW",
		"User:Bob 198.51.100.1 READ ALLOW", "User:Bob 198.51.100.1 WRITE ALLOW",
	}
	allButBadBob = []string{"User:* * READ ALLOW", "User:BadBob 198.51.100.3 READ DENY"}
	peter        = []string{"User:Peter 198.51.200.1 WRITE ALLOW", "User:Peter 198.51.200.1 CREATE ALLOW", "User:Peter 198.51.200.1 DESCRIBE ALLOW"}
	jane         = []string{"User:Jane * WRITE ALLOW", "User:Jane * CREATE ALLOW", "User:Jane * DESCRIBE ALLOW"}
	bobProduces  = []string{"User:Bob * WRITE ALLOW", "User:Bob * CREATE ALLOW", "User:Bob * DESCRIBE ALLOW"}
	bobConsumes  = []string{"User:Bob * READ ALLOW", "User:Bob * DESCRIBE ALLOW"}
	bobReads     = []string{"User:Bob * READ ALLOW"}
	requester    = []string{"User:tokenRequester * CREATE_TOKENS ALLOW"}
)

// The changes in the examples of Kafka's documentation, "Authorization and ACLs":
// the options after --add or --remove, and the ACLs that they change.
var documented = []struct {
	options string
	acls    []patternEntries
}{
	{"--allow-principal User:Bob --allow-principal User:Alice --allow-host 198.51.100.0 --allow-host 198.51.100.1 --operation Read --operation Write --topic Test-topic",
		[]patternEntries{{testTopic, bobAndAlice}}},
	{"--allow-principal User:'*' --allow-host '*' --deny-principal User:BadBob --deny-host 198.51.100.3 --operation Read --topic Test-topic",
		[]patternEntries{{testTopic, allButBadBob}}},
	{"--allow-principal User:Peter --allow-host 198.51.200.1 --producer --topic '*'", []patternEntries{{allTopics, peter}}},
	{"--allow-principal User:Jane --producer --topic Test- --resource-pattern-type prefixed", []patternEntries{{prefixed, jane}}},
	{"--allow-principal User:Bob --producer --topic Test-topic", []patternEntries{{testTopic, bobProduces}}},
	{"--allow-principal User:Bob --consumer --topic Test-topic --group Group-1",
		[]patternEntries{{testTopic, bobConsumes}, {group1, bobReads}}},
	{"--operation CreateTokens --allow-principal User:tokenRequester --user-principal owner1", []patternEntries{{owner1, requester}}},
}

type patternEntries struct {
	pattern string
	entries []string
}

// Each change is made, listed, not made again, and undone, in both forms.
func TestDocumentedChanges(t *testing.T) {
	for _, example := range documented {
		for form := range 2 {
			t.Run(fmt.Sprintf("%s, form %d", example.options, form), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "acls.txt")
				var added, listed, asked, exist string
				n := 0
				for _, a := range example.acls {
					added += adding(a.pattern, a.entries...)
					asked += removing(a.pattern, a.entries...)
					for _, e := range a.entries {
						exist += "Acl (pattern=" + a.pattern + ", entry=" + strings.TrimSpace(entries(e)) + ") already exists.\n"
					}
					n += len(a.entries)
				}
				for _, a := range example.acls { // sorted by type
					listed += current(a.pattern, a.entries...)
				}
				command := func(action string) []string { return forms(t, path, action+" "+example.options)[form] }
				list := forms(t, path, "--list")[form]
				count := string(rune('0' + n))

				expect(t, exitDone, added, "added: "+count+", removed: 0\n", "", command("--add")...)
				expect(t, exitDone, exist, "added: 0, removed: 0\n", "", command("--add")...)
				expect(t, exitDone, listed, "", "", list...)
				assert.Equal(t, listed, readAll(t, path), "the file")
				no, yes := strings.Repeat("n\n", len(example.acls)), strings.Repeat("Y\n", len(example.acls))
				expect(t, exitDone, "", asked+"added: 0, removed: 0\n", no, command("--remove")...)
				expect(t, exitDone, listed, "", "", list...)
				expect(t, exitDone, "", asked+"added: 0, removed: "+count+"\n", yes, command("--remove")...)
				expect(t, exitDone, "", "", "", list...)
			})
		}
	}
}

// All examples on one file, in the order of the documentation, as kafka-acls lists
// them.
func TestDocumentedLists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls.txt")
	for _, example := range documented[:4] {
		for range 2 {
			require.Equal(t, exitDone, runWith("", forms(t, path, "--add "+example.options)[0]...).status, example.options)
		}
	}
	all := append(append([]string{}, allButBadBob[0]), bobAndAlice[:4]...)
	all = append(append(all, allButBadBob[1]), bobAndAlice[4:]...)
	literal, wild, prefix := current(testTopic, all...), current(allTopics, peter...), current(prefixed, jane...)
	for line, want := range map[string]string{
		"--list --topic Test-topic":                                               literal,
		"--list --topic '*'":                                                      wild,
		"--list --topic Test-topic --resource-pattern-type match":                 wild + prefix + literal,
		"--list --topic Test- --resource-pattern-type prefixed":                   prefix,
		"--list --topic Test-topic --principal User:BadBob --principal User:None": "ACLs for principal `User:BadBob`\n" + current(testTopic, allButBadBob[1]) + "ACLs for principal `User:None`\n",
	} {
		t.Run(line, func(t *testing.T) {
			for _, args := range forms(t, path, line) {
				expect(t, exitDone, want, "", "", args...)
			}
		})
	}
	// The ACLs that apply to a topic are removed with any pattern; then nothing is left.
	match := pattern("TOPIC", "Test-topic", "MATCH")
	expect(t, exitDone, "", "Are you sure you want to delete all ACLs for resource filter `"+match+"`? (y/n)\nadded: 0, removed: 16\n", "y\n",
		"acl", "--file", path, "--remove", "--topic", "Test-topic", "--resource-pattern-type", "match")
	assert.Empty(t, readAll(t, path))
}

func TestConveniencesTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls.jsonl")
	line := "--allow-principal User:a --producer --idempotent --consumer --topic t --topic t --group g --transactional-id x --resource-pattern-type "
	want := func(patternType string) []patternEntries {
		return []patternEntries{
			{pattern("TOPIC", "t", patternType), []string{"User:a * READ ALLOW", "User:a * WRITE ALLOW", "User:a * CREATE ALLOW", "User:a * DESCRIBE ALLOW"}},
			{pattern("GROUP", "g", patternType), []string{"User:a * READ ALLOW"}},
			{pattern("CLUSTER", "kafka-cluster", "LITERAL"), []string{"User:a * IDEMPOTENT_WRITE ALLOW"}},
			{pattern("TRANSACTIONAL_ID", "x", patternType), []string{"User:a * WRITE ALLOW", "User:a * DESCRIBE ALLOW"}},
		}
	}
	var added, asked string
	for _, p := range want("PREFIXED") {
		added += adding(p.pattern, p.entries...)
	}
	for _, p := range want("ANY") {
		asked += removing(p.pattern, p.entries...)
	}
	expect(t, exitDone, added, "added: 8, removed: 0\n", "", forms(t, path, "--add "+line+"prefixed")[0]...)
	assert.Regexp(t, `^(\{.*\n){8}$`, readAll(t, path), "JSON lines of the 8 ACLs")
	// Each question has its own answer.
	expect(t, exitDone, "", asked+"added: 0, removed: 3\n", "n\ny\nyes\n y\r\n", forms(t, path, "--remove "+line+"any")[1]...)
	expect(t, exitDone, "", "added: 0, removed: 5\n", "", forms(t, path, "--remove --force "+line+"any")[0]...)
}

func TestDryRun(t *testing.T) {
	path := file(t, "acls.txt", current(testTopic, allButBadBob...))
	before := readAll(t, path)
	for _, test := range []struct{ line, stdout, stderr string }{
		{"--add --dry-run --allow-principal User:* --allow-principal User:x --operation Read --topic Test-topic --cluster",
			"", ""},
		{"--add --dry-run --allow-principal User:* --allow-principal User:x --operation Read --topic Test-topic",
			"+ (principal=User:x, host=*, operation=READ, permissionType=ALLOW) on " + testTopic + "\n", "would be added: 1, removed: 0\n"},
		{"--remove --dry-run --topic Test-topic --topic other",
			"- (principal=User:*, host=*, operation=READ, permissionType=ALLOW) on " + testTopic + "\n" +
				"- (principal=User:BadBob, host=198.51.100.3, operation=READ, permissionType=DENY) on " + testTopic + "\n", "would be added: 0, removed: 2\n"},
	} {
		t.Run(test.line, func(t *testing.T) {
			for _, args := range forms(t, path, test.line) {
				if test.stderr == "" {
					refuse(t, "", args, "portcullis: Cluster has no operation Read: expected one of All, Create, Alter, Describe, ClusterAction, DescribeConfigs, AlterConfigs, IdempotentWrite")
					continue
				}
				expect(t, exitDone, test.stdout, test.stderr, "", args...)
			}
		})
	}
	names, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, names, 1, "files after a dry run")
	assert.Equal(t, before, readAll(t, path))
}

// A file keeps its format.
func TestFormatStays(t *testing.T) {
	for _, name := range exampleACLs {
		t.Run(name, func(t *testing.T) {
			path := file(t, name, readAll(t, acme+name))
			require.Equal(t, exitDone, runWith("", forms(t, path, "--add --allow-principal User:new --topic new")[1]...).status)
			assert.NotEqual(t, readAll(t, acme+name), readAll(t, path))
			require.Equal(t, exitDone, runWith("", forms(t, path, "--remove --force --allow-principal User:new --topic new")[1]...).status)
			assert.Equal(t, readAll(t, acme+name), readAll(t, path))
			assert.FileExists(t, path+".sum")
		})
	}
}

func TestACLRefuses(t *testing.T) {
	path := file(t, "acls.txt", current(testTopic, allButBadBob...))
	before := readAll(t, path)
	const (
		noResource = "portcullis: no resource is given: expected at least one of --topic, --group, --cluster, --transactional-id, --delegation-token, --user-principal"
		noOne      = "portcullis: no principal is given: expected --allow-principal or --deny-principal"
		noAnswer   = "portcullis: nothing was removed: expected y or n on standard input, or --force"
		badNetwork = `invalid host: "10.0.0.0/99" is not a network in CIDR notation: expected an address, a slash and a mask length, such as 10.0.0.0/8`
		allow      = "--allow-principal User:a "
	)
	for _, test := range []struct {
		line string
		want []string
	}{
		{"--add", []string{noOne, noResource}},
		{"--add --topic t", []string{noOne}},
		{"--add --topic t --allow-host 10.0.0.1", []string{"portcullis: --allow-host needs --allow-principal", noOne}},
		{"--add --topic t --deny-host 10.0.0.1 " + allow, []string{"portcullis: --deny-host needs --deny-principal"}},
		{"--add --topic t --allow-principal a", []string{`portcullis: --allow-principal "a": expected Type:name, such as User:alice`}},
		{"--add --topic t --operation Reed --operation Any " + allow, []string{
			`portcullis: --operation "Reed": ` + needOperation, `portcullis: --operation "Any": ` + needOperation}},
		{"--add --topic t --operation IdempotentWrite " + allow, []string{
			"portcullis: Topic has no operation IdempotentWrite: expected one of All, Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs"}},
		{"--add --topic t --resource-pattern-type match " + allow, []string{`portcullis: --resource-pattern-type "match": expected literal or prefixed to add ACLs`}},
		{"--add --producer --topic t --resource-pattern-type any " + allow, []string{`portcullis: --resource-pattern-type "any": expected literal or prefixed to add ACLs`}},
		{"--add --cluster --resource-pattern-type prefixed " + allow, []string{`portcullis: --resource-pattern-type "prefixed": expected literal for the cluster`}},
		{"--remove --force --cluster --resource-pattern-type prefixed", []string{`portcullis: --resource-pattern-type "prefixed": expected literal for the cluster`}},
		{"--remove --force --cluster --resource-pattern-type match", []string{`portcullis: --resource-pattern-type "match": expected literal for the cluster`}},
		{"--remove --force --cluster --topic t --resource-pattern-type any", []string{`portcullis: --resource-pattern-type "any": expected literal for the cluster`}},
		{"--list --cluster --resource-pattern-type any", []string{`portcullis: --resource-pattern-type "any": expected literal for the cluster`}},
		{"--add --dry-run --topic t --allow-host 10.0.0.0/99 " + allow, []string{
			"portcullis: (principal=User:a, host=10.0.0.0/99, operation=ALL, permissionType=ALLOW) on " + pattern("TOPIC", "t", "LITERAL") + ": " + badNetwork}},
		{"--add --dry-run --producer --topic t --allow-host 10.0.0.0/99 " + allow, []string{"portcullis: " + badNetwork}},
		{"--remove", []string{noResource}},
		// kafka-acls removes all ACLs of the topic for each of these.
		{"--remove --force --topic Test-topic --operation Write", []string{
			"portcullis: --operation needs --allow-principal or --deny-principal: without them all ACLs of the resources are removed"}},
		{"--remove --force --topic Test-topic --deny-host 10.0.0.1", []string{"portcullis: --deny-host needs --deny-principal"}},
		{"--remove --force --topic Test-topic --producer", []string{"portcullis: --producer needs --allow-principal"}},
		{"--remove --topic Test-topic", []string{
			"Are you sure you want to delete all ACLs for resource filter `" + testTopic + "`? (y/n)", noAnswer}},
		{"--add --idempotent --topic t " + allow, []string{"portcullis: --idempotent needs --producer"}},
		{"--add --consumer --topic t " + allow, []string{"portcullis: --consumer needs --group"}},
		{"--add --producer --group g " + allow, []string{"portcullis: --producer needs --topic", "portcullis: --group cannot be given with --producer alone"}},
		{"--add --consumer --topic t --group g --transactional-id x " + allow, []string{"portcullis: --transactional-id cannot be given with --consumer alone"}},
		{"--add --producer --topic t --cluster --operation Read --deny-principal User:b " + allow, []string{
			"portcullis: --operation cannot be given with --producer", "portcullis: --deny-principal cannot be given with --producer",
			"portcullis: --cluster cannot be given with --producer"}},
	} {
		t.Run(test.line, func(t *testing.T) {
			for _, args := range forms(t, path, test.line) {
				refuse(t, "", args, test.want...)
			}
		})
	}
	refuse(t, "", []string{"acl", "--file", path}, "portcullis: expected one of --add, --remove and --list: see portcullis acl --help")
	refuse(t, "", []string{"acl", "--file", path, "--add", "--list"}, "portcullis: expected one of --add, --remove and --list: see portcullis acl --help")
	refuse(t, "", []string{"acl", "--file", path, "--list", "--dry-run", "--operation", "Read"},
		"portcullis: --operation cannot be given with --list", "portcullis: --dry-run cannot be given with --list")
	refuse(t, "", []string{"acl", "--file", path, "--remove", "--topic", "t", "--principal", "User:a"}, "portcullis: --principal cannot be given with --remove")
	refuse(t, "", []string{"acl", "list", "--file", path, "--principal", "a"}, `portcullis: --principal "a": expected Type:name, such as User:alice`)
	refuse(t, "", []string{"acl", "list", "--file", "-"}, `portcullis: --file "-": expected the name of a file`)
	refuse(t, "", []string{"acl", "list"}, "portcullis: --file is missing: see portcullis acl list --help")
	refuse(t, "", []string{"acl", "add"}, "portcullis: --file is missing: see portcullis acl add --help", "portcullis: no principal is given: expected --allow-principal or --deny-principal",
		"portcullis: no resource is given: expected at least one of --topic, --group, --cluster, --transactional-id, --delegation-token, --user-principal")
	refuse(t, "", []string{"acl"}, "portcullis: --file is missing: see portcullis acl --help", "portcullis: expected one of --add, --remove and --list: see portcullis acl --help")
	assert.Equal(t, before, readAll(t, path))
}

// A removal is all or nothing: without the last answer nothing is removed.
func TestAnswersThatEnd(t *testing.T) {
	path := file(t, "acls.txt", current(group1, bobReads...)+current(testTopic, allButBadBob...))
	before := readAll(t, path)
	got := runWith("y\n", "acl", "remove", "--file", path, "--topic", "Test-topic", "--group", "Group-1")
	assert.Equal(t, exitError, got.status)
	assert.Equal(t, before, readAll(t, path))
}

// A file that is lost, or differs from what was saved, is refused.
func TestFilesThatAreNotWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls.txt")
	add := []string{"acl", "add", "--file", path, "--allow-principal", "User:a", "--topic", "t"}
	fails := func(t *testing.T, text string, args ...string) {
		t.Helper()
		got := runWith("", args...)
		assert.Equal(t, exitError, got.status)
		assert.Contains(t, got.stderr, text)
	}
	for _, action := range []string{"list", "remove"} {
		t.Run(action, func(t *testing.T) { fails(t, "no such file", "acl", action, "--file", path, "--topic", "t") })
	}
	require.Equal(t, exitDone, runWith("", add...).status)
	whole := readAll(t, path)
	for _, broken := range []string{"", whole[:len(whole)-1], whole + whole, "Current"} {
		t.Run(fmt.Sprintf("broken %.9q, %d bytes", broken, len(broken)), func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(broken), 0o600))
			fails(t, "checksum", add...)
			assert.Equal(t, broken, readAll(t, path))
		})
	}
	require.NoError(t, os.Remove(path))
	fails(t, "no such file", add...) // there is only a checksum
	fails(t, "acls.txt:1:1: ", "acl", "add", "--file", file(t, "acls.txt", "nonsense\n"), "--allow-principal", "User:a", "--topic", "t")
}

// Space around values is removed, except in transactional ids. Text that would act on a
// terminal is quoted.
func TestACLTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acls.jsonl")
	expect(t, exitDone, adding(pattern("TOPIC", `"a\x1b"`, "LITERAL"), "User:a 10.0.0.1 READ ALLOW"), "added: 1, removed: 0\n", "",
		"acl", "add", "--file", path, "--topic", " a\x1b", "--allow-principal", " User:a\n", "--allow-host", "10.0.0.1 ", "--operation", " Read ")
	expect(t, exitDone, adding(pattern("TRANSACTIONAL_ID", " x", "LITERAL"), "User:a * ALL ALLOW"), "added: 1, removed: 0\n", "",
		"acl", "add", "--file", path, "--transactional-id", " x", "--allow-principal", "User:a")
	var stderr bytes.Buffer
	assert.Equal(t, exitError, run([]string{"acl", "list", "--file", path, "--transactional-id", " x"}, strings.NewReader(""), failingWriter{}, &stderr), "a list that is not written")
}
