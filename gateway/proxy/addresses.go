package proxy

import "net/netip"

// limitName is the limit that a connection exceeds.
type limitName string

const (
	withinLimits    limitName = ""
	allConnections  limitName = "connections"
	ofAddress       limitName = "address"
	loginsOfAddress limitName = "logins"
)

// addressCount is what one network of clients has open.
type addressCount struct {
	connections int
	strangers   int // of these, those that are not logged in
}

// ipv6NetworkBits is the prefix length of the IPv6 networks that count as one address.
// A client that has an IPv6 address can use its whole /64, with another address for
// every connection.
//
// Source: RFC 6177; RFC 7421.
const ipv6NetworkBits = 64

// networkOf returns what counts as one address of clients: an IPv4 address, also one that
// is mapped to IPv6, or an IPv6 network. It is the zero Prefix for a client without an
// address.
func networkOf(c *conn) netip.Prefix {
	remote, err := netip.ParseAddrPort(c.client.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{}
	}
	address := remote.Addr().Unmap()
	bits := address.BitLen()
	if address.Is6() {
		bits = ipv6NetworkBits
	}
	return netip.PrefixFrom(address, bits).Masked() // which has no zone
}

// enter counts a connection, unless it exceeds a limit. p.mu is held.
func (p *Proxy) enter(c *conn) limitName {
	if len(p.conns) >= p.limits.Connections {
		return allConnections
	}
	count := p.addresses[c.network]
	switch {
	case count.connections >= p.limits.AddressConnections:
		return ofAddress
	case count.strangers >= p.limits.AddressLogins:
		return loginsOfAddress
	}
	count.connections++
	count.strangers++
	p.conns[c] = struct{}{}
	p.addresses[c.network] = count
	return withinLimits
}

// admitted notes that the client of a connection is logged in.
func (p *Proxy) admitted(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.known = true
	count := p.addresses[c.network]
	count.strangers--
	p.addresses[c.network] = count
}

// leave takes the connection out of the count. p.mu is held.
func (p *Proxy) leave(c *conn) {
	delete(p.conns, c)
	count := p.addresses[c.network]
	count.connections--
	if !c.known {
		count.strangers--
	}
	if count.connections == 0 {
		delete(p.addresses, c.network)
		return
	}
	p.addresses[c.network] = count
}
