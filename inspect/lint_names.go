package inspect

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/wildcard"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// This file has the findings about names of resources and of principals.

// Characters with which people write patterns and lists. No topic can have one in its name.
// Groups and transactional ids can, so that for them only those count that are hardly in a name.
const (
	patternMarks = `*^$|\()[]{}+?`
	listMarks    = ",;"
)

var rarePattern = regexp.MustCompile(`\*|\.\+|[|\\]|^\^|[^$]\$$|\[.*\]`)

// hasPattern reports whether a name on a resource of type t was probably meant as a pattern
// of many names, or as a list of names.
func hasPattern(t resource.Type, name string) (isPattern, isList bool) {
	switch t {
	case resource.Topic:
		return strings.ContainsAny(name, patternMarks), strings.ContainsAny(name, listMarks)
	case resource.Group, resource.TransactionalID:
		return rarePattern.MatchString(name), strings.ContainsAny(name, listMarks)
	}
	return false, false
}

// meantPrefix returns the PREFIXED pattern that the author of p probably meant: p with the
// asterisk or the regular expression at its end taken away, as in syslog*, t-.* and ^t\..*$.
// Of two readings it is the narrower one: logs.* is PREFIXED logs. with the dot.
func meantPrefix(p resource.Pattern) (resource.Pattern, bool) {
	if isPattern, _ := hasPattern(p.Type, p.Name); !isPattern {
		return resource.Pattern{}, false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(p.Name, "^"), "$")
	isExpression := name != p.Name
	prefix, ends := strings.CutSuffix(name, "*")
	if before, ok := strings.CutSuffix(name, ".+"); ok {
		prefix, ends = before, true
	} else if before, ok := strings.CutSuffix(name, ".*"); ok && before != "" && !strings.HasSuffix(before, `\`) && (isExpression || endsPart(before[len(before)-1])) {
		prefix = before
	}
	prefix = unescapePattern(prefix)
	isPattern, isList := hasPattern(p.Type, prefix)
	if prefix == "" || prefix == "." || !ends || isPattern || isList { // .* is every name
		return resource.Pattern{}, false
	}
	return resource.PrefixedPattern(p.Type, prefix), true
}

// unescapePattern removes the backslashes before characters that are in names.
func unescapePattern(s string) string {
	return strings.NewReplacer(`\.`, `.`, `\-`, `-`, `\_`, `_`).Replace(s)
}

// describePattern returns a pattern as in a fix.
func describePattern(p resource.Pattern) string {
	return p.PatternType.String() + " " + enum.Quote(p.Name)
}

// namePattern finds a pattern or a list inside a name. Kafka's ACLs have none.
func (l *linter) namePattern(r rule) *words {
	p := r.Pattern
	if p.IsWildcard() || pointOf(p) == asterisks {
		return nil
	}
	isPattern, isList := hasPattern(p.Type, p.Name)
	if !isPattern && !isList {
		return nil
	}
	covers := "covers only this name"
	if p.PatternType == resource.Prefixed {
		covers = "covers the names that begin with exactly this text"
	}
	if p.Type == resource.Topic {
		covers = "covers nothing, because no topic can have such a name"
	}
	w := &words{
		reason: "ACLs have no patterns and no lists inside names: " + describePattern(p) + " " + covers,
		fix:    fmt.Sprintf(`name each %v, or use PREFIXED with the text that the names begin with, or LITERAL "*"`, p.Type),
	}
	if meant, ok := meantPrefix(p); ok {
		w.fix = "use " + describePattern(meant)
	} else if isList && !isPattern {
		w.fix = "write an ACL for each of the names"
	}
	return w
}

// noTopic finds a name that no topic can have, or with which none can begin.
func (l *linter) noTopic(r rule) *words {
	p := r.Pattern
	if l.typ != resource.Topic || p.IsWildcard() || pointOf(p) == asterisks || l.namePattern(r) != nil || canBeTopic(p) {
		return nil
	}
	what := "no topic can have this name"
	if p.PatternType == resource.Prefixed {
		what = "the name of no topic can begin so"
	}
	return &words{
		reason: fmt.Sprintf("%s: %s: a name has 1 to %d letters, digits, dots, hyphens and underscores of ASCII, and is neither . nor ..",
			describePattern(p), what, resource.MaxTopicName),
		fix: "write the name of a topic, or remove it",
	}
}

// canBeTopic reports whether a pattern covers the name of some topic.
func canBeTopic(p resource.Pattern) bool {
	if p.PatternType == resource.Prefixed {
		switch p.Name {
		case "", ".", "..":
			return true
		}
	}
	return resource.ValidTopicName(p.Name)
}

// unprintable finds characters that act on a terminal in a name, a principal or a host. A line
// break makes the output of kafka-acls look like other ACLs.
func (l *linter) unprintable(r rule) *words {
	for _, part := range []struct{ what, text string }{{"name", r.Pattern.Name}, {"principal", r.Entry.Principal}, {"host", r.Entry.Host}} {
		if lines.IsPrintable(part.text) {
			continue
		}
		return &words{
			reason: fmt.Sprintf("the %s %s has a character that acts on a terminal: kafka-acls prints it as it is, so that with a line break its output can show ACLs that do not exist",
				part.what, enum.Quote(part.text)),
			fix: "give the " + part.what + " printable characters alone, or list these ACLs as JSON, which escapes them",
		}
	}
	return nil
}

// clusterName finds a cluster with a name that no cluster has.
func (l *linter) clusterName(r rule) *words {
	if l.typ != resource.Cluster || r.Pattern.Name == resource.ClusterName {
		return nil
	}
	effect := "it matches nothing"
	if r.Pattern.IsWildcard() || pointOf(r.Pattern).holds(resource.ClusterName) {
		effect = "it covers that, but Kafka refuses to create it"
	}
	return &words{
		reason: fmt.Sprintf("the only name of a cluster is %s: %s", resource.ClusterName, effect),
		fix:    fmt.Sprintf("use LITERAL %q", resource.ClusterName),
	}
}

// starPrincipal finds a principal that was probably meant to be everyone, or several ones.
func (l *linter) starPrincipal(r rule) *words {
	text := r.Entry.Principal
	switch _, name, _ := strings.Cut(text, ":"); {
	case wildcard.LooksLike(text):
		return &words{
			reason: fmt.Sprintf("%s is one principal, not everyone", enum.Quote(text)),
			fix:    fmt.Sprintf("write %q, or the name of a principal", principal.Wildcard),
		}
	// Certificates for several hosts have names such as CN=*.example.com.
	case text != principal.Wildcard && strings.Contains(strings.ReplaceAll(name, "=*.", ""), "*"):
		return &words{
			reason: fmt.Sprintf("ACLs have no patterns in principals: %s is one principal whose name has an asterisk", enum.Quote(text)),
			fix:    fmt.Sprintf("name each principal, or write %q for everyone", principal.Wildcard),
		}
	}
	return nil
}

func (l *linter) principalList(r rule) *words {
	if !LooksLikeList(r.Entry.Principal) {
		return nil
	}
	return &words{
		reason: fmt.Sprintf("%s is one principal, and seems to be meant as several", enum.Quote(r.Entry.Principal)),
		fix:    "write an ACL for each principal",
	}
}

// wrongList matches a name that seems to be several principals. Names of certificates
// have commas, but no colon after the word that follows a comma. After any other
// separator, only the type User counts as the start of another principal.
var wrongList = regexp.MustCompile(`,\s*[\w-]+\s*:|[\s|&+，、；]\s*["']?User\s*:`)

// LooksLikeList reports whether the text of one principal seems to be several, such as
// User:a,User:b. In lists, semicolons separate principals, because names of certificates
// contain commas.
func LooksLikeList(principal string) bool { return wrongList.MatchString(principal) }

// lintSuperUsers returns the findings about the super users.
func lintSuperUsers(config snapshot.Config) (findings []Finding) {
	for _, p := range config.SuperUsers {
		if text := p.String(); LooksLikeList(text) {
			findings = append(findings, Finding{
				Code: CodeSuperUserList, Level: CodeSuperUserList.Level(), SuperUser: text,
				Reason: fmt.Sprintf("the super user %s is one principal, and seems to be meant as several", enum.Quote(text)),
				Fix:    "separate principals with semicolons, because names of certificates contain commas",
			})
		}
	}
	return findings
}
