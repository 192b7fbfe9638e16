package principal_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

// fuzz.TestConformance replays Kafka's own rows about principals and super users.

func TestParseRefusesTextWithoutColon(t *testing.T) {
	for _, s := range []string{"", "alice", "CN=a", strings.Repeat("x", 1<<20)} {
		t.Run(s, func(t *testing.T) {
			p, err := principal.Parse(s)
			if err == nil || p != (principal.Principal{}) {
				t.Errorf("%.20q: %+v, %v", s, p, err)
			} else if msg := err.Error(); len(msg) > 300 || !strings.Contains(msg, "Type:name") {
				t.Errorf("%.20q: error of %d bytes: %.100s", s, len(msg), msg)
			}
		})
	}
}

func TestTextRoundTrip(t *testing.T) {
	for _, s := range []string{"User:alice", "User:CN=a:b,OU=c", ":", "::", " User: x "} {
		t.Run(s, func(t *testing.T) {
			var p principal.Principal
			err := p.UnmarshalText([]byte(s))
			require.NoError(t, err)
			assert.Equal(t, s, p.String())
			text, err := p.MarshalText()
			assert.NoError(t, err, "written as %q, %v", text, err)
			assert.Equal(t, s, string(text), "written as %q, %v", text, err)
			before := p
			err = p.UnmarshalText([]byte("none"))
			assert.Error(t, err, "a wrong text changed %v to %v", before, p)
			assert.Equal(t, before, p, "a wrong text changed %v to %v", before, p)
		})
	}
	text, err := (principal.Principal{Type: "a:b", Name: "c"}).MarshalText()
	assert.Error(t, err, "a type with a colon is written as %q", text)
}

func TestIdentityIgnoresHowItWasProved(t *testing.T) {
	p := principal.User("alice")
	q := p
	q.TokenAuthenticated = true
	assert.True(t, p.Equal(q), "Equal does not compare type and name")
	assert.False(t, p.Equal(principal.Anonymous), "Equal does not compare type and name")
	assert.False(t, p.Equal(principal.Principal{Type: "user", Name: "alice"}), "Equal does not compare type and name")
	assert.True(t, (principal.Principal{TokenAuthenticated: true}).IsZero(), "IsZero does not look at type and name")
	assert.False(t, p.IsZero(), "IsZero does not look at type and name")
}

func TestParseListIsAllOrNothing(t *testing.T) {
	list, err := principal.ParseList("User:a; User:CN=x,OU=y:z ;;\x01\tGroup:ops\u00a0;")
	require.NoError(t, err)
	require.Len(t, list, 3)
	assert.Equal(t, "CN=x,OU=y:z", list[1].Name)
	assert.Equal(t, "ops\u00a0", list[2].Name)
	list, err = principal.ParseList("User:a;bob")
	require.Error(t, err)
	assert.Nil(t, list)
	assert.ErrorContains(t, err, `"bob"`)
}

func TestIsZero(t *testing.T) {
	for p, want := range map[principal.Principal]bool{
		{}:                         true,
		{TokenAuthenticated: true}: true,
		{Type: "User"}:             false,
		{Name: "a"}:                false,
		principal.User("a"):        false,
	} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			assert.Equal(t, want, p.IsZero())
		})
	}
}

func TestParseList(t *testing.T) {
	got, err := principal.ParseList(" User:a;\x01;Group:b, c:d ;User:a\u00a0;:;")
	want := []principal.Principal{principal.User("a"), {Type: "Group", Name: "b, c:d"}, principal.User("a\u00a0"), {}}
	require.NoError(t, err)
	assert.Equal(t, want, got)
	got, err = principal.ParseList("User:a;alice;User:b")
	assert.Nil(t, got, "an entry without a colon")
	assert.Error(t, err, "an entry without a colon")
	got, err = principal.ParseList("")
	assert.Empty(t, got, "nobody")
	assert.NoError(t, err, "nobody")
}
