package snapshot

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/principal"
)

// Subject is a client: a principal, the groups that it is in, and its address. All principals
// of a subject count: a deny of any of them wins, and the subject is a super user if one of
// them is.
//
// A subject without a principal or without a valid address is denied everything, because no
// DENY could be compared with it. Without an address alone, the reason is [NoHost].
type Subject struct {
	Principal principal.Principal
	Groups    []principal.Principal // further principals, as a principal builder may add them; Kafka itself has none
	Host      netip.Addr            // an IPv4-mapped IPv6 address is the IPv4 address
}

// identity is what checks need to know about a subject. It does not depend on ACLs.
type identity struct {
	standing standing
	texts    []string // the principals that ACLs can name, including User:*; sorted
	hashes   []uint64 // of texts
	host     netip.Addr
	hostText string // as Kafka compares it
	keys     addressKeys
}

// standing is how a subject is treated before any ACL is read.
type standing uint8

const (
	nobody   standing = iota // denied everything
	nowhere                  // denied everything, because its address is not valid
	ordinary                 // the ACLs decide
	wildcard                 // ordinary, but its name is User:*, for which Kafka throws
	super                    // allowed everything
)

// identify returns the identity of s.
func (n *Snapshot) identify(s *Subject) identity {
	id := identity{host: s.Host.Unmap()}
	switch {
	case s.Principal.IsZero():
		return id
	case !s.Host.IsValid():
		id.standing = nowhere
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
		// The type of an ACL's principal ends at the first colon. So no ACL is for a type
		// with a colon, even if the texts are equal.
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
