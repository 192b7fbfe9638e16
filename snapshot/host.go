package snapshot

import (
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
)

// hostKey is the host of an entry or of a client, in the form in which they are compared. The
// zero hostKey is the wildcard host.
type hostKey struct {
	addr netip.Addr // unmapped; a network's first address; invalid if kind says all
	bits int16      // of a network; wholeAddress else
	kind keyKind
}

// keyKind distinguishes hosts that the semantics treat differently.
type keyKind uint8

const (
	// The zero keyKind is an ordinary address or network.
	_ keyKind = iota
	// foreign is an address that is not written as Java prints it. KafkaExact compares
	// text, so such an entry never matches in it.
	foreign
	// unreadable is a host with a slash that is not a network. In Documented its DENY
	// entries match every address; in KafkaExact it never matches.
	unreadable
	// perBroker is a network whose zone is the name of an interface: it depends on the broker
	// whether it is valid. Its DENY entries match every address, in Documented and
	// KafkaExact44.
	perBroker
)

const wholeAddress = -1

func (k hostKey) isNetwork() bool { return k.addr.IsValid() && k.bits != wholeAddress }

// deniesOnly reports whether the ALLOW entries of such a host match nothing.
func (k hostKey) deniesOnly() bool { return k.kind == unreadable || k.kind == perBroker }

// keyOf returns the key of an entry's host. ok is false if no client's address can match the
// host in any semantics.
func keyOf(host acl.Host) (key hostKey, ok bool) {
	switch {
	case host.IsEverywhere():
		return hostKey{}, true
	case host.Addr().IsValid():
		key = hostKey{addr: host.Addr(), bits: wholeAddress}
		if !host.IsJavaText() {
			key.kind = foreign
		}
		return key, true
	case host.Network().IsValid():
		return networkKey(host.Network()), true
	case host.IsLinkNetwork():
		return hostKey{kind: perBroker}, true
	case host.FailsClosed():
		return hostKey{kind: unreadable}, true
	}
	return hostKey{}, false
}

// networkKey ignores the bits below the mask (KIP-1276).
func networkKey(network netip.Prefix) hostKey {
	return hostKey{addr: network.Masked().Addr(), bits: int16(network.Bits())}
}

// addressKeys are the keys of the entries that match a client's address, except "*" and
// networks. They are sorted so that each semantics uses the first few.
type addressKeys [4]hostKey

// keysOf returns the keys of a client's address, which must be unmapped.
func keysOf(addr netip.Addr) addressKeys {
	return addressKeys{
		{addr: addr, bits: wholeAddress},
		{kind: perBroker},
		{addr: addr, bits: wholeAddress, kind: foreign},
		{kind: unreadable},
	}
}

// in returns the keys that a semantics uses.
func (k *addressKeys) in(s Semantics) []hostKey {
	switch s {
	case KafkaExact:
		return k[:1:1]
	case KafkaExact44:
		return k[:2:2]
	}
	return k[:]
}

// networkSizes counts the networks of one principal by address family and mask length. A
// client's address is looked up once for each length in use, not once for each network. It is
// immutable; nil means that there are no networks.
type networkSizes [2][129]int32

// count returns s with one more network or, if present is false, one less.
func (s *networkSizes) count(key hostKey, present bool) *networkSizes {
	var c networkSizes
	if s != nil {
		c = *s
	}
	if present {
		c[family(key.addr)][key.bits]++
	} else {
		c[family(key.addr)][key.bits]--
	}
	return &c
}

// keys appends the keys of all networks, of the lengths in use, that contain addr, which must be
// unmapped. As in Kafka, no network contains 0.0.0.0.
func (s *networkSizes) keys(dst []hostKey, addr netip.Addr) []hostKey {
	if s == nil || addr == netip.IPv4Unspecified() {
		return dst
	}
	addr = addr.WithZone("")
	for bits, n := range s[family(addr)] {
		if n > 0 && bits <= addr.BitLen() {
			dst = append(dst, networkKey(netip.PrefixFrom(addr, bits)))
		}
	}
	return dst
}

func family(addr netip.Addr) int {
	if addr.Is4() {
		return 0
	}
	return 1
}

// UnreadableHosts returns how many bindings have a host that fails closed
// ([acl.Host.FailsClosed]), and the first of them. It looks at all bindings.
func (n *Snapshot) UnreadableHosts() (count int, first acl.Binding) {
	for b := range n.All() {
		if strings.Contains(b.Entry.Host, "/") && acl.ParseHost(b.Entry.Host).FailsClosed() {
			if count++; count == 1 {
				first = b
			}
		}
	}
	return count, first
}
