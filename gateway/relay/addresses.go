package relay

import (
	"fmt"
	"net"
	"net/netip"
)

// LimitName is a limit of connections, as logs and metrics call it.
type LimitName string

// The limits that a connection can be beyond when it begins: see [Limits].
const (
	AllConnections  LimitName = "connections"
	OfAddress       LimitName = "address" // AddressConnections
	LoginsOfAddress LimitName = "logins"  // AddressLogins
)

// LimitError is why a connection is not served.
type LimitError struct {
	Limit   LimitName
	Most    int          // the limit
	Network netip.Prefix // of the client
}

// Error names the limit, its value and the network.
func (e *LimitError) Error() string {
	return fmt.Sprintf("relay: a connection from %v beyond the limit (%s) of %d", e.Network, e.Limit, e.Most)
}

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

// NetworkOf returns what counts as one address of clients: an IPv4 address, also one that
// is mapped to IPv6, or an IPv6 network. It is the zero Prefix for a connection without an
// address.
func NetworkOf(client net.Conn) netip.Prefix {
	remote, err := netip.ParseAddrPort(client.RemoteAddr().String())
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

// enter counts a connection, unless it exceeds a limit. r.mu is held.
func (r *Relay) enter(c *Conn) *LimitError {
	if len(r.conns) >= r.limits.Connections {
		return &LimitError{AllConnections, r.limits.Connections, c.network}
	}
	count := r.addresses[c.network]
	switch {
	case count.connections >= r.limits.AddressConnections:
		return &LimitError{OfAddress, r.limits.AddressConnections, c.network}
	case count.strangers >= r.limits.AddressLogins:
		return &LimitError{LoginsOfAddress, r.limits.AddressLogins, c.network}
	}
	count.connections++
	count.strangers++
	r.conns[c] = struct{}{}
	r.addresses[c.network] = count
	return nil
}

// admitted notes that the client of a connection is logged in.
func (r *Relay) admitted(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.known = true
	count := r.addresses[c.network]
	count.strangers--
	r.addresses[c.network] = count
}

// leave takes the connection out of the count, if it is counted.
func (r *Relay) leave(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, counted := r.conns[c]; !counted {
		return
	}
	delete(r.conns, c)
	count := r.addresses[c.network]
	count.connections--
	if !c.known {
		count.strangers--
	}
	if count.connections == 0 {
		delete(r.addresses, c.network)
		return
	}
	r.addresses[c.network] = count
}
