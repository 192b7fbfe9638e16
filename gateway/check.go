package gateway

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// maxDecodedResponse is the most memory that a decoded response of the cluster may
// take, in bytes, not counting its records and the bytes of its strings. The cluster is
// trusted.
const maxDecodedResponse = 1 << 30

// check walks through a request by its layout. It returns an error if the request is
// not in the form that Kafka's own clients use; the error names the byte offset, from
// 0. If decoding would exceed the budget, the error is errBudget.
func (l *layouts) check(k kind, data []byte) error {
	return l.checkWithin(k, data, requestBudget(len(data)))
}

// checkWithin is check with an explicit budget, in bytes.
func (l *layouts) checkWithin(k kind, data []byte, budget int64) error {
	c := checker{data: data, left: budget, flexible: k.flexible(), foreign: true}
	return c.message(l.of(k))
}

// checkReply walks through a response of the cluster, and reports whether the top-level
// structure has tags.
func (l *layouts) checkReply(k kind, data []byte) (tagged bool, err error) {
	c := checker{data: data, left: maxDecodedResponse, flexible: k.flexible()}
	err = c.message(l.of(k))
	return c.tagged && err == nil, err
}

// message checks the whole message.
func (c *checker) message(l *layout) error {
	c.value(l)
	if c.problem == "" && c.at != len(c.data) {
		c.fail("%d bytes follow the message", len(c.data)-c.at)
	}
	if c.problem == "" {
		return nil
	}
	if c.foreign && c.left < 0 {
		return errBudget
	}
	return c.err()
}

// checker checks one message. After the first problem it does nothing.
type checker struct {
	data     []byte
	at       int
	left     int64 // remaining memory budget
	flexible bool
	foreign  bool // the message is from a client
	tagged   bool // the last checked structure has tags
	longest  int  // the length of the longest string so far
	several  bool // the current array has more than one entry
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
		c.fail("expected %d bytes, %d are left", n, c.rest())
		return
	}
	c.at += n
}

// uvarint reads a minimally encoded number: Kafka and kmsg read other encodings
// differently.
func (c *checker) uvarint() uint32 {
	if c.at < len(c.data) && c.data[c.at] < 0x80 { // the usual case
		c.at++
		return uint32(c.data[c.at-1])
	}
	n, size := binary.Uvarint(c.data[c.at:])
	if size <= 0 || n>>32 != 0 || size > 1 && c.data[c.at+size-1] == 0 {
		c.fail("a number that is not minimally encoded")
		return 0
	}
	c.at += size
	return uint32(n)
}

// length reads the length of a string, bytes or an array; null is -1.
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
		c.fail("expected a length, %d bytes are left", c.rest())
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
		c.text(l)
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

// text checks a string. A client's string must be UTF-8; decoding copies its bytes, and
// an answer may repeat them.
func (c *checker) text(l *layout) {
	n := c.length(2)
	start := c.at
	c.skip(max(n, 0))
	if !c.foreign || c.problem != "" {
		return
	}
	switch {
	case n < 0 && !l.nullable || n > maxStringBytes:
		c.fail("a string of %d bytes", n)
	case !utf8.Valid(c.data[start:c.at]):
		c.fail("a string that is not UTF-8")
	case n > 0:
		c.longest = max(c.longest, n)
		c.takes(1, l.memory+2*n+7)
	case n == 0:
		c.takes(1, l.memory)
	}
}

func (c *checker) array(l *layout) {
	n := c.length(4)
	if c.foreign && n > maxEntries {
		c.fail("an array of %d entries: expected at most %d", n, maxEntries)
		return
	}
	if n > c.rest()/max(l.elem.least, 1) {
		c.fail("an array of %d entries, of %d bytes or more each, in %d bytes", n, l.elem.least, c.rest())
		return
	}
	c.entries(n, l)
	if l.elem.kind == fixedLayout {
		c.skip(max(n, 0) * l.elem.size)
		return
	}
	around := c.several
	c.several = n > 1
	for range n {
		if c.value(l.elem); c.problem != "" {
			return
		}
	}
	c.several = around
}

func (c *checker) nullable(l *layout) {
	if c.rest() < 1 {
		c.fail("expected a structure, nothing is left")
		return
	}
	c.at++
	switch mark := int8(c.data[c.at-1]); mark {
	case -1:
	case 1:
		c.takes(1, l.memory)
		c.value(l.elem)
	default:
		c.fail("a structure begins with %d: expected -1 or 1", mark)
	}
}

// tagMemory is roughly the memory of a decoded tag that kmsg does not know.
const tagMemory = 100

// tags checks the tags of a structure, which must be in ascending order.
func (c *checker) tags(l *layout) {
	n := c.uvarint()
	if c.problem == "" && int64(n) > int64(c.rest()/2) {
		c.fail("%d tags in %d bytes", n, c.rest())
		return
	}
	if c.foreign && n > maxTags {
		c.fail("%d tags of a structure: expected at most %d", n, maxTags)
		return
	}
	if !c.foreign {
		c.takes(int(n), tagMemory)
	}
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
		if l.tagged[tag] == nil && c.foreign {
			c.fail("tag %d, which the version does not have", tag)
			return
		}
		c.tag(tag, l.tagged[tag], int(size))
	}
	c.tagged = n > 0
}

// tag checks the value of a tag, which has size bytes. known is nil for an unknown tag.
func (c *checker) tag(tag uint32, known *layout, size int) {
	if known == nil {
		c.skip(size)
		return
	}
	all := c.data
	c.data = all[:c.at+size]
	c.value(known)
	if c.problem == "" && c.rest() != 0 {
		c.fail("%d bytes follow the value of tag %d", c.rest(), tag)
	}
	c.data = all
}

// entries charges the memory of the entries of an array.
func (c *checker) entries(n int, l *layout) {
	if n <= 0 || !c.foreign {
		c.takes(n, l.memory)
		return
	}
	c.left -= allocates(int64(n)*int64(l.memory)) + allocates(int64(n)*int64(l.echoed))
	cost := l.cost
	if l.repeats {
		cost += c.longest
	}
	if c.several {
		cost += l.joined
	}
	c.takes(n, cost)
}

// takes charges the memory of n decoded values of this size.
func (c *checker) takes(n, size int) {
	if n > 0 {
		c.left -= int64(n) * int64(size)
	}
	if c.left < 0 {
		c.fail("decoding it would take too much memory")
	}
}
