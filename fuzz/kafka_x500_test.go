package fuzz_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/shrink"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		d = c.shrink(d)
		t.Errorf("%s\nas in this row for fuzz/testdata, family x500:\n%s", d.what, d.row())
	}
	assert.GreaterOrEqual(t, c.equal, leastEqual)
	assert.GreaterOrEqual(t, c.refused, leastDamaged)
	assert.LessOrEqual(t, c.alone, c.names/x500AloneMost)
}

// TestJavaNameRowsReplay holds that the rows that TestJavaDistinguishedNames prints are
// captured rows, and that names are shrunk to what makes the difference.
func TestJavaNameRowsReplay(t *testing.T) {
	src := gen.Seeded(kafkaSeed)
	rows := 0
	for range 200 {
		der := newName(src)
		name, err := principal.DistinguishedName(der)
		right, wrong := "="+javaText(name), "=no name"
		if err != nil {
			right = "!java.lang.IllegalArgumentException"
		}
		for _, tt := range []struct {
			java string
			same bool
		}{{right, true}, {wrong, false}} {
			rows++
			row := nameDifference{der: der, java: tt.java}.row()
			_, mismatches, err := replayX500([]byte(row))
			require.NoError(t, err, row)
			require.Equal(t, tt.same, len(mismatches) == 0, "%s: %q", row, mismatches)
		}
	}
	assert.Equal(t, 400, rows)

	name := pkix.Name{CommonName: "a long name", Organization: []string{"org"}, Country: []string{"DE", "FR"}}
	der, err := asn1.Marshal(name.ToRDNSequence())
	require.NoError(t, err)
	small := shrink.Value(der, smallerDER, func(names [][]byte) int {
		return slices.IndexFunc(names, func(der []byte) bool {
			text, err := principal.DistinguishedName(der)
			return err == nil && strings.Contains(text, "CN=") && strings.Contains(text, "m")
		})
	})
	text, err := principal.DistinguishedName(small)
	require.NoError(t, err)
	assert.Equal(t, "CN=m", text)
}

type x500Comparison struct {
	t   *testing.T
	jvm *kafkatest.JVM

	mu                                      sync.Mutex
	names, equal, refused, alone, different int
	differences                             []nameDifference // the first of them
}

// nameDifference is an encoded name at which Java differs, and its answer.
type nameDifference struct {
	der        []byte
	java, what string
}

// row returns the difference as a captured row.
func (d nameDifference) row() string {
	row := map[string]any{"note": "TestJavaDistinguishedNames", "der_base64": d.der}
	if text, ok := fromJava(d.java[1:]); d.java[0] == '=' && ok {
		row["rfc2253"] = text
	} else {
		row["errorClass"] = d.java[1:] // a text that is no Unicode is none for Go either
	}
	encoded, err := json.Marshal(row)
	if err != nil {
		panic(err) // all of it can be written
	}
	return string(encoded)
}

// shrink makes the name smaller as long as Java differs.
func (c *x500Comparison) shrink(d nameDifference) nameDifference {
	shrink.Value(d.der, smallerDER, func(names [][]byte) int {
		var words []string
		for _, der := range names {
			words = append(words, hex.EncodeToString(der))
		}
		answers := callJudge(c.t, c.jvm, "NameJudge", "\n", len(words), words)
		if answers == nil {
			return -1
		}
		for i, der := range names {
			one := &x500Comparison{t: c.t}
			if one.compare(der, answers[i]); one.different > 0 {
				d = one.differences[0]
				return i
			}
		}
		return -1
	})
	return d
}

// smallerDER returns an encoded value without parts of it: elements of what is made of
// elements, bytes of anything else.
func smallerDER(der []byte) (smaller [][]byte) {
	elements, ok := elementsOf(der)
	if !ok {
		return shrink.List(der)
	}
	if der[0]&0x20 == 0 { // a text or number
		for _, content := range shrink.List(elements[0]) {
			smaller = append(smaller, derOf(der[0], content))
		}
		return smaller
	}
	for _, rest := range shrink.List(elements) {
		smaller = append(smaller, derOf(der[0], slices.Concat(rest...)))
	}
	for i, element := range elements {
		for _, s := range smallerDER(element) {
			smaller = append(smaller, derOf(der[0], slices.Concat(slices.Concat(elements[:i]...), s, slices.Concat(elements[i+1:]...))))
		}
	}
	return smaller
}

// elementsOf takes an encoded value apart: into its elements, or its one content. ok is
// false if it cannot be.
func elementsOf(der []byte) (elements [][]byte, ok bool) {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(der, &value)
	if err != nil || len(rest) > 0 {
		return nil, false
	}
	if !value.IsCompound {
		return [][]byte{value.Bytes}, true
	}
	for content := value.Bytes; len(content) > 0; {
		var element asn1.RawValue
		if content, err = asn1.Unmarshal(content, &element); err != nil {
			return nil, false
		}
		elements = append(elements, element.FullBytes)
	}
	return elements, true
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
		if c.different++; len(c.differences) < maxDifferences {
			c.differences = append(c.differences, nameDifference{der, java, fmt.Sprintf("%x: %q, %v, Java prints %s", der, got, err, java)})
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
