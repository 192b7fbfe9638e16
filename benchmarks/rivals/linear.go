package rivals

import (
	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// NewLinear returns a rival that looks at every ACL for every question, by Kafka's
// documented rules: a DENY that matches ends the scan. It is the obvious program,
// and what the other rivals are checked against. Hosts are compared as text and
// networks do not match; no workload has any.
func NewLinear(s workload.Shape) Rival {
	var acls []acl.Binding
	for b := range s.Bindings {
		acls = append(acls, b)
	}
	who, host := s.Subject.Principal.String(), acl.HostAddress(s.Subject.Host)
	return Rival{Name: "linear", Check: func(op ops.Operation, t resource.Type, name string) (bool, error) {
		allowed := false
		for i := range acls {
			b := &acls[i]
			e := &b.Entry
			if (e.Principal != who && e.Principal != principal.Wildcard) ||
				(e.Host != host && e.Host != acl.WildcardHost) || !b.Pattern.Covers(t, name) {
				continue
			}
			if e.Permission == acl.Deny && ops.DeniedBy(e.Operation).Has(op) {
				return false, nil
			}
			allowed = allowed || e.Permission == acl.Allow && ops.AllowedBy(e.Operation).Has(op)
		}
		return allowed, nil
	}}
}
