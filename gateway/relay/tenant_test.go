package relay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestTenantsAreRemembered: what a tenant has taken counts for as long as it would if it had
// stayed, however often it leaves and connects again; then it is forgotten.
func TestTenantsAreRemembered(t *testing.T) {
	for _, tt := range []struct {
		name      string
		questions int             // for unknown ids, of 100 ms each
		away      []time.Duration // before each time it connects again
		want      bool            // it is known the last time
	}{
		{"at once", 0, []time.Duration{0}, true},
		{"within the second", 0, []time.Duration{999 * time.Millisecond}, true},
		{"after it", 0, []time.Duration{1001 * time.Millisecond}, false},
		{"twice within a second", 0, []time.Duration{600 * time.Millisecond, 600 * time.Millisecond}, true},
		{"ten times", 0, []time.Duration{600, 599e6, 598e6, 597e6, 596e6, 595e6, 594e6, 593e6, 592e6, 999e6}, true},
		{"while it owes", 30, []time.Duration{2999 * time.Millisecond}, true},
		{"once it does not", 30, []time.Duration{3001 * time.Millisecond}, false},
		{"twice while it owes", 30, []time.Duration{2 * time.Second, 500 * time.Millisecond}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all Tenants
				before := all.join("x")
				for range tt.questions {
					before.charge(time.Now())
				}
				all.Leave(before)
				now := before
				for i, away := range tt.away {
					time.Sleep(away)
					synctest.Wait()
					now = all.join("x")
					if i < len(tt.away)-1 {
						assert.Same(t, before, now, "time %d", i)
						all.Leave(now)
					}
				}
				assert.Equal(t, tt.want, before == now)
				assert.Len(t, all.byKey, 1)
				all.Leave(now)
				time.Sleep(4 * time.Second)
				synctest.Wait()
				assert.Empty(t, all.byKey, "all are forgotten in the end")
			})
		})
	}
}
