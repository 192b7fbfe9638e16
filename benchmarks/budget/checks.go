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

// mapRatio is how many map lookups a check may cost.
const mapRatio = 2.5

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

// checkLines compares a session on store, which holds shape, with one Go map.
func checkLines(s scale, shape workload.Shape, store *snapshot.Store) (lines []line) {
	session := store.Session(shape.Subject)
	right := func(op ops.Operation, t resource.Type, name string) bool { return session.Check(op, t, name).Allowed() }
	all, _ := shape.Case(workload.Random)
	answers, _ := rivals.NewMap(all, right)
	title := func(what string) string { return fmt.Sprintf("check, %s %d ACLs, %s", shape.Name, shape.Entries, what) }

	random := measure.Interleave(s.perFigure, checks(session, all), lookups(answers, all))
	lines = append(lines, line{
		name: title("random of all names"), measured: random.Ratio(0, 1), unit: " x map", atMost: mapRatio,
		note: fmt.Sprintf("%.0f ns, map %.0f ns", random.Cost(0), random.Cost(1)),
	})
	ask := checks(session, all)
	allocations := testing.AllocsPerRun(len(all.Names), func() { ask(1) })
	for _, c := range shape.Cases {
		if c.Name == workload.Random {
			continue
		}
		r := measure.Interleave(s.perFigure/4, checks(session, c), lookups(answers, c))
		lines = append(lines, line{
			name: title(fmt.Sprintf("%s, %d names", c.Name, len(c.Names))), measured: r.Ratio(0, 1), unit: " x map",
			note: fmt.Sprintf("%.0f ns, map %.0f ns", r.Cost(0), r.Cost(1)),
		})
	}
	return append(lines, line{name: title("allocations"), measured: allocations, exact: true})
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
		r := measure.Interleave(s.perFigure, pair...)
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
	cost := measure.Time(s.perFigure, func(n int) {
		for range n {
			decisions = session.CheckBatch(decisions[:0], requests)
		}
	})
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
	cost := measure.Time(s.perFigure, func(n int) {
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
	})
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
			measured: measure.Time(s.perFigure/2, checks(session, c)), unit: " ns",
		}
		if name == workload.Random {
			l.atMost = 300
		}
		lines = append(lines, l)
	}
	return lines
}
