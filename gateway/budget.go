package gateway

import (
	"errors"
	"slices"
	"strings"
	"unsafe"

	"github.com/portcullis-authz/portcullis/ops"
)

// A request may cause as much memory as its frame is long, sixteen times, and a megabyte:
// the decoded message, the evaluation, the denials, and the answer that refuses it. A frame
// that could cause more is refused before anything is allocated, as Kafka refuses a frame
// that claims too much: the connection is closed. What the cluster answers is not counted:
// the cluster bounds it.
//
// What a request costs is known from its layout: for each array, one entry takes so many
// bytes at the most. TestBudget measures that this is true for every API and version.
const (
	budgetFactor = 16
	budgetBase   = 1 << 20
)

// The bounds that Kafka sets.
//
// Source: Kafka 4.4.0's generated messages (CVE-2026-111115).
const (
	maxEntries = 1_000_000 // of an array
	maxTags    = 10_000    // of a structure
)

// requestBudget returns how much memory a request may cause whose frame has so many bytes.
func requestBudget(frame int) int64 {
	const fixed = 20 << 10 // what a request of no entries may take: the message, the plan, the answer
	return budgetFactor*int64(frame) + budgetBase - fixed
}

// errBudget is why a frame is refused that is a request, but too costly a one.
var errBudget = errors.New("malformed: the request may cause more memory than its size permits")

// Decision costs of one entry, in bytes: what is asked about it, the entry of the outcome,
// its denial, the error of each list that it is in, and its place in the merged response.
const decidedCost = int(max(unsafe.Sizeof(ops.Topic{}), unsafe.Sizeof(ops.Holder{}), unsafe.Sizeof(ops.ConfigResource{}))+
	unsafe.Sizeof(ops.Item{})+unsafe.Sizeof(Denial{})+unsafe.Sizeof("")) + 64

// messageCost is the longest text beside an error code, with its length, in bytes.
const messageCost = 56

// lateCost is the entry of a second outcome: an answer that shows something is decided about
// again if it comes after a change of the ACLs.
const lateCost = int(unsafe.Sizeof(ops.Item{}))

// partitionCost is that of the partitions of a topic that come together, each of them once.
const partitionCost = int(unsafe.Sizeof(placed{}))

// sessionCost is that of a partition of a share session, and of what a fetch notes of it.
const sessionCost = 380

const (
	idCost       = 100 // the names of topics that are named by id
	creationCost = 100 // Metadata: to create a topic is asked about again, and sent apart
	withinCost   = 130 // the lists within the entry
	comparedCost = 160 // the entry in a map of all of them
	missingCost  = 150 // the topic is looked up, and the request evaluated again
)

// setCosts finds what one entry of each array of a request may cause. response is the
// layout of the response to it.
func (l *layout) setCosts(key ops.APIKey, response *layout) {
	costs{key, response}.within(l, response, 0)
}

// sizeClasses are the sizes of small pieces of memory: what is between is rounded up.
var sizeClasses = func() (classes []int) {
	for size := 1; size <= 32<<10; size = classes[len(classes)-1] + 1 {
		classes = append(classes, cap(append([]byte(nil), make([]byte, size)...)))
	}
	return classes
}()

// allocates returns how much memory it takes to allocate so many bytes.
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

// costs finds what the entries of one kind of request may cause.
type costs struct {
	key      ops.APIKey
	response *layout
}

// within finds the costs of the arrays in a part of the request, which is repeated in a
// part of the response, or nil, and is in so many arrays.
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
		if strings.HasPrefix(l.name, "Forgotten") { // of a fetch: nothing is asked or answered about them
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

// field returns the field of a structure that has a name and is not fixed, or nil.
func (l *layout) field(name string) *layout {
	for _, f := range l.fields {
		if f.name == name && f.kind != fixedLayout {
			return f
		}
	}
	return nil
}

// echoOf returns the array of a response in which the entries of an array of the request
// are repeated if they are refused, or nil.
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
