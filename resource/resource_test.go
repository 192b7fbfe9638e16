package resource_test

import (
	"encoding"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/resource"
)

// TestEnumRoundTrip covers all 256 values of each enumeration: a value that Kafka
// defines survives printing and parsing; any other value prints its number and cannot
// be marshalled.
func TestEnumRoundTrip(t *testing.T) {
	for code := -128; code <= 127; code++ {
		typ, pattern := resource.Type(code), resource.PatternType(code)
		roundTrip(t, typ, new(resource.Type), code >= 0 && code <= 7, fmt.Sprintf("Type(%d)", code))
		roundTrip(t, pattern, new(resource.PatternType), code >= 0 && code <= 4, fmt.Sprintf("PatternType(%d)", code))
		want := code >= 2 && code <= 7
		assert.Equal(t, want, typ.IsConcrete(), "type %v: concrete %t", typ, typ.IsConcrete())
		assert.Equal(t, code >= 0 && code <= 7, (resource.TypeFromCode(int8(code)) == typ), "type %v: concrete %t", typ, typ.IsConcrete())
		assert.Equal(t, code == 3 || code == 4, pattern.IsSpecific(), "pattern type %v: specific %t", pattern, pattern.IsSpecific())
	}
}

func roundTrip[T interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, v T, into P, known bool, unknownText string) {
	t.Helper()
	text, err := v.MarshalText()
	assert.Equal(t, known, err == nil, "%v: marshalled with error %v, known %t", v, err, known)
	if !known {
		assert.Equal(t, unknownText, v.String(), "printed %q, want %q", v.String(), unknownText)
		return
	}
	err = into.UnmarshalText(text)
	require.NoError(t, err, "%v: text %q read back as %v (%v)", v, text, *into, err)
	assert.True(t, *into == v, "%v: text %q read back as %v (%v)", v, text, *into, err)
	assert.Equal(t, v.String(), string(text), "%v: text %q read back as %v (%v)", v, text, *into, err)
	before := *into
	err = into.UnmarshalText([]byte("no such name"))
	require.Error(t, err, "a wrong text changed %v to %v (%v)", before, *into, err)
	assert.True(t, *into == before, "a wrong text changed %v to %v (%v)", before, *into, err)
}

func TestParseTypeErrorNamesTheChoices(t *testing.T) {
	long := strings.Repeat("x", 1000) + "\n"
	_, err := resource.ParseType(long)
	assert.ErrorContains(t, err, "TRANSACTIONAL_ID")
	require.LessOrEqual(t, len(err.Error()), 300)
	assert.NotContains(t, err.Error(), "\n")
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		pattern resource.Pattern
		name    string
		want    bool
	}{
		{resource.LiteralPattern(resource.Topic, "a"), "a", true},
		{resource.LiteralPattern(resource.Topic, "a"), "ab", false},
		{resource.LiteralPattern(resource.Topic, "a*"), "ab", false},
		{resource.LiteralPattern(resource.Topic, "*"), "anything", true},
		{resource.LiteralPattern(resource.Topic, "*"), "*a", true},
		{resource.LiteralPattern(resource.Topic, "*"), "", true},
		{resource.PrefixedPattern(resource.Topic, "*"), "a", false},
		{resource.PrefixedPattern(resource.Topic, "*"), "*a", true},
		{resource.PrefixedPattern(resource.Topic, "a"), "a", true},
		{resource.PrefixedPattern(resource.Topic, "a"), "A", false},
		{resource.PrefixedPattern(resource.Topic, ""), "", true},
		{resource.PrefixedPattern(resource.Topic, "\u00e9"), "e\u0301", false},
		{resource.Pattern{}, "", false},
		{resource.Pattern{Type: resource.Topic, Name: "a"}, "a", false},
		{resource.Pattern{Type: resource.Topic, PatternType: resource.PatternMatch, Name: "a"}, "a", false},
		{resource.LiteralPattern(resource.Group, "a"), "a", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, tt.pattern.Covers(resource.Topic, tt.name), "%v covers %q", tt.pattern, tt.name)
		})
	}
}

// TestFilterMatchAgreesWithCovers: a MATCH filter selects exactly the patterns that
// cover its name.
func TestFilterMatchAgreesWithCovers(t *testing.T) {
	names := []string{"", "*", "**", "*a", "a", "ab", "abc", "b", "\u00e9"}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f := resource.PatternFilter{Type: resource.Topic, PatternType: resource.PatternMatch, Name: &name}
			for _, other := range names {
				for _, p := range []resource.Pattern{resource.LiteralPattern(resource.Topic, other), resource.PrefixedPattern(resource.Topic, other), resource.LiteralPattern(resource.Group, other)} {
					assert.Equal(t, p.Covers(resource.Topic, name), f.Matches(p), "%v on %v", f, p)
				}
			}
		})
	}
	assert.False(t, (resource.PatternFilter{}).Matches(resource.LiteralPattern(resource.Topic, "a")), "the zero filter selects a pattern")
}

func TestIsWildcard(t *testing.T) {
	for p, want := range map[resource.Pattern]bool{
		resource.LiteralPattern(resource.Topic, "*"):                          true,
		resource.LiteralPattern(resource.Topic, "**"):                         false,
		resource.LiteralPattern(resource.Topic, "a"):                          false,
		resource.PrefixedPattern(resource.Topic, "*"):                         false,
		{Type: resource.Topic, PatternType: resource.PatternMatch, Name: "*"}: false,
		{}: false,
	} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			assert.Equal(t, want, p.IsWildcard())
		})
	}
}
