package proxy

import "net/netip"

// limitName says which limit a connection is beyond.
type limitName string

const (
	withinLimits    limitName = ""
	allConnections  limitName = "connections"
	ofAddress       limitName = "address"
	loginsOfAddress limitName = "logins"
)

// addressCount is what one address of clients has open.
type addressCount struct {
	connections int
	strangers   int // of these, those that are not logged in
}

// addressOf returns the address of a client; the zero Addr if it has none.
func addressOf(c *conn) netip.Addr {
	remote, err := netip.ParseAddrPort(c.client.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return remote.Addr().Unmap().WithZone("")
}

// enter counts a connection, unless it is beyond a limit. p.mu is held.
func (p *Proxy) enter(c *conn) limitName {
	if len(p.conns) >= p.limits.Connections {
		return allConnections
	}
	count := p.addresses[c.address]
	switch {
	case count.connections >= p.limits.AddressConnections:
		return ofAddress
	case count.strangers >= p.limits.AddressLogins:
		return loginsOfAddress
	}
	count.connections++
	count.strangers++
	p.conns[c] = struct{}{}
	p.addresses[c.address] = count
	return withinLimits
}

// admitted notes that the client of a connection is logged in.
func (p *Proxy) admitted(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.known = true
	count := p.addresses[c.address]
	count.strangers--
	p.addresses[c.address] = count
}

// leave takes the connection out of the count. p.mu is held.
func (p *Proxy) leave(c *conn) {
	delete(p.conns, c)
	count := p.addresses[c.address]
	count.connections--
	if !c.known {
		count.strangers--
	}
	if count.connections == 0 {
		delete(p.addresses, c.address)
		return
	}
	p.addresses[c.address] = count
}
