package role

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/principal"
)

// Policy is the role bindings of one Kafka cluster, the ACLs that they stand for, and those that no
// role stands for. It is not safe for concurrent use; the ACLs are, in the store that they are put
// into.
type Policy struct {
	cluster  Scope
	table    *Table
	registry *Registry
	held     map[held]*held
	sources  map[acl.Binding]sources
}

// held is a binding without its scope, which is that of the policy.
type held struct {
	principal principal.Principal
	role      string
	pattern   Pattern
}

// sources are the bindings that an ACL comes from. Most have one.
type sources struct {
	first *held
	more  []*held
}

func (s sources) has(h *held) bool { return s.first == h || slices.Contains(s.more, h) }

// last returns the source that was added last.
func (s sources) last() *held {
	if n := len(s.more); n > 0 {
		return s.more[n-1]
	}
	return s.first
}

func (s sources) without(h *held) sources {
	if s.first != h {
		s.more = slices.DeleteFunc(s.more, func(x *held) bool { return x == h })
		return s
	}
	s.first = nil
	if n := len(s.more); n > 0 {
		s.first, s.more = s.more[n-1], s.more[:n-1]
	}
	return s
}

// NewPolicy returns the policy of the Kafka cluster with an id, without bindings. A nil
// registry has no names.
func NewPolicy(cluster string, table *Table, registry *Registry) *Policy {
	return &Policy{cluster: Scope{Kafka: cluster}, table: table, registry: registry, held: map[held]*held{}, sources: map[acl.Binding]sources{}}
}

// Change is what a change of bindings does to the ACLs of a cluster. An ACL that several
// bindings stand for is removed with the last of them.
type Change struct {
	Add, Remove []acl.Binding // each once, in the order of the bindings that were given
}

// Apply adds bindings and removes others, and returns what that changes. A binding that is
// there is not added again, and one that is not there is not removed. One that is both removed
// and added is there afterwards. Bindings in the scope of another cluster, or of a component,
// are valid and not kept: Apply is given all there are.
//
// On error nothing has changed. The cost is that of the bindings that are given: 5,000 compile
// in about 30 ms, and a change of one takes microseconds.
func (p *Policy) Apply(add, remove []Binding) (Change, error) {
	var kept, gone []held // most bindings may be of other clusters
	for _, b := range add {
		h, ok, err := p.resolve(b)
		if err != nil {
			return Change{}, err
		}
		if ok {
			kept = append(kept, h)
		}
	}
	for _, b := range remove {
		h, ok, err := p.resolve(b)
		if err != nil {
			return Change{}, err
		}
		if ok {
			gone = append(gone, h)
		}
	}
	p.expect(len(kept))
	return p.change(kept, gone), nil
}

// expect makes room for so many bindings in an empty policy.
func (p *Policy) expect(bindings int) {
	if len(p.held)+len(p.sources) == 0 {
		p.held = make(map[held]*held, bindings)
		p.sources = make(map[acl.Binding]sources, 2*bindings)
	}
}

// resolve returns a valid binding, and whether it is in the scope of the policy.
func (p *Policy) resolve(b Binding) (h held, ok bool, err error) {
	h, scope, err := resolve(p.table, p.registry, b)
	return h, err == nil && scope == p.cluster, err
}

// resolve returns a valid binding, and the scope of ids that it is in.
func resolve(table *Table, registry *Registry, b Binding) (held, Scope, error) {
	if err := table.Validate(b); err != nil {
		return held{}, Scope{}, err
	}
	scope, err := registry.Resolve(b.Scope)
	if err != nil {
		return held{}, Scope{}, fmt.Errorf("%s: %w", b, err)
	}
	return held{b.Principal, b.Role, b.Pattern}, scope, nil
}

func (p *Policy) change(add, remove []held) Change {
	var e edit
	var buffer []acl.Binding
	for _, h := range remove {
		at, ok := p.held[h]
		if !ok {
			continue
		}
		delete(p.held, h)
		buffer = p.table.appendACLs(buffer[:0], h)
		for _, a := range buffer {
			p.lose(&e, a, at)
		}
	}
	e.beginAdding()
	for _, h := range add {
		if _, ok := p.held[h]; ok {
			continue
		}
		at := &h
		p.held[h] = at
		buffer = p.table.appendACLs(buffer[:0], h)
		for _, a := range buffer {
			p.gain(&e, a, at)
		}
	}
	return e.finish()
}

// edit collects a Change: first what is lost, then what is gained. An ACL that is both does
// not change.
type edit struct {
	added   []acl.Binding
	lost    []acl.Binding        // in order
	removed map[acl.Binding]bool // those of lost that are not gained again
}

func (e *edit) beginAdding() {
	e.removed = make(map[acl.Binding]bool, len(e.lost))
	for _, a := range e.lost {
		e.removed[a] = true
	}
}

func (e *edit) finish() (c Change) {
	c.Add = e.added
	for _, a := range e.lost {
		if e.removed[a] {
			c.Remove = append(c.Remove, a)
		}
	}
	return c
}

// lose removes a source of an ACL.
func (p *Policy) lose(e *edit, a acl.Binding, at *held) {
	if left := p.sources[a].without(at); left.first != nil {
		p.sources[a] = left
	} else if _, ok := p.sources[a]; ok { // a role may list an operation twice
		delete(p.sources, a)
		e.lost = append(e.lost, a)
	}
}

// gain adds a source of an ACL.
func (p *Policy) gain(e *edit, a acl.Binding, at *held) {
	switch s, ok := p.sources[a]; {
	case !ok:
		p.sources[a] = sources{first: at}
		if e.removed[a] {
			delete(e.removed, a)
		} else {
			e.added = append(e.added, a)
		}
	case at == centralized && s.has(at), s.last() == at: // a role may list an operation twice
	default:
		s.more = append(s.more, at)
		p.sources[a] = s
	}
}

// Cluster returns the id of the Kafka cluster.
func (p *Policy) Cluster() string { return p.cluster.Kafka }

// Len returns the number of bindings.
func (p *Policy) Len() int { return len(p.held) }

// Bindings returns the bindings, with the id of the cluster as their scope, in no order.
func (p *Policy) Bindings() iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		for _, h := range p.held {
			if !yield(p.binding(h)) {
				return
			}
		}
	}
}

func (p *Policy) binding(h *held) Binding { return Binding{h.principal, h.role, p.cluster, h.pattern} }

// ACLs returns the ACLs that the bindings stand for and those of [Policy.ApplyACLs], each
// once, in no order.
func (p *Policy) ACLs() iter.Seq[acl.Binding] { return maps.Keys(p.sources) }

// Centralized reports whether an ACL is there without any role: see [Policy.ApplyACLs].
func (p *Policy) Centralized(a acl.Binding) bool { return p.sources[a].has(centralized) }

// Sources returns the bindings that an ACL comes from, sorted by [Binding.Compare]; none if it
// comes from no binding. The role that decided a check is found by the ACL of its
// snapshot.Decision.
func (p *Policy) Sources(a acl.Binding) (list []Binding) {
	s, ok := p.sources[a]
	if !ok {
		return nil
	}
	for _, h := range append([]*held{s.first}, s.more...) {
		if h != centralized {
			list = append(list, p.binding(h))
		}
	}
	slices.SortFunc(list, Binding.Compare)
	return list
}
