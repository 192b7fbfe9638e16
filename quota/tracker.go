package quota

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// Bounds of what a [Tracker] keeps. A bucket takes about 500 bytes.
const (
	// MaxClientIDs is how many buckets with a client id one user has at a time. A client may send any
	// client id, and Kafka keeps each for an hour. Further client ids of the user share one bucket,
	// with the limit that applies to the client id that asks: then the user is throttled more than at
	// Kafka, and others are not.
	MaxClientIDs = 1000
	// MaxBuckets is how many buckets there are. When there are as many, the one that was used longest
	// ago is forgotten. It counts again from nothing when it comes back.
	MaxBuckets = 100_000
	// maxName is how long a name is kept as it is; of longer ones a hash is. A client id may have 32 KiB,
	// and Kafka's names of topics have no more than 249 bytes.
	maxName = 249
)

// short returns what is kept of a name.
func short(name string) string {
	if len(name) <= maxName {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	return "\x00" + string(hash[:])
}

// Tracker counts what many clients use, and says for how long each is to be throttled. It takes at
// most about 50 MB (see [MaxBuckets]). Use [NewTracker]. It is safe for concurrent use.
type Tracker struct {
	window Window

	setting sync.RWMutex
	table   *Table

	mu        sync.Mutex
	usage     map[counted]*usage
	recent    list.List      // of *usage, the one that was used last comes first
	clientIDs map[string]int // buckets with a client id, by the user that they were made for
}

// NewTracker returns a tracker without quotas, that throttles nobody. See [Tracker.Set].
func NewTracker(window Window) *Tracker {
	return &Tracker{window: window, usage: map[counted]*usage{}, clientIDs: map[string]int{}}
}

// Set replaces the quotas. What was used before counts against the new limits, as at Kafka, where the
// bucket is the same.
func (t *Tracker) Set(table *Table) {
	t.setting.Lock()
	defer t.setting.Unlock()
	t.table = table
}

// Table returns the quotas, or nil if there are none.
func (t *Tracker) Table() *Table {
	t.setting.RLock()
	defer t.setting.RUnlock()
	return t.table
}

// Request says what a client uses: the name of its principal, without the type, and its client id.
type Request struct {
	User, ClientID string
}

// Use counts bytes, or percent of a thread's second for [RequestPercentage], and returns for how long
// the client is to be throttled, in whole milliseconds, or 0. Kafka bounds the time for
// RequestPercentage by one window. Other kinds are not counted. If a response is not sent after all,
// give its amount back as a negative one. It takes less than a microsecond, and allocates for a new
// bucket only; nothing is kept of clients without a limit.
func (t *Tracker) Use(kind Kind, of Request, amount float64, now time.Time) time.Duration {
	if kind != ProducerByteRate && kind != ConsumerByteRate && kind != RequestPercentage {
		return 0
	}
	bucket, limit, limited := t.Table().Find(kind, of.User, of.ClientID)
	if !limited {
		return 0
	}
	var throttle time.Duration
	t.with(kind, of.User, bucket, limit, now, func(u *usage) { throttle = u.rate.Record(t.window, limit, amount, now) })
	if kind == RequestPercentage {
		throttle = min(throttle, time.Duration(t.window.size())*time.Millisecond)
	}
	return throttle
}

// Mutate counts partitions or topics that are to be created or deleted. See [Tokens.Take] for strict
// and the results. Kafka is strict from CreateTopics version 6, DeleteTopics version 5 and
// CreatePartitions version 3 on.
func (t *Tracker) Mutate(of Request, amount float64, strict bool, now time.Time) (throttle time.Duration, taken bool) {
	bucket, limit, limited := t.Table().Find(ControllerMutationRate, of.User, of.ClientID)
	if !limited {
		return 0, true
	}
	t.with(ControllerMutationRate, of.User, bucket, limit, now, func(u *usage) {
		throttle, taken = u.tokens.Take(t.window, limit, amount, strict, now)
	})
	return throttle, taken
}

// counted names what is counted: a bucket, or what all further client ids of a user share.
type counted struct {
	kind   Kind
	bucket Bucket
	owner  string
}

// usage is of one bucket.
type usage struct {
	of     counted
	owner  string // for whom it was made, if it has a client id; otherwise ""
	rate   Rate
	tokens Tokens
	until  int64 // milliseconds: when it is like a new one
	place  *list.Element
}

// with calls do with the usage of a bucket.
func (t *Tracker) with(kind Kind, user string, bucket Bucket, limit float64, now time.Time, do func(*usage)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ms := now.UnixMilli()
	u := t.get(counted{kind: kind, bucket: Bucket{User: short(bucket.User), ClientID: short(bucket.ClientID)}}, short(user), ms)
	t.recent.MoveToFront(u.place)
	do(u)
	u.until = ms + max(t.window.span(), u.tokens.missing(t.window, limit))
}

// get returns the usage of a bucket, and makes it if there is none.
func (t *Tracker) get(of counted, user string, ms int64) *usage {
	if u := t.usage[of]; u != nil {
		return u
	}
	t.forget(ms)
	owner := ""
	if of.bucket.ClientID != "" {
		if t.clientIDs[user] >= MaxClientIDs {
			of = counted{kind: of.kind, owner: user}
			if u := t.usage[of]; u != nil {
				return u
			}
		} else {
			owner = user
			t.clientIDs[user]++
		}
	}
	u := &usage{of: of, owner: owner}
	u.place = t.recent.PushFront(u)
	t.usage[of] = u
	return u
}

// forget makes place for a bucket. It looks at two for each that comes, so that the work is bounded,
// and drops those that are like new ones by now.
func (t *Tracker) forget(ms int64) {
	for range 2 {
		oldest := t.recent.Back()
		if oldest == nil {
			return
		}
		u := oldest.Value.(*usage)
		if ms < u.until && len(t.usage) < MaxBuckets {
			if u.tokens.used { // it may have to wait longer than all the others
				t.recent.MoveToFront(oldest)
			}
			continue
		}
		t.recent.Remove(oldest)
		delete(t.usage, u.of)
		if u.owner != "" {
			if t.clientIDs[u.owner]--; t.clientIDs[u.owner] == 0 {
				delete(t.clientIDs, u.owner)
			}
		}
	}
}

// Len returns how many buckets are kept.
func (t *Tracker) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.usage)
}
