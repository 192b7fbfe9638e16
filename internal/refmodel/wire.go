package refmodel

import (
	"encoding/binary"
	"math"

	"github.com/portcullis-authz/portcullis/principal"
)

// Wire returns the wire form of a principal: version, type, name, flag, and no tagged
// fields.
//
// Source: Kafka's DefaultPrincipalData.json (flexible versions); KIP-482.
func Wire(p principal.Principal) []byte {
	wire := []byte{0, 0}
	for _, text := range []string{p.Type, p.Name} {
		n := len(text) + 1
		for ; n >= 128; n /= 128 {
			wire = append(wire, byte(n%128+128))
		}
		wire = append(append(wire, byte(n)), text...)
	}
	if p.TokenAuthenticated {
		return append(wire, 1, 0)
	}
	return append(wire, 0, 0)
}

// ReadWire returns the principal whose wire form is at the beginning of data. ok is
// false if Kafka 4.4 throws an exception.
//
// Source: Kafka's generated DefaultPrincipalData.read, ByteUtils.readUnsignedVarint.
func ReadWire(data []byte) (p principal.Principal, ok bool) {
	ok = true
	take := func(n int) []byte {
		if n < 0 || n > len(data) {
			ok = false
			return make([]byte, 2)
		}
		taken := data[:n]
		data = data[n:]
		return taken
	}
	number := func() int {
		value, n := binary.Uvarint(data)
		if n < 1 || n > 5 { // truncated, or more bytes than 32 bits need
			n = -1
		}
		take(n)
		return int(int32(value)) // Java's int: excess bits are lost
	}
	text := func() string {
		length := number() - 1
		if length > math.MaxInt16 {
			length = -1
		}
		return javaString(take(length))
	}
	if version := take(2); version[0] != 0 || version[1] != 0 {
		ok = false
	}
	p.Type, p.Name = text(), text()
	p.TokenAuthenticated = take(1)[0] != 0
	fields := number()
	ok = ok && fields >= 0 && fields <= len(data) && fields <= 10_000 // since Kafka 4.4
	for ; fields > 0 && ok; fields-- {
		number() // the tag
		take(number())
	}
	if !ok {
		return principal.Principal{}, false
	}
	return p, true
}
