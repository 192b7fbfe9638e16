package snapshot

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// searchOf returns a search that has visited many ALLOW.
func searchOf(memo *anyMemo, rule anyRule, bit ops.Set, of ...*names) *search {
	s := &search{memo: memo, rule: rule, bit: bit, typ: resource.Topic, visited: manyVisits}
	for _, n := range of {
		s.scopes = append(s.scopes, &scope{types: [typeCount]*names{n}})
	}
	return s
}

// TestRememberedAnswers: an answer is for one rule, operation and list of ACLs, and for no
// other question, even if its hash is the same.
func TestRememberedAnswers(t *testing.T) {
	memo, a, b := newAnyMemo(), &names{lengths: []prefixLength{{bytes: 1}}}, &names{lengths: []prefixLength{{bytes: 2}}}
	known := searchOf(memo, documentedAny, 1, a, b)
	require.False(t, known.recall())
	require.True(t, known.ends(true))
	for _, tt := range []struct {
		name string
		s    *search
		want bool
	}{
		{"the same", searchOf(memo, documentedAny, 1, a, b), true},
		{"with a scope without ACLs on the type", searchOf(memo, documentedAny, 1, a, nil, b), true},
		{"another rule", searchOf(memo, kafkaAny, 1, a, b), false},
		{"another operation", searchOf(memo, documentedAny, 2, a, b), false},
		{"another order", searchOf(memo, documentedAny, 1, b, a), false},
		{"fewer", searchOf(memo, documentedAny, 1, a), false},
		{"more", searchOf(memo, documentedAny, 1, a, b, a), false},
		{"others", searchOf(memo, documentedAny, 1, a, &names{lengths: b.lengths}), false},
		{"nobody remembers", searchOf(nil, documentedAny, 1, a, b), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, tt.s.recall())
			if tt.s.memo != nil { // as if all hashes were the same
				for _, answer := range memo.answers {
					assert.Equal(t, tt.want, tt.s.asked(&answer))
				}
			}
		})
	}
	few := searchOf(memo, documentedAny, 4, a)
	few.visited = manyVisits - 1
	require.True(t, few.ends(true))
	assert.Len(t, memo.answers, 1, "a short search is not remembered")
}

func TestRememberedAnswersAreBounded(t *testing.T) {
	memo := newAnyMemo()
	for range 3 * maxAnswers {
		searchOf(memo, documentedAny, 1, new(names)).ends(false)
		require.LessOrEqual(t, len(memo.answers), maxAnswers)
	}
	assert.NotEmpty(t, memo.answers)
}
