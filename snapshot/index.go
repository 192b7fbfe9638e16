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

// index is what checks read. It finds what the ACLs of one principal and host (a scope) say
// about a resource. The number of steps depends only on the length of the resource's name;
// each step that finds something compares names. The index is persistent: an update shares
// all but the changed paths with the index before it.
type index struct {
	principals phash.Table[string, *holder] // by the principal's text
	// malformed holds the records whose principal has no colon. They match nobody, but
	// Kafka throws when its scan meets one.
	malformed *scope
	// covered holds one record for each pattern that has ACLs, with their number. It is
	// used only for Config.AllowIfNoACL.
	covered      *scope
	keepsCovered bool
	// below is used only for KafkaExact.
	below      *belowStar
	keepsBelow bool
}

// holder holds the ACLs of one principal, by host.
type holder struct {
	edit     *phash.Edit
	anywhere *scope // the ACLs with the host "*", as nearly all are
	hosts    phash.Table[hostKey, *scope]
	networks *networkSizes
}

// scope holds the ACLs of one principal and one host.
type scope struct {
	edit  *phash.Edit
	party *party            // the one of the scope's first record
	types [typeCount]*names // nil for a type without ACLs
}

// typeCount is the number of concrete resource types; arrays by type begin with
// Topic.
const typeCount = resource.User - resource.Topic + 1

// of returns the names of a concrete type, or nil. s may be nil.
func (s *scope) of(t resource.Type) *names {
	if s == nil {
		return nil
	}
	return s.types[t-resource.Topic]
}

// names maps the patterns of one resource type to their rulings.
type names struct {
	edit     *phash.Edit
	wild     ruling                      // of LITERAL "*"
	literals phash.Table[string, ruling] // of the other LITERAL patterns
	prefixes phash.Table[string, ruling] // of the PREFIXED patterns
	lengths  []prefixLength              // that are in use, ascending
	counting *phash.Edit                 // of the transaction that made lengths, and may change them
}

// ruling is a record together with what checks need of it, so that they need not read the
// record. The zero ruling neither grants nor refuses anything.
type ruling struct {
	record  *record
	grants  ops.Set // what the ALLOW entries grant, implied operations included
	refuses ops.Set // what the DENY entries refuse
}

// ruling returns the ruling of r, which may be nil.
func (r *record) ruling() ruling {
	if r == nil {
		return ruling{}
	}
	return ruling{r, spread(&allowedBy, r.allow), spread(&deniedBy, r.deny)}
}

// allowedBy and deniedBy are tables of ops.AllowedBy and ops.DeniedBy.
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

// spread returns the union of what the operations in written imply.
func spread(means *[operationCount]ops.Set, written ops.Set) (s ops.Set) {
	for w := uint(written); w != 0; w &= w - 1 {
		s |= means[bits.TrailingZeros(w)%operationCount]
	}
	return s
}

// open returns the operations that r grants and does not itself refuse: what a
// by-type check looks for.
func (r ruling) open() ops.Set { return r.grants &^ r.refuses }

// marks returns the marks of r in a table: see [phash.Table.EachMarked].
func (r ruling) marks() phash.Marks { return phash.Marks(r.open()) }

// speaksOf reports whether an ACL of r grants or refuses one of the operations.
func (r ruling) speaksOf(bits ops.Set) bool { return (r.grants|r.refuses)&bits != 0 }

// prefixLength describes all prefixes of one length. A check looks a name up once for each
// length, but skips lengths that exceed the name's, lengths of which no prefix ends in the
// byte that the name has there, and lengths whose prefixes do not mention the operation. A
// path-compressed trie is slower from a few thousand prefixes on, because every step is a
// cache miss.
//
// ends, grants and refuses may say too much: they do not shrink when a prefix is removed,
// as long as there are others of its length.
type prefixLength struct {
	bytes int
	count int32 // of the prefixes
	// ends has a bit for the last byte of each prefix of this length, modulo 64. Most
	// prefixes end in a separator, so this avoids most look-ups.
	ends    uint64
	grants  ops.Set // by at least one of the prefixes
	refuses ops.Set // by at least one of them
}

// covering returns the first index in n.lengths, from i on, of a length that may have a prefix
// of name which grants one of the first operations or refuses one of the others. If there is
// none, it returns len(n.lengths).
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

// prefixed returns the ruling on the PREFIXED pattern that is the first bytes of name. start
// hashes the same name.
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

// get returns the ruling on p. n may be nil.
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

// set returns n with the ruling r on p. If r has no record, it removes p. n may be nil. The
// result is nil if it is empty.
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

// countLength updates n.lengths for r on prefix. change is the change in the number of
// prefixes of that length. The transaction must own n.
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

// own returns n itself if the transaction made it, else a copy for it to change. For nil it
// returns a new one. editOf returns a pointer to n's edit.
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

// change replaces the record old by new. Both have the same pattern, principal and host.
// Either may be nil, which stands for no record.
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
		return // such a host matches no client
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

// count returns by how much the number of records grows when new replaces old. Either may
// be nil.
func count(old, new *record) (n int32) {
	if old == nil {
		n++
	}
	if new == nil {
		n--
	}
	return n
}

// find returns the record of a pattern, principal and host, or nil. It also returns their
// party, a new one if the index has none. If sure is false, the index cannot tell whether
// there is such a record: it may be one of several variants, or one that matches no client.
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

// pack moves the parts of x that a transaction made together in memory.
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

// pack does nothing if another transaction made s. s may be nil.
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

// change returns h with old replaced by new on host; nil if it is empty. r is new or, if that
// is nil, old. h may be nil.
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

// change returns s with old replaced by new; nil if it is empty. r is new or, if that is nil,
// old. s may be nil.
func (s *scope) change(e *phash.Edit, r, old, new *record) *scope {
	p := r.patternOf()
	after := s.bind(e, p, s.of(r.typ).get(p).record.replaceVariant(old, new).ruling())
	if after != nil && after.party == nil {
		after.party = r.who
	}
	return after
}

// bind returns s with the ruling r on p. If r has no record, it removes p. s may be nil. The
// result is nil if it is empty.
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
