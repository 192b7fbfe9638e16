package refmodel

import (
	"fmt"
	"net/netip"
)

// isFrom reports whether the host of an ACL is everywhere, the address itself, or
// a network that holds it (KIP-1276). An IPv4-mapped address is the IPv4 address;
// an address without a zone is that address on any link.
func isFrom(host string, client netip.Addr) bool {
	if host == "*" {
		return true
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		zone := addr.Zone()
		return zone == "" && sameBits(addr, client, allBits(addr)) || zone != "" && zone == client.Zone() && sameBits(addr, client, allBits(addr))
	}
	if network, err := netip.ParsePrefix(host); err == nil {
		return sameBits(network.Addr(), client, network.Bits())
	}
	return false
}

func allBits(addr netip.Addr) int { return 8 * len(addr.AsSlice()) }

// sameBits reports whether the first n bits of a, an address as it was written,
// are those of b, and both are of one family.
func sameBits(a, b netip.Addr, n int) bool {
	if len(a.AsSlice()) == 16 && a.Is4In6() && n >= 96 {
		n -= 96
		a = a.Unmap()
	}
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

// javaText is what InetAddress.getHostAddress prints.
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
