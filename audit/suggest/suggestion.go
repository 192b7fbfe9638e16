package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Options says how to generalise the ACLs and how to check the result. The zero Options
// generalises nothing.
type Options struct {
	// Prefixes are PREFIXED patterns that may replace names in the trace that begin
	// with them. The longest one is used.
	Prefixes []resource.Pattern
	// AnyHost makes the ACLs apply to every host.
	AnyHost bool
	// Denied makes the ACLs allow also what the trace denied. The log of a proxy has nothing
	// else. A DENY in force still wins over the suggested ACLs.
	Denied bool
	// Semantics are the semantics with which the suggested set must allow the trace.
	Semantics snapshot.Semantics
}

// asks reports whether the suggested ACLs are to allow q.
func (o *Options) asks(q question) bool { return q.allowed || o.Denied }

// Suggestion is a set of ACLs that allows a trace.
type Suggestion struct {
	// ACLs are the ACLs to create, all ALLOW, in the order of [acl.Binding.Compare]. No
	// two for the same principal and host are redundant.
	ACLs []acl.Binding
	// Unresolved are the questions that the ACLs are to allow and do not.
	Unresolved []Unresolved
}

// Unresolved is a question for which no ACL is suggested.
type Unresolved struct {
	Subject snapshot.Subject
	Request snapshot.Request
	ByType  bool
	Reason  string
}

// grant has the fields that an ACL shares with a question.
type grant struct {
	principal string
	host      string
	pattern   resource.Pattern
}

// Suggest returns ACLs for what the trace allowed to principals other than super users, and
// with Options.Denied for what it denied:
// for each principal, host and resource, the operations that the others do not imply.
// It fails only if a prefix in o is not a PREFIXED pattern that Kafka would accept.
//
// It suggests no ACL that would allow more than the trace: for a resource called "*",
// for a principal called User:*, or where no ACL can express it. A by-type question
// depends on ACLs for other questions. Without any it is unresolved.
func (c *Collector) Suggest(o Options) (Suggestion, error) {
	for _, p := range o.Prefixes {
		b := acl.Binding{Pattern: p, Entry: acl.Entry{Principal: principal.Anonymous.String(), Host: acl.WildcardHost, Operation: ops.All, Permission: acl.Allow}}
		if err := b.Validate(); err != nil || p.PatternType != resource.Prefixed {
			return Suggestion{}, fmt.Errorf("suggest: prefix %v: expected a PREFIXED pattern of a resource type, with a name", p)
		}
	}
	grants := make(map[grant]ops.Set)
	refused := make(map[question]string)
	for q := range c.questions {
		if !o.asks(q) || q.byType {
			continue
		}
		g, reason := o.grantFor(q)
		if reason == "" {
			grants[g] |= ops.SetOf(q.request.Operation)
		} else {
			refused[q] = reason
		}
	}
	var s Suggestion
	for g, asked := range grants {
		for op := range leastOf(asked).All() {
			s.ACLs = append(s.ACLs, acl.Binding{Pattern: g.pattern, Entry: acl.Entry{Principal: g.principal, Host: g.host, Operation: op, Permission: acl.Allow}})
		}
	}
	slices.SortFunc(s.ACLs, acl.Binding.Compare)
	s.ACLs = withoutRedundant(s.ACLs)
	var err error
	s.Unresolved, err = c.unresolved(s.ACLs, &o, refused)
	if err != nil {
		return Suggestion{}, err
	}
	return s, nil
}

// grantFor returns the grant that allows q and no more than the options permit, or the
// reason why there is none.
func (o *Options) grantFor(q question) (g grant, reason string) {
	g = grant{q.principal.String(), acl.HostAddress(q.host), resource.LiteralPattern(q.request.Type, q.request.Name)}
	if o.AnyHost {
		g.host = acl.WildcardHost
	}
	longest := -1
	for _, p := range o.Prefixes {
		if p.Covers(q.request.Type, q.request.Name) && len(p.Name) > longest {
			g.pattern, longest = p, len(p.Name)
		}
	}
	b := acl.Binding{Pattern: g.pattern, Entry: acl.Entry{Principal: g.principal, Host: g.host, Operation: q.request.Operation, Permission: acl.Allow}}
	switch err := b.Validate(); {
	case q.principal.IsZero():
		return g, "the record has no principal"
	case g.principal == principal.Wildcard:
		return g, "an ACL for User:* would apply to everyone"
	case strings.Contains(q.principal.Type, ":"):
		return g, "an ACL would name another principal, because the type contains a colon"
	case g.pattern.IsWildcard():
		return g, `an ACL on LITERAL "*" is on every resource of the type`
	case err != nil:
		return g, "no ACL can express it: " + err.Error()
	}
	return g, ""
}

// leastOf returns the operations of s that no other operation of s implies.
func leastOf(s ops.Set) ops.Set {
	least := s
	for op := range s.All() {
		for other := range s.All() {
			if other != op && ops.AllowedBy(other).Has(op) {
				least &^= ops.SetOf(op)
			}
		}
	}
	return least
}

// withoutRedundant removes ACLs that are covered by a broader one of the same principal
// and host. Only a prefix covers other patterns.
func withoutRedundant(acls []acl.Binding) []acl.Binding {
	prefixes := make(map[acl.Binding]struct{}) // the ACLs on prefixes
	lengths := make(map[int]struct{})
	for _, b := range acls {
		if b.Pattern.PatternType == resource.Prefixed {
			prefixes[b] = struct{}{}
			lengths[len(b.Pattern.Name)] = struct{}{}
		}
	}
	return slices.DeleteFunc(acls, func(b acl.Binding) bool {
		for n := range lengths {
			if n >= len(b.Pattern.Name) {
				continue
			}
			broader := b
			broader.Pattern = resource.PrefixedPattern(b.Pattern.Type, b.Pattern.Name[:n])
			for op := ops.All; op.IsKnown(); op++ {
				broader.Entry.Operation = op
				if _, ok := prefixes[broader]; ok && ops.AllowedBy(b.Entry.Operation)&^ops.AllowedBy(op) == 0 {
					return true
				}
			}
		}
		return false
	})
}

// unresolved checks the questions against a store with only these ACLs.
func (c *Collector) unresolved(acls []acl.Binding, o *Options, refused map[question]string) ([]Unresolved, error) {
	store := snapshot.NewStore(snapshot.Config{Semantics: o.Semantics})
	if err := store.Replace(slices.Values(acls)); err != nil {
		return nil, err
	}
	n := store.Load()
	var list []Unresolved
	for q := range c.questions {
		if !o.asks(q) || c.decide(n, q).Allowed() {
			continue
		}
		reason := refused[q]
		if reason == "" {
			reason = "no suggested ACL allows it"
			if q.byType {
				reason = "it is about any resource of the type, and the trace does not show which"
			}
		}
		list = append(list, Unresolved{c.subject(q), q.request, q.byType, reason})
	}
	slices.SortFunc(list, func(a, b Unresolved) int {
		return cmp.Or(
			strings.Compare(a.Subject.Principal.String(), b.Subject.Principal.String()),
			a.Subject.Host.Compare(b.Subject.Host),
			cmp.Compare(a.Request.Type, b.Request.Type),
			strings.Compare(a.Request.Name, b.Request.Name),
			cmp.Compare(a.Request.Operation, b.Request.Operation),
			strings.Compare(fmt.Sprintf("%q", a.Subject.Groups), fmt.Sprintf("%q", b.Subject.Groups)),
		)
	})
	return list, nil
}
