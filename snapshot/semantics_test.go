package snapshot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func TestParseSemantics(t *testing.T) {
	for _, s := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			for _, text := range []string{s.String(), strings.ToUpper(s.String())} {
				got, err := snapshot.ParseSemantics(text)
				assert.Equal(t, s, got, "%q", text)
				assert.NoError(t, err, "%q", text)
			}
		})
	}
	got, err := snapshot.ParseSemantics("Kafka-Exact=4.2")
	assert.Equal(t, snapshot.KafkaExact, got)
	assert.NoError(t, err)
	got, err = snapshot.ParseSemantics("kafka")
	assert.Equal(t, snapshot.Documented, got)
	assert.ErrorContains(t, err, `"kafka"`)
	assert.Equal(t, "Semantics(99)", snapshot.Semantics(99).String())
	assert.Equal(t, "Reason(99)", snapshot.Reason(99).String())
}

// TestViewOfAGeneration holds that a view stays at the generation it was made in.
func TestViewOfAGeneration(t *testing.T) {
	read := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
	store := newStore(t, snapshot.Config{}, read)
	view := store.Session(alice).View()
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Remove(read); return nil }))
	wantDecision(t, view.Check(ops.Read, resource.Topic, "a"), snapshot.MatchingAllow, read)
	assert.Equal(t, uint64(1), view.Generation(), "generations %d and %d, want 1 and 0", view.Generation(), new(snapshot.View).Generation())
	assert.Equal(t, uint64(0), new(snapshot.View).Generation(), "generations %d and %d, want 1 and 0", view.Generation(), new(snapshot.View).Generation())
}

// TestByTypeEndsAtTheFirstDeny asks KafkaExact where several DENY stand on LITERAL
// "*", with an ACL between that Kafka cannot read: the first of them ends its walk.
func TestByTypeEndsAtTheFirstDeny(t *testing.T) {
	acls := []acl.Binding{
		acltest.Deny("User:alice", ops.Read, acltest.Topic("*")), acltest.Deny(principal.Wildcard, ops.All, acltest.Topic("*")),
		acltest.Allow("alice", ops.Read, acltest.Topic("*")), acltest.Deny("User:alice", ops.All, acltest.Topic("*")),
	}
	store := newStore(t, snapshot.Config{Semantics: snapshot.KafkaExact}, acls...)
	wantDecision(t, store.Load().CheckAny(alice, ops.Read, resource.Topic), snapshot.MatchingDeny)
}

// TestNamedACLByUTF16 orders every two of some principals as Java does: characters
// beyond the BMP before U+E000, and behind everything else.
func TestNamedACLByUTF16(t *testing.T) {
	ordered := []string{"", "a", "aa", "é", "\ud7ff", "\U0001F600", "\U0010FFFF", "\ue000", "\uffff"}
	for i, first := range ordered {
		t.Run(first, func(t *testing.T) {
			for _, second := range ordered[i+1:] {
				subject := alice
				subject.Groups = []principal.Principal{principal.User(second), principal.User(first)}
				want := acltest.Deny("User:"+first, ops.Read, acltest.Topic("a"))
				store := newStore(t, snapshot.Config{}, acltest.Deny("User:"+second, ops.Read, acltest.Topic("a")), want)
				wantDecision(t, store.Load().Check(subject, ops.Read, resource.Topic, "a"), snapshot.MatchingDeny, want)
			}
		})
	}
}
