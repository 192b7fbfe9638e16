package snapshot_test

import (
	"fmt"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// flat is the workload of Kafka's AuthorizerBenchmark without its wildcard ACLs:
// ten principals on each of n/10 resources, one in five PREFIXED, one in five ACLs
// doubled by a DENY.
func flat(n int) []acl.Binding {
	var acls []acl.Binding
	for i := range n / 10 {
		p := acltest.Topic(fmt.Sprint("foo-bar35_resource-", i))
		if i%10 == 0 {
			p.Type = resource.Group
		}
		if i%5 == 0 {
			p.PatternType = resource.Prefixed
		}
		for a := range 10 {
			who := "User:test-user"
			if a > 0 {
				who = fmt.Sprint(who, a)
			}
			acls = append(acls, acltest.Allow(who, ops.Read, p))
			if (i*31+a*17)%100 < 20 {
				acls = append(acls, acltest.Deny(who, ops.Read, p))
			}
		}
	}
	return acls
}

// BenchmarkCheck asks about 4,096 names in turn; the map holds the same names.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		store := newStore(b, snapshot.Config{}, flat(n)...)
		subject := alice
		subject.Principal.Name = "test-user"
		session := store.Session(subject)
		all := make(map[string]int)
		for i := range n / 10 {
			all[fmt.Sprint("foo-bar35_resource-", i)] = i
		}
		var names, missing []string
		for k := uint32(0); len(names) < 4096; k++ {
			i := k * 2654435761 % uint32(n/10)
			if i%10 != 0 {
				names = append(names, fmt.Sprint("foo-bar35_resource-", i))
				missing = append(missing, fmt.Sprint("zzz-unrelated-", i))
			}
		}
		b.Run(fmt.Sprintf("map/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sink += all[names[i%len(names)]]
			}
		})
		for _, bench := range []struct {
			name  string
			op    ops.Operation
			names []string
		}{{"hit", ops.Read, names}, {"miss-operation", ops.Write, names}, {"miss-name", ops.Read, missing}} {
			b.Run(fmt.Sprintf("%s/n=%d", bench.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if session.Check(bench.op, resource.Topic, bench.names[i%len(names)]).Allowed() {
						sink++
					}
				}
			})
		}
	}
}

// BenchmarkUpdate adds one binding and takes it out again.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		store := newStore(b, snapshot.Config{}, flat(n)...)
		extra := acltest.Allow("User:test-user", ops.Write, acltest.Topic("foo-bar35_resource-1"))
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := store.Update(func(tx *snapshot.Tx) error {
					if i%2 == 0 {
						tx.Add(extra)
					} else {
						tx.Remove(extra)
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var sink int
