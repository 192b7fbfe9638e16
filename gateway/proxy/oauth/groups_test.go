package oauth

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGroupsClaim reads the groups of a token. What may lack a group is refused: a DENY may be for
// it.
func TestGroupsClaim(t *testing.T) {
	for name, test := range map[string]struct {
		claim, payload string
		optional       bool
		want           []string
		refused        string
	}{
		"a list":                   {"groups", `{"groups":["a","b c"]}`, false, []string{"a", "b c"}, ""},
		"one text":                 {"groups", `{"groups":"a"}`, false, []string{"a"}, ""},
		"an empty list":            {"groups", `{"groups":[]}`, false, []string{}, ""},
		"missing":                  {"groups", `{}`, false, nil, "expected a list of texts"},
		"missing, optional":        {"groups", `{}`, true, nil, ""},
		"null, optional":           {"groups", `{"groups":null}`, true, nil, "expected a list of texts"},
		"a name with a URL":        {"https://example.com/groups", `{"https://example.com/groups":["a"]}`, false, []string{"a"}, ""},
		"a pointer":                {"/realm_access/roles", `{"realm_access":{"roles":["a"]}}`, false, []string{"a"}, ""},
		"a pointer with escapes":   {"/a~1b/c~0d", `{"a/b":{"c~d":["a"]}}`, false, []string{"a"}, ""},
		"a pointer into nothing":   {"/realm_access/roles", `{"realm_access":{}}`, true, nil, ""},
		"a pointer through a text": {"/realm_access/roles", `{"realm_access":"roles"}`, true, nil, "expected a list of texts"},
		"no pointer":               {"realm_access/roles", `{"realm_access":{"roles":["a"]}}`, false, nil, "expected a list of texts"},
		"commas":                   {"groups", `{"groups":"a,b"}`, false, nil, "found one text with commas"},
		"numbers":                  {"groups", `{"groups":["a",7]}`, false, nil, "expected texts"},
		"an empty name":            {"groups", `{"groups":["a",""]}`, false, nil, "expected texts"},
		"half a character":         {"groups", `{"groups":["a","\ud800"]}`, false, nil, "expected texts"},
		"a number":                 {"groups", `{"groups":7}`, true, nil, "expected a list of texts"},
		"an object":                {"groups", `{"groups":{}}`, true, nil, "expected a list of texts"},
		"too many for a token":     {"groups", `{"_claim_names":{"groups":"src1"}}`, true, nil, "too many to list them"},
		"too many, said otherwise": {"groups", `{"hasgroups":true}`, true, nil, "too many to list them"},
		"not asked for":            {"", `{"hasgroups":true,"groups":["a"]}`, false, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var c claims
			require.NoError(t, json.Unmarshal([]byte(test.payload), &c))
			got, err := c.groups(test.claim, test.optional)
			if test.refused != "" {
				require.ErrorContains(t, err, test.refused)
				assert.Nil(t, got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
	_, err := New(Config{GroupsOptional: true})
	require.ErrorContains(t, err, "GroupsOptional without GroupsClaim")
}
