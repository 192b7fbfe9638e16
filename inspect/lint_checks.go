package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func (l *linter) superUser(r rule) *words {
	if !l.isSuper(r.Entry.Principal) {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("%s is a super user and may do everything", enum.Quote(r.Entry.Principal)),
		fix:    "remove it, or the principal from super.users",
	}
}

func (l *linter) deadOperation(r rule) *words {
	if l.speaks(r) != 0 {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("no request asks for %v on a %v", r.Entry.Operation, l.typ),
		fix:    fmt.Sprintf("use one of %v, or remove it", slices.Collect(l.supported.All())),
	}
}

func (l *linter) noPrincipal(r rule) *words {
	text := r.Entry.Principal
	if l.canBe(text) {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("%s matches no principal: a principal is a type, a colon and a name", enum.Quote(text)),
		fix:    fmt.Sprintf("write a principal such as %q, or remove it", principal.User("alice")),
	}
}

func (l *linter) prefixedStar(r rule) *words {
	if pointOf(r.Pattern) != asterisks {
		return nil
	}
	return &words{reason: `PREFIXED "*" covers the names that begin with an asterisk, not all names`, fix: `use LITERAL "*"`}
}

// emptyName finds an ACL that some releases stored. Kafka 4.4 creates none with an empty name.
func (l *linter) emptyName(r rule) *words {
	switch {
	case r.Pattern.Name != "":
		return nil
	case r.Pattern.PatternType == resource.Prefixed:
		return &words{reason: fmt.Sprintf("every name of a %v begins with the empty prefix", l.typ), fix: `name the resources, or use LITERAL "*" if it is to be about all`}
	}
	return &words{reason: fmt.Sprintf("it is only about a %v without a name, and not about all", l.typ), fix: `name the resource, or remove it`}
}

func (l *linter) principalType(r rule) *words {
	typ, _, _ := strings.Cut(r.Entry.Principal, ":")
	if !l.canBe(r.Entry.Principal) || slices.Contains(l.knownTypes, typ) {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("no principal has the type %s, unless a custom principal builder returns it", enum.Quote(typ)),
		fix:    fmt.Sprintf("use one of the types %q, or add it to the known types", l.knownTypes),
	}
}

// separators are the characters that separate the parts of names.
const separators = ".-_:/"

// prefixOpens finds an ALLOW on a prefix that also covers a resource of another owner,
// whose name continues in the middle of a word.
func (l *linter) prefixOpens(r rule) *words {
	name := r.Pattern.Name
	if r.Entry.Permission == acl.Deny || r.Pattern.PatternType != resource.Prefixed || name == "" || endsPart(name[len(name)-1]) {
		return nil
	}
	top, _ := l.names.find(pointOf(r.Pattern))
	for kid := top + 1; kid < int(l.names.end[top]) && l.spend(1); kid = int(l.names.end[kid]) {
		at := l.names.nodes[kid]
		if at.name == name || endsPart(at.name[len(name)]) {
			continue
		}
		i := slices.IndexFunc(l.standing[kid], func(b acl.Binding) bool { return b.Entry.Principal != r.Entry.Principal })
		if i >= 0 {
			return &words{
				reason: fmt.Sprintf("the prefix %s also opens %s", enum.Quote(name), enum.Quote(at.name)),
				fix:    fmt.Sprintf("end the prefix with a separator, such as %s, or name the resources", enum.Quote(name+".")),
				others: slices.Clone(l.standing[kid][i : i+1]),
			}
		}
	}
	return nil
}

func endsPart(b byte) bool { return strings.IndexByte(separators, b) >= 0 }

func (l *linter) everyone(r rule) *words {
	e := r.Entry
	if e.Principal != principal.Wildcard || e.Permission != acl.Allow || e.Operation != ops.Write && e.Operation != ops.All {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("everyone, also who is not authenticated, is allowed %v from %s", e.Operation, enum.Quote(e.Host)),
		fix:    "name the principals that need it",
	}
}

func (l *linter) clusterAll(r rule) *words {
	if l.typ != resource.Cluster || r.Entry.Permission != acl.Allow || r.Entry.Operation != ops.All {
		return nil
	}
	return &words{reason: "ALL on the cluster includes altering ACLs and acting as a broker", fix: "name the operations that are needed"}
}

// sideEffect finds an ALLOW that makes something possible for which Kafka asks no right of its
// own, in the release of the snapshot. Documented has the newest release.
func (l *linter) sideEffect(r rule) *words {
	if r.Entry.Permission != acl.Allow || !l.canBe(r.Entry.Principal) || l.isSuper(r.Entry.Principal) || l.exact && l.release == snapshot.KafkaExact {
		return nil
	}
	effects := ops.SideEffects(r.Entry.Operation, l.typ)
	if len(effects) == 0 {
		return nil
	}
	e := effects[0]
	return &words{
		reason: fmt.Sprintf("since Kafka %s, who has %v on a %v %s if %s", e.Since, e.Operation, l.typ, e.Summary, strings.Join(e.Conditions, "; and ")),
		fix:    fmt.Sprintf("allow %v on a %v only to those who may do that, and see which topics these conditions let in", e.Operation, l.typ),
	}
}

func (l *linter) noAnswer(r rule) *words {
	silent := &l.policy.silent
	looping := silent.fails() && strings.HasPrefix(r.Pattern.Name, silent.first)
	if !l.exact || strings.Contains(r.Entry.Principal, ":") && !looping {
		return nil
	}
	return &words{
		reason: "Kafka throws an exception or loops forever for names that it covers; the documented answer is used instead",
		fix:    "remove it, or replace it by an ACL with a valid principal and a name that begins with a letter",
	}
}
