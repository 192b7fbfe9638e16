package acl

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// HostKind is the kind of an ACL's host.
type HostKind uint8

const (
	// HostUnreadable is a text with a slash that is not a network. No release of Kafka
	// gives it a meaning, but its author intended one: see [Host.FailsClosed].
	HostUnreadable HostKind = iota
	// HostEverywhere is [WildcardHost].
	HostEverywhere
	// HostOneAddress is one IPv4 or IPv6 address, in any notation.
	HostOneAddress
	// HostNetwork is a network in CIDR notation (KIP-1276).
	HostNetwork
	// HostLinkNetwork is a network whose zone is the name of a network interface, such
	// as fe80::1%eth0/64. Only brokers with that interface treat it as a network, so
	// the same ACL can apply at one broker and not at another.
	HostLinkNetwork
	// HostName is any other text, such as the name of a machine. Kafka compares it with
	// the client's address, and they are never equal.
	HostName
)

// Host is the parsed host of an ACL. The zero Host is unreadable.
type Host struct {
	kind    HostKind
	network netip.Prefix // masked; an address is a network of full length
	addr    netip.Addr   // for HostOneAddress: unmapped, with its zone
	java    bool         // for HostOneAddress: the text is what Java prints
}

// ParseHost parses the host of an ACL. It never fails; [Host.Kind] returns the kind of
// the text. Checks, files, validation and inspection all use it.
//
// Networks have the grammar of Kafka 4.4, which differs from that of package netip: see
// parseIPv4Network and parseIPv6Network. A text with a slash that does not match is
// HostUnreadable. An address may have any notation that netip.ParseAddr accepts. An
// IPv4-mapped address is the IPv4 address.
//
// Source: Kafka 4.4's CidrUtils, AclControlManager.validateHostPattern.
func ParseHost(text string) Host {
	switch {
	case text == WildcardHost:
		return Host{kind: HostEverywhere}
	case !strings.Contains(text, "/"):
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return Host{kind: HostName}
		}
		addr = addr.Unmap()
		return Host{
			kind: HostOneAddress, addr: addr, java: HostAddress(addr) == text,
			network: netip.PrefixFrom(addr.WithZone(""), addr.BitLen()),
		}
	case strings.Contains(text, ":"):
		return parseIPv6Network(text)
	}
	return parseIPv4Network(text)
}

// Kind returns the kind of the host.
func (h Host) Kind() HostKind { return h.kind }

// Addr returns the address of HostOneAddress, unmapped and with its zone, and the zero
// Addr for every other kind.
func (h Host) Addr() netip.Addr { return h.addr }

// Network returns the network of HostNetwork and HostLinkNetwork, without host bits and
// without a zone. For HostOneAddress it has the full length and no zone. For other
// kinds it is the zero Prefix.
func (h Host) Network() netip.Prefix { return h.network }

// IsJavaText reports whether h is one address whose text is what Java prints for it
// ([HostAddress]). Only such a host matches if texts are compared.
func (h Host) IsJavaText() bool { return h.java }

// FailsClosed reports whether the addresses that h covers cannot be determined. An
// ALLOW with such a host allows no address. A DENY with such a host denies every
// address in the documented semantics, because an ACL that was meant to deny must not
// be dropped.
func (h Host) FailsClosed() bool { return h.kind == HostUnreadable || h.kind == HostLinkNetwork }

// Contains reports whether h covers addr, as in Kafka 4.4. An address covers only
// itself with the same zone. Networks ignore zones. IPv4 and IPv6 never match each
// other, but an IPv4-mapped address is the IPv4 address. The address 0.0.0.0 is in no
// network. Contains is false for the zero Addr, and for hosts that fail closed.
func (h Host) Contains(addr netip.Addr) bool {
	addr = addr.Unmap()
	switch h.kind {
	case HostEverywhere:
		return addr.IsValid()
	case HostOneAddress:
		return addr == h.addr
	case HostNetwork:
		return addr != netip.IPv4Unspecified() && h.network.Contains(addr.WithZone(""))
	}
	return false
}

// parseIPv4Network parses four groups of one to three ASCII digits and a mask length of
// one or two. Leading zeros do not mean octal.
//
// Source: commons-net's SubnetUtils, in Kafka 4.4's clients.
func parseIPv4Network(text string) Host {
	address, mask, _ := strings.Cut(text, "/")
	bits, ok := decimal(mask, 2, 32)
	octets, whole := parseOctets(address, 3)
	if !ok || !whole {
		return Host{}
	}
	return networkHost(HostNetwork, netip.AddrFrom4(octets), bits)
}

// parseOctets parses a dotted IPv4 address of four groups.
func parseOctets(text string, digits int) (octets [4]byte, ok bool) {
	groups := strings.Split(text, ".")
	if len(groups) != len(octets) {
		return octets, false
	}
	for i, group := range groups {
		n, ok := decimal(group, digits, 255)
		if !ok {
			return octets, false
		}
		octets[i] = byte(n)
	}
	return octets, true
}

// decimal parses up to the given number of ASCII digits.
func decimal(text string, digits, most int) (n int, ok bool) {
	if text == "" || len(text) > digits {
		return 0, false
	}
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = 10*n + int(c-'0'); n > most {
			return 0, false
		}
	}
	return n, true
}

func networkHost(kind HostKind, addr netip.Addr, bits int) Host {
	return Host{kind: kind, network: netip.PrefixFrom(addr, bits).Masked()}
}

// parseIPv6Network parses what Java accepts as an IPv6 address, with or without
// brackets and a zone, and a mask length that Java's Integer.parseInt accepts.
//
// Source: commons-net's SubnetUtils6, Java's InetAddress.getByName.
func parseIPv6Network(text string) Host {
	address, mask, _ := strings.Cut(text, "/")
	bits, ok := parseJavaInt(mask, 128)
	if !ok {
		return Host{}
	}
	if inner, ok := strings.CutPrefix(address, "["); ok {
		if address, ok = strings.CutSuffix(inner, "]"); !ok {
			return Host{}
		}
	}
	kind := HostNetwork
	address, zone, zoned := strings.Cut(address, "%")
	if zoned {
		switch number, ok := parseZone(zone); {
		case zone == "":
			return Host{}
		case !ok || number > 1<<31-1:
			kind = HostLinkNetwork
		}
	}
	groups, ok := parseJavaIPv6(address)
	if !ok || netip.AddrFrom16(groups).Is4In6() {
		return Host{}
	}
	return networkHost(kind, netip.AddrFrom16(groups), bits)
}

// parseZone parses a numeric zone.
func parseZone(text string) (number int64, ok bool) {
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && text[0] >= '0' && text[0] <= '9'
}

// parseJavaInt is Integer.parseInt for numbers from 0 to most: a sign and decimal
// digits of any script.
func parseJavaInt(text string, most int) (n int, ok bool) {
	digits := strings.TrimPrefix(text, "+")
	if digits == text {
		digits = strings.TrimPrefix(text, "-")
	}
	negative := digits != text && text[0] == '-'
	if digits == "" {
		return 0, false
	}
	for _, r := range digits {
		d := decimalDigit(r)
		if d < 0 {
			return 0, false
		}
		if n = 10*n + d; n > most {
			return 0, false
		}
	}
	return n, !negative || n == 0
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
			octets, ok := parseOctets(group, maxOctetDigits)
			if !ok || len(group) > maxDottedLength {
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
