package gateway

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kmsg decodes what a frame claims: it makes room for as many entries as an array
// says it has before it reads the first, and goes through as many tags as a count
// says there are. A few bytes could so cost gigabytes, or minutes. A frame is
// therefore gone through by its layout first, which allocates nothing, and is decoded
// only if it is one message to its last byte.
//
// kmsg does not tell its layouts. They are found by trying: a field of a message is
// changed, and where the encoding changes, there the field is.

// layout is how a value of a Go type is laid out in one version of a message.
type layout struct {
	kind   layoutKind
	size   int                // of a fixed value, in bytes on the wire
	memory int                // of an array: what one entry takes once it is decoded, in bytes
	least  int                // the fewest bytes that a value can take
	elem   *layout            // of an array or a nullable structure
	fields []*layout          // of a structure, in order
	tagged map[uint32]*layout // of a structure, by tag
}

type layoutKind uint8

const (
	fixedLayout layoutKind = iota
	stringLayout
	bytesLayout
	arrayLayout
	structLayout
	nullableLayout // a structure behind a byte that says whether it is there
)

// message is what kmsg's requests and responses have in common.
type message interface {
	SetVersion(int16)
	GetVersion() int16
	IsFlexible() bool
	AppendTo([]byte) []byte
	ReadFrom([]byte) error
	Default()
}

// layouts keeps the layouts that were found, so that each is looked for once.
type layouts struct {
	found sync.Map // of *layout by layoutKey
}

type layoutKey struct {
	message reflect.Type
	version int16
}

// of returns the layout of a message in its version.
func (l *layouts) of(m message) *layout {
	key := layoutKey{reflect.TypeOf(m).Elem(), m.GetVersion()}
	if known, ok := l.found.Load(key); ok {
		return known.(*layout)
	}
	found := findLayout(key)
	l.found.Store(key, found)
	return found
}

// prober finds the layout of one message.
type prober struct {
	flexible bool
}

func findLayout(key layoutKey) *layout {
	encode := func(v reflect.Value) []byte { return v.Addr().Interface().(message).AppendTo(nil) }
	blank := func() reflect.Value {
		m := reflect.New(key.message)
		m.Interface().(message).SetVersion(key.version)
		m.Interface().(message).Default()
		return m.Elem()
	}
	p := prober{flexible: blank().Addr().Interface().(message).IsFlexible()}
	return p.structure(blank, encode)
}

// probeTag and probeTag2 are tags that no message has.
const probeTag, probeTag2 = 1 << 20, 1<<20 + 1

// structure returns the layout of a structure. blank makes one with default values;
// encode returns the encoding of a message that holds it. The structure is given a tag
// that nobody knows, so that it is encoded even where default values are left out.
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
			l.tagged[tag] = p.value(blank().Field(i), func(value reflect.Value) []byte {
				_, content := tagAt(set(value), tagsAt)
				return content
			})
		default:
			field := p.value(blank().Field(i), set)
			l.fields = append(l.fields, field)
			l.least += field.least
		}
	}
	return l
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

// value returns the layout of a value. set returns the encoding of a message with another value in its place.
func (p prober) value(v reflect.Value, set func(reflect.Value) []byte) *layout {
	switch v.Kind() {
	case reflect.String:
		return p.counted(stringLayout, 2)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return p.counted(bytesLayout, 4)
		}
		l := p.counted(arrayLayout, 4)
		l.memory = int(v.Type().Elem().Size())
		l.elem = p.value(blankOf(v.Type().Elem()), func(e reflect.Value) []byte {
			return set(reflect.Append(reflect.Zero(v.Type()), e))
		})
		return l
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.String {
			return p.counted(stringLayout, 2)
		}
		inner := p.value(blankOf(v.Type().Elem()), func(e reflect.Value) []byte { return set(pointerTo(e)) })
		return &layout{kind: nullableLayout, least: 1, elem: inner}
	case reflect.Struct:
		blank := func() reflect.Value { return blankOf(v.Type()) }
		return p.structure(blank, set)
	default:
		size := int(v.Type().Size())
		return &layout{kind: fixedLayout, size: size, least: size}
	}
}

// counted returns the layout of what begins with its length: in so many bytes, or in
// flexible versions in as few as it takes.
func (p prober) counted(kind layoutKind, prefix int) *layout {
	if p.flexible {
		prefix = 1
	}
	return &layout{kind: kind, least: prefix}
}

// blankOf returns a value of type t with kmsg's defaults, which can be changed.
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

// other returns a value unlike v.
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

// firstDifference returns where a and b begin to differ, or -1.
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

// How much memory one message may take once it is decoded, in bytes, its records and
// the bytes of its strings aside, which are no more than its frame. A request may name a
// million partitions, in no more than the largest frame that a broker reads by default.
// The metadata of a cluster, which is trusted, take more.
const (
	maxDecodedRequest  = 100 << 20
	maxDecodedResponse = 1 << 30
)

// check goes through data by the layout of a message. The error says at which byte it is
// not such a message, counted from 0.
func (l *layouts) check(m message, data []byte) error {
	c := checker{data: data, left: maxDecodedResponse, flexible: m.IsFlexible()}
	if _, ok := m.(kmsg.Request); ok {
		c.left, c.foreign = maxDecodedRequest, true
	}
	c.value(l.of(m))
	if c.problem == "" && c.at != len(data) {
		c.fail("%d bytes follow the message", len(data)-c.at)
	}
	if c.problem != "" {
		return c.err()
	}
	return nil
}

// checker goes through one message. Once there is a problem it stands still.
type checker struct {
	data     []byte
	at       int
	left     int64 // how much more memory may be taken
	flexible bool
	foreign  bool // the message is from a client
	problem  string
}

func (c *checker) fail(format string, args ...any) {
	if c.problem == "" {
		c.problem = fmt.Sprintf(format, args...)
	}
}

func (c *checker) err() error { return fmt.Errorf("malformed at byte %d: %s", c.at, c.problem) }

func (c *checker) rest() int { return len(c.data) - c.at }

func (c *checker) skip(n int) {
	if n < 0 || n > c.rest() {
		c.fail("%d bytes are expected, %d are left", n, c.rest())
		return
	}
	c.at += n
}

// uvarint reads a number in as few bytes as it takes: Kafka and kmsg agree on no other.
func (c *checker) uvarint() uint32 {
	n, size := binary.Uvarint(c.data[c.at:])
	if size <= 0 || n>>32 != 0 || size > 1 && c.data[c.at+size-1] == 0 {
		c.fail("no number in as few bytes as it takes")
		return 0
	}
	c.at += size
	return uint32(n)
}

// length reads the length before a string, bytes or an array; that of null is -1.
func (c *checker) length(prefix int) int {
	if c.flexible {
		n := c.uvarint()
		if n > math.MaxInt32 {
			c.fail("a length of %d", n-1)
			return 0
		}
		return int(n) - 1
	}
	if c.rest() < prefix {
		c.fail("a length is expected, %d bytes are left", c.rest())
		return 0
	}
	c.at += prefix
	n := int(int16(binary.BigEndian.Uint16(c.data[c.at-prefix:])))
	if prefix == 4 {
		n = int(int32(binary.BigEndian.Uint32(c.data[c.at-prefix:])))
	}
	if n < -1 {
		c.fail("a length of %d", n)
		return 0
	}
	return n
}

func (c *checker) value(l *layout) {
	if c.problem != "" {
		return
	}
	switch l.kind {
	case fixedLayout:
		c.skip(l.size)
	case stringLayout:
		c.skip(max(c.length(2), 0))
	case bytesLayout:
		c.skip(max(c.length(4), 0))
	case arrayLayout:
		c.array(l)
	case nullableLayout:
		c.nullable(l)
	case structLayout:
		for _, field := range l.fields {
			c.value(field)
		}
		if c.flexible {
			c.tags(l)
		}
	}
}

func (c *checker) array(l *layout) {
	n := c.length(4)
	if n > c.rest()/max(l.elem.least, 1) {
		c.fail("an array of %d entries, of %d bytes or more each, in %d bytes", n, l.elem.least, c.rest())
		return
	}
	c.takes(n, l.memory)
	if l.elem.kind == fixedLayout {
		c.skip(max(n, 0) * l.elem.size)
		return
	}
	for range n {
		if c.value(l.elem); c.problem != "" {
			return
		}
	}
}

func (c *checker) nullable(l *layout) {
	if c.rest() < 1 {
		c.fail("a structure is expected, nothing is left")
		return
	}
	c.at++
	switch mark := int8(c.data[c.at-1]); mark {
	case -1:
	case 1:
		c.value(l.elem)
	default:
		c.fail("a structure begins with %d: expected -1 or 1", mark)
	}
}

// reservedTags is how many tags, from 0, a client may use only in the versions that have
// them. Kafka numbers its tags from 0 and is at 3. kmsg reads tags without regard to the
// version, so that one which the version does not have could be decoded unchecked.
const reservedTags = 100

// tagMemory is about what a tag that kmsg does not know takes once it is decoded.
const tagMemory = 100

// tags goes through the tags of a structure, which stand in rising order.
func (c *checker) tags(l *layout) {
	n := c.uvarint()
	if c.problem == "" && int64(n) > int64(c.rest()/2) {
		c.fail("%d tags in %d bytes", n, c.rest())
		return
	}
	c.takes(int(n), tagMemory)
	for i, last := uint32(0), int64(-1); i < n && c.problem == ""; i++ {
		tag, size := c.uvarint(), c.uvarint()
		if c.problem != "" {
			return
		}
		if int64(tag) <= last || int64(size) > int64(c.rest()) {
			c.fail("tag %d of %d bytes after tag %d, %d bytes are left", tag, size, last, c.rest())
			return
		}
		last = int64(tag)
		inner := checker{data: c.data[:c.at+int(size)], at: c.at, left: c.left, flexible: true, foreign: c.foreign}
		known := l.tagged[tag]
		if known == nil && c.foreign && tag < reservedTags {
			c.fail("tag %d, which the version does not have", tag)
			return
		}
		if known != nil {
			inner.value(known)
			if inner.problem == "" && inner.rest() != 0 {
				inner.fail("%d bytes follow the value of tag %d", inner.rest(), tag)
			}
		} else {
			inner.skip(int(size))
		}
		c.at, c.left, c.problem = inner.at, inner.left, inner.problem
	}
}

// takes counts the memory that decoding n values of a size will take.
func (c *checker) takes(n, size int) {
	if n > 0 {
		c.left -= int64(n) * int64(size)
	}
	if c.left < 0 {
		c.fail("decoded it would take too much memory")
	}
}
