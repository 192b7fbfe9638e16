package snapshot

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecentNames: the writer remembers the names that were added last, and neither those
// that were removed nor long ones.
func TestRecentNames(t *testing.T) {
	added := func(name string, is bool) change { return change{record: &record{name: name}, added: is} }
	long := strings.Repeat("x", maxRecentBytes+1)
	var n recentNames
	n.add([]change{added("orders", true), added("removed", false), added(long, true), added(long[1:], true)})
	for name, want := range map[string]bool{"orders": true, "removed": false, long: false, long[1:]: true, "": false} {
		t.Run(name, func(t *testing.T) {
			_, got := n.get(name)
			assert.Equal(t, want, got)
		})
	}
	var many []change
	for i := range 4 * maxRecent {
		many = append(many, added(fmt.Sprint("orders-", i), true))
	}
	n.add(many)
	for _, i := range []int{3 * maxRecent, 4*maxRecent - 1} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			text, ok := n.get(fmt.Sprint("orders-", i))
			require.True(t, ok, "orders-%d is not remembered", i)
			assert.Equal(t, many[i].record.name, text, "orders-%d is not remembered", i)
		})
	}
	got := len(n.names) + len(n.before)
	assert.LessOrEqual(t, got, 2*maxRecent, "%d names are remembered", got)
	_, ok := n.get("orders")
	assert.False(t, ok, "a name is remembered for ever")
}
