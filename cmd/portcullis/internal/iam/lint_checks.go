package iam

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/lint"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// The codes of findings about role bindings.
const (
	codeAdmin    = "accidental-admin"
	codeOwner    = "owner-of-all"
	codeUnknown  = "unknown-cluster"
	codeNothing  = "gives-nothing"
	codeDenied   = "denied"
	codeMembers  = "no-members"
	codeTwice    = "duplicate"
	codeShadowed = "shadowed"
)

// lintRules are the codes, the most dangerous first.
var lintRules = []lint.Rule{
	{Code: codeAdmin, Summary: "A group that everyone is in administers a cluster, or has a role on all resources.", Level: inspect.LevelError},
	{Code: codeOwner, Summary: "A role that gives others access is bound to all resources of a type.", Level: inspect.LevelWarning},
	{Code: codeUnknown, Summary: "The cluster of a binding is not among the registered ones.", Level: inspect.LevelWarning},
	{Code: codeNothing, Summary: "A role gives nothing on the resource of the binding.", Level: inspect.LevelWarning},
	{Code: codeDenied, Summary: "A DENY takes something from a binding.", Level: inspect.LevelWarning},
	{Code: codeMembers, Summary: "A role is bound to a group without members.", Level: inspect.LevelWarning},
	{Code: codeTwice, Summary: "A binding is there twice, by the name and by the id of its cluster.", Level: inspect.LevelNote},
	{Code: codeShadowed, Summary: "Another binding gives all that a binding gives.", Level: inspect.LevelNote},
}

// everyoneNames are names of groups that everyone is in, in lower case without the characters
// between words.
var everyoneNames = []string{"everyone", "everybody", "all", "allusers", "allemployees", "users", "domainusers", "authenticatedusers", "employees", "staff", "anyone", "public", "builtinusers"}

// leastUsers is how many users there must be before a group of all of them says anything.
const leastUsers = 3

// linter looks for findings about the bindings of a file.
type linter struct {
	*file
	members map[string]int // how many users a group has; nil without --groups
	users   int
	list    []lint.Item

	clusters map[string]bool             // ids of registered Kafka clusters
	owned    map[ownerKey][]role.Binding // with patterns, by who has them and where they begin
	lengths  map[ownerKey][]int          // of the names of PREFIXED bindings, without the name in the key
	denies   map[deniedKey]*overlaps
}

// deniedKey finds DENY ACLs by the id of their cluster, the principal and the type.
type deniedKey struct {
	cluster, principal string
	kind               resource.Type
}

// ownerKey finds bindings that may cover another one.
type ownerKey struct {
	principal principal.Principal
	scope     role.Scope
	kind      string
	name      string // of the pattern; "" for a whole cluster
}

func newLinter(f *file) *linter {
	l := &linter{file: f, clusters: map[string]bool{}, owned: map[ownerKey][]role.Binding{}, lengths: map[ownerKey][]int{}, denies: map[deniedKey]*overlaps{}}
	for _, c := range f.Clusters {
		l.clusters[c.Scope.Kafka] = true
	}
	for _, b := range f.Bindings {
		scope := l.resolved(b)
		k := ownerKey{b.Principal, scope, b.Pattern.ResourceType, b.Pattern.Name}
		l.owned[k] = append(l.owned[k], b)
		if k.name = ""; b.Pattern.PatternType == prefixed && !slices.Contains(l.lengths[k], len(b.Pattern.Name)) {
			l.lengths[k] = append(l.lengths[k], len(b.Pattern.Name))
		}
	}
	for k := range l.lengths {
		slices.Sort(l.lengths[k])
	}
	for _, a := range f.ACLs {
		if at, err := a.Resolve(f.registry); err == nil && a.ACL.Entry.Permission == acl.Deny {
			k := deniedKey{at.Scope.Kafka, a.ACL.Entry.Principal, a.ACL.Pattern.Type}
			if l.denies[k] == nil {
				l.denies[k] = &overlaps{}
			}
			l.denies[k].acls = append(l.denies[k].acls, a.ACL)
		}
	}
	for _, denies := range l.denies {
		denies.sort()
	}
	return l
}

// resolved returns the scope of ids of a binding, which is checked.
func (l *linter) resolved(b role.Binding) role.Scope {
	scope, err := l.registry.Resolve(b.Scope)
	if err != nil {
		return b.Scope
	}
	return scope
}

// lintFinding is a finding in JSON.
type lintFinding struct {
	Code      string        `json:"code"`
	Level     string        `json:"level,omitempty"`
	Binding   *role.Binding `json:"binding"`
	Removable *bool         `json:"removable,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Mend      string        `json:"mend,omitempty"`
	Others    []string      `json:"others,omitempty"`
}

// found adds a finding.
func (l *linter) found(b role.Binding, code string, removable bool, reason, fix string, others ...string) {
	at := slices.IndexFunc(lintRules, func(r lint.Rule) bool { return r.Code == code })
	level := lintRules[at].Level
	l.list = append(l.list, lint.Item{
		Code: code, Level: level, Removable: removable, Reason: reason, Fix: fix, Kind: "binding", About: b.String() + " in " + scopeText(b.Scope), Others: others,
		JSON:     lintFinding{code, level.String(), &b, &removable, reason, fix, others},
		Identity: lintFinding{Code: code, Binding: &b},
	})
}

// items returns the findings, the most dangerous first.
func (l *linter) items(path string) []lint.Item {
	for _, b := range l.Bindings {
		r, _ := l.table.Role(b.Role) // it is checked
		scope := l.resolved(b)
		if len(l.Clusters) > 0 && !l.clusters[scope.Kafka] {
			l.found(b, codeUnknown, false, "no registered cluster has this id", "correct the id of the cluster, or register it")
		}
		if l.members != nil && b.Principal.Type == "Group" && l.members[b.Principal.Name] == 0 {
			l.found(b, codeMembers, false, "nobody is in the group", "correct the name of the group: its case matters; or remove the binding")
		}
		l.checkAdmin(b, &r)
		if why := l.givesNothing(b, &r, scope); why != "" {
			l.found(b, codeNothing, true, why, "bind the role that was meant, or remove the binding")
			continue
		}
		l.checkDenied(b, scope)
		l.checkCovered(b, &r, scope)
	}
	order := func(i lint.Item) int {
		return slices.IndexFunc(lintRules, func(r lint.Rule) bool { return r.Code == i.Code })
	}
	slices.SortStableFunc(l.list, func(a, b lint.Item) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(order(a), order(b)), strings.Compare(a.Reason, b.Reason))
	})
	for i := range l.list {
		l.list[i].File = path
	}
	return l.list
}

// isEveryone reports whether everyone is in a group.
func (l *linter) isEveryone(p principal.Principal) bool {
	if p.Type != "Group" {
		return false
	}
	if l.members != nil && l.users >= leastUsers && l.members[p.Name] == l.users {
		return true
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.\\/", r) {
			return -1
		}
		return r
	}, strings.ToLower(p.Name))
	return slices.Contains(everyoneNames, name)
}

// gives reports whether a role allows an operation on a type of resource.
func gives(r *role.Role, kind, operation string) bool {
	return slices.ContainsFunc(r.Grants, func(g role.Grant) bool {
		return g.Permission == acl.Allow && (g.ResourceType == role.All || g.ResourceType == kind) && (slices.Contains(g.Operations, role.All) || slices.Contains(g.Operations, operation))
	})
}

// checkAdmin finds administrators that were probably not meant.
func (l *linter) checkAdmin(b role.Binding, r *role.Role) {
	everything := b.Pattern == (role.Pattern{}) || b.Pattern.Name == resource.Wildcard && b.Pattern.PatternType == literal
	owner := b.Pattern != (role.Pattern{}) && gives(r, b.Pattern.ResourceType, "AlterAccess")
	switch allows := slices.ContainsFunc(r.Grants, func(g role.Grant) bool { return g.Permission == acl.Allow && len(g.Operations) > 0 }); {
	case allows && l.isEveryone(b.Principal) && everything:
		l.found(b, codeAdmin, false, "everyone is in the group, and the role is for the whole cluster or for all resources of a type", "bind the role to a group of the people who need it")
	case allows && l.isEveryone(b.Principal) && owner:
		l.found(b, codeAdmin, false, "everyone is in the group, and the role lets them give access to others", "bind the role to a group of the people who need it")
	case everything && owner:
		l.found(b, codeOwner, false, "it owns every "+b.Pattern.ResourceType+", also those that others create later, and gives access to them", "bind it to a prefix")
	}
}

// givesNothing returns why a binding gives nothing, or "".
func (l *linter) givesNothing(b role.Binding, r *role.Role, scope role.Scope) string {
	kind := b.Pattern.ResourceType
	if kind == "" {
		if !slices.ContainsFunc(r.Grants, func(g role.Grant) bool { return len(g.Operations) > 0 }) {
			return "the role has no operation"
		}
		return ""
	}
	if !slices.ContainsFunc(r.Grants, func(g role.Grant) bool {
		return (g.ResourceType == role.All || g.ResourceType == kind) && len(g.Operations) > 0
	}) {
		return "the role " + b.Role + " has no operation on a " + kind
	}
	t, err := resource.ParseType(kind)
	isKafka := err == nil && t.IsConcrete() && t.DisplayName() == kind
	switch inKafka := scope == (role.Scope{Kafka: scope.Kafka}); {
	case inKafka && !isKafka:
		return "a Kafka cluster has no " + kind + ": the scope lacks the component"
	case !inKafka && isKafka:
		return "the scope is a component, which has no " + kind
	}
	return ""
}

// mostDenies is how many DENY ACLs a finding lists: enough to see what they are about.
const mostDenies = 10

// checkDenied finds what a DENY for everyone or for the same principal takes from a binding.
func (l *linter) checkDenied(b role.Binding, scope role.Scope) {
	if len(l.denies) == 0 || scope != (role.Scope{Kafka: scope.Kafka}) {
		return
	}
	policy := role.NewPolicy(scope.Kafka, l.table, l.registry)
	if _, err := policy.Apply([]role.Binding{b}, nil); err != nil {
		return
	}
	found := map[acl.Binding]bool{}
	for _, a := range slices.SortedFunc(policy.ACLs(), acl.Binding.Compare) {
		if a.Entry.Permission != acl.Allow {
			continue
		}
		for _, who := range []string{principal.Wildcard, b.Principal.String()} {
			for d := range l.denies[deniedKey{scope.Kafka, who, a.Pattern.Type}].with(a.Pattern) {
				if len(found) <= mostDenies && (d.Entry.Operation == a.Entry.Operation || d.Entry.Operation == ops.All || a.Entry.Operation == ops.All) {
					found[d] = true
				}
			}
		}
	}
	var others []string
	for _, d := range slices.SortedFunc(maps.Keys(found), acl.Binding.Compare) {
		others = append(others, cli.ACLText(d))
	}
	if len(others) > mostDenies {
		others = append(others[:mostDenies], "and more")
	}
	if len(others) > 0 {
		l.found(b, codeDenied, false, "a DENY takes a part of what the role gives, or all of it, and the bindings do not show that", "remove the DENY, or tell those who have the role", others...)
	}
}

// overlaps finds the ACLs of one type whose names overlap with a pattern.
type overlaps struct {
	acls    []acl.Binding // sorted by name
	lengths []int         // of the names of PREFIXED ones
}

func (o *overlaps) sort() {
	slices.SortFunc(o.acls, func(a, b acl.Binding) int { return strings.Compare(a.Pattern.Name, b.Pattern.Name) })
	for _, a := range o.acls {
		if a.Pattern.PatternType == prefixed {
			o.lengths = append(o.lengths, len(a.Pattern.Name))
		}
	}
	slices.Sort(o.lengths)
	o.lengths = slices.Compact(o.lengths)
}

// with returns the ACLs that have a name in common with a pattern. A nil o has none.
func (o *overlaps) with(p resource.Pattern) iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) {
		if o == nil {
			return
		}
		if p.PatternType == literal && p.Name == resource.Wildcard {
			for _, a := range o.acls {
				if !yield(a) {
					return
				}
			}
			return
		}
		// named yields those whose name is, or begins with, a text.
		named := func(text string, begins bool, matches func(acl.Binding) bool) bool {
			at, _ := slices.BinarySearchFunc(o.acls, text, func(a acl.Binding, text string) int { return strings.Compare(a.Pattern.Name, text) })
			for ; at < len(o.acls) && (o.acls[at].Pattern.Name == text || begins && strings.HasPrefix(o.acls[at].Pattern.Name, text)); at++ {
				if matches(o.acls[at]) && !yield(o.acls[at]) {
					return false
				}
			}
			return true
		}
		isAll := func(a acl.Binding) bool {
			return a.Pattern.PatternType == literal && a.Pattern.Name == resource.Wildcard
		}
		shorter := func(a acl.Binding) bool { return a.Pattern.PatternType == prefixed && covers(a.Pattern, p) }
		if !named(resource.Wildcard, false, isAll) {
			return
		}
		for _, n := range o.lengths {
			if n < len(p.Name) && !named(p.Name[:n], false, shorter) {
				return
			}
		}
		named(p.Name, p.PatternType == prefixed, func(a acl.Binding) bool { return !isAll(a) && (covers(a.Pattern, p) || covers(p, a.Pattern)) })
	}
}

// covers reports whether all names of q, of the same type, are in p.
func covers(p, q resource.Pattern) bool {
	switch {
	case p.PatternType == literal && p.Name == resource.Wildcard:
		return true
	case p.PatternType == literal:
		return p == q
	}
	return strings.HasPrefix(q.Name, p.Name) && !(q.PatternType == literal && q.Name == resource.Wildcard)
}

// checkCovered finds bindings that another one of the same principal makes needless.
func (l *linter) checkCovered(b role.Binding, r *role.Role, scope role.Scope) {
	keys := []ownerKey{{b.Principal, scope, "", ""}}
	if kind := b.Pattern.ResourceType; kind != "" {
		keys = append(keys, ownerKey{b.Principal, scope, kind, resource.Wildcard})
		for _, n := range l.lengths[ownerKey{b.Principal, scope, kind, ""}] {
			if n < len(b.Pattern.Name) {
				keys = append(keys, ownerKey{b.Principal, scope, kind, b.Pattern.Name[:n]})
			}
		}
		if b.Pattern.Name != resource.Wildcard {
			keys = append(keys, ownerKey{b.Principal, scope, kind, b.Pattern.Name})
		}
	}
	for _, k := range keys {
		for _, other := range l.owned[k] {
			switch {
			case other == b || !l.givesAll(other, b, r):
			case other.Role == b.Role && other.Pattern == b.Pattern:
				if other.Compare(b) < 0 {
					l.found(b, codeTwice, true, "the same binding is there with another name of its cluster", "remove one of them", other.String()+" in "+scopeText(other.Scope))
				}
				return
			case other.Compare(b) < 0 || !l.coversBack(b, other):
				l.found(b, codeShadowed, true, "another binding of the same principal gives all that it gives", "remove it, or the other one if that gives too much", other.String()+" in "+scopeText(other.Scope))
				return
			}
		}
	}
}

func (l *linter) coversBack(b, other role.Binding) bool {
	r, _ := l.table.Role(other.Role)
	return l.givesAll(b, other, &r)
}

// givesAll reports whether a binding gives all that another one of the same principal and scope
// gives. What denies, or is limited to some clients, is never covered.
func (l *linter) givesAll(b, other role.Binding, r *role.Role) bool {
	strong, _ := l.table.Role(b.Role)
	if other.Pattern == (role.Pattern{}) {
		return b.Pattern == (role.Pattern{}) && b.Role == other.Role
	}
	if b.Pattern != (role.Pattern{}) && !patternCovers(b.Pattern, other.Pattern) {
		return false
	}
	for _, g := range strong.Grants {
		if g.Permission != acl.Allow || g.Host != acl.WildcardHost || len(g.Patterns) > 0 {
			return false
		}
	}
	for _, g := range r.Grants {
		if g.ResourceType != role.All && g.ResourceType != other.Pattern.ResourceType {
			continue
		}
		if g.Permission != acl.Allow || g.Host != acl.WildcardHost {
			return false
		}
		for _, operation := range g.Operations {
			if !gives(&strong, other.Pattern.ResourceType, operation) {
				return false
			}
		}
	}
	return true
}

func patternCovers(p, q role.Pattern) bool {
	a, b := resource.Pattern{Name: p.Name, PatternType: p.PatternType}, resource.Pattern{Name: q.Name, PatternType: q.PatternType}
	return p.ResourceType == q.ResourceType && covers(a, b)
}
