package inspect

import (
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// census has the ACLs of one type, arranged for finding out whether an ACL has an
// effect.
type census struct {
	*policy
	supported ops.Set
	names     *nameTree // with a node for each pattern
	silent    []bool    // by node: Kafka gives no answer
	anySilent bool

	own  map[string]ruleNodes // by principal, without those on LITERAL "*"
	wild map[string][]rule    // on LITERAL "*", by principal
	// grants are the ALLOWs of possible principals, by node. Those on LITERAL "*" are
	// at the root, and also at the name that KafkaExact treats differently.
	grants  map[int]*grants
	granted map[ops.Operation][]int // the nodes with a grant of an operation, sorted
	denied  map[string]bool         // the principals of DENYs
	// standing has for each node an ACL on it and, if there is one, an ACL for another
	// principal.
	standing map[int][]acl.Binding

	grantedAt chain // the nodes of grants

	last lastVoices
	*worker
}

// place is a pattern with ACLs of one principal.
type place struct {
	principal string
	node      int
}

// kindOfGrant has the properties that some ALLOWs on one node share.
type kindOfGrant struct {
	host       *hostForms
	operations ops.Set
	wild       bool // on LITERAL "*"
}

// grantsFrom are the ALLOWs of one kind.
type grantsFrom struct {
	kindOfGrant
	principals []string
}

// grants are the ALLOWs on one node.
type grants struct {
	list   []*grantsFrom
	byKind map[kindOfGrant]*grantsFrom
	byHost [2]*grantsByHost // documented, Kafka's; created when needed
}

// grantsByHost is a tree of the hosts of grants, with the grants of each node.
type grantsByHost struct {
	hosts *hostTree
	at    map[int][]*grantsFrom
}

// near calls yield for the grants that share an address with h, and perhaps for others,
// until it returns true. It reports whether yield did.
func (g *grants) near(h HostRange, exact bool, yield func(*grantsFrom) bool) bool {
	const few = 8 // for so few a scan is faster than building a tree
	if len(g.list) <= few {
		return slices.ContainsFunc(g.list, yield)
	}
	which := 0
	if exact {
		which = 1
	}
	if g.byHost[which] == nil {
		g.byHost[which] = arrangeByHost(g.list, exact)
	}
	tree := g.byHost[which]
	from, to := tree.hosts.within(h)
	for node := from; node < to; node++ {
		if slices.ContainsFunc(tree.at[node], yield) {
			return true
		}
	}
	for node := tree.hosts.above(h); node >= 0; node = int(tree.hosts.parent[node]) {
		if slices.ContainsFunc(tree.at[node], yield) {
			return true
		}
	}
	return false
}

func arrangeByHost(list []*grantsFrom, exact bool) *grantsByHost {
	var points []HostRange
	for _, g := range list {
		if h, ok := g.host.in(exact); ok {
			points = append(points, h)
		}
	}
	t := &grantsByHost{newHostTree(points), make(map[int][]*grantsFrom)}
	for _, g := range list {
		if h, ok := g.host.in(exact); ok {
			node := t.hosts.find(h)
			t.at[node] = append(t.at[node], g)
		}
	}
	return t
}

// takeCensus returns the census of p.
func takeCensus(p *policy, w *worker) *census {
	c := &census{
		policy: p, supported: ops.Supported(p.typ), own: make(map[string]ruleNodes), wild: make(map[string][]rule),
		grants: make(map[int]*grants), granted: make(map[ops.Operation][]int), denied: make(map[string]bool),
		standing: make(map[int][]acl.Binding), worker: w,
	}
	points := p.points(nil)
	for pattern := range p.stands {
		points = append(points, pointOf(pattern))
	}
	c.names = newNameTree(points)
	c.silent, c.anySilent = p.silent.mark(c.names)
	for _, text := range slices.Sorted(maps.Keys(p.rules)) {
		var own []rule
		for _, r := range p.rules[text] {
			node, _ := c.names.find(pointOf(r.Pattern))
			if r.Pattern.IsWildcard() {
				c.wild[text] = append(c.wild[text], r)
			} else {
				own = append(own, r)
			}
			if there := c.standing[node]; len(there) == 0 || len(there) == 1 && there[0].Entry.Principal != text {
				c.standing[node] = append(there, r.Binding)
			}
			switch allows, _ := r.says(); {
			case r.Entry.Permission == acl.Deny:
				c.denied[text] = true
			case p.canBe(text) && !p.isSuper(text):
				c.grant(node, r, allows&c.supported)
				if at, ok := c.names.find(asterisk); ok && p.exact && r.Pattern.IsWildcard() {
					c.grant(at, r, allows&c.supported)
				}
			}
		}
		c.own[text] = newRuleNodes(c.names, own)
	}
	c.grantedAt = newChain(c.names, slices.Sorted(maps.Keys(c.grants)))
	for node, grants := range c.grants {
		for _, g := range grants.list {
			for op := range g.operations.All() {
				c.granted[op] = append(c.granted[op], node)
			}
		}
	}
	for op, nodes := range c.granted {
		slices.Sort(nodes)
		c.granted[op] = slices.Compact(nodes)
	}
	return c
}

// nobody is the text of the zero principal.
const nobody = ":"

// canBe reports whether a principal can have the text, or it is User:*.
func (p *policy) canBe(text string) bool { return text != nobody && strings.Contains(text, ":") }

// isSuper reports whether the principal of an ACL is a super user, for whom ACLs have
// no effect. User:* means everyone there.
func (p *policy) isSuper(text string) bool { return p.super[text] && text != principal.Wildcard }

// grant adds an ALLOW.
func (c *census) grant(node int, r rule, operations ops.Set) {
	if operations == 0 {
		return
	}
	if c.grants[node] == nil {
		c.grants[node] = &grants{byKind: make(map[kindOfGrant]*grantsFrom)}
	}
	g := c.grants[node]
	kind := kindOfGrant{r.host, operations, r.Pattern.IsWildcard()}
	if g.byKind[kind] == nil {
		g.byKind[kind] = &grantsFrom{kindOfGrant: kind}
		g.list = append(g.list, g.byKind[kind])
	}
	g.byKind[kind].principals = append(g.byKind[kind].principals, r.Entry.Principal)
}

// in returns the addresses in one semantics, and whether there are any.
func (h *hostForms) in(exact bool) (HostRange, bool) {
	return rule{host: h}.hosts(exact)
}

// matters reports whether some check is decided differently without r: of an operation
// that the type supports, by any subject with any groups, on any name, from any
// address. The snapshot is assumed to be ready. In KafkaExact, subjects called User:*
// do not count, because Kafka gives them no answer.
//
// Only a few cells must be checked. ACLs that cover a cell of names also cover the
// cells below it. So if other ACLs make r ineffective at its widest cell, they do so
// everywhere. A DENY only has an effect where something is allowed, so for a DENY the
// ALLOWs on narrower patterns are checked too. For an ALLOW, subjects of one principal
// are enough, because other principals can only make it ineffective. For a DENY,
// subjects of two principals are enough: its own, and one that is allowed.
func (c *census) matters(r rule) bool {
	if c.exact && c.partOfSilence(r.Binding) {
		return true
	}
	for _, exact := range c.modes() {
		for _, cell := range c.widest(r, exact) {
			if c.mattersAt(r, cell, exact) {
				return true
			}
		}
	}
	return false
}

// partOfSilence reports whether b contributes to cases in which Kafka gives no answer,
// so that without it Kafka could give an answer for other names.
func (c *census) partOfSilence(b acl.Binding) bool {
	name := b.Pattern.Name
	belowAsterisk := name != "" && name[0] < resource.Wildcard[0]
	prefixedStar := pointOf(b.Pattern) == asterisks && c.policy.silent.first != ""
	return !strings.Contains(b.Entry.Principal, ":") || belowAsterisk || prefixedStar
}

// modes returns the rules that apply to names of the type: Kafka's, the documented
// ones, or both.
func (c *census) modes() []bool {
	switch {
	case !c.exact:
		return []bool{false}
	case c.anySilent:
		return []bool{true, false}
	}
	return []bool{true}
}

// isDecided reports whether the names of a cell are decided by the given rules.
func (c *census) isDecided(cell int, exact bool) bool { return (c.exact && !c.silent[cell]) == exact }

// covers reports whether r covers the names in a cell at or below its node.
func (c *census) covers(r rule, cell int, exact bool) bool {
	return !r.Pattern.IsWildcard() || wildcardCovers(c.names.nodes[cell], exact)
}

// widest returns the widest cells of names that r covers and that are decided by the
// given rules. In KafkaExact the names that begin with an asterisk are separate,
// because LITERAL "*" does not cover them.
func (c *census) widest(r rule, exact bool) []int {
	top, _ := c.names.find(pointOf(r.Pattern))
	if c.isDecided(top, exact) && (top > 0 || !exact || r.Pattern.IsWildcard()) {
		return []int{top}
	}
	var cells []int
	until := 0
	for cell := top; cell < int(c.names.end[top]) && c.spend(1); cell++ {
		if cell < until || !c.isDecided(cell, exact) || !c.covers(r, cell, exact) {
			continue
		}
		cells = append(cells, cell)
		until = int(c.names.end[cell])
		if apart, ok := c.names.find(asterisks); ok && exact && cell == 0 && c.isDecided(apart, exact) {
			cells = append(cells, apart)
		}
	}
	return cells
}

// mattersAt is matters for the names in a cell and below it that are decided by the
// same rules.
func (c *census) mattersAt(r rule, cell int, exact bool) bool {
	if c.defaultAllow && !c.isCoveredWithout(r, cell, exact) {
		return !c.allowsAll(r) || c.mattersBelow(r, cell, exact)
	}
	_, isSomewhere := r.hosts(exact)
	switch {
	case !isSomewhere, !c.canBe(r.Entry.Principal), c.isSuper(r.Entry.Principal):
		return false
	case r.Entry.Permission == acl.Allow:
		return c.isAlone(r, cell, exact)
	}
	return c.deniesAnything(r, cell, exact)
}

// isCoveredWithout reports whether an ACL on the type covers a cell if r does not.
func (c *census) isCoveredWithout(r rule, cell int, exact bool) bool {
	stands := func(p resource.Pattern) bool {
		n := c.stands[p]
		return n > 1 || n == 1 && p != r.Pattern
	}
	for node := cell; node >= 0 && c.spend(1); node = int(c.names.parent[node]) {
		if n := c.names.nodes[node]; n != asterisk && stands(patternOf(c.typ, n)) {
			return true
		}
	}
	return stands(resource.LiteralPattern(c.typ, resource.Wildcard)) && wildcardCovers(c.names.nodes[cell], exact)
}

// allowsAll reports whether r allows everyone everything, as Config.AllowIfNoACL does
// for resources without ACLs.
func (c *census) allowsAll(r rule) bool {
	allows, _ := r.says()
	return r.Entry.Principal == principal.Wildcard && r.Entry.Host == acl.WildcardHost && c.supported&^allows == 0
}

// mattersBelow reports whether r, an ALLOW, has an effect below a cell that only r
// covers and at which it has none.
func (c *census) mattersBelow(r rule, cell int, exact bool) bool {
	for node := cell + 1; node < int(c.names.end[cell]) && c.spend(1); {
		switch {
		case !c.covers(r, node, exact), !c.isCoveredWithout(r, node, exact):
			node++
		case !c.isAlone(r, node, exact):
			node = int(c.names.end[node])
		case c.isDecided(node, exact):
			return true
		default:
			node++
		}
	}
	return false
}

// each calls yield for the rules of a principal that cover the names in a cell.
func (c *census) each(text string, cell int, exact bool, yield func(rule)) {
	own := c.own[text]
	for i := own.holding(c.names, cell, true); i >= 0 && !c.exhausted(); i = own.above[i] {
		c.spend(len(own.rules[i]))
		for _, r := range own.rules[i] {
			yield(r)
		}
	}
	if wildcardCovers(c.names.nodes[cell], exact) && c.spend(len(c.wild[text])) {
		for _, r := range c.wild[text] {
			yield(r)
		}
	}
}

// voices are the operations that the ACLs of one principal allow and deny at a cell of
// names, by the cells of addresses that they distinguish.
type voices struct {
	hosts  *hostTree
	denied []ops.Set
	// alone are the operations that exactly one ACL covers, at the addresses of the
	// node or of one below it.
	alone []ops.Set
}

// lastVoices caches the last voices, because ACLs on one pattern are handled one after
// another.
type lastVoices struct {
	at    place
	exact bool
	*voices
}

// voicesAt returns the voices of a principal at a cell of names.
func (c *census) voicesAt(text string, cell int, exact bool) *voices {
	if c.last.voices != nil && c.last.at == (place{text, cell}) && c.last.exact == exact {
		return c.last.voices
	}
	var rules []rule
	var points []HostRange
	take := func(r rule) {
		if h, ok := r.hosts(exact); ok {
			rules = append(rules, r)
			points = append(points, h)
		}
	}
	c.each(text, cell, exact, take)
	if text != principal.Wildcard {
		c.each(principal.Wildcard, cell, exact, take)
	}
	if !c.spend(workPerRule * len(rules)) {
		rules, points = nil, nil
	}
	v := newVoices(rules, newHostTree(points), exact)
	c.last = lastVoices{place{text, cell}, exact, v}
	return v
}

func newVoices(rules []rule, hosts *hostTree, exact bool) *voices {
	n := len(hosts.nodes)
	v := &voices{hosts: hosts, denied: make([]ops.Set, n), alone: make([]ops.Set, n)}
	once, twice := make([]ops.Set, n), make([]ops.Set, n)
	for _, r := range rules {
		h, _ := r.hosts(exact)
		node := hosts.find(h)
		allows, denies := r.says()
		twice[node] |= once[node] & (allows | denies)
		once[node] |= allows | denies
		v.denied[node] |= denies
	}
	for node, up := range hosts.parent {
		if up >= 0 {
			twice[node] |= twice[up] | once[node]&once[up]
			once[node] |= once[up]
			v.denied[node] |= v.denied[up]
		}
	}
	for node := n - 1; node >= 0; node-- {
		if !hosts.empty[node] {
			v.alone[node] |= once[node] &^ twice[node]
		}
		if up := hosts.parent[node]; up >= 0 {
			v.alone[up] |= v.alone[node]
		}
	}
	return v
}

// isAlone reports whether r allows some operation that no other ACL covers, for its
// principal on the names in a cell, from some address.
func (c *census) isAlone(r rule, cell int, exact bool) bool {
	h, ok := r.hosts(exact)
	if !ok {
		return false
	}
	v := c.voicesAt(r.Entry.Principal, cell, exact)
	allows, _ := r.says()
	return v.alone[v.hosts.find(h)]&allows&c.supported != 0
}

// deniesAnything reports whether r, a DENY, denies anyone what is otherwise allowed, on
// the names in a cell and below it that are decided by the same rules.
func (c *census) deniesAnything(r rule, cell int, exact bool) bool {
	for i := c.grantedAt.holding(c.names, cell, true); i >= 0 && c.spend(1); i = c.grantedAt.above[i] {
		if c.deniesGrantsOf(r, c.grantedAt.at[i], cell, exact) {
			return true
		}
	}
	_, denies := r.says()
	for op := range (denies & c.supported).All() {
		nodes := c.granted[op]
		i, _ := slices.BinarySearch(nodes, cell+1)
		for ; i < len(nodes) && nodes[i] < int(c.names.end[cell]) && c.spend(1); i++ {
			node := nodes[i]
			if c.isDecided(node, exact) && c.covers(r, node, exact) && c.deniesGrantsOf(r, node, node, exact) {
				return true
			}
		}
	}
	return false
}

// deniesGrantsOf reports whether r denies a part of what the ALLOWs at a node grant, on
// the names in a cell.
func (c *census) deniesGrantsOf(r rule, node, cell int, exact bool) bool {
	grants := c.grants[node]
	mine, ok := r.hosts(exact)
	if grants == nil || !ok {
		return false
	}
	_, denies := r.says()
	return grants.near(mine, exact, func(g *grantsFrom) bool {
		if !c.spend(1) {
			return true
		}
		theirs, ok := g.host.in(exact)
		if !ok || g.operations&denies == 0 || g.wild && !wildcardCovers(c.names.nodes[cell], exact) {
			return false
		}
		both := mine
		if mine.covers(theirs) {
			both = theirs
		} else if !theirs.covers(mine) {
			return false
		}
		for op := range (g.operations & denies).All() {
			if c.leaves(r, g.principals, both, op, cell, exact) {
				return true
			}
		}
		return false
	})
}

// leaves reports whether the other DENYs leave an operation to one of some principals,
// on the names in a cell and from some of the hosts, for a subject that also has the
// principal of r.
func (c *census) leaves(r rule, allowed []string, hosts HostRange, op ops.Operation, cell int, exact bool) bool {
	var denying []HostRange
	take := func(o rule) {
		_, denies := o.says()
		if h, ok := o.hosts(exact); ok && denies.Has(op) && o.Binding != r.Binding {
			denying = append(denying, h)
		}
	}
	c.each(principal.Wildcard, cell, exact, take)
	if r.Entry.Principal != principal.Wildcard {
		c.each(r.Entry.Principal, cell, exact, take)
	}
	if !c.isLeft(hosts, denying) {
		return false
	}
	common := len(denying)
	for _, text := range allowed {
		if !c.denied[text] || text == r.Entry.Principal || text == principal.Wildcard {
			return true
		}
		denying = denying[:common]
		c.each(text, cell, exact, take)
		if c.isLeft(hosts, denying) {
			return true
		}
	}
	return false
}

// isLeft reports whether some address of h is in none of others.
func (c *census) isLeft(h HostRange, others []HostRange) bool {
	if !c.spend(len(others)) {
		return false
	}
	var inside []HostRange
	for _, o := range others {
		switch {
		case o.covers(h):
			return false
		case h.covers(o):
			inside = append(inside, o)
		}
	}
	if len(inside) == 0 {
		return true
	}
	if !c.spend(workPerRule * len(inside)) {
		return false
	}
	t := newHostTree(append(inside, h))
	top := t.find(h)
	taken := make([]bool, len(t.nodes))
	for _, o := range inside {
		taken[t.find(o)] = true
	}
	for node := top; node < int(t.end[top]); node++ {
		taken[node] = taken[node] || node > top && taken[t.parent[node]]
		if !taken[node] && !t.empty[node] {
			return true
		}
	}
	return false
}
