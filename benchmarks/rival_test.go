package benchmarks_test

import (
	"testing"

	"github.com/portcullis-authz/portcullis/benchmarks/rivals"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// rivalSizes are the sizes at which each rival answers in reasonable time; the map
// has all of ours.
var rivalSizes = []struct {
	name  string
	sizes []int
	make  func(workload.Shape) (rivals.Rival, error)
}{
	{"linear", []int{1_000, 10_000, 100_000}, func(s workload.Shape) (rivals.Rival, error) { return rivals.NewLinear(s), nil }},
	{"cedar", []int{1_000, 10_000}, rivals.NewCedar},
	{"casbin", []int{1_000, 10_000}, rivals.NewCasbin},
}

// sampled is the number of answers of a rival that are compared with ours before it
// is timed. The tests of package rivals compare more, and with a scan.
const sampled = 8

// BenchmarkRival asks the rivals what BenchmarkCheck asks of the flat shape.
func BenchmarkRival(b *testing.B) {
	for _, tt := range rivalSizes {
		for _, n := range tt.sizes {
			b.Run("rival="+tt.name+"/shape=flat/n="+short(n), func(b *testing.B) {
				shape := workload.Flat(n)
				rival, err := tt.make(shape)
				if err != nil {
					b.Fatal(err)
				}
				ours := answers(b, shape)
				for _, c := range shape.Cases {
					if err := rival.Verify(c, sampled, ours); err != nil {
						b.Fatal(err)
					}
					b.Run(c.Name, func(b *testing.B) {
						b.ReportAllocs()
						i := 0
						for b.Loop() {
							if _, err := rival.Check(c.Operation, c.Type, c.Names[i]); err != nil {
								b.Fatal(err)
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
}

// BenchmarkMap looks the same names up in a Go map that holds them all.
func BenchmarkMap(b *testing.B) {
	run := func(name string, shape func() workload.Shape) {
		b.Run(name, func(b *testing.B) {
			s := shape()
			all, _ := s.Case(workload.Random)
			ours := answers(b, s)
			names, rival := rivals.NewMap(all, ours)
			for _, c := range s.Cases {
				if c.Operation == all.Operation { // the map knows no other
					if err := rival.Verify(c, sampled, ours); err != nil {
						b.Fatal(err)
					}
				}
				b.Run(c.Name, func(b *testing.B) {
					b.ReportAllocs()
					i, allowed := 0, 0
					for b.Loop() {
						if names[c.Names[i]] {
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
	for _, n := range sizes() {
		run("shape=flat/n="+short(n), func() workload.Shape { return workload.Flat(n) })
	}
	run("shape=literals/n=1M", func() workload.Shape { return workload.Literals(1_000_000) })
}

// answers returns what this project says.
func answers(b testing.TB, shape workload.Shape) func(op ops.Operation, t resource.Type, name string) bool {
	session := open(b, shape).Session(shape.Subject)
	return func(op ops.Operation, t resource.Type, name string) bool { return session.Check(op, t, name).Allowed() }
}
