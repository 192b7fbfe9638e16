package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/benchmarks/measure"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// everythingBig loads the flat shape in its largest size once, and measures on that
// store what would take too long to load for each.
func everythingBig(s scale) ([]line, error) {
	flat := workload.Flat(s.big)
	store, lines, err := load(s, flat)
	if err != nil {
		return nil, err
	}
	lines = append(lines, checkLines(s, flat, store)...)
	lines = append(lines, checkAny(s, flat, store))
	more, err := throughput(s, flat, store)
	if err != nil {
		return nil, err
	}
	lines = append(lines, more...)
	if more, err = updates(s, flat, store); err != nil {
		return nil, err
	}
	lines = append(lines, more...)
	if err := store.Update(func(tx *snapshot.Tx) error {
		for b := range workload.Wildcards(s.big) {
			tx.Add(b)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return append(lines, kafkaLines(s, workload.Kafka(s.big), store)...), nil
}

// maxLoads is enough for a median.
const maxLoads = 3

// load times one transaction that adds the whole shape, and what it leaves in
// memory. Each binding has strings of its own, as a decoder makes them and as in
// Kafka's figure: to share them is the store's work.
func load(s scale, shape workload.Shape) (store *snapshot.Store, lines []line, err error) {
	before := measure.Heap()
	var bindings []acl.Binding
	var seconds []float64
	for begun := time.Now(); len(seconds) == 0 || len(seconds) < maxLoads && time.Since(begun) < s.loads; {
		store, bindings = nil, workload.Decoded(shape)
		runtime.GC()
		start := time.Now()
		store = snapshot.NewStore(snapshot.Config{})
		err := store.Update(func(tx *snapshot.Tx) error {
			for _, b := range bindings {
				tx.Add(b)
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		seconds = append(seconds, time.Since(start).Seconds())
	}
	if got := store.Load().Len(); got != shape.Entries {
		return nil, nil, fmt.Errorf("%d bindings loaded, want %d", got, shape.Entries)
	}
	clear(bindings) // nothing but the store may hold their strings
	bytes := float64(measure.Heap()-before) / float64(shape.Entries)
	runtime.KeepAlive(store)
	return store, []line{
		{
			name:     fmt.Sprintf("load, %d ACLs in one transaction", shape.Entries),
			measured: measure.Median(seconds), unit: " s", atMost: 1.5, note: fmt.Sprintf("%.2f s", seconds),
		},
		{name: fmt.Sprintf("memory, %d ACLs, a binding", shape.Entries), measured: bytes, unit: " B", atMost: 120},
	}, nil
}

// checkAny measures the by-type question of Kafka's benchmark.
func checkAny(s scale, shape workload.Shape, store *snapshot.Store) line {
	subject, op, t := workload.ByType(shape)
	session := store.Session(subject)
	cost := measure.Time(s.perFigure/2, func(n int) {
		for range n {
			runtime.KeepAlive(session.CheckAny(op, t))
		}
	})
	return line{
		name:     fmt.Sprintf("CheckAny, %s %d ACLs", shape.Name, shape.Entries),
		measured: cost, unit: " ns", atMost: 1_000, note: session.CheckAny(op, t).Reason().String(),
	}
}

// byType measures CheckAny where Kafka's developers did, and where few ACLs are.
func byType(s scale) (lines []line, err error) {
	for _, shape := range []workload.Shape{
		workload.Flat(s.kafka),
		workload.Authorizer(s.byType[0], s.byType[1], 0),
	} {
		store, err := shape.Store()
		if err != nil {
			return nil, err
		}
		lines = append(lines, checkAny(s, shape, store))
	}
	return lines, nil
}

// updates measures transactions while a reader reads.
func updates(s scale, shape workload.Shape, store *snapshot.Store) ([]line, error) {
	all := workload.Updates(s.big, 3*s.updates)
	var errs []error
	transactions := func(updates []acl.Binding, size int) measure.Op {
		u := workload.NewUpdater(store, updates)
		return func(n int) {
			for range n {
				if err := u.Run(size); err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	created, list := 0, all[:s.updates]
	create := func(n int) {
		for range n {
			if created == len(list) { // once in many slices
				created = 0
				errs = append(errs, workload.NewUpdater(store, list).Reset())
			}
			_, err := store.Create(list[created:created+1], snapshot.WriteOptions{})
			errs = append(errs, err)
			created++
		}
	}
	random, _ := shape.Case(workload.Random)
	stop := measure.Background(checks(store.Session(shape.Subject), random))
	// One after the other, and many bindings last: such a transaction makes work for the
	// collector that would count for those of one beside it.
	var r measure.Rounds
	for _, op := range []measure.Op{transactions(all[s.updates:2*s.updates], 1), create, transactions(all[2*s.updates:], s.batch)} {
		runtime.GC()
		r = append(r, measure.Interleave(6*s.perFigure, op)...)
	}
	stop()
	perBinding := r.Cost(2) / float64(s.batch)
	return []line{
		{
			name:     fmt.Sprintf("update, %d ACLs, one binding, a reader running", shape.Entries),
			measured: r.Cost(0) / 1e3, unit: " us", atMost: 7, note: fmt.Sprintf("mean %.2f us", mean(r[0])/1e3),
		},
		{
			name:     fmt.Sprintf("update, %d ACLs, a binding of %d, a reader running", shape.Entries, s.batch),
			measured: perBinding / 1e3, unit: " us", atMost: 2, note: fmt.Sprintf("mean %.2f us", mean(r[2])/1e3/float64(s.batch)),
		},
		{
			name:     fmt.Sprintf("update, %d ACLs, one binding by Store.Create", shape.Entries),
			measured: r.Cost(1) / 1e3, unit: " us", atMost: 7, note: fmt.Sprintf("mean %.2f us", mean(r[1])/1e3),
		},
	}, errors.Join(errs...)
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
