package snapshot

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// index is what a check reads. It finds, without searching, what the ACLs say of
// a principal on a host (a scope) about a resource, in a number of steps that
// depends on the length of the resource's name only. It is persistent: an update
// shares all but the changed paths with the index before it.
type index struct {
	principals table[string, *holder] // by the principal's text
	// malformed holds the records whose principal is none: it has no colon. They
	// match nobody, but Kafka throws when it comes across one.
	malformed *scope
	// covered holds one record for each pattern that any ACL is on, with the number
	// of these. It is kept only for Config.AllowIfNoACL.
	covered      *scope
	keepsCovered bool
	// below is kept only for KafkaExact.
	below      *belowStar
	keepsBelow bool
}

// holder is one principal: where it may come from.
type holder struct {
	edit     *edit
	anywhere *scope // of the host "*", as nearly all are
	hosts    table[hostKey, *scope]
	networks *networkSizes
}

// scope is one principal on one host: what the ACLs say of it.
type scope struct {
	edit  *edit
	party *party            // of the first record there was
	types [typeCount]*names // nil where there is no pattern
}

// typeCount is the number of concrete resource types; arrays by type begin with
// Topic.
const typeCount = resource.User - resource.Topic + 1

// of returns what s has for a concrete type, or nil. s may be nil.
func (s *scope) of(t resource.Type) *names {
	if s == nil {
		return nil
	}
	return s.types[t-resource.Topic]
}

// names maps the patterns of one resource type to records.
type names struct {
	edit     *edit
	wild     *record                // of LITERAL "*"
	literals table[string, *record] // of the other LITERAL patterns
	prefixes table[string, *record] // of the PREFIXED patterns
	lengths  []prefixLength         // that are in use, ascending; immutable
}

// prefixLength is a length that prefixes have. A name is looked up once for each
// length that does not exceed its own, if its byte there can end such a prefix. A
// path-compressed trie was tried first: it is slower from a few thousand prefixes
// on, since every step is a cache miss.
type prefixLength struct {
	bytes int32
	count int32 // of the prefixes
	// ends has a bit for each last byte of a prefix of this length, modulo 64. Most
	// prefixes end in a separator, so that this keeps most look-ups from being made.
	// The bit of a prefix that is gone stays as long as there are others.
	ends uint64
}

// mayEnd reports whether a prefix of this length can end where name has got to. name
// must not be shorter.
func (l *prefixLength) mayEnd(name string) bool {
	return l.bytes == 0 || l.ends>>(name[l.bytes-1]%64)&1 != 0
}

// everything is the set of all operations.
const everything ops.Set = 1<<16 - 1

// The kinds of the tables in an index.
var (
	holders = &kind[string, *holder]{hash: hashString}
	hosts   = &kind[hostKey, *scope]{hash: hashHost}
	records = &kind[string, *record]{hash: hashString, marks: (*record).open}
)

// open returns the operations that r grants and does not itself refuse: what a
// by-type check looks for.
func (r *record) open() ops.Set { return r.grants &^ r.refuses }

// get returns the record on p, or nil. n may be nil.
func (n *names) get(p resource.Pattern) (r *record) {
	switch {
	case n == nil:
	case p.IsWildcard():
		r = n.wild
	case p.PatternType == resource.Literal:
		r, _ = n.literals.get(hashString(p.Name), p.Name)
	default:
		r, _ = n.prefixes.get(hashString(p.Name), p.Name)
	}
	return r
}

// set returns n with p bound to r or, if r is nil, without p. n may be nil. The
// result is nil when it is empty.
func (n *names) set(e *edit, p resource.Pattern, r *record) *names {
	n = own(n, e, func(n *names) **edit { return &n.edit })
	before := n.prefixes.n
	switch {
	case p.IsWildcard():
		n.wild = r
	case p.PatternType == resource.Literal:
		n.literals = records.bind(e, n.literals, p.Name, r, r != nil)
	default:
		n.prefixes = records.bind(e, n.prefixes, p.Name, r, r != nil)
	}
	if grown := n.prefixes.n - before; grown != 0 {
		n.lengths = countLength(n.lengths, p.Name, int32(grown))
	}
	if n.wild == nil && n.literals.n == 0 && n.prefixes.n == 0 {
		return nil
	}
	return n
}

// countLength returns lengths with a change in the number of prefixes of the length
// of prefix.
func countLength(lengths []prefixLength, prefix string, change int32) []prefixLength {
	lengths = slices.Clone(lengths)
	bytes := int32(len(prefix))
	i, found := slices.BinarySearchFunc(lengths, bytes, func(l prefixLength, b int32) int { return int(l.bytes - b) })
	if !found {
		lengths = slices.Insert(lengths, i, prefixLength{bytes: bytes})
	}
	l := &lengths[i]
	if l.count += change; l.count == 0 {
		return slices.Delete(lengths, i, i+1)
	}
	if bytes > 0 {
		l.ends |= 1 << (prefix[bytes-1] % 64)
	}
	return lengths
}

// each calls yield for every record until yield returns false. n may be nil.
func (n *names) each(yield func(*record) bool) {
	if n == nil || n.wild != nil && !yield(n.wild) {
		return
	}
	more := true
	n.literals.each(func(_ string, r *record) bool {
		more = yield(r)
		return more
	})
	if more {
		n.prefixes.each(func(_ string, r *record) bool { return yield(r) })
	}
}

// own returns n itself if the transaction made it, else a copy that it may change;
// a new one for nil. editOf returns where n keeps its edit.
func own[T any](n *T, e *edit, editOf func(*T) **edit) *T {
	if n != nil && *editOf(n) == e {
		return n
	}
	var c T
	if n != nil {
		c = *n
	}
	*editOf(&c) = e
	return &c
}

// change replaces a record by another on the same pattern, principal and host;
// nil stands for none.
func (x *index) change(e *edit, old, new *record) {
	r := new
	if r == nil {
		r = old
	}
	if x.keepsCovered {
		x.countCovered(e, r, old, new)
	}
	if x.keepsBelow {
		x.below = x.below.count(e, r.patternOf(), count(old, new))
	}
	if !strings.Contains(r.who.principal, ":") {
		x.malformed = x.malformed.change(e, r, old, new)
		return
	}
	host, ok := parseHost(r.who.host)
	if !ok {
		return // it never matches
	}
	h, _ := x.principals.get(hashString(r.who.principal), r.who.principal)
	after := h.change(e, host, r, old, new)
	if after != h {
		x.principals = holders.bind(e, x.principals, r.who.principal, after, after != nil)
	}
}

func (x *index) countCovered(e *edit, r, old, new *record) {
	change := count(old, new)
	if change == 0 {
		return
	}
	before := x.covered.of(r.typ).get(r.patternOf())
	after := &record{name: r.name, typ: r.typ, pattern: r.pattern, grants: everything, count: change}
	if before != nil {
		after.count += before.count
	}
	if after.count == 0 {
		after = nil
	}
	x.covered = x.covered.bind(e, r.patternOf(), after)
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

// party returns the party of these texts that a scope of the index has, or else a
// new one.
func (x *index) party(principal, host string) *party {
	if h, ok := x.principals.get(hashString(principal), principal); ok {
		if key, ok := parseHost(host); ok {
			if s := h.scope(key); s != nil && s.party.host == host {
				return s.party
			}
		}
	}
	return &party{principal, host}
}

// scope returns the scope of a host, or nil.
func (h *holder) scope(key hostKey) *scope {
	if key == (hostKey{}) {
		return h.anywhere
	}
	s, _ := h.hosts.get(hashHost(key), key)
	return s
}

// change returns nil when nothing is left. h may be nil.
func (h *holder) change(e *edit, host hostKey, r, old, new *record) *holder {
	h = own(h, e, func(h *holder) **edit { return &h.edit })
	before := h.scope(host)
	after := before.change(e, r, old, new)
	switch {
	case host == hostKey{}:
		h.anywhere = after
	case after != before:
		h.hosts = hosts.bind(e, h.hosts, host, after, after != nil)
	}
	if has := after != nil; host.isNetwork() && has != (before != nil) {
		h.networks = h.networks.count(host, has)
	}
	if h.anywhere == nil && h.hosts.n == 0 {
		return nil
	}
	return h
}

// change returns nil when nothing is left. s may be nil.
func (s *scope) change(e *edit, r, old, new *record) *scope {
	p := r.patternOf()
	after := s.bind(e, p, s.of(r.typ).get(p).replaceVariant(old, new))
	if after != nil && after.party == nil {
		after.party = r.who
	}
	return after
}

// bind returns s with p bound to r or, if r is nil, without p. s may be nil. The
// result is nil when it is empty.
func (s *scope) bind(e *edit, p resource.Pattern, r *record) *scope {
	s = own(s, e, func(s *scope) **edit { return &s.edit })
	slot := &s.types[p.Type-resource.Topic]
	*slot = (*slot).set(e, p, r)
	for _, n := range s.types {
		if n != nil {
			return s
		}
	}
	return nil
}
