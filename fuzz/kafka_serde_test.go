package fuzz_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/javaoracle"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/principal"
)

// The releases that TestKafkaSerde compares: the last without bounds on tagged fields, and the
// first with them.
const (
	serdeBefore = "4.2.1"
	serdeSince  = "4.4.0"
)

// What TestKafkaSerde compares.
const (
	serdeRounds   = 20
	formsInRound  = 1_000
	leastAccepted = serdeRounds * formsInRound / 5
	leastRefused  = serdeRounds * formsInRound / 5
	leastTags     = 100 // forms that only the earlier release accepts
)

// TestKafkaSerde compares principal.ParseWire with Kafka's deserialize in two releases. It
// must be the later one's. The earlier one accepts numbers of tagged fields that the later one
// refuses; nothing else may differ.
func TestKafkaSerde(t *testing.T) {
	c := &serdeComparison{t: t, since: startJudgeSince(t, serdeSince, "SerdeJudge"), before: startJVM(t, serdeBefore, "SerdeJudge")}
	inRounds(serdeRounds, c.round)
	t.Logf("%d wire forms: %d are principals, %d are not, %d only before 4.4; %d differences", c.accepted+c.refused, c.accepted, c.refused, c.tags, c.different)
	assert.Zero(t, c.different)
	for _, d := range c.differences {
		t.Error(d)
	}
	assert.GreaterOrEqual(t, c.accepted, leastAccepted)
	assert.GreaterOrEqual(t, c.refused, leastRefused)
	assert.GreaterOrEqual(t, c.tags, leastTags)
}

type serdeComparison struct {
	t             *testing.T
	since, before *kafkatest.JVM

	mu                                 sync.Mutex
	accepted, refused, tags, different int
	differences                        []string
}

func (c *serdeComparison) round(n uint64) {
	src := gen.Seeded(kafkaSeed + n)
	var forms [][]byte
	var words []string
	for range formsInRound {
		form := newWireForm(src)
		forms, words = append(forms, form), append(words, hex.EncodeToString(form))
	}
	since := callJudge(c.t, c.since, "SerdeJudge", "\n", formsInRound, words)
	before := callJudge(c.t, c.before, "SerdeJudge", "\n", formsInRound, words)
	if since == nil || before == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, form := range forms {
		c.compare(form, since[i], before[i])
	}
}

func (c *serdeComparison) compare(form []byte, since, before string) {
	got := "-"
	if p, err := principal.ParseWire(form); err == nil {
		got = fmt.Sprintf("+\t%s\t%s\t%t", javaoracle.Escape(p.Type), javaoracle.Escape(p.Name), p.TokenAuthenticated)
		c.accepted++
	} else {
		c.refused++
	}
	same := func(kafka string) bool { return got == kafka || got == "-" && strings.HasPrefix(kafka, "-") }
	switch {
	case !same(since):
	case same(before):
		return
	case got == "-" && tagsRefused(since):
		c.tags++
		return
	}
	if c.different++; len(c.differences) < 20 {
		c.differences = append(c.differences, fmt.Sprintf("%x: %s, Kafka %s %s, Kafka %s %s", form, got, serdeSince, since, serdeBefore, before))
	}
}

// tagsRefused reports whether a refusal may be about the number of tagged fields: Kafka throws
// this class for it.
func tagsRefused(kafka string) bool { return kafka == "-java.lang.RuntimeException" }

// newWireForm returns the wire form of a principal, perhaps with tagged fields and changes.
func newWireForm(src gen.Source) []byte {
	p := principal.Principal{Type: gen.Pick(src, []string{"User", "", "Group", "\u00e9", "U\U0001f600"}), Name: gen.Name(src), TokenAuthenticated: gen.Bool(src)}
	form, err := p.AppendWire(nil)
	if err != nil {
		panic(err) // names are valid UTF-8
	}
	if gen.Bool(src) {
		form = appendTags(src, form[:len(form)-1])
	}
	for range max(0, src.IntN(5)-2) {
		i := src.IntN(len(form))
		switch src.IntN(4) {
		case 0:
			form[i] = byte(src.IntN(256))
		case 1:
			form = append(form[:i], append([]byte{gen.Pick(src, []byte{0, 1, 0x7f, 0x80, 0xff})}, form[i:]...)...)
		case 2:
			form = form[:max(1, i)]
		default:
			form = append(form, gen.Pick(src, [][]byte{{0}, {0xff, 0xff, 0xff, 0xff, 0x0f}, {0x80, 0}, {1, 2, 3}})...)
		}
	}
	return form
}

// appendTags appends a number of tagged fields and about as many fields.
func appendTags(src gen.Source, form []byte) []byte {
	n := gen.Pick(src, []int{0, 1, 2, 3, 100, 9_999, 10_000, 10_001, 20_000})
	if n > 100 && src.IntN(8) > 0 {
		n = src.IntN(4)
	}
	count := uint64(n)
	switch src.IntN(10) {
	case 0:
		count = uint64(gen.Pick(src, []uint32{0xffffffff, 0x80000000, 0x7fffffff, 0xfffffffe, 10_001, 1 << 20}))
	case 1:
		count += uint64(src.IntN(3))
	}
	form = binary.AppendUvarint(form, count)
	for i := range n {
		size := src.IntN(2)
		form = binary.AppendUvarint(form, uint64(i*src.IntN(2)))
		form = binary.AppendUvarint(form, uint64(size))
		form = append(form, make([]byte, size)...)
	}
	return form
}
