package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLintRoles finds each kind of finding once, and knows them from a baseline.
func TestLintRoles(t *testing.T) {
	const in = `"scope":{"clusters":{"kafka-cluster":"abc123"}}`
	binding := func(who, role, scope, pattern string) string {
		text := `{"principal":"` + who + `","role":"` + role + `",` + scope
		if pattern != "" {
			kind, name, _ := strings.Cut(pattern, ":")
			patternType := "LITERAL"
			if strings.HasSuffix(name, "-") {
				patternType = "PREFIXED"
			}
			text += `,"resourcePattern":{"resourceType":"` + kind + `","name":"` + name + `","patternType":"` + patternType + `"}`
		}
		return text + "}"
	}
	path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"prod","clusters":{"kafka-cluster":"abc123"}}],
"acls":[{`+in+`,"acl":{"resourceType":"TOPIC","name":"pay-secret","patternType":"LITERAL","principal":"User:*","host":"*","operation":"READ","permission":"DENY"}}],
"bindings":[`+strings.Join([]string{
		binding("Group:Domain Users", "SystemAdmin", in, ""),
		binding("Group:small", "DeveloperRead", in, "Topic:fine"),
		binding("User:a", "ResourceOwner", in, "Topic:*"),
		binding("User:b", "DeveloperRead", strings.Replace(in, "abc123", "abc124", 1), "Topic:t"),
		binding("User:c", "DeveloperWrite", in, "Group:g"),
		binding("User:c", "DeveloperRead", in, "Subject:s"),
		binding("User:c", "DeveloperRead", strings.Replace(in, `}}`, `,"connect-cluster":"c"}}`, 1), "Topic:t"),
		binding("Group:gone", "DeveloperRead", in, "Topic:pay-"),
		binding("User:d", "DeveloperWrite", in, "Topic:pay-"),
		binding("User:e", "DeveloperRead", in, "Topic:x"),
		binding("User:e", "DeveloperRead", `"scope":{"clusterName":"prod"}`, "Topic:x"),
		binding("User:f", "DeveloperRead", in, "Topic:team-"),
		binding("User:f", "DeveloperRead", in, "Topic:team-one"),
		binding("User:f", "ResourceOwner", in, "Topic:team-o-"),
	}, ",")+`]}`)
	groups := file(t, "groups.jsonl", `{"group":"Group:small","members":["User:a"]}`+"\n"+`{"group":"Group:Domain Users","members":["User:b"]}`+"\n")
	want := []string{
		"accidental-admin Group:Domain Users",
		"owner-of-all User:a",
		"unknown-cluster User:b",
		"gives-nothing User:c", "gives-nothing User:c", "gives-nothing User:c",
		"denied Group:Domain Users", "denied Group:gone", "denied User:a",
		"no-members Group:gone",
		"duplicate User:e",
		"shadowed User:f",
	}
	got := runWith("", "iam", "lint", "--file", path, "--groups", groups, "-o", "json")
	require.Equal(t, exitDenied, got.status, got.stderr)
	var codes []string
	for line := range strings.Lines(got.stdout) {
		var f struct {
			Code    string
			Binding struct{ Principal string }
		}
		require.NoError(t, json.Unmarshal([]byte(line), &f))
		codes = append(codes, f.Code+" "+f.Binding.Principal)
	}
	assert.ElementsMatch(t, want, codes)
	assert.Equal(t, want[0], codes[0], "the most dangerous first")
	assert.Equal(t, "bindings: 14, findings: 12 (errors: 1, warnings: 9, notes: 2), removable: 5\n", got.stderr)

	known := file(t, "known.jsonl", got.stdout)
	again := runWith("", "iam", "lint", "--file", path, "--groups", groups, "--baseline", known)
	assert.Equal(t, exitDone, again.status)
	assert.Empty(t, again.stdout)
	assert.Equal(t, "bindings: 14, findings: 0 (errors: 0, warnings: 0, notes: 0), removable: 0; of the baseline: still there: 12, gone: 0\n", again.stderr)
	sarif := runWith("", "iam", "lint", "--file", path, "--groups", groups, "--baseline", known, "-o", "sarif")
	assert.Equal(t, 12, strings.Count(sarif.stdout, `"baselineState": "unchanged"`))
	assert.Contains(t, sarif.stdout, `"id": "accidental-admin"`)

	without := runWith("", "iam", "lint", "--file", path, "--fail-on", "none")
	assert.Equal(t, exitDone, without.status)
	assert.Contains(t, without.stdout, "error: accidental-admin: everyone is in the group, and the role is for the whole cluster or for all resources of a type\n  fix: bind the role to a group of the people who need it\n  binding: \"Group:Domain Users\" has \"SystemAdmin\" in Kafka abc123\n")
	assert.NotContains(t, without.stdout, "no-members")
	all := file(t, "all.jsonl", `{"group":"Group:small","members":["User:a","User:b","User:c"]}`+"\n")
	require.Equal(t, exitDone, runIAM(path, "", "- rolebinding create --principal Group:small --role ResourceOwner --resource Topic:s- --prefix --kafka-cluster-id abc123").status)
	assert.Contains(t, runWith("", "iam", "lint", "--file", path, "--groups", all).stdout, "the role lets them give access to others")
	for line, stderr := range map[string]string{
		"--fail-on never":    "portcullis: --fail-on \"never\": expected note, warning, error or none\n",
		"--baseline " + path: "expected a line of the output of portcullis lint -o json",
		"--groups " + path:   `expected an object such as {"group"`,
	} {
		bad := runWith("", append([]string{"iam", "lint", "--file", path}, strings.Fields(line)...)...)
		assert.Equal(t, exitError, bad.status)
		assert.Contains(t, bad.stderr, stderr)
	}
}
