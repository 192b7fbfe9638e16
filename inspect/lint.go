package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
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

	CodeDeadHost      Code = "dead-host"      // no client has the host
	CodeDeadOperation Code = "dead-operation" // no request asks for the operation on the type
	CodeNoPrincipal   Code = "no-principal"   // nobody is named so: there is no colon, or nothing beside it

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
	Mend    string        // what to do about it
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
// CodeSemantics is about names that the type can have: LITERAL "*" differs on groups
// and transactional ids only, since no other name begins with an asterisk.
//
// The cost grows with the number of ACLs and its logarithm; and beyond that for a
// DENY with the number of ALLOW of its operations that are on narrower patterns, until
// one is found that it takes something from; and for ACLs of one principal, pattern
// and host with the number of those that hold them.
func Lint(n *snapshot.Snapshot, options LintOptions) []Finding {
	var findings []Finding
	known := options.PrincipalTypes
	if len(known) == 0 {
		known = []string{principal.UserType}
	}
	done := 0
	for _, t := range resource.Types() {
		l := &linter{census: takeCensus(load(n, t)), knownTypes: known}
		for _, text := range slices.Sorted(maps.Keys(l.rules)) {
			for _, r := range l.rules[text] {
				findings = append(findings, l.lint(r)...)
				done++
				options.Progress.step(done, n.Len())
			}
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return a.Binding.Compare(b.Binding) })
	return findings
}

// linter looks at the ACLs of one type.
type linter struct {
	*census
	knownTypes []string
}

// check is one kind of finding.
type check struct {
	code Code
	// finds reports whether r has it, with the words for reason and mend and the ACLs
	// that make it so.
	finds func(l *linter, r rule) (found bool, reason, mend string, others []acl.Binding)
}

// lint returns the findings of one ACL.
func (l *linter) lint(r rule) []Finding {
	removable := !l.matters(r)
	var findings []Finding
	for _, c := range checks {
		if found, reason, mend, others := c.finds(l, r); found {
			findings = append(findings, Finding{c.code, r.Binding, others, reason, mend, removable})
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
	f := Finding{Binding: r.Binding, Removable: true, Mend: "remove it"}
	same, denies := l.others(r)
	switch {
	case r.Entry.Permission == acl.Deny && len(same) > 0:
		f.Code, f.Others = CodeRedundant, same
		f.Reason = "other DENYs deny all that it denies, or nobody is allowed the rest"
	case r.Entry.Permission == acl.Deny:
		f.Code = CodeIdle
		f.Reason = "it denies what nobody is allowed"
		f.Mend = "remove it, unless it is there for an ALLOW to come"
	case len(denies) > 0 && l.isShadowed(r):
		f.Code, f.Others = CodeShadowed, denies
		f.Reason = "DENYs deny all that it allows"
		f.Mend = "remove it, or the DENY if that is the mistake"
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
			for node := top; node < int(v.hosts.end[top]); node++ {
				if !v.hosts.empty[node] && l.speaks(r)&^v.denied[node] != 0 {
					return false
				}
			}
		}
	}
	return true
}

// checks are the kinds of findings that look at an ACL for itself, in their order.
var checks = []check{
	{CodeSuperUser, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		return l.isSuper(r.Entry.Principal), fmt.Sprintf("%s is a super user, who may do everything", enum.Quote(r.Entry.Principal)),
			"remove it, or the principal from super.users", nil
	}},
	{CodeDeadHost, (*linter).deadHost},
	{CodeDeadOperation, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		return l.speaks(r) == 0, fmt.Sprintf("no request asks for %v on a %v", r.Entry.Operation, l.typ),
			fmt.Sprintf("use one of %v, or remove it", slices.Collect(l.supported.All())), nil
	}},
	{CodeNoPrincipal, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		text := r.Entry.Principal
		return !l.canBe(text), fmt.Sprintf("%s is nobody: a principal is a type, a colon and a name", enum.Quote(text)),
			fmt.Sprintf("write %s, or remove it", enum.Quote(principal.UserType+":"+text)), nil
	}},
	{CodePrefixedStar, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		return pointOf(r.Pattern) == asterisks, `PREFIXED "*" covers the names that begin with an asterisk, not all names`,
			`use LITERAL "*"`, nil
	}},
	{CodeStarPrincipal, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		return looksLikeWildcard(r.Entry.Principal), fmt.Sprintf("%s is one principal, not everyone", enum.Quote(r.Entry.Principal)),
			fmt.Sprintf("write %q, or the name of a principal", principal.Wildcard), nil
	}},
	{CodePrincipalType, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		typ, _, _ := strings.Cut(r.Entry.Principal, ":")
		return l.canBe(r.Entry.Principal) && !slices.Contains(l.knownTypes, typ),
			fmt.Sprintf("no principal has the type %s, unless a principal builder of your own makes them", enum.Quote(typ)),
			fmt.Sprintf("use one of the types %q, or add the type to those that are known", l.knownTypes), nil
	}},
	{CodePrefixOpens, (*linter).prefixOpens},
	{CodeEveryone, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		e := r.Entry
		return e.Principal == principal.Wildcard && e.Permission == acl.Allow && (e.Operation == ops.Write || e.Operation == ops.All),
			fmt.Sprintf("everyone, also who is not authenticated, is allowed %v from %s", e.Operation, enum.Quote(e.Host)),
			"name the principals that need it", nil
	}},
	{CodeClusterAll, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		return l.typ == resource.Cluster && r.Entry.Permission == acl.Allow && r.Entry.Operation == ops.All,
			"ALL on the cluster includes altering ACLs and acting as a broker", "name the operations that are needed", nil
	}},
	{CodeSemantics, (*linter).semantics},
	{CodeNoAnswer, func(l *linter, r rule) (bool, string, string, []acl.Binding) {
		malformed := !strings.Contains(r.Entry.Principal, ":")
		looping := l.policy.silent.fails() && r.Pattern.Name != "" && r.Pattern.Name[:1] == l.policy.silent.first
		return l.exact && (malformed || looping), "Kafka throws or loops for ever on names that it is on; the documented answer is given instead",
			"remove it, or replace it by one with a principal and with a name that begins with a letter", nil
	}},
}

func (l *linter) deadHost(r rule) (bool, string, string, []acl.Binding) {
	text := r.Entry.Host
	if _, ok := r.hosts(l.exact); ok || l.exact && l.anySilent && r.host.isDocumented {
		return false, "", "", nil
	}
	if r.host.isDocumented {
		mend := "write each address for itself"
		if !strings.Contains(text, "/") {
			mend = fmt.Sprintf("write %q", acl.HostAddress(r.host.documented.first()))
		}
		return true, fmt.Sprintf("Kafka compares text, and no address of a client is written %s", enum.Quote(text)), mend, nil
	}
	return true, fmt.Sprintf("%s is no address and no network, and names are not looked up: no client has it", enum.Quote(text)),
		fmt.Sprintf("write an address, a network such as 10.0.0.0/8, or %q", acl.WildcardHost), nil
}

// semantics finds an ACL that matches otherwise by Kafka's rules than by the
// documented ones, where Kafka gives an answer.
func (l *linter) semantics(r rule) (bool, string, string, []acl.Binding) {
	if !l.canBe(r.Entry.Principal) || l.speaks(r) == 0 {
		return false, "", "", nil
	}
	documented, kafka := r.host.documented, r.host.kafka
	if r.host.isDocumented && (!r.host.isInKafka || compareHosts(documented, kafka) != 0) {
		return true, fmt.Sprintf("Kafka compares the host %s as text, the documentation as an address or a network", enum.Quote(r.Entry.Host)),
			"write addresses as Java prints them, in full and with their zone", nil
	}
	mayBeginWithStar := l.typ == resource.Group || l.typ == resource.TransactionalID
	return r.host.isDocumented && r.Pattern.IsWildcard() && mayBeginWithStar,
		`Kafka does not apply LITERAL "*" to longer names that begin with an asterisk`,
		`add the same ACL on PREFIXED "*"`, nil
}

// separators are what parts of names are set apart with.
const separators = ".-_:/"

// prefixOpens finds an ALLOW on a prefix under which there is a resource of somebody
// else whose name goes on in the middle of a word.
func (l *linter) prefixOpens(r rule) (bool, string, string, []acl.Binding) {
	name := r.Pattern.Name
	if r.Entry.Permission == acl.Deny || r.Pattern.PatternType != resource.Prefixed || name == "" || strings.ContainsRune(separators, rune(name[len(name)-1])) {
		return false, "", "", nil
	}
	top, _ := l.names.find(pointOf(r.Pattern))
	for kid := top + 1; kid < int(l.names.end[top]); kid = int(l.names.end[kid]) {
		at := l.names.nodes[kid]
		if at.name == name || strings.ContainsRune(separators, rune(at.name[len(name)])) {
			continue
		}
		i := slices.IndexFunc(l.standing[kid], func(b acl.Binding) bool { return b.Entry.Principal != r.Entry.Principal })
		if i >= 0 {
			return true, fmt.Sprintf("the prefix %s also opens %s", enum.Quote(name), enum.Quote(at.name)),
				fmt.Sprintf("end the prefix with a separator, such as %s, or name the resources", enum.Quote(name+".")), l.standing[kid][i : i+1 : i+1]
		}
	}
	return false, "", "", nil
}

// looksLikeWildcard reports whether text seems to be User:*, but is not.
func looksLikeWildcard(text string) bool {
	const quotesAndSpace = " \t\r\n\"'`"
	star := func(s string) bool { return strings.Trim(s, quotesAndSpace) == "*" }
	typ, name, _ := strings.Cut(text, ":")
	return text != principal.Wildcard && (star(typ) || star(name))
}
