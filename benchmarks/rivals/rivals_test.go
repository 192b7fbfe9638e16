package rivals_test

import (
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/benchmarks/rivals"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

type check = func(op ops.Operation, t resource.Type, name string) bool

// engine returns the answers of this project.
func engine(t *testing.T, s workload.Shape) check {
	store, err := s.Store()
	if err != nil {
		t.Fatal(err)
	}
	session := store.Session(s.Subject)
	return func(op ops.Operation, rt resource.Type, name string) bool {
		return session.Check(op, rt, name).Allowed()
	}
}

// TestAllAgree compares this project and every rival with the scan of all ACLs, in
// every case of shapes with DENY, prefixes, hosts and User:* in them.
func TestAllAgree(t *testing.T) {
	const sample = 40
	compared := 0
	for _, s := range []workload.Shape{
		workload.Flat(1_000), workload.Kafka(1_000), workload.Authorizer(20, 10, 5_000), workload.Metadata(),
		workload.Tenants(30), workload.Nested(60), workload.OneTopic(200), workload.Hosts(200),
		workload.Literals(200), workload.Everyone(200), workload.LongPrefixes(200), workload.AllTypes(120),
	} {
		t.Run(s.Name, func(t *testing.T) {
			linear := rivals.NewLinear(s)
			right := func(op ops.Operation, rt resource.Type, name string) bool {
				allowed, _ := linear.Check(op, rt, name) // it has no errors
				return allowed
			}
			ours := engine(t, s)
			all := []rivals.Rival{{Name: "portcullis", Check: func(op ops.Operation, rt resource.Type, name string) (bool, error) {
				return ours(op, rt, name), nil
			}}}
			for _, make := range []func(workload.Shape) (rivals.Rival, error){rivals.NewCasbin, rivals.NewCedar} {
				r, err := make(s)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, r)
			}
			for _, c := range s.Cases {
				_, fromMap := rivals.NewMap(c, right)
				for _, r := range append(all, fromMap) {
					if r.Name == "casbin" && c.Operation == ops.Describe && s.Name == "tenants" {
						continue // implied by READ: see NewCasbin
					}
					if err := r.Verify(c, sample, right); err != nil {
						t.Errorf("case %s: %v", c.Name, err)
					}
					compared++
				}
			}
		})
	}
	if compared != 186 { // a case that is no longer compared must not go unnoticed
		t.Errorf("%d comparisons, want 186", compared)
	}
}

// TestVerifyFindsAWrongAnswer checks the check.
func TestVerifyFindsAWrongAnswer(t *testing.T) {
	c, _ := workload.Flat(1_000).Case(workload.Hit)
	deny := rivals.Rival{Name: "deny", Check: func(ops.Operation, resource.Type, string) (bool, error) { return false, nil }}
	allowAll := func(ops.Operation, resource.Type, string) bool { return true }
	if err := deny.Verify(c, 10, allowAll); err == nil || !strings.Contains(err.Error(), "deny: READ of") {
		t.Errorf("got %v", err)
	}
}

// TestRivalsSpeakOfMore covers what no workload has: ACLs for ALL, of User:* to
// deny, and on a prefix for one host.
func TestRivalsSpeakOfMore(t *testing.T) {
	entry := func(who, host string, op ops.Operation, permission acl.PermissionType) acl.Entry {
		return acl.Entry{Principal: who, Host: host, Operation: op, Permission: permission}
	}
	s := workload.Flat(10)
	s.Bindings = func(yield func(acl.Binding) bool) {
		for _, b := range []acl.Binding{
			{Pattern: resource.LiteralPattern(resource.Topic, "*"), Entry: entry("User:test-user", "*", ops.All, acl.Allow)},
			{Pattern: resource.PrefixedPattern(resource.Topic, "secret-"), Entry: entry(principal.Wildcard, "*", ops.All, acl.Deny)},
			{Pattern: resource.PrefixedPattern(resource.Topic, "local-"), Entry: entry("User:test-user", "127.0.0.1", ops.Write, acl.Deny)},
			{Pattern: resource.PrefixedPattern(resource.Topic, "remote-"), Entry: entry("User:test-user", "10.0.0.1", ops.Write, acl.Deny)},
		} {
			if !yield(b) {
				return
			}
		}
	}
	right := engine(t, s)
	for _, want := range []struct {
		name    string
		op      ops.Operation
		allowed bool
	}{
		{"open", ops.Alter, true}, {"secret-1", ops.Read, false}, {"local-1", ops.Write, false},
		{"local-1", ops.Read, true}, {"remote-1", ops.Write, true},
	} {
		c := workload.Case{Operation: want.op, Type: resource.Topic, Names: []string{want.name}}
		if right(want.op, resource.Topic, want.name) != want.allowed {
			t.Errorf("%v of %s is wrong", want.op, want.name)
		}
		for _, make := range []func(workload.Shape) (rivals.Rival, error){rivals.NewCasbin, rivals.NewCedar} {
			r, err := make(s)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Verify(c, 1, right); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCasbinRefusesAnAsteriskInAName(t *testing.T) {
	s := workload.Flat(10)
	s.Bindings = func(yield func(acl.Binding) bool) {
		yield(acl.Binding{Pattern: resource.LiteralPattern(resource.Group, "a*b")})
	}
	if _, err := rivals.NewCasbin(s); err == nil {
		t.Error("no error")
	}
}
