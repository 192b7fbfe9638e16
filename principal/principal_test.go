package principal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/principal"
)

// fuzz.TestConformance replays Kafka's own rows about principals and super users.

func TestParseRefusesTextWithoutColon(t *testing.T) {
	for _, s := range []string{"", "alice", "CN=a", strings.Repeat("x", 1<<20)} {
		p, err := principal.Parse(s)
		if err == nil || p != (principal.Principal{}) {
			t.Errorf("%.20q: %+v, %v", s, p, err)
		} else if msg := err.Error(); len(msg) > 300 || !strings.Contains(msg, "Type:name") {
			t.Errorf("%.20q: error of %d bytes: %.100s", s, len(msg), msg)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	for _, s := range []string{"User:alice", "User:CN=a:b,OU=c", ":", "::", " User: x "} {
		var p principal.Principal
		if err := p.UnmarshalText([]byte(s)); err != nil || p.String() != s {
			t.Errorf("%q: %+v, %v", s, p, err)
		}
		if text, err := p.MarshalText(); err != nil || string(text) != s {
			t.Errorf("%q: written as %q, %v", s, text, err)
		}
		before := p
		if err := p.UnmarshalText([]byte("none")); err == nil || p != before {
			t.Errorf("a wrong text changed %v to %v", before, p)
		}
	}
	if text, err := (principal.Principal{Type: "a:b", Name: "c"}).MarshalText(); err == nil {
		t.Errorf("a type with a colon is written as %q", text)
	}
}

func TestIdentityIgnoresHowItWasProved(t *testing.T) {
	p := principal.User("alice")
	q := p
	q.TokenAuthenticated = true
	if !p.Equal(q) || p.Equal(principal.Anonymous) || p.Equal(principal.Principal{Type: "user", Name: "alice"}) {
		t.Error("Equal does not compare type and name")
	}
	if !(principal.Principal{TokenAuthenticated: true}).IsZero() || p.IsZero() {
		t.Error("IsZero does not look at type and name")
	}
}

func TestParseListIsAllOrNothing(t *testing.T) {
	list, err := principal.ParseList("User:a; User:CN=x,OU=y:z ;;\x01\tGroup:ops\u00a0;")
	if err != nil || len(list) != 3 || list[1].Name != "CN=x,OU=y:z" || list[2].Name != "ops\u00a0" {
		t.Errorf("got %q, %v", list, err)
	}
	if list, err := principal.ParseList("User:a;bob"); err == nil || list != nil || !strings.Contains(err.Error(), `"bob"`) {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestIsZero(t *testing.T) {
	for p, want := range map[principal.Principal]bool{
		{}:                         true,
		{TokenAuthenticated: true}: true,
		{Type: "User"}:             false,
		{Name: "a"}:                false,
		principal.User("a"):        false,
	} {
		if got := p.IsZero(); got != want {
			t.Errorf("%#v is zero: %t", p, got)
		}
	}
}

func TestParseList(t *testing.T) {
	got, err := principal.ParseList(" User:a;\x01;Group:b, c:d ;User:a\u00a0;:;")
	want := []principal.Principal{principal.User("a"), {Type: "Group", Name: "b, c:d"}, principal.User("a\u00a0"), {}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := principal.ParseList("User:a;alice;User:b"); got != nil || err == nil {
		t.Errorf("an entry without a colon: %q, %v", got, err)
	}
	if got, err := principal.ParseList(""); len(got) != 0 || err != nil {
		t.Errorf("nobody: %q, %v", got, err)
	}
}
