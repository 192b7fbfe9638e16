package proxy

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"
)

// maxReplays limits the messages of Kerberos clients that are remembered: at 22 bytes, 23 MB. They
// are remembered for as long as they are valid, up to ten minutes. One client takes half of them at
// the most, and less the less others leave: for 870 logins a second in all that time.
const maxReplays = 1 << 20

var (
	errEnded      = errors.New("the time of the Kerberos message is over")
	errReplayed   = errors.New("the Kerberos message has been used before")
	errManyLogins = fmt.Errorf("the client has begun too many logins in the last minutes: all clients have %d, of which one has half at the most", maxReplays)
)

// replays are the messages that were accepted in this process. All listeners share them, also
// after their settings were replaced: a message is for a service, not for a listener.
var replays = newReplayCache(maxReplays)

// replayCache remembers messages by which clients prove who they are, so that nobody else can send
// them again. It is safe for concurrent use.
//
// Source: RFC 4120, section 3.2.3.
type replayCache struct {
	limit int
	seed  maphash.Seed

	mu       sync.Mutex
	messages int
	minutes  map[int64]*replayMinute // by the minute in which the messages end
}

// replayMinute are the messages that end in one minute. Two of 64 bits are the same once in
// 10¹³ logins; then one of them is refused.
type replayMinute struct {
	messages map[uint64]struct{}
	of       map[uint64]int // how many are of each client
}

func newReplayCache(limit int) *replayCache {
	return &replayCache{limit: limit, seed: maphash.MakeSeed(), minutes: map[int64]*replayMinute{}}
}

// add remembers a message of a client, which is valid until then, or returns an error if it is
// remembered already or if there is no room for it. Of several that are the same, and come at the
// same time, it adds one.
func (c *replayCache) add(client string, message []byte, until, now time.Time) error {
	if minuteOf(until) < minuteOf(now) { // it may have been remembered, and forgotten since
		return errEnded
	}
	key, who := maphash.Bytes(c.seed, message), maphash.String(c.seed, client)
	ends := minuteOf(until)
	c.mu.Lock()
	defer c.mu.Unlock()
	held := 0
	for minute, m := range c.minutes { // a dozen at the most
		if minute < minuteOf(now) {
			c.messages -= len(m.messages)
			delete(c.minutes, minute)
			continue
		}
		held += m.of[who]
	}
	m := c.minutes[ends]
	if m == nil {
		m = &replayMinute{messages: map[uint64]struct{}{}, of: map[uint64]int{}}
		c.minutes[ends] = m
	}
	if _, known := m.messages[key]; known {
		return errReplayed
	}
	if held >= c.limit-c.messages {
		return errManyLogins
	}
	m.messages[key] = struct{}{}
	m.of[who]++
	c.messages++
	return nil
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }
