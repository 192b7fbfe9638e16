package fuzz_test

import (
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// newCaseAuthorizer returns what answers for a principal at a host: the engine,
// with the ACLs and the configuration of a case.
func newCaseAuthorizer(acls []cases.ACL, config cases.Config, who, host string) (ops.Authorizer, error) {
	w := world{AllowEveryoneIfNoAclFound: config.AllowEveryoneIfNoACLFound, ACLs: acls}
	var err error
	if w.SuperUsers, err = principal.ParseList(strings.Join(config.SuperUsers, ";")); err != nil {
		return nil, err
	}
	store, err := w.store(snapshot.Documented)
	if err != nil {
		return nil, err
	}
	// An Envelope may carry what is no principal, or no address: then nobody asks.
	var subject snapshot.Subject
	if p, err := principal.Parse(who); err == nil {
		subject.Principal = p
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		subject.Host = addr
	}
	return store.Session(subject).View(), nil
}
