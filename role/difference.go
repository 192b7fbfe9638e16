package role

import (
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/principal"
)

// Gained returns the bindings of the policy that a cluster with some ACLs does not have yet: of
// which one of the ACLs that they stand for is missing. They are sorted. It costs a compilation.
func (p *Policy) Gained(before map[acl.Binding]bool) (list []Binding) {
	var buffer []acl.Binding
	for _, h := range p.held {
		buffer = p.table.appendACLs(buffer[:0], *h)
		if slices.ContainsFunc(buffer, func(a acl.Binding) bool { return !before[a] }) {
			list = append(list, p.binding(h))
		}
	}
	slices.SortFunc(list, Binding.Compare)
	return list
}

// Lost returns the bindings that a cluster with some ACLs has in effect, and no longer with
// those of the policy: all ACLs that they stand for are in before, and one of them is not in the
// policy. A cluster keeps no bindings, so that they are inferred from the roles of the table; of
// those that one binding explains, only it is returned. They are sorted. The cost grows with the
// number of ACLs that are lost, and the number of roles.
func (p *Policy) Lost(before map[acl.Binding]bool) (list []Binding) {
	candidates := map[principal.Principal]map[held]bool{}
	for a := range before {
		if _, kept := p.sources[a]; kept {
			continue
		}
		who, err := principal.Parse(a.Entry.Principal)
		if err != nil {
			continue
		}
		if candidates[who] == nil {
			candidates[who] = map[held]bool{}
		}
		pattern := Pattern{a.Pattern.Type.DisplayName(), a.Pattern.Name, a.Pattern.PatternType}
		for i := range p.table.roles {
			h := held{who, p.table.roles[i].Name, Pattern{}}
			if p.table.roles[i].Level == ResourceLevel {
				h.pattern = pattern
			}
			candidates[who][h] = true
		}
	}
	for _, who := range slices.SortedFunc(maps.Keys(candidates), func(a, b principal.Principal) int {
		return Binding{Principal: a}.Compare(Binding{Principal: b})
	}) {
		list = append(list, p.largest(candidates[who], before)...)
	}
	return list
}

// largest returns the bindings of one principal that a cluster has in effect and loses, without
// those whose ACLs another one stands for too.
func (p *Policy) largest(candidates map[held]bool, before map[acl.Binding]bool) (list []Binding) {
	type found struct {
		binding Binding
		acls    []acl.Binding
	}
	var all []found
	for h := range candidates {
		b := p.binding(&h)
		if p.table.Validate(b) != nil {
			continue
		}
		acls := p.table.appendACLs(nil, h)
		has := len(acls) > 0 && !slices.ContainsFunc(acls, func(a acl.Binding) bool { return !before[a] })
		if has && slices.ContainsFunc(acls, func(a acl.Binding) bool { _, kept := p.sources[a]; return !kept }) {
			all = append(all, found{b, acls})
		}
	}
	// The largest first. One that has nothing new to explain is left out.
	slices.SortFunc(all, func(a, b found) int {
		if len(a.acls) != len(b.acls) {
			return len(b.acls) - len(a.acls)
		}
		return a.binding.Compare(b.binding)
	})
	explained := map[acl.Binding]bool{}
	for _, f := range all {
		if !slices.ContainsFunc(f.acls, func(a acl.Binding) bool { return !explained[a] }) {
			continue
		}
		for _, a := range f.acls {
			explained[a] = true
		}
		list = append(list, f.binding)
	}
	slices.SortFunc(list, Binding.Compare)
	return list
}
