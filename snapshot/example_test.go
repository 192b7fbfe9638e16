package snapshot_test

import (
	"fmt"
	"net/netip"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// A broker or proxy keeps one store, and a session for each connection.
func Example() {
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}})
	err := store.Update(func(tx *snapshot.Tx) error {
		tx.Add(acl.Binding{
			Pattern: resource.PrefixedPattern(resource.Topic, "payments."),
			Entry:   acl.Entry{Principal: "User:billing", Host: "10.0.0.0/8", Operation: ops.Write, Permission: acl.Allow},
		})
		tx.Add(acl.Binding{
			Pattern: resource.LiteralPattern(resource.Topic, "payments.audit"),
			Entry:   acl.Entry{Principal: "User:*", Host: "*", Operation: ops.Write, Permission: acl.Deny},
		})
		return nil
	})
	if err != nil {
		panic(err) // the bindings are constants
	}
	session := store.Session(snapshot.Subject{
		Principal: principal.User("billing"),
		Host:      netip.MustParseAddr("10.1.2.3"),
	})
	fmt.Println(session.Check(ops.Write, resource.Topic, "payments.eu").Allowed())
	fmt.Println(session.Check(ops.Describe, resource.Topic, "payments.eu").Allowed()) // implied by Write
	d := session.Check(ops.Write, resource.Topic, "payments.audit")
	by, _ := d.Binding()
	fmt.Println(d.Allowed(), d.Reason(), by.Entry)
	// Output:
	// true
	// true
	// false matching deny (principal=User:*, host=*, operation=WRITE, permissionType=DENY)
}

// A transaction replaces the whole set of ACLs at once: readers see the old set or
// the new one.
func ExampleStore_Update() {
	var store snapshot.Store
	reload := func(bindings []acl.Binding) error {
		return store.Update(func(tx *snapshot.Tx) error {
			tx.RemoveMatching(acl.AnyBinding)
			for _, b := range bindings {
				tx.Add(b)
			}
			return nil
		})
	}
	err := reload([]acl.Binding{{
		Pattern: resource.LiteralPattern(resource.Group, "*"),
		Entry:   acl.Entry{Principal: "User:*", Host: "*", Operation: ops.Read, Permission: acl.Allow},
	}})
	fmt.Println(err, store.Load().Len(), store.Load().Generation())

	err = reload([]acl.Binding{{}})
	fmt.Println(err)
	fmt.Println(store.Load().Len(), store.Load().Generation())
	// Output:
	// <nil> 1 1
	// binding 0: invalid resourceType: UNKNOWN is not known: expected one of [TOPIC GROUP CLUSTER TRANSACTIONAL_ID DELEGATION_TOKEN USER]
	// 1 1
}

// A batch is decided by one snapshot, and fills a slice that is used again.
func ExampleSession_CheckBatch() {
	store := snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{principal.User("admin")}})
	session := store.Session(snapshot.Subject{Principal: principal.User("admin"), Host: netip.IPv6Loopback()})
	var decisions []snapshot.Decision
	decisions = session.CheckBatch(decisions[:0], []snapshot.Request{
		{Operation: ops.Read, Type: resource.Topic, Name: "a"},
		{Operation: ops.Alter, Type: resource.Cluster, Name: resource.ClusterName},
	})
	for _, d := range decisions {
		fmt.Println(d)
	}
	// Output:
	// allowed (super user)
	// allowed (super user)
}
