package gen

import (
	"net/netip"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

var (
	clients = []string{"10.0.0.1", "10.0.0.2", "10.0.0.0", "10.255.255.255", "11.0.0.0", "9.255.255.255", "::ffff:10.0.0.1", "::1", "::",
		"fe80::1%eth0", "fe80::1%eth1", "fe80::1", "febf:ffff::1", "fec0::1", "2001:db8::a", "192.168.0.1"}
	askers = []principal.Principal{principal.User("alice"), principal.User("alice"), principal.User("bob"), principal.User("CN=Bob, OU=ops"),
		principal.User("a:b"), principal.User(""), principal.User("*"), {Type: "user", Name: "alice"}, {Name: "alice"}, {Type: "User:a", Name: "b"},
		{Type: "Group", Name: "ops"}, principal.User("\U0001F600"), {}}
	groups = []principal.Principal{{Type: "Group", Name: "ops"}, {Type: "Group", Name: "*"}, principal.User("bob"), {}, principal.User("*"),
		principal.User("\U0001F600"), principal.User("\ue000")}
	// askedOperations are operations, plus some that no ACL can have and some that do
	// not exist.
	askedOperations = append([]ops.Operation{ops.Any, ops.Unknown, ops.TwoPhaseCommit, 16, -1, -128, 127}, operations...)
	askedTypes      = append([]resource.Type{resource.Unknown, resource.Any, resource.Cluster, 8, -1}, types...)
)

// Subject returns a subject: one principal, up to three groups, one address.
func Subject(src Source) refmodel.Subject {
	s := refmodel.Subject{Principal: Pick(src, askers), Host: netip.MustParseAddr(Pick(src, clients))}
	for range max(0, src.IntN(6)-2) {
		s.Groups = append(s.Groups, Pick(src, groups))
	}
	if src.IntN(50) == 49 {
		s.Host = netip.Addr{}
	}
	return s
}

// Question returns a question that matches one of the ACLs, or nearly does, in
// principal, address, resource and operation.
func Question(src Source, acls []acl.Binding) (refmodel.Subject, refmodel.Request) {
	s := Subject(src)
	if len(acls) == 0 {
		return s, Request(src, acls)
	}
	b := Pick(src, acls)
	r := about(src, b)
	if p, err := principal.Parse(b.Entry.Principal); err == nil && src.IntN(4) > 0 && p != principal.User(resource.Wildcard) {
		if src.IntN(4) == 0 {
			s.Groups = append(s.Groups, p)
		} else {
			s.Principal = p
		}
	}
	if addr, ok := near(src, b.Entry.Host); ok && src.IntN(4) > 0 {
		s.Host = addr
	}
	return s, r
}

// near returns an address at the edge of an ACL's host: inside it, the last one of a
// network, or just outside.
func near(src Source, host string) (netip.Addr, bool) {
	h := acl.ParseHost(host)
	addr := h.Addr()
	if h.Network().IsValid() {
		network := h.Network()
		first := network.Addr()
		return Pick(src, []netip.Addr{first, last(network), first.Prev(), last(network).Next()}), true
	}
	if !h.Addr().IsValid() {
		return addr, false
	}
	return Pick(src, []netip.Addr{addr, addr.Unmap(), netip.AddrFrom16(addr.As16()), addr.WithZone("eth1"), addr.Next()}), true
}

func last(network netip.Prefix) netip.Addr {
	bytes := network.Addr().AsSlice()
	for bit := network.Bits(); bit < 8*len(bytes); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// Request returns a resource and operation that match one of the ACLs, or nearly do.
func Request(src Source, acls []acl.Binding) refmodel.Request {
	if len(acls) > 0 && src.IntN(4) > 0 {
		return about(src, Pick(src, acls))
	}
	r := refmodel.Request{Operation: operation(src), Type: Pick(src, types), Name: Name(src)}
	if src.IntN(8) == 7 {
		r.Type = Pick(src, askedTypes)
	}
	return r
}

// about returns a request at the edge of an ACL: with the name of its pattern, one a
// little longer, or one a little shorter, and with its operation or one that it may
// imply.
func about(src Source, b acl.Binding) refmodel.Request {
	r := refmodel.Request{Operation: b.Entry.Operation, Type: b.Pattern.Type, Name: b.Pattern.Name}
	switch src.IntN(4) {
	case 0:
		r.Name += Pick(src, endings)
	case 1:
		_, size := utf8.DecodeLastRuneInString(r.Name)
		r.Name = r.Name[:len(r.Name)-size]
	}
	if b.Pattern.IsWildcard() && Bool(src) {
		r.Name = Name(src)
	}
	switch src.IntN(4) {
	case 0:
		r.Operation = Pick(src, []ops.Operation{ops.Describe, ops.DescribeConfigs})
	case 1:
		r.Operation = operation(src)
	}
	return r
}

func operation(src Source) ops.Operation {
	if src.IntN(10) == 9 {
		return Pick(src, askedOperations)
	}
	return Pick(src, operations)
}

// Requests returns n requests.
func Requests(src Source, acls []acl.Binding, n int) []refmodel.Request {
	requests := make([]refmodel.Request, n)
	for i := range requests {
		requests[i] = Request(src, acls)
	}
	return requests
}
