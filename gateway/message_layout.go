package gateway

import (
	"encoding/binary"
	"reflect"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// kmsg trusts the counts in a frame: it allocates all entries of an array before it
// reads the first, and reads as many tags as announced. So a few bytes could cost
// gigabytes or minutes. Therefore the gateway first checks the frame against its
// layout, which allocates nothing, and decodes it only if it is exactly one message.
//
// kmsg does not publish its layouts. They are found by experiment: change one field of
// a message, and see where the encoding changes.

// layout describes how a value of a Go type is encoded in one version of a message.
type layout struct {
	kind     layoutKind
	entry    reflect.Type       // of an array
	index    int                // of a field that is not fixed in kmsg's structure
	size     int                // of a fixed value, in bytes on the wire
	memory   int                // of a decoded value or array entry, in bytes
	echoed   int                // of a request's array: the size of one entry in an answer, in bytes
	cost     int                // of such an array: other memory that one entry may cause, in bytes
	joined   int                // of a topic's partitions: the size of one that is joined with those of another entry
	repeats  bool               // of a request's array: an answer repeats the preceding name with each entry
	nullable bool               // of a string
	least    int                // smallest encoding, in bytes
	elem     *layout            // of an array or a nullable structure
	fields   []*layout          // of a structure, in order; adjacent fixed fields are merged
	tagged   map[uint32]*layout // of a structure, by tag
}

type layoutKind uint8

const (
	fixedLayout layoutKind = iota
	stringLayout
	bytesLayout
	arrayLayout
	structLayout
	nullableLayout // a structure after a byte that says whether it is present
)

// message has the methods that kmsg's requests and responses share.
type message interface {
	SetVersion(int16)
	GetVersion() int16
	IsFlexible() bool
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
	Default()
}

// kind is one version of a kmsg message.
type kind struct {
	key      ops.APIKey
	version  int16
	response bool
}

// kindOf returns the kind of a request or a response.
func kindOf(m interface {
	Key() int16
	GetVersion() int16
}) kind {
	_, request := m.(kmsg.Request)
	return kind{ops.APIKey(m.Key()), m.GetVersion(), !request}
}

// flexible reports whether lengths are varints and every structure has tags. A response
// is flexible in the same versions as its request.
func (k kind) flexible() bool { return k.version >= requests[k.key].flexible }

// blank returns a message of the kind with default values.
func (k kind) blank() message {
	var m message
	if k.response {
		m = kmsg.ResponseForKey(int16(k.key)).(message)
	} else {
		m = kmsg.RequestForKey(int16(k.key)).(message)
	}
	m.SetVersion(k.version)
	m.Default()
	return m
}

// layouts caches the layouts, so that each is determined once. It is safe for
// concurrent use.
type layouts struct {
	requests, responses [len(requests)][]atomic.Pointer[layout] // by version
}

func newLayouts() *layouts {
	l := new(layouts)
	for key := range requests {
		l.requests[key] = make([]atomic.Pointer[layout], requests[key].versions)
		l.responses[key] = make([]atomic.Pointer[layout], requests[key].versions)
	}
	return l
}

// of returns the layout of a kind of messages.
func (l *layouts) of(k kind) *layout {
	place := &l.requests[k.key]
	if k.response {
		place = &l.responses[k.key]
	}
	known := &(*place)[k.version]
	if found := known.Load(); found != nil {
		return found
	}
	found := findLayout(k)
	if !k.response {
		found.setCosts(k, l.of(kind{k.key, k.version, true}))
	}
	known.Store(found)
	return found
}

// prober determines the layout of one message.
type prober struct {
	flexible bool
}

func findLayout(k kind) *layout {
	encode := func(v reflect.Value) []byte { return v.Addr().Interface().(message).AppendTo(nil) }
	blank := func() reflect.Value { return reflect.ValueOf(k.blank()).Elem() }
	return prober{flexible: k.flexible()}.structure(blank, encode)
}

// probeTag and probeTag2 are tags that no message uses.
const probeTag, probeTag2 = 1 << 20, 1<<20 + 1

// structure returns the layout of a structure. blank creates one with default values;
// encode encodes a message that contains it. The structure gets an unknown tag, so that
// it is encoded even where default values are omitted.
func (p prober) structure(blank func() reflect.Value, encode func(reflect.Value) []byte) *layout {
	l := &layout{kind: structLayout}
	probe := func(change func(reflect.Value), tags ...uint32) []byte {
		v := blank()
		for _, tag := range tags {
			if !p.flexible {
				break
			}
			v.FieldByName("UnknownTags").Addr().Interface().(*kmsg.Tags).Set(tag, nil)
		}
		change(v)
		return encode(v)
	}
	before := probe(func(reflect.Value) {}, probeTag)
	tagsAt := -1
	if p.flexible {
		tagsAt = firstDifference(before, probe(func(reflect.Value) {}, probeTag, probeTag2))
		l.least = 1
	}
	for i := range blank().NumField() {
		if f := blank().Type().Field(i); f.Name == "Version" || f.Name == "UnknownTags" {
			continue
		}
		set := func(value reflect.Value) []byte {
			return probe(func(v reflect.Value) { v.Field(i).Set(value) }, probeTag)
		}
		after := set(other(blank().Field(i)))
		switch at := firstDifference(before, after); {
		case at < 0: // the version does not have the field
		case at == tagsAt:
			tag, _ := tagAt(after, tagsAt)
			if l.tagged == nil {
				l.tagged = make(map[uint32]*layout)
			}
			field := p.value(blank().Field(i), func(value reflect.Value) []byte {
				_, content := tagAt(set(value), tagsAt)
				return content
			})
			field.index = i
			l.tagged[tag] = field
		default:
			field := p.value(blank().Field(i), set)
			field.index = i
			l.add(field)
		}
	}
	return l
}

// add adds a field to a structure.
func (l *layout) add(field *layout) {
	l.least += field.least
	if n := len(l.fields); n > 0 && field.kind == fixedLayout && l.fields[n-1].kind == fixedLayout {
		l.fields[n-1].size += field.size
		l.fields[n-1].least += field.least
		return
	}
	l.fields = append(l.fields, field)
}

// tagAt returns the first tag of the tags at a position, and its value.
func tagAt(data []byte, at int) (tag uint32, value []byte) {
	at++ // the number of tags
	n, size := binary.Uvarint(data[at:])
	at += size
	length, size := binary.Uvarint(data[at:])
	at += size
	return uint32(n), data[at : at+int(length)]
}

// value returns the layout of a value. set encodes the message with another value in
// its place.
func (p prober) value(v reflect.Value, set func(reflect.Value) []byte) *layout {
	switch v.Kind() {
	case reflect.String:
		return p.counted(stringLayout, 2)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return p.counted(bytesLayout, 4)
		}
		l := p.counted(arrayLayout, 4)
		l.memory, l.entry = int(v.Type().Elem().Size()), v.Type().Elem()
		l.elem = p.value(blankOf(v.Type().Elem()), func(e reflect.Value) []byte {
			return set(reflect.Append(reflect.Zero(v.Type()), e))
		})
		return l
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.String {
			l := p.counted(stringLayout, 2)
			l.memory, l.nullable = int(v.Type().Elem().Size()), true
			return l
		}
		inner := p.value(blankOf(v.Type().Elem()), func(e reflect.Value) []byte { return set(pointerTo(e)) })
		return &layout{kind: nullableLayout, least: 1, memory: int(v.Type().Elem().Size()), elem: inner}
	case reflect.Struct:
		blank := func() reflect.Value { return blankOf(v.Type()) }
		return p.structure(blank, set)
	default:
		size := int(v.Type().Size())
		return &layout{kind: fixedLayout, size: size, least: size}
	}
}

// sizeOf returns the size of a value on the wire, without its tags: a refusal has none.
func (l *layout) sizeOf(v reflect.Value, flexible bool) int {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return lengthSize(l, 0, flexible)
		}
		v = v.Elem()
	}
	switch l.kind {
	case stringLayout, bytesLayout:
		return lengthSize(l, v.Len(), flexible) + v.Len()
	case arrayLayout:
		size := lengthSize(l, v.Len(), flexible)
		if l.elem.kind == fixedLayout {
			return size + v.Len()*l.elem.size
		}
		for i := range v.Len() {
			size += l.elem.sizeOf(v.Index(i), flexible)
		}
		return size
	case nullableLayout:
		return 1 + l.elem.sizeOf(v, flexible)
	case fixedLayout:
		return l.size
	}
	size := 0
	for _, f := range l.fields {
		if f.kind == fixedLayout {
			size += f.size
		} else {
			size += f.sizeOf(v.Field(f.index), flexible)
		}
	}
	if flexible {
		size++
	}
	return size
}

// lengthSize returns the size of the length before a value.
func lengthSize(l *layout, n int, flexible bool) int {
	switch {
	case l.kind == nullableLayout:
		return 1
	case !flexible && l.kind == stringLayout:
		return 2
	case !flexible:
		return 4
	}
	size := 1
	for n++; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

// counted returns the layout of a value that starts with its length. prefix is the size
// of the length; in flexible versions it is a varint.
func (p prober) counted(kind layoutKind, prefix int) *layout {
	if p.flexible {
		prefix = 1
	}
	return &layout{kind: kind, least: prefix}
}

// blankOf returns a settable value of type t with kmsg's defaults.
func blankOf(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if d, ok := v.Interface().(interface{ Default() }); ok {
		d.Default()
	}
	return v.Elem()
}

func pointerTo(v reflect.Value) reflect.Value {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p
}

// other returns a value that differs from v.
func other(v reflect.Value) reflect.Value {
	o := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Bool:
		o.SetBool(!v.Bool())
	case reflect.String:
		o.SetString(v.String() + "x")
	case reflect.Slice:
		o.Set(reflect.Append(reflect.Zero(v.Type()), blankOf(v.Type().Elem())))
	case reflect.Pointer:
		o.Set(pointerTo(other(blankOf(v.Type().Elem()))))
	case reflect.Struct:
		o.Set(v)
		for i := range o.NumField() {
			if name := o.Type().Field(i).Name; name != "Version" && name != "UnknownTags" {
				o.Field(i).Set(other(v.Field(i)))
			}
		}
	case reflect.Array:
		o.Set(v)
		o.Index(0).SetUint(v.Index(0).Uint() + 1)
	case reflect.Float64:
		o.SetFloat(v.Float() + 1)
	case reflect.Uint16:
		o.SetUint(v.Uint() + 1)
	default:
		o.SetInt(v.Int() ^ 1)
	}
	return o
}

// firstDifference returns the first position where a and b differ, or -1.
func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
