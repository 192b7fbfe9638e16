package workload_test

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
)

// TestEntriesOfKafkasShapes compares the number of entries with those of Kafka's
// own measurement, which loaded the same shapes.
func TestEntriesOfKafkasShapes(t *testing.T) {
	for _, tt := range []struct {
		n, flat, kafka int
	}{
		{1_000, 1_200, 1_220}, {10_000, 12_000, 12_110}, {100_000, 120_000, 121_010}, {1_000_000, 1_200_000, 1_210_010},
	} {
		if got := workload.Flat(tt.n).Entries; got != tt.flat {
			t.Errorf("flat %d: %d entries, want %d", tt.n, got, tt.flat)
		}
		if got := workload.Kafka(tt.n).Entries; got != tt.kafka {
			t.Errorf("kafka %d: %d entries, want %d", tt.n, got, tt.kafka)
		}
	}
}

// TestBindingsOfKafkasShapes pins every binding, by a hash that a program in another
// language found for the same formulas.
func TestBindingsOfKafkasShapes(t *testing.T) {
	for want, s := range map[uint64]workload.Shape{
		0x793298d0fe5fb51d: workload.Flat(1_000), 0xb3520bc641fc33e5: workload.Kafka(1_000),
	} {
		hash := fnv.New64a()
		for b := range s.Bindings {
			fmt.Fprintln(hash, b.Pattern.Type, b.Pattern.PatternType, b.Pattern.Name,
				b.Entry.Principal, b.Entry.Host, b.Entry.Operation, b.Entry.Permission)
		}
		if got := hash.Sum64(); got != want {
			t.Errorf("%s: hash %#x, want %#x", s.Name, got, want)
		}
	}
}

// TestQueryHashes pins the questions: a change of any of them makes figures
// incomparable with those of other runs and of Kafka. The questions of both shapes
// are the same, since the wildcards decide none of them.
func TestQueryHashes(t *testing.T) {
	want := map[string]int64{
		"1000 hit": -2853042079209559847, "1000 deny": 2739209704322600391,
		"1000 miss-operation": -6372945512354231333, "1000 miss-name": -6372945512354231333,
		"10000 hit": -161311507067200189, "10000 deny": -479598077289890743,
		"10000 miss-operation": 7699773022906364179, "10000 miss-name": 7699773022906364179,
		"100000 hit": 6101011740887206152, "100000 deny": -81755043363658871,
		"100000 miss-operation": -8254918460991787405, "100000 miss-name": -8254918460991787405,
		"1000000 hit": -4845000093766274922, "1000000 deny": 39453358110445461,
		"1000000 miss-operation": -1949481161245838797, "1000000 miss-name": -1949481161245838797,
	}
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		flat, kafka := workload.Flat(n), workload.Kafka(n)
		for _, name := range []string{workload.Hit, workload.MissOperation, workload.MissName, workload.Deny} {
			c, ok := flat.Case(name)
			k, _ := kafka.Case(name)
			if !ok || len(c.Names) != 4096 || !slices.Equal(c.Names, k.Names) {
				t.Fatalf("flat %d: case %s has %d names", n, name, len(c.Names))
			}
			key := fmt.Sprintf("%d %s", n, name)
			hash := workload.QueryHash(c)
			t.Logf("%s: %d", key, hash)
			if hash != want[key] {
				t.Errorf("%s: query hash %d, want %d", key, hash, want[key])
			}
		}
	}
}

// TestEveryShapeLoads loads every shape, small, and asks its questions.
func TestEveryShapeLoads(t *testing.T) {
	for _, tt := range []struct {
		entries int
		shape   workload.Shape
	}{
		{1_200, workload.Flat(1_000)},
		{1_220, workload.Kafka(1_000)},
		{1_000 + 20, workload.Authorizer(100, 10, 0)},
		{1_200 + 20, workload.Authorizer(100, 10, 2_000)},
		{1_500 + 20, workload.Authorizer(100, 10, 5_000)},
		{2_000 + 20, workload.Authorizer(100, 10, 9_999)},
		{6_300, workload.Metadata()},
		{1_000, workload.Tenants(100)},
		{249, workload.Nested(249)},
		{1_000, workload.OneTopic(1_000)},
		{1_000, workload.Hosts(1_000)},
		{1_000, workload.Literals(1_000)},
		{1_000, workload.Everyone(1_000)},
		{1_000, workload.LongPrefixes(1_000)},
		{1_000, workload.AllTypes(1_000)},
	} {
		t.Run(tt.shape.Name, func(t *testing.T) {
			if tt.shape.Entries != tt.entries {
				t.Errorf("%d entries said, want %d", tt.shape.Entries, tt.entries)
			}
			store, err := tt.shape.Store()
			if err != nil {
				t.Fatal(err)
			}
			if got := store.Load().Len(); got != tt.entries {
				t.Errorf("%d entries loaded, want %d", got, tt.entries)
			}
			if len(tt.shape.Cases) < 2 {
				t.Errorf("only %d cases", len(tt.shape.Cases))
			}
			session := store.Session(tt.shape.Subject)
			for _, c := range tt.shape.Cases {
				if len(c.Names) == 0 {
					t.Errorf("case %s asks nothing", c.Name)
				}
				for _, name := range c.Names {
					d := session.Check(c.Operation, c.Type, name)
					if c.Want != workload.Mixed && d.Allowed() != (c.Want == workload.Allowed) {
						t.Fatalf("case %s: %v of %q: %v", c.Name, c.Operation, name, d)
					}
				}
			}
		})
	}
}

// TestRandomAsksEveryName counts the names of the case that keeps caches out of it.
func TestRandomAsksEveryName(t *testing.T) {
	c, _ := workload.Flat(100_000).Case(workload.Random)
	names := slices.Sorted(slices.Values(c.Names))
	if unique := slices.Compact(names); len(unique) != 9_000 || len(c.Names) != 9_000 {
		t.Errorf("%d names of which %d differ, want 9000", len(c.Names), len(unique))
	}
	byNumber := func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }
	if slices.IsSortedFunc(c.Names, byNumber) {
		t.Error("the names are asked in order")
	}
}

// TestWildcardsMakeKafkaOfFlat adds what Wildcards yields to the flat shape.
func TestWildcardsMakeKafkaOfFlat(t *testing.T) {
	kafka := map[acl.Binding]bool{}
	for b := range workload.Kafka(1_000).Bindings {
		kafka[b] = true
	}
	n := 0
	for _, bindings := range []iter.Seq[acl.Binding]{workload.Flat(1_000).Bindings, workload.Wildcards(1_000)} {
		for b := range bindings {
			n++
			if !kafka[b] {
				t.Errorf("%v is not in the kafka shape", b)
			}
		}
	}
	if n != len(kafka) || n != 1_220 {
		t.Errorf("%d bindings, and %d in the kafka shape", n, len(kafka))
	}
}

func TestTenantsOwnWhatTheyAskFor(t *testing.T) {
	store, err := workload.Tenants(50).Store()
	if err != nil {
		t.Fatal(err)
	}
	c, owners := workload.TenantQuestions(50)
	if len(c.Names) != 50*workload.TenantACLs || len(owners) != len(c.Names) {
		t.Fatalf("%d questions, %d owners", len(c.Names), len(owners))
	}
	for i, name := range c.Names {
		for tenant := range 50 {
			d := store.Load().Check(workload.TenantSubject(tenant), c.Operation, c.Type, name)
			if d.Allowed() != (tenant == owners[i]) {
				t.Fatalf("tenant %d, %q of tenant %d: %v", tenant, name, owners[i], d)
			}
		}
	}
}

// TestUpdatesAreNew adds all updates to the shape that they are for, and takes them
// out again.
func TestUpdatesAreNew(t *testing.T) {
	for _, shape := range []workload.Shape{workload.Flat(1_000), workload.Kafka(1_000)} {
		store, err := shape.Store()
		if err != nil {
			t.Fatal(err)
		}
		updates := workload.Updates(1_000, 400)
		updater := workload.NewUpdater(store, updates)
		for i := range 8 {
			if err := updater.Run(100); err != nil {
				t.Fatal(err)
			}
			want := shape.Entries + 100*min(i+1, 7-i)
			if got := store.Load().Len(); got != want {
				t.Fatalf("%s: %d bindings after transaction %d, want %d", shape.Name, got, i, want)
			}
		}
		if err := errors.Join(updater.Run(50), updater.Reset()); err != nil || store.Load().Len() != shape.Entries {
			t.Errorf("%s: %d bindings after a reset, want %d (%v)", shape.Name, store.Load().Len(), shape.Entries, err)
		}
	}
}

// TestDecodedShareNothing compares where the strings are.
func TestDecodedShareNothing(t *testing.T) {
	seen := map[*byte]bool{}
	bindings := workload.Decoded(workload.Kafka(100))
	for _, b := range bindings {
		for _, s := range []string{b.Pattern.Name, b.Entry.Principal} {
			if seen[unsafe.StringData(s)] {
				t.Fatalf("a string of %v is shared", b)
			}
			seen[unsafe.StringData(s)] = true
		}
	}
	if want := slices.Collect(workload.Kafka(100).Bindings); !slices.Equal(bindings, want) {
		t.Errorf("%d bindings differ from the shape's %d", len(bindings), len(want))
	}
}
