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

// The codes. The first group says why an ACL has no effect. Every ACL without effect
// gets one of them.
const (
	CodeShadowed  Code = "shadowed"   // DENYs deny everything that the ALLOW allows
	CodeRedundant Code = "redundant"  // other ACLs, or Config.AllowIfNoACL, have the same effect
	CodeIdle      Code = "idle"       // a DENY of what nobody is allowed anyway
	CodeSuperUser Code = "super-user" // for a super user, who may do everything

	CodeDeadHost       Code = "dead-host"       // no client can have the host
	CodeUnreadableHost Code = "unreadable-host" // a DENY whose host has a slash and is not a network, or not at every broker
	CodeDeadOperation  Code = "dead-operation"  // no request asks for the operation on the type
	CodeNoPrincipal    Code = "no-principal"    // no principal has this text: it has no colon, or only a colon

	// The second group is about ACLs that may have an effect.

	CodePrefixedStar  Code = "prefixed-star"  // PREFIXED "*" is not a wildcard
	CodeEmptyName     Code = "empty-name"     // an empty name, which Kafka once stored: as a prefix it covers every name
	CodeNamePattern   Code = "name-pattern"   // an asterisk, a regular expression or a list inside a name
	CodeNoTopic       Code = "no-topic"       // a name that no topic can have
	CodeUnprintable   Code = "unprintable"    // a line break, or another character that acts on a terminal
	CodeClusterName   Code = "cluster-name"   // a cluster that is not kafka-cluster
	CodeStarPrincipal Code = "star-principal" // a principal that only looks like User:*, or has another asterisk
	CodePrincipalList Code = "principal-list" // a principal that seems to be several
	CodePrincipalType Code = "principal-type" // a type of principals that is not among the known ones
	CodePrefixOpens   Code = "prefix-opens"   // an ALLOW on a prefix also opens a resource that only happens to begin with it
	CodeEveryone      Code = "everyone"       // User:* may write, or do all
	CodeClusterAll    Code = "cluster-all"    // an ALLOW of ALL on the cluster
	CodeSemantics     Code = "semantics"      // it matches differently in KafkaExact and in Documented
	CodeFrom44        Code = "from-4.4"       // no release before 4.4 matches the host, and 4.4 does
	CodeNoClient      Code = "no-client"      // no client can have an address of the host, such as one of multicast
	CodeHostText      Code = "host-text"      // the host is a network, and its text is not the canonical one
	CodeSideEffect    Code = "side-effect"    // an ALLOW makes something possible elsewhere, without a right of its own
	CodeNoAnswer      Code = "no-answer"      // Kafka throws an exception or loops forever for names that it covers

	// The third group is about the configuration, not about an ACL.

	CodeSuperUserList Code = "super-user-list" // a super user that seems to be several
)

// MaxOthers is the maximum number of other ACLs in a Finding. There may be thousands;
// these are enough to show the cause.
const MaxOthers = 10

// Finding is something that should be reviewed: about an ACL, or about a super user.
type Finding struct {
	Code Code
	// Level is that of the code. It is LevelError for a DENY with a mistake because of which it
	// does not deny what it seems to.
	Level     Level
	Binding   acl.Binding   // zero if SuperUser is set
	SuperUser string        // the principal in Config.SuperUsers that it is about
	Others    []acl.Binding // the ACLs that cause it: the first few, if there are many
	Reason    string        // what is wrong; text from ACLs is quoted and truncated
	Fix       string        // what to do about it
	// Removable says that removing only this ACL changes no decision: see [Lint].
	Removable bool
}

// LintOptions configures [Lint]. The zero LintOptions is usable.
type LintOptions struct {
	// PrincipalTypes are the types of principals that clients have. If it is empty, the
	// only type is User.
	PrincipalTypes []string
	Progress       Progress
}

// Lint returns the findings about the ACLs and the super users of n. They are sorted by
// level, the most dangerous first, then by code in the order of [Codes], and then by ACL as
// by acl.Binding.Compare.
//
// An ACL is Removable exactly if no decision changes without it: of any subject, with
// or without groups, on any name, from any address, of any operation that the type
// supports (ops.Supported), with the configuration of n. A decision is whether a check
// is allowed. All findings of the ACL then have the flag, and one of them says why. The
// flag is about each ACL alone: if two have the same effect, each is removable, but not
// both. Lint again after each removal. If the snapshot is not ready, its decisions once
// it is ready count.
//
// In KafkaExact, where Kafka sometimes gives no answer, there are two exceptions.
// Subjects called User:* are ignored. ACLs without a principal, or on names that begin
// below an asterisk, are never removable, because without them Kafka could give an
// answer for other names.
//
// CodeFrom44 is found where the rules are Documented or those of a release before 4.4: with an
// upgrade to 4.4 the ACL starts to match, whatever the metadata version of the cluster is.
// CodeSemantics does not repeat it.
//
// CodeSemantics considers only names and addresses that can exist. LITERAL "*" differs
// on groups and transactional ids only, because no other name begins with an asterisk,
// and only link-local addresses have a zone.
//
// The cost is n log n in the number of ACLs. For a DENY it also grows with the number
// of ALLOWs of its operations on narrower patterns, until one is found that it
// restricts. For ACLs of one principal, pattern and host it also grows with the number
// of ACLs that contain them. It is bounded by [Work]. The error is a [*WorkError].
func Lint(n *snapshot.Snapshot, options LintOptions) ([]Finding, error) {
	return lint(n, options, Work(n.Len()))
}

func lint(n *snapshot.Snapshot, options LintOptions, limit int) ([]Finding, error) {
	work := &worker{limit: limit}
	var findings []Finding
	known := options.PrincipalTypes
	if len(known) == 0 {
		known = []string{principal.Anonymous.Type}
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
	findings = append(findings, lintSuperUsers(n.Config())...)
	slices.SortStableFunc(findings, byDanger)
	return findings, nil
}

// linter checks the ACLs of one type.
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
			findings = append(findings, Finding{
				Code: c.code, Level: levelOf(c.code, r.Binding), Binding: r.Binding,
				Others: w.others, Reason: w.reason, Fix: w.fix, Removable: removable,
			})
		}
	}
	explained := slices.ContainsFunc(findings, func(f Finding) bool { return slices.Contains(whyRemovable, f.Code) })
	if removable && !explained {
		findings = append([]Finding{l.whyNot(r)}, findings...)
	}
	return findings
}

// whyRemovable are the codes that are sufficient reasons why an ACL has no effect.
var whyRemovable = []Code{CodeSuperUser, CodeDeadHost, CodeDeadOperation, CodeNoPrincipal}

// whyNot returns the finding for an ACL that could match but has no effect.
func (l *linter) whyNot(r rule) Finding {
	f := Finding{Binding: r.Binding, Removable: true, Fix: "remove it"}
	same, denies := l.others(r)
	switch {
	case r.Entry.Permission == acl.Deny && len(same) > 0:
		f.Code, f.Others = CodeRedundant, same
		f.Reason = "other DENYs deny everything that it denies, or nobody is allowed the rest"
	case r.Entry.Permission == acl.Deny:
		f.Code = CodeIdle
		f.Reason = "it denies only what nobody is allowed"
		f.Fix = "remove it, unless it is meant for a future ALLOW"
	case len(denies) > 0 && l.isShadowed(r):
		f.Code, f.Others = CodeShadowed, denies
		f.Reason = "DENYs deny everything that it allows"
		f.Fix = "remove it, or the DENY if that is the mistake"
	case len(same)+len(denies) == 0:
		f.Code = CodeRedundant
		f.Reason = "it allows everyone everything, as the configuration does without ACLs"
	default:
		f.Code, f.Others = CodeRedundant, limit(append(same, denies...))
		f.Reason = "other ACLs allow everything that it allows"
		if len(denies) > 0 {
			f.Reason = "other ACLs allow or deny everything that it allows"
		}
	}
	f.Level = levelOf(f.Code, r.Binding)
	return f
}

func limit(list []acl.Binding) []acl.Binding { return list[:min(len(list), MaxOthers)] }

// others returns the ACLs for the principal of r that overlap with r: those with the
// same permission and, for an ALLOW, the DENYs. Only the first of the widest cells is
// considered.
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

// speaks returns the operations of r that the type supports.
func (l *linter) speaks(r rule) ops.Set {
	allows, denies := r.says()
	return (allows | denies) & l.supported
}

// isShadowed reports whether DENYs alone make r, an ALLOW without effect, ineffective.
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

// words are the texts of a finding.
type words struct {
	reason, fix string
	others      []acl.Binding
}

// checks are the findings that concern an ACL alone, in order. Each function returns
// nil if the ACL does not have the finding.
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
	{CodeEmptyName, (*linter).emptyName},
	{CodeNamePattern, (*linter).namePattern},
	{CodeNoTopic, (*linter).noTopic},
	{CodeUnprintable, (*linter).unprintable},
	{CodeClusterName, (*linter).clusterName},
	{CodeStarPrincipal, (*linter).starPrincipal},
	{CodePrincipalList, (*linter).principalList},
	{CodePrincipalType, (*linter).principalType},
	{CodePrefixOpens, (*linter).prefixOpens},
	{CodeEveryone, (*linter).everyone},
	{CodeClusterAll, (*linter).clusterAll},
	{CodeSemantics, (*linter).semantics},
	{CodeFrom44, (*linter).from44},
	{CodeNoClient, (*linter).noClient},
	{CodeHostText, (*linter).hostText},
	{CodeSideEffect, (*linter).sideEffect},
	{CodeNoAnswer, (*linter).noAnswer},
}
