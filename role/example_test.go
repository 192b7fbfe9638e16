package role_test

import (
	"fmt"
	"net/netip"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// A group reads all topics of a team. The decision leads back to the binding.
func ExamplePolicy() {
	binding := role.Binding{
		Principal: principal.Principal{Type: "Group", Name: "payments"}, Role: "DeveloperRead", Scope: role.Scope{Kafka: "abc123"},
		Pattern: role.Pattern{ResourceType: "Topic", Name: "payments.", PatternType: resource.Prefixed},
	}
	policy := role.NewPolicy("abc123", role.Predefined(), nil)
	change, err := policy.Apply([]role.Binding{binding}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	store := snapshot.NewStore(snapshot.Config{})
	err = store.Update(func(tx *snapshot.Tx) error {
		for _, b := range change.Remove {
			tx.Remove(b)
		}
		for _, b := range change.Add {
			tx.Add(b)
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	session := store.Session(snapshot.Subject{
		Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.7"),
		Groups: []principal.Principal{{Type: "Group", Name: "payments"}},
	})
	d := session.Check(ops.Read, resource.Topic, "payments.eu")
	acl, _ := d.Binding()
	fmt.Println(d.Allowed(), policy.Sources(acl))
	fmt.Println(session.Check(ops.Write, resource.Topic, "payments.eu").Allowed())
	// Output:
	// true ["Group:payments" has "DeveloperRead" on PREFIXED Topic "payments."]
	// false
}

// An owner of topics gives others what it holds, and no more.
func ExampleAuthority_MayBind() {
	scope := role.Scope{Kafka: "abc123"}
	owned := role.Pattern{ResourceType: "Topic", Name: "payments.", PatternType: resource.Prefixed}
	held := role.Binding{Principal: principal.User("olga"), Role: "ResourceOwner", Scope: scope, Pattern: owned}
	authority := &role.Authority{Table: role.Predefined(), Bindings: func(yield func(role.Binding) bool) { yield(held) }}
	olga := role.Caller{Principal: principal.User("olga")}

	wanted := role.Binding{Principal: principal.User("alice"), Role: "DeveloperRead", Scope: scope, Pattern: owned}
	fmt.Println(authority.MayBind(olga, wanted).Allowed())
	wanted.Role, wanted.Pattern = "SystemAdmin", role.Pattern{}
	fmt.Println(authority.MayBind(olga, wanted))
	// Output:
	// true
	// SystemAdmin is for a whole cluster: only who may Alter its SecurityMetadata gives or takes it
}
