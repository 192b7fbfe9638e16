package snapshot

import (
	"strings"
	"unsafe"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// maxStackText is the longest text of a principal that a check without a session builds on its
// stack. X.500 names of people and machines are shorter.
const maxStackText = 256

// everyone is the hash of User:*.
var everyone = phash.HashString(principal.Wildcard)

// checkOnce decides a check as View.decide does, without an identity and a View, so that nothing
// is allocated. It knows the usual subject: one principal, by the documented rules, and networks
// in no ACL for it. ok is false for all others, of which it decides nothing.
func (n *Snapshot) checkOnce(s *Subject, op ops.Operation, t resource.Type, name string) (d Decision, ok bool) {
	bit := bitOf(op)
	p := &s.Principal
	if n.semantics != Documented || !n.ready || len(s.Groups) > 0 || p.IsZero() || !s.Host.IsValid() || bit == 0 || !t.IsConcrete() ||
		len(p.Type)+1+len(p.Name) > maxStackText || strings.Contains(p.Type, ":") {
		return Decision{}, false
	}
	var buffer [maxStackText]byte
	text := textOn(&buffer, p)
	if len(n.superUsers) > 0 {
		if _, ok := n.superUsers[text]; ok {
			return Decision{generation: n.generation, reason: SuperUser}, true
		}
	}
	own, _ := n.index.principals.Get(phash.HashString(text), text)
	all, _ := n.index.principals.Get(everyone, principal.Wildcard)
	var deny, allow candidate
	hash := phash.HashString(name)
	for _, h := range [2]*holder{own, all} {
		switch {
		case h == nil:
			continue
		case h.networks != nil:
			return Decision{}, false
		case h.anywhere != nil:
			d, a := h.anywhere.of(t).ask(hash, bit, name)
			deny, allow = deny.or(d, bit, acl.Deny, false), allow.or(a, bit, acl.Allow, false)
		}
		if h.hosts.Len() == 0 {
			continue
		}
		keys := keysOf(s.Host.Unmap())
		for _, key := range keys.in(Documented) {
			d, a := h.scope(key).of(t).ask(hash, bit, name)
			deny, allow = deny.or(d, bit, acl.Deny, false), allow.or(a, bit, acl.Allow, false)
		}
	}
	switch {
	case deny.record != nil || allow.record != nil:
		return found(n.generation, deny, allow, op), true
	case n.defaultTo != DefaultDeny && !isCovered(n.index.covered, t, name):
		return Decision{generation: n.generation, reason: n.defaultTo}, true
	}
	return Decision{generation: n.generation}, true
}

// textOn returns the text of p, which lies in buffer: it must fit, and is valid for as long as
// buffer is not changed.
func textOn(buffer *[maxStackText]byte, p *principal.Principal) string {
	k := copy(buffer[:], p.Type)
	k += copy(buffer[k:], ":")
	k += copy(buffer[k:], p.Name)
	return unsafe.String(&buffer[0], k) // k is at most len(buffer), because copy copies no more
}
