package refmodel

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/portcullis-authz/portcullis/acl"
)

// isFrom reports whether an ACL's host, in the documented semantics, is everywhere, the
// address itself, or a network that contains it. An ACL that denies, and whose host is
// meant as a network but is not one for certain, applies everywhere.
func isFrom(e acl.Entry, client netip.Addr) bool {
	if e.Host == "*" {
		return true
	}
	if !strings.Contains(e.Host, "/") {
		addr, err := netip.ParseAddr(e.Host)
		addr, client = addr.Unmap(), client.Unmap()
		return err == nil && addr.Zone() == client.Zone() && sameBits(addr, client, allBits(addr))
	}
	network, bits, kind := readNetwork(e.Host)
	if kind != certain {
		return e.Permission == acl.Deny
	}
	return isIn(network, bits, client)
}

// IsFromText reports whether an ACL's host covers the client in Kafka's authorizer,
// which compares text, and since release 4.4 also networks.
func (w World) IsFromText(e acl.Entry, client netip.Addr) bool {
	if e.Host == "*" || e.Host == javaText(client) {
		return true
	}
	if !w.Networks || !strings.Contains(e.Host, "/") {
		return false
	}
	switch network, bits, kind := readNetwork(e.Host); kind {
	case certain:
		return isIn(network, bits, client)
	case perBroker:
		return e.Permission == acl.Deny
	}
	return false
}

// isIn reports whether a network contains a client. No network contains 0.0.0.0.
func isIn(network []byte, bits int, client netip.Addr) bool {
	x, ok := netip.AddrFromSlice(network)
	return ok && client.Unmap().String() != "0.0.0.0" && sameBits(x, client, bits)
}

// networkKind is the kind of a text with a slash.
type networkKind int

const (
	noNetwork networkKind = iota
	certain
	perBroker // its zone is the name of an interface
)

var (
	ipv4Network = regexp.MustCompile(`^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})/([0-9]{1,2})$`)
	ipv6Network = regexp.MustCompile(`^(\[?)([0-9A-Fa-f:.]+)(%[^/\]]+)?(\]?)/([+-]?)(\p{Nd}+)$`)
)

// readNetwork parses a network as Kafka 4.4 does. It supports the texts of package gen,
// not every text that Java accepts.
func readNetwork(text string) (address []byte, bits int, kind networkKind) {
	if !strings.Contains(text, ":") {
		m := ipv4Network.FindStringSubmatch(text)
		if m == nil {
			return nil, 0, noNetwork
		}
		for _, group := range m[1:5] {
			n, _ := strconv.Atoi(group)
			if n > 255 {
				return nil, 0, noNetwork
			}
			address = append(address, byte(n))
		}
		bits, _ = strconv.Atoi(m[5])
		if bits > 32 {
			return nil, 0, noNetwork
		}
		return address, bits, certain
	}
	m := ipv6Network.FindStringSubmatch(text)
	if m == nil || (m[1] == "") != (m[4] == "") {
		return nil, 0, noNetwork
	}
	addr, err := netip.ParseAddr(m[2])
	bits, wrong := strconv.Atoi(m[5] + latinDigits(m[6]))
	if err != nil || wrong != nil || addr.Is4In6() || bits < 0 || bits > 128 {
		return nil, 0, noNetwork
	}
	kind = certain
	if _, err := strconv.Atoi(strings.TrimPrefix(m[3], "%")); m[3] != "" && err != nil {
		kind = perBroker
	}
	return addr.AsSlice(), bits, kind
}

// latinDigits returns a number with the digits of other scripts replaced by 0 to 9.
// Java accepts digits that are one UTF-16 unit.
func latinDigits(text string) string {
	return strings.Map(func(r rune) rune {
		for _, digits := range unicode.Nd.R16 { // each range consists of whole rows of ten
			if uint16(r) >= digits.Lo && uint16(r) <= digits.Hi && r <= 0xFFFF {
				return '0' + (r-rune(digits.Lo))%10
			}
		}
		return r
	}, text)
}

func allBits(addr netip.Addr) int { return 8 * len(addr.AsSlice()) }

// sameBits reports whether the first n bits of a and b are equal, and both are of one
// family. A client with an IPv4-mapped address has the IPv4 address.
func sameBits(a, b netip.Addr, n int) bool {
	x, y := a.AsSlice(), b.Unmap().AsSlice()
	if len(x) != len(y) {
		return false
	}
	for i := range n {
		mask := byte(1) << (7 - i%8)
		if (x[i/8]^y[i/8])&mask != 0 {
			return false
		}
	}
	return true
}

// javaText is the result of InetAddress.getHostAddress.
func javaText(addr netip.Addr) string {
	addr = addr.Unmap()
	if addr.Is4() {
		b := addr.As4()
		return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3])
	}
	text, separator := "", ""
	b := addr.As16()
	for i := 0; i < len(b); i += 2 {
		text += separator + fmt.Sprintf("%x", int(b[i])<<8|int(b[i+1]))
		separator = ":"
	}
	if addr.Zone() != "" {
		text += "%" + addr.Zone()
	}
	return text
}
