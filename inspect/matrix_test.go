package inspect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// rowOf returns the row of a principal, or that of everyone else.
func rowOf(m inspect.Matrix, p principal.Principal) inspect.Row {
	for _, row := range m.Rows {
		if row.Principal == p.String() {
			return row
		}
	}
	return m.Rows[0]
}

// cellOf returns the cell of a row in a column, inherited or not.
func cellOf(m inspect.Matrix, row inspect.Row, column int) inspect.Cell {
	at := row.At(column)
	if at == inspect.Inherited {
		at = m.Rows[0].At(column)
	}
	return m.Cells[at]
}

// compare fails the test unless exactly one ruling of the cell applies to the question,
// with the verdict of the check.
func compare(t rapid.TB, m inspect.Matrix, c inspect.Cell, who snapshot.Subject, r snapshot.Request, d snapshot.Decision) {
	speaks := 0
	for _, ruling := range c.Rulings {
		if !ruling.Operations.Has(r.Operation) || ruling.Names != nil && !ruling.Names.Contains(r.Name) || ruling.Hosts != nil && !ruling.Hosts.Contains(who.Host) {
			continue
		}
		speaks++
		b, ok := d.Binding()
		require.Equal(t, d.Allowed(), ruling.Allowed, "%v %v: %v, but the cell says %+v", who, r, d, ruling)
		require.Equal(t, d.Reason(), ruling.Reason, "%v %v: %v, but the cell says %+v", who, r, d, ruling)
		require.Equal(t, ruling.ACL >= 0, ok, "%v %v: %v, but the cell says %+v", who, r, d, ruling)
		require.False(t, ok && m.ACLs[ruling.ACL] != b, "%v %v: %v, but the cell says %+v", who, r, d, ruling)
	}
	switch allowed := d.Allowed(); {
	case speaks != 1:
		t.Fatalf("%v %v: %d rulings apply: %+v", who, r, speaks, c)
	case allowed && !(c.All | c.Some).Has(r.Operation), !allowed && c.All.Has(r.Operation), (c.All & c.Some).Has(r.Operation),
		d.Reason() == snapshot.MatchingDeny && !(c.Denied | c.Holes).Has(r.Operation):
		t.Fatalf("%v %v: %v, but the cell is %+v", who, r, d, c)
	}
}

// A check on any name of a pattern agrees with the cell. Where a cell says that only a
// part is allowed or denied, checks give both answers.
func TestMatrixAgreesWithChecks(t *testing.T) {
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		w := gen.World(gen.Rapid(t))
		n := snapshotOfRapid(t, w)
		m, err := inspect.NewMatrix(n, nil)
		require.NoError(t, err)
		hosts := hostsOf(w.ACLs)
		for column, pattern := range m.Columns {
			covered, _ := inspect.Reach(n, pattern)
			names := slices.DeleteFunc(namesOf(w.ACLs, pattern.Type), func(name string) bool { return !covered.Contains(name) })
			for _, p := range principalsOf(w) {
				if p.String() == principal.Wildcard || strings.Contains(p.Type, ":") {
					continue
				}
				cell := cellOf(m, rowOf(m, p), column)
				var allowed, denied, unmatched ops.Set
				for _, name := range names {
					for _, host := range hosts {
						who := snapshot.Subject{Principal: p, Host: host}
						for op := range ops.Supported(pattern.Type).All() {
							d := n.Check(who, op, pattern.Type, name)
							compare(t, m, cell, who, snapshot.Request{Operation: op, Type: pattern.Type, Name: name}, d)
							compared++
							switch {
							case d.Allowed():
								allowed |= ops.SetOf(op)
							case d.Reason() == snapshot.MatchingDeny:
								denied |= ops.SetOf(op)
							default:
								unmatched |= ops.SetOf(op)
							}
						}
					}
				}
				refused, others := denied|unmatched, allowed|unmatched
				want := inspect.Cell{All: allowed &^ refused, Some: allowed & refused, Denied: denied &^ others, Holes: denied & others}
				require.Equal(t, want.All, cell.All, "%v on %v", p, pattern)
				require.Equal(t, want.Some, cell.Some, "%v on %v", p, pattern)
				require.Equal(t, want.Denied, cell.Denied, "%v on %v", p, pattern)
				require.Equal(t, want.Holes, cell.Holes, "%v on %v", p, pattern)
			}
		}
	})
	assert.NotEqual(t, 0, compared, "nothing was compared")
}

func snapshotOfRapid(t *rapid.T, w refmodel.World) *snapshot.Snapshot {
	config := snapshot.Config{SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL, AwaitInitialLoad: w.Loading}
	if w.Exact {
		config.Semantics = snapshot.KafkaExact
		if w.Networks {
			config.Semantics = snapshot.KafkaExact44
		}
	}
	store := snapshot.NewStore(config)
	require.NoError(t, store.Replace(slices.Values(w.ACLs)))
	return store.Load()
}

func TestMatrixCells(t *testing.T) {
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}})
	acls := func(principal string, permission acl.PermissionType, op ops.Operation, host string, p resource.Pattern) acl.Binding {
		return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: principal, Host: host, Operation: op, Permission: permission}}
	}
	err := store.Update(func(tx *snapshot.Tx) error {
		tx.Add(acls("User:a", acl.Allow, ops.Read, "*", resource.PrefixedPattern(resource.Topic, "pay")))
		tx.Add(acls("User:a", acl.Deny, ops.Read, "10.0.0.0/8", resource.LiteralPattern(resource.Topic, "payroll")))
		tx.Add(acls("User:b", acl.Allow, ops.Write, "*", resource.LiteralPattern(resource.Topic, "orders")))
		return nil
	})
	require.NoError(t, err)
	m, err := inspect.NewMatrix(store.Load(), nil)
	require.NoError(t, err)
	want := []resource.Pattern{resource.LiteralPattern(resource.Topic, "orders"), resource.PrefixedPattern(resource.Topic, "pay"), resource.LiteralPattern(resource.Topic, "payroll")}
	require.Equal(t, want, m.Columns, "columns %v", m.Columns)
	a, b := rowOf(m, principal.User("a")), rowOf(m, principal.User("b"))
	assert.Equal(t, inspect.Inherited, a.At(0), "rows %+v", m.Rows)
	assert.Equal(t, inspect.Inherited, b.At(1), "rows %+v", m.Rows)
	assert.Len(t, m.Rows, 4, "rows %+v", m.Rows)
	pay := cellOf(m, a, 1)
	assert.Equal(t, ops.SetOf(ops.Read), pay.Some)
	assert.Equal(t, ops.SetOf(ops.Describe), pay.All)
	assert.Equal(t, ops.SetOf(ops.Read), pay.Holes)
	assert.Equal(t, ops.Set(0), pay.Denied)
	assert.Len(t, pay.ACLs, 2)
	if root := cellOf(m, rowOf(m, principal.User("root")), 2); root.All != ops.Supported(resource.Topic) || len(root.Rulings) != 1 || root.Rulings[0].Reason != snapshot.SuperUser {
		t.Errorf("%+v", root)
	}
}

// On the name "*", LITERAL "*" is the narrowest pattern; on other names it is the
// widest.
func TestMatrixOfTheAsterisk(t *testing.T) {
	n := load(snapshot.Config{}, `Current ACLs for resource `+"`ResourcePattern(resourceType=GROUP, name=*, patternType=LITERAL)`:"+`
	(principal=User:*, host=*, operation=READ, permissionType=ALLOW)

Current ACLs for resource `+"`ResourcePattern(resourceType=GROUP, name=*, patternType=PREFIXED)`:"+`
	(principal=User:*, host=*, operation=READ, permissionType=ALLOW)

`)
	m, err := inspect.NewMatrix(n, nil)
	require.NoError(t, err)
	by := map[string]string{}
	for column := range m.Columns {
		for _, r := range cellOf(m, m.Rows[0], column).Rulings {
			if r.Allowed {
				by[fmt.Sprint(m.Columns[column].PatternType, ": ", r.Names)] = m.ACLs[r.ACL].Pattern.PatternType.String()
			}
		}
	}
	want := map[string]string{`LITERAL: all names except prefix "*"; "*"`: "LITERAL", `LITERAL: prefix "*" except "*"`: "PREFIXED",
		`PREFIXED: "*"`: "LITERAL", `PREFIXED: prefix "*" except "*"`: "PREFIXED"}
	assert.Equal(t, want, by)
}

// Kafka compares hosts as text, so an address with a zone differs from the address
// without.
func TestMatrixOfZones(t *testing.T) {
	n := load(snapshot.Config{Semantics: snapshot.KafkaExact}, `Current ACLs for resource `+"`ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:"+`
	(principal=User:a, host=fe80:0:0:0:0:0:0:1, operation=READ, permissionType=ALLOW)
	(principal=User:a, host=fe80:0:0:0:0:0:0:1%0, operation=READ, permissionType=DENY)

`)
	m, err := inspect.NewMatrix(n, nil)
	require.NoError(t, err)
	require.Len(t, m.ACLs, 2)
	cell := cellOf(m, rowOf(m, principal.User("a")), 0)
	for _, host := range []string{"fe80::1", "fe80::1%0", "fe80::1%00", "fe80::1%eth0", "fe80::2", "::", "10.0.0.1"} {
		t.Run(host, func(t *testing.T) {
			who := snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr(host)}
			compare(t, m, cell, who, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "t"}, n.Check(who, ops.Read, resource.Topic, "t"))
		})
	}
	read := ops.SetOf(ops.Read)
	assert.True(t, cell.Some.Has(ops.Read), "%+v", cell)
	assert.Equal(t, read, cell.Holes)
}

func TestMatrixLimit(t *testing.T) {
	n := load(snapshot.Config{}, `Current ACLs for resource `+"`ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:"+`
	(principal=User:a, host=*, operation=READ, permissionType=ALLOW)

`)
	enough := 0
	for m, err := inspect.NewLimitedMatrix(n, enough); err != nil; m, err = inspect.NewLimitedMatrix(n, enough) {
		var limit *inspect.WorkError
		require.ErrorAs(t, err, &limit)
		assert.Empty(t, m.Rows)
		assert.Equal(t, enough, limit.Work)
		enough++
		require.Less(t, enough, 300)
	}
	_, err := inspect.NewLimitedMatrix(n, enough-1)
	assert.ErrorContains(t, err, `(exceeded at "User:a"): `)
	_, err = inspect.NewLimitedMatrix(n, 1)
	assert.ErrorContains(t, err, "(exceeded at everyone else): ")
	assert.Greater(t, enough, 32, "eight operations, from IPv4 and from IPv6, of everyone else and of User:a")
}

// nested returns ACLs on n nested prefixes.
func nested(n int, who func(i int) string) *snapshot.Snapshot {
	store := snapshot.NewStore(snapshot.Config{})
	err := store.Update(func(tx *snapshot.Tx) error {
		for i := range n {
			b := acltest.AllowFrom(who(i), fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), ops.Read, resource.PrefixedPattern(resource.Topic, strings.Repeat("a", i+1)))
			if i%2 == 1 {
				b.Entry.Permission = acl.Deny
			}
			tx.Add(b)
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return store.Load()
}

// TestMatrixOfNestedPrefixes has nested prefixes, each of another principal. The matrix
// has two cells and two runs for each, and the work is proportional.
func TestMatrixOfNestedPrefixes(t *testing.T) {
	const many, each = 1000, 3000
	n := nested(many, func(i int) string { return fmt.Sprint("User:u", i) })
	m, err := inspect.NewLimitedMatrix(n, many*each)
	require.NoError(t, err)
	runs := 0
	for _, row := range m.Rows {
		runs += len(row.Runs)
	}
	assert.LessOrEqual(t, runs, 2*many+1)
	assert.LessOrEqual(t, len(m.Cells), 2*many+1)
	for i := 0; i < many; i += 97 {
		who := snapshot.Subject{Principal: principal.User(fmt.Sprint("u", i)), Host: netip.MustParseAddr(fmt.Sprintf("10.%d.%d.7", i>>8, i&255))}
		for column := 0; column < many; column += 89 {
			cell := cellOf(m, rowOf(m, who.Principal), column)
			for _, name := range []string{strings.Repeat("a", column+1), strings.Repeat("a", column+1) + "b", strings.Repeat("a", max(i, column)+1), strings.Repeat("a", many+1)} {
				compare(t, m, cell, who, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: name}, n.Check(who, ops.Read, resource.Topic, name))
			}
		}
	}
}

// TestMatrixOfAnyShape has 10,000 ACLs of shapes whose matrix is too large. The error
// says how to ask for less.
func TestMatrixOfAnyShape(t *testing.T) {
	const many = 10_000
	for name, who := range map[string]func(i int) string{
		"everyone":      func(int) string { return principal.Wildcard },
		"one":           func(int) string { return "User:one" },
		"each":          func(i int) string { return fmt.Sprint("User:u", i) },
		"each and star": func(i int) string { return []string{principal.Wildcard, fmt.Sprint("User:u", i)}[i/2%2] },
	} {
		t.Run(name, func(t *testing.T) {
			m, err := inspect.NewMatrix(nested(many, who), nil)
			var limit *inspect.WorkError
			require.ErrorAs(t, err, &limit)
			assert.Empty(t, m.Cells)
			assert.Equal(t, inspect.Work(many), limit.Work)
			assert.ErrorContains(t, err, "what-can")
		})
	}
}

func TestMatrixTellsHowFarItIs(t *testing.T) {
	calls := 0
	m, err := inspect.NewMatrix(load(snapshot.Config{SuperUsers: []principal.Principal{principal.User("root")}}, ""), func(done, total int) {
		calls++
		assert.Equal(t, 2, done, "%d of %d", done, total)
		assert.Equal(t, 2, total, "%d of %d", done, total)
	})
	require.NoError(t, err, "%d calls, %+v, %v", calls, m, err)
	assert.Equal(t, 1, calls, "%d calls, %+v, %v", calls, m, err)
	require.Len(t, m.Rows, 2, "%d calls, %+v, %v", calls, m, err)
	assert.Empty(t, m.Columns, "%d calls, %+v, %v", calls, m, err)
}
