package role_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/role"
)

// TestRepeatedKeysOfRoles: a key that is there twice, also in another case, is refused: the first
// may be what limits a role or denies, and the second drops it without a word.
func TestRepeatedKeysOfRoles(t *testing.T) {
	grant := func(fields string) string {
		return `[{"name":"R","accessPolicy":{"scopeType":"Resource","allowedOperations":[{"resourceType":"Topic","operations":["Read"],` + fields + `}]}}]`
	}
	for name, text := range map[string]string{
		"permission":      grant(`"permission":"DENY","permission":"ALLOW"`),
		"host":            grant(`"host":"10.0.0.1","host":"*"`),
		"in another case": grant(`"host":"10.0.0.1","HOST":"*"`),
		"not UTF-8":       strings.Replace(grant(`"host":"*"`), `"R"`, "\"R\xff\"", 1),
	} {
		t.Run(name, func(t *testing.T) {
			table, err := role.ParseTable(strings.NewReader(text))
			if assert.Error(t, err) {
				return
			}
			for _, r := range table.Roles() {
				t.Logf("taken as %+v", r)
			}
		})
	}
	document := `{"format":"portcullis-roles-1","clusters":[],"roles":[],"bindings":[
{"principal":"User:alice","principal":"User:mallory","role":"SystemAdmin","scope":{"clusters":{"kafka-cluster":"c"}}}]}`
	_, err := role.ParseDocument([]byte(document))
	assert.Error(t, err, "the principal is there twice")
	_, err = role.ParseDocument([]byte(strings.Replace(document, `"User:alice","principal":"User:mallory"`, "\"User:\xff\"", 1)))
	assert.Error(t, err, "the name is not UTF-8, and would become another one")
}
