package snapshot

import (
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
)

// hostKey is the host of an entry, or of a client, in the form in which the two
// are compared. The zero hostKey is the wildcard host.
type hostKey struct {
	addr netip.Addr // unmapped; a network's first address; invalid for the wildcard
	bits int16      // of a network; wholeAddress else
	// foreign says that the text is not what Java prints for the address. Kafka
	// compares text, so that such an entry never matches there.
	foreign bool
}

const wholeAddress = -1

func (k hostKey) isNetwork() bool { return k.addr.IsValid() && k.bits != wholeAddress }

// parseHost returns the key of an entry's host. ok is false for a text that no
// client's address can match in either semantics.
func parseHost(text string) (key hostKey, ok bool) {
	if text == acl.WildcardHost {
		return hostKey{}, true
	}
	if strings.Contains(text, "/") {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return hostKey{}, false
		}
		return networkKey(network), true
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return hostKey{}, false
	}
	return hostKey{addr: addr.Unmap(), bits: wholeAddress, foreign: acl.HostAddress(addr) != text}, true
}

// mappedBits is the length of ::ffff:0:0/96, under which IPv6 holds IPv4.
const mappedBits = 96

// networkKey ignores the bits below the mask (KIP-1276) and turns a network of
// IPv4-mapped addresses into the IPv4 network it stands for.
func networkKey(network netip.Prefix) hostKey {
	addr, bits := network.Addr(), network.Bits()
	if addr.Is4In6() && bits >= mappedBits {
		addr, bits = addr.Unmap(), bits-mappedBits
	}
	return hostKey{addr: netip.PrefixFrom(addr, bits).Masked().Addr(), bits: int16(bits)}
}

// addressKeys returns the keys of the entries that name a client's address, which
// must be unmapped, itself. In the Documented semantics an entry without a zone is
// met by the address on any link, an entry with a zone on that link only.
func addressKeys(addr netip.Addr, semantics Semantics) []hostKey {
	keys := []hostKey{{addr: addr, bits: wholeAddress}}
	if semantics == KafkaExact {
		return keys
	}
	keys = append(keys, hostKey{addr: addr, bits: wholeAddress, foreign: true})
	if addr.Zone() != "" {
		keys = append(keys, addressKeys(addr.WithZone(""), semantics)...)
	}
	return keys
}

// networkSizes counts the networks among the hosts of one principal by address
// family and mask length, so that a client is looked up once for each length in
// use rather than once for each network. It is immutable; nil counts nothing.
type networkSizes [2][129]int32

// count returns s with one network more or, if present is false, one less.
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

// keys appends the keys of the networks that hold addr, which must be unmapped.
func (s *networkSizes) keys(dst []hostKey, addr netip.Addr) []hostKey {
	if s == nil {
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
