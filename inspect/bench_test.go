package inspect_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// manyACLs is the number of ACLs that lint, who-can and diff must handle in 10 s and 2
// GB.
const manyACLs = 100_000

// shapes are sets of ACLs that are large in different ways. Each function returns the
// i-th of n ACLs.
var shapes = []struct {
	name string
	acl  func(i int) acl.Binding
}{
	// Each application has its topics, its group, and a prefix.
	{"applications", func(i int) acl.Binding {
		app, part := i/10, i%10
		b := acltest.AllowFrom(fmt.Sprintf("User:app-%d", app), acl.WildcardHost, ops.Read, resource.LiteralPattern(resource.Topic, fmt.Sprintf("app-%d.topic-%d", app, part)))
		switch part {
		case 0:
			b.Pattern = resource.PrefixedPattern(resource.Topic, fmt.Sprintf("app-%d.", app))
			b.Entry.Operation = ops.Write
		case 1:
			b.Pattern = resource.PrefixedPattern(resource.Group, fmt.Sprintf("app-%d", app))
		case 2:
			b.Entry.Host = fmt.Sprintf("10.%d.%d.0/24", app/256%256, app%256)
		case 3:
			b.Entry.Permission = acl.Deny
		case 4:
			b.Entry.Principal = principal.Wildcard
		}
		return b
	}},
	// Many principals have ACLs on all topics, as in KAFKA-20667, and many topics have
	// their own ACL.
	{"wildcards", func(i int) acl.Binding {
		b := acltest.AllowFrom(fmt.Sprintf("User:p-%d", i%7000), acl.WildcardHost, ops.Operation(3+i/7000%6), resource.LiteralPattern(resource.Topic, "*"))
		if i >= 7000*6 {
			b.Pattern.Name = fmt.Sprintf("topic-%d", i)
		}
		return b
	}},
	// One principal has all ACLs, on nested prefixes.
	{"one", func(i int) acl.Binding {
		return acltest.AllowFrom("User:one", acl.WildcardHost, ops.Read, resource.PrefixedPattern(resource.Topic, fmt.Sprintf("%06d", i)[:3+i%4]+fmt.Sprint("/", i)))
	}},
	// Everyone may read each topic only from its network, and is denied from one
	// address in it.
	{"everyone", func(i int) acl.Binding {
		b := acltest.AllowFrom(principal.Wildcard, fmt.Sprintf("10.%d.0.0/16", i/2%200), ops.Read, resource.LiteralPattern(resource.Topic, fmt.Sprintf("topic-%d", i/2)))
		if i%2 == 1 {
			b.Entry.Permission = acl.Deny
			b.Entry.Host = fmt.Sprintf("10.%d.7.7", i/2%200)
		}
		return b
	}},
	// DENYs of all kinds cover everything, and nobody is allowed what they deny.
	{"denies", func(i int) acl.Binding {
		b := acltest.AllowFrom(fmt.Sprintf("User:p-%d", i), acl.WildcardHost, ops.Read, resource.LiteralPattern(resource.Topic, fmt.Sprintf("topic-%d", i)))
		if i%2 == 1 {
			b.Entry.Permission, b.Entry.Operation, b.Pattern.Name = acl.Deny, ops.Write, "*"
		}
		return b
	}},
	// One resource is open to many addresses, each with its own ACL.
	{"hosts", func(i int) acl.Binding {
		return acltest.AllowFrom(fmt.Sprintf("User:p-%d", i%3), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), ops.Read, resource.LiteralPattern(resource.Topic, "topic"))
	}},
}

// shaped returns a snapshot of the ACLs of a shape, without those that skip names.
func shaped(tb testing.TB, config snapshot.Config, shape func(i int) acl.Binding, n int, skip func(i int) bool) *snapshot.Snapshot {
	tb.Helper()
	store := snapshot.NewStore(config)
	require.NoError(tb, store.Update(func(tx *snapshot.Tx) error {
		for i := range n {
			if !skip(i) {
				tx.Add(shape(i))
			}
		}
		return nil
	}))
	return store.Load()
}

// must returns an answer, and panics on an error.
func must[T any](answer T, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}

func none(int) bool  { return false }
func every(int) bool { return true }

// BenchmarkMatrixOfNestedPrefixes has 1,000 nested prefixes, each of another principal.
func BenchmarkMatrixOfNestedPrefixes(b *testing.B) {
	n := nested(1000, func(i int) string { return fmt.Sprint("User:u", i) })
	b.ReportAllocs()
	for b.Loop() {
		must(inspect.NewMatrix(n, nil))
	}
}

// BenchmarkMany computes the matrix, lint, who-can, what-can and diff for large sets of
// ACLs, and reports the megabytes that the program has taken from the system.
func BenchmarkMany(b *testing.B) {
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) { benchmarkMany(b, s.acl) })
	}
}

func benchmarkMany(b *testing.B, shape func(i int) acl.Binding) {
	n := shaped(b, snapshot.Config{}, shape, manyACLs, none)
	run := func(what string, do func() int) {
		b.Run(what, func(b *testing.B) {
			results := 0
			for b.Loop() {
				results = do()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MB")
			b.ReportMetric(float64(results), "results")
		})
	}
	tenth := shaped(b, snapshot.Config{}, shape, manyACLs/10, none)
	run("matrix-tenth", func() int { return len(must(inspect.NewMatrix(tenth, nil)).Cells) })
	run("lint", func() int { return len(must(inspect.Lint(n, inspect.LintOptions{}))) })
	middle := shape(manyACLs / 2)
	run("who-can", func() int {
		return len(must(inspect.WhoCan(n, snapshot.Request{Operation: middle.Entry.Operation, Type: middle.Pattern.Type, Name: middle.Pattern.Name}, nil)))
	})
	run("what-can", func() int {
		who, _ := principal.Parse(middle.Entry.Principal)
		access, err := inspect.WhatCan(n, snapshot.Subject{Principal: who})
		require.NoError(b, err)
		return len(access)
	})
	few := shaped(b, snapshot.Config{}, shape, manyACLs, func(i int) bool { return i%1000 == 0 })
	run("diff", func() int { return len(diff(b, n, few)) })
	exact := shaped(b, snapshot.Config{Semantics: snapshot.KafkaExact}, shape, manyACLs, none)
	run("diff-semantics", func() int { return len(diff(b, n, exact)) })
	nothing := shaped(b, snapshot.Config{}, shape, manyACLs, every)
	run("diff-all", func() int { return len(diff(b, nothing, n)) })
}
