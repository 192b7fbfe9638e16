package acl

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// hostKind is the kind of an ACL's host.
type hostKind uint8

const (
	hostUnreadable  hostKind = iota // a text with a slash that is not a network
	hostEverywhere                  // WildcardHost
	hostAddress                     // one IPv4 or IPv6 address, in any notation
	hostNetwork                     // a network in CIDR notation (KIP-1276)
	hostLinkNetwork                 // a network whose zone is the name of a network interface
	hostName                        // any other text
)

// Host is the parsed host of an ACL: everywhere, one address, a network, a text whose
// addresses cannot be determined ([Host.FailsClosed]), or any other text, such as the name
// of a machine. Kafka compares the last kind with the client's address, and they are never
// equal. The zero Host is a text whose addresses cannot be determined.
type Host struct {
	kind    hostKind
	network netip.Prefix // masked; only of networks
	addr    netip.Addr   // only of one address: unmapped, with its zone
	java    bool         // only of one address: the text is what Java prints
	problem hostProblem  // only of hosts that fail closed
}

// ParseHost parses the host of an ACL. It never fails. Checks, files, validation and
// inspection all use it.
//
// Networks have the grammar of Kafka 4.4, which differs from that of package netip: see
// parseIPv4Network and parseIPv6Network. The addresses of a text with a
// slash that does not match cannot be determined. An address may have any notation that netip.ParseAddr accepts. An
// IPv4-mapped address is the IPv4 address.
//
// Source: Kafka 4.4's CidrUtils, AclControlManager.validateHostPattern.
func ParseHost(text string) Host {
	switch {
	case text == WildcardHost:
		return Host{kind: hostEverywhere}
	case !strings.Contains(text, "/"):
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return Host{kind: hostName}
		}
		addr = addr.Unmap()
		return Host{kind: hostAddress, addr: addr, java: HostAddress(addr) == text}
	case strings.Contains(text, ":"):
		return parseIPv6Network(text)
	}
	return parseIPv4Network(text)
}

// IsEverywhere reports whether h is [WildcardHost].
func (h Host) IsEverywhere() bool { return h.kind == hostEverywhere }

// Addr returns the address if h is one address, unmapped and with its zone. For other hosts
// it is the zero Addr.
func (h Host) Addr() netip.Addr { return h.addr }

// Network returns the network if h is one, without host bits and without a zone. For other
// hosts it is the zero Prefix.
func (h Host) Network() netip.Prefix {
	if h.kind == hostNetwork {
		return h.network
	}
	return netip.Prefix{}
}

// IsLinkNetwork reports whether h is a network whose zone is the name of a network
// interface, such as fe80::1%eth0/64. Only brokers with that interface treat it as a
// network, so the same ACL can apply at one broker and not at another.
func (h Host) IsLinkNetwork() bool { return h.kind == hostLinkNetwork }

// IsJavaText reports whether h is one address whose text is what Java prints for it
// ([HostAddress]). Only such a host matches if texts are compared.
func (h Host) IsJavaText() bool { return h.java }

// FailsClosed reports whether the addresses that h covers cannot be determined: it is a text
// with a slash that is not a network, to which no release of Kafka gives a meaning, or
// [Host.IsLinkNetwork]. An ALLOW with such a host allows no address. A DENY with such a host
// denies every address in the documented semantics, because an ACL that was meant to deny
// must not be dropped.
func (h Host) FailsClosed() bool { return h.kind == hostUnreadable || h.kind == hostLinkNetwork }

// Canonical returns the text to prefer for h: what Java prints for one address
// ([HostAddress]), and for a network its first address, a slash and the mask length, in the
// short form of package netip. [ParseHost] reads it as the same host. It is empty for a host
// that fails closed and for the name of a machine.
func (h Host) Canonical() string {
	switch h.kind {
	case hostEverywhere:
		return WildcardHost
	case hostAddress:
		return HostAddress(h.addr)
	case hostNetwork:
		return h.network.String()
	}
	return ""
}

// Contains reports whether h covers addr, as in Kafka 4.4. An address covers only
// itself with the same zone. Networks ignore zones. IPv4 and IPv6 never match each
// other, but an IPv4-mapped address is the IPv4 address. The address 0.0.0.0 is in no
// network. Contains is false for the zero Addr, and for hosts that fail closed.
func (h Host) Contains(addr netip.Addr) bool {
	addr = addr.Unmap()
	switch h.kind {
	case hostEverywhere:
		return addr.IsValid()
	case hostAddress:
		return addr == h.addr
	case hostNetwork:
		return addr != netip.IPv4Unspecified() && h.network.Contains(addr.WithZone(""))
	}
	return false
}

// hostProblem is why a text with a slash is not a network, or not at every broker.
type hostProblem struct {
	kind  problemKind
	value int32 // of a number that is out of range
	most  int32 // the greatest number in range
}

type problemKind uint8

const (
	badText        problemKind = iota // the text is not an IPv4 network
	outOfRange                        // a number of an IPv4 network is too large
	badPrefix                         // the mask length of an IPv6 network is no number
	prefixTooLarge                    // it is negative or more than 128
	badAddress                        // Java cannot read the address
	notIPv6                           // it is an IPv4-mapped address, which Java reads as IPv4
)

func (p hostProblem) host() Host { return Host{problem: p} }

// reason says why text is not a network, in the words of Kafka's parsers.
//
// Source: commons-net's SubnetUtils and SubnetUtils6, in Kafka 4.4's clients.
func (p hostProblem) reason(text string) string {
	address, _, _ := strings.Cut(text, "/")
	switch p.kind {
	case outOfRange:
		return fmt.Sprintf("Value [%d] not in range [0,%d]", p.value, p.most)
	case badPrefix:
		return fmt.Sprintf("Could not parse [%s] - invalid prefix length", text)
	case prefixTooLarge:
		return fmt.Sprintf("Could not parse [%s] - prefix length must be between 0 and 128", text)
	case badAddress:
		return fmt.Sprintf("Could not parse [%s]", address)
	case notIPv6:
		return fmt.Sprintf("Could not parse [%s] - not an IPv6 address", address)
	}
	return fmt.Sprintf("Could not parse [%s]", text)
}

// parseIPv4Network parses four groups of one to three ASCII digits and a mask length of
// one or two. Leading zeros do not mean octal.
//
// Source: commons-net's SubnetUtils, in Kafka 4.4's clients.
func parseIPv4Network(text string) Host {
	address, mask, _ := strings.Cut(text, "/")
	bits, ok := decimal(mask, 2)
	groups, dotted := parseDotted(address, 3)
	if !ok || !dotted {
		return hostProblem{kind: badText}.host()
	}
	octets, tooLarge := octetsOf(groups)
	if tooLarge > 0 {
		return hostProblem{outOfRange, tooLarge, maxOctet}.host()
	}
	if bits > 32 {
		return hostProblem{outOfRange, bits, 32}.host()
	}
	return networkHost(hostNetwork, netip.AddrFrom4(octets), int(bits))
}

const maxOctet = 255

// octetsOf returns the octets of an address, and the first that is too large, or 0.
func octetsOf(groups [4]int32) (octets [4]byte, tooLarge int32) {
	for i, n := range groups {
		if n > maxOctet {
			return octets, n
		}
		octets[i] = byte(n)
	}
	return octets, 0
}

// parseDotted parses four groups of up to the given number of digits, separated by dots.
func parseDotted(text string, digits int) (groups [4]int32, ok bool) {
	texts := strings.Split(text, ".")
	if len(texts) != len(groups) {
		return groups, false
	}
	for i, group := range texts {
		if groups[i], ok = decimal(group, digits); !ok {
			return groups, false
		}
	}
	return groups, true
}

// decimal parses up to the given number of ASCII digits, which must be at most nine.
func decimal(text string, digits int) (n int32, ok bool) {
	if text == "" || len(text) > digits {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int32(c-'0')
	}
	return n, true
}

func networkHost(kind hostKind, addr netip.Addr, bits int) Host {
	return Host{kind: kind, network: netip.PrefixFrom(addr, bits).Masked()}
}

// parseIPv6Network parses what Java accepts as an IPv6 address, with or without
// brackets and a zone, and a mask length that Java's Integer.parseInt accepts.
//
// Source: commons-net's SubnetUtils6, Java's InetAddress.getByName.
func parseIPv6Network(text string) Host {
	address, mask, _ := strings.Cut(text, "/")
	bits, ok := parseJavaInt(mask)
	if !ok {
		return hostProblem{kind: badPrefix}.host()
	}
	if bits < 0 || bits > 128 {
		return hostProblem{kind: prefixTooLarge}.host()
	}
	if inner, ok := strings.CutPrefix(address, "["); ok {
		if address, ok = strings.CutSuffix(inner, "]"); !ok {
			return hostProblem{kind: badAddress}.host()
		}
	}
	kind := hostNetwork
	address, zone, zoned := strings.Cut(address, "%")
	if zoned {
		switch number, ok := parseZone(zone); {
		case zone == "":
			return hostProblem{kind: badAddress}.host()
		case !ok || number > 1<<31-1:
			kind = hostLinkNetwork
		}
	}
	groups, ok := parseJavaIPv6(address)
	switch addr := netip.AddrFrom16(groups); {
	case !ok, addr.Is4In6() && zoned:
		return hostProblem{kind: badAddress}.host()
	case addr.Is4In6():
		return hostProblem{kind: notIPv6}.host()
	}
	h := networkHost(kind, netip.AddrFrom16(groups), int(bits))
	if kind == hostLinkNetwork {
		h.problem.kind = badAddress // where there is no such interface
	}
	return h
}

// parseZone parses a numeric zone.
func parseZone(text string) (number int64, ok bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && text[0] >= '0' && text[0] <= '9'
}

// parseJavaInt is Integer.parseInt: a sign and decimal digits of any script.
func parseJavaInt(text string) (n int64, ok bool) {
	digits := strings.TrimPrefix(text, "+")
	sign := int64(1)
	if digits == text {
		if digits = strings.TrimPrefix(text, "-"); digits != text {
			sign = -1
		}
	}
	if digits == "" {
		return 0, false
	}
	for _, r := range digits {
		d := decimalDigit(r)
		if d < 0 {
			return 0, false
		}
		if n = 10*n + sign*int64(d); n > math.MaxInt32 || n < math.MinInt32 {
			return 0, false
		}
	}
	return n, true
}

// decimalDigit is Character.digit for one UTF-16 unit: the value of a decimal digit of
// any script, or -1.
func decimalDigit(r rune) int {
	if utf16.RuneLen(r) != 1 {
		return -1
	}
	for _, digits := range unicode.Nd.R16 { // each range begins with a zero
		if rune(digits.Lo) <= r && r <= rune(digits.Hi) {
			return int(r-rune(digits.Lo)) % 10
		}
	}
	return -1
}

// hexDigit returns the value of an ASCII hexadecimal digit, or -1.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// parseJavaIPv6 parses an IPv6 address as Java does: unlike netip.ParseAddr it accepts
// groups with any number of leading zeros.
func parseJavaIPv6(text string) (addr [16]byte, ok bool) {
	before, after, elided := strings.Cut(text, "::")
	head, okHead := parseGroups(before, !elided)
	if !elided {
		return [16]byte(append(head, make([]byte, len(addr))...)), okHead && len(head) == len(addr)
	}
	tail, okTail := parseGroups(after, true)
	if !okHead || !okTail || len(head)+len(tail) >= len(addr) {
		return addr, false
	}
	copy(addr[:], head)
	copy(addr[len(addr)-len(tail):], tail)
	return addr, true
}

// parseGroups parses groups separated by colons. The last may be an IPv4 address if it
// ends the whole address. Empty text has no groups.
func parseGroups(text string, last bool) (bytes []byte, ok bool) {
	if text == "" {
		return nil, true
	}
	groups := strings.Split(text, ":")
	for i, group := range groups {
		if last && i == len(groups)-1 && strings.Contains(group, ".") {
			dotted, ok := parseDotted(group, maxOctetDigits)
			octets, tooLarge := octetsOf(dotted)
			if !ok || tooLarge > 0 || len(group) > maxDottedLength {
				return nil, false
			}
			return append(bytes, octets[:]...), true
		}
		value := 0
		for _, c := range []byte(group) {
			d := hexDigit(c)
			if d < 0 {
				return nil, false
			}
			if value = value<<4 | d; value > 0xffff {
				return nil, false
			}
		}
		if group == "" || len(bytes) == 16 {
			return nil, false
		}
		bytes = append(bytes, byte(value>>8), byte(value))
	}
	return bytes, true
}

// In Java an IPv4 address at the end of an IPv6 address has at most 15 characters. A
// group may use all of them except the other three groups and the dots.
const (
	maxDottedLength = 15
	maxOctetDigits  = maxDottedLength - 6
)

// HostAddress returns addr as Java's InetAddress.getHostAddress prints it. Kafka
// compares this text with the host of an ACL. IPv4 is dotted, also for an IPv4-mapped
// address. IPv6 has eight lower-case groups without leading zeros and is never
// shortened ("0:0:0:0:0:0:0:1"), with "%zone" if there is a zone. The text of the zero
// Addr is empty, which equals no ACL's host.
func HostAddress(addr netip.Addr) string {
	addr = addr.Unmap()
	if !addr.Is6() {
		if !addr.IsValid() {
			return ""
		}
		return addr.String()
	}
	var b strings.Builder
	bytes := addr.As16()
	for i := 0; i < len(bytes); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(strconv.FormatUint(uint64(bytes[i])<<8|uint64(bytes[i+1]), 16))
	}
	if zone := addr.Zone(); zone != "" {
		b.WriteByte('%')
		b.WriteString(zone)
	}
	return b.String()
}
