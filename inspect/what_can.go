package inspect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Access is some operations on resources of one type: each of the operations on each of
// the names from each of the hosts. The zero Access is nothing.
type Access struct {
	Type       resource.Type
	Operations ops.Set
	Names      NameSet
	Hosts      HostSet
}

// String returns a in words, such as `READ, DESCRIBE on TOPIC prefix "pay" from *`.
func (a Access) String() string {
	var operations []string
	for op := range a.Operations.All() {
		operations = append(operations, op.String())
	}
	return fmt.Sprintf("%s on %v %v from %v", strings.Join(operations, ", "), a.Type, a.Names, a.Hosts)
}

// WhatCan returns everything that n allows a subject: a check of an operation, a name
// and an address is allowed if and only if an Access contains them. No two do. Only
// operations that the type supports are included (ops.Supported).
//
// The subject has its groups: it may do what its principals together may, except what a
// DENY on one of them denies. If its host is valid, the answer is for this address
// only, otherwise for all addresses. A super user may do everything, a subject without
// a principal nothing.
//
// The order is by type, then by the first operation, then by the first host. The cost
// is that of listing the ACLs, plus a part that grows with the number of ACLs for the
// subject times the number of their hosts, and with Config.AllowIfNoACL also with the
// number of all patterns. The error is a [*LimitError].
func WhatCan(n *snapshot.Snapshot, who snapshot.Subject) ([]Access, error) {
	if who.Principal.IsZero() {
		return nil, nil
	}
	var all []Access
	for _, t := range resource.Types() {
		p := load(n, t)
		s := p.subjectOf(append([]principal.Principal{who.Principal}, who.Groups...)...)
		rules := p.rulesFor(s)
		if who.Host.IsValid() {
			rules = rulesAt(rules, who.Host)
		}
		hosts := newHostTree(p.places(rules))
		if err := p.checkSize(s, rules, hosts); err != nil {
			return nil, err
		}
		g := p.grid(s, rules, newNameTree(p.points(rules)), hosts)
		all = append(all, g.access(t, who.Host)...)
	}
	return all, nil
}

// rulesAt returns the rules that can match at addr, in either semantics.
func rulesAt(rules []rule, addr netip.Addr) []rule {
	var at []rule
	for _, r := range rules {
		if h, ok := r.hosts(false); ok && h.Contains(addr) { // in Kafka a host covers no other addresses
			at = append(at, r)
		}
	}
	return at
}

// access returns what g allows, for one address if that is valid.
func (g grid) access(t resource.Type, only netip.Addr) []Access {
	var list []Access
	for _, operations := range g.alike(ops.Supported(t)) {
		for _, class := range g.columns(operations, only) {
			column := class.nodes[0]
			names := g.names.set(func(node int) bool { return g.rows[node][column]&operations != 0 })
			if len(names) == 0 {
				continue
			}
			hosts := g.hosts.set(class.has)
			if only.IsValid() {
				hosts = HostSet{oneAddress(only.Unmap())}
			}
			list = append(list, Access{Type: t, Operations: operations, Names: names, Hosts: hosts})
		}
	}
	return list
}

// columns are cells of addresses that are treated alike.
type columns struct{ nodes []int } // sorted, never empty

func (c columns) has(node int) bool {
	_, ok := slices.BinarySearch(c.nodes, node)
	return ok
}

// columns groups the cells of addresses in which the same operations of mask are
// allowed, in the order of their first nodes.
func (g grid) columns(mask ops.Set, only netip.Addr) []columns {
	from, to := 0, len(g.hosts.nodes)
	if only.IsValid() {
		from = g.hosts.locate(only)
		to = from + 1
	}
	distinct := g.distinctRows()
	var classes []columns
	byContent := make(map[string]int)
	var content []byte
	for node := from; node < to; node++ {
		if g.hosts.empty[node] {
			continue
		}
		content = content[:0]
		for _, row := range distinct {
			set := row[node] & mask
			content = append(content, byte(set>>8), byte(set))
		}
		at, ok := byContent[string(content)]
		if !ok {
			at = len(classes)
			byContent[string(content)] = at
			classes = append(classes, columns{})
		}
		classes[at].nodes = append(classes[at].nodes, node)
	}
	return classes
}

// distinctRows returns each row once. Rows are compared by identity.
func (g grid) distinctRows() [][]ops.Set {
	var rows [][]ops.Set
	seen := make(map[*ops.Set]bool)
	for _, row := range g.rows {
		if !seen[&row[0]] {
			seen[&row[0]] = true
			rows = append(rows, row)
		}
	}
	return rows
}

// alike groups the operations of mask that are allowed somewhere by the cells in which
// they are allowed, in the order of the first of them.
func (g grid) alike(mask ops.Set) []ops.Set {
	var groups []ops.Set
	byContent := make(map[string]int)
	distinct := g.distinctRows()
	for op := range mask.All() {
		content, allowed := g.bitmap(distinct, op)
		if !allowed {
			continue
		}
		at, ok := byContent[content]
		if !ok {
			at = len(groups)
			byContent[content] = at
			groups = append(groups, 0)
		}
		groups[at] |= ops.SetOf(op)
	}
	return groups
}

// bitmap returns a bit for each cell of the rows with an address, which says whether op
// is allowed there, and whether it is allowed anywhere.
func (g grid) bitmap(rows [][]ops.Set, op ops.Operation) (content string, any bool) {
	bits := make([]byte, (len(rows)*len(g.hosts.nodes)+7)/8)
	i := 0
	for _, row := range rows {
		for node, set := range row {
			if set.Has(op) && !g.hosts.empty[node] {
				bits[i/8] |= 1 << (i % 8)
				any = true
			}
			i++
		}
	}
	return string(bits), any
}
