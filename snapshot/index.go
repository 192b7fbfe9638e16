package snapshot

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// index is what a check reads. It finds, without searching, what the ACLs say of
// a principal on a host (a scope) about a resource, in a number of steps that
// depends on the length of the resource's name only; each step that finds something
// compares names. It is persistent: an update
// shares all but the changed paths with the index before it.
type index struct {
	principals phash.Table[string, *holder] // by the principal's text
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
	edit     *phash.Edit
	anywhere *scope // of the host "*", as nearly all are
	hosts    phash.Table[hostKey, *scope]
	networks *networkSizes
}

// scope is one principal on one host: what the ACLs say of it.
type scope struct {
	edit  *phash.Edit
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

// names maps the patterns of one resource type to what is said on them.
type names struct {
	edit     *phash.Edit
	wild     ruling                      // of LITERAL "*"
	literals phash.Table[string, ruling] // of the other LITERAL patterns
	prefixes phash.Table[string, ruling] // of the PREFIXED patterns
	lengths  []prefixLength              // that are in use, ascending
	counting *phash.Edit                 // of the transaction that made lengths, and may change them
}

// ruling is a record with what a check wants of it, so that a check need not read the
// record. The zero ruling says nothing about any operation.
type ruling struct {
	record  *record
	grants  ops.Set // what the ALLOW entries grant, implied operations included
	refuses ops.Set // what the DENY entries refuse
}

// ruling returns what r says. r may be nil.
func (r *record) ruling() ruling {
	if r == nil {
		return ruling{}
	}
	return ruling{r, spread(&allowedBy, r.allow), spread(&deniedBy, r.deny)}
}

// allowedBy and deniedBy are ops.AllowedBy and ops.DeniedBy, looked up once.
var (
	allowedBy = tabulate(ops.AllowedBy)
	deniedBy  = tabulate(ops.DeniedBy)
)

func tabulate(means func(ops.Operation) ops.Set) (t [operationCount]ops.Set) {
	for op := range everything.All() {
		t[op] = means(op)
	}
	return t
}

// spread returns the union of what the operations in written mean.
func spread(means *[operationCount]ops.Set, written ops.Set) (s ops.Set) {
	for w := uint(written); w != 0; w &= w - 1 {
		s |= means[bits.TrailingZeros(w)%operationCount]
	}
	return s
}

// open returns the operations that r grants and does not itself refuse: what a
// by-type check looks for.
func (r ruling) open() ops.Set { return r.grants &^ r.refuses }

// marks are what r is found by in a table: see [phash.Table.EachMarked].
func (r ruling) marks() phash.Marks { return phash.Marks(r.open()) }

// speaksOf reports whether an ACL of r allows or denies one of the operations.
func (r ruling) speaksOf(bits ops.Set) bool { return (r.grants|r.refuses)&bits != 0 }

// prefixLength is a length that prefixes have. A name is looked up once for each
// length that does not exceed its own, if its byte there can end such a prefix, and
// if the prefixes of that length speak of the operation. A path-compressed trie was
// tried first: it is slower from a few thousand prefixes on, since every step is a
// cache miss.
//
// What is said of the prefixes that is not their number stays as long as there are
// others, though the one that it was true of is gone.
type prefixLength struct {
	bytes int
	count int32 // of the prefixes
	// ends has a bit for each last byte of a prefix of this length, modulo 64. Most
	// prefixes end in a separator, so that this keeps most look-ups from being made.
	ends    uint64
	grants  ops.Set // what the prefixes grant, all together
	refuses ops.Set // what they refuse
}

// covering returns the first of n.lengths from i on of which a prefix that grants one of
// some operations, or refuses one of others, may be the beginning of name; or else their
// number.
func (n *names) covering(i int, name string, grants, refuses ops.Set) int {
	for ; i < len(n.lengths); i++ {
		l := &n.lengths[i]
		if last := uint(l.bytes) - 1; last < uint(len(name)) {
			if l.ends>>(name[last]%64)&1 == 0 {
				continue
			}
		} else if l.bytes > 0 { // the rest is longer than the name
			break
		}
		if l.grants&grants|l.refuses&refuses != 0 {
			return i
		}
	}
	return len(n.lengths)
}

// prefixed returns what is said on the prefix that the first bytes of name are. start
// is of the same name.
func (n *names) prefixed(start *phash.Prefixes, name string, bytes int) ruling {
	r, _ := n.prefixes.Get(start.Hash(name, bytes), name[:bytes])
	return r
}

// everything is the set of all operations.
const everything ops.Set = 1<<16 - 1

// The kinds of the tables in an index.
var (
	holders  = &phash.Kind[string, *holder]{Hash: phash.HashString}
	hosts    = &phash.Kind[hostKey, *scope]{Hash: phash.Hash[hostKey]}
	literals = &phash.Kind[string, ruling]{Hash: phash.HashString, Marks: ruling.marks}
	prefixes = &phash.Kind[string, ruling]{Hash: phash.HashString, Marks: ruling.marks}
)

// bind returns t with key bound to val or, if present is false, without key.
func bind[K comparable, V any](k *phash.Kind[K, V], e *phash.Edit, t phash.Table[K, V], key K, val V, present bool) phash.Table[K, V] {
	if present {
		return k.Set(e, t, key, val)
	}
	return k.Delete(e, t, key)
}

// get returns what is said on p. n may be nil.
func (n *names) get(p resource.Pattern) (r ruling) {
	switch {
	case n == nil:
	case p.IsWildcard():
		r = n.wild
	case p.PatternType == resource.Literal:
		r, _ = n.literals.Get(phash.HashString(p.Name), p.Name)
	default:
		r, _ = n.prefixes.Get(phash.HashString(p.Name), p.Name)
	}
	return r
}

// set returns n with r on p or, if r is of no record, with nothing on p. n may be
// nil. The result is nil when it is empty.
func (n *names) set(e *phash.Edit, p resource.Pattern, r ruling) *names {
	n = own(n, e, func(n *names) **phash.Edit { return &n.edit })
	before := n.prefixes.Len()
	switch {
	case p.IsWildcard():
		n.wild = r
	case p.PatternType == resource.Literal:
		n.literals = bind(literals, e, n.literals, p.Name, r, r.record != nil)
	default:
		n.prefixes = bind(prefixes, e, n.prefixes, p.Name, r, r.record != nil)
		n.countLength(e, p.Name, r, int32(n.prefixes.Len()-before))
	}
	if n.wild.record == nil && n.literals.Len() == 0 && n.prefixes.Len() == 0 {
		return nil
	}
	return n
}

// countLength notes that r is on prefix, with a change in the number of prefixes of that
// length. n is the transaction's own.
func (n *names) countLength(e *phash.Edit, prefix string, r ruling, change int32) {
	bytes := len(prefix)
	i, found := slices.BinarySearchFunc(n.lengths, bytes, func(l prefixLength, b int) int { return l.bytes - b })
	after := prefixLength{bytes: bytes}
	if found {
		after = n.lengths[i]
	}
	after.count += change
	after.grants |= r.grants
	after.refuses |= r.refuses
	if bytes > 0 {
		after.ends |= 1 << (prefix[bytes-1] % 64)
	}
	if found && after == n.lengths[i] {
		return
	}
	if n.counting != e {
		n.lengths, n.counting = slices.Clone(n.lengths), e
	}
	switch {
	case !found:
		n.lengths = slices.Insert(n.lengths, i, after)
	case after.count > 0:
		n.lengths[i] = after
	default:
		n.lengths = slices.Delete(n.lengths, i, i+1)
	}
}

// each calls yield for every ruling until yield returns false. n may be nil.
func (n *names) each(yield func(ruling) bool) {
	if n == nil || n.wild.record != nil && !yield(n.wild) {
		return
	}
	more := true
	n.literals.Each(func(_ string, r ruling) bool {
		more = yield(r)
		return more
	})
	if more {
		n.prefixes.Each(func(_ string, r ruling) bool { return yield(r) })
	}
}

// own returns n itself if the transaction made it, else a copy that it may change;
// a new one for nil. editOf returns where n keeps its edit.
func own[T any](n *T, e *phash.Edit, editOf func(*T) **phash.Edit) *T {
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
func (x *index) change(e *phash.Edit, old, new *record) {
	r := new
	if r == nil {
		r = old
	}
	if x.keepsCovered {
		x.countCovered(e, r, old, new)
	}
	if x.keepsBelow {
		x.below = countBelow(x.below, r.patternOf(), count(old, new))
	}
	if !strings.Contains(r.who.principal, ":") {
		x.malformed = x.malformed.change(e, r, old, new)
		return
	}
	host, ok := keyOf(acl.ParseHost(r.who.host))
	if host.deniesOnly() {
		old, new = old.deniesOnly(), new.deniesOnly()
		ok = old != nil || new != nil
		r = cmp.Or(new, old)
	}
	if !ok {
		return // it never matches
	}
	h, _ := x.principals.Get(phash.HashString(r.who.principal), r.who.principal)
	after := h.change(e, host, r, old, new)
	if after != h {
		x.principals = bind(holders, e, x.principals, r.who.principal, after, after != nil)
	}
}

func (x *index) countCovered(e *phash.Edit, r, old, new *record) {
	change := count(old, new)
	if change == 0 {
		return
	}
	after := ruling{record: &record{name: r.name, typ: r.typ, pattern: r.pattern, count: change}, grants: everything}
	if before := x.covered.of(r.typ).get(r.patternOf()); before.record != nil {
		after.record.count += before.record.count
	}
	if after.record.count == 0 {
		after = ruling{}
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

// find returns the record on p of a principal and a host, or nil, and their party,
// new if the index has none. sure is false where the index cannot tell whether there
// is such a record: it is among variants, or never matches.
func (x *index) find(p resource.Pattern, principal, host string) (r *record, who *party, sure bool) {
	key, ok := keyOf(acl.ParseHost(host))
	if !ok || key.deniesOnly() || !strings.Contains(principal, ":") {
		return nil, &party{principal: principal, host: host}, false
	}
	h, _ := x.principals.Get(phash.HashString(principal), principal)
	s := h.scope(key)
	if s != nil && s.party.host == host {
		who = s.party
	} else {
		who = &party{principal: principal, host: host}
	}
	r = s.of(p.Type).get(p).record
	switch {
	case r == nil:
		return nil, who, true
	case r.variants != nil:
		return nil, who, false
	case r.who.host != host: // the same host, written differently
		return nil, who, true
	}
	return r, who, true
}

// pack lays the part of x that a transaction made together in memory.
func (x *index) pack(e *phash.Edit) {
	x.principals.Pack(e)
	for _, h := range x.principals.Each {
		h.pack(e)
	}
}

func (h *holder) pack(e *phash.Edit) {
	if h.edit != e {
		return
	}
	h.hosts.Pack(e)
	h.anywhere.pack(e)
	for _, s := range h.hosts.Each {
		s.pack(e)
	}
}

// pack does nothing to the scope of another transaction. s may be nil.
func (s *scope) pack(e *phash.Edit) {
	if s == nil || s.edit != e {
		return
	}
	for _, n := range s.types {
		if n != nil && n.edit == e {
			n.literals.Pack(e)
			n.prefixes.Pack(e)
		}
	}
}

// scope returns the scope of a host, or nil. h may be nil.
func (h *holder) scope(key hostKey) *scope {
	if h == nil {
		return nil
	}
	if key == (hostKey{}) {
		return h.anywhere
	}
	s, _ := h.hosts.Get(phash.Hash(key), key)
	return s
}

// change returns nil when nothing is left. h may be nil.
func (h *holder) change(e *phash.Edit, host hostKey, r, old, new *record) *holder {
	h = own(h, e, func(h *holder) **phash.Edit { return &h.edit })
	before := h.scope(host)
	after := before.change(e, r, old, new)
	switch {
	case host == hostKey{}:
		h.anywhere = after
	case after != before:
		h.hosts = bind(hosts, e, h.hosts, host, after, after != nil)
	}
	if has := after != nil; host.isNetwork() && has != (before != nil) {
		h.networks = h.networks.count(host, has)
	}
	if h.anywhere == nil && h.hosts.Len() == 0 {
		return nil
	}
	return h
}

// change returns nil when nothing is left. s may be nil.
func (s *scope) change(e *phash.Edit, r, old, new *record) *scope {
	p := r.patternOf()
	after := s.bind(e, p, s.of(r.typ).get(p).record.replaceVariant(old, new).ruling())
	if after != nil && after.party == nil {
		after.party = r.who
	}
	return after
}

// bind returns s with r on p or, if r is of no record, with nothing on p. s may be
// nil. The result is nil when it is empty.
func (s *scope) bind(e *phash.Edit, p resource.Pattern, r ruling) *scope {
	s = own(s, e, func(s *scope) **phash.Edit { return &s.edit })
	slot := &s.types[p.Type-resource.Topic]
	*slot = (*slot).set(e, p, r)
	for _, n := range s.types {
		if n != nil {
			return s
		}
	}
	return nil
}
