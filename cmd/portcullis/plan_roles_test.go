package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/snapshot"
)

// rolesOfOps makes a file of roles of the cluster abc123 in which ops may change ACLs, and returns what
// runs a command line of iam on it.
func rolesOfOps(t *testing.T, path string) (iam func(line string)) {
	t.Helper()
	iam = func(line string) {
		t.Helper()
		got := runIAM(path, "", line)
		require.Equal(t, exitDone, got.status, got.stderr)
	}
	for _, operation := range []string{"alter", "describe"} {
		iam("- acl create --allow --principal User:ops --cluster-scope --kafka-cluster abc123 --operation " + operation)
	}
	return iam
}

// TestPlanRoles plans and applies the role bindings of a file, and says what changes in terms of
// roles.
func TestPlanRoles(t *testing.T) {
	cluster := startLive(t, snapshot.Config{}, opsAlter, opsDescribe)
	path := filepath.Join(t.TempDir(), "roles.json")
	const flags = " --kafka-cluster abc123"
	const payments = " --principal Group:payments --role ResourceOwner --resource Topic:payments. --prefix" + flags
	iam := rolesOfOps(t, path)
	iam("- acl create --deny --principal User:eve --operation all --topic payments.secret" + flags)
	iam("- rbac role-binding create" + payments)
	args := func(command ...string) []string {
		return append(command, "--roles", path, "--kafka-cluster", "abc123")
	}

	got := cluster.run(t, "ops", "", args("plan")...)
	require.Equal(t, 2, got.status, got.stderr)
	assert.Contains(t, got.stdout, "\nroles: 1\n+ Group:payments gains ResourceOwner on PREFIXED Topic \"payments.\"\nchanges: 9\n")
	planned := cluster.run(t, "ops", "", args("plan", "-o", "json")...)
	assert.Contains(t, planned.stdout, `"roles":[{"change":"gained","binding":{"principal":"Group:payments","role":"ResourceOwner","scope":{"clusters":{"kafka-cluster":"abc123"}},"resourcePattern":{"resourceType":"Topic","name":"payments.","patternType":"PREFIXED"}}}]`)
	got = cluster.run(t, "ops", "", "apply", "--plan", file(t, "plan.json", planned.stdout))
	require.Equal(t, 0, got.status, got.stderr)
	exported := readACLs(t, runIAM(path, "", "- export -o json"+flags).stdout)
	assert.ElementsMatch(t, exported, slices.Collect(cluster.store.Load().All()), "with the DENY and the ACLs of ops")

	// One role for another.
	iam("- rbac role-binding delete --force" + payments)
	iam("- rbac role-binding create --principal Group:payments --role DeveloperRead --resource Topic:payments. --prefix" + flags)
	got = cluster.run(t, "ops", "", args("apply", "--force", "--dry-run")...)
	assert.Contains(t, got.stdout, "\nroles: 1\n- Group:payments loses ResourceOwner on PREFIXED Topic \"payments.\"\nchanges: 6\n")
	require.Equal(t, 0, cluster.run(t, "ops", "", args("apply", "--force")...).status)
	got = cluster.run(t, "ops", "", args("plan")...)
	assert.Equal(t, 0, got.status)
	assert.NotContains(t, got.stdout, "roles:")

	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"plan"}, "--acls or --roles is missing"},
		{[]string{"apply"}, "expected --acls, --roles or --plan"},
		{[]string{"plan", "--roles", path}, "--roles needs --kafka-cluster: bindings hold in one cluster"},
		{args("plan")[:3:3], "--roles needs --kafka-cluster"},
		{args("apply", "--plan", path), "--roles cannot be given with --plan: the plan says it"},
	} {
		got := cluster.run(t, "ops", "", test.args...)
		assert.Equal(t, 1, got.status)
		assert.Contains(t, got.stderr, test.want)
	}
}
