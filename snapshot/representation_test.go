package snapshot

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// representation is how the index holds what is said of a principal about topics: what
// a shape of ACLs was laid out as.
type representation struct {
	principals phash.Shape
	hosts      phash.Shape
	networks   int // lengths of masks in use
	wild       bool
	literals   phash.Shape
	prefixes   phash.Shape
	lengths    int // lengths of prefixes in use
	variants   int // rulings that stand for several records
}

func representationOf(n *Snapshot, who string) (r representation) {
	r.principals = n.index.principals.Shape()
	h, _ := n.index.principals.Get(phash.HashString(who), who)
	r.hosts = h.hosts.Shape()
	if h.networks != nil {
		for _, family := range h.networks {
			for _, count := range family {
				if count > 0 {
					r.networks++
				}
			}
		}
	}
	s := h.anywhere
	if s == nil {
		for _, at := range h.hosts.Each {
			s = at
		}
	}
	names := s.of(resource.Topic)
	r.wild = names.wild.record != nil
	r.literals, r.prefixes, r.lengths = names.literals.Shape(), names.prefixes.Shape(), len(names.lengths)
	names.each(func(said ruling) bool {
		if said.record.variants != nil {
			r.variants++
		}
		return true
	})
	return r
}

// TestRepresentation asserts what each shape is laid out as: that tables are as deep as
// they should be for their size and no deeper, that loads are packed, and that no shape
// falls back on something that a check would have to search.
func TestRepresentation(t *testing.T) {
	const who = "User:a"
	read := func(who, host string, p resource.Pattern) acl.Binding {
		return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: ops.Read, Permission: acl.Allow}}
	}
	literal := func(name string) resource.Pattern { return resource.LiteralPattern(resource.Topic, name) }
	one := phash.Shape{Packed: true}
	for _, tt := range []struct {
		name  string
		n     int
		make  func(i int) acl.Binding
		later int // as many more, each in a transaction of its own
		want  representation
	}{
		{"one literal", 1, func(i int) acl.Binding { return read(who, "*", literal("t")) }, 0,
			representation{principals: one, literals: one}},
		{"literals in one leaf", 50, func(i int) acl.Binding { return read(who, "*", literal(fmt.Sprint(i))) }, 0,
			representation{principals: one, literals: phash.Shape{Branches: 1, Packed: true}}},
		{"many names", 200_000, func(i int) acl.Binding { return read(who, "*", literal(fmt.Sprint(i))) }, 0,
			representation{principals: one, literals: phash.Shape{Branches: 4, Packed: true}}},
		{"the wildcard", 2, func(i int) acl.Binding { return read(who, "*", literal([]string{"*", "t"}[i])) }, 0,
			representation{principals: one, wild: true, literals: one}},
		{"a prefix of each length", 250, func(i int) acl.Binding {
			return read(who, "*", resource.PrefixedPattern(resource.Topic, fmt.Sprintf("%0*d", i+1, 0)))
		}, 0, representation{principals: one, prefixes: phash.Shape{Branches: 1, Packed: true}, lengths: 250}},
		{"many prefixes of one length", 10_000, func(i int) acl.Binding {
			return read(who, "*", resource.PrefixedPattern(resource.Topic, fmt.Sprintf("%05d", i)))
		}, 0, representation{principals: one, prefixes: phash.Shape{Branches: 3, Packed: true}, lengths: 1}},
		{"principals on one topic", 100_000, func(i int) acl.Binding {
			return read([]string{who, fmt.Sprint("User:", i)}[min(i, 1)], "*", literal("t"))
		}, 0, representation{principals: phash.Shape{Branches: 4, Packed: true}, literals: one}},
		{"addresses of one principal", 10_000, func(i int) acl.Binding {
			return read(who, fmt.Sprintf("10.0.%d.%d", i/250, i%250), literal("t"))
		}, 0, representation{principals: one, hosts: phash.Shape{Branches: 3, Packed: true}, literals: one}},
		{"networks of three lengths", 300, func(i int) acl.Binding {
			return read(who, fmt.Sprintf("10.%d.0.0/%d", i, 16+i%3), literal("t"))
		}, 0, representation{principals: one, hosts: phash.Shape{Branches: 1, Packed: true}, networks: 3, literals: one}},
		{"two spellings of a host", 2, func(i int) acl.Binding { return read(who, []string{"::1", "::01"}[i], literal("t")) }, 0,
			representation{principals: one, hosts: one, literals: one, variants: 1}},
		{"names that came one by one", 100, func(i int) acl.Binding { return read(who, "*", literal(fmt.Sprint(i))) }, 100,
			representation{principals: phash.Shape{Packed: true}, literals: phash.Shape{Branches: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.n > 100_000 {
				t.Skip("takes seconds")
			}
			store := NewStore(Config{})
			add := func(from, n int) {
				require.NoError(t, store.Update(func(tx *Tx) error {
					for i := range n {
						tx.Add(tt.make(from + i))
					}
					return nil
				}))
			}
			add(0, tt.n)
			for i := range tt.later {
				add(tt.n+i, 1)
			}
			got := representationOf(store.Load(), who)
			for _, l := range []struct{ got, want *phash.Shape }{
				{&got.principals, &tt.want.principals}, {&got.hosts, &tt.want.hosts},
				{&got.literals, &tt.want.literals}, {&got.prefixes, &tt.want.prefixes},
			} {
				// Chance decides which leaf is full first.
				if l.got.Branches == l.want.Branches-1 {
					l.got.Branches++
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}
