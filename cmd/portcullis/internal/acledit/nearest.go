package acledit

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// difference is a field in which an ACL is not what a removal names.
type difference struct {
	field, has, wanted string
	near               bool // the texts are nearly the same
}

// differences returns why a filter does not select an ACL. Patterns of other types are too far
// away to be meant.
func differences(f acl.Filter, b acl.Binding) (list []difference, comparable bool) {
	if f.Pattern.Type != b.Pattern.Type {
		return nil, false
	}
	text := func(field, has string, wanted *string) {
		if wanted != nil && has != *wanted {
			near := strings.EqualFold(has, *wanted) || properties.Nearest(*wanted, []string{has}) != ""
			list = append(list, difference{field, lines.Printable(has), lines.Printable(*wanted), near})
		}
	}
	p := f.Pattern
	if p.PatternType.IsSpecific() && p.PatternType != b.Pattern.PatternType {
		list = append(list, difference{"pattern type", b.Pattern.PatternType.String(), p.PatternType.String(), true})
	}
	byName := resource.PatternFilter{Type: p.Type, PatternType: p.PatternType, Name: p.Name}
	if p.PatternType.IsSpecific() {
		byName.PatternType = resource.PatternAny
	}
	if !byName.Matches(b.Pattern) {
		text("name", b.Pattern.Name, p.Name)
	}
	text("principal", b.Entry.Principal, f.Entry.Principal)
	text("host", b.Entry.Host, f.Entry.Host)
	if o := f.Entry.Operation; o != ops.Any && o != b.Entry.Operation {
		list = append(list, difference{"operation", b.Entry.Operation.DisplayName(), o.DisplayName(), false})
	}
	if want := f.Entry.Permission; want != acl.PermissionAny && want != b.Entry.Permission {
		list = append(list, difference{"permission", b.Entry.Permission.String(), want.String(), false})
	}
	return list, true
}

// distance weighs differences: a field that is nearly the same counts for half.
func distance(list []difference) (n int) {
	for _, d := range list {
		n += 2
		if d.near {
			n--
		}
	}
	return n
}

// nearest describes the ACL that is most like what the changes would remove, or returns "" if
// there is none on a resource of such a type.
func nearest(n *snapshot.Snapshot, changes []change) string {
	var best acl.Binding
	var why []difference
	for _, c := range changes {
		for _, f := range c.filters() {
			for b := range n.All() {
				if list, ok := differences(f, b); ok && (why == nil || distance(list) < distance(why)) {
					best, why = b, list
				}
			}
		}
	}
	if why == nil {
		return ""
	}
	texts := make([]string, len(why))
	for i, d := range why {
		texts[i] = fmt.Sprintf("%s %s, not %s", d.field, d.has, d.wanted)
	}
	return cli.ACLText(best) + ": it has " + strings.Join(texts, "; ")
}
