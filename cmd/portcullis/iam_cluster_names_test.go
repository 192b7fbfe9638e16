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
	assert.Equal(t, exitError, exported.status)
	assert.Contains(t, exported.stderr, `it is the name of the cluster "west-id", and the id of another one: rename the cluster`)
	acls := runIAM(path, "", "- acl create --allow --principal User:a --operation read --topic t --kafka-cluster east")
	assert.Equal(t, exitError, acls.status, acls.stdout)
	assert.Contains(t, runIAM(path, "", "- export --kafka-cluster west-id").stdout, "User:of-west")
}

// TestExportByName: a cluster has a name and an id.
func TestExportByName(t *testing.T) {
	path := file(t, "roles.json", `{"format":"portcullis-roles-1","clusters":[{"clusterName":"east","clusters":{"kafka-cluster":"east-id"}}],
  "roles":[],"bindings":[{"principal":"User:alice","role":"DeveloperRead","scope":{"clusterName":"east"},"resourcePattern":{"resourceType":"Topic","name":"t","patternType":"LITERAL"}}]}`)
	for _, cluster := range []string{"east", "east-id"} {
		assert.Contains(t, runIAM(path, "", "- export --kafka-cluster "+cluster).stdout, "User:alice", cluster)
	}
}
