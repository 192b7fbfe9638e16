package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// storedOnly are ACLs that a cluster can have and that Kafka 4.4 does not create.
var storedOnly = []acl.Binding{
	acltest.Allow("test", ops.Read, acltest.Topic("orders")), acltest.AllowFrom("User:a", "10.0.0.0/255.0.0.0", ops.Read, acltest.Topic("orders")),
	acltest.DenyFrom("User:a", "", ops.Read, acltest.Topic("orders")), acltest.Allow("User:a", ops.Read, acltest.Topics("")),
}

// TestPlanRemovesStoredACLs: a plan as JSON can hold ACLs that Kafka no longer creates, apply
// removes them, and a plan that would create one is refused.
func TestPlanRemovesStoredACLs(t *testing.T) {
	cluster := startLive(t, snapshot.Config{}, append(slices.Clone(storedOnly), opsAlter, opsDescribe)...)
	desired := aclFile(t, opsAlter, opsDescribe)
	planned := cluster.run(t, "ops", "", "plan", "-o", "json", "--acls", desired)
	require.Equal(t, 2, planned.status, planned.stderr)
	var plan struct {
		Changes []struct {
			Action string
			ACL    acl.Binding
		}
	}
	require.NoError(t, json.Unmarshal([]byte(planned.stdout), &plan))
	require.Len(t, plan.Changes, len(storedOnly))
	for _, c := range plan.Changes {
		assert.Equal(t, "remove", c.Action)
		assert.Contains(t, storedOnly, c.ACL)
	}
	listed := cluster.run(t, "ops", "", "list", "-o", "json")
	assert.ElementsMatch(t, append(slices.Clone(storedOnly), opsAlter, opsDescribe), readACLs(t, listed.stdout))

	same := cluster.run(t, "ops", "", "plan", "--acls", aclFile(t, append(slices.Clone(storedOnly), opsAlter, opsDescribe)...))
	assert.Equal(t, 0, same.status, "what is there may stay: %s", same.stderr)

	applied := cluster.run(t, "ops", "", "apply", "--plan", file(t, "plan.json", planned.stdout))
	require.Equal(t, 0, applied.status, applied.stderr)
	assert.ElementsMatch(t, []acl.Binding{opsAlter, opsDescribe}, slices.Collect(cluster.store.Load().All()))

	for _, b := range storedOnly {
		got := cluster.run(t, "ops", "", "plan", "--acls", aclFile(t, b, opsAlter, opsDescribe))
		assert.Equal(t, 1, got.status, got.stdout)
		assert.Contains(t, got.stderr, "the cluster would refuse the desired ACL")
	}
}

// TestCodesOfALaterRelease: a live cluster with an ACL that has an operation of a later release
// can be read. The ACL is kept apart, and fails closed.
func TestCodesOfALaterRelease(t *testing.T) {
	upstream, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(upstream.Close)
	upstream.ControlKey(int16(kmsg.DescribeACLs), func(r kmsg.Request) (kmsg.Response, error, bool) {
		upstream.KeepControl()
		response := r.ResponseKind().(*kmsg.DescribeACLsResponse)
		of := kmsg.NewDescribeACLsResponseResource()
		of.ResourceType, of.ResourceName, of.ResourcePatternType = kmsg.ACLResourceType(resource.Topic), "orders", kmsg.ACLResourcePatternType(resource.Literal)
		for _, a := range []struct {
			who            string
			op, permission int8
		}{{"User:*", int8(ops.All), int8(acl.Allow)}, {"User:alice", 99, int8(acl.Deny)}, {"User:bob", 99, int8(acl.Allow)}} {
			of.ACLs = append(of.ACLs, kmsg.DescribeACLsResponseResourceACL{Principal: a.who, Host: "*", Operation: kmsg.ACLOperation(a.op), PermissionType: kmsg.ACLPermissionType(a.permission)})
		}
		response.Resources = append(response.Resources, of)
		return response, nil, true
	})
	address := upstream.ListenAddrs()[0]
	const told = `the cluster: the ACL of User:alice on Topic orders has the operation UNKNOWN, which this version does not know: kept apart; in decisions it denies all operations`
	for line, status := range map[string]int{
		"list -o json": exitDone,
		"check --principal User:alice --operation Read --topic orders": exitDenied,
		"check --principal User:bob --operation Read --topic orders":   exitDone,
	} {
		t.Run(line, func(t *testing.T) {
			got := runWith("", append(strings.Fields(line), "--bootstrap-server", address)...)
			assert.Equal(t, status, got.status, got.stdout+got.stderr)
			assert.Contains(t, got.stderr, told)
			if strings.HasPrefix(line, "list") {
				assert.Equal(t, 1, strings.Count(got.stdout, "\n"))
			}
		})
	}
	leap := file(t, "leap.txt", ordersHeading+"\n\t"+strings.Replace(ordersEntry, "READ", "LEAP", 1)+"\n")
	got := runWith("", "plan", "--acls", leap, "--bootstrap-server", address, "--allow-lockout")
	assert.Equal(t, 1, got.status)
	assert.Contains(t, got.stderr, `the ACL of User:alice has the operation "LEAP", which this version does not know: it cannot be planned`)
	got = runWith("", "plan", "--acls", aclFile(t, acltest.Allow("User:*", ops.All, acltest.Topic("orders"))), "--bootstrap-server", address, "--allow-lockout")
	assert.Equal(t, 0, got.status, "what is kept apart stays: %s", got.stderr)
	assert.Contains(t, got.stderr, told)
}
