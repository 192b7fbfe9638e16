package gateway

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/gateway/internal/limits"
	"github.com/portcullis-authz/portcullis/ops"
)

// Kafka accepts frames that its own clients never write: names that are not UTF-8,
// numbers with superfluous bytes, unknown tags, bytes after the message. The cluster
// must not read such a frame differently from the gateway. So the gateway rewrites it
// the way Kafka reads it, and both decides and forwards the rewritten frame.

// maxDecodedResponse is the most memory that a decoded response of the cluster may
// take, in bytes, not counting its records and the bytes of its strings. The cluster is
// trusted.
const maxDecodedResponse = 1 << 30

// canonical returns a request in the form that Kafka's own clients use; if the frame
// has that form already, it is returned unchanged. The error is a *FrameError: Kafka
// would also close the connection.
func (l *layouts) canonical(h Header, frame []byte) (Header, []byte, error) {
	k := kind{h.Key, h.Version, false}
	body := frame[h.size:]
	w := walker{data: body, left: requestBudget(len(body)), flexible: k.flexible(), foreign: true, loose: h.loose}
	err := w.message(l.of(k))
	h.decoded, h.left, h.worst = w.decoded, w.left, requestBudget(len(body))-w.left
	if err != nil || !w.loose {
		return h, frame, frameError(h, err)
	}
	out := make([]byte, 0, maxHeader+len(h.ClientID)+len(body)+w.grows)
	w = walker{data: body, flexible: k.flexible(), foreign: true, loose: true, out: appendHeader(out, h, k.flexible())}
	h.size, h.loose = len(w.out), false
	if err := w.message(l.of(k)); err != nil {
		return h, nil, frameError(h, err)
	}
	out = w.out
	h.left, err = l.check(k, out[h.size:], requestBudget(len(frame))-int64(cap(out)))
	return h, out, frameError(h, err)
}

// maxHeader is the length of the longest header without its client id.
const maxHeader = 11

// check returns an error if a request is not in the form that Kafka's own clients use, or
// else how many bytes of the budget are left. If decoding it would take more memory than the
// budget, the error is errBudget.
func (l *layouts) check(k kind, data []byte, budget int64) (left int64, err error) {
	w := walker{data: data, left: budget, flexible: k.flexible(), foreign: true}
	err = w.message(l.of(k))
	if err == nil && w.loose {
		err = errLoose
	}
	return w.left, err
}

var errLoose = errors.New("malformed: not in the form that Kafka's own clients use")

// checkReply walks through a response of the cluster, and reports whether the top-level
// structure has tags.
func (l *layouts) checkReply(k kind, data []byte) (tagged bool, err error) {
	w := walker{data: data, left: maxDecodedResponse, flexible: k.flexible()}
	err = w.message(l.of(k))
	return w.tagged && err == nil, err
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

// walker walks through one message by its layout, before anything is allocated for it. A
// message of a client is read as Kafka reads it. What Kafka's own clients do not write
// makes it loose; a response of the cluster must not have it. After the first problem
// the walker does nothing.
//
// Source: Kafka's generated messages, ByteBufferAccessor and ByteUtils; seen of Kafka 4.2.1.
type walker struct {
	data     []byte
	at       int
	flexible bool
	foreign  bool  // the message is from a client
	loose    bool  // it is not in the form that Kafka's own clients use
	left     int64 // remaining memory budget; not used if the message is loose
	decoded  int64 // memory of the decoded entries of arrays and of the strings
	tagged   bool  // the last structure has tags
	longest  int   // the length of the longest string so far
	several  bool  // the current array has more than one entry
	grows    int   // by how much the canonical form of a loose message may be longer, in bytes
	problem  string
	out      []byte  // if not nil, the message is written to it in canonical form
	places   []place // of the known tags of the structures that are being written, the outermost first
}

// message walks through the whole message. The error names the byte offset, from 0.
func (w *walker) message(l *layout) error {
	w.value(l)
	if w.problem == "" && w.at != len(w.data) {
		w.unusual("%d bytes follow the message", len(w.data)-w.at)
	}
	switch {
	case w.problem == "":
		return nil
	case w.foreign && !w.loose && w.left < 0:
		return errBudget
	}
	return w.err()
}

func (w *walker) fail(format string, args ...any) {
	if w.problem == "" {
		w.problem = fmt.Sprintf(format, args...)
	}
}

func (w *walker) err() error { return fmt.Errorf("malformed at byte %d: %s", w.at, w.problem) }

// unusual notes something that Kafka accepts and its own clients do not write.
func (w *walker) unusual(format string, args ...any) {
	if w.loose = true; !w.foreign {
		w.fail(format, args...)
	}
}

func (w *walker) rest() int { return len(w.data) - w.at }

// take returns the next n bytes.
func (w *walker) take(n int) []byte {
	if n < 0 || n > w.rest() {
		w.fail("expected %d bytes, %d are left", n, w.rest())
		return nil
	}
	w.at += n
	return w.data[w.at-n : w.at]
}

// pass takes the next n bytes as they are.
func (w *walker) pass(n int) {
	if b := w.take(n); w.out != nil {
		w.out = append(w.out, b...)
	}
}

// uvarint reads a number of at most five bytes; Kafka keeps 32 bits of it.
func (w *walker) uvarint() (n uint32) {
	if w.at < len(w.data) && w.data[w.at] < 0x80 { // the usual case
		w.at++
		return uint32(w.data[w.at-1])
	}
	for shift := 0; shift < 35; shift += 7 {
		b := w.take(1)
		if b == nil {
			return 0
		}
		n |= uint32(b[0]&0x7f) << shift
		if b[0] >= 0x80 {
			continue
		}
		if b[0] == 0 || shift == 28 && b[0] > 0x0f {
			w.unusual("a number that is not minimally encoded")
		}
		return n
	}
	w.fail("a number of more than 5 bytes")
	return 0
}

// length reads the length of a string, bytes or an array. Any negative length means
// null and is returned as -1.
func (w *walker) length(prefix int) int {
	n := int32(-1)
	if w.flexible {
		n = int32(w.uvarint()) - 1
	} else if b := w.take(prefix); b == nil {
		return 0
	} else if prefix == 2 {
		n = int32(int16(binary.BigEndian.Uint16(b)))
	} else {
		n = int32(binary.BigEndian.Uint32(b))
	}
	if n < -1 {
		w.unusual("a length of %d", n)
	}
	return int(max(n, -1))
}

func (w *walker) putLength(prefix, n int) {
	switch {
	case w.out == nil:
	case w.flexible:
		w.out = binary.AppendUvarint(w.out, uint64(n+1))
	case prefix == 2:
		w.out = binary.BigEndian.AppendUint16(w.out, uint16(n))
	default:
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(n))
	}
}

func (w *walker) value(l *layout) {
	if w.problem != "" {
		return
	}
	switch l.kind {
	case fixedLayout:
		w.pass(l.size)
	case stringLayout:
		w.text(l)
	case bytesLayout:
		n := w.length(4)
		w.putLength(4, n)
		w.pass(max(n, 0))
	case arrayLayout:
		w.array(l)
	case nullableLayout:
		w.nullable(l)
	case structLayout:
		for _, field := range l.fields {
			w.value(field)
		}
		if w.flexible {
			w.tags(l)
		}
	}
}

// text walks through a string. A client's string must be UTF-8; decoding copies its
// bytes, and an answer may repeat them.
func (w *walker) text(l *layout) {
	n := w.length(2)
	if w.foreign && (n < 0 && !l.nullable || n > limits.String) {
		w.fail("a string of %d bytes", n)
		return
	}
	text := w.take(max(n, 0))
	if !w.foreign || w.problem != "" {
		return
	}
	if w.out != nil {
		w.putText(text, n < 0)
	} else if !utf8.Valid(text) {
		w.grows += w.decodes(text) - len(text) + binary.MaxVarintLen16
	}
	switch {
	case n > 0:
		w.longest = max(w.longest, n)
		w.decoded += int64(n)
		w.takes(1, l.memory+2*n+7)
	case n == 0:
		w.takes(1, l.memory)
	}
}

// characters returns a text as Kafka decodes it. It must still fit its length prefix.
func (w *walker) characters(text []byte) []byte {
	n := w.decodes(text)
	if w.problem != "" {
		return nil
	}
	if utf8.Valid(text) {
		return text
	}
	return appendUTF8(make([]byte, 0, n), text)
}

// decodes returns the length of a text as Kafka decodes it, which must fit its length prefix.
func (w *walker) decodes(text []byte) int {
	if utf8.Valid(text) {
		return len(text)
	}
	w.unusual("a string that is not UTF-8")
	n := 0
	for left := text; len(left) > 0; {
		c, size := decodeCharacter(left)
		n, left = n+utf8.RuneLen(c), left[size:]
	}
	if n > limits.String {
		w.fail("a string of %d bytes that takes %d as UTF-8", len(text), n)
	}
	return n
}

// putText writes a text as Kafka decodes it.
func (w *walker) putText(text []byte, null bool) {
	n := w.decodes(text)
	if null {
		n = -1
	}
	if w.problem == "" {
		w.putLength(2, n)
		w.out = appendUTF8(w.out, text)
	}
}

func (w *walker) array(l *layout) {
	n := w.length(4)
	if w.foreign && n > maxEntries {
		w.fail("an array of %d entries: expected at most %d", n, maxEntries)
		return
	}
	if n > w.rest()/max(l.elem.least, 1) {
		w.fail("an array of %d entries, of %d bytes or more each, in %d bytes", n, l.elem.least, w.rest())
		return
	}
	w.putLength(4, n)
	w.entries(n, l)
	if l.elem.kind == fixedLayout {
		w.pass(max(n, 0) * l.elem.size)
		return
	}
	around := w.several
	w.several = n > 1
	for range n {
		if w.value(l.elem); w.problem != "" {
			return
		}
	}
	w.several = around
}

func (w *walker) nullable(l *layout) {
	mark := w.take(1)
	if mark == nil {
		return
	}
	present, canonical := int8(mark[0]) >= 0, byte(0xff)
	if present {
		canonical = 1
	}
	if mark[0] != canonical {
		w.unusual("a structure begins with %d: expected -1 or 1", int8(mark[0]))
	}
	if w.out != nil {
		w.out = append(w.out, canonical)
	}
	if present {
		w.takes(1, l.memory)
		w.value(l.elem)
	}
}

// tagMemory is roughly the memory of a decoded tag that kmsg does not know.
const tagMemory = 100

// tags walks through the tags of a structure. Like Kafka, it ignores the stated length
// of a known tag's value. If a tag is repeated, the last one counts. Those that exist in
// this version are written in ascending order.
func (w *walker) tags(l *layout) {
	n := w.uvarint()
	switch {
	case w.problem != "":
		return
	case int64(n) > int64(w.rest()/2):
		w.fail("%d tags in %d bytes", n, w.rest())
		return
	case w.foreign && n > maxTags:
		w.fail("%d tags of a structure: expected at most %d", n, maxTags)
		return
	case !w.foreign:
		w.takes(int(n), tagMemory)
	}
	found := len(w.places)
	out := w.out
	w.out = nil
	for i, last := uint32(0), int64(-1); i < n && w.problem == ""; i++ {
		tag, size := w.uvarint(), w.uvarint()
		if w.problem != "" {
			return
		}
		known, start := l.tagged[tag], w.at
		if known == nil {
			w.take(int(size))
		} else {
			w.grows += binary.MaxVarintLen32
			if out != nil {
				w.note(found, tag)
			}
			w.value(known)
		}
		if int64(tag) <= last || w.at != start+int(size) || known == nil && w.foreign {
			w.unusual("tag %d of %d bytes after tag %d", tag, size, last)
		}
		last = int64(tag)
	}
	if w.out = out; out != nil {
		w.putTags(l, found)
	}
	w.tagged = n > 0
}

// place says where the value of a known tag begins.
type place struct {
	tag uint32
	at  int
}

// note notes that the value of a known tag of the current structure begins here. Its tags
// are in w.places from found on, in ascending order.
func (w *walker) note(found int, tag uint32) {
	i, again := slices.BinarySearchFunc(w.places[found:], tag, func(p place, tag uint32) int { return cmp.Compare(p.tag, tag) })
	if i += found; again {
		w.places[i].at = w.at
		return
	}
	w.places = slices.Insert(w.places, i, place{tag, w.at})
}

// putTags writes the known tags of the current structure, which are in w.places from found
// on, and removes them from there.
func (w *walker) putTags(l *layout, found int) {
	w.out = binary.AppendUvarint(w.out, uint64(len(w.places)-found))
	after := w.at
	for i := found; i < len(w.places); i++ {
		p := w.places[i]
		w.out = binary.AppendUvarint(w.out, uint64(p.tag))
		start := len(w.out)
		w.at = p.at
		w.value(l.tagged[p.tag])
		var length [binary.MaxVarintLen32]byte
		w.out = slices.Insert(w.out, start, binary.AppendUvarint(length[:0], uint64(len(w.out)-start))...)
	}
	w.places, w.at = w.places[:found], after
}

// entries charges the memory of the entries of an array.
func (w *walker) entries(n int, l *layout) {
	if n <= 0 || !w.foreign {
		w.takes(n, l.memory)
		return
	}
	memory := allocates(int64(n) * int64(l.memory))
	w.decoded += memory
	w.left -= memory + allocates(int64(n)*int64(l.echoed))
	cost := l.cost
	if l.repeats {
		cost += w.longest
	}
	if w.several {
		cost += l.joined
	}
	w.takes(n, cost)
}

// takes charges the memory of n decoded values of this size. A frame that is rewritten
// is charged afterwards.
func (w *walker) takes(n, size int) {
	if n > 0 {
		w.left -= int64(n) * int64(size)
	}
	if w.left < 0 && !w.loose {
		w.fail("decoding it would take too much memory")
	}
}

// appendUTF8 appends text as Java decodes it: an invalid sequence becomes U+FFFD, one for each
// longest prefix of a character. Half of a UTF-16 pair, encoded in three bytes, is one such
// prefix.
//
// Source: Java 17's String(byte[], UTF_8).
func appendUTF8(dst, text []byte) []byte {
	for len(text) > 0 {
		c, size := decodeCharacter(text)
		dst, text = utf8.AppendRune(dst, c), text[size:]
	}
	return dst
}

// decodeCharacter decodes the first character of a text, and returns how many bytes of the
// text it stands for.
func decodeCharacter(text []byte) (c rune, size int) {
	if c, size = utf8.DecodeRune(text); c == utf8.RuneError && size == 1 {
		size = malformedLength(text)
	}
	return c, size
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
