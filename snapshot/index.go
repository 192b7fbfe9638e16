package snapshot

import (
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
)

// index is what a check reads. It finds, without searching, what the ACLs say of
// a principal on a host (a scope) about a resource, in a number of steps that
// depends on the length of the resource's name only. It is persistent: an update
// shares all but the changed paths with the index before it.
type index struct {
	principals hashMap[string, *holder] // by the principal's text
	// malformed holds the records whose principal is none: it has no colon. They
	// match nobody, but Kafka throws when it comes across one.
	malformed *scope
	// covered counts the records on each pattern. It is kept only for
	// Config.AllowIfNoACL.
	covered      typed[int32]
	keepsCovered bool
	// below counts, by type, the records with each name that begins below "*", and
	// those on PREFIXED "*". It is kept only for KafkaExact.
	below      [typeCount]trie[int32]
	keepsBelow bool
}

// holder is one principal: where it may come from.
type holder struct {
	edit     *edit
	hosts    hashMap[hostKey, *scope]
	networks *networkSizes
}

// scope is one principal on one host: what the ACLs say of it.
type scope struct {
	edit      *edit
	principal string
	typed[*leaf]
}

// typeCount is the number of concrete resource types; arrays by type begin with
// Topic.
const typeCount = resource.User - resource.Topic + 1

// typed holds a names for each resource type; nil where there is no pattern.
type typed[V any] [typeCount]*names[V]

// of returns the names of a concrete type.
func (t *typed[V]) of(rt resource.Type) **names[V] { return &t[rt-resource.Topic] }

// names maps the patterns of one resource type to values.
type names[V any] struct {
	edit     *edit
	hasWild  bool
	wild     V                  // of LITERAL "*"
	literals hashMap[string, V] // of the other LITERAL patterns
	prefixes trie[V]            // of the PREFIXED patterns
}

func (n *names[V]) get(p resource.Pattern) (val V, ok bool) {
	switch {
	case n == nil:
		return val, false
	case p.IsWildcard():
		return n.wild, n.hasWild
	case p.PatternType == resource.Literal:
		return n.literals.get(hashString(p.Name), p.Name)
	default:
		return n.prefixes.get(p.Name)
	}
}

// set returns n with p bound to val or, if present is false, without p. n may be
// nil. The result is nil when it is empty.
func (n *names[V]) set(e *edit, p resource.Pattern, val V, present bool) *names[V] {
	switch {
	case n == nil:
		n = &names[V]{edit: e}
	case n.edit != e:
		c := *n
		c.edit = e
		n = &c
	}
	switch {
	case p.IsWildcard():
		n.hasWild, n.wild = present, val
	case p.PatternType == resource.Literal && present:
		n.literals = n.literals.set(e, hashString(p.Name), p.Name, val)
	case p.PatternType == resource.Literal:
		n.literals = n.literals.delete(e, hashString(p.Name), p.Name)
	case present:
		n.prefixes = n.prefixes.set(e, p.Name, val)
	default:
		n.prefixes = n.prefixes.delete(e, p.Name)
	}
	if !n.hasWild && n.literals.len() == 0 && n.prefixes.n == 0 {
		return nil
	}
	return n
}

// each calls yield for every pattern and its value until yield returns false.
func (n *names[V]) each(t resource.Type, yield func(resource.Pattern, V) bool) {
	if n == nil {
		return
	}
	if n.hasWild && !yield(resource.LiteralPattern(t, resource.Wildcard), n.wild) {
		return
	}
	for name, val := range n.literals.all() {
		if !yield(resource.LiteralPattern(t, name), val) {
			return
		}
	}
	n.prefixes.each(func(name string, val V) bool {
		return yield(resource.PrefixedPattern(t, name), val)
	})
}

// change replaces a record by another on the same pattern, principal and host;
// nil stands for none.
func (x *index) change(e *edit, old, new *record) {
	r := new
	if r == nil {
		r = old
	}
	if x.keepsCovered {
		x.countCovered(e, r.pattern, old, new)
	}
	if x.keepsBelow {
		x.countBelow(e, r.pattern, old, new)
	}
	if !strings.Contains(r.principal, ":") {
		x.malformed = x.malformed.change(e, r, old, new)
		return
	}
	host, ok := parseHost(r.host)
	if !ok {
		return // it never matches
	}
	hash := hashString(r.principal)
	h, _ := x.principals.get(hash, r.principal)
	if h = h.change(e, host, r, old, new); h == nil {
		x.principals = x.principals.delete(e, hash, r.principal)
	} else {
		x.principals = x.principals.set(e, hash, r.principal, h)
	}
}

func (x *index) countCovered(e *edit, p resource.Pattern, old, new *record) {
	slot := x.covered.of(p.Type)
	n, _ := (*slot).get(p)
	n += count(old, new)
	*slot = (*slot).set(e, p, n, n > 0)
}

// count returns how many records more there are when old is replaced by new.
func count(old, new *record) (n int32) {
	if old == nil {
		n++
	}
	if new == nil {
		n--
	}
	return n
}

func (h *holder) change(e *edit, host hostKey, r, old, new *record) *holder {
	switch {
	case h == nil:
		h = &holder{edit: e}
	case h.edit != e:
		c := *h
		c.edit = e
		h = &c
	}
	hash := hashHost(host)
	before, had := h.hosts.get(hash, host)
	after := before.change(e, r, old, new)
	if after == nil {
		h.hosts = h.hosts.delete(e, hash, host)
	} else {
		h.hosts = h.hosts.set(e, hash, host, after)
	}
	if has := after != nil; host.isNetwork() && had != has {
		h.networks = h.networks.count(host, has)
	}
	if h.hosts.len() == 0 {
		return nil
	}
	return h
}

// change returns nil when nothing is left. s may be nil.
func (s *scope) change(e *edit, r, old, new *record) *scope {
	switch {
	case s == nil:
		s = &scope{edit: e, principal: r.principal}
	case s.edit != e:
		c := *s
		c.edit = e
		s = &c
	}
	slot := s.of(r.pattern.Type)
	before, _ := (*slot).get(r.pattern)
	after := before.replace(old, new)
	*slot = (*slot).set(e, r.pattern, after, after != nil)
	for _, n := range s.typed {
		if n != nil {
			return s
		}
	}
	return nil
}
