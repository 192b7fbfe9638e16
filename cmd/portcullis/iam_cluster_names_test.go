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
