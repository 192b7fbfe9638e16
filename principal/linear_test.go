package principal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/principal"
)

// TestRulesAreReadInLinearTime parses lists of SSL rules that are as long as a hostile
// configuration can make them.
func TestRulesAreReadInLinearTime(t *testing.T) {
	for _, test := range []struct {
		what string
		n    int
		list func(n int) string
	}{
		{"a class of characters", 1500, func(n int) string {
			var class strings.Builder
			for i := range n {
				class.WriteRune('\u4E00' + rune(2*i)) // no two adjacent
			}
			return "RULE:[" + class.String() + "]/x/"
		}},
		{"the right side of an intersection", 1500, func(n int) string {
			var class strings.Builder
			for i := range n {
				class.WriteRune('\u4E00' + rune(2*i))
			}
			return "RULE:[\u4E00-\u9FFF&&" + class.String() + "]/x/"
		}},
		{"literal text of a replacement", 12_000, func(n int) string { return "RULE:(a)/" + strings.Repeat("x", n) + "/" }},
		{"references to groups that there are not", 4_000, func(n int) string { return "RULE:(a)/" + strings.Repeat("$9", n) + "/" }},
		{"references to a group", 4_000, func(n int) string { return "RULE:(a)/" + strings.Repeat("$1", n) + "/" }},
	} {
		t.Run(test.what, func(t *testing.T) {
			gen.GrowsLinearly(t, test.what, test.n, func(n int) {
				_, err := principal.ParseSSLRules(test.list(n), 0)
				require.NoError(t, err)
			})
		})
	}
}
