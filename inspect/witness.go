package inspect

import (
	"net/netip"
	"unicode/utf8"
)

// witness returns a name in the cell of a node, and whether there is one that is text.
func (t *nameTree) witness(node int) (string, bool) {
	n := t.nodes[node]
	if t.isIn(n.name, node) && n.name != "" {
		return n.name, true
	}
	if !n.prefix {
		return n.name, true
	}
	// A node below takes one name away, or the names that go on with one of some
	// characters.
	for r := 'a'; r != 'a'-1; r++ {
		if r > utf8.MaxRune {
			r = 0
		}
		if name := n.name + string(r); utf8.ValidRune(r) && t.isIn(name, node) {
			return name, true
		}
	}
	return n.name, t.isIn(n.name, node)
}

// isIn reports whether a name is in the cell of a node.
func (t *nameTree) isIn(name string, node int) bool { return t.locate(point{name: name}) == node }

// witness returns an address in the cell of a node, which must not be empty.
func (t *hostTree) witness(node int) netip.Addr {
	n := t.nodes[node]
	if n.Addr.IsValid() {
		return n.Addr
	}
	addr := n.Network.Addr()
	zones := make(map[string]bool)
	for kid := node + 1; kid < int(t.end[node]); kid = int(t.end[kid]) {
		switch k := t.nodes[kid]; {
		case k.Addr.IsValid():
			zones[k.Addr.Zone()] = true
			if k.Addr == addr {
				addr = addr.Next()
			}
		case k.Network.Contains(addr):
			addr = lastOf(k.Network).Next()
		}
	}
	if addr.IsValid() && n.Network.Contains(addr) {
		return addr
	}
	// Each address without a zone is a node of its own: the first one with a zone that
	// no node has is left.
	zone := "0"
	for zones[zone] {
		zone += "0"
	}
	addr = n.Network.Addr()
	for kid := node + 1; kid < int(t.end[node]); kid = int(t.end[kid]) {
		if k := t.nodes[kid]; k.Network.IsValid() && k.Network.Contains(addr) {
			addr = lastOf(k.Network).Next()
		}
	}
	return addr.WithZone(zone)
}
