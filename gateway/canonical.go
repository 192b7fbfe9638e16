package gateway

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/ops"
)

// Kafka accepts frames that its own clients never write: names that are not UTF-8,
// numbers with superfluous bytes, unknown tags, bytes after the message. The cluster
// must not read such a frame differently from the gateway. So the gateway rewrites it
// the way Kafka reads it, and both decides and forwards the rewritten frame.

// maxStringBytes is the length of the longest string that Kafka accepts.
const maxStringBytes = math.MaxInt16

// canonical returns a request in the form that Kafka's own clients use; if the frame
// has that form already, it is returned unchanged. The error is a *FrameError: Kafka
// would also close the connection.
func (l *layouts) canonical(h Header, frame []byte) (Header, []byte, error) {
	k := kind{h.Key, h.Version, false}
	err := l.check(k, frame[h.size:])
	if err == nil && !h.loose || err == errBudget {
		return h, frame, frameError(h, err)
	}
	r := canonicalWriter{data: frame[h.size:], flexible: k.flexible()}
	r.value(l.of(k)) // for the size
	if r.problem != "" {
		return h, nil, frameError(h, fmt.Errorf("malformed at byte %d: %s", r.at, r.problem))
	}
	header := appendHeader(nil, h, k.flexible())
	r.out, r.at = append(make([]byte, 0, len(header)+r.size), header...), 0
	r.value(l.of(k))
	h.size, h.loose = len(header), false
	return h, r.out, frameError(h, l.checkWithin(k, r.out[h.size:], requestBudget(len(frame))-int64(len(r.out))))
}

// frameError returns err as a *FrameError, or nil.
func frameError(h Header, err error) error {
	if err == nil {
		return nil
	}
	return &FrameError{Header: h, Err: err}
}

// appendHeader appends a request header without tags.
func appendHeader(dst []byte, h Header, flexible bool) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Key))
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.CorrelationID))
	if h.Key == ops.ControlledShutdownKey && h.Version == 0 {
		return dst
	}
	dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(h.ClientID))), h.ClientID...)
	if flexible {
		dst = append(dst, 0)
	}
	return dst
}

// canonicalWriter reads a message as Kafka reads it and writes it in canonical form.
// While out is nil it only counts bytes. After the first problem it does nothing.
//
// Source: Kafka's generated messages, ByteBufferAccessor and ByteUtils; seen of Kafka 4.2.1.
type canonicalWriter struct {
	data     []byte
	at       int
	flexible bool
	out      []byte
	size     int // bytes written
	mute     int // while it is not 0, nothing is written
	problem  string
}

func (r *canonicalWriter) fail(format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

func (r *canonicalWriter) put(b ...byte) {
	if r.mute > 0 {
		return
	}
	r.size += len(b)
	if r.out != nil {
		r.out = append(r.out, b...)
	}
}

func (r *canonicalWriter) putNumber(n int) {
	var b [binary.MaxVarintLen64]byte
	r.put(b[:binary.PutUvarint(b[:], uint64(n))]...)
}

// take returns the next n bytes.
func (r *canonicalWriter) take(n int) []byte {
	if n < 0 || n > len(r.data)-r.at {
		r.fail("expected %d bytes, %d are left", n, len(r.data)-r.at)
		return nil
	}
	r.at += n
	return r.data[r.at-n : r.at]
}

// uvarint reads a number of at most five bytes; Kafka keeps 32 bits of it.
func (r *canonicalWriter) uvarint() uint32 {
	var n uint32
	for shift := 0; shift < 35; shift += 7 {
		b := r.take(1)
		if b == nil {
			return 0
		}
		n |= uint32(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return n
		}
	}
	r.fail("a number of more than 5 bytes")
	return 0
}

// length reads a length. Any negative length means null and is returned as -1.
func (r *canonicalWriter) length(prefix int) int {
	n := int32(-1)
	switch {
	case r.flexible:
		n = int32(r.uvarint()) - 1
	case prefix == 2:
		if b := r.take(2); b != nil {
			n = int32(int16(binary.BigEndian.Uint16(b)))
		}
	default:
		if b := r.take(4); b != nil {
			n = int32(binary.BigEndian.Uint32(b))
		}
	}
	return int(max(n, -1))
}

func (r *canonicalWriter) putLength(prefix, n int) {
	switch {
	case r.flexible:
		r.putNumber(n + 1)
	case prefix == 2:
		r.put(byte(n>>8), byte(n))
	default:
		r.put(byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

func (r *canonicalWriter) value(l *layout) {
	if r.problem != "" {
		return
	}
	switch l.kind {
	case fixedLayout:
		r.put(r.take(l.size)...)
	case stringLayout:
		r.text(l)
	case bytesLayout:
		n := r.length(4)
		r.putLength(4, n)
		r.put(r.take(max(n, 0))...)
	case arrayLayout:
		r.array(l)
	case nullableLayout:
		if mark := r.take(1); mark != nil && int8(mark[0]) < 0 {
			r.put(0xff)
		} else {
			r.put(1)
			r.value(l.elem)
		}
	case structLayout:
		for _, field := range l.fields {
			r.value(field)
		}
		if r.flexible {
			r.tags(l)
		}
	}
}

func (r *canonicalWriter) text(l *layout) {
	n := r.length(2)
	if n < 0 && !l.nullable || n > maxStringBytes {
		r.fail("a string of %d bytes", n)
		return
	}
	if n < 0 {
		r.putLength(2, n)
		return
	}
	text := r.characters(n)
	r.putLength(2, len(text))
	r.put(text...)
}

// characters returns a string of n bytes as Kafka decodes it. It must still fit its
// length prefix.
func (r *canonicalWriter) characters(n int) []byte {
	text := r.take(n)
	if utf8.Valid(text) {
		return text
	}
	decoded := decodeUTF8(text)
	if len(decoded) > maxStringBytes {
		r.fail("a string of %d bytes that takes %d as UTF-8", n, len(decoded))
		return nil
	}
	return decoded
}

func (r *canonicalWriter) array(l *layout) {
	n := r.length(4)
	if n > maxEntries || n > (len(r.data)-r.at)/max(l.elem.least, 1) {
		r.fail("an array of %d entries in %d bytes", n, len(r.data)-r.at)
		return
	}
	r.putLength(4, n)
	if l.elem.kind == fixedLayout {
		r.put(r.take(max(n, 0) * l.elem.size)...)
		return
	}
	for range n {
		if r.value(l.elem); r.problem != "" {
			return
		}
	}
}

// tags reads the tags of a structure, and writes those that exist in this version in
// order. Like Kafka, it ignores the stated length of a known tag's value. If a tag is
// repeated, the last one counts.
func (r *canonicalWriter) tags(l *layout) {
	n := r.uvarint()
	if n > maxTags || int(n) > (len(r.data)-r.at)/2 {
		r.fail("%d tags in %d bytes", n, len(r.data)-r.at)
		return
	}
	var places map[uint32]int // where the value of each known tag is
	for range n {
		tag, size := r.uvarint(), r.uvarint()
		known := l.tagged[tag]
		switch {
		case r.problem != "":
			return
		case known != nil:
			if places == nil {
				places = make(map[uint32]int)
			}
			places[tag] = r.at
			r.mute++
			r.value(known)
			r.mute--
		default:
			r.take(int(size))
		}
	}
	r.putTags(l, places)
}

func (r *canonicalWriter) putTags(l *layout, places map[uint32]int) {
	r.putNumber(len(places))
	if r.mute > 0 {
		return
	}
	end := r.at
	for tag := uint32(0); len(places) > 0; tag++ {
		at, ok := places[tag]
		if !ok {
			continue
		}
		delete(places, tag)
		value := canonicalWriter{data: r.data, at: at, flexible: r.flexible}
		value.value(l.tagged[tag])
		r.putNumber(int(tag))
		r.putNumber(value.size)
		r.at = at
		r.value(l.tagged[tag])
	}
	r.at = end
}

// decodeUTF8 decodes text as Java does: an invalid sequence becomes U+FFFD, one for
// each longest prefix of a character. Half of a UTF-16 pair, encoded in three bytes, is
// one such prefix.
//
// Source: Java 17's String(byte[], UTF_8).
func decodeUTF8(text []byte) []byte {
	decoded := make([]byte, 0, 3*len(text))
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		if c == utf8.RuneError && size == 1 {
			size = malformedLength(text)
		}
		decoded = utf8.AppendRune(decoded, c)
		text = text[size:]
	}
	return decoded
}

// malformedLength returns how many bytes of a text that starts with an invalid sequence
// become one U+FFFD.
func malformedLength(text []byte) int {
	low, high, size := byte(0x80), byte(0xbf), 0
	switch first := text[0]; {
	case first >= 0xc2 && first <= 0xdf:
		size = 2
	case first == 0xe0:
		low, size = 0xa0, 3
	case first >= 0xe1 && first <= 0xef:
		size = 3
	case first == 0xf0:
		low, size = 0x90, 4
	case first >= 0xf1 && first <= 0xf3:
		size = 4
	case first == 0xf4:
		high, size = 0x8f, 4
	default:
		return 1
	}
	for n := 1; n < size; n++ {
		if n == len(text) || text[n] < low || text[n] > high {
			return n
		}
		low, high = 0x80, 0xbf
	}
	return size
}
