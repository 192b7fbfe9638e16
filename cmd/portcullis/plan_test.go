package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// aclFile writes ACLs to a file and returns its name.
func aclFile(t *testing.T, bindings ...acl.Binding) string {
	t.Helper()
	var text strings.Builder
	require.NoError(t, acl.Write(&text, acl.FormatJSON, slices.Values(bindings)))
	return file(t, "desired.jsonl", text.String())
}

var (
	kafkaCluster = resource.LiteralPattern(resource.Cluster, resource.ClusterName)
	opsAlter     = acltest.Allow("User:ops", ops.Alter, kafkaCluster)
	opsDescribe  = acltest.Allow("User:ops", ops.Describe, kafkaCluster)
)

// planBefore and planAfter are the ACLs of a cluster and those that it is to have.
var (
	planBefore = []acl.Binding{opsAlter, acltest.Allow("User:*", ops.Read, acltest.Topic("news")), acltest.Allow("User:alice", ops.All, acltest.Topics("pay")),
		acltest.DenyFrom("User:alice", "10.0.0.1", ops.Write, acltest.Topic("pay.eu")), acltest.Allow("User:carol\u202e", ops.Read, acltest.Topic("odd"))}
	planAfter = []acl.Binding{opsAlter, acltest.Allow("User:*", ops.Read, acltest.Topic("news")), acltest.Deny("User:eve", ops.Read, acltest.Topic("news")),
		acltest.Allow("User:alice", ops.Read, acltest.Topics("pay")), acltest.Allow("User:bob", ops.Write, acltest.Topics("pay"))}
)

// TestPlanOutput compares the output of plan and apply with testdata/live.
func TestPlanOutput(t *testing.T) {
	files := map[string]bool{"watch.txt": true} // of TestWatch
	for _, test := range []struct {
		name, args string
		open       bool
	}{
		{"plan", "plan", false},
		{"plan-json", "plan -o json", false},
		{"plan-scope", `plan --managed-by {"namePrefix":"pay"} --managed-by {"resourceType":"Topic","permission":"Deny"}`, false},
		{"plan-open", "plan --allow-everyone-if-no-acl-found", true},
		{"plan-open-json", "plan --allow-everyone-if-no-acl-found -o json", true},
		{"plan-super-users", "plan --super-users User:alice", false},
		{"apply-dry-run", "apply --dry-run", false},
		{"apply-asks", "apply", false},
		{"apply", "apply --force", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster := startLive(t, snapshot.Config{AllowIfNoACL: test.open}, planBefore...)
			desired := planAfter
			if test.name == "plan-scope" {
				desired = planAfter[2:]
			}
			if test.open {
				desired = append(slices.Clone(planAfter), acltest.Allow("User:x", ops.Read, acltest.Topic("new")), acltest.Allow("User:y", ops.Read, acltest.Topic("new")))
			}
			got := cluster.run(t, "ops", "", append(strings.Fields(test.args), "--acls", aclFile(t, desired...))...)
			text := strings.ReplaceAll("$ portcullis "+test.args+"\n"+got.stdout+"--- stderr\n"+got.stderr, cluster.address, "HOST:PORT")
			text += "--- exit status " + string(rune('0'+got.status)) + "\n"
			assertInert(t, text, "")
			path := filepath.Join("testdata", "live", test.name+".txt")
			files[test.name+".txt"] = true
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			assert.Equal(t, readAll(t, path), text)
		})
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "live"))
	require.NoError(t, err)
	for _, entry := range entries {
		assert.True(t, files[entry.Name()], "%s belongs to no test", entry.Name())
	}
}

// TestApply applies desired ACLs and plans, and looks at what the cluster has then.
func TestApply(t *testing.T) {
	cluster := startLive(t, snapshot.Config{}, planBefore...)
	has := func(want ...acl.Binding) {
		t.Helper()
		assert.ElementsMatch(t, want, slices.Collect(cluster.store.Load().All()))
	}
	after := aclFile(t, planAfter...)

	got := cluster.run(t, "ops", "n\n", "apply", "--acls", after)
	assert.Equal(t, 1, got.status)
	assert.Contains(t, got.stderr, "portcullis: not confirmed: nothing was changed\n")
	has(planBefore...)

	planned := cluster.run(t, "ops", "", "plan", "-o", "json", "--acls", after)
	require.Equal(t, 2, planned.status, planned.stderr)
	back := cluster.run(t, "ops", "", "plan", "-o", "json", "--acls", aclFile(t, planBefore...), "--managed-by", `{"resourceType":"Topic"}`, "--managed-by", `{"resourceType":"Cluster"}`)
	assert.Equal(t, 0, back.status, "nothing to change: %s", back.stderr)

	got = cluster.run(t, "ops", "", "apply", "--plan", file(t, "plan.json", planned.stdout), "--batch-size", "1")
	require.Equal(t, 0, got.status, got.stderr)
	assert.Equal(t, "added: 3, removed: 3\n", got.stderr)
	has(planAfter...)
	assert.Equal(t, 0, cluster.run(t, "ops", "", "plan", "--acls", after).status)
	got = cluster.run(t, "ops", "", "apply", "--plan", file(t, "plan.json", planned.stdout))
	assert.Equal(t, 0, got.status, "a plan that is applied already has nothing to change: %s", got.stderr)

	// From several files, on standard input, in a scope: the rest stays.
	got = cluster.run(t, "ops", "{}", "apply", "--force", "--acls", "-", "--format", "json")
	assert.Equal(t, 1, got.status)
	one, two := acltest.Allow("User:x-1", ops.Read, acltest.Topic("x")), acltest.Allow("User:x-2", ops.Read, acltest.Topic("x"))
	first, second := aclFile(t, one), readAll(t, aclFile(t, two))
	got = cluster.run(t, "ops", second, "apply", "--force", "--acls", first, "--acls", "-", "--managed-by", `{"principalPrefix":"User:x-"}`)
	require.Equal(t, 0, got.status, got.stderr)
	has(append(slices.Clone(planAfter), one, two)...)
	got = cluster.run(t, "ops", "", "apply", "--force", "--acls", file(t, "empty", ""), "--allow-empty", "--managed-by", `{"principalPrefix":"User:x-"}`)
	require.Equal(t, 0, got.status, got.stderr)
	has(planAfter...)
}

// TestApplyRefuses holds what plan and apply refuse. Nothing is changed then.
func TestApplyRefuses(t *testing.T) {
	cluster := startLive(t, snapshot.Config{}, planBefore...)
	after := aclFile(t, planAfter...)
	planned := cluster.run(t, "ops", "", "plan", "-o", "json", "--acls", after).stdout
	other := startLive(t, snapshot.Config{}, append(slices.Clone(planBefore), acltest.Allow("User:new", ops.Read, acltest.Topic("n")))...)
	half := startLive(t, snapshot.Config{}, planBefore[:len(planBefore)-1]...) // a removal is made, but nothing is added
	scoped := cluster.run(t, "ops", "", "plan", "-o", "json", "--acls", aclFile(t, planAfter[3:]...), "--managed-by", `{"namePrefix":"pay"}`).stdout
	indented := func(text string) string {
		out, err := json.MarshalIndent(json.RawMessage(text), "", "  ")
		require.NoError(t, err)
		return string(out)
	}
	denied := acltest.Deny("User:*", ops.Describe, kafkaCluster)
	for name, test := range map[string]struct {
		cluster *live
		user    string
		args    []string
		want    string
	}{
		"lockout":                        {cluster, "ops", []string{"plan", "--acls", aclFile(t, planAfter[1:]...)}, `User:ops would lose Alter and Describe on the cluster, without which ACLs cannot be changed: remove ALLOW \(principal=User:ops,.*--super-users or --allow-lockout`},
		"lockout of apply":               {cluster, "ops", []string{"apply", "--force", "--acls", aclFile(t, planAfter[1:]...)}, `User:ops would lose Alter`},
		"lockout by a DENY for everyone": {cluster, "ops", []string{"apply", "--force", "--acls", aclFile(t, append(slices.Clone(planAfter), denied)...)}, `User:ops would lose Describe on the cluster.*add DENY \(principal=User:\*`},
		"lockout of somebody":            {cluster, "root", []string{"apply", "--force", "--acls", aclFile(t, planAfter[1:]...), "--as", "User:ops"}, `User:ops would lose Alter`},
		"lockout from an address":        {cluster, "ops", []string{"apply", "--force", "--acls", aclFile(t, append(slices.Clone(planAfter), acltest.DenyFrom("User:ops", "10.0.0.1", ops.Alter, kafkaCluster))...)}, `User:ops would lose Alter`},
		"out of scope":                   {cluster, "ops", []string{"plan", "--acls", after, "--managed-by", `{"resourceType":"topic"}`}, `the desired ACL \(principal=User:ops,.*is not in the scope of --managed-by`},
		"a plan with more behind it":     {cluster, "ops", []string{"apply", "--plan", file(t, "p", planned+planned)}, `the plan was edited, or repeats a key: make a new plan`},
		"a plan with a repeated key":     {cluster, "ops", []string{"apply", "--plan", file(t, "p", strings.Replace(planned, `"format"`, `"cluster":"x","format"`, 1))}, `the plan was edited, or repeats a key`},
		"a plan with another key":        {cluster, "ops", []string{"apply", "--plan", file(t, "p", strings.Replace(planned, `"format"`, `"x":"x","format"`, 1))}, `expected the output of portcullis plan -o json`},
		"a plan of another version":      {cluster, "ops", []string{"apply", "--plan", file(t, "p", strings.Replace(planned, `portcullis-plan-1`, `portcullis-plan-2`, 1))}, `found the format portcullis-plan-2, expected portcullis-plan-1`},
		"no plan":                        {cluster, "ops", []string{"apply", "--plan", after}, `expected the output of portcullis plan -o json`},
		"a plan whose changes leave its scope": {cluster, "ops", []string{"apply", "--plan", file(t, "p", strings.Replace(scoped, `{"namePrefix":"pay"}`, `{"namePrefix":"payments"}`, 1))},
			`the plan changes an ACL that is not in its scope`},
		"a plan for other ACLs":        {other, "ops", []string{"apply", "--plan", file(t, "p", planned)}, `the ACLs of the cluster are not those that the plan was made for`},
		"a plan half made by somebody": {half, "ops", []string{"apply", "--plan", file(t, "p", planned)}, `the ACLs of the cluster are not those that the plan was made for`},
		"a plan for another cluster":   {cluster, "ops", []string{"apply", "--plan", file(t, "p", strings.Replace(planned, `"cluster":"kfake"`, `"cluster":"x"`, 1))}, `the plan is for the cluster x, and this is kfake`},
		"a plan and ACLs":              {cluster, "ops", []string{"apply", "--plan", file(t, "p", planned), "--acls", after, "--super-users", "User:x"}, `--acls cannot be given with --plan: the plan says it\n.*--super-users cannot be given with --plan`},
		"no right to alter":            {startLive(t, snapshot.Config{}, opsDescribe), "ops", []string{"apply", "--force", "--acls", aclFile(t, opsDescribe, opsAlter)}, `CLUSTER_AUTHORIZATION_FAILED|needs Alter on the cluster`},
		"a question and stdin":         {cluster, "ops", []string{"apply", "--acls", "-"}, `standard input \(-\) cannot be read and answer a question: give --force`},
		"batches":                      {cluster, "ops", []string{"apply", "--acls", after, "--batch-size", "1001"}, `--batch-size "1001": expected 1 to 1000`},
		"--as":                         {cluster, "ops", []string{"plan", "--acls", after, "--as", "x", "--as-host", "y"}, `--as "x": expected Type:name.*\n.*--as-host "y": expected an IP address`},
		"a filter":                     {cluster, "ops", []string{"plan", "--acls", after, "--managed-by", `{"nam":"x"}`}, `--managed-by: found .*nam.*, expected`},
		"an empty filter":              {cluster, "ops", []string{"plan", "--acls", after, "--managed-by", `{}`}, `--managed-by: found no key, expected at least one of resourceType`},
		"a filter of any operation":    {cluster, "ops", []string{"plan", "--acls", after, "--managed-by", `{"operation":"Any"}`}, `--managed-by: operation: found Any, expected what an ACL has`},
		"an empty file":                {cluster, "ops", []string{"plan", "--acls", file(t, "empty", "")}, `empty has no ACL: expected at least one, or --allow-empty`},
	} {
		t.Run(name, func(t *testing.T) {
			before := test.cluster.store.Load().Generation()
			got := test.cluster.run(t, test.user, "", test.args...)
			assert.Equal(t, 1, got.status, got.stdout)
			assert.Empty(t, got.stdout)
			assert.Regexp(t, "(?s)"+test.want, got.stderr)
			assert.Equal(t, before, test.cluster.store.Load().Generation(), "the ACLs were changed")
		})
	}
	t.Run("an indented plan", func(t *testing.T) {
		got := cluster.run(t, "ops", "", "apply", "--plan", file(t, "p", indented(planned)))
		assert.Equal(t, 0, got.status, got.stderr)
	})
}

// TestApplyAcceptsLockout accepts changes that look like a lockout, in each of the ways to say
// so.
func TestApplyAcceptsLockout(t *testing.T) {
	desired := aclFile(t, planAfter[1:]...)
	deny := aclFile(t, append(slices.Clone(planAfter), acltest.DenyFrom("User:ops", "10.0.0.1", ops.Alter, kafkaCluster))...)
	for name, args := range map[string][]string{
		"--allow-lockout": {"--acls", desired, "--allow-lockout"},
		"--super-users":   {"--acls", desired, "--super-users", "User:ops"},
		"--as":            {"--acls", desired, "--as", "User:admin"},
		"--as-host":       {"--acls", deny, "--as-host", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startLive(t, snapshot.Config{}, planBefore...)
			got := cluster.run(t, "ops", "", append([]string{"plan"}, args...)...)
			assert.Equal(t, 2, got.status, got.stderr)
		})
	}
}

// TestApplyStops stops apply in the middle, in several ways. It says what was done, and a
// second run finishes.
func TestApplyStops(t *testing.T) {
	desired := slices.Clone(planAfter) // with so many changes that what happens comes in the middle
	for i := range 400 {
		desired = append(desired, acltest.Allow("User:many", ops.Read, acltest.Topic(fmt.Sprint("many-", i))))
	}
	for name, test := range map[string]struct {
		at     int // the number of changes after which something happens
		do     func(l *live)
		status int
		want   string
	}{
		"the right is taken away": {2, func(l *live) {
			l.store.Update(func(tx *snapshot.Tx) error { tx.Remove(opsAlter); return nil })
		}, 3, `(?s)CLUSTER_AUTHORIZATION_FAILED.*stopped: \d+ of 406 changes are made, and of the last batch 1 may be or were refused\n.*add DENY: 1 of 1\nportcullis: add ALLOW: \d+ of 402\n.*remove ALLOW: 0 of 2\n.*run the same command again`},
		"somebody else changes ACLs": {3, func(l *live) {
			l.store.Update(func(tx *snapshot.Tx) error {
				tx.Add(acltest.Allow("User:other", ops.Read, acltest.Topic("news")))
				return nil
			})
		}, 3, `(?s)broker 0 does not have the ACLs in force that it should: it has \(principal=User:other.*somebody else changes ACLs.*stopped: 403 of 406`},
		"a signal": {3, func(*live) { syscall.Kill(os.Getpid(), syscall.SIGTERM) }, 3, `(?s)stopped by a signal.*stopped: \d+ of 406`},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startLive(t, snapshot.Config{}, planBefore...)
			signals := make(chan os.Signal, 1) // so that the signal does not end the test
			signal.Notify(signals, syscall.SIGTERM)
			defer signal.Stop(signals)
			begin := cluster.store.Load().Generation()
			watched, stop := context.WithCancel(t.Context())
			defer stop()
			go func() {
				for c, err := range cluster.store.Watch(watched, begin) {
					if err == nil && int(c.Generation-begin) == test.at {
						test.do(cluster)
						return
					}
				}
			}()
			args := []string{"apply", "--force", "--batch-size", "1", "--acls", aclFile(t, desired...), "--bootstrap-server", cluster.address,
				"--command-config", clientProperties(t, "PLAIN", "ops", liveUsers["ops"])}
			quick := strings.Replace(readAll(t, args[len(args)-1]), "20000", "2000", 1)
			got := runWith("", append(args[:len(args)-1], file(t, "quick.properties", quick))...)
			assert.Equal(t, test.status, got.status)
			assert.Empty(t, got.stdout)
			assert.Regexp(t, test.want, got.stderr)

			stop()
			got = cluster.run(t, "root", "", "apply", "--force", "--acls", aclFile(t, desired...), "--as", "User:root")
			assert.Equal(t, 0, got.status, got.stderr)
			assert.ElementsMatch(t, desired, slices.Collect(cluster.store.Load().All()))
		})
	}
}
