package auditlog

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
)

// smallTopic is a topic that takes no record larger than max.message.bytes, as Topic.write shows it.
type smallTopic struct {
	most int

	mu      sync.Mutex
	written []string
}

func (s *smallTopic) check(context.Context) error { return nil }
func (s *smallTopic) close() error                { return nil }

func (s *smallTopic) write(_ context.Context, lines [][]byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var stored, left [][]byte
	for _, line := range lines {
		if len(line) > s.most {
			left = append(left, line)
			continue
		}
		stored = append(stored, line)
		s.written = append(s.written, string(line))
	}
	copy(lines, append(stored, left...))
	if len(left) > 0 {
		return len(stored), &tooLargeError{len(left), kerr.MessageTooLarge}
	}
	return len(stored), nil
}

// TestRecordsThatATopicRefuses: a record that the topic will never take, because a client chose a long
// name, does not keep all later events of everybody out of the audit log, and is not lost.
func TestRecordsThatATopicRefuses(t *testing.T) {
	to := &smallTopic{most: 16 << 10}
	log, _ := open(t, to, Drop)
	long := numbered(1)
	long.Request.Name = strings.Repeat("\x01", maxText) // six bytes each in JSON
	require.NoError(t, log.Handle(long))
	time.Sleep(200 * time.Millisecond)
	require.NoError(t, log.Handle(numbered(2)))
	assert.Eventually(t, func() bool {
		to.mu.Lock()
		defer to.mu.Unlock()
		return len(to.written) == 2
	}, 10*time.Second, 50*time.Millisecond)
}
