package benchmarks_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/portcullis-authz/portcullis/benchmarks/measure"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// BenchmarkReaders reads on as many goroutines as -cpu says, each with a session of
// its own, while a writer publishes so many updates a second.
func BenchmarkReaders(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run("shape=flat/n="+short(n), func(b *testing.B) {
			shape := workload.Flat(n)
			store := open(b, shape)
			c, _ := shape.Case(workload.Random)
			for _, rate := range []int{0, 1, 100, 1_000} {
				b.Run(fmt.Sprintf("updates=%d", rate), func(b *testing.B) { readers(b, store, n, shape.Subject, c, rate) })
			}
		})
	}
}

// readers has subject ask c of store, which holds the flat shape of size n.
func readers(b *testing.B, store *snapshot.Store, n int, subject snapshot.Subject, c workload.Case, rate int) {
	if rate > 0 {
		writer := workload.NewUpdater(store, workload.Updates(n, 20_000))
		var failed atomic.Pointer[error]
		stop := measure.Every(rate, func(int) {
			if err := writer.Run(1); err != nil {
				failed.Store(&err)
			}
		})
		defer func() {
			stop()
			if err := failed.Load(); err != nil {
				b.Error(*err)
			}
			if err := writer.Reset(); err != nil {
				b.Error(err)
			}
		}()
	}
	var started atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		session := store.Session(subject)
		i := int(started.Add(1)) * len(c.Names) / 7 % len(c.Names) // apart from the others
		allowed := 0
		for pb.Next() {
			if session.Check(c.Operation, c.Type, c.Names[i]).Allowed() {
				allowed++
			}
			if i++; i == len(c.Names) {
				i = 0
			}
		}
		runtime.KeepAlive(allowed)
	})
	b.StopTimer() // before the writer is waited for
}

// BenchmarkUpdate publishes transactions of one binding and of a thousand; ns/binding
// is the cost of one binding of them.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{25_000, 100_000, 250_000, 500_000, 1_000_000} {
		b.Run("shape=flat/n="+short(n), func(b *testing.B) {
			store := open(b, workload.Flat(n))
			for _, size := range []int{1, 1_000} {
				b.Run(fmt.Sprintf("transaction=%d", size), func(b *testing.B) {
					updater := workload.NewUpdater(store, workload.Updates(n, 20_000))
					b.ReportAllocs()
					for b.Loop() {
						if err := updater.Run(size); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*size), "ns/binding")
					if err := updater.Reset(); err != nil {
						b.Fatal(err)
					}
				})
			}
		})
	}
}

// BenchmarkLoad adds all ACLs to an empty store in one transaction. B/binding is
// what stays in memory: the ACLs that were added are not counted, but for what the
// store keeps of them.
func BenchmarkLoad(b *testing.B) {
	for _, n := range sizes() {
		b.Run("shape=flat/n="+short(n), func(b *testing.B) {
			shape := workload.Flat(n)
			before := measure.Heap()
			bindings := workload.Decoded(shape)
			var store *snapshot.Store
			b.ReportAllocs()
			for b.Loop() {
				store = snapshot.NewStore(snapshot.Config{})
				if err := store.Update(func(tx *snapshot.Tx) error {
					for _, binding := range bindings {
						tx.Add(binding)
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*shape.Entries), "ns/binding")
			clear(bindings) // nothing but the store may hold their strings
			b.ReportMetric(float64(measure.Heap()-before)/float64(shape.Entries), "B/binding")
			runtime.KeepAlive(store)
		})
	}
}
