package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClusterNamesThatAreIDs: what was bound in the Kafka cluster with an id is what iam export
// prints for this id, also if another cluster has that id as its name; or it is refused.
func TestClusterNamesThatAreIDs(t *testing.T) {
	path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"east","clusters":{"kafka-cluster":"west-id"}}],
  "roles":[],"bindings":[{"principal":"User:of-west","role":"DeveloperRead","scope":{"clusterName":"east"},"resourcePattern":{"resourceType":"Topic","name":"t","patternType":"LITERAL"}}]}`)
	got := runIAM(path, "", "- rbac role-binding create --principal User:of-east --role DeveloperRead --resource Topic:t --kafka-cluster east")
	if got.status != exitDone {
		return // it is refused
	}
	exported := runIAM(path, "", "- export --kafka-cluster east")
	require.NotEqual(t, "", exported.stderr)
	if exported.status == exitDone {
		assert.Contains(t, exported.stdout, "User:of-east", exported.stderr)
		assert.NotContains(t, exported.stdout, "User:of-west", exported.stderr)
	}
}

// TestExportByName: a name of a cluster is not taken for an id, which would have no ACL at all.
func TestExportByName(t *testing.T) {
	path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"east","clusters":{"kafka-cluster":"east-id"}}],
  "roles":[],"bindings":[{"principal":"User:alice","role":"DeveloperRead","scope":{"clusterName":"east"},"resourcePattern":{"resourceType":"Topic","name":"t","patternType":"LITERAL"}}]}`)
	got := runIAM(path, "", "- export --kafka-cluster east")
	assert.NotEqual(t, exitDone, got.status)
	assert.Contains(t, got.stderr, "--cluster-name")
	for _, flag := range []string{"--cluster-name east", "--kafka-cluster east-id"} {
		assert.Contains(t, runIAM(path, "", "- export "+flag).stdout, "User:alice", flag)
	}
}
