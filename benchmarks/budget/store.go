package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
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
	slowest, err := tail(s, flat, store)
	if err != nil {
		return nil, err
	}
	lines = append(lines, slowest)
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
		{name: fmt.Sprintf("memory, %d ACLs, a binding", shape.Entries), measured: bytes, unit: " B", atMost: 100},
	}, nil
}

// checkAny measures the by-type question of Kafka's benchmark.
func checkAny(s scale, shape workload.Shape, store *snapshot.Store) line {
	subject, op, t := workload.ByType(shape)
	session := store.Session(subject)
	cost := measure.Busy(s.perFigure/2, func(n int) {
		for range n {
			runtime.KeepAlive(session.CheckAny(op, t))
		}
	}).Cost(0)
	return line{
		name:     fmt.Sprintf("CheckAny, %v, %s %d ACLs", store.Load().Config().Semantics, shape.Name, shape.Entries),
		measured: cost, unit: " ns", atMost: 1_000, note: session.CheckAny(op, t).Reason().String(),
	}
}

// byType measures CheckAny where Kafka's developers did, and where few ACLs are, in both
// semantics.
func byType(s scale) (lines []line, err error) {
	for _, shape := range []workload.Shape{
		workload.Flat(s.kafka),
		workload.Kafka(s.kafka),
		workload.Authorizer(s.byType[0], s.byType[1], 0),
	} {
		store, err := shape.Store()
		if err != nil {
			return nil, err
		}
		lines = append(lines, checkAny(s, shape, store))
		if err := store.Update(func(tx *snapshot.Tx) error {
			tx.SetSemantics(snapshot.KafkaExact)
			return nil
		}); err != nil {
			return nil, err
		}
		lines = append(lines, checkAny(s, shape, store))
	}
	return lines, nil
}

// How long a transaction may take, in microseconds, where it changes one binding, and a
// binding where it changes many.
const (
	smallUpdate = 2
	bigUpdate   = 5
	perBinding  = 2
)

// updateSmall measures transactions of one binding on all sizes but the largest.
func updateSmall(s scale) (lines []line, err error) {
	for _, n := range s.checks {
		shape := workload.Flat(n)
		store, err := shape.Store()
		if err != nil {
			return nil, err
		}
		atMost := float64(smallUpdate)
		if shape.Entries > smallEntries {
			atMost = bigUpdate
		}
		all := workload.Updates(n, n/2)
		l, err := changes(s, shape, store, []change{{"one binding", all, 1, atMost}})
		if err != nil {
			return nil, err
		}
		lines = append(lines, l...)
	}
	return lines, nil
}

// smallEntries is the largest set that counts as small.
const smallEntries = 12_000

// updates measures transactions on the largest size while a reader reads. One after the
// other, and many bindings last: such a transaction makes work for the collector that would
// count for those of one beside it.
func updates(s scale, shape workload.Shape, store *snapshot.Store) ([]line, error) {
	all := workload.Updates(s.big, 3*s.updates)
	lines, err := changes(s, shape, store, []change{
		{"one binding", all[s.updates : 2*s.updates], 1, bigUpdate},
		{"one binding by Store.Create", all[:s.updates], 0, bigUpdate},
		{fmt.Sprintf("a binding of %d", s.batch), all[2*s.updates:], s.batch, perBinding},
	})
	if err != nil {
		return nil, err
	}
	replaced, err := replace(s, shape, store)
	return append(lines, replaced), err
}

// change is one kind of transaction.
type change struct {
	name     string
	bindings []acl.Binding
	size     int // bindings in a transaction; 0 for Store.Create
	atMost   float64
}

// changes measures transactions while a reader reads. The figure is the mean of the time for
// which the writer ran on a processor; the time of day depends on what else runs.
func changes(s scale, shape workload.Shape, store *snapshot.Store, kinds []change) (lines []line, err error) {
	random, _ := shape.Case(workload.Random)
	stop := measure.Background(checks(store.Session(shape.Subject), random))
	defer stop()
	for _, c := range kinds {
		var errs []error
		op := creation(store, c.bindings, &errs)
		if c.size > 0 {
			op = transactions(store, c.bindings, c.size, &errs)
		}
		runtime.GC()
		r := measure.Busy(4*s.perFigure, op)
		runtime.GC()
		wall := measure.Interleave(s.perFigure, op)
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		per := 1e3 * float64(max(1, c.size))
		lines = append(lines, line{
			name:     fmt.Sprintf("update, %d ACLs, %s, a reader running", shape.Entries, c.name),
			measured: r.Mean(0) / per, unit: " us", atMost: c.atMost,
			note: fmt.Sprintf("median %.2f, by the clock on the wall %.2f", r.Cost(0)/per, wall.Mean(0)/per),
		})
		if err := workload.NewUpdater(store, c.bindings).Reset(); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// transactions publishes transactions of size bindings.
func transactions(store *snapshot.Store, bindings []acl.Binding, size int, errs *[]error) measure.Op {
	u := workload.NewUpdater(store, bindings)
	return func(n int) {
		for range n {
			if err := u.Run(size); err != nil {
				*errs = append(*errs, err)
			}
		}
	}
}

// creation creates the bindings one by one with Store.Create.
func creation(store *snapshot.Store, list []acl.Binding, errs *[]error) measure.Op {
	created := 0
	return func(n int) {
		for range n {
			if created == len(list) { // once in many slices
				created = 0
				*errs = append(*errs, workload.NewUpdater(store, list).Reset())
			}
			_, err := store.Create(list[created:created+1], snapshot.WriteOptions{})
			*errs = append(*errs, err)
			created++
		}
	}
}

// replace measures Store.Replace of all bindings, of which one in a hundred is new and one
// is gone: what a program does that reads the whole list again.
func replace(s scale, shape workload.Shape, store *snapshot.Store) (line, error) {
	const part = 100
	var before, after []acl.Binding
	for i, b := range workload.Decoded(shape) {
		if i%part != 0 {
			before = append(before, b)
		}
		if i%part != 1 {
			after = append(after, b)
		}
	}
	runtime.GC()
	var err error
	i := 0
	r := measure.Busy(0, func(n int) {
		for range n {
			list := before
			if i++; i%2 == 0 {
				list = after
			}
			err = errors.Join(err, store.Replace(slices.Values(list)))
		}
	})
	return line{
		name:     fmt.Sprintf("update, %d ACLs, Replace with one in %d other, a binding", shape.Entries, part),
		measured: r.Cost(0) / 1e3 / float64(shape.Entries), unit: " us", atMost: perBinding,
	}, errors.Join(err, store.Replace(shape.Bindings))
}

// maxTail is how many nanoseconds the slowest of a thousand checks may take, while the
// collector and a writer run.
const maxTail = 10_000

// tail measures single checks while a writer publishes and the collector runs all the time.
func tail(s scale, shape workload.Shape, store *snapshot.Store) (line, error) {
	random, _ := shape.Case(workload.Random)
	session := store.Session(shape.Subject)
	writer := workload.NewUpdater(store, workload.Updates(s.big, s.updates))
	var err error
	stopWriter := measure.Every(updateRate, func(int) { err = errors.Join(err, writer.Run(1)) })
	stopCollector := measure.Background(func(int) { runtime.GC() })
	took := make([]float64, 0, len(random.Names))
	for begun := time.Now(); time.Since(begun) < 4*s.perFigure || len(took) == 0; {
		took = took[:0]
		for _, name := range random.Names {
			start := time.Now()
			session.Check(random.Operation, random.Type, name)
			took = append(took, float64(time.Since(start)))
		}
	}
	stopCollector()
	stopWriter()
	slices.Sort(took)
	at := func(share float64) float64 { return took[int(share*float64(len(took)-1))] }
	return line{
		name:     fmt.Sprintf("tail, %d ACLs, p99.9 of a check, %d updates/s, collector running", shape.Entries, updateRate),
		measured: at(0.999), unit: " ns", atMost: maxTail,
		note: fmt.Sprintf("median %.0f, p99 %.0f, longest %.0f ns", at(0.5), at(0.99), at(1)),
	}, errors.Join(err, writer.Reset())
}
