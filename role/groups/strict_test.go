package groups_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// TestStrictLines: of a key that is there twice the last one counted, so that members were left out
// of a group without a word, and a DENY for it did not count for them. Bytes that are not UTF-8 became
// another name.
func TestStrictLines(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"members twice":        {`{"group":"Group:a","members":["User:x"],"members":["User:y"]}`, `1: at byte 40: found the key "members" again, expected each key once`},
		"the group twice":      {`{"group":"Group:a","group":"Group:b","members":["User:x"]}`, `found the key "group" again`},
		"a key in upper case":  {`{"group":"Group:a","members":["User:x"],"Members":["User:y"]}`, `found the key "Members"`},
		"only in upper case":   {`{"Group":"Group:a","members":["User:x"]}`, `found the key "Group"`},
		"a member not UTF-8":   {"{\"group\":\"Group:a\",\"members\":[\"User:\xff\"]}", `found the byte "\xff", expected valid UTF-8`},
		"half of a character":  {`{"group":"Group:a","members":["User:\ud800"]}`, `expected both halves`},
		"a group of another":   {`{"group":"Group:a\ufffd","members":["User:x"]}`, ""},
		"other keys":           {`{"group":"Group:a","members":["User:x"],"except":["User:x"]}`, "expected an object such as"},
		"members that are one": {`{"group":"Group:a","members":"User:x"}`, "expected an object such as"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := groups.ParseTable([]byte(test.text))
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			list, err := table.Groups(t.Context(), principal.User("x"))
			require.NoError(t, err)
			assert.Len(t, list, 1)
		})
	}
}
