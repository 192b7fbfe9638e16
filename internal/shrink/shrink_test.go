package shrink

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestValue holds that nothing can be taken away from what is left, and that what does
// not fail is never taken.
func TestValue(t *testing.T) {
	for _, tt := range []struct{ text, needs, want string }{
		{"", "", ""},
		{"abc", "b", "b"},
		{"xaxxbxxxxxc", "abc", "abc"},
		{"\u00e9a\U0001f600", "\U0001f600", "\U0001f600"},
		{"abc", "abc", "abc"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			fails := func(s string) bool {
				rest := tt.needs
				for _, r := range s {
					rest = strings.TrimPrefix(rest, string(r))
				}
				return rest == ""
			}
			got := Value(tt.text, Text, func(next []string) int { return slices.IndexFunc(next, fails) })
			assert.Equal(t, tt.want, got)
		})
	}
}
