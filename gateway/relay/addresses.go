package relay

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
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

// HostOf returns the address of a client as ACLs have it, from that of its connection ("host:port").
// Go writes the name of the interface behind a link-local address, and Java its number, as in the
// log of a broker and in ACLs. It is an error if there is no interface with that name.
//
// Source: Java's Inet6Address.getHostAddress of an accepted connection.
func HostOf(remote string) (netip.Addr, error) {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, err
	}
	host := at.Addr()
	if host.Zone() == "" {
		return host, nil
	}
	if _, err := strconv.ParseUint(host.Zone(), 10, 32); err == nil {
		return host, nil
	}
	on, err := net.InterfaceByName(host.Zone())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("relay: the number of the interface of a client: %w", err)
	}
	return host.WithZone(strconv.Itoa(on.Index)), nil
}

// enter counts a connection, unless it exceeds a limit. r.mu is held. If displaced is not nil, that
// connection is to be killed for this one, and is not counted any more.
func (r *Relay) enter(c *Conn) (displaced *Conn, beyond *LimitError) {
	count := r.addresses[c.network]
	switch {
	case count.connections >= r.limits.AddressConnections:
		return nil, &LimitError{OfAddress, r.limits.AddressConnections, c.network}
	case count.strangers >= r.limits.AddressLogins:
		return nil, &LimitError{LoginsOfAddress, r.limits.AddressLogins, c.network}
	}
	if full := len(r.conns) >= r.limits.Connections; full || len(r.strangers) >= r.limits.Logins {
		if displaced = r.leastMissed(full && len(r.strangers) < r.limits.Logins); displaced == nil {
			return nil, &LimitError{AllConnections, r.limits.Connections, c.network}
		}
		r.forget(displaced)
		displaced.displaced.Store(displaced.known)
		r.displaced.Add(1)
	}
	count = r.addresses[c.network]
	count.connections++
	count.strangers++
	r.conns[c], r.strangers[c] = struct{}{}, struct{}{}
	r.addresses[c.network] = count
	return displaced, nil
}

// lookedAt is how many connections of a kind leastMissed looks at. So few cost a stranger's connection no
// more than a handshake does. Somebody who holds half of the places has one among them, but for once in
// 10^19.
const lookedAt = 64

// leastMissed returns one of the connections that are not logged in; and if it looks at all, also of
// those that are and were never allowed anything. It is nil if there is none. It is one of the network or
// tenant that has most of its kind; of those that are not logged in, first one that has had time to. r.mu
// is held.
//
// A client that logs in is not displaced by those of a principal without rights, nor the other way round:
// each of the two kinds is displaced by its own, as long as somebody has more of it.
func (r *Relay) leastMissed(all bool) *Conn {
	stalled := time.Now().Add(-r.stalledAfter)
	found, most := leastMissedOf(r.strangers, func(c *Conn) missed {
		return missed{stalled: c.began.Before(stalled), party: r.addresses[c.network].strangers, began: c.began}
	})
	if !all {
		return found
	}
	if other, more := leastMissedOf(r.ungranted, func(c *Conn) missed { return missed{party: c.of.ungranted, began: c.began} }); more.party > most.party {
		return other
	}
	return found
}

// stalledAfter is how long a client that logs in keeps its place if others do not. A login takes about a
// second. Somebody with very many addresses who opens connections all the time would otherwise take the
// places of those who log in just now: each of his addresses has one connection, and theirs have two.
const stalledAfter = 3 * time.Second

// missed says how much a connection is missed.
type missed struct {
	stalled bool      // it is less missed than one that is not
	party   int       // how many its network or tenant has of its kind: the more, the less it is missed
	began   time.Time // the earlier, the less it is missed
}

// less reports whether a connection is missed less than another one.
func (m missed) less(other missed) bool {
	switch {
	case m.stalled != other.stalled:
		return m.stalled
	case m.party != other.party:
		return m.party > other.party
	}
	return m.began.Before(other.began)
}

// leastMissedOf returns the least missed of a few connections that chance chooses, or nil if there is none.
func leastMissedOf(conns map[*Conn]struct{}, of func(*Conn) missed) (found *Conn, least missed) {
	left := lookedAt
	for c := range conns { // which Go begins somewhere
		if m := of(c); found == nil || m.less(least) {
			found, least = c, m
		}
		if left--; left == 0 {
			break
		}
	}
	return found, least
}

// admitted notes that the client of a connection is logged in, and belongs to a tenant.
func (r *Relay) admitted(c *Conn, of *Tenant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, counted := r.conns[c]; !counted { // another one has its place
		return
	}
	c.known, c.of = true, of
	delete(r.strangers, c)
	r.ungranted[c] = struct{}{}
	of.ungranted++
	count := r.addresses[c.network]
	count.strangers--
	r.addresses[c.network] = count
}

// granted notes that the client of a connection was allowed something: from now on no other one has its
// place.
func (r *Relay) granted(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notUngranted(c)
}

// notUngranted takes a connection out of those that were never allowed anything, if it is one. r.mu is
// held.
func (r *Relay) notUngranted(c *Conn) {
	if _, is := r.ungranted[c]; is {
		delete(r.ungranted, c)
		c.of.ungranted--
	}
}

// leave takes the connection out of the count, if it is counted.
func (r *Relay) leave(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(c)
}

// forget is leave, for a caller that holds r.mu.
func (r *Relay) forget(c *Conn) {
	if _, counted := r.conns[c]; !counted {
		return
	}
	delete(r.conns, c)
	delete(r.strangers, c)
	r.notUngranted(c)
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
