package inspect

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/principal"
)

// party is a principal for which two policies are compared.
type party struct {
	text     string
	subjects [2]subject // in each policy
	own      [2][]rule
	points   []point        // of its own rules, sorted
	changed  map[point]bool // where its own rules differ
	whole    bool           // the policies may treat it differently from everyone else anywhere
}

func (c *comparison) party(text string) *party {
	p := &party{text: text, subjects: [2]subject{c.from.named(text), c.to.named(text)}, changed: make(map[point]bool)}
	p.whole = p.subjects[0].super || p.subjects[1].super
	if text == principal.Wildcard { // a super user with that name; its ACLs are those of everyone
		return p
	}
	p.own = c.rulesOf(text)
	for _, rules := range p.own {
		for _, r := range rules {
			p.points = append(p.points, pointOf(r.Pattern))
		}
	}
	slices.SortFunc(p.points, point.compare)
	p.points = slices.Compact(p.points)
	c.eachChanged(text, func(at point) { p.changed[at] = true })
	return p
}

// comparePrincipal computes the difference for a principal, if it differs from that for
// everyone else.
//
// For names that no ACL of the principal covers, it is the same. For names that one of
// its ACLs covers, there is no difference unless a pattern above has changed. So it is
// enough to look at cells that are both covered and at or below a change.
func (c *comparison) comparePrincipal(text string) error {
	p := c.party(text)
	roots := c.roots(p)
	if len(roots) == 0 {
		return nil
	}
	names, counts := c.cells(p, roots)
	star := c.starRules(names)
	if !c.spend(names.bytes()/bytesPerWork + workPerRule*(len(star[0])+len(star[1])+len(p.own[0])+len(p.own[1]))) {
		return &WorkError{"the comparison", c.limit, describePrincipal(text), "compare fewer ACLs at a time, such as those of one resource type, or what one principal can do (what-can)"}
	}
	rules := [2][]rule{slices.Concat(star[0], p.own[0]), slices.Concat(star[1], p.own[1])}
	g, err := c.grids(p.subjects, rules, names)
	if err != nil {
		return err
	}
	c.spend(len(names.nodes) * len(g.from.hosts.nodes) / hostsPerWork)
	others := c.gridsOn([2]subject{}, star, names, g.from.hosts)
	if nodes, any := g.differing(others, counts); any {
		c.add(text, names.set(func(node int) bool { return nodes[node] }), g.difference(nodes))
	}
	return nil
}

// add adds the difference for a principal on some names.
func (c *comparison) add(text string, names NameSet, d difference) {
	key := strings.Join([]string{names.String(), joinStrings(d.gained, ""), joinStrings(d.lost, "")}, "\n")
	if c.named[key] == nil {
		c.named[key] = &Change{Type: c.from.typ, Names: names, Gained: d.gained, Lost: d.lost}
	}
	c.named[key].Principals = append(c.named[key].Principals, text)
}

// roots returns the name ranges in which the difference for p can differ from that for
// everyone else. They are sorted and not nested.
func (c *comparison) roots(p *party) []point {
	if p.whole {
		return []point{root}
	}
	var roots []point
	for _, at := range p.points {
		if len(roots) > 0 && roots[len(roots)-1].covers(at) {
			continue
		}
		if p.changed[at] || c.below[c.names.locate(at)] {
			roots = append(roots, at)
			continue
		}
		for _, node := range c.changedBelow(at) {
			if n := c.names.nodes[node]; len(roots) == 0 || !roots[len(roots)-1].covers(n) {
				roots = append(roots, n)
			}
		}
	}
	return roots
}

// changedBelow returns the changed nodes within a point.
func (c *comparison) changedBelow(at point) []int {
	from, to := c.names.within(at)
	i, _ := slices.BinarySearch(c.changed, from)
	j, _ := slices.BinarySearch(c.changed, to)
	return c.changed[i:j]
}

// cells returns a tree with p's ACLs and those for User:* below the roots, with all
// nodes that contain them, and which nodes are at or below a root.
func (c *comparison) cells(p *party, roots []point) (names *nameTree, counts []bool) {
	points := slices.Clone(p.points)
	for _, at := range p.points {
		for node := c.names.locate(at); node > 0; node = int(c.names.parent[node]) {
			points = append(points, c.names.nodes[node])
		}
	}
	for _, at := range roots {
		from, to := c.names.within(at)
		points = append(points, c.names.nodes[from:to]...)
	}
	names = newNameTree(points)
	counts = make([]bool, len(names.nodes))
	for _, at := range roots {
		from, to := names.within(at)
		fill(counts[from:to], true)
	}
	return names, counts
}

// starRules returns the rules for User:* in each policy that are on a node of names.
func (c *comparison) starRules(names *nameTree) (star [2][]rule) {
	for _, n := range names.nodes {
		if node, ok := c.names.find(n); ok {
			for i := range star {
				star[i] = append(star[i], c.star[i][node]...)
			}
		}
	}
	return star
}
