package gateway

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// entryKey identifies an entry of a request and of its response: the name of a
// resource, or the id of a topic, and the type of a configured resource.
type entryKey struct {
	name string
	id   [16]byte
	kind int64
}

// nameFields are the fields that name what an entry is about.
var nameFields = []string{"Topic", "Group", "GroupID", "Key", "TransactionalID", "ResourceName"}

// entryFields are the positions of the fields that identify an entry, for one type of
// entries; -1 means that the type has no such field.
type entryFields struct{ id, name, kind, partitions, partition int }

// allEntryFields caches entryFields: looking up fields allocates memory, and a list may
// have a million entries.
var allEntryFields typeCache[reflect.Type, entryFields]

func entryFieldsOf(t reflect.Type) *entryFields {
	return allEntryFields.get(t, func() *entryFields {
		if t.Kind() != reflect.Struct {
			return &entryFields{-1, -1, -1, -1, -1}
		}
		f := &entryFields{fieldIndex(t, "TopicID"), -1, fieldIndex(t, "ResourceType"), fieldIndex(t, "Partitions"), fieldIndex(t, "Partition")}
		for _, name := range nameFields {
			if at := fieldIndex(t, name); at >= 0 && isText(t.Field(at).Type) {
				f.name = at
				break
			}
		}
		return f
	})
}

func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.String
}

// idOf returns the id of the topic that an entry is about, if it has one.
func (f *entryFields) idOf(v reflect.Value) (id [16]byte) {
	if f.id >= 0 {
		id = *v.Field(f.id).Addr().Interface().(*[16]byte)
	}
	return id
}

// nameOf returns the key for the name in an entry, and whether it has a name.
func (f *entryFields) nameOf(v reflect.Value) (key entryKey, ok bool) {
	if v.Kind() == reflect.String {
		return entryKey{name: v.String()}, true
	}
	if f.name < 0 {
		return entryKey{}, false
	}
	name := v.Field(f.name)
	if name.Kind() == reflect.Pointer {
		if name.IsNil() {
			return entryKey{}, false
		}
		name = name.Elem()
	}
	key.name = name.String()
	if f.kind >= 0 {
		key.kind = v.Field(f.kind).Int()
	}
	return key, true
}

// keysOf returns the keys of an entry: by its id, if it has one, and by its name.
func keysOf(v reflect.Value) (keys [2]entryKey, n int) {
	f := entryFieldsOf(v.Type())
	if id := f.idOf(v); id != [16]byte{} {
		keys[0], n = entryKey{id: id}, 1
	}
	if key, ok := f.nameOf(v); ok && (key.name != "" || n == 0) {
		keys[n] = key
		n++
	}
	return keys, n
}

// answers are the entries of a list of the cluster's response, by their keys.
type answers struct {
	list   reflect.Value
	taken  []bool
	byKeys map[entryKey][]int
}

func newAnswers(list reflect.Value) *answers {
	a := &answers{list: list, taken: make([]bool, list.Len()), byKeys: make(map[entryKey][]int, list.Len())}
	for i := range list.Len() {
		keys, n := keysOf(list.Index(i))
		for _, k := range keys[:n] {
			a.byKeys[k] = append(a.byKeys[k], i)
		}
	}
	return a
}

// take returns the next answer to an entry of the request.
func (a *answers) take(entry reflect.Value) (reflect.Value, bool) {
	keys, n := keysOf(entry)
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
			return a.list.Index(left[0]), true
		}
	}
	return reflect.Value{}, false
}

// mergeList merges the answers of the cluster with the errors of refused entries, in
// the order of the request. codes are the errors by position; entries without an error
// were forwarded. Answers to entries that were not forwarded are dropped. refuse
// returns the refusal of an entry. mergeList returns the final index of each position's
// entry, or -1.
func mergeList(field reflect.Value, l list, codes []ops.ErrorCode, refuse func(entry reflect.Value, code ops.ErrorCode) refusal) []int32 {
	places := make([]int32, l.len())
	given := newAnswers(field)
	merged, n := reflect.MakeSlice(field.Type(), l.len(), l.len()), 0
	for i := range l.len() {
		places[i] = int32(n)
		if codes[i] != ops.None {
			refuse(l.entry(i), codes[i]).fill(merged.Index(n), l.entry(i))
		} else if answer, ok := given.take(l.entry(i)); ok {
			merged.Index(n).Set(answer)
		} else {
			places[i] = -1
			continue
		}
		n++
	}
	merged = merged.Slice(0, n)
	for i := range l.len() { // the cluster may answer to one entry more than once
		for codes[i] == ops.None {
			answer, ok := given.take(l.entry(i))
			if !ok {
				break
			}
			merged = reflect.Append(merged, answer)
		}
	}
	field.Set(merged)
	return places
}

// verdicts are the errors of a partly refused request: for the entries of its list, and
// for those of nested lists.
type verdicts struct {
	whole   ops.ErrorCode // of the request, if it has no list
	list    list          // nil if there is none
	items   []ops.ErrorCode
	lists   []list // within the entries of list
	inner   [][]ops.ErrorCode
	allowed int // how many entries of the outer list have no error
}

// verdictsOf assigns the entries of an outcome to the lists of the message in its
// current form. If an entry belongs to no list, it returns an error: the tables
// contradict each other.
func verdictsOf(q *query, out *ops.Outcome) (*verdicts, error) {
	v := &verdicts{lists: make([]list, len(q.inner)), inner: make([][]ops.ErrorCode, len(q.inner))}
	if q.items != nil {
		v.list = q.items.list()
		v.items = make([]ops.ErrorCode, v.list.len())
	}
	for i, within := range q.inner {
		v.lists[i] = within.list()
		v.inner[i] = make([]ops.ErrorCode, v.lists[i].len())
	}
	return v, v.add(out)
}

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
	v.allowed = v.count(ops.None)
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
	for i, l := range v.lists {
		l.keep(make([]bool, len(v.inner[i])))
	}
	if v.list != nil {
		v.list.keep(make([]bool, len(v.items)))
	}
}

// nothingLeft reports whether all entries of the request are refused. OffsetFetch below
// version 8 has only topics as entries.
func (v *verdicts) nothingLeft() bool {
	if v.list != nil {
		return v.allowed == 0
	}
	return !slices.Contains(v.inner[0], ops.None)
}

// refuseEach returns the response to a request whose entries are all refused.
func (v *verdicts) refuseEach(q *query) (kmsg.Response, error) {
	resp := q.message.ResponseKind()
	fields := reflect.ValueOf(resp).Elem()
	refusal{key: q.Key}.blank(fields)
	return resp, v.merge(q, resp)
}

// keep removes the refused entries from the message.
func (v *verdicts) keep() {
	for i, l := range v.lists {
		if anyRefused(v.inner[i]) {
			l.keep(refusedOf(v.inner[i]))
		}
	}
	if anyRefused(v.items) {
		v.list.keep(refusedOf(v.items))
	}
}

func anyRefused(codes []ops.ErrorCode) bool {
	for _, code := range codes {
		if code != ops.None {
			return true
		}
	}
	return false
}

func refusedOf(codes []ops.ErrorCode) []bool {
	refused := make([]bool, len(codes))
	for i, code := range codes {
		refused[i] = code != ops.None
	}
	return refused
}

// merge puts the refused entries into a response of the cluster.
func (v *verdicts) merge(q *query, response kmsg.Response) error {
	resp := reflect.ValueOf(response).Elem()
	inner := func(_ reflect.Value, code ops.ErrorCode) refusal {
		return refusal{key: q.Key, code: code, text: messageFor(code), said: &q.said}
	}
	if v.list == nil { // below version 8 OffsetFetch has the topics of one group
		_, err := mergeField(resp, "Topics", v.lists[0], v.inner[0], inner)
		return err
	}
	if apiOf(q.Key).errorStands && errorCodeOf(resp) != 0 {
		return nil
	}
	places, err := mergeField(resp, apiOf(q.Key).itemField(), v.list, v.items, func(entry reflect.Value, code ops.ErrorCode) refusal {
		return refusalOf(q, entry, code)
	})
	if err != nil {
		return err
	}
	if err := v.mergeInner(q, resp, places, inner); err != nil {
		return err
	}
	if r, ok := response.(*kmsg.FetchResponse); ok {
		v.moveRefused(r, places)
	}
	join(resp.FieldByName(apiOf(q.Key).itemField()), apiOf(q.Key).repeated)
	if r, ok := response.(*kmsg.DescribeTopicPartitionsResponse); ok {
		orderTopics(r)
	}
	return nil
}

// moveRefused moves the refused topics of a fetch behind the others, those with an
// unknown id first, as Kafka does.
func (v *verdicts) moveRefused(r *kmsg.FetchResponse, places []int32) {
	rank := make([]int8, len(r.Topics))
	for i, code := range v.items {
		switch code {
		case ops.None:
		case ops.UnknownTopicID:
			rank[places[i]] = 1
		default:
			rank[places[i]] = 2
		}
	}
	moved := make([]kmsg.FetchResponseTopic, 0, len(r.Topics))
	for want := range int8(3) {
		for i := range r.Topics {
			if rank[i] == want {
				moved = append(moved, r.Topics[i])
			}
		}
	}
	r.Topics = moved
}

// mergeInner puts the refused topics of groups into a response of the cluster.
func (v *verdicts) mergeInner(q *query, resp reflect.Value, places []int32, refuse func(reflect.Value, ops.ErrorCode) refusal) error {
	for i, codes := range v.inner {
		if places[i] < 0 || !anyRefused(codes) {
			continue
		}
		g := resp.FieldByName(apiOf(q.Key).itemField()).Index(int(places[i]))
		if g.FieldByName("ErrorCode").Int() != 0 {
			continue // an error of the group stands for its topics
		}
		if _, err := mergeField(g, "Topics", v.lists[i], codes, refuse); err != nil {
			return err
		}
	}
	return nil
}

func mergeField(v reflect.Value, name string, l list, codes []ops.ErrorCode, refuse func(reflect.Value, ops.ErrorCode) refusal) ([]int32, error) {
	field := v.FieldByName(name)
	if !field.IsValid() || field.Kind() != reflect.Slice {
		return nil, fmt.Errorf("the response has no list %s", name)
	}
	return mergeList(field, l, codes, refuse), nil
}
