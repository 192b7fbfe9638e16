package inspect

import (
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Phase is a part of a [Plan]. The phases are made one after the other; the order of the
// changes in a phase does not matter. The zero Phase is none of them.
type Phase uint8

// The phases, in their order.
const (
	AddDenies Phase = iota + 1
	AddAllows
	RemoveAllows
	RemoveDenies
)

// String returns the phase in words, such as "add DENY".
func (p Phase) String() string {
	switch p {
	case AddDenies:
		return "add DENY"
	case AddAllows:
		return "add ALLOW"
	case RemoveAllows:
		return "remove ALLOW"
	case RemoveDenies:
		return "remove DENY"
	}
	return "no phase"
}

// Removes reports whether p removes ACLs. The other phases add ACLs.
func (p Phase) Removes() bool { return p == RemoveAllows || p == RemoveDenies }

// Step is one change of a [Plan]: it adds or removes one ACL.
type Step struct {
	Phase Phase
	acl.Binding
}

// Plan is an order of changes in which each ACL can be added or removed alone. The zero
// Plan changes nothing.
type Plan struct {
	// Steps are sorted by phase, and then by [acl.Binding.Compare].
	Steps []Step
	// Windows are empty unless the configuration has AllowIfNoACL. They are sorted by First,
	// then by type.
	Windows []Window

	semantics   snapshot.Semantics
	open        bool // AllowIfNoACL
	byPrincipal map[string][]int
	// With AllowIfNoACL, the names that an ACL covers only after the plan, and those that one
	// covers only before.
	covered, uncovered map[resource.Type]NameSet
}

// Window says which access a plan interrupts: access that is allowed before and after the
// plan, but not in between. It comes from Config.AllowIfNoACL alone: everyone may use Names
// either before the plan or after it, because no ACL covers them then; and while some ACLs
// cover them, only those decide.
//
// For each name of Names, and each of ACLs that covers it: what this ACL allows may be
// denied after the step First is done and before the step Last is done, unless another ACL
// allows it.
type Window struct {
	Type        resource.Type
	Names       NameSet
	First, Last int           // indexes of Plan.Steps
	ACLs        []acl.Binding // sorted; at most MaxWindowACLs
	More        bool          // there are more ACLs
}

// MaxWindowACLs is the maximum number of ACLs in a Window. There may be thousands; these
// are enough to see who is affected.
const MaxWindowACLs = 100

// NewPlan returns the changes that make the ACLs of to from those of from, in a safe order:
// DENY entries are added, then ALLOW entries are added, then ALLOW entries removed, then
// DENY entries. So at every moment, a check is allowed only if from or to allows it, and it
// is allowed if from and to both do. This holds after each single step, and also if the
// steps of one phase are done in another order, or if the work stops anywhere and a new plan
// continues. The configuration, which must be the same in both, does not change; that of
// from counts.
//
// Two things are excepted. With Config.AllowIfNoACL, access may be interrupted, and Windows
// says where; it is never granted too early. And in KafkaExact nothing is promised about
// names for which Kafka gives no answer (see package snapshot).
//
// The cost is that of sorting both sets, and up to MaxWindowACLs steps for each ACL. The
// snapshots may be of different stores.
func NewPlan(from, to *snapshot.Snapshot) Plan {
	added, removed := snapshot.Diff(from, to)
	config := from.Config()
	plan := Plan{semantics: config.Semantics, open: config.AllowIfNoACL, byPrincipal: make(map[string][]int)}
	for _, phase := range []Phase{AddDenies, AddAllows, RemoveAllows, RemoveDenies} {
		permission, list := acl.Allow, added
		if phase == AddDenies || phase == RemoveDenies {
			permission = acl.Deny
		}
		if phase.Removes() {
			list = removed
		}
		for _, b := range list {
			if b.Entry.Permission == permission {
				plan.byPrincipal[b.Entry.Principal] = append(plan.byPrincipal[b.Entry.Principal], len(plan.Steps))
				plan.Steps = append(plan.Steps, Step{phase, b})
			}
		}
	}
	if plan.open {
		plan.covered, plan.uncovered = make(map[resource.Type]NameSet), make(map[resource.Type]NameSet)
		for _, t := range resource.Types() {
			plan.addWindows(load(from, t), load(to, t))
		}
		slices.SortStableFunc(plan.Windows, func(a, b Window) int { return a.First - b.First })
	}
	return plan
}

// Causes returns the steps because of which some principals gain or lose the access a: those
// that add or remove an ACL that matches a part of it. No principals are everyone else, as in
// [Change]. If access is lost or gained because an ACL covers the names or no longer does
// (Config.AllowIfNoACL), the ACLs of all principals count. The cost is linear in the number of
// steps for these principals, or of all steps.
func (p Plan) Causes(principals []string, a Access, gained bool) []Step {
	turned := p.covered[a.Type]
	if gained {
		turned = p.uncovered[a.Type]
	}
	turned = slices.DeleteFunc(slices.Clone(turned), func(n NameRange) bool { return !overlapsName(a.Names, n.point()) })
	var steps []Step
	for _, i := range p.candidates(principals) {
		s := p.Steps[i]
		if s.Pattern.Type != a.Type || !overlapsName(a.Names, pointOf(s.Pattern)) {
			continue
		}
		grants, takes := ops.AllowedBy(s.Entry.Operation), ops.Set(0)
		if s.Entry.Permission == acl.Deny {
			grants, takes = 0, ops.DeniedBy(s.Entry.Operation)
		}
		if s.Phase.Removes() {
			grants, takes = takes, grants
		}
		side := takes
		if gained {
			side = grants
		}
		applies := (s.Entry.Principal == principal.Wildcard || slices.Contains(principals, s.Entry.Principal)) && side&a.Operations != 0 && isFrom(a.Hosts, s.Entry, p.semantics)
		covers := s.Phase.Removes() == gained && overlapsName(turned, pointOf(s.Pattern))
		if applies || covers {
			steps = append(steps, s)
		}
	}
	return steps
}

// candidates returns the steps that may concern the principals, in their order.
func (p Plan) candidates(principals []string) []int {
	var list []int
	if p.open {
		for i := range p.Steps {
			list = append(list, i)
		}
		return list
	}
	list = append(list, p.byPrincipal[principal.Wildcard]...)
	for _, text := range principals {
		if text != principal.Wildcard {
			list = append(list, p.byPrincipal[text]...)
		}
	}
	slices.Sort(list)
	return list
}

// Concerns reports whether an ACL allows or denies a part of the access a to its principal. Access
// without operations, as in a set of names, is no access.
func Concerns(b acl.Binding, a Access, semantics snapshot.Semantics) bool {
	operations := ops.AllowedBy(b.Entry.Operation)
	if b.Entry.Permission == acl.Deny {
		operations = ops.DeniedBy(b.Entry.Operation)
	}
	return b.Pattern.Type == a.Type && operations&a.Operations != 0 && overlapsName(a.Names, pointOf(b.Pattern)) && isFrom(a.Hosts, b.Entry, semantics)
}

// isFrom reports whether an ACL applies to an address of a set.
func isFrom(set HostSet, e acl.Entry, semantics snapshot.Semantics) bool {
	h, ok := hostsOf(acl.ParseHost(e.Host), e.Permission, semantics)
	return ok && overlaps(set, h, func(r HostRange) HostRange { r.Except = nil; return r }, func(r HostRange) []HostRange { return r.Except })
}

// point returns the names of n without its exceptions.
func (n NameRange) point() point { return point{n.Name, n.Prefix} }

// overlapsName reports whether a set has a name of p.
func overlapsName(set NameSet, p point) bool {
	return overlaps(set, p, NameRange.point, func(n NameRange) []NameRange { return n.Except })
}

// overlaps reports whether an area shares something with a set of ranges, each of which is an
// area with exceptions. It does not detect that several exceptions together exclude all.
func overlaps[R any, A area[A]](set []R, a A, whole func(R) A, except func(R) []R) bool {
	return slices.ContainsFunc(set, func(r R) bool {
		w := whole(r)
		return (w.covers(a) || a.covers(w)) && !slices.ContainsFunc(except(r), func(e R) bool { return whole(e).covers(a) })
	})
}

// addWindows adds the windows of the resources of one type.
func (p *Plan) addWindows(from, to *policy) {
	steps := p.Steps
	names := newNameTree(append(from.points(nil), to.points(nil)...)) // with AllowIfNoACL, of all ACLs
	exact := func(int) bool { return from.exact }
	before, after := from.markCovered(names, exact), to.markCovered(names, exact)
	opened := newCoverage(names, from.exact)
	closed := newCoverage(names, from.exact)
	for i, s := range steps {
		if s.Pattern.Type != from.typ {
			continue
		}
		if s.Phase.Removes() {
			closed.add(i, s)
		} else {
			opened.add(i, s)
		}
	}
	opened.inherit()
	closed.inherit()

	// On names that no ACL covers before, the first step that covers them denies everything
	// that its ACL does not allow, until the last ALLOW is there. On names that no ACL covers
	// after, the removal of the first ALLOW does, until the last ACL is gone.
	for _, side := range []struct {
		*coverage
		in     func(node int) bool
		names  map[resource.Type]NameSet
		turns  []int // the step at which the default turns, by node
		window func(node int) (first, last int)
	}{
		{opened, func(node int) bool { return !before[node] && after[node] }, p.covered, opened.first,
			func(node int) (int, int) { return opened.first[node], opened.lastAllow[node] }},
		{closed, func(node int) bool { return before[node] && !after[node] }, p.uncovered, closed.last,
			func(node int) (int, int) { return closed.firstAllow[node], closed.last[node] }},
	} {
		side.names[from.typ] = names.set(side.in)
		var order []int // the turns, as they are found
		byTurn := make(map[int][]int)
		for node := range names.nodes {
			if side.in(node) {
				turn := side.turns[node]
				if byTurn[turn] == nil {
					order = append(order, turn)
				}
				byTurn[turn] = append(byTurn[turn], node)
			}
		}
		slices.Sort(order)
		for _, turn := range order {
			if w, ok := side.windowOf(byTurn[turn], steps, turn, side.window); ok {
				w.Type = from.typ
				p.Windows = append(p.Windows, w)
			}
		}
	}
}

// coverage says which of some steps cover each cell of a tree of names. A step is its index.
// The steps of LITERAL "*" are kept apart, because in KafkaExact they do not cover every
// name.
type coverage struct {
	names *nameTree
	exact bool

	// For each node, over the steps at the node and above it; -1 if there is none.
	first, last, firstAllow, lastAllow []int

	allows [][]int // the ALLOW steps at each node itself
	up     []int   // the nearest node above with ALLOW steps; -1 if there is none
	wild   struct {
		first, last, firstAllow, lastAllow int
		allows                             []int
	}
}

func newCoverage(names *nameTree, exact bool) *coverage {
	n := len(names.nodes)
	c := &coverage{names: names, exact: exact, first: slices.Repeat([]int{-1}, n), last: slices.Repeat([]int{-1}, n),
		firstAllow: slices.Repeat([]int{-1}, n), lastAllow: slices.Repeat([]int{-1}, n), allows: make([][]int, n), up: slices.Repeat([]int{-1}, n)}
	c.wild.first, c.wild.last, c.wild.firstAllow, c.wild.lastAllow = -1, -1, -1, -1
	return c
}

// add adds step i. Steps must be added in ascending order.
func (c *coverage) add(i int, s Step) {
	first, last, firstAllow, lastAllow, allows := &c.wild.first, &c.wild.last, &c.wild.firstAllow, &c.wild.lastAllow, &c.wild.allows
	if !s.Pattern.IsWildcard() {
		node, _ := c.names.find(pointOf(s.Pattern))
		first, last, firstAllow, lastAllow, allows = &c.first[node], &c.last[node], &c.firstAllow[node], &c.lastAllow[node], &c.allows[node]
	}
	*first, *last = earlier(*first, i), i
	if s.Entry.Permission == acl.Allow {
		*firstAllow, *lastAllow = earlier(*firstAllow, i), i
		*allows = append(*allows, i)
	}
}

// earlier returns the smaller of two steps, of which -1 is none.
func earlier(a, b int) int {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// inherit adds to each node the steps of the nodes above it, and then those of LITERAL "*".
func (c *coverage) inherit() {
	for node, up := range c.names.parent {
		if up < 0 {
			continue
		}
		c.first[node], c.last[node] = earlier(c.first[node], c.first[up]), max(c.last[node], c.last[up])
		c.firstAllow[node], c.lastAllow[node] = earlier(c.firstAllow[node], c.firstAllow[up]), max(c.lastAllow[node], c.lastAllow[up])
		if c.up[node] = c.up[up]; len(c.allows[up]) > 0 {
			c.up[node] = int(up)
		}
	}
	for node, n := range c.names.nodes {
		if wildcardCovers(n, c.exact) {
			c.first[node], c.last[node] = earlier(c.first[node], c.wild.first), max(c.last[node], c.wild.last)
			c.firstAllow[node], c.lastAllow[node] = earlier(c.firstAllow[node], c.wild.firstAllow), max(c.lastAllow[node], c.wild.lastAllow)
		}
	}
}

// windowOf returns the window of nodes for which the same step turns the default, and
// whether there is one.
func (c *coverage) windowOf(nodes []int, steps []Step, turn int, window func(node int) (first, last int)) (w Window, ok bool) {
	w.First, w.Last = -1, -1
	seen, in := make(map[int]bool), make(map[int]bool)
	filtered := make(map[int][]int) // the ALLOW steps at a node that allow more than the turn does
	const wild = -1
	at := func(node int, list []int) []int {
		if _, ok := filtered[node]; !ok {
			filtered[node] = slices.DeleteFunc(slices.Clone(list), func(i int) bool { return i == turn || allowsAll(steps[turn].Entry, steps[i].Entry) })
		}
		return filtered[node]
	}
	for _, node := range nodes {
		found := false
		take := func(list []int) (goOn bool) {
			for _, i := range list {
				found = true
				switch {
				case w.More:
					return false
				case seen[i]:
				case len(w.ACLs) == MaxWindowACLs:
					w.More = true
					return false
				default:
					seen[i] = true
					w.ACLs = append(w.ACLs, steps[i].Binding)
				}
			}
			return true
		}
		goOn := !wildcardCovers(c.names.nodes[node], c.exact) || take(at(wild, c.wild.allows))
		for up := node; up >= 0 && goOn; up = c.up[up] {
			goOn = take(at(up, c.allows[up]))
		}
		if found {
			in[node] = true
			first, last := window(node)
			w.First, w.Last = earlier(w.First, first), max(w.Last, last)
		}
	}
	if len(in) == 0 {
		return Window{}, false
	}
	slices.SortFunc(w.ACLs, acl.Binding.Compare)
	w.Names = c.names.set(func(node int) bool { return in[node] })
	return w, true
}

// allowsAll reports whether a allows everything on a name that the ALLOW b allows there.
func allowsAll(a, b acl.Entry) bool {
	return a.Permission == acl.Allow && (a.Principal == principal.Wildcard || a.Principal == b.Principal) &&
		(a.Host == acl.WildcardHost || a.Host == b.Host) && ops.AllowedBy(b.Operation)&^ops.AllowedBy(a.Operation) == 0
}
