package inspect_test

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// load returns a snapshot of ACLs in the text of kafka-acls.
func load(config snapshot.Config, text string) *snapshot.Snapshot {
	bindings, err := acl.Read(strings.NewReader(text), "example", acl.FormatText)
	if err != nil {
		panic(err)
	}
	store := snapshot.NewStore(config)
	if err := store.Update(func(tx *snapshot.Tx) error {
		for _, b := range bindings {
			tx.Add(b)
		}
		return nil
	}); err != nil {
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
		fmt.Println(m.Field, m.Mended.Pattern.Name, m.Mended.Entry)
	}
	// Output:
	// allowed: false
	// false (principal=User:*, host=10.0.0.0/8, operation=READ, permissionType=ALLOW)
	// true (principal=User:guest, host=10.9.0.0/16, operation=READ, permissionType=DENY)
	// name orders.eu (principal=User:*, host=*, operation=READ, permissionType=DENY)
}

func ExampleWhoCan() {
	n := load(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}}, shop)
	for _, g := range inspect.WhoCan(n, snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "orders.eu"}, nil) {
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
	for _, row := range m.Rows[1:] { // all but everyone else
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
