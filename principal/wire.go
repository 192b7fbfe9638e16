package principal

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// Limits for the wire form.
const (
	// maxWireString is Kafka's limit for a compact string, in bytes.
	maxWireString = math.MaxInt16
	// maxWireLength leaves room for two such strings and as much again for tagged
	// fields. Kafka has none yet.
	maxWireLength = 1 << 17
	// maxWireTags is Kafka's limit for the tagged fields of a structure since 4.4.
	maxWireTags = 10_000
	// wireVersion is the only version of Kafka's DefaultPrincipalData.
	wireVersion = 0
)

// wireError returns an error about the wire form of a principal, at an offset in bytes from
// 0; the offset is -1 when encoding.
func wireError(offset int, format string, args ...any) error {
	if offset < 0 {
		return fmt.Errorf("encoding a principal: "+format, args...)
	}
	return fmt.Errorf("decoding a principal, at byte %d: "+format, append([]any{offset}, args...)...)
}

// AppendWire appends the wire form of p to dst. A broker puts it into the envelope of a
// request that it forwards. A type or a name that is longer than 32,767 bytes or not
// valid UTF-8, so that it would arrive changed, is an error with a nil slice.
// AppendWire allocates only to grow dst.
//
// Source: KIP-590; Kafka's DefaultPrincipalData version 0, in the flexible encoding.
func (p Principal) AppendWire(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint16(dst, wireVersion)
	for _, field := range [...]struct{ name, text string }{{"type", p.Type}, {"name", p.Name}} {
		if len(field.text) > maxWireString {
			return nil, wireError(-1, "its %s has %d bytes, the limit is %d", field.name, len(field.text), maxWireString)
		}
		if !utf8.ValidString(field.text) {
			return nil, wireError(-1, "its %s is not valid UTF-8", field.name)
		}
		dst = binary.AppendUvarint(dst, uint64(len(field.text))+1)
		dst = append(dst, field.text...)
	}
	authenticated := byte(0)
	if p.TokenAuthenticated {
		authenticated = 1
	}
	return append(dst, authenticated, 0), nil // no tagged fields
}

// ParseWire parses the wire form of a principal. Like Kafka, it skips tagged fields in
// any order, ignores bytes after them, treats any byte but 0 as true, and replaces
// malformed UTF-8 by U+FFFD. Any version but 0, a null or truncated string and a string
// longer than 32,767 bytes are an error. So are a negative number of tagged fields, more
// than 10,000 of them and more than there are bytes left, which Kafka refuses since 4.4:
// no release writes them. So is input of more than 128 KiB, which Kafka would accept. On
// error the result is the zero Principal.
//
// A proxy must use this only for a peer that it trusts as a broker: the bytes are not
// signed.
//
// Source: KIP-590; Kafka's DefaultKafkaPrincipalBuilder.deserialize.
func ParseWire(data []byte) (Principal, error) {
	if len(data) > maxWireLength {
		return Principal{}, wireError(maxWireLength, "longer than %d bytes", maxWireLength)
	}
	r := wireReader{data: data}
	version := int16(binary.BigEndian.Uint16(r.take(2, "the version")))
	if r.err == nil && version != wireVersion {
		r.offset = 0
		r.fail("version %d, only version %d is known", version, wireVersion)
	}
	p := Principal{Type: r.text("type"), Name: r.text("name")}
	p.TokenAuthenticated = r.take(1, "the flag of a delegation token")[0] != 0
	for n := r.tags(); n > 0 && r.err == nil; n-- {
		r.varint("a tag")
		if size := r.varint("the size of a tagged field"); size < 0 {
			r.fail("a tagged field of negative size")
		} else {
			r.take(int(size), "a tagged field")
		}
	}
	if r.err != nil {
		return Principal{}, r.err
	}
	return p, nil
}

// wireReader reads fields one after the other. After the first error it keeps the error
// and returns zeros.
type wireReader struct {
	data   []byte
	offset int
	err    error
}

// zeros is what a reader returns after an error to callers that take one or two bytes.
var zeros = [2]byte{}

func (r *wireReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = wireError(r.offset, format, args...)
	}
}

func (r *wireReader) take(n int, what string) []byte {
	if left := len(r.data) - r.offset; r.err == nil && n > left {
		r.fail("%s needs %d bytes, %d are left", what, n, left)
	}
	if r.err != nil {
		return zeros[:]
	}
	r.offset += n
	return r.data[r.offset-n : r.offset]
}

// varint reads an unsigned varint of at most five bytes as Kafka does: into 32 bits,
// which callers then interpret as signed.
func (r *wireReader) varint(what string) int32 {
	var value uint32
	for shift := 0; shift < 35; shift += 7 {
		c := r.take(1, what)[0]
		value |= uint32(c&0x7F) << shift
		if c < 0x80 {
			return int32(value)
		}
	}
	r.fail("%s is a varint of more than 5 bytes", what)
	return 0
}

// tags reads the number of tagged fields.
func (r *wireReader) tags() int32 {
	n := r.varint("the number of tagged fields")
	if left := len(r.data) - r.offset; n < 0 || n > maxWireTags || int(n) > left {
		r.fail("%d tagged fields, %d bytes are left and the limit is %d", n, left, maxWireTags)
	}
	return n
}

func (r *wireReader) text(field string) string {
	// The encoded length is one too large, so that zero means null. Subtracting in 64
	// bits prevents the smallest value from wrapping around to a valid length.
	length := int64(r.varint("the length of the "+field)) - 1
	switch {
	case r.err != nil:
		return ""
	case length < 0:
		r.fail("the %s is null", field)
		return ""
	case length > maxWireString:
		r.fail("the %s has %d bytes, the limit is %d", field, length, maxWireString)
		return ""
	}
	return javatext.DecodeUTF8(r.take(int(length), "the "+field))
}
