package principal

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// Limits for an encoded name. A name in a certificate has a few hundred bytes.
const (
	// maxNameLength is about what a TLS stack can receive in a certificate chain.
	// Escaping makes the text at most three times as long. Text that is not UTF-8 is
	// replaced character by character, which also makes it at most three times as long.
	maxNameLength = 1 << 16
	// maxOIDLength bounds the arithmetic on one component of an object identifier,
	// which is quadratic. A UUID, the longest component in use, has 19 bytes.
	maxOIDLength = 64
)

// DER tags in a name. The string types are those that Java decodes; every other value
// is printed in hexadecimal.
const (
	tagOID      = 0x06
	tagSequence = 0x30
	tagSet      = 0x31

	tagUTF8String      = 0x0C
	tagPrintableString = 0x13
	tagT61String       = 0x14
	tagIA5String       = 0x16
	tagGeneralString   = 0x1B
	tagBMPString       = 0x1E
)

// attributeKeywords maps the object identifiers (content bytes) of the attribute types
// that RFC 2253 names to their keywords. Java prints no other keywords in this form of
// a name.
var attributeKeywords = map[string]string{
	"\x55\x04\x03": "CN",
	"\x55\x04\x06": "C",
	"\x55\x04\x07": "L",
	"\x55\x04\x08": "ST",
	"\x55\x04\x0A": "O",
	"\x55\x04\x0B": "OU",
	"\x55\x04\x09": "STREET",
	"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x19": "DC",
	"\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x01": "UID",
}

// nameError returns an error at an offset in an X.500 name, in bytes from 0.
func nameError(offset int, format string, args ...any) error {
	return fmt.Errorf("X.500 name, at byte %d: "+format, append([]any{offset}, args...)...)
}

// DistinguishedName returns the text of a DER-encoded X.500 name, such as
// [crypto/x509.Certificate.RawSubject]. The text is exactly that of Java's
// X500Principal.getName, which Kafka passes to ssl.principal.mapping.rules: RFC 2253,
// the last RDN first, the attributes of an RDN in the order of the encoding.
// [crypto/x509/pkix.Name.String] prints other text.
//
// The attributes CN, C, L, ST, O, OU, STREET, DC and UID are printed by keyword if
// their value is a string. Its bytes are decoded as UTF-8 whatever the string type, and
// malformed ones are replaced by U+FFFD. A backslash is put before ',', '+', '"', '\',
// '<', '>', ';', '=', '#' and before leading and trailing spaces (and carriage
// returns); NUL is printed as \00. All other attributes are printed by their dotted
// object identifier. A value that is not decoded is printed as '#' and the hexadecimal
// digits of its DER encoding. An RDN without attributes is printed as nothing between
// its commas. The empty name is "". As in Java, bytes after the name are ignored.
//
// A malformed encoding, or one longer than 64 KiB, is an error, with the
// empty string. The time is linear in the length of der.
//
// Source: JDK 17, sun.security.x509.X500Name, RDN and AVA.
func DistinguishedName(der []byte) (string, error) {
	if len(der) > maxNameLength {
		return "", nameError(maxNameLength, "longer than %d bytes", maxNameLength)
	}
	reader := derReader{rest: der}
	sequence, err := reader.expect(tagSequence, "a SEQUENCE of RDNs")
	if err != nil {
		return "", err
	}
	var rdns []derValue
	for names := sequence.reader(); len(names.rest) > 0; {
		rdn, err := names.expect(tagSet, "an RDN, which is a SET")
		if err != nil {
			return "", err
		}
		rdns = append(rdns, rdn)
	}
	text := make([]byte, 0, 2*len(der))
	for i := len(rdns) - 1; i >= 0; i-- {
		if text, err = appendRDN(text, rdns[i]); err != nil {
			return "", err
		}
		if i > 0 {
			text = append(text, ',')
		}
	}
	return string(text), nil
}

// appendRDN appends the attributes of one RDN, in the order of the encoding.
func appendRDN(text []byte, rdn derValue) ([]byte, error) {
	attributes := rdn.reader()
	for first := true; len(attributes.rest) > 0; first = false {
		if !first {
			text = append(text, '+')
		}
		attribute, err := attributes.expect(tagSequence, "an attribute, which is a SEQUENCE")
		if err != nil {
			return nil, err
		}
		parts := attribute.reader()
		typ, err := parts.expect(tagOID, "the type of an attribute, which is an OBJECT IDENTIFIER")
		if err != nil {
			return nil, err
		}
		value, err := parts.next("the value of an attribute")
		if err != nil {
			return nil, err
		}
		if len(parts.rest) > 0 {
			return nil, parts.fault("an attribute has a type and a value, and nothing more")
		}
		if text, err = appendAttribute(text, typ, value); err != nil {
			return nil, err
		}
	}
	return text, nil
}

func appendAttribute(text []byte, typ, value derValue) ([]byte, error) {
	keyword, known := attributeKeywords[string(typ.Bytes)]
	if known {
		text = append(text, keyword...)
	} else {
		oid, err := dottedOID(typ)
		if err != nil {
			return nil, err
		}
		text = append(text, oid...)
	}
	text = append(text, '=')
	if !known || !value.isText() {
		text = append(text, '#')
		return hex.AppendEncode(text, value.FullBytes), nil
	}
	return appendEscaped(text, javatext.DecodeUTF8(value.Bytes)), nil
}

// appendEscaped appends an attribute value with the backslashes that Java adds.
func appendEscaped(text []byte, value string) []byte {
	const padding = " \r"
	lead := len(value) - len(strings.TrimLeft(value, padding))
	trail := len(strings.TrimRight(value, padding))
	for i := range len(value) {
		switch c := value[i]; {
		case c == 0:
			text = append(text, `\00`...)
		case i < lead || i >= trail || strings.IndexByte(`,+"\<>;=#`, c) >= 0:
			text = append(text, '\\', c)
		default:
			text = append(text, c)
		}
	}
	return text
}

// dottedOID returns an object identifier as decimal components separated by dots.
func dottedOID(oid derValue) (string, error) {
	fault := func(msg string) (string, error) {
		return "", nameError(oid.offset, "object identifier %s %s", enum.Quote(string(oid.Bytes)), msg)
	}
	switch n := len(oid.Bytes); {
	case n == 0:
		return fault("is empty")
	case n > maxOIDLength:
		return fault(fmt.Sprintf("has more than %d bytes", maxOIDLength))
	case oid.Bytes[n-1] >= 0x80:
		return fault("ends inside a component")
	}
	var b strings.Builder
	component, start := new(big.Int), true
	for _, c := range oid.Bytes {
		if start && c == 0x80 {
			return fault("has a component with a leading zero")
		}
		component.Lsh(component, 7).Or(component, big.NewInt(int64(c&0x7F)))
		if start = c < 0x80; !start {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		} else { // the first byte sequence holds two components
			first := min(component.Int64()/40, 2)
			if !component.IsInt64() {
				first = 2
			}
			b.WriteString(strconv.FormatInt(first, 10) + ".")
			component.Sub(component, big.NewInt(40*first))
		}
		b.WriteString(component.String())
		component.SetInt64(0)
	}
	return b.String(), nil
}

// derValue is one element of a DER encoding.
type derValue struct {
	asn1.RawValue
	tag    byte
	offset int // offset of its tag
}

// isText reports whether v has a string type that Java decodes.
func (v derValue) isText() bool {
	switch v.tag {
	case tagUTF8String, tagPrintableString, tagT61String, tagIA5String, tagGeneralString, tagBMPString:
		return true
	}
	return false
}

// reader returns a reader of the elements inside v.
func (v derValue) reader() derReader {
	return derReader{rest: v.Bytes, offset: v.offset + len(v.FullBytes) - len(v.Bytes)}
}

// derReader reads the elements of a DER encoding.
type derReader struct {
	rest   []byte
	offset int // offset of rest
}

func (r *derReader) fault(format string, args ...any) error {
	return nameError(r.offset, format, args...)
}

// expect returns the next element, which must have the given tag.
func (r *derReader) expect(tag byte, what string) (derValue, error) {
	at := *r
	v, err := r.next(what)
	if err == nil && v.tag != tag {
		return derValue{}, at.fault("tag 0x%02x where %s (0x%02x) was expected", v.tag, what, tag)
	}
	return v, err
}

// next returns the next element, as encoding/asn1 reads it. Tags must have one byte. DER
// allows no other encoding of a name, and crypto/x509 accepts no other.
func (r *derReader) next(what string) (derValue, error) {
	if len(r.rest) < 2 {
		return derValue{}, r.fault("the encoding ends where %s was expected", what)
	}
	if r.rest[0]&0x1F == 0x1F {
		return derValue{}, r.fault("a tag of more than one byte")
	}
	v := derValue{tag: r.rest[0], offset: r.offset}
	rest, err := asn1.Unmarshal(r.rest, &v.RawValue)
	if err != nil {
		return derValue{}, r.fault("%s: %v", what, err)
	}
	r.rest, r.offset = rest, r.offset+len(v.FullBytes)
	return v, nil
}
