package snapshot

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/principal"
)

// Subject is who asks: a principal, the groups it is in, and the address it comes
// from. Every principal of a subject counts: a deny on any of them wins, and it is
// a super user if one of them is.
//
// A subject without a principal or without a valid address is denied everything:
// whom or where a DENY is for could not be told.
type Subject struct {
	Principal principal.Principal
	Groups    []principal.Principal // further principals, as a principal builder may add them; Kafka itself has none
	Host      netip.Addr            // an IPv4-mapped IPv6 address is the IPv4 address
}

// identity is a subject as the ACLs know it: what can be told of it without
// looking at any.
type identity struct {
	standing standing
	texts    []string // of the principals that an ACL can name, User:* among them; sorted
	hashes   []uint64 // of texts
	host     netip.Addr
	hostText string // as Kafka compares it
	keys     addressKeys
}

// standing is what is known of a subject before any ACL is read.
type standing uint8

const (
	nobody   standing = iota // denied everything
	ordinary                 // the ACLs decide
	wildcard                 // ordinary, but so named that Kafka throws
	super                    // allowed everything
)

// identify returns s as ACLs know it.
func (n *Snapshot) identify(s *Subject) identity {
	id := identity{host: s.Host.Unmap()}
	if s.Principal.IsZero() || !s.Host.IsValid() {
		return id
	}
	id.standing = ordinary
	if s.Principal.String() == principal.Wildcard {
		id.standing = wildcard
	}
	id.texts = append(id.texts, principal.Wildcard)
	for i := range len(s.Groups) + 1 {
		p := s.Principal
		if i > 0 {
			p = s.Groups[i-1]
		}
		if p.IsZero() {
			continue
		}
		text := p.String()
		if _, ok := n.superUsers[text]; ok {
			return identity{standing: super}
		}
		// The type of an ACL's principal ends at the first colon, so a type with a
		// colon equals none, though the texts could be equal.
		if !strings.Contains(p.Type, ":") {
			id.texts = append(id.texts, text)
		}
	}
	slices.Sort(id.texts)
	id.texts = slices.Compact(id.texts)
	for _, text := range id.texts {
		id.hashes = append(id.hashes, phash.HashString(text))
	}
	id.hostText = acl.HostAddress(s.Host)
	id.keys = keysOf(id.host)
	return id
}

// View is what one snapshot says of a subject: see [Session.View]. It implements
// ops.Authorizer. View is immutable once built. It is safe for concurrent use by any
// number of goroutines. The zero View denies everything.
type View struct {
	*identity
	// What follows is taken from the snapshot one by one: a View that pointed to its
	// snapshot would keep all its ACLs alive for as long as a session is idle.
	generation uint64
	ready      bool
	semantics  Semantics
	defaultTo  Reason
	covered    *scope
	malformed  *scope
	below      *belowStar

	holders []*holder // of the identity's texts; nil where no ACL names one
	// scopes are what the ACLs say of the subject, in the semantics of the
	// snapshot, sorted by principal and host key so that answers do not depend on
	// chance.
	scopes []*scope
	// documented is the same in the Documented semantics. KafkaExact falls back on
	// it where Kafka gives no answer.
	documented []*scope
	// alone says that the subject is an ordinary one of a store that is ready, of the
	// Documented semantics, and that no more than one scope speaks of it. Nearly every
	// check is of such a view, and needs no more of it than names, which are those of
	// that scope by type.
	alone bool
	names [typeCount]*names
}

// resolve returns the identity as seen by the snapshot. It allocates. If the view
// before it, which may be nil, found the same ACLs, it does little else.
func (n *Snapshot) resolve(id *identity, before *View) *View {
	v := &View{
		identity: id, generation: n.generation, ready: n.ready, semantics: n.semantics, defaultTo: n.defaultTo,
		covered: n.index.covered, malformed: n.index.malformed, below: n.index.below,
	}
	if before != nil && before.semantics == n.semantics && before.stillHolds(n) {
		v.holders, v.scopes, v.documented = before.holders, before.scopes, before.documented
		v.setAlone()
		return v
	}
	v.holders = make([]*holder, len(id.texts))
	for i, text := range id.texts {
		v.holders[i], _ = n.index.principals.Get(id.hashes[i], text)
	}
	v.scopes = id.scopes(v.holders, n.semantics)
	v.documented = v.scopes
	if n.semantics.IsKafkaExact() {
		v.documented = id.scopes(v.holders, Documented)
	}
	v.setAlone()
	return v
}

// setAlone sets alone and names by what else is in v.
func (v *View) setAlone() {
	v.alone = v.standing == ordinary && v.ready && !v.semantics.IsKafkaExact() && len(v.scopes) <= 1
	if v.alone && len(v.scopes) == 1 {
		v.names = v.scopes[0].types
	}
}

// stillHolds reports whether n says of the subject what v's snapshot said.
func (v *View) stillHolds(n *Snapshot) bool {
	for i, text := range v.texts {
		if h, _ := n.index.principals.Get(v.hashes[i], text); h != v.holders[i] {
			return false
		}
	}
	return true
}

// scopes returns what is said of the holders at the identity's host.
func (id *identity) scopes(holders []*holder, semantics Semantics) (found []*scope) {
	keys := id.keys.in(semantics)
	for _, h := range holders {
		if h == nil {
			continue
		}
		if h.anywhere != nil {
			found = append(found, h.anywhere)
		}
		at := keys
		if semantics != KafkaExact {
			at = h.networks.keys(slices.Clip(keys), id.host)
		}
		for _, key := range at {
			if s := h.scope(key); s != nil {
				found = append(found, s)
			}
		}
	}
	return found
}
