package snapshot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/resource"
)

// TestRuns grows and shrinks trees of thousands of records, of names that have much or
// nothing in common, and looks whether they hold what a sorted list holds. Every tree must
// go on to hold what it held at first.
func TestRuns(t *testing.T) {
	parties := []*party{{principal: "User:a", host: "*"}, {principal: "User:b", host: "*"}, {principal: "User:b", host: "10.0.0.1"}}
	names := func(r *rand.Rand) func(i int) string {
		families := []func(i int) string{
			func(i int) string { return fmt.Sprintf("team-%d.orders-%05d", i%7, i) },
			func(i int) string { return fmt.Sprint(i) },
			func(i int) string { return strings.Repeat("x", i%200) + fmt.Sprint(i) },
			func(i int) string { return fmt.Sprintf("one-and-the-same-long-beginning-of-all-%d", i) },
		}
		if k := r.IntN(len(families) + 1); k < len(families) {
			return families[k]
		}
		return func(i int) string { return families[i%len(families)](i) }
	}
	type version struct {
		tree *run
		want []*record
	}
	deepest, joined := 0, 0
	for round := range 30 {
		r := rand.New(rand.NewPCG(uint64(round), 1))
		name, most, steps := names(r), 1+r.IntN(10_000), 1+r.IntN(40)
		if round%10 == 0 {
			most, steps = 40_000, 12
		}
		recordOf := func(i int) *record {
			rec := &record{name: name(i / 4), who: parties[i%len(parties)], typ: resource.Topic, pattern: resource.Literal}
			if r := i % 11; r == 0 {
				rec.typ = resource.Group
			} else if r < 4 {
				rec.pattern = resource.Prefixed
			}
			return rec
		}
		versions := []version{{tree: new(run)}}
		for range steps {
			last := versions[len(versions)-1]
			var list []revision
			switch at := r.IntN(most); r.IntN(6) {
			case 0: // many, or many less
				gone := r.IntN(3) == 0
				for i := range r.IntN(most) {
					list = append(list, revision{record: recordOf((at + i) % most), gone: gone})
				}
			case 1: // of what is there, all that is near
				if len(last.want) > 0 {
					from := r.IntN(len(last.want))
					for _, rec := range last.want[from:min(len(last.want), from+r.IntN(3_000))] {
						list = append(list, revision{record: rec, gone: true})
					}
				}
			case 2: // nearly all, everywhere
				keep := 2 + r.IntN(50)
				for _, rec := range last.want {
					if r.IntN(keep) > 0 {
						list = append(list, revision{record: rec, gone: true})
					}
				}
			default:
				for range r.IntN(200) {
					list = append(list, revision{record: recordOf(r.IntN(most)), gone: r.IntN(2) == 0})
				}
			}
			want := make(map[record]*record)
			for _, rec := range last.want {
				want[*rec] = rec
			}
			for _, l := range list {
				if want[*l.record] = l.record; l.gone {
					delete(want, *l.record)
				}
			}
			v := version{last.tree.revised(list), nil}
			for _, rec := range want {
				v.want = append(v.want, rec)
			}
			slices.SortFunc(v.want, compareRecords)
			if n := len(v.tree.parts); n > 0 && n < len(last.tree.parts) {
				joined++
			}
			versions = append(versions, v)
		}
		for _, v := range versions {
			if err := verifyRun(v.tree); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			depth := 0
			for u := v.tree; u.parts != nil; u = u.parts[0] {
				depth++
			}
			deepest = max(deepest, depth)
			if got := slices.Collect(v.tree.from(&record{who: noParty})); !slices.Equal(got, v.want) {
				t.Fatalf("round %d: holds %d records, want %d, in their order", round, len(got), len(v.want))
			}
			for range 10 {
				pivot := recordOf(r.IntN(most))
				i, found := slices.BinarySearchFunc(v.want, pivot, compareRecords)
				var want *record
				if found {
					want = v.want[i]
				}
				if got := v.tree.get(pivot); got != want {
					t.Fatalf("round %d: %+v is %+v, want %+v", round, pivot, got, want)
				}
				for got := range v.tree.from(pivot) {
					if got != v.want[i] {
						t.Fatalf("round %d: from %+v on: %+v, want %+v", round, pivot, got, v.want[i])
					}
					if i++; r.IntN(100) == 0 {
						i = len(v.want)
						break
					}
				}
				if i != len(v.want) {
					t.Fatalf("round %d: from %+v on %d records are missing", round, pivot, len(v.want)-i)
				}
			}
		}
	}
	if deepest < 2 || joined < 20 {
		t.Errorf("at the most %d runs above a record, and %d trees were left with fewer parts than before", deepest, joined)
	}
}

// TestRunsBeforeTheFirst puts records before all others of a part, where the part that
// began there is gone, or of the tree, and has the parts cut and joined then.
func TestRunsBeforeTheFirst(t *testing.T) {
	who := &party{principal: "User:a", host: "*"}
	numbers := func(from, to, step int, gone bool) (list []revision) {
		for i := from; i < to; i += step {
			r := &record{name: fmt.Sprintf("orders-%06d", i), who: who, typ: resource.Topic, pattern: resource.Literal}
			list = append(list, revision{record: r, gone: gone})
		}
		return list
	}
	check := func(tree *run, want int) {
		t.Helper()
		list := slices.Collect(tree.from(&record{who: noParty}))
		if len(list) != want || !slices.IsSortedFunc(list, compareRecords) {
			t.Fatalf("%d records instead of %d, sorted: %t", len(list), want, slices.IsSortedFunc(list, compareRecords))
		}
		for _, r := range list {
			if tree.get(r) != r {
				t.Fatalf("%+v is not found", r)
			}
		}
		if err := verifyRun(tree); err != nil {
			t.Fatal(err)
		}
	}
	numberOf := func(p place) (n int) {
		if _, err := fmt.Sscanf(p.record.name, "orders-%d", &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const n = 100_000
	whole := new(run).revised(numbers(0, n, 2, false))
	if len(whole.parts) < 3 || whole.parts[1].parts == nil {
		t.Fatalf("a tree of %d parts", len(whole.parts))
	}
	if leaf := whole.parts[1].parts[1]; len(leaf.places) < widthOfRuns.most || len(leaf.places) > widthOfRecords.most {
		t.Errorf("a load leaves runs of %d records", len(leaf.places))
	}
	for i, part := range whole.parts {
		for _, step := range []int{2, 20} { // so many that they are put in place, or so few that they wait
			from, to := numberOf(part.places[0]), numberOf(part.places[1])
			before := numbers(from+1, to, step, false)
			tree := whole.revised(numbers(from, to, 2, true)).revised(slices.Clone(before))
			left := n/2 - (to-from)/2 + len(before)
			check(tree, left)
			// Of what is on either side so little is left that the part is put to the one before
			// it; what it begins with is left alone.
			gone := numbers(numberOf(part.places[2]), n, 2, true)
			if i > 0 {
				gone = append(gone, numbers(numberOf(whole.parts[i-1].places[1]), from, 2, true)...)
			}
			left -= len(gone)
			tree = tree.revised(gone)
			check(tree, left)
			more := numbers(from, to, 2, false)
			left += len(more)
			check(tree.revised(more), left)
		}
	}
	for _, most := range []int{1, 3, 100, 1_000} { // from the last to the first
		tree := new(run)
		for at := 20_000; at > 0; at -= most {
			tree = tree.revised(numbers(max(0, at-most), at, 1, false))
		}
		check(tree, 20_000)
	}
}
