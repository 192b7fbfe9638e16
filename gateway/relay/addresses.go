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

// places are connections of which others may take the places.
type places struct {
	strangers map[*Conn]struct{} // those that are not logged in
	ungranted map[*Conn]struct{} // those that are logged in and were never allowed anything
}

func newPlaces() places {
	return places{strangers: map[*Conn]struct{}{}, ungranted: map[*Conn]struct{}{}}
}

// address is what one network of clients has open.
type address struct {
	connections int
	places
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

// enter counts a connection, unless it exceeds a limit. r.mu is held. Those that it returns are to be
// killed for this one, and are not counted any more.
func (r *Relay) enter(c *Conn) (displaced []*Conn, beyond *LimitError) {
	forget := func(missed *Conn) {
		r.forget(missed)
		missed.displaced.Store(missed.known)
		r.displaced.Add(1)
		displaced = append(displaced, missed)
	}
	at := r.addresses[c.network]
	if at == nil {
		at = &address{places: newPlaces()}
	}
	full, loggingIn := at.connections >= r.limits.AddressConnections, len(at.strangers) >= r.limits.AddressLogins
	if full || loggingIn {
		missed, expendable := r.leastMissed(&at.places, full && !loggingIn)
		switch {
		case expendable:
			forget(missed)
		case full:
			return nil, &LimitError{OfAddress, r.limits.AddressConnections, c.network}
		default:
			return nil, &LimitError{LoginsOfAddress, r.limits.AddressLogins, c.network}
		}
	}
	if full := len(r.conns) >= r.limits.Connections; full || len(r.strangers) >= r.limits.Logins {
		missed, _ := r.leastMissed(&r.places, full && len(r.strangers) < r.limits.Logins)
		if missed == nil {
			return nil, &LimitError{AllConnections, r.limits.Connections, c.network}
		}
		forget(missed)
	}
	at.connections++
	r.addresses[c.network], r.conns[c] = at, struct{}{}
	at.strangers[c], r.strangers[c] = struct{}{}, struct{}{}
	return displaced, nil
}

// lookedAt is how many connections of a kind leastMissed looks at. So few cost a stranger's connection no
// more than a handshake does. Somebody who holds half of the places has one among them, but for once in
// 10^19.
const lookedAt = 64

// leastMissed returns one of the connections that are not logged in; and if it looks at all, also of
// those that are and were never allowed anything. It is nil if there is none. It is one of the network or
// tenant that has most of its kind; of those that are not logged in, first one that has had time to.
// expendable says that the connection is no login that has just begun: of those, a network displaces none
// of its own. r.mu is held.
//
// A client that logs in is not displaced by those of a principal without rights, nor the other way round:
// each of the two kinds is displaced by its own, as long as somebody has more of it.
func (r *Relay) leastMissed(of *places, all bool) (found *Conn, expendable bool) {
	stalled := time.Now().Add(-r.stalledAfter)
	found, most := leastMissedOf(of.strangers, func(c *Conn) missed {
		return missed{stalled: c.began.Before(stalled), party: len(r.addresses[c.network].strangers), began: c.began}
	})
	if !all {
		return found, most.stalled
	}
	other, more := leastMissedOf(of.ungranted, func(c *Conn) missed { return missed{party: c.of.ungranted, began: c.began} })
	if other != nil && (more.party > most.party || of != &r.places && !most.stalled) {
		return other, true
	}
	return found, most.stalled
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
	of.ungranted++
	for _, all := range []*places{&r.places, &r.addresses[c.network].places} {
		delete(all.strangers, c)
		all.ungranted[c] = struct{}{}
	}
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
		delete(r.addresses[c.network].ungranted, c)
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
	r.notUngranted(c)
	at := r.addresses[c.network]
	delete(r.conns, c)
	delete(r.strangers, c)
	delete(at.strangers, c)
	if at.connections--; at.connections == 0 {
		delete(r.addresses, c.network)
	}
}
