package snapshot

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
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

// view is a subject resolved against one snapshot. It is immutable.
type view struct {
	snapshot *Snapshot
	standing standing
	// scopes are what the ACLs say of the subject, in the semantics of the
	// snapshot, sorted by principal and host key so that answers do not depend on
	// chance.
	scopes []*scope
	// documented is the same in the Documented semantics. KafkaExact falls back on
	// it where Kafka gives no answer.
	documented []*scope
	host       string // as Kafka compares it
}

// standing is what is known of a subject before any ACL is read.
type standing uint8

const (
	nobody   standing = iota // denied everything
	ordinary                 // the ACLs decide
	wildcard                 // ordinary, but so named that Kafka throws
	super                    // allowed everything
)

// resolve returns s as seen by the snapshot. It allocates.
func (n *Snapshot) resolve(s *Subject) *view {
	v := &view{snapshot: n}
	if s.Principal.IsZero() || !s.Host.IsValid() {
		return v
	}
	v.standing, v.host = ordinary, acl.HostAddress(s.Host)
	if s.Principal.String() == principal.Wildcard {
		v.standing = wildcard
	}
	texts := []string{principal.Wildcard}
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
			v.standing = super
			return v
		}
		// The type of an ACL's principal ends at the first colon, so a type with a
		// colon equals none, though the texts could be equal.
		if !strings.Contains(p.Type, ":") {
			texts = append(texts, text)
		}
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	v.scopes = n.index.scopes(texts, s.Host, n.semantics)
	v.documented = v.scopes
	if n.semantics == KafkaExact {
		v.documented = n.index.scopes(texts, s.Host, Documented)
	}
	return v
}

// scopes returns what the ACLs say of the principals with these texts at host.
func (x *index) scopes(texts []string, host netip.Addr, semantics Semantics) []*scope {
	keys := []hostKey{{}, {addr: host.Unmap(), bits: wholeAddress}}
	if semantics == Documented {
		keys = append(keys[:1], addressKeys(host)...)
	}
	var found []*scope
	for _, text := range texts {
		h, ok := x.principals.get(hashString(text), text)
		if !ok {
			continue
		}
		keys := keys
		if semantics == Documented {
			keys = h.networks.keys(slices.Clip(keys), host)
		}
		for _, key := range keys {
			if s, ok := h.hosts.get(hashHost(key), key); ok {
				found = append(found, s)
			}
		}
	}
	return found
}
