package benchmarks_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/snapshot"
)

var large = flag.Bool("large", false, "benchmark ten million ACLs too, which takes several gigabytes")

// sizes are the numbers of ALLOW ACLs of the flat and kafka shapes.
func sizes() []int {
	if *large {
		return []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000}
	}
	return []int{1_000, 10_000, 100_000, 1_000_000}
}

// short names a size: 25000 is "25k".
func short(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1_000 && n%1_000 == 0:
		return fmt.Sprintf("%dk", n/1_000)
	default:
		return fmt.Sprint(n)
	}
}

// open loads shape, or ends the benchmark.
func open(b testing.TB, shape workload.Shape) *snapshot.Store {
	store, err := shape.Store()
	if err != nil {
		b.Fatal(err)
	}
	return store
}

// each runs f for every shape in all its sizes, under the name of both. A shape is
// made when its turn comes, and not at all if the pattern of -bench leaves it out.
func each(b *testing.B, f func(b *testing.B, shape workload.Shape)) {
	run := func(name string, shape func() workload.Shape) {
		b.Run(name, func(b *testing.B) { f(b, shape()) })
	}
	for _, n := range sizes() {
		run("shape=flat/n="+short(n), func() workload.Shape { return workload.Flat(n) })
		run("shape=kafka/n="+short(n), func() workload.Shape { return workload.Kafka(n) })
	}
	for _, resources := range []int{10_000, 50_000, 200_000} {
		for _, deny := range []int{0, 2_000, 5_000, 9_999} {
			run(fmt.Sprintf("shape=authorizer-%sx10/n=%s/denied=%v%%", short(resources), short(resources*10), float64(deny)/100),
				func() workload.Shape { return workload.Authorizer(resources, 10, deny) })
		}
	}
	for _, s := range []struct {
		name  string
		n     int
		shape func(n int) workload.Shape
	}{
		{"KAFKA-20667", 6_300, func(int) workload.Shape { return workload.Metadata() }},
		{"tenants", 10_000, func(n int) workload.Shape { return workload.Tenants(n / workload.TenantACLs) }},
		{"nested", 62, workload.Nested},
		{"nested", 249, workload.Nested},
		{"one-topic", 100_000, workload.OneTopic},
		{"hosts", 100_000, workload.Hosts},
		{"literals", 1_000_000, workload.Literals},
		{"everyone", 100_000, workload.Everyone},
		{"long-prefixes", 100_000, workload.LongPrefixes},
		{"all-types", 100_000, workload.AllTypes},
	} {
		run(fmt.Sprintf("shape=%s/n=%s", s.name, short(s.n)), func() workload.Shape { return s.shape(s.n) })
	}
}

// BenchmarkCheck asks a session, each question that a shape has.
func BenchmarkCheck(b *testing.B) {
	each(b, func(b *testing.B, shape workload.Shape) {
		session := open(b, shape).Session(shape.Subject)
		for _, c := range shape.Cases {
			b.Run(c.Name, func(b *testing.B) {
				b.ReportAllocs()
				i, allowed := 0, 0
				for b.Loop() {
					if session.Check(c.Operation, c.Type, c.Names[i]).Allowed() {
						allowed++
					}
					if i++; i == len(c.Names) {
						i = 0
					}
				}
			})
		}
	})
}

// BenchmarkStateless asks without a session, so that the subject is looked up each
// time.
func BenchmarkStateless(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run("shape=flat/n="+short(n), func(b *testing.B) {
			shape := workload.Flat(n)
			store := open(b, shape)
			for _, c := range shape.Cases {
				b.Run(c.Name, func(b *testing.B) {
					b.ReportAllocs()
					i, allowed := 0, 0
					for b.Loop() {
						if store.Load().Check(shape.Subject, c.Operation, c.Type, c.Names[i]).Allowed() {
							allowed++
						}
						if i++; i == len(c.Names) {
							i = 0
						}
					}
				})
			}
		})
	}
}

// BenchmarkTenants asks about the topics of all tenants, each by its owner: a
// thousand sessions, as a broker has.
func BenchmarkTenants(b *testing.B) {
	const n = 1_000
	b.Run("n="+short(n*workload.TenantACLs), func(b *testing.B) {
		store := open(b, workload.Tenants(n))
		sessions := make([]*snapshot.Session, n)
		for i := range sessions {
			sessions[i] = store.Session(workload.TenantSubject(i))
		}
		c, owners := workload.TenantQuestions(n)
		b.ReportAllocs()
		i, allowed := 0, 0
		for b.Loop() {
			if sessions[owners[i]].Check(c.Operation, c.Type, c.Names[i]).Allowed() {
				allowed++
			}
			if i++; i == len(owners) {
				i = 0
			}
		}
	})
}

// BenchmarkMetadata decides all topics of one Metadata request (KAFKA-20667).
func BenchmarkMetadata(b *testing.B) {
	shape := workload.Metadata()
	session := open(b, shape).Session(shape.Subject)
	for _, c := range shape.Cases {
		requests := c.Requests()
		decisions := make([]snapshot.Decision, 0, len(requests))
		b.Run(fmt.Sprintf("topics=%d/%s", len(requests), c.Name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				decisions = session.CheckBatch(decisions[:0], requests)
			}
		})
	}
}

// BenchmarkCheckAny asks whether the subject may read any topic.
func BenchmarkCheckAny(b *testing.B) {
	run := func(name string, shape func() workload.Shape) {
		b.Run(name, func(b *testing.B) {
			s := shape()
			subject, op, t := workload.ByType(s)
			session := open(b, s).Session(subject)
			b.Run("hit", func(b *testing.B) {
				b.ReportAllocs()
				allowed := 0
				for b.Loop() {
					if session.CheckAny(op, t).Allowed() {
						allowed++
					}
				}
			})
		})
	}
	for _, n := range sizes() {
		run("shape=flat/n="+short(n), func() workload.Shape { return workload.Flat(n) })
	}
	run("shape=authorizer-50kx50/n=2500k", func() workload.Shape { return workload.Authorizer(50_000, 50, 0) })
}
