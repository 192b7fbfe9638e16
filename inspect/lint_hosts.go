package inspect

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// This file has the findings about hosts.

func (l *linter) deadHost(r rule) *words {
	text := enum.Quote(r.Entry.Host)
	_, ok := r.hosts(l.exact)
	switch {
	case ok, l.exact && l.anySilent && r.host.isDocumented: // it matches where Kafka gives no answer
		return nil
	case r.host.IsLinkNetwork():
		return &words{
			reason: fmt.Sprintf("%s is a network only for brokers with that interface: here it matches no client", text),
			fix:    fixOfHost(r),
		}
	case r.host.FailsClosed():
		return &words{reason: fmt.Sprintf("%s is not a network: it matches no client, and Kafka 4.4 refuses to create it", text), fix: fixOfHost(r)}
	case r.host.Network().IsValid() && !r.host.isDocumented:
		return &words{reason: fmt.Sprintf("no network contains the address 0.0.0.0: %s matches no client", text), fix: fixOfHost(r)}
	case !r.host.isDocumented:
		return &words{
			reason: fmt.Sprintf("%s is neither an address nor a network, and names are not resolved: it matches no client", text),
			fix:    fixOfHost(r),
		}
	}
	fix := "list each address separately"
	if !strings.Contains(r.Entry.Host, "/") {
		fix = fmt.Sprintf("write %q", r.host.Canonical())
	}
	return &words{reason: fmt.Sprintf("Kafka compares text, and no client address is written as %s", text), fix: fix}
}

// fixOfHost says what to write instead of a host that covers nothing for certain.
func fixOfHost(r rule) string {
	if meant, ok := meantHost(r.Entry.Host); ok {
		return fmt.Sprintf("write %q", meant)
	}
	return fmt.Sprintf("write an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or %q", acl.WildcardHost)
}

// meantHost returns the address or the network that the author of a host probably meant, as
// the host of an ACL: that of an IPv4-mapped network, of one with a mask instead of its length, of
// an address with asterisks, with a port, or with a slash before it.
func meantHost(host string) (string, bool) {
	if meant, ok := meantNetwork(host); ok {
		return meant.String(), true
	}
	if meant, ok := starredNetwork(host); ok {
		return meant.String(), true
	}
	if bare, ok := strings.CutPrefix(host, "/"); ok { // as java.net.InetAddress prints it
		if addr, err := netip.ParseAddr(bare); err == nil {
			return acl.HostAddress(addr), true
		}
	}
	if port, err := netip.ParseAddrPort(host); err == nil {
		return acl.HostAddress(port.Addr()), true
	}
	return "", false
}

// starredNetwork returns the network of an IPv4 address whose last numbers are asterisks, such
// as 10.1.* or 10.1.*.*.
func starredNetwork(host string) (netip.Prefix, bool) {
	numbers := strings.TrimSuffix(host, "*")
	for strings.HasSuffix(numbers, "*.") {
		numbers = strings.TrimSuffix(numbers, "*.")
	}
	n := strings.Count(numbers, ".")
	if numbers == host || n > 3 || !strings.HasSuffix(numbers, ".") {
		return netip.Prefix{}, false
	}
	addr, err := netip.ParseAddr(numbers + strings.Repeat("0.", 3-n) + "0")
	return netip.PrefixFrom(addr, 8*n), err == nil
}

// meantNetwork returns the network that the author of a host probably meant: that of an
// IPv4-mapped one, or of one with a mask instead of its length.
func meantNetwork(host string) (netip.Prefix, bool) {
	address, mask, _ := strings.Cut(host, "/")
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, false
	}
	if m, err := netip.ParseAddr(mask); err == nil && m.Is4() && addr.Is4() {
		for bits := range m.BitLen() + 1 {
			if netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), bits).Masked().Addr() == m {
				return netip.PrefixFrom(addr, bits).Masked(), true
			}
		}
	}
	if p, err := netip.ParsePrefix(host); err == nil && addr.Is4In6() && p.Bits() >= mappedBits {
		return netip.PrefixFrom(addr.Unmap(), p.Bits()-mappedBits).Masked(), true
	}
	return netip.Prefix{}, false
}

// unreadableHost finds a DENY whose addresses cannot be determined.
func (l *linter) unreadableHost(r rule) *words {
	if r.Entry.Permission != acl.Deny || !r.host.FailsClosed() {
		return nil
	}
	what := "is not a network"
	if r.host.IsLinkNetwork() {
		what = "is a network only for brokers with that interface"
	}
	where := "it denies every address"
	if _, ok := r.hosts(l.exact); !ok {
		where = "in Kafka it denies no address"
	}
	return &words{reason: fmt.Sprintf("the host %s %s: %s", enum.Quote(r.Entry.Host), what, where), fix: fixOfHost(r)}
}

// semantics finds an ACL that matches differently by Kafka's rules and by the
// documented ones, where Kafka gives an answer. Only link-local addresses have zones.
func (l *linter) semantics(r rule) *words {
	mayBeginWithStar := l.typ == resource.Group || l.typ == resource.TransactionalID
	switch h := r.host; {
	case !l.canMatch(r), !h.isDocumented:
		return nil // it matches nothing in either
	case !h.isInKafka && startsIn44(r):
		return nil // which is the finding from44
	case !h.isInKafka && h.FailsClosed():
		return &words{
			reason: fmt.Sprintf("the host %s is not a network: in Kafka it denies no address, by the documented rules every address", enum.Quote(r.Entry.Host)),
			fix:    fixOfHost(r),
		}
	case !h.isInKafka:
		return &words{
			reason: fmt.Sprintf("Kafka compares the host %s as text, but the documentation says that it is an address", enum.Quote(r.Entry.Host)),
			fix:    fmt.Sprintf("write %q, as Java prints it", h.Canonical()),
		}
	case r.Pattern.IsWildcard() && mayBeginWithStar:
		return &words{
			reason: `Kafka does not apply LITERAL "*" to longer names that begin with an asterisk`,
			fix:    `add the same ACL on PREFIXED "*"`,
		}
	}
	return nil
}

// canMatch reports whether r matches anything, apart from its host.
func (l *linter) canMatch(r rule) bool { return l.canBe(r.Entry.Principal) && l.speaks(r) != 0 }

// startsIn44 reports whether no release before 4.4 matches the host of r, and 4.4 does, at
// least at some brokers.
func startsIn44(r rule) bool {
	_, before := hostsOf(r.host.Host, r.Entry.Permission, snapshot.KafkaExact)
	_, since := hostsOf(r.host.Host, r.Entry.Permission, snapshot.KafkaExact44)
	return !before && (since || r.host.IsLinkNetwork())
}

// from44 finds an ACL that starts to match when the brokers are upgraded to Kafka 4.4.
func (l *linter) from44(r rule) *words {
	if l.release != snapshot.KafkaExact || !l.canMatch(r) || !startsIn44(r) {
		return nil
	}
	verb, becomes := "allows", "get the right"
	if r.Entry.Permission == acl.Deny {
		verb, becomes = "denies", "lose the right"
	}
	where := "from " + r.host.Canonical()
	if r.host.IsLinkNetwork() {
		where = "at brokers with that interface"
	}
	return &words{
		reason: fmt.Sprintf("Kafka before 4.4 compares the host %s as text, so that it never matches; it starts to match on Kafka 4.4, and then %s %v %s",
			enum.Quote(r.Entry.Host), verb, r.Entry.Operation, where),
		fix: fmt.Sprintf("before an upgrade, remove it unless these clients are to %s; until then, list each address separately", becomes),
	}
}

// Ranges that no client can have an address of: a connection cannot come from there.
var noClients = []struct {
	what    string
	network netip.Prefix
}{
	{"multicast", netip.MustParsePrefix("224.0.0.0/4")},
	{"multicast", netip.MustParsePrefix("ff00::/8")},
	{"broadcast", netip.MustParsePrefix("255.255.255.255/32")},
	{"unspecified", netip.MustParsePrefix("0.0.0.0/32")},
	{"unspecified", netip.MustParsePrefix("::/128")},
}

// noClient finds a host of which no client can have an address.
func (l *linter) noClient(r rule) *words {
	if !r.host.Addr().IsValid() && !r.host.Network().IsValid() {
		return nil
	}
	for _, n := range noClients {
		if (HostRange{Network: n.network}).covers(r.host.documented) {
			return &words{
				reason: fmt.Sprintf("%s is for %s addresses only, and no client has one: it matches no client", enum.Quote(r.Entry.Host), n.what),
				fix:    "remove it, or write the addresses of clients",
			}
		}
	}
	return nil
}

// hostText finds a network whose text is not the canonical one. Filters compare texts, and
// two ACLs with different texts of one network are two ACLs.
func (l *linter) hostText(r rule) *words {
	canonical := r.host.Canonical()
	if !r.host.Network().IsValid() || r.Entry.Host == canonical {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("the host %s is the network %s; filters that select or remove ACLs compare the text", enum.Quote(r.Entry.Host), canonical),
		fix:    fmt.Sprintf("write %q", canonical),
	}
}
