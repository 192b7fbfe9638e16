package gateway

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// verdicts are the errors of a partly refused request: for the entries of its list, and
// for those of nested lists.
type verdicts struct {
	whole ops.ErrorCode // of the request, if it has no list
	list  list          // nil if there is none
	items []ops.ErrorCode
	lists []list // within the entries of list
	inner [][]ops.ErrorCode

	repeated // the entries of list, or of the topics of the only group
}

// verdictsOf assigns the entries of an outcome to the lists of the message in its
// current form. If an entry belongs to no list, it returns an error: the tables
// contradict each other.
func verdictsOf(q *query, out *ops.Outcome) (*verdicts, error) {
	v := new(verdicts)
	entries := apiOf(q.Key).entriesIn(q.Version)
	switch {
	case entries == nil:
	case q.ofOneGroup():
		v.addInner(entries.of(q.message))
	default:
		v.list = entries.of(q.message)
		n := v.list.len()
		v.items = make([]ops.ErrorCode, n)
		if v.list.hasInner() {
			v.lists, v.inner = make([]list, 0, n), make([][]ops.ErrorCode, 0, n)
			for i := range n {
				v.addInner(v.list.inner(i))
			}
		}
	}
	return v, v.add(out)
}

func (v *verdicts) addInner(l list) {
	v.lists, v.inner = append(v.lists, l), append(v.inner, make([]ops.ErrorCode, l.len()))
}

// ofOneGroup reports whether the entries are the topics of the only group of the
// request: OffsetFetch below version 8.
func (q *query) ofOneGroup() bool { return q.Key == ops.OffsetFetchKey && q.Version < severalGroups }

// add adds the refusals of an outcome. Entries that are refused already keep their
// error: they were not forwarded.
func (v *verdicts) add(out *ops.Outcome) error {
	for i := range out.Items {
		it := &out.Items[i]
		if it.Code == ops.None {
			continue
		}
		codes := v.items
		switch {
		case it.Parent >= 0:
			codes = v.inner[it.Parent]
		case v.list == nil: // the one group of an OffsetFetch below version 8
			v.whole = it.Code
			continue
		}
		if int(it.Index) >= len(codes) {
			return fmt.Errorf("the request has no entry %d", it.Index)
		}
		if codes[it.Index] == ops.None {
			codes[it.Index] = it.Code
		}
	}
	return nil
}

// count returns how many entries of the list have an error.
func (v *verdicts) count(code ops.ErrorCode) (n int) {
	for _, c := range v.items {
		if c == code {
			n++
		}
	}
	return n
}

// restore puts all removed entries back into the message.
func (v *verdicts) restore() {
	for _, l := range v.lists {
		l.restore()
	}
	if v.list != nil {
		v.list.restore()
	}
}

// nothingLeft reports whether all entries of the request are refused. OffsetFetch below
// version 8 has only topics as entries.
func (v *verdicts) nothingLeft() bool {
	if v.list != nil {
		return !slices.Contains(v.items, ops.None)
	}
	return !slices.Contains(v.inner[0], ops.None)
}

// refuseEach returns the response to a request whose entries are all refused.
func (v *verdicts) refuseEach(q *query) kmsg.Response {
	resp := q.message.ResponseKind()
	v.merge(q, resp)
	return resp
}

// keep removes the refused entries from the message.
func (v *verdicts) keep() {
	of := v.innerRepeated()
	for i, l := range v.lists {
		if of.same != nil || anyRefused(v.inner[i]) {
			l.keep(v.inner[i], of)
		}
	}
	if v.list != nil && (v.same != nil || anyRefused(v.items)) {
		v.list.keep(v.items, &v.repeated)
	}
}

// innerRepeated returns which entries of an inner list are repeated: none, unless the request has only
// that list.
func (v *verdicts) innerRepeated() *repeated {
	if v.list == nil {
		return &v.repeated
	}
	return new(repeated)
}

func anyRefused(codes []ops.ErrorCode) bool {
	return slices.ContainsFunc(codes, func(code ops.ErrorCode) bool { return code != ops.None })
}

// merge puts the refused entries into a response of the cluster.
func (v *verdicts) merge(q *query, resp kmsg.Response) {
	if v.list == nil {
		v.lists[0].merge(q, 0, resp, v.inner[0], &v.repeated)
		return
	}
	places := v.list.merge(q, -1, resp, v.items, &v.repeated)
	if places == nil {
		return
	}
	for i, codes := range v.inner {
		if places[i] >= 0 && anyRefused(codes) {
			v.lists[i].merge(q, i, v.list.answer(resp, places[i]), codes, v.innerRepeated())
		}
	}
	v.list.finish(resp, v.items, places)
}
