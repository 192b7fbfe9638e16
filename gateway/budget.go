package gateway

import (
	"errors"
	"slices"
	"strings"
	"unsafe"

	"github.com/portcullis-authz/portcullis/ops"
)

// A request may use at most a megabyte plus sixteen times the length of its frame. This
// includes the decoded message, the evaluation, the denials and the answer that refuses
// it. A frame that could use more is refused before anything is allocated, and the
// connection is closed: Kafka does the same with a frame that claims too much. The
// cluster's response is not counted, because the cluster limits it.
//
// The cost of a request follows from its layout: each array has a maximum number of
// bytes for one entry. TestBudget checks these numbers for every API and version.
const (
	budgetFactor = 16
	budgetBase   = 1 << 20
)

// The limits that Kafka sets.
//
// Source: Kafka 4.4.0's generated messages (CVE-2026-111115).
const (
	maxEntries = 1_000_000 // of an array
	maxTags    = 10_000    // of a structure
)

// requestBudget returns the memory that a request with a frame of this size may use.
func requestBudget(frame int) int64 {
	const fixed = 20 << 10 // for a request without entries: the message, the plan, the answer
	return budgetFactor*int64(frame) + budgetBase - fixed
}

// errBudget rejects a valid request that would cost too much memory.
var errBudget = errors.New("malformed: the request may use more memory than its size allows")

// Decision costs of one entry, in bytes: the question about it, its entry in the
// outcome, its denial, the error in each list that contains it, and its place in the
// merged response.
const decidedCost = int(max(unsafe.Sizeof(ops.Topic{}), unsafe.Sizeof(ops.Holder{}), unsafe.Sizeof(ops.ConfigResource{}))+
	unsafe.Sizeof(ops.Item{})+unsafe.Sizeof(Denial{})+unsafe.Sizeof("")) + 64

// messageCost is the longest text of an error code, including its length, in bytes.
const messageCost = 56

// lateCost is one entry of a second outcome: an answer that shows data is decided again
// if the ACLs have changed before it arrives.
const lateCost = int(unsafe.Sizeof(ops.Item{}))

// partitionCost is for partitions of one topic that are joined and deduplicated.
const partitionCost = int(unsafe.Sizeof(placed{}))

// sessionCost is for one partition of a share session, including the state of a fetch.
const sessionCost = 380

const (
	idCost       = 100 // the names of topics that are identified by id
	creationCost = 100 // Metadata: creation is authorized again and sent separately
	withinCost   = 130 // the lists within the entry
	comparedCost = 160 // the entry in a map of all entries
	missingCost  = 150 // the topic is looked up, and the request evaluated again
)

// setCosts computes the cost of one entry of each array of a request. response is the
// layout of its response.
func (l *layout) setCosts(key ops.APIKey, response *layout) {
	costs{key, response}.within(l, response, 0)
}

// sizeClasses are the sizes of small allocations; other sizes are rounded up to them.
var sizeClasses = func() (classes []int) {
	for size := 1; size <= 32<<10; size = classes[len(classes)-1] + 1 {
		classes = append(classes, cap(append([]byte(nil), make([]byte, size)...)))
	}
	return classes
}()

// allocates returns how much memory an allocation of this size takes.
func allocates(bytes int64) int64 {
	const page = 8 << 10
	if bytes > int64(sizeClasses[len(sizeClasses)-1]) {
		return (bytes + page - 1) / page * page
	}
	if bytes == 0 {
		return 0
	}
	i, _ := slices.BinarySearch(sizeClasses, int(bytes))
	return int64(sizeClasses[i])
}

// costs computes the costs of the entries of one kind of request.
type costs struct {
	key      ops.APIKey
	response *layout
}

// within computes the costs of the arrays in a part of the request. echo is the part of
// the response that repeats it, or nil. depth is the number of enclosing arrays.
func (c costs) within(l, echo *layout, depth int) {
	switch l.kind {
	case structLayout:
		for _, f := range l.fields {
			c.within(f, echo.echoOf(f, c.key, depth), depth)
		}
		for _, f := range l.tagged {
			c.within(f, echo.echoOf(f, c.key, depth), depth)
		}
	case nullableLayout:
		c.within(l.elem, nil, depth)
	case arrayLayout:
		l.cost = 0
		if strings.HasPrefix(l.name, "Forgotten") { // in a fetch: not authorized and not answered
			c.within(l.elem, nil, depth+1)
			return
		}
		if depth > 0 && apiOf(c.key).repeatsNames {
			echo, l.repeats = c.response.field("Partitions"), true
		}
		if l.elem.kind != fixedLayout && (depth == 0 || l.name == "Topics" || apiOf(c.key).asksAboutAll) {
			l.cost += decidedCost
		}
		if depth == 0 {
			l.cost += apiOf(c.key).extraCost
			if !apiOf(c.key).reportsChange {
				l.cost += lateCost
			}
		}
		if c.key == ops.ShareFetchKey && echo != nil && l.name == "Partitions" {
			l.cost += sessionCost
		}
		if echo != nil {
			l.echoed = echo.memory
			l.cost += echo.elem.least
			if l.name == "Partitions" && (apiOf(c.key).repeated >= joinTopics || c.key == ops.WriteTxnMarkersKey) {
				l.cost += partitionCost
				l.joined = echo.memory
			}
			if echo.elem.field("ErrorMessage") != nil {
				l.cost += messageCost
			}
			c.within(l.elem, echo.elem, depth+1)
		} else {
			c.within(l.elem, nil, depth+1)
		}
	}
}

// field returns the field with this name of a structure, unless it is fixed; nil if
// there is none.
func (l *layout) field(name string) *layout {
	for _, f := range l.fields {
		if f.name == name && f.kind != fixedLayout {
			return f
		}
	}
	return nil
}

// echoOf returns the array of the response that repeats the refused entries of an array
// of the request, or nil.
func (l *layout) echoOf(f *layout, key ops.APIKey, depth int) *layout {
	if l == nil || f.kind != arrayLayout {
		return nil
	}
	names := []string{f.name}
	if depth == 0 {
		names = append(names, apiOf(key).itemField(), apiOf(key).refused.response, "Results", "Partitions")
	}
	for _, name := range names {
		if echo := l.field(name); echo != nil && echo.kind == arrayLayout {
			return echo
		}
	}
	return nil
}
