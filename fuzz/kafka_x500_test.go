package fuzz_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/stretchr/testify/assert"
)

// What TestJavaDistinguishedNames compares.
const (
	x500Rounds    = 80
	namesInRound  = 1_000
	leastEqual    = 50_000
	leastDamaged  = 9_000 // names that Java refuses
	x500AloneMost = 100   // at most one name in so many is refused by Portcullis alone
)

// TestJavaDistinguishedNames compares the text of encoded names, as certificates have
// them, with what Java's X500Principal prints, which is what Kafka maps. A name that
// Java refuses must be refused, and one that Java prints as nothing may be.
func TestJavaDistinguishedNames(t *testing.T) {
	c := &x500Comparison{t: t, jvm: startJudge(t, mappingRelease, "NameJudge")}
	inRounds(x500Rounds, c.round)
	t.Logf("%d names: %d equal, %d refused by both, %d by Portcullis where Java prints nothing, %d differences", c.names, c.equal, c.refused, c.alone, c.different)
	assert.Zero(t, c.different)
	for _, d := range c.differences {
		t.Error(d)
	}
	assert.GreaterOrEqual(t, c.equal, leastEqual)
	assert.GreaterOrEqual(t, c.refused, leastDamaged)
	assert.LessOrEqual(t, c.alone, c.names/x500AloneMost)
}

type x500Comparison struct {
	t   *testing.T
	jvm *kafkatest.JVM

	mu                                      sync.Mutex
	names, equal, refused, alone, different int
	differences                             []string
}

func (c *x500Comparison) round(n uint64) {
	src := gen.Seeded(kafkaSeed + n)
	var names [][]byte
	var words []string
	for range namesInRound {
		der := newName(src)
		names = append(names, der)
		words = append(words, hex.EncodeToString(der))
	}
	answers := callJudge(c.t, c.jvm, "NameJudge", "\n", namesInRound, words)
	if answers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, der := range names {
		c.compare(der, answers[i])
	}
}

func (c *x500Comparison) compare(der []byte, java string) {
	c.names++
	got, err := principal.DistinguishedName(der)
	want, isText := "", false
	if java[0] == '=' {
		want, isText = fromJava(java[1:])
	}
	switch {
	case err == nil && isText && got == want:
		c.equal++
	case err != nil && java[0] == '!' && got == "":
		c.refused++
	case err != nil && got == "" && java == "=": // x500-empty of docs/differences.md
		c.alone++
	default:
		if c.different++; len(c.differences) < 20 {
			c.differences = append(c.differences, fmt.Sprintf("%x: %q, %v, Java prints %s", der, got, err, java))
		}
	}
}

// What encoded names are made of.
var (
	x500Types = []asn1.ObjectIdentifier{{2, 5, 4, 3}, {2, 5, 4, 3}, {2, 5, 4, 6}, {2, 5, 4, 7}, {2, 5, 4, 8}, {2, 5, 4, 9}, {2, 5, 4, 10}, {2, 5, 4, 11}, {2, 5, 4, 5}, {2, 5, 4, 12}, {2, 5, 4, 17},
		{0, 9, 2342, 19200300, 100, 1, 1}, {0, 9, 2342, 19200300, 100, 1, 25}, {1, 2, 840, 113549, 1, 9, 1}, {1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3}, {2, 999, 3}, {1, 39}, {2, 5, 4, 2147483647}}
	x500Tags  = []byte{0x0C, 0x0C, 0x13, 0x13, 0x16, 0x14, 0x1E, 0x1B, 0x1C, 0x12, 0x1A, 0x04, 0x02, 0x01, 0x05, 0x30, 0x31, 0x06, 0x80, 0xA0, 0x19, 0x17}
	x500Texts = []string{"a", "Duke", "Example, Inc.", " a", "a ", "  ", " ", "", "#a", "a#", "a+b", "a=b", `a\b`, `"a"`, "a<b>;", "\x00", "a\x00b", "\n", "\r", "\ra", "a\r", "\t a", "\x7f", "\u00e9", "e\u0301", "\U0001f600",
		"\u00a0a", "\u2028", "\xe9", "\xff\xfe", "\xed\xa0\x80", "\xf0\x9f", "\xc0\x80", "\x00a\x00b", "\x00\x00\x00a", "host-1.example.com", "CN=x", "a,b", "\u03a3", "\\,", "a\\ ", "kafka/host@R"}
)

// newName returns an encoded name: one made of parts, one as Go makes them for
// certificates, or a damaged one.
func newName(src gen.Source) []byte {
	var der []byte
	if src.IntN(5) == 0 {
		der = certificateName(src)
	} else {
		var rdns []byte
		for range src.IntN(5) {
			var attributes []byte
			for range max(1, src.IntN(5)-2) {
				attributes = append(attributes, newAttribute(src)...)
			}
			if src.IntN(40) == 0 {
				attributes = nil
			}
			rdns = append(rdns, derOf(0x31, attributes)...)
		}
		der = derOf(0x30, rdns)
	}
	if src.IntN(5) == 0 {
		return damage(src, der)
	}
	return der
}

func newAttribute(src gen.Source) []byte {
	oid, err := asn1.Marshal(gen.Pick(src, x500Types))
	if err != nil {
		panic(err) // all of them can be encoded
	}
	text := gen.Pick(src, x500Texts)
	for range max(0, src.IntN(6)-3) {
		text += gen.Pick(src, x500Texts)
	}
	if src.IntN(60) == 0 {
		for len(text) < 130 {
			text += "long" + text
		}
	}
	return derOf(0x30, append(oid, derOf(gen.Pick(src, x500Tags), []byte(text))...))
}

// derOf encodes a value. Contents are at most some thousand bytes long.
func derOf(tag byte, content []byte) []byte {
	switch n := len(content); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
}

func certificateName(src gen.Source) []byte {
	texts := func() (list []string) {
		for range src.IntN(3) {
			list = append(list, gen.Pick(src, x500Texts[:9]))
		}
		return list
	}
	name := pkix.Name{CommonName: gen.Pick(src, x500Texts[:20]), Organization: texts(), OrganizationalUnit: texts(), Country: texts(), Locality: texts(), SerialNumber: gen.Pick(src, []string{"", "1"})}
	der, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		return derOf(0x30, nil) // Go refuses some texts
	}
	return der
}

// damage changes, drops or adds some bytes.
func damage(src gen.Source, der []byte) []byte {
	for range 1 + src.IntN(2) {
		if len(der) == 0 {
			return der
		}
		i := src.IntN(len(der))
		switch src.IntN(4) {
		case 0:
			der[i] = byte(src.IntN(256))
		case 1:
			der[i] ^= 1 << src.IntN(8)
		case 2:
			der = der[:i]
		case 3:
			der = append(der, byte(src.IntN(256)))
		}
	}
	return der
}
