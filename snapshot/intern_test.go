package snapshot

import (
	"fmt"
	"strings"
	"testing"
)

// TestRecentNames: the writer remembers the names that were added last, and neither those
// that were removed nor long ones.
func TestRecentNames(t *testing.T) {
	added := func(name string, is bool) change { return change{record: &record{name: name}, added: is} }
	long := strings.Repeat("x", maxRecentBytes+1)
	var n recentNames
	n.add([]change{added("orders", true), added("removed", false), added(long, true), added(long[1:], true)})
	for name, want := range map[string]bool{"orders": true, "removed": false, long: false, long[1:]: true, "": false} {
		if _, got := n.get(name); got != want {
			t.Errorf("%.20q is remembered: %t", name, got)
		}
	}
	var many []change
	for i := range 4 * maxRecent {
		many = append(many, added(fmt.Sprint("orders-", i), true))
	}
	n.add(many)
	for _, i := range []int{3 * maxRecent, 4*maxRecent - 1} {
		if text, ok := n.get(fmt.Sprint("orders-", i)); !ok || text != many[i].record.name {
			t.Errorf("orders-%d is not remembered", i)
		}
	}
	if got := len(n.names) + len(n.before); got > 2*maxRecent {
		t.Errorf("%d names are remembered", got)
	}
	if _, ok := n.get("orders"); ok {
		t.Error("a name is remembered for ever")
	}
}
