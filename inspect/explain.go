package inspect

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Explanation is the reason for the decision of a check. The zero Explanation is a
// denial without reasons.
type Explanation struct {
	// Decision is the result of Snapshot.Check.
	Decision snapshot.Decision
	// Semantics is how the ACLs were compared. It is Documented even in a KafkaExact
	// snapshot if Kafka gives no answer to this question.
	Semantics snapshot.Semantics
	// Matches are all ACLs that match the question, whichever of them decides. The most
	// specific pattern comes first (LITERAL of this name, then the longest prefix, then
	// LITERAL "*"). ACLs on one pattern are sorted by operation, principal, host and
	// permission, DENY first. Text is sorted as in Java.
	Matches []Match
	// NearMisses are all ACLs that fail in exactly one field, sorted by the field and
	// then as by acl.Binding.Compare.
	NearMisses []NearMiss
	// SideEffects is what the request's right makes possible elsewhere without a right of its
	// own, if the decision allows it and the release has it (Documented has the newest).
	SideEffects []ops.SideEffect
	// How many entries each list lacks because of the limit.
	MoreMatches, MoreNearMisses int
}

// Match is an ACL that matched.
type Match struct {
	Binding acl.Binding
	Decides bool // the decision names it
}

// NearMiss is an ACL that fails to match in a single field.
type NearMiss struct {
	Binding acl.Binding
	Field   Field
	// Fixed is the ACL with that field changed so that it matches: to the PREFIXED pattern
	// that was probably meant (syslog* is PREFIXED syslog, and orders. is PREFIXED orders.), or
	// else to a LITERAL pattern of the resource's name; to the principal, the address or the
	// operation of the question, or to ALLOW.
	Fixed acl.Binding
}

// Field is a field of an ACL that can prevent it from matching. The zero Field is
// FieldOperation.
type Field uint8

// The fields, in the order of near misses: ACLs of the same client and resource come
// first, those of other principals last.
const (
	FieldOperation  Field = iota // not the requested operation, ALL, or one that implies it
	FieldPermission              // a DENY, which implies nothing, of an operation whose ALLOW would match
	FieldHost                    // the host does not cover the address
	FieldName                    // the pattern does not cover the name
	FieldPrincipal               // neither a principal of the subject nor User:*
)

var fieldNames = enum.Names{"OPERATION", "PERMISSION", "HOST", "NAME", "PRINCIPAL"}

// String returns the name of f, such as "operation", or "Field(99)" for an unknown
// value.
func (f Field) String() string {
	if !fieldNames.Known(int(f)) {
		return fieldNames.String("Field", int(f))
	}
	return strings.ToLower(fieldNames[f])
}

// String returns the ACL, the field that prevents it from matching, and the fix.
// Nothing is escaped.
func (m NearMiss) String() string {
	e := m.Fixed.Entry
	fixes := [...]string{
		FieldOperation:  e.Operation.String(),
		FieldPermission: e.Permission.String(),
		FieldHost:       e.Host,
		FieldName:       m.Fixed.Pattern.PatternType.String() + " " + m.Fixed.Pattern.Name,
		FieldPrincipal:  e.Principal,
	}
	return fmt.Sprintf("%s would match with %v %s", m.Binding, m.Field, fixes[m.Field])
}

// Explain explains the decision of n on a check: which ACLs matched, which one decided,
// and which failed to match in only one field. The decision is that of
// [snapshot.Snapshot.Check]. Matches are also listed for super users and for a snapshot
// that is not ready, although they do not count there. There are none for questions
// that no ACL can match: those of a subject without a principal or an address, and
// those with an invalid type or operation.
//
// In KafkaExact a near miss is listed only if the fixed ACL matches by Kafka's rules,
// whether or not Kafka then gives an answer.
//
// A limit above 0 bounds the number of matches and that of near misses. Explain reads
// all ACLs on the resource type, so do not use it in the path of a request.
func Explain(n *snapshot.Snapshot, who snapshot.Subject, r snapshot.Request, limit int) Explanation {
	x := Explanation{Decision: n.Check(who, r.Operation, r.Type, r.Name)}
	config := n.Config()
	x.Semantics = config.Semantics
	if x.Decision.Allowed() && config.Semantics != snapshot.KafkaExact {
		x.SideEffects = ops.SideEffects(r.Operation, r.Type)
	}
	canMatch := !who.Principal.IsZero() && who.Host.IsValid() && r.Type.IsConcrete() &&
		(r.Operation == ops.Unknown || r.Operation.IsKnown())
	if !canMatch {
		return x
	}
	p := load(n, r.Type)
	q := question{
		policy: p, subject: p.subjectOf(append([]principal.Principal{who.Principal}, who.Groups...)...),
		host: who.Host.Unmap(), request: r, exact: p.exact,
	}
	rules := p.all()
	if p.exact && q.kafkaGivesNone(rules) {
		q.exact = false
		x.Semantics = snapshot.Documented
	}
	decides, named := x.Decision.Binding()
	for _, b := range q.matches(rules) {
		x.Matches = append(x.Matches, Match{Binding: b, Decides: named && b == decides})
	}
	x.NearMisses = q.nearMisses(rules)
	if limit > 0 {
		x.MoreMatches, x.MoreNearMisses = max(0, len(x.Matches)-limit), max(0, len(x.NearMisses)-limit)
		x.Matches = slices.Clone(x.Matches[:min(limit, len(x.Matches))])
		x.NearMisses = slices.Clone(x.NearMisses[:min(limit, len(x.NearMisses))])
	}
	return x
}

// question is one check in the form in which ACLs are compared with it.
type question struct {
	*policy
	subject subject
	host    netip.Addr // unmapped
	request snapshot.Request
	exact   bool // by Kafka's rules
}

// covers reports whether the pattern of r covers the name.
func (q *question) covers(r rule) bool {
	if r.Pattern.IsWildcard() {
		return wildcardCovers(point{name: q.request.Name}, q.exact)
	}
	return pointOf(r.Pattern).holds(q.request.Name)
}

// isFor reports whether r applies to a principal of the subject.
func (q *question) isFor(r rule) bool {
	return r.Entry.Principal == principal.Wildcard || slices.Contains(q.subject.texts, r.Entry.Principal)
}

// isFrom reports whether the host of r covers the address.
func (q *question) isFrom(r rule) bool {
	h, ok := r.hosts(q.exact)
	if r.host.Network().IsValid() {
		return ok && r.host.Contains(q.host) // Contains excludes 0.0.0.0
	}
	return ok && h.holds(q.host)
}

// speaksOf reports whether r allows or denies the operation.
func (q *question) speaksOf(r rule) bool {
	allows, denies := r.says()
	return (allows | denies).Has(q.request.Operation)
}

func (q *question) isMatch(r rule) bool {
	return q.isFor(r) && q.speaksOf(r) && q.isFrom(r) && q.covers(r)
}

// matches returns the ACLs that match, in the order of Explanation.Matches.
func (q *question) matches(rules []rule) []acl.Binding {
	var matching []acl.Binding
	for _, r := range rules {
		if q.isMatch(r) {
			matching = append(matching, r.Binding)
		}
	}
	slices.SortFunc(matching, q.compare)
	return matching
}

// compare orders ACLs that cover the name as in Explanation.Matches.
func (q *question) compare(a, b acl.Binding) int {
	return cmp.Or(
		cmp.Compare(q.specificity(b.Pattern), q.specificity(a.Pattern)),
		cmp.Compare(a.Entry.Operation, b.Entry.Operation),
		compareUTF16(a.Entry.Principal, b.Entry.Principal),
		compareUTF16(a.Entry.Host, b.Entry.Host),
		cmp.Compare(a.Entry.Permission, b.Entry.Permission),
	)
}

func (q *question) specificity(p resource.Pattern) int {
	switch {
	case p.PatternType == resource.Prefixed:
		return len(p.Name)
	case p.Name == q.request.Name:
		return math.MaxInt
	}
	return -1
}

// compareUTF16 compares text as Java does.
func compareUTF16(a, b string) int {
	if a == b {
		return 0
	}
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// kafkaGivesNone reports whether Kafka throws an exception or loops forever for the
// question. It does so for this subject, for an ACL without a principal that it reaches
// before a DENY, or in its second scan if it reaches no DENY before.
func (q *question) kafkaGivesNone(rules []rule) bool {
	if q.subject.silent {
		return true
	}
	var deny *acl.Binding
	for _, b := range q.matches(rules) {
		if b.Entry.Permission == acl.Deny {
			deny = &b
			break
		}
	}
	if deny == nil && q.silent.failsFor(q.request.Name) {
		return true
	}
	return slices.ContainsFunc(rules, func(r rule) bool {
		return !strings.Contains(r.Entry.Principal, ":") && q.covers(r) && (deny == nil || q.compare(r.Binding, *deny) < 0)
	})
}

// nearMisses returns the ACLs that fail in one field, in the order of
// Explanation.NearMisses.
func (q *question) nearMisses(rules []rule) []NearMiss {
	var misses []NearMiss
	for _, r := range rules {
		if field, one := q.failure(r); one {
			if fixed := q.fix(r.Binding, field); q.wouldMatch(fixed) {
				misses = append(misses, NearMiss{Binding: r.Binding, Field: field, Fixed: fixed})
			}
		}
	}
	slices.SortFunc(misses, func(a, b NearMiss) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), a.Binding.Compare(b.Binding))
	})
	return misses
}

// failure returns the field in which r fails, and whether there is exactly one.
func (q *question) failure(r rule) (field Field, one bool) {
	n := 0
	fail := func(f Field, failed bool) {
		if failed {
			field = f
			n++
		}
	}
	fail(FieldPrincipal, !q.isFor(r))
	fail(FieldName, !q.covers(r))
	fail(FieldHost, !q.isFrom(r))
	if !q.speaksOf(r) {
		implies := ops.AllowedBy(r.Entry.Operation).Has(q.request.Operation) && !r.host.FailsClosed()
		fail(FieldPermission, implies)
		fail(FieldOperation, !implies)
	}
	return field, n == 1
}

// fix returns b with a field changed to match the question.
func (q *question) fix(b acl.Binding, field Field) acl.Binding {
	switch field {
	case FieldOperation:
		b.Entry.Operation = q.request.Operation
		if b.Entry.Operation <= ops.Any { // no ACL can have it
			b.Entry.Operation = ops.All
		}
	case FieldPermission:
		b.Entry.Permission = acl.Allow
	case FieldHost:
		b.Entry.Host = acl.HostAddress(q.host)
	case FieldName:
		b.Pattern = q.meantPattern(b.Pattern)
	case FieldPrincipal:
		b.Entry.Principal = principal.Wildcard
		if len(q.subject.texts) > 0 {
			b.Entry.Principal = q.subject.texts[0]
		}
	}
	return b
}

// meantPattern returns what was probably meant by a pattern that does not cover the name of
// the question: a PREFIXED pattern, if its name has an asterisk at the end, or ends with a
// separator, and the name of the question begins with it; or else the name of the question.
func (q *question) meantPattern(p resource.Pattern) resource.Pattern {
	meant, ok := meantPrefix(p)
	if n := len(p.Name); !ok && p.PatternType == resource.Literal && n > 0 && endsPart(p.Name[n-1]) {
		meant, ok = resource.PrefixedPattern(p.Type, p.Name), true
	}
	if ok && pointOf(meant).holds(q.request.Name) {
		return meant
	}
	return resource.LiteralPattern(q.typ, q.request.Name)
}

// wouldMatch reports whether b matches. In KafkaExact, Kafka's rules apply.
func (q *question) wouldMatch(b acl.Binding) bool {
	asked := *q
	asked.exact = q.policy.exact
	return asked.isMatch(rule{b, newHostForms(hostOf{b.Entry.Host, b.Entry.Permission}, q.policy.release)})
}
