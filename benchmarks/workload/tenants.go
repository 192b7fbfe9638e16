package workload

import (
	"fmt"
	"net/netip"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Metadata is the cluster of KAFKA-20667: 700 principals with nine ACLs each, all
// on one wildcard, and one of them asks for the metadata of 500 topics. The nine
// are three operations from three hosts.
func Metadata() Shape {
	const principals, topics = 700, 500
	hosts := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}
	operations := []ops.Operation{ops.Read, ops.Write, ops.Describe}
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("orders.region-%d.events", i)
	}
	everything := resource.LiteralPattern(resource.Topic, resource.Wildcard)
	return Shape{
		Name:    "KAFKA-20667",
		Entries: principals * len(hosts) * len(operations),
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range principals {
				who := principal.User(application(i)).String()
				for _, host := range hosts {
					for _, op := range operations {
						if !yield(binding(everything, who, host, op, acl.Allow)) {
							return
						}
					}
				}
			}
		},
		Subject: snapshot.Subject{Principal: principal.User(application(principals / 2)), Host: netip.MustParseAddr(hosts[1])},
		Cases: []Case{
			newCase(Hit, ops.Describe, resource.Topic, Allowed, names),
			newCase(MissOperation, ops.Create, resource.Topic, Denied, names),
		},
	}
}

// Requests returns the questions of c as one request to authorize.
func (c Case) Requests() []snapshot.Request {
	requests := make([]snapshot.Request, len(c.Names))
	for i, name := range c.Names {
		requests[i] = snapshot.Request{Operation: c.Operation, Type: c.Type, Name: name}
	}
	return requests
}

func application(i int) string { return fmt.Sprintf("app-%04d", i) }

// TenantACLs is the number of ACLs of one tenant of [Tenants].
const TenantACLs = 10

// Tenants is a cluster of n users with ten topics each, which they may read and so
// describe. The subject is one of them, who asks for its own topics and, in
// [MissName], for those of others; see TenantQuestions for all of them at once.
func Tenants(n int) Shape {
	own, others := make([]string, TenantACLs), make([]string, 0, maxAsked)
	for j := range own {
		own[j] = tenantTopic(n/2, j)
	}
	for i := 0; len(others) < cap(others); i++ {
		if tenant := i * 7 % n; tenant != n/2 {
			others = append(others, tenantTopic(tenant, i%TenantACLs))
		}
	}
	return Shape{
		Name:    "tenants",
		Entries: n * TenantACLs,
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range n {
				for j := range TenantACLs {
					p := resource.LiteralPattern(resource.Topic, tenantTopic(i, j))
					if !yield(allow(p, principal.User(tenantName(i)).String(), ops.Read)) {
						return
					}
				}
			}
		},
		Subject: TenantSubject(n / 2),
		Cases: []Case{
			newCase(Hit, ops.Describe, resource.Topic, Allowed, own),
			newCase(MissOperation, ops.Write, resource.Topic, Denied, own),
			newCase(MissName, ops.Describe, resource.Topic, Denied, others),
		},
	}
}

// TenantSubject returns the i-th user of [Tenants].
func TenantSubject(i int) snapshot.Subject { return fromLocalhost(tenantName(i)) }

// TenantQuestions returns every topic of Tenants(n) in random order, and beside
// each whose it is.
func TenantQuestions(n int) (c Case, owners []int) {
	names, owner := make([]string, 0, n*TenantACLs), make(map[string]int)
	for i := range n {
		for j := range TenantACLs {
			name := tenantTopic(i, j)
			names, owner[name] = append(names, name), i
		}
	}
	c = newCase(Random, ops.Describe, resource.Topic, Allowed, shuffle(names))
	for _, name := range c.Names {
		owners = append(owners, owner[name])
	}
	return c, owners
}

func tenantName(i int) string { return fmt.Sprintf("tenant-%05d", i) }

func tenantTopic(i, j int) string { return fmt.Sprintf("%s.topic-%d", tenantName(i), j) }
