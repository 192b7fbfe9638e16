package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What people write, and what they meant.
func TestSpellings(t *testing.T) {
	for _, operation := range []string{"describe-configs", "Describe-Configs", "DESCRIBE_CONFIGS", "DescribeConfigs", "describeconfigs"} {
		for _, cluster := range []string{"--cluster", "--cluster kafka-cluster", "--cluster=kafka-cluster"} {
			line := "--operation " + operation + " " + cluster
			t.Run(line, func(t *testing.T) {
				got := runWith("", strings.Fields("check --acls "+acme+"acls.txt --principal User:root --super-users User:root "+line)...)
				assert.Equal(t, exitDone, got.status, got.stderr)
				assert.Contains(t, got.stdout, "DescribeConfigs on Cluster kafka-cluster")
			})
		}
	}
	for _, line := range []string{"acl add", "acl --add"} {
		path := file(t, "acls.txt", "")
		got := runWith("", strings.Fields(line+" --file "+path+" --allow-principal User:a --operation alter-configs --cluster kafka-cluster")...)
		require.Equal(t, exitDone, got.status, got.stderr)
		assert.Contains(t, readAll(t, path), "name=kafka-cluster")
		assert.Contains(t, readAll(t, path), "ALTER_CONFIGS")
	}
}

// An empty file can be added to, in the format that its name says. Nothing else reads it.
func TestEmptyFileIsAddedTo(t *testing.T) {
	path := file(t, "acls.jsonl", "")
	add := []string{"acl", "add", "--file", path, "--allow-principal", "User:a", "--operation", "Read", "--topic", "t"}
	assert.Equal(t, exitError, runWith("", "acl", "list", "--file", path).status)
	got := runWith("", add...)
	require.Equal(t, exitDone, got.status, got.stderr)
	assert.True(t, strings.HasPrefix(readAll(t, path), "{"))
	// A file that lost its content has the checksum of that.
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	assert.Equal(t, exitError, runWith("", add...).status)
	assert.Empty(t, readAll(t, path))
	// A file that has something, but no ACL, may be of another format.
	blank := file(t, "blank", "\n")
	assert.Equal(t, exitError, runWith("", append([]string{"acl", "add", "--file", blank}, add[4:]...)...).status)
}

// A removal that removes nothing fails, and names the ACL that was probably meant.
func TestRemoveNothing(t *testing.T) {
	topic := pattern("TOPIC", "payments.eu", "LITERAL")
	text := current(topic, "User:billing * READ ALLOW", "User:audit 10.0.0.1 READ ALLOW") + current(pattern("GROUP", "g", "PREFIXED"), "User:billing * READ ALLOW")
	for _, test := range []struct{ args, near string }{
		{"--allow-principal User:biling --operation Read --topic payments.eu", "(principal=User:billing, host=*, operation=READ, permissionType=ALLOW) on " + topic + ": it has principal User:billing, not User:biling"},
		{"--allow-principal User:audit --operation Read --topic payments.eu", "(principal=User:audit, host=10.0.0.1, operation=READ, permissionType=ALLOW) on " + topic + ": it has host 10.0.0.1, not *"},
		{"--deny-principal User:billing --operation read --topic payments.eu", "(principal=User:billing, host=*, operation=READ, permissionType=ALLOW) on " + topic + ": it has permission ALLOW, not DENY"},
		{"--allow-principal User:billing --operation Write --topic Payments.EU", "(principal=User:billing, host=*, operation=READ, permissionType=ALLOW) on " + topic + ": it has name payments.eu, not Payments.EU; operation Read, not Write"},
		{"--allow-principal User:billing --operation Read --group g", "(principal=User:billing, host=*, operation=READ, permissionType=ALLOW) on " + pattern("GROUP", "g", "PREFIXED") + ": it has pattern type PREFIXED, not LITERAL"},
		{"--group h --resource-pattern-type any", "(principal=User:billing, host=*, operation=READ, permissionType=ALLOW) on " + pattern("GROUP", "g", "PREFIXED") + ": it has name g, not h"},
		{"--cluster", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			path := file(t, "acls.txt", text)
			want := "nothing is removed: no ACL of " + path + " is selected"
			if test.near != "" {
				want += "; the nearest is " + test.near
			}
			for _, how := range []string{"--force", "--dry-run"} {
				got := runWith("", append([]string{"acl", "remove", "--file", path, how}, strings.Fields(test.args)...)...)
				assert.Equal(t, exitDenied, got.status)
				assert.Empty(t, got.stdout)
				_, last, _ := strings.Cut(got.stderr, "\n")
				assert.Equal(t, want+"\n", last)
			}
			assert.Equal(t, text, readAll(t, path))
		})
	}
	path := file(t, "acls.txt", text)
	got := runWith("n\n", "acl", "remove", "--file", path, "--topic", "x")
	assert.Equal(t, exitDone, got.status, "nothing was asked for")
	got = runWith("y\n", "acl", "remove", "--file", path, "--topic", "x")
	assert.Equal(t, exitDenied, got.status)
}

func TestVersion(t *testing.T) {
	got := runWith("", "version")
	assert.Regexp(t, `^portcullis version \S+ \(go1\S+\)\n$`, got.stdout)
	assert.Regexp(t, `^{"version":"[^"]+","go":"go1[^"]+"}\n$`, runWith("", "version", "-o", "json").stdout)
}

// Each flag with a value says what it is, and numbers and times their unit.
func TestPlaceholdersHaveUnits(t *testing.T) {
	count := 0
	for _, cmd := range newRootCommand().Commands() {
		help := runWith("", cmd.Name(), "--help").stdout
		for line := range strings.Lines(help) {
			words := strings.Fields(line)
			i := 0
			if len(words) > 1 && strings.HasSuffix(words[0], ",") {
				i = 1
			}
			if len(words) > i+1 && strings.HasPrefix(words[i], "--") {
				count++
				assert.NotContains(t, []string{"int", "time", "size", "number", "age", "uint", "string", "strings", "value"}, words[i+1], "%s: %s", cmd.Name(), line)
			}
		}
	}
	assert.Greater(t, count, 200)
}
