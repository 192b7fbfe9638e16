package refmodel

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// World has everything that answers depend on. The zero World has the documented
// semantics and no ACLs, and denies everything. Its methods do not change it.
type World struct {
	Exact        bool // the answers of Kafka's authorizer instead of the documented ones
	Networks     bool // if Exact: those of Kafka 4.4, where hosts can be networks
	SuperUsers   []principal.Principal
	AllowIfNoACL bool
	Loading      bool          // the first load is not complete
	ACLs         []acl.Binding // in any order; duplicates count once
}

// Subject is like snapshot.Subject.
type Subject struct {
	Principal principal.Principal
	Groups    []principal.Principal
	Host      netip.Addr
}

// Request is one question, like snapshot.Request.
type Request struct {
	Operation ops.Operation
	Type      resource.Type
	Name      string
}

// Rule is the rule that decided, in the words of snapshot.Reason. The zero Rule means
// none.
type Rule string

// The rules.
const (
	DefaultDeny   Rule = "default deny"
	NotReady      Rule = "not ready"
	MatchingDeny  Rule = "matching deny"
	NoHost        Rule = "no host"
	MatchingAllow Rule = "matching allow"
	DefaultAllow  Rule = "default allow"
	SuperUser     Rule = "super user"
)

// Answer is a decision. The zero Answer is a denial.
type Answer struct {
	Rule Rule
	ACL  *acl.Binding // the one that decides; nil if none does
	// Fallback says that Kafka gives no answer, so that this is the documented one.
	Fallback bool
}

// Allowed reports whether the answer is an allow.
func (a Answer) Allowed() bool {
	return a.Rule == MatchingAllow || a.Rule == DefaultAllow || a.Rule == SuperUser
}

// withoutACLs answers a question whose answer is the same for all ACLs.
func (w World) withoutACLs(s Subject) (a Answer, ok bool) {
	switch {
	case s.isNobody():
		return Answer{Rule: DefaultDeny}, true
	case s.isNowhere():
		return Answer{Rule: NoHost}, true
	case w.isSuper(s):
		return Answer{Rule: SuperUser}, true
	case w.Loading:
		return Answer{Rule: NotReady}, true
	}
	return Answer{}, false
}

// Check answers one question.
func (w World) Check(s Subject, r Request) Answer {
	if r.Operation < ops.Unknown || r.Operation > ops.TwoPhaseCommit || !isResourceType(r.Type) {
		return Answer{Rule: DefaultDeny}
	}
	if a, ok := w.withoutACLs(s); ok {
		return a
	}
	if w.Exact {
		if a, ok := w.scan(s, r); ok {
			return a
		}
		a := w.documented().Check(s, r)
		a.Fallback = true
		return a
	}
	matching := w.Explain(s, r)
	for _, permission := range []acl.PermissionType{acl.Deny, acl.Allow} {
		for _, b := range matching {
			if b.Entry.Permission == permission {
				return Answer{Rule: ruleOf(permission), ACL: &b}
			}
		}
	}
	if w.AllowIfNoACL && !slices.ContainsFunc(w.ACLs, func(b acl.Binding) bool { return covers(b.Pattern, r) }) {
		return Answer{Rule: DefaultAllow}
	}
	return Answer{Rule: DefaultDeny}
}

// Explain returns every ACL that matches the request, without duplicates, by the
// documented rules: the most specific pattern first, and on one pattern in the order of
// Kafka's listing.
func (w World) Explain(s Subject, r Request) []acl.Binding {
	var matching []acl.Binding
	for _, b := range w.ACLs {
		if covers(b.Pattern, r) && s.is(b.Entry.Principal) && isFrom(b.Entry, s.Host) && speaksOf(b.Entry, r.Operation) &&
			!slices.Contains(matching, b) {
			matching = append(matching, b)
		}
	}
	slices.SortFunc(matching, func(a, b acl.Binding) int {
		return cmp.Or(specificity(b.Pattern, r)-specificity(a.Pattern, r), kafkaOrder(a, b))
	})
	return matching
}

func (w World) documented() World {
	w.Exact, w.Networks = false, false
	return w
}

func ruleOf(p acl.PermissionType) Rule {
	if p == acl.Deny {
		return MatchingDeny
	}
	return MatchingAllow
}

// isNobody reports whether the subject has no principal, so that DENYs cannot be matched.
func (s Subject) isNobody() bool { return s.Principal.Type == "" && s.Principal.Name == "" }

// isNowhere reports whether the subject has no address, so that DENYs cannot be matched.
func (s Subject) isNowhere() bool { return s.Host == netip.Addr{} }

func (s Subject) principals() []principal.Principal {
	return append([]principal.Principal{s.Principal}, s.Groups...)
}

func (w World) isSuper(s Subject) bool {
	for _, p := range s.principals() {
		for _, super := range w.SuperUsers {
			if p.Type+p.Name != "" && p.Type+":"+p.Name == super.Type+":"+super.Name {
				return true
			}
		}
	}
	return false
}

// is reports whether an ACL's principal is one of the subject's, or everyone.
func (s Subject) is(text string) bool {
	typ, name, ok := strings.Cut(text, ":")
	if !ok {
		return false
	}
	for _, p := range s.principals() {
		if p.Type+p.Name != "" && p.Type == typ && p.Name == name {
			return true
		}
	}
	return text == "User:*"
}

func isResourceType(t resource.Type) bool { return t >= resource.Topic && t <= resource.User }

func covers(p resource.Pattern, r Request) bool {
	if p.Type != r.Type {
		return false
	}
	if p.PatternType == resource.Prefixed {
		return len(p.Name) <= len(r.Name) && p.Name == r.Name[:len(p.Name)]
	}
	return p.Name == "*" || p.Name == r.Name
}

// specificity orders the patterns that cover a name.
func specificity(p resource.Pattern, r Request) int {
	switch {
	case p.PatternType == resource.Prefixed:
		return len(p.Name)
	case p.Name == r.Name:
		return len(r.Name) + 1
	default:
		return -1
	}
}

// implied maps operations that an ALLOW of another operation also grants.
var implied = map[ops.Operation]ops.Operation{
	ops.Read:         ops.Describe,
	ops.Write:        ops.Describe,
	ops.Delete:       ops.Describe,
	ops.Alter:        ops.Describe,
	ops.AlterConfigs: ops.DescribeConfigs,
}

func speaksOf(e acl.Entry, op ops.Operation) bool {
	if e.Operation == ops.All || e.Operation == op {
		return true
	}
	also, ok := implied[e.Operation]
	return e.Permission == acl.Allow && ok && also == op
}

// kafkaOrder is the order of ACLs in Kafka's authorizer.
func kafkaOrder(a, b acl.Binding) int {
	if c := cmp.Compare(a.Pattern.Type, b.Pattern.Type); c != 0 {
		return c
	}
	if a.Pattern.Name != b.Pattern.Name {
		return slices.Compare(units(b.Pattern.Name), units(a.Pattern.Name)) // descending
	}
	if c := cmp.Or(cmp.Compare(a.Pattern.PatternType, b.Pattern.PatternType), cmp.Compare(a.Entry.Operation, b.Entry.Operation)); c != 0 {
		return c
	}
	return cmp.Or(
		slices.Compare(units(a.Entry.Principal), units(b.Entry.Principal)),
		slices.Compare(units(a.Entry.Host), units(b.Entry.Host)),
		cmp.Compare(a.Entry.Permission, b.Entry.Permission),
	)
}

// units are the UTF-16 units of a Java string.
func units(s string) []uint16 { return utf16.Encode([]rune(s)) }
