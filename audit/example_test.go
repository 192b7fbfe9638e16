package audit_test

import (
	"context"
	"fmt"
	"os"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// readers returns a store in which alice may read the given topics.
func readers(topics ...string) *snapshot.Store {
	store := snapshot.NewStore(snapshot.Config{})
	err := store.Update(func(tx *snapshot.Tx) error {
		for _, name := range topics {
			tx.Add(acl.Binding{Pattern: acltest.Topic(name), Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}})
		}
		return nil
	})
	if err != nil {
		panic(err)
	}
	return store
}

func ExampleAuditor() {
	auditor := &audit.Auditor{Handler: audit.NewLineWriter(os.Stdout, audit.Kafka42)}
	session := auditor.Session(readers("orders"), alice)
	fetch := audit.Call{API: 1, References: 1}
	session.Check(fetch, ops.Read, resource.Topic, "orders") // an allow has level DEBUG
	session.Check(fetch, ops.Read, resource.Topic, "salaries")
	// Output:
	// Principal = User:alice is Denied operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:salaries for request = Fetch with resourceRefCount = 1 based on rule DefaultDeny
}

// A slow log does not slow down the checks, and lost events are reported.
func ExampleQueue() {
	queue, err := audit.NewQueue(audit.NewLineWriter(os.Stdout, audit.Kafka42), 1000, audit.DropWhenFull,
		func(l *audit.LossError) { fmt.Fprintln(os.Stderr, l) })
	if err != nil {
		panic(err)
	}
	done := make(chan error)
	go func() { done <- queue.Run(context.Background()) }()

	auditor := &audit.Auditor{Handler: queue}
	auditor.Session(readers("orders"), alice).Check(audit.Call{API: 3, References: 1}, ops.Describe, resource.Topic, "salaries")

	queue.Close() // delivers what is left
	fmt.Println(<-done, queue.Counts().Delivered)
	// Output:
	// Principal = User:alice is Denied operation = DESCRIBE from host = 10.0.0.1 on resource = Topic:LITERAL:salaries for request = Metadata with resourceRefCount = 1 based on rule DefaultDeny
	// <nil> 1
}

func ExampleShadow() {
	shadow := &audit.Shadow{Candidate: readers("orders", "prices"), Report: func(f audit.Flip) {
		fmt.Println(f.Event.Request.Name, "live:", f.Event.Decision.Allowed(), "candidate:", f.Candidate.Allowed())
	}}
	session := (&audit.Auditor{Shadow: shadow}).Session(readers("orders", "salaries"), alice)
	for _, name := range []string{"orders", "prices", "salaries"} {
		session.Check(audit.Call{API: 1}, ops.Read, resource.Topic, name)
	}
	fmt.Printf("%+v\n", shadow.Counts())
	// Output:
	// prices live: false candidate: true
	// salaries live: true candidate: false
	// {Compared:3 Flipped:2}
}

func ExampleHits() {
	store := readers("orders", "prices")
	hits := new(audit.Hits)
	session := (&audit.Auditor{Hits: hits}).Session(store, alice)
	for range 3 {
		session.Check(audit.Call{}, ops.Read, resource.Topic, "orders")
	}
	for b, n := range hits.All() {
		fmt.Println(b.Pattern.Name, n)
	}
	for b := range hits.Unused(store.Load()) {
		fmt.Println("never used:", b.Pattern.Name)
	}
	// Output:
	// orders 3
	// never used: prices
}
