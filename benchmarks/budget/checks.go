package main

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/portcullis-authz/portcullis/benchmarks/measure"
	"github.com/portcullis-authz/portcullis/benchmarks/rivals"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// How many map lookups of the same names a check may cost, alone and in a batch. A batch
// overlaps what it waits for, which pays where the ACLs are in no cache.
const (
	mapRatio      = 2.0
	literalsRatio = 2.5 // one principal with a million topics
	batchRatio    = 2.0
	bigBatchRatio = 1.0
)

// How many nanoseconds a check without a session may take.
const (
	storeCheck    = 100
	bigStoreCheck = 300
)

// batchSize is the number of topics in a large Metadata request.
const batchSize = 500

// checkSmall measures the flat shape in all sizes but the largest.
func checkSmall(s scale) (lines []line, err error) {
	for _, n := range s.checks {
		shape := workload.Flat(n)
		store, err := shape.Store()
		if err != nil {
			return nil, err
		}
		lines = append(lines, checkLines(s, shape, store)...)
	}
	return lines, nil
}

// checkLiterals measures one principal with many topics: as many names as ACLs.
func checkLiterals(s scale) ([]line, error) {
	return onStore(s, workload.Literals(s.literals), checkLines)
}

// onStore measures a shape in a store of its own.
func onStore(s scale, shape workload.Shape, measure func(scale, workload.Shape, *snapshot.Store) []line) ([]line, error) {
	store, err := shape.Store()
	if err != nil {
		return nil, err
	}
	return measure(s, shape, store), nil
}

// bounds are the budgets of the checks of one shape.
type bounds struct {
	check, batch float64 // map lookups
	once         float64 // nanoseconds without a session
}

func boundsOf(s scale, shape workload.Shape) bounds {
	switch {
	case shape.Name == workload.Literals(1).Name:
		return bounds{check: literalsRatio}
	case shape.Entries > s.checks[len(s.checks)-1]*2:
		return bounds{mapRatio, bigBatchRatio, bigStoreCheck}
	}
	return bounds{mapRatio, batchRatio, storeCheck}
}

// checkLines compares a session on store, which holds shape, with one Go map: check by
// check, in batches, and without the session.
func checkLines(s scale, shape workload.Shape, store *snapshot.Store) (lines []line) {
	session := store.Session(shape.Subject)
	right := func(op ops.Operation, t resource.Type, name string) bool { return session.Check(op, t, name).Allowed() }
	all, _ := shape.Case(workload.Random)
	answers, _ := rivals.NewMap(all, right)
	title := func(what string) string { return fmt.Sprintf("%s %d ACLs, %s", shape.Name, shape.Entries, what) }
	atMost := boundsOf(s, shape)

	once := withoutSession(store, shape.Subject, all)
	random := measure.Busy(3*s.perFigure, checks(session, all), lookups(answers, all), batches(session, all), once)
	note := func(op int) string {
		return fmt.Sprintf("%.0f ns, map %.0f ns", random.Cost(op), random.Cost(1))
	}
	lines = append(lines,
		line{name: title("check, random of all names"), measured: random.Ratio(0, 1), unit: " x map", atMost: atMost.check, note: note(0)},
		line{name: title(fmt.Sprintf("batch of %d", batchSize)), measured: random.Ratio(2, 1), unit: " x map", atMost: atMost.batch, note: note(2)},
		line{name: title("Store.Check"), measured: random.Cost(3), unit: " ns", atMost: atMost.once, note: note(3)},
	)
	for _, c := range shape.Cases {
		if c.Name == workload.Random {
			continue
		}
		r := measure.Busy(s.perFigure/4, checks(session, c), lookups(answers, c))
		lines = append(lines, line{
			name: title(fmt.Sprintf("check, %s, %d names", c.Name, len(c.Names))), measured: r.Ratio(0, 1), unit: " x map",
			note: fmt.Sprintf("%.0f ns, map %.0f ns", r.Cost(0), r.Cost(1)),
		})
	}
	ask := checks(session, all)
	for _, op := range []struct {
		name string
		run  func()
	}{
		{"allocations, session", func() { ask(1) }},
		{"allocations, Store.Check", func() { once(1) }},
	} {
		lines = append(lines, line{name: title(op.name), measured: testing.AllocsPerRun(len(all.Names), op.run), exact: true})
	}
	return lines
}

// batches asks the questions of c in turn, in batches. It counts names, not batches.
func batches(session *snapshot.Session, c workload.Case) measure.Op {
	requests := c.Requests()
	decisions := make([]snapshot.Decision, 0, batchSize)
	i := 0
	return func(n int) {
		for n > 0 {
			size := min(n, batchSize, len(requests)-i)
			decisions = session.CheckBatch(decisions[:0], requests[i:i+size])
			n -= size
			if i += size; i == len(requests) {
				i = 0
			}
		}
		runtime.KeepAlive(decisions)
	}
}

// withoutSession asks the questions of c in turn, without a session.
func withoutSession(store *snapshot.Store, subject snapshot.Subject, c workload.Case) measure.Op {
	i := 0
	return func(n int) {
		allowed := 0
		for range n {
			if store.Check(subject, c.Operation, c.Type, c.Names[i]).Allowed() {
				allowed++
			}
			if i++; i == len(c.Names) {
				i = 0
			}
		}
		runtime.KeepAlive(allowed)
	}
}

// checks asks the questions of c in turn.
func checks(session *snapshot.Session, c workload.Case) measure.Op {
	i := 0
	return func(n int) {
		allowed := 0
		for range n {
			if session.Check(c.Operation, c.Type, c.Names[i]).Allowed() {
				allowed++
			}
			if i++; i == len(c.Names) {
				i = 0
			}
		}
		runtime.KeepAlive(allowed)
	}
}

// lookups looks the names of c up in turn.
func lookups(answers map[string]bool, c workload.Case) measure.Op {
	i := 0
	return func(n int) {
		allowed := 0
		for range n {
			if answers[c.Names[i]] {
				allowed++
			}
			if i++; i == len(c.Names) {
				i = 0
			}
		}
		runtime.KeepAlive(allowed)
	}
}

// Bounds that say in figures what "linear in the length of the name" and
// "independent of the number of ACLs" mean: a quarter is left for what else there
// is to a check and for the machine.
const (
	shortName, longName = 62, 248
	linearRatio         = longName / shortName * 1.25
	constantRatio       = 1.25
)

// worstCases compares shapes with a larger one of their kind.
func worstCases(s scale) (lines []line, err error) {
	for _, tt := range []struct {
		name         string
		small, large workload.Shape
		ask          string
		atMost       float64
	}{
		{"nested prefixes, all covering: 248 against 62", workload.Nested(shortName), workload.Nested(longName), workload.MissOperation, linearRatio},
		{fmt.Sprintf("principals on one topic: %d against 100", s.crowd), workload.OneTopic(100), workload.OneTopic(s.crowd), workload.Hit, constantRatio},
		{fmt.Sprintf("hosts of one principal: %d against 100", s.crowd), workload.Hosts(100), workload.Hosts(s.crowd), workload.Hit, constantRatio},
	} {
		var pair []measure.Op
		for _, shape := range []workload.Shape{tt.large, tt.small} {
			store, err := shape.Store()
			if err != nil {
				return nil, err
			}
			c, _ := shape.Case(tt.ask)
			pair = append(pair, checks(store.Session(shape.Subject), c))
		}
		r := measure.Busy(s.perFigure, pair...)
		lines = append(lines, line{
			name: "worst case, " + tt.name, measured: r.Ratio(0, 1), unit: " x", atMost: tt.atMost,
			note: fmt.Sprintf("%.0f ns, %.0f ns", r.Cost(0), r.Cost(1)),
		})
	}
	return lines, nil
}

// metadata measures one Metadata request of KAFKA-20667.
func metadata(s scale) ([]line, error) {
	shape := workload.Metadata()
	store, err := shape.Store()
	if err != nil {
		return nil, err
	}
	session := store.Session(shape.Subject)
	c, _ := shape.Case(workload.Hit)
	requests := c.Requests()
	decisions := make([]snapshot.Decision, 0, len(requests))
	cost := measure.Busy(s.perFigure, func(n int) {
		for range n {
			decisions = session.CheckBatch(decisions[:0], requests)
		}
	}).Cost(0)
	name := fmt.Sprintf("KAFKA-20667, %d ACLs, Metadata of %d topics", shape.Entries, len(requests))
	return []line{{name: name, measured: cost / 1e3, unit: " us", atMost: 60}}, nil
}

// tenants asks about every tenant's topics, each by its owner.
func tenants(s scale) ([]line, error) {
	shape := workload.Tenants(s.tenants)
	store, err := shape.Store()
	if err != nil {
		return nil, err
	}
	sessions := make([]*snapshot.Session, s.tenants)
	for i := range sessions {
		sessions[i] = store.Session(workload.TenantSubject(i))
	}
	c, owners := workload.TenantQuestions(s.tenants)
	i := 0
	cost := measure.Busy(s.perFigure, func(n int) {
		allowed := 0
		for range n {
			if sessions[owners[i]].Check(c.Operation, c.Type, c.Names[i]).Allowed() {
				allowed++
			}
			if i++; i == len(c.Names) {
				i = 0
			}
		}
		runtime.KeepAlive(allowed)
	}).Cost(0)
	name := fmt.Sprintf("%d tenants with %d ACLs each, each by its owner", s.tenants, workload.TenantACLs)
	return []line{{name: name, measured: cost, unit: " ns", atMost: 100}}, nil
}

// kafkaShape measures the smaller kafka shape.
func kafkaShape(s scale) ([]line, error) {
	return onStore(s, workload.Kafka(s.kafka), kafkaLines)
}

func kafkaLines(s scale, shape workload.Shape, store *snapshot.Store) (lines []line) {
	session := store.Session(shape.Subject)
	for _, name := range []string{workload.Random, workload.Hit, workload.MissOperation} {
		c, _ := shape.Case(name)
		l := line{
			name:     fmt.Sprintf("check, kafka %d ACLs, %s", shape.Entries, name),
			measured: measure.Busy(s.perFigure/2, checks(session, c)).Cost(0), unit: " ns",
		}
		if name == workload.Random {
			l.atMost = 300
		}
		lines = append(lines, l)
	}
	return lines
}
