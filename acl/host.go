package acl

import (
	"net/netip"
	"strconv"
	"strings"
)

// HostAddress returns addr as Java's InetAddress.getHostAddress prints it, which
// is the text that Kafka compares with the host of an ACL: IPv4 dotted, also for
// an IPv4-mapped address; IPv6 as eight lower-case groups without leading zeros
// and never shortened ("0:0:0:0:0:0:0:1"), with "%zone" if there is a zone. The
// text of the zero Addr is empty, which no ACL host equals.
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
