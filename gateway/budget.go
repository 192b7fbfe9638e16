package gateway

import (
	"errors"
	"reflect"
	"slices"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"

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
	const fixed = 20 << 10 // for a request without entries: the message, the plan, the answer; and for entries within others that are united
	return budgetFactor*int64(frame) + budgetBase - fixed
}

// errBudget rejects a valid request that would cost too much memory.
var errBudget = errors.New("malformed: the request may use more memory than its size allows")

// Decision costs of one entry, in bytes: the question about it, its entry in the
// outcome, its denial, the error in each list that contains it, and its place in the
// merged response.
const decidedCost = int(max(unsafe.Sizeof(ops.Topic{}), unsafe.Sizeof(ops.TopicSet{}), unsafe.Sizeof(ops.ConfigResource{}))+
	unsafe.Sizeof(ops.Item{})+unsafe.Sizeof(Denial{})+unsafe.Sizeof("")) + 64

// messageCost is the longest text of an error code, including its length, in bytes.
const messageCost = 56

// lateCost is one entry of a second outcome: an answer that shows data is decided again
// if the ACLs have changed before it arrives.
const lateCost = int(unsafe.Sizeof(ops.Item{}))

// partitionCost is for partitions of one topic that are joined: a number in a set.
const partitionCost = 16

// sessionCost is for one partition of a share session, including the state of a fetch.
const sessionCost = 380

// repeatedCost is for an entry of a list in which those that name the same are united: its places,
// and pointers to it.
const repeatedCost = 40

const (
	idCost       = 100 // the names of topics that are identified by id
	creationCost = 100 // Metadata: creation is authorized again and sent separately
	withinCost   = 130 // the lists within the entry
	comparedCost = 160 // the entry in a map of all entries
	ownerCost    = 220 // an owner of tokens: its text, the same with a marker, and both in the request to the cluster
	missingCost  = 150 // the topic is looked up, and the request evaluated again
)

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

// unanswered are entries of a fetch that are neither authorized nor answered.
var unanswered = map[reflect.Type]bool{
	reflect.TypeFor[kmsg.FetchRequestForgottenTopic](): true, reflect.TypeFor[kmsg.ShareFetchRequestForgottenTopicsData](): true,
}

// echo is the type of the answers that repeat the entries of a request when they are
// refused, and whether such an answer has a text.
type echo struct {
	answer reflect.Type
	text   bool
}

// echoes returns the answers to the entries of a request, by the types of the entries.
// It finds them by experiment: it refuses blank entries.
func (a *api) echoes(k kind) map[reflect.Type]echo {
	m := k.blank().(kmsg.Request)
	f := &refusal{query: &query{message: m}, echoes: make(map[reflect.Type]echo)}
	resp := m.ResponseKind()
	if entries := a.entriesIn(k.version); entries != nil {
		entries.refuseAll(f, m, resp)
	}
	if a.refuse != nil {
		a.refuse(f, resp)
	}
	return f.echoes
}

// setCosts computes the cost of one entry of each array of a request. response is the
// layout of its response.
func (l *layout) setCosts(k kind, response *layout) {
	a := apiOf(k.key)
	joined, repeats := a.joined, false
	if entries := a.entriesIn(k.version); entries != nil {
		repeats = entries.repeats()
		if joined == nil {
			joined = entries.joinedPartitions()
		}
	}
	answers := make(map[reflect.Type]*layout) // arrays of the response, by the type of their entries
	response.arrays(0, func(l *layout, _ int) { answers[l.entry] = l })
	echoes := a.echoes(k)
	l.arrays(0, func(l *layout, depth int) {
		if unanswered[l.entry] {
			return
		}
		if l.elem.kind != fixedLayout && (depth == 0 || a.asksAboutAll) {
			l.cost += decidedCost
		}
		if depth == 0 {
			l.cost += a.extraCost
			if !a.reportsChange {
				l.cost += lateCost
			}
		}
		if repeats && depth == 0 {
			l.cost += repeatedCost
		}
		if l.entry == reflect.TypeFor[kmsg.ShareFetchRequestTopicPartition]() {
			l.cost += sessionCost
		}
		echo := echoes[l.entry]
		if depth > 0 && a.flat != nil {
			echo.answer, l.repeats = a.flat, true
		}
		answer := answers[echo.answer]
		if answer == nil {
			return
		}
		l.echoed = answer.memory
		l.cost += answer.elem.least
		if echo.answer == joined {
			l.cost += partitionCost
			l.joined = answer.memory
		}
		if echo.text {
			l.cost += messageCost
		}
	})
}

// arrays calls f for each array in a value, with the number of arrays around it.
func (l *layout) arrays(depth int, f func(l *layout, depth int)) {
	switch l.kind {
	case structLayout:
		for _, field := range l.fields {
			field.arrays(depth, f)
		}
		for _, field := range l.tagged {
			field.arrays(depth, f)
		}
	case nullableLayout:
		l.elem.arrays(depth, f)
	case arrayLayout:
		f(l, depth)
		l.elem.arrays(depth+1, f)
	}
}
