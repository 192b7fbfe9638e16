package principal

import (
	"errors"
	"maps"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/internal/posixregex"
)

// ParseMITRules parses rules in MIT krb5's dialect: the auth_to_local values of the
// default realm in krb5.conf, in order, and its auth_to_local_names. Each rule is
// DEFAULT or
//
//	RULE:[n:format](pattern)s/from/to/g s/from/to/ …
//
// Everything after "RULE:" is optional. Without "[n:format]" the rule considers names
// of any number of components and any realm, and compares the name without its realm.
// Patterns are POSIX extended regular expressions with leftmost-longest matching.
// pattern must match the whole text, and to is plain text. DEFAULT maps names of
// defaultRealm to their first component if they have one component, or two of which the
// second is the realm. Without any rule DEFAULT applies.
//
// names is looked up before any rule, by the name without its realm, whatever the realm
// is. Its value is the short name. names is copied.
//
// MIT krb5 parses a rule when it applies it and skips one whose pattern is invalid.
// Here such a rule is an error. So is a rule that MIT krb5 would not read as it is
// written ("$x" means the realm to it), and a global substitution whose pattern matches
// the empty text, for which MIT krb5 loops without end. An empty default realm is an
// error, because MIT krb5 then maps nothing.
//
// An error about a rule is a [RuleError]. On any error the rules are nil.
//
// Source: MIT krb5 1.21 documentation, krb5.conf, "auth_to_local"; its
// localauth_rule.c.
func ParseMITRules(rules []string, defaultRealm string, names map[string]string) (*KerberosRules, error) {
	if defaultRealm == "" {
		return nil, errNoDefaultRealm
	}
	if len(rules) == 0 {
		rules = []string{defaultRules}
	}
	k := &KerberosRules{dialect: mitDialect, defaultRealm: defaultRealm, names: maps.Clone(names)}
	if err := k.parse(rules, parseMITRule, compilePOSIXRulePattern); err != nil {
		return nil, err
	}
	return k, nil
}

// parseMITRule reads one rule in MIT's dialect.
func parseMITRule(s *ruleScanner) (kerberosRule, *RuleError) {
	if s.text == "DEFAULT" {
		return kerberosRule{text: s.text, isDefault: true}, nil
	}
	if !s.skip("RULE:") {
		return kerberosRule{}, s.fail(0, "expected DEFAULT or RULE:")
	}
	rule := kerberosRule{components: -1}
	var canonical strings.Builder
	canonical.WriteString("RULE:")
	if strings.HasPrefix(s.text[s.pos:], "[") {
		start := s.pos
		components, format, err := s.selector()
		if err != nil {
			return kerberosRule{}, err
		}
		rule.components, rule.format = components, parseFormat(format)
		if fault := rule.format.fault(components); fault != "" {
			return kerberosRule{}, s.fail(start, fault)
		}
		canonical.WriteString("[" + strconv.Itoa(components) + ":" + format + "]")
	}
	pattern, match, err := s.pattern()
	if err != nil {
		return kerberosRule{}, err
	}
	if match != nil {
		rule.match = match
		canonical.WriteString("(" + pattern + ")")
	}
	rule.condition = canonical.String()
	if err := rule.parseMITSubstitutions(s, &canonical); err != nil {
		return kerberosRule{}, err
	}
	rule.text = canonical.String()
	return rule, nil
}

// parseMITSubstitutions parses s/from/to/ expressions, each after white space, up to
// the end of the rule.
func (r *kerberosRule) parseMITSubstitutions(s *ruleScanner, canonical *strings.Builder) *RuleError {
	for s.pos < len(s.text) {
		for s.pos < len(s.text) && strings.IndexByte(javaSpace, s.text[s.pos]) >= 0 {
			s.pos++
		}
		start := s.pos
		sub, err := s.substitution()
		if err != nil {
			return err
		}
		if sub.text == "" {
			return s.fail(start, "expected s/from/to/ or the end of the rule here")
		}
		if empty, _ := sub.from.Matches(nil, ""); sub.all && empty {
			return s.fail(start, "a global substitution must not match the empty text: MIT krb5 would loop without end")
		}
		if len(r.substitutions) > 0 {
			canonical.WriteByte(' ')
		}
		canonical.WriteString(sub.text)
		r.substitutions = append(r.substitutions, sub.from.substitution(sub.to, sub.all))
	}
	return nil
}

// posixRulePattern is a pattern of MIT's dialect.
type posixRulePattern struct{ *posixregex.Pattern }

func compilePOSIXRulePattern(pattern string) (rulePattern, error) {
	p, err := posixregex.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return posixRulePattern{p}, nil
}

func (p posixRulePattern) Matches(_ *javaregex.Matcher, s string) (bool, error) {
	return p.Pattern.Matches(s), nil
}

func (p posixRulePattern) substitution(to string, all bool) substitution {
	return &posixSubstitution{p.Pattern, to, all}
}

// posixSubstitution replaces matches by plain text.
type posixSubstitution struct {
	from *posixregex.Pattern
	to   string
	all  bool
}

func (p *posixSubstitution) apply(_ *javaregex.Matcher, s string, record *[][]string) (string, error) {
	result, err := p.from.Substitute(s, p.to, p.all, maxKerberosName, record)
	if errors.Is(err, posixregex.ErrTooLong) {
		return "", errTooLong
	}
	return result, err
}
