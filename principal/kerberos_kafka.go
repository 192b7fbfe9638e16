package principal

import (
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// splitKerberosRules splits the value of sasl.kerberos.principal.to.local.rules into
// rules. It trims control characters and spaces at both ends of the value, and splits
// at every comma and the ASCII white space around it. A comma cannot be quoted, so a
// rule that contains one, such as "RULE:[1:$1](a{1,2})", is split into parts that
// [ParseKerberosRules] refuses. Empty parts are kept, and refused too, but the empty
// value is the empty list.
//
// Source: Kafka's ConfigDef.parseType for type LIST.
func splitKerberosRules(value string) []string {
	value = strings.TrimFunc(value, func(r rune) bool { return r <= ' ' })
	if value == "" {
		return nil
	}
	rules := strings.Split(value, ",")
	for i := range rules {
		if i > 0 {
			rules[i] = strings.TrimLeft(rules[i], javaSpace)
		}
		if i < len(rules)-1 {
			rules[i] = strings.TrimRight(rules[i], javaSpace)
		}
	}
	return rules
}

// javaSpace are the characters that Java's \s matches.
const javaSpace = " \t\n\v\f\r"

// ParseKerberosRules parses rules in Kafka's dialect. Each rule is DEFAULT or
//
//	RULE:[n:format](pattern)s/from/to/g/L
//
// Everything after "]" is optional. The rule considers names of n components (1 or 2).
// It fills in format, where $0 is the realm and $1 and $2 are the components, and
// applies if pattern matches the whole result. It then replaces the first match of from
// by to, or every match with g. /L or /U converts the case. DEFAULT maps the names of
// defaultRealm to their first component.
//
// Patterns have Java's syntax and are matched as in JDK 17, but in linear time.
// Constructs that cannot be reproduced exactly are refused. maxSteps, such as
// [DefaultMaxSteps], allows those of them that are not regular: one rule may then take so
// many steps for one name. Zero refuses them. A ")" ends pattern, and a "/" ends from and to; neither can be quoted.
//
// Kafka finds some errors only when it applies the rule, such as $3 or a group that
// does not exist. These are errors of [KerberosRules.ShortName], because they do not
// affect names that an earlier rule maps. [KerberosRules.Lint] reports references such
// as $3.
//
// Without rules every name with a realm is refused. The default realm may be empty, as
// in a Kafka broker that cannot find one: then DEFAULT applies only to names whose
// realm is empty, such as "alice@".
//
// An error is a [RuleError], and the rules are nil.
//
// Source: Kafka's KerberosShortNamer and KerberosRule; KIP-12.
func ParseKerberosRules(rules []string, defaultRealm string, maxSteps int) (*KerberosRules, error) {
	k := &KerberosRules{dialect: kafkaDialect, defaultRealm: defaultRealm}
	compile := func(pattern string) (rulePattern, error) { return compileJavaRulePattern(pattern, maxSteps) }
	if err := k.parse(rules, parseKafkaRule, compile); err != nil {
		return nil, err
	}
	return k, nil
}

// parseKafkaRule reads one rule in Kafka's dialect.
func parseKafkaRule(s *ruleScanner) (kerberosRule, *RuleError) {
	rule := kerberosRule{isDefault: s.skip("DEFAULT")}
	canonical := "DEFAULT"
	if !rule.isDefault {
		var err *RuleError
		if canonical, err = rule.parseKafkaBody(s); err != nil {
			return kerberosRule{}, err
		}
	}
	if s.pos < len(s.text) {
		return kerberosRule{}, s.fail(s.pos, "expected the end of the rule here")
	}
	rule.text = canonical
	return rule, nil
}

// parseKafkaBody parses a rule that is not DEFAULT and returns its canonical text.
func (r *kerberosRule) parseKafkaBody(s *ruleScanner) (string, *RuleError) {
	if !s.skip("RULE:") {
		return "", s.fail(0, "expected DEFAULT or RULE:[n:format]")
	}
	components, format, err := s.selector()
	if err != nil {
		return "", err
	}
	r.components, r.format = components, parseFormat(format)
	canonical := "RULE:[" + strconv.Itoa(components) + ":" + format + "]"
	pattern, match, err := s.pattern()
	if err != nil {
		return "", err
	}
	if match != nil {
		r.match = match
		canonical += "(" + pattern + ")"
	}
	r.condition = canonical
	sub, err := s.substitution()
	if err != nil {
		return "", err
	}
	if sub.text != "" {
		r.substitutions = []substitution{sub.from.substitution(sub.to, sub.all)}
		canonical += sub.text
	}
	s.skip("/") // Kafka accepts the slash, the letter, both or neither
	for _, fold := range []caseFold{"L", "U"} {
		if s.skip(string(fold)) {
			r.fold = fold
			return canonical + "/" + string(fold), nil
		}
	}
	return canonical, nil
}

// javaRulePattern is a pattern of Kafka's dialect.
type javaRulePattern struct{ *javaregex.Pattern }

func compileJavaRulePattern(pattern string, maxSteps int) (rulePattern, error) {
	p, err := javaregex.Compile(pattern, maxSteps)
	if err != nil {
		return nil, err
	}
	return javaRulePattern{p}, nil
}

func (p javaRulePattern) substitution(to string, all bool) substitution {
	return &javaSubstitution{p.Pattern, p.Replacement(to), all}
}

// javaSubstitution replaces matches as Java's replaceFirst and replaceAll do.
type javaSubstitution struct {
	from *javaregex.Pattern
	to   javaregex.Replacement
	all  bool
}

func (j *javaSubstitution) apply(m *javaregex.Matcher, s string, record *[][]string) (string, error) {
	return j.from.Replace(m, &javaregex.Rewriter{Text: s, To: &j.to, Limit: maxKerberosName, Record: record}, j.all)
}
