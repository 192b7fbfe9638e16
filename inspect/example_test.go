package inspect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// load returns a snapshot of ACLs in kafka-acls text format.
func load(config snapshot.Config, text string) *snapshot.Snapshot {
	bindings, err := acl.Read(strings.NewReader(text), "example", acl.FormatText)
	if err != nil {
		panic(err)
	}
	store := snapshot.NewStore(config)
	if err := store.Replace(slices.Values(bindings)); err != nil {
		panic(err)
	}
	return store.Load()
}

const shop = `
Current ACLs for resource ` + "`ResourcePattern(resourceType=TOPIC, name=orders., patternType=PREFIXED)`" + `:
	(principal=User:shop, host=*, operation=WRITE, permissionType=ALLOW)
	(principal=User:*, host=10.0.0.0/8, operation=READ, permissionType=ALLOW)
	(principal=User:guest, host=10.9.0.0/16, operation=READ, permissionType=DENY)

Current ACLs for resource ` + "`ResourcePattern(resourceType=TOPIC, name=orders.secret, patternType=LITERAL)`" + `:
	(principal=User:*, host=*, operation=READ, permissionType=DENY)
`

func ExampleExplain() {
	n := load(snapshot.Config{}, shop)
	guest := snapshot.Subject{Principal: principal.User("guest"), Host: netip.MustParseAddr("10.9.0.1")}
	x := inspect.Explain(n, guest, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "orders.eu"}, 0)
	fmt.Println("allowed:", x.Decision.Allowed())
	for _, m := range x.Matches {
		fmt.Println(m.Decides, m.Binding.Entry)
	}
	for _, m := range x.NearMisses {
		fmt.Println(m.Field, m.Fixed.Pattern.Name, m.Fixed.Entry)
	}
	// Output:
	// allowed: false
	// false (principal=User:*, host=10.0.0.0/8, operation=READ, permissionType=ALLOW)
	// true (principal=User:guest, host=10.9.0.0/16, operation=READ, permissionType=DENY)
	// name orders.eu (principal=User:*, host=*, operation=READ, permissionType=DENY)
}

func ExampleWhoCan() {
	n := load(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}}, shop)
	grantees, err := inspect.WhoCan(n, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "orders.eu"}, nil)
	if err != nil {
		panic(err)
	}
	for _, g := range grantees {
		if g.IsEveryoneElse() {
			fmt.Println("everyone but", g.Except, "from", g.Hosts)
		} else {
			fmt.Println(g.Principal, "from", g.Hosts)
		}
	}
	// Output:
	// User:admin from *
	// User:guest from 10.0.0.0/8 except 10.9.0.0/16
	// everyone but [User:admin User:guest] from 10.0.0.0/8
}

func ExampleWhatCan() {
	n := load(snapshot.Config{}, shop)
	access, err := inspect.WhatCan(n, snapshot.Subject{Principal: principal.User("shop")})
	if err != nil {
		panic(err)
	}
	for _, a := range access {
		for op := range a.Operations.All() {
			fmt.Println(op, a.Type, a.Names, "from", a.Hosts)
		}
	}
	// Output:
	// READ TOPIC prefix "orders." except "orders.secret" from 10.0.0.0/8
	// WRITE TOPIC prefix "orders." from *
	// DESCRIBE TOPIC prefix "orders." from *
}

func ExampleReach() {
	n := load(snapshot.Config{}, shop)
	names, patterns := inspect.Reach(n, resource.PrefixedPattern(resource.Topic, "ord"))
	fmt.Println(names)
	for _, p := range patterns {
		fmt.Println(p)
	}
	// Output:
	// prefix "ord"
	// ResourcePattern(resourceType=TOPIC, name=orders., patternType=PREFIXED)
	// ResourcePattern(resourceType=TOPIC, name=orders.secret, patternType=LITERAL)
}

func ExampleDiff() {
	before := load(snapshot.Config{}, shop)
	after := load(snapshot.Config{}, shop+`
Current ACLs for resource `+"`ResourcePattern(resourceType=TOPIC, name=orders.eu, patternType=LITERAL)`"+`:
	(principal=User:*, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:shop, host=*, operation=DESCRIBE, permissionType=ALLOW)
`)
	changes, err := inspect.Diff(before, after, nil)
	if err != nil {
		panic(err)
	}
	for _, c := range changes {
		if c.IsEveryoneElse() {
			fmt.Println("everyone else gains", c.Gained)
		} else {
			fmt.Println(c.Principals, "on", c.Names, "gain", c.Gained)
		}
	}
	// Output:
	// [User:shop] on "orders.eu" gain [READ on TOPIC "orders.eu" from * except 10.0.0.0/8]
	// everyone else gains [READ, DESCRIBE on TOPIC "orders.eu" from * except 10.0.0.0/8]
}

// The changes that a migration to Kafka's own rules would cause.
func ExampleDiff_semantics() {
	changes, err := inspect.Diff(load(snapshot.Config{}, shop), load(snapshot.Config{Semantics: snapshot.KafkaExact}, shop), nil)
	if err != nil {
		panic(err)
	}
	for _, c := range changes {
		if c.IsEveryoneElse() {
			fmt.Println("everyone else loses", c.Lost)
		} else {
			fmt.Println(c.Principals, "on", c.Names, "lose", c.Lost)
		}
	}
	// Output:
	// [User:guest] on prefix "orders." except "orders.secret" lose [READ on TOPIC prefix "orders." except "orders.secret" from 10.0.0.0/8 except 10.9.0.0/16 DESCRIBE on TOPIC prefix "orders." except "orders.secret" from 10.0.0.0/8]
	// [User:shop] on prefix "orders." lose [READ on TOPIC prefix "orders." except "orders.secret" from 10.0.0.0/8]
	// everyone else loses [READ on TOPIC prefix "orders." except "orders.secret" from 10.0.0.0/8 DESCRIBE on TOPIC prefix "orders." from 10.0.0.0/8]
}

func ExampleLint() {
	n := load(snapshot.Config{}, shop+`
Current ACLs for resource `+"`ResourcePattern(resourceType=TOPIC, name=orders.eu, patternType=LITERAL)`"+`:
	(principal=User:shop, host=10.1.1.1, operation=DESCRIBE, permissionType=ALLOW)
`)
	findings, err := inspect.Lint(n, inspect.LintOptions{})
	if err != nil {
		panic(err)
	}
	for _, f := range findings {
		fmt.Println(f.Code, f.Removable, f.Binding.Entry)
		fmt.Println("because", f.Reason+":", f.Fix)
	}
	// Output:
	// from-4.4 false (principal=User:guest, host=10.9.0.0/16, operation=READ, permissionType=DENY)
	// because Kafka before 4.4 compares the host "10.9.0.0/16" as text, so that it never matches; it starts to match on Kafka 4.4, and then denies READ from 10.9.0.0/16: before an upgrade, remove it unless these clients are to lose the right; until then, list each address separately
	// from-4.4 false (principal=User:*, host=10.0.0.0/8, operation=READ, permissionType=ALLOW)
	// because Kafka before 4.4 compares the host "10.0.0.0/8" as text, so that it never matches; it starts to match on Kafka 4.4, and then allows READ from 10.0.0.0/8: before an upgrade, remove it unless these clients are to get the right; until then, list each address separately
	// redundant true (principal=User:shop, host=10.1.1.1, operation=DESCRIBE, permissionType=ALLOW)
	// because other ACLs allow everything that it allows: remove it
}

func ExampleNewMatrix() {
	n := load(snapshot.Config{}, `Current ACLs for resource `+"`ResourcePattern(resourceType=TOPIC, name=pay, patternType=PREFIXED)`:"+`
	(principal=User:alice, host=*, operation=WRITE, permissionType=ALLOW)

Current ACLs for resource `+"`ResourcePattern(resourceType=TOPIC, name=payroll, patternType=LITERAL)`:"+`
	(principal=User:alice, host=*, operation=WRITE, permissionType=DENY)

`)
	m, err := inspect.NewMatrix(n, nil)
	if err != nil {
		panic(err)
	}
	for _, row := range m.Rows[1:] { // without everyone else
		for column, pattern := range m.Columns {
			if at := row.At(column); at != inspect.Inherited {
				cell := m.Cells[at]
				fmt.Println(row.Principal, pattern.PatternType, pattern.Name, cell.Some.Has(ops.Write), cell.Denied.Has(ops.Write))
			}
		}
	}
	// Output:
	// User:alice PREFIXED pay true false
	// User:alice LITERAL payroll false true
}
