package proxy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestEndingsAreBounded: whoever connects without a login, ten thousand times, gets a few hundred
// lines of the log, and the log says how many there were.
func TestEndingsAreBounded(t *testing.T) {
	var e endings
	now, lines := time.Unix(1_000_000, 0), 0
	for range 10_000 {
		may, left := e.next(now)
		assert.Zero(t, left)
		if may {
			lines++
		}
	}
	assert.Equal(t, maxEndings, lines)
	may, left := e.next(now.Add(time.Minute))
	assert.True(t, may)
	assert.Equal(t, 10_000-maxEndings, left)
}
