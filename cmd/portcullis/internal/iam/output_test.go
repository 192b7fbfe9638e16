package iam

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// TestYAMLOfOddNames: rows are read as they were written, and nothing in them has to be escaped for a
// terminal afterwards, which would make another name of it.
func TestYAMLOfOddNames(t *testing.T) {
	for _, name := range []string{"orders", "yes", "null", "1e3", "- a", "a: b", "#x", "'", `"`, `a\u200b`, "a\u200bb", "User:a\u202eb", "a\x00\a\b\t\n\v\f\r\x1b\x7f", "\u0085\u2028\ufeff", "\U000e0001", "ä€😀", "", " a ", "*", "&a", "!t"} {
		rows := []row{{name, "R", "Topic", name, "LITERAL"}, {"User:x", "R", "Topic", "y", "PREFIXED"}}
		text, err := yamlOf(rows)
		require.NoError(t, err)
		var again []row
		require.NoError(t, yaml.Unmarshal(text, &again), "%s", text)
		assert.Equal(t, rows, again, "%q", text)
		for line := range strings.SplitSeq(string(text), "\n") {
			assert.True(t, lines.IsPrintable(line), "%q", line)
		}
	}
	text, err := yamlOf([]row{})
	require.NoError(t, err)
	assert.Equal(t, "[]\n", string(text))
}
