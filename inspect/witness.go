package inspect

import (
	"net/netip"
	"unicode/utf8"
)

// witness returns a name in the cell of a node, and whether it found one. It does not
// only if more than a million patterns begin with the node's name and exclude every
// character after it.
func (t *nameTree) witness(node int) (string, bool) {
	n := t.nodes[node]
	if n.name != "" && t.isIn(n.name, node) || !n.prefix {
		return n.name, true
	}
	// Patterns are text, so a node below excludes at most one of these names.
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if name := n.name + string(r); utf8.ValidRune(r) && t.isIn(name, node) {
			return name, true
		}
	}
	return "", false
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
	if addr == netip.IPv4Unspecified() && !n.Network.IsSingleIP() {
		addr = addr.Next() // no client has it, and in a check no network contains it
	}
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
	// The node is one address. The same address without a zone is a separate node. Find
	// a zone that no node has.
	zone := "0"
	for zones[zone] {
		zone += "0"
	}
	return n.Network.Addr().WithZone(zone)
}
