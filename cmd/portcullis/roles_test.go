package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/role"
)

// The lines with which answers name the role and the binding.
const (
	ownerOrigin  = `role ResourceOwner by binding Group:payments on PREFIXED Topic "payments." of cluster abc123`
	readerOrigin = `role DeveloperRead by binding User:alice on Topic "orders" of cluster abc123`
)

// writeRoles writes a file of bindings, each as principal, role and resource.
func writeRoles(t *testing.T, bindings ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roles.json")
	for _, b := range bindings {
		words := strings.Fields(b)
		line := "- rolebinding create --kafka-cluster-id abc123 --principal " + words[0] + " --role " + words[1]
		if len(words) > 2 {
			line += " --resource " + strings.TrimSuffix(words[2], "*")
			if strings.HasSuffix(words[2], "*") {
				line += " --prefix"
			}
		}
		got := runIAM(path, "", line)
		require.Equal(t, 0, got.status, got.stderr)
	}
	return path
}

// Answers name the role and the binding, not just the ACL that was made of it.
func TestAnswersNameRoles(t *testing.T) {
	roles := writeRoles(t, "Group:payments ResourceOwner Topic:payments.*", "User:alice DeveloperRead Topic:orders")
	changed := writeRoles(t, "Group:payments ResourceOwner Topic:payments.*", "User:alice DeveloperRead Topic:bills")
	acls := filepath.Join(t.TempDir(), "acls.txt")
	require.NoError(t, os.WriteFile(acls, []byte("Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=payments.secret, patternType=LITERAL)`: \n"+
		"\t(principal=User:*, host=*, operation=ALL, permissionType=DENY) \n\n"+
		"Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`: \n"+
		"\t(principal=User:alice, host=*, operation=READ, permissionType=ALLOW) \n"), 0o600))
	given := " --roles " + roles + " --kafka-cluster abc123 "
	member := given + "--principal User:alice --group-principal Group:payments "
	for name, test := range map[string]struct {
		args   string
		status int
		want   []string // in the output
		not    string
	}{
		"check by a group":          {"check" + member + "--operation Write --topic payments.eu", exitDone, []string{"reason: matching allow: " + ownerOrigin + ", ACL (principal=Group:payments"}, ""},
		"a group in another case":   {"check" + given + "--principal User:alice --group-principal Group:Payments --operation Write --topic payments.eu", exitDenied, []string{"reason: default deny"}, "role"},
		"DENY wins over a role":     {"check --acls " + acls + member + "--operation Read --topic payments.secret", exitDenied, []string{"reason: matching deny: (principal=User:*"}, "role"},
		"a super user comes first":  {"check --super-users User:alice --acls " + acls + member + "--operation Read --topic payments.secret", exitDone, []string{"reason: super user"}, "role"},
		"a role counts as an ACL":   {"check --allow-everyone-if-no-acl-found" + given + "--principal User:bob --operation Read --topic payments.eu", exitDenied, []string{"reason: default deny"}, ""},
		"without any it is open":    {"check --allow-everyone-if-no-acl-found" + given + "--principal User:bob --operation Read --topic others", exitDone, []string{"reason: default allow"}, ""},
		"an ACL and a role":         {"check --acls " + acls + given + "--principal User:alice --operation Read --topic orders", exitDone, []string{readerOrigin + "; also without a role, ACL (principal=User:alice"}, ""},
		"explain":                   {"explain" + member + "--operation Write --topic payments.eu", exitDone, []string{"  decides: " + ownerOrigin + ", ACL"}, ""},
		"explain a near miss":       {"explain" + given + "--principal User:bob --operation Write --topic payments.eu", exitDenied, []string{"  principal: " + ownerOrigin + ", ACL"}, ""},
		"who-can":                   {"who-can" + given + "--operation Read --topic payments.eu", exitDone, []string{"Group:payments from *\n    " + ownerOrigin + "\n"}, "DeveloperRead"},
		"what-can":                  {"what-can" + member, exitDone, []string{`prefix "payments." from *` + "\n    " + ownerOrigin + "\n    " + readerOrigin + "\nWrite"}, ""},
		"diff":                      {"diff" + given + "--new-roles " + changed, exitDenied, []string{"+ User:alice: Read, Describe on Topic \"bills\" from *\n    role DeveloperRead by binding User:alice on Topic \"bills\" of cluster abc123\n", "- User:alice: Read, Describe on Topic \"orders\" from *\n    " + readerOrigin + "\n"}, "ResourceOwner"},
		"diff by a new DENY":        {"diff" + given + "--new-acls " + acls + " --new-roles " + roles, exitDenied, []string{"- Group:payments: "}, "by binding"},
		"list":                      {"list" + given + "--by-role --topic orders", exitDone, []string{readerOrigin + "\n  (principal=User:alice, host=*, operation=READ"}, "without"},
		"list with others":          {"list --acls " + acls + given + "--by-role", exitDone, []string{"without a role\n  (principal=User:*"}, ""},
		"another cluster":           {"check --roles " + roles + " --kafka-cluster other --principal User:alice --operation Read --topic orders", exitError, nil, ""},
		"another cluster, accepted": {"check --allow-empty --roles " + roles + " --kafka-cluster other --principal User:alice --operation Read --topic orders", exitDenied, []string{"default deny"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := runWith("", strings.Fields(test.args)...)
			assert.Equal(t, test.status, got.status, got.stderr)
			for _, want := range test.want {
				assert.Contains(t, got.stdout, want)
			}
			if test.not != "" {
				assert.NotContains(t, got.stdout, test.not)
			}
		})
	}
	t.Run("JSON", func(t *testing.T) {
		for _, args := range []string{"check" + member + "--operation Write --topic payments.eu", "who-can" + given + "--operation Read --topic payments.eu", "list" + given + "--by-role --topic payments. --resource-pattern-type any"} {
			got := runWith("", append(strings.Fields(args), "-o", "json")...)
			var answer struct{ Roles json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(strings.SplitN(got.stdout, "\n", 2)[0]), &answer), got.stderr)
			doc, err := role.ParseDocument([]byte(`{"format":"portcullis-roles-1","bindings":` + string(answer.Roles) + "}"))
			require.NoError(t, err, "the bindings are as in the file")
			require.Len(t, doc.Bindings, 1)
			assert.Equal(t, ownerOrigin, doc.Bindings[0].Origin())
		}
	})
	t.Run("lint", func(t *testing.T) {
		wider := writeRoles(t, "User:alice DeveloperRead Topic:orders", "User:alice DeveloperRead Topic:ord*")
		got := runWith("", strings.Fields("lint --roles "+wider+" --kafka-cluster abc123 --fail-on none")...)
		require.Equal(t, exitDone, got.status, got.stderr)
		assert.Contains(t, got.stdout, "  acl: "+readerOrigin+", ACL (principal=User:alice")
		assert.Contains(t, got.stdout, "    other: role DeveloperRead by binding User:alice on PREFIXED Topic \"ord\" of cluster abc123, ACL (principal=User:alice")
		assert.Contains(t, got.stdout, "it is there by a role: change the binding or the role, see iam lint\n")
		got = runWith("", strings.Fields("lint --roles "+wider+" --kafka-cluster abc123 -o json")...)
		assert.Contains(t, got.stdout, `"roles":[{"principal":"User:alice","role":"DeveloperRead"`)
		known := file(t, "known.jsonl", got.stdout)
		got = runWith("", strings.Fields("lint --roles "+wider+" --kafka-cluster abc123 --baseline "+known)...)
		assert.Equal(t, exitDone, got.status, got.stderr)
	})
	t.Run("report", func(t *testing.T) {
		got := runWith("", strings.Fields("report"+given+"--html -")...)
		require.Equal(t, exitDone, got.status, got.stderr)
		assert.Contains(t, got.stdout, "role DeveloperRead by binding User:alice on Topic \\\"orders\\\" of cluster abc123")
		assert.Contains(t, got.stdout, `"roles":{"0":[`)
	})
}

func TestRoleFlags(t *testing.T) {
	roles := writeRoles(t, "User:alice DeveloperRead Topic:orders")
	broken := filepath.Join(t.TempDir(), "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte("{}"), 0o600))
	const question = " --principal User:alice --operation Read --topic orders"
	for _, test := range []struct{ args, want string }{
		{"check --roles " + roles + question, "portcullis: --roles needs --kafka-cluster: bindings hold in one cluster\n"},
		{"check --kafka-cluster abc123 --acls " + acme + "acls.txt" + question, "portcullis: --kafka-cluster needs --roles\n"},
		{"check --roles - --kafka-cluster abc123" + question, "portcullis: --roles \"-\": expected the name of a file\n"},
		{"check --roles " + broken + " --kafka-cluster abc123" + question, `portcullis: ` + broken + `: found the format "", expected "portcullis-roles-1"` + "\n"},
		{"check --roles " + roles + " --kafka-cluster other" + question, "portcullis: " + roles + " has no role binding and no ACL of the Kafka cluster other: expected at least one, or --allow-empty\n"},
		{"list --acls " + acme + "acls.txt --by-role", "portcullis: --by-role needs --roles\n"},
		{"check --roles " + roles + " --kafka-cluster abc123 --format json" + question, "portcullis: --format needs --acls: it is the format of that file\n"},
	} {
		got := runWith("", strings.Fields(test.args)...)
		assert.Equal(t, exitError, got.status, test.args)
		assert.Equal(t, test.want, got.stderr, test.args)
		assert.Empty(t, got.stdout, test.args)
	}
}

// A DENY among the ACLs of the file wins over its roles. An ACL that is there both ways is said to
// be.
func TestRolesAndACLsOfOneFile(t *testing.T) {
	roles := writeRoles(t, "User:alice DeveloperRead Topic:orders")
	for _, line := range []string{
		"- acl create --kafka-cluster abc123 --allow --principal User:alice --operation read --topic orders",
		"- acl create --kafka-cluster abc123 --deny --principal User:alice --operation describe --topic orders",
		"- acl create --kafka-cluster only --allow --principal User:bob --operation read --topic orders",
	} {
		got := runIAM(roles, "", line)
		require.Equal(t, 0, got.status, got.stderr)
	}
	given := " --roles " + roles + " --kafka-cluster abc123 --principal User:alice --topic orders --operation "
	got := runWith("", strings.Fields("check"+given+"Read")...)
	assert.Contains(t, got.stdout, readerOrigin+"; also without a role, ACL")
	got = runWith("", strings.Fields("check"+given+"Describe")...)
	assert.Equal(t, exitDenied, got.status)
	assert.Contains(t, got.stdout, "reason: matching deny: (principal=User:alice")
	got = runWith("", strings.Fields("check --roles "+roles+" --kafka-cluster only --principal User:bob --topic orders --operation Read")...)
	assert.Equal(t, exitDone, got.status, got.stderr)
}
