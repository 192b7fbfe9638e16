package gateway

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// entryKey identifies an entry of a request and of its response: the name of a
// resource, or the id of a topic, and the type of a configured resource.
type entryKey struct {
	name string
	id   [16]byte
	kind kmsg.ConfigResourceType
}

// split returns the keys by which an entry is found: by its id, if it has one, and by
// its name.
func (k entryKey) split() (keys [2]entryKey, n int) {
	if k.id != [16]byte{} {
		keys[0], n = entryKey{id: k.id}, 1
	}
	if k.name != "" || n == 0 {
		keys[n] = entryKey{name: k.name, kind: k.kind}
		n++
	}
	return keys, n
}

// compare orders keys by id, type and name.
func (k entryKey) compare(other entryKey) int {
	return cmp.Or(bytes.Compare(k.id[:], other.id[:]), cmp.Compare(k.kind, other.kind), strings.Compare(k.name, other.name))
}

// keyOf returns the key of an entry of the request. parent is the position of the group
// that the entry belongs to, or -1.
func (q *query) keyOf(parent, i int) entryKey {
	topics := q.Topics
	if parent >= 0 {
		topics = q.Groups[parent].Topics
	}
	switch {
	case len(topics) > 0 && topics[i].ByID:
		return entryKey{id: topics[i].ID}
	case len(topics) > 0:
		return entryKey{name: topics[i].Name}
	case len(q.Groups) > 0:
		return entryKey{name: q.Groups[i].Name}
	case len(q.Transactions) > 0:
		return entryKey{name: q.Transactions[i].Name}
	case len(q.Resources) > 0:
		return entryKey{name: q.Resources[i].Name, kind: kmsg.ConfigResourceType(q.Resources[i].Type)}
	}
	return entryKey{name: q.Keys[i]}
}

// entries connects a list of a request, whose entries are decided separately, with the
// list of the response that answers them. The lists are in a request and its response,
// or in an entry of each: the topics of a group.
type entries interface {
	// read reads what the entries of a request ask for.
	read(q *query, request any)
	// of returns the list of a request as it is now.
	of(request any) list
	// repeats reports whether a broker answers an entry as often as the request names it, with much
	// more than the entry takes, so that each is sent once: see [repeatable].
	repeats() bool
	// refuseAll makes the list of a response refuse all entries of a request.
	refuseAll(f *refusal, request, response any)
	// joinedPartitions returns the type of the partitions of answers that are joined,
	// or nil.
	joinedPartitions() reflect.Type
}

// list is the list of one request, as it came.
type list interface {
	len() int
	// class and most are those of [repeatable].
	class(i int) int8
	// compare orders entries by what only equal ones can be united for, beyond name and class.
	compare(i, j int) int
	most(entries []int32) int64
	// keep removes the entries with an error from the message, and those that another entry stands
	// for. Afterwards the list is not null, even if it is empty.
	keep(codes []ops.ErrorCode, of *repeated)
	// restore puts all removed entries back into the message.
	restore()
	// inner returns the list in entry i, if the entries have inner lists.
	hasInner() bool
	inner(i int) list
	// merge merges the cluster's answers in a response with the errors of refused
	// entries, in the order of the request. codes are the errors by position; entries
	// without an error were forwarded. Answers to entries that were not forwarded are
	// dropped. of are the entries whose answers count for others.
	// merge returns the index of each position's answer, or -1; nil if the
	// response has an error that counts for all entries. parent is the position of the
	// group that the list belongs to, or -1.
	merge(q *query, parent int, response any, codes []ops.ErrorCode, of *repeated) (answers []int32)
	// answer returns an answer in a response, which may have an inner list.
	answer(response any, i int32) any
	// finish puts the merged answers in Kafka's order, and joins those about the same
	// resource.
	finish(response any, codes []ops.ErrorCode, answers []int32)
}

// accessors are the entries of type Q of a request, and their answers of type R.
type accessors[Q, R any] struct {
	asked    func(request any) *[]Q
	ask      func(*query, []Q)
	answered func(response any) *[]R
	key      func(*R) entryKey
	refuse   func(*refusal, *Q, *R) // makes a blank answer refuse an entry

	failed   func(response any) bool                                      // has an error that counts for all entries; or nil
	order    func(answers []R, codes []ops.ErrorCode, places []int32) []R // puts merged answers in Kafka's order, or nil
	join     joiner[R]                                                    // of answers about the same resource, or zero
	joinsAll bool                                                         // also if the whole request is refused
	inner    entries                                                      // those of the lists in the entries, or nil
	once     repeatable[Q, R]                                             // entries that stand for each other
}

// entriesOf returns entries with the accessors that all have.
func entriesOf[Request, Response, Q, R any](
	asked func(Request) *[]Q, ask func(*query, []Q), answered func(Response) *[]R, key func(*R) entryKey, refuse func(*refusal, *Q, *R),
) *accessors[Q, R] {
	return &accessors[Q, R]{
		asked: func(request any) *[]Q { return asked(request.(Request)) }, ask: ask,
		answered: func(response any) *[]R { return answered(response.(Response)) }, key: key, refuse: refuse,
	}
}

func (a *accessors[Q, R]) failing(failed func(response any) bool) *accessors[Q, R] {
	a.failed = failed
	return a
}

func (a *accessors[Q, R]) ordered(order func(answers []R, codes []ops.ErrorCode, places []int32) []R) *accessors[Q, R] {
	a.order = order
	return a
}

func (a *accessors[Q, R]) joined(join joiner[R]) *accessors[Q, R] {
	a.join = join
	return a
}

// joinedAlways is joined for answers that are joined even if the whole request is
// refused. Most such answers repeat the request unchanged.
func (a *accessors[Q, R]) joinedAlways(join joiner[R]) *accessors[Q, R] {
	a.join, a.joinsAll = join, true
	return a
}

func (a *accessors[Q, R]) with(inner entries) *accessors[Q, R] {
	a.inner = inner
	return a
}

// sentOnce is for entries with large answers, of which those that name the same are sent once.
func (a *accessors[Q, R]) sentOnce(once repeatable[Q, R]) *accessors[Q, R] {
	a.once = once
	return a
}

// failed returns a function for accessors.failing.
func failed[Response any](f func(Response) bool) func(any) bool {
	return func(response any) bool { return f(response.(Response)) }
}

func (a *accessors[Q, R]) read(q *query, request any) { a.ask(q, *a.asked(request)) }

func (a *accessors[Q, R]) of(request any) list {
	left := a.asked(request)
	return &listOf[Q, R]{a, *left, left}
}

func (a *accessors[Q, R]) refuseAll(f *refusal, request, response any) {
	answers := a.answered(response)
	*answers = refuseEach(f, *a.asked(request), a.refuse)
	if a.joinsAll {
		*answers = a.join.of(*answers, a.key)
	}
	if f.echoes != nil && a.inner != nil {
		a.inner.refuseAll(f, new(Q), new(R))
	}
}

func (a *accessors[Q, R]) repeats() bool { return a.once.class != nil }

func (a *accessors[Q, R]) joinedPartitions() reflect.Type { return a.join.partitions }

// listOf is a list with entries of type Q.
type listOf[Q, R any] struct {
	*accessors[Q, R]
	all  []Q
	left *[]Q // the field of the message
}

func (l *listOf[Q, R]) len() int { return len(l.all) }

func (l *listOf[Q, R]) class(i int) int8 { return l.once.class(&l.all[i]) }

func (l *listOf[Q, R]) compare(i, j int) int {
	if l.once.differ == nil {
		return 0
	}
	return l.once.differ(&l.all[i], &l.all[j])
}

func (l *listOf[Q, R]) most(entries []int32) int64 {
	if l.once.most == nil {
		return int64(len(entries))
	}
	return l.once.most(l.at(entries))
}

// at returns the entries at these positions.
func (l *listOf[Q, R]) at(positions []int32) []*Q {
	found := make([]*Q, len(positions))
	for i, at := range positions {
		found[i] = &l.all[at]
	}
	return found
}

func (l *listOf[Q, R]) keep(codes []ops.ErrorCode, of *repeated) {
	codes = of.withoutRepeats(codes)
	all := slices.Clone(l.all)
	if l.once.unite != nil {
		of.runs(func(run []int32) { l.once.unite(&all[run[0]], l.at(run)) })
	}
	kept := all[:0]
	for i := range all {
		if codes[i] == ops.None {
			kept = append(kept, all[i])
		}
	}
	*l.left = kept
}

func (l *listOf[Q, R]) restore() { *l.left = l.all }

func (l *listOf[Q, R]) hasInner() bool { return l.accessors.inner != nil }

func (l *listOf[Q, R]) inner(i int) list { return l.accessors.inner.of(&l.all[i]) }

func (l *listOf[Q, R]) answer(response any, i int32) any { return &(*l.answered(response))[i] }

func (l *listOf[Q, R]) merge(q *query, parent int, response any, codes []ops.ErrorCode, of *repeated) []int32 {
	if l.failed != nil && l.failed(response) {
		return nil
	}
	field := l.answered(response)
	given := newAnswers(*field, l.key)
	f := &refusal{query: q}
	merged, n := make([]R, len(l.all)), 0
	answers := make([]int32, len(l.all))
	for i := range l.all {
		answers[i] = int32(n)
		first := of.first(i)
		if codes[i] != ops.None {
			blank(&merged[n])
			f.code = int16(codes[i])
			l.refuse(f, &l.all[i], &merged[n])
		} else if first != i {
			if answers[first] < 0 {
				answers[i] = -1
				continue
			}
			merged[n] = merged[answers[first]] // which is written twice, and in memory once
		} else if answer := given.take(q.keyOf(parent, i)); answer != nil {
			merged[n] = *answer
		} else {
			answers[i] = -1
			continue
		}
		n++
	}
	merged = merged[:n]
	if of.same != nil && l.once.narrow != nil {
		for i, at := range answers {
			if at >= 0 && codes[i] == ops.None {
				l.once.narrow(&l.all[i], &merged[at])
			}
		}
	}
	for i := range l.all { // the cluster may answer to one entry more than once
		for codes[i] == ops.None {
			answer := given.take(q.keyOf(parent, i))
			if answer == nil {
				break
			}
			merged = append(merged, *answer)
		}
	}
	*field = merged
	return answers
}

func (l *listOf[Q, R]) finish(response any, codes []ops.ErrorCode, places []int32) {
	answers := l.answered(response)
	if l.order != nil {
		*answers = l.order(*answers, codes, places)
	}
	if l.join.of != nil {
		*answers = l.join.of(*answers, l.key)
	}
}

// answers are the entries of a list of the cluster's response, by their keys.
type answers[R any] struct {
	list   []R
	taken  []bool
	byKeys map[entryKey][]int
}

func newAnswers[R any](list []R, key func(*R) entryKey) *answers[R] {
	a := &answers[R]{list: list, taken: make([]bool, len(list)), byKeys: make(map[entryKey][]int, len(list))}
	for i := range list {
		keys, n := key(&list[i]).split()
		for _, k := range keys[:n] {
			a.byKeys[k] = append(a.byKeys[k], i)
		}
	}
	return a
}

// find returns the first answer to an entry of the request, or nil.
func (a *answers[R]) find(entry entryKey) *R {
	keys, n := entry.split()
	for _, k := range keys[:n] {
		if at := a.byKeys[k]; len(at) > 0 {
			return &a.list[at[0]]
		}
	}
	return nil
}

// take returns the next answer to an entry of the request, or nil.
func (a *answers[R]) take(entry entryKey) *R {
	keys, n := entry.split()
	for _, k := range keys[:n] {
		left, known := a.byKeys[k]
		if !known {
			continue
		}
		for len(left) > 0 && a.taken[left[0]] {
			left = left[1:] // by its other key
		}
		a.byKeys[k] = left
		if len(left) > 0 {
			a.taken[left[0]] = true
			return &a.list[left[0]]
		}
	}
	return nil
}
