package inspect

import (
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Code names a kind of [Finding]. Codes are stable.
type Code string

// The codes. The first ones tell why an ACL makes no difference; they are given to
// every ACL that makes none.
const (
	CodeShadowed  Code = "shadowed"   // an ALLOW of which DENYs leave nothing
	CodeRedundant Code = "redundant"  // other ACLs, or Config.AllowIfNoACL, say all that it says
	CodeIdle      Code = "idle"       // a DENY of what nobody may do anyway
	CodeSuperUser Code = "super-user" // it is for a super user, who may do everything

	CodeDeadHost       Code = "dead-host"       // no client has the host
	CodeUnreadableHost Code = "unreadable-host" // a DENY whose host has a slash and is no network, or not at every broker
	CodeDeadOperation  Code = "dead-operation"  // no request asks for the operation on the type
	CodeNoPrincipal    Code = "no-principal"    // nobody is named so: there is no colon, or nothing beside it

	// What follows is about ACLs that may well make a difference.

	CodePrefixedStar  Code = "prefixed-star"  // PREFIXED "*" is no wildcard
	CodeStarPrincipal Code = "star-principal" // a principal that only looks like User:*
	CodePrincipalType Code = "principal-type" // a type of principals that is not among the known ones
	CodePrefixOpens   Code = "prefix-opens"   // an ALLOW on a prefix also opens a resource that begins with it by chance
	CodeEveryone      Code = "everyone"       // User:* may write, or do all
	CodeClusterAll    Code = "cluster-all"    // an ALLOW of ALL on the cluster
	CodeSemantics     Code = "semantics"      // it matches otherwise in KafkaExact than in Documented
	CodeNoAnswer      Code = "no-answer"      // Kafka throws or loops for ever on names that it is on
)

// MaxOthers is how many other ACLs a Finding names at the most: enough to see the
// cause, where thousands may say the same.
const MaxOthers = 10

// Finding is something about an ACL that somebody should look at.
type Finding struct {
	Code    Code
	Binding acl.Binding
	Others  []acl.Binding // the ACLs that make it so: the first few, if there are many
	Reason  string        // what is wrong; outside text in it is quoted and cut
	Fix     string        // what to do about it
	// Removable says that the ACL, alone, can be removed without a change of any
	// decision: see [Lint].
	Removable bool
}

// LintOptions says how [Lint] goes about it. The zero LintOptions is usable.
type LintOptions struct {
	// PrincipalTypes are the types of principals that clients have; User alone, if it
	// is empty.
	PrincipalTypes []string
	Progress       Progress
}

// Lint returns what is suspicious about the ACLs of n, sorted by ACL as
// acl.Binding.Compare does, and for one ACL in the order of the codes.
//
// An ACL is Removable exactly if no decision changes without it: of any subject, also
// with groups, on any name, from any address, of any operation that the type supports
// (ops.Supported), by the configuration of n. A decision is whether it is allowed. All
// findings of the ACL say so then, and one of them tells why. This holds for each
// ACL alone: of two that say the same each is removable, but not both. Lint anew after
// each removal. Where the snapshot is not ready, what it decides once it is counts.
//
// Two things are left out in KafkaExact, where Kafka gives no answer: subjects that are
// named User:*; and ACLs without a principal or on names that begin below an asterisk,
// which are never removable, because other names could get an answer without them.
//
// CodeSemantics is about names and addresses that there can be: LITERAL "*" differs on
// groups and transactional ids only, since no other name begins with an asterisk, and
// only link-local addresses have a zone.
//
// The cost grows with the number of ACLs and its logarithm; and beyond that for a
// DENY with the number of ALLOW of its operations that are on narrower patterns, until
// one is found that it takes something from; and for ACLs of one principal, pattern
// and host with the number of those that hold them. It is bounded by [Work]. The error
// is a [*WorkError].
func Lint(n *snapshot.Snapshot, options LintOptions) ([]Finding, error) {
	return lint(n, options, Work(n.Len()))
}

func lint(n *snapshot.Snapshot, options LintOptions, limit int) ([]Finding, error) {
	work := &worker{limit: limit}
	var findings []Finding
	known := options.PrincipalTypes
	if len(known) == 0 {
		known = []string{principal.UserType}
	}
	done := 0
	for _, t := range resource.Types() {
		l := &linter{census: takeCensus(load(n, t), work), knownTypes: known}
		for _, text := range slices.Sorted(maps.Keys(l.rules)) {
			for _, r := range l.rules[text] {
				findings = append(findings, l.lint(r)...)
				if work.exhausted() {
					return nil, &WorkError{"lint", limit, r.Binding.String(), "lint fewer ACLs at a time, such as those of one resource type"}
				}
				done++
				options.Progress.step(done, n.Len())
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return a.Binding.Compare(b.Binding) })
	return findings, nil
}

// linter looks at the ACLs of one type.
type linter struct {
	*census
	knownTypes []string
}

// lint returns the findings of one ACL.
func (l *linter) lint(r rule) []Finding {
	removable := !l.matters(r)
	var findings []Finding
	for _, c := range checks {
		if w := c.finds(l, r); w != nil {
			findings = append(findings, Finding{c.code, r.Binding, w.others, w.reason, w.fix, removable})
		}
	}
	explained := slices.ContainsFunc(findings, func(f Finding) bool { return slices.Contains(whyRemovable, f.Code) })
	if removable && !explained {
		findings = append([]Finding{l.whyNot(r)}, findings...)
	}
	return findings
}

// whyRemovable are the codes that say by themselves why an ACL makes no difference.
var whyRemovable = []Code{CodeSuperUser, CodeDeadHost, CodeDeadOperation, CodeNoPrincipal}

// whyNot returns the finding of an ACL that could match, but makes no difference.
func (l *linter) whyNot(r rule) Finding {
	f := Finding{Binding: r.Binding, Removable: true, Fix: "remove it"}
	same, denies := l.others(r)
	switch {
	case r.Entry.Permission == acl.Deny && len(same) > 0:
		f.Code, f.Others = CodeRedundant, same
		f.Reason = "other DENYs deny all that it denies, or nobody is allowed the rest"
	case r.Entry.Permission == acl.Deny:
		f.Code = CodeIdle
		f.Reason = "it denies what nobody is allowed"
		f.Fix = "remove it, unless it is there for an ALLOW to come"
	case len(denies) > 0 && l.isShadowed(r):
		f.Code, f.Others = CodeShadowed, denies
		f.Reason = "DENYs deny all that it allows"
		f.Fix = "remove it, or the DENY if that is the mistake"
	case len(same)+len(denies) == 0:
		f.Code = CodeRedundant
		f.Reason = "it allows everyone everything, as the configuration does where there is no ACL"
	default:
		f.Code, f.Others = CodeRedundant, limit(append(same, denies...))
		f.Reason = "other ACLs allow all that it allows"
		if len(denies) > 0 {
			f.Reason = "other ACLs allow, or deny, all that it allows"
		}
	}
	return f
}

func limit(list []acl.Binding) []acl.Binding { return list[:min(len(list), MaxOthers)] }

// others returns the ACLs that speak to the principal of r of something that r speaks
// of: those with its permission, and DENYs beside an ALLOW. The first of the widest
// cells stands for all.
func (l *linter) others(r rule) (same, denies []acl.Binding) {
	for _, exact := range l.modes() {
		mine, ok := r.hosts(exact)
		cells := l.widest(r, exact)
		if !ok || len(cells) == 0 {
			continue
		}
		take := func(o rule) {
			theirs, ok := o.hosts(exact)
			if !ok || o.Binding == r.Binding || !theirs.covers(mine) && !mine.covers(theirs) || l.speaks(o)&l.speaks(r) == 0 {
				return
			}
			switch {
			case o.Entry.Permission == r.Entry.Permission && len(same) < MaxOthers:
				same = append(same, o.Binding)
			case o.Entry.Permission == acl.Deny && r.Entry.Permission == acl.Allow && len(denies) < MaxOthers:
				denies = append(denies, o.Binding)
			}
		}
		l.each(r.Entry.Principal, cells[0], exact, take)
		if r.Entry.Principal != principal.Wildcard {
			l.each(principal.Wildcard, cells[0], exact, take)
		}
		break
	}
	slices.SortFunc(same, acl.Binding.Compare)
	slices.SortFunc(denies, acl.Binding.Compare)
	return same, denies
}

// speaks returns the operations that r is about, of those that the type supports.
func (l *linter) speaks(r rule) ops.Set {
	allows, denies := r.says()
	return (allows | denies) & l.supported
}

// isShadowed reports whether DENYs alone take everything from r, an ALLOW that makes
// no difference.
func (l *linter) isShadowed(r rule) bool {
	for _, exact := range l.modes() {
		h, ok := r.hosts(exact)
		if !ok {
			continue
		}
		for _, cell := range l.widest(r, exact) {
			v := l.voicesAt(r.Entry.Principal, cell, exact)
			top := v.hosts.find(h)
			for node := top; node < int(v.hosts.end[top]) && l.spend(1); node++ {
				if !v.hosts.empty[node] && l.speaks(r)&^v.denied[node] != 0 {
					return false
				}
			}
		}
	}
	return true
}

// words is what is said of an ACL that has something.
type words struct {
	reason, fix string
	others      []acl.Binding
}

// checks are the kinds of findings that look at an ACL for itself, in their order. Each
// returns nil for an ACL that has nothing of its kind.
var checks = []struct {
	code  Code
	finds func(l *linter, r rule) *words
}{
	{CodeSuperUser, (*linter).superUser},
	{CodeDeadHost, (*linter).deadHost},
	{CodeUnreadableHost, (*linter).unreadableHost},
	{CodeDeadOperation, (*linter).deadOperation},
	{CodeNoPrincipal, (*linter).noPrincipal},
	{CodePrefixedStar, (*linter).prefixedStar},
	{CodeStarPrincipal, (*linter).starPrincipal},
	{CodePrincipalType, (*linter).principalType},
	{CodePrefixOpens, (*linter).prefixOpens},
	{CodeEveryone, (*linter).everyone},
	{CodeClusterAll, (*linter).clusterAll},
	{CodeSemantics, (*linter).semantics},
	{CodeNoAnswer, (*linter).noAnswer},
}
