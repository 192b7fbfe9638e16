package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestImportOfAList: kubectl get -o yaml puts all resources into one List. Its role bindings are
// taken, or the import fails: it does not end well with none of them.
func TestImportOfAList(t *testing.T) {
	const binding = `apiVersion: platform.confluent.io/v1beta1
kind: ConfluentRolebinding
metadata: {name: devs, namespace: kafka}
spec:
  principal: {type: user, name: alice}
  role: DeveloperRead
  resourcePatterns: [{name: orders, resourceType: Topic}]
`
	list := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(binding), "\n", "\n  ") + "\n"
	for name, text := range map[string]string{"alone": binding, "in a list": list} {
		t.Run(name, func(t *testing.T) {
			got := runIAM(filepath.Join(t.TempDir(), "roles.json"), text, "- import --from cfk - --kafka-cluster abc123")
			if got.status == exitDone {
				assert.Contains(t, got.stdout, "bindings: 1, of which new: 1")
			}
		})
	}
	// The same principal twice in a lookup: the second one drops the first.
	const lookup = `{"scope":{"clusters":{"kafka-cluster":"abc123"}},"rolebindings":{` +
		`"User:alice":{"DeveloperRead":[{"resourceType":"Topic","name":"a","patternType":"LITERAL"}]},` +
		`"User:alice":{"DeveloperWrite":[{"resourceType":"Topic","name":"b","patternType":"LITERAL"}]}}}`
	got := runIAM(filepath.Join(t.TempDir(), "roles.json"), lookup, "- import --from lookup -")
	if got.status == exitDone {
		assert.Contains(t, got.stdout, "bindings: 2", got.stderr)
	}
}
