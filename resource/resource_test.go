package resource_test

import (
	"encoding"
	"fmt"
	"strings"
	"testing"

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
		if want := code >= 2 && code <= 7; typ.IsConcrete() != want || (resource.TypeFromCode(int8(code)) == typ) != (code >= 0 && code <= 7) {
			t.Errorf("type %v: concrete %t", typ, typ.IsConcrete())
		}
		if want := code == 3 || code == 4; pattern.IsSpecific() != want {
			t.Errorf("pattern type %v: specific %t", pattern, pattern.IsSpecific())
		}
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
	if (err == nil) != known {
		t.Errorf("%v: marshalled with error %v, known %t", v, err, known)
	}
	if !known {
		if v.String() != unknownText {
			t.Errorf("printed %q, want %q", v.String(), unknownText)
		}
		return
	}
	if err := into.UnmarshalText(text); err != nil || *into != v || string(text) != v.String() {
		t.Errorf("%v: text %q read back as %v (%v)", v, text, *into, err)
	}
	before := *into
	if err := into.UnmarshalText([]byte("no such name")); err == nil || *into != before {
		t.Errorf("a wrong text changed %v to %v (%v)", before, *into, err)
	}
}

func TestParseTypeErrorNamesTheChoices(t *testing.T) {
	long := strings.Repeat("x", 1000) + "\n"
	_, err := resource.ParseType(long)
	if err == nil || !strings.Contains(err.Error(), "TRANSACTIONAL_ID") || len(err.Error()) > 300 || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
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
		if got := tt.pattern.Covers(resource.Topic, tt.name); got != tt.want {
			t.Errorf("%v covers %q: %t", tt.pattern, tt.name, got)
		}
	}
}

// TestFilterMatchAgreesWithCovers: a MATCH filter selects exactly the patterns that
// cover its name.
func TestFilterMatchAgreesWithCovers(t *testing.T) {
	names := []string{"", "*", "**", "*a", "a", "ab", "abc", "b", "\u00e9"}
	for _, name := range names {
		f := resource.PatternFilter{Type: resource.Topic, PatternType: resource.PatternMatch, Name: &name}
		for _, other := range names {
			for _, p := range []resource.Pattern{resource.LiteralPattern(resource.Topic, other), resource.PrefixedPattern(resource.Topic, other), resource.LiteralPattern(resource.Group, other)} {
				if f.Matches(p) != p.Covers(resource.Topic, name) {
					t.Errorf("%v on %v: %t", f, p, f.Matches(p))
				}
			}
		}
	}
	if (resource.PatternFilter{}).Matches(resource.LiteralPattern(resource.Topic, "a")) {
		t.Error("the zero filter selects a pattern")
	}
	if f := (resource.PatternFilter{Type: 99, PatternType: 99}); !f.IsUnknown() || f.IndefiniteField() == "" {
		t.Error("codes from the future count as known")
	}
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
		if got := p.IsWildcard(); got != want {
			t.Errorf("%v is the wildcard: %t", p, got)
		}
	}
}
