package inspect

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// HostRange is the range of addresses of one ACL host, minus some exceptions. The range
// is everywhere, a network, or one address with a certain zone or without one. The zero
// HostRange is everywhere. IPv4-mapped addresses are the IPv4 addresses. In a check,
// the address 0.0.0.0, which no client has, is in no network; here it counts like any
// other.
type HostRange struct {
	// Network is the range, whatever the zone of an address; one address is a network
	// of full length. The zero Network is everywhere.
	Network netip.Prefix
	// Addr, if it is valid, is one IPv6 address with exactly its zone, or without a
	// zone if it has none. Network is then the zero Prefix.
	Addr netip.Addr
	// Except are the ranges that are excluded. They are disjoint, have no exceptions
	// themselves, and are sorted by address.
	Except []HostRange
}

// Everywhere contains every address.
var Everywhere = HostRange{}

// Contains reports whether addr is one of h. The zero Addr is in no set.
func (h HostRange) Contains(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsValid() && h.holds(addr) && !slices.ContainsFunc(h.Except, func(e HostRange) bool { return e.holds(addr) })
}

// holds is Contains without exceptions, for an unmapped address.
func (h HostRange) holds(addr netip.Addr) bool {
	switch {
	case h.Addr.IsValid():
		return addr == h.Addr
	case h.Network.IsValid():
		return h.Network.Contains(addr.WithZone(""))
	}
	return true
}

// String returns h as the host of an ACL in the documented semantics: "*", a network,
// an address ("fe80::1"), or Java's text for an address with a zone
// ("fe80:0:0:0:0:0:0:1%eth0"), followed by the exceptions in words.
func (h HostRange) String() string {
	var b strings.Builder
	switch {
	case h.Addr.Zone() != "":
		b.WriteString(acl.HostAddress(h.Addr))
	case h.Addr.IsValid():
		b.WriteString(h.Addr.String())
	case !h.Network.IsValid():
		b.WriteString(acl.WildcardHost)
	case h.Network.IsSingleIP():
		b.WriteString(h.Network.Addr().String())
	default:
		b.WriteString(h.Network.String())
	}
	for i, e := range h.Except {
		b.WriteString([]string{" except ", ", "}[min(i, 1)] + e.String())
	}
	return b.String()
}

// compare orders everywhere first, then IPv4 before IPv6, then by address, the
// larger network first, then zones.
func (h HostRange) compare(o HostRange) int {
	x, y := h.first(), o.first()
	return cmp.Or(x.WithZone("").Compare(y.WithZone("")), cmp.Compare(h.depth(), o.depth()), strings.Compare(x.Zone(), y.Zone()))
}

func (h HostRange) first() netip.Addr {
	if h.Addr.IsValid() {
		return h.Addr
	}
	return h.Network.Addr()
}

// depth is the mask length. An address with its zone is deeper than any network.
func (h HostRange) depth() int {
	switch {
	case h.Addr.IsValid():
		return h.Addr.BitLen() + 1
	case !h.Network.IsValid():
		return -1
	}
	return h.Network.Bits()
}

// covers reports whether h, which must have no exceptions, contains all of o.
func (h HostRange) covers(o HostRange) bool {
	switch {
	case h.Addr.IsValid():
		return h.Addr == o.Addr
	case !h.Network.IsValid():
		return true
	}
	return o.depth() >= h.depth() && h.Network.Contains(o.first().WithZone(""))
}

// HostSet is a set of addresses: the union of its elements, which are disjoint and
// sorted. The empty HostSet contains no address.
type HostSet []HostRange

// Contains reports whether addr is in s. It checks every element. The zero Addr is in
// no set.
func (s HostSet) Contains(addr netip.Addr) bool {
	return slices.ContainsFunc(s, func(h HostRange) bool { return h.Contains(addr) })
}

// String returns the elements in words, separated by semicolons, or "no host".
func (s HostSet) String() string { return joinStrings(s, "no host") }

// mappedBits is the length of ::ffff:0:0/96, the IPv6 network of the IPv4-mapped
// addresses.
const mappedBits = 96

// Ranges that every tree of hosts contains.
var (
	ipv4 = HostRange{Network: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	ipv6 = HostRange{Network: netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	// mapped is a range of addresses that no client has, because they are IPv4
	// addresses.
	mapped = HostRange{Network: netip.PrefixFrom(netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff}), mappedBits)}
)

// hostsOf returns the addresses that an ACL's host covers in the given semantics. ok is
// false if there are none. For a host that fails closed the result depends on the
// permission of the ACL.
func hostsOf(host acl.Host, permission acl.PermissionType, semantics snapshot.Semantics) (h HostRange, ok bool) {
	switch {
	case host.IsEverywhere():
		return Everywhere, true
	case host.Addr().IsValid():
		return oneAddress(host.Addr()), semantics == snapshot.Documented || host.IsJavaText()
	case host.Network().IsValid():
		return HostRange{Network: host.Network()}, semantics != snapshot.KafkaExact && host.Network() != onlyUnspecified
	case host.IsLinkNetwork():
		return Everywhere, permission == acl.Deny && semantics != snapshot.KafkaExact
	case host.FailsClosed():
		return Everywhere, permission == acl.Deny && semantics == snapshot.Documented
	}
	return HostRange{}, false
}

// onlyUnspecified is the network with the address 0.0.0.0 alone, which is in no network.
var onlyUnspecified = netip.PrefixFrom(netip.IPv4Unspecified(), 32)

// oneAddress returns the range of addr, which must be unmapped. Only IPv6 addresses
// have zones.
func oneAddress(addr netip.Addr) HostRange {
	if addr.Is4() {
		return HostRange{Network: netip.PrefixFrom(addr, addr.BitLen())}
	}
	return HostRange{Addr: addr}
}

// hostTree divides all addresses into cells, as nameTree does for names. A cell may be
// empty, because the nodes below it can cover all of its addresses. Node 0 is
// everywhere.
type hostTree struct {
	tree[HostRange]        // of ranges without exceptions
	empty           []bool // the cell contains no address that a client can have
}

// newHostTree returns the tree of some ranges, in any order and possibly repeated.
func newHostTree(points []HostRange) *hostTree {
	t := &hostTree{tree: newTree(append(slices.Clone(points), Everywhere, ipv4, ipv6, mapped))}
	t.empty = make([]bool, len(t.nodes))
	for i := range t.nodes {
		t.empty[i] = i == 0 || t.nodes[i].compare(mapped) == 0 || t.isFilled(i)
	}
	return t
}

// isFilled reports whether the networks directly below node i contain all its
// addresses, which means that each begins where the previous one ends.
func (t *hostTree) isFilled(i int) bool {
	if t.nodes[i].Addr.IsValid() {
		return false
	}
	next := t.nodes[i].Network.Addr()
	for kid := i + 1; kid < int(t.end[i]); kid = int(t.end[kid]) {
		if t.nodes[kid].Addr.IsValid() || t.nodes[kid].Network.Addr() != next {
			return false
		}
		next = lastOf(t.nodes[kid].Network).Next()
	}
	return next == lastOf(t.nodes[i].Network).Next()
}

// lastOf returns the last address of a network.
func lastOf(network netip.Prefix) netip.Addr {
	bytes := network.Addr().AsSlice()
	for bit := network.Bits(); bit < 8*len(bytes); {
		if bit%8 == 0 {
			bytes[bit/8] = 0xff
			bit += 8
			continue
		}
		bytes[bit/8] |= 1 << (7 - bit%8)
		bit++
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// find returns the node of a range, which must be in the tree.
func (t *hostTree) find(p HostRange) int {
	i, _ := t.tree.find(p)
	return i
}

// locate returns the node whose cell contains addr. It is linear in the number of
// nodes.
func (t *hostTree) locate(addr netip.Addr) int {
	at := 0
	for i, n := range t.nodes {
		if n.holds(addr.Unmap()) {
			at = i // a later node that also contains it is below this one
		}
	}
	return at
}

// set returns the addresses in the cells for which in is true. An empty cell counts
// like the nodes directly below it if these are all alike, otherwise like its parent.
func (t *hostTree) set(in func(node int) bool) HostSet {
	value := make([]bool, len(t.nodes))
	settled := make([]bool, len(t.nodes))
	for i := len(t.nodes) - 1; i >= 0; i-- {
		if !t.empty[i] {
			value[i], settled[i] = in(i), true
			continue
		}
		value[i], settled[i] = t.alike(i, value, settled)
	}
	for i := range t.nodes {
		if !settled[i] && i > 0 {
			value[i] = value[t.parent[i]]
		}
	}
	var s HostSet
	t.outline(func(i int) bool { return value[i] }, func(node int, without []int) {
		h := t.nodes[node]
		for _, w := range without {
			h.Except = append(h.Except, t.nodes[w])
		}
		s = append(s, h)
	})
	return s
}

// alike returns the common value of the nodes directly below i, if they have one.
func (t *hostTree) alike(i int, value, settled []bool) (common, ok bool) {
	for kid := i + 1; kid < int(t.end[i]); kid = int(t.end[kid]) {
		switch {
		case !settled[kid]:
		case !ok:
			common, ok = value[kid], true
		case value[kid] != common:
			return false, false
		}
	}
	return common, ok
}
