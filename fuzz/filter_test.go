package fuzz_test

import (
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

type filterCase struct {
	Filter              filterRow         `json:"filter"`
	ACLs                []cases.ACL       `json:"acls"`
	Matches             []int             `json:"matches"`
	MatchesAtMostOne    bool              `json:"matchesAtMostOne"`
	FindIndefiniteField *string           `json:"findIndefiniteField"`
	IsUnknown           bool              `json:"isUnknown"`
	ToString            string            `json:"toString"`
	MatchErrors         map[string]string `json:"matchErrors"` // by index in acls; always about a pattern type that no ACL has
}

func replayFilter(row []byte) (checks int, mismatches []string, err error) {
	var r filterCase
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	f := r.Filter.filter()
	add := func(format string, args ...any) { mismatches = append(mismatches, fmt.Sprintf(format, args...)) }
	for i, b := range cases.Bindings(r.ACLs) {
		checks++
		if got, want := f.Matches(b), slices.Contains(r.Matches, i); got != want {
			add("%v on %v: got %t, want %t", f, b, got, want)
		}
		if _, throws := r.MatchErrors[fmt.Sprint(i)]; throws && b.Pattern.PatternType != resource.PatternUnknown {
			add("Kafka throws on %v, which has a known pattern type", b)
		}
	}
	if got := f.Validate() != nil; got != r.IsUnknown {
		add("%v: unknown %t, want %t", f, got, r.IsUnknown)
	}
	mismatches = append(mismatches, r.replaySnapshot()...)
	return checks, mismatches, nil
}

// replaySnapshot asks a snapshot of the valid ACLs of the row, which must select
// the same ones, each once and in order.
func (r filterCase) replaySnapshot() []string {
	store := snapshot.NewStore(snapshot.Config{})
	valid := r.ACLs[:0:0]
	wanted := 0
	err := store.Update(func(tx *snapshot.Tx) error {
		for i, a := range r.ACLs {
			if a.Binding().ValidateTypes() != nil {
				continue
			}
			valid = append(valid, a)
			if tx.Add(a.Binding()) && slices.Contains(r.Matches, i) {
				wanted++
			}
		}
		return nil
	})
	if err != nil {
		return mismatch("%v", err)
	}
	f := r.Filter.filter()
	got := slices.Collect(store.Load().Matching(f))
	if len(got) != wanted {
		return mismatch("%v: a snapshot selects %d of %v, want %d", f, len(got), valid, wanted)
	}
	for i, b := range got {
		if !f.Matches(b) || i > 0 && got[i-1].Compare(b) >= 0 {
			return mismatch("%v: a snapshot selects %v", f, got)
		}
	}
	return nil
}
