package snapshot_test

import (
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func TestParseSemantics(t *testing.T) {
	for _, s := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
		for _, text := range []string{s.String(), strings.ToUpper(s.String())} {
			if got, err := snapshot.ParseSemantics(text); got != s || err != nil {
				t.Errorf("%q: %v, %v, want %v", text, got, err, s)
			}
		}
	}
	if got, err := snapshot.ParseSemantics("Kafka-Exact=4.2"); got != snapshot.KafkaExact || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := snapshot.ParseSemantics("kafka"); got != snapshot.Documented || err == nil || !strings.Contains(err.Error(), `"kafka"`) {
		t.Errorf("got %v, %v", got, err)
	}
	if got := snapshot.Semantics(99).String(); got != "Semantics(99)" {
		t.Errorf("got %q", got)
	}
	if got := snapshot.Reason(99).String(); got != "Reason(99)" {
		t.Errorf("got %q", got)
	}
}

// TestViewOfAGeneration holds that a view stays at the generation it was made in.
func TestViewOfAGeneration(t *testing.T) {
	read := allow("User:alice", ops.Read, topic("a"))
	store := newStore(t, snapshot.Config{}, read)
	view := store.Session(alice).View()
	if err := store.Update(func(tx *snapshot.Tx) error { tx.Remove(read); return nil }); err != nil {
		t.Fatal(err)
	}
	wantDecision(t, view.Check(ops.Read, resource.Topic, "a"), snapshot.MatchingAllow, read)
	if view.Generation() != 1 || new(snapshot.View).Generation() != 0 {
		t.Errorf("generations %d and %d, want 1 and 0", view.Generation(), new(snapshot.View).Generation())
	}
}

// TestByTypeEndsAtTheFirstDeny asks KafkaExact where several DENY stand on LITERAL
// "*", with an ACL between that Kafka cannot read: the first of them ends its walk.
func TestByTypeEndsAtTheFirstDeny(t *testing.T) {
	acls := []acl.Binding{
		deny("User:alice", ops.Read, topic("*")), deny(principal.Wildcard, ops.All, topic("*")),
		allow("alice", ops.Read, topic("*")), deny("User:alice", ops.All, topic("*")),
	}
	store := newStore(t, snapshot.Config{Semantics: snapshot.KafkaExact}, acls...)
	wantDecision(t, store.Load().CheckAny(alice, ops.Read, resource.Topic), snapshot.MatchingDeny)
}

func TestNewRequestRefuses(t *testing.T) {
	for _, p := range []resource.Pattern{topics("a"), {}, {Type: resource.Any, PatternType: resource.Literal, Name: "a"}} {
		if r, err := snapshot.NewRequest(ops.Read, p); err == nil || r != (snapshot.Request{}) {
			t.Errorf("%v: %v, %v", p, r, err)
		}
	}
	if r, err := snapshot.NewRequest(ops.Read, topic("a")); err != nil || r != (snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "a"}) {
		t.Errorf("got %v, %v", r, err)
	}
}

// TestNamedACLByUTF16 orders every two of some principals as Java does: characters
// beyond the BMP before U+E000, and behind everything else.
func TestNamedACLByUTF16(t *testing.T) {
	ordered := []string{"", "a", "aa", "é", "\ud7ff", "\U0001F600", "\U0010FFFF", "\ue000", "\uffff"}
	for i, first := range ordered {
		for _, second := range ordered[i+1:] {
			subject := alice
			subject.Groups = []principal.Principal{principal.User(second), principal.User(first)}
			want := deny("User:"+first, ops.Read, topic("a"))
			store := newStore(t, snapshot.Config{}, deny("User:"+second, ops.Read, topic("a")), want)
			wantDecision(t, store.Check(subject, ops.Read, resource.Topic, "a"), snapshot.MatchingDeny, want)
		}
	}
}
