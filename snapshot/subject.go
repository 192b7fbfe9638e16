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
