package principal

import (
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// DefaultKerberosRules is the value of sasl.kerberos.principal.to.local.rules
// where the configuration does not set it.
const DefaultKerberosRules = "DEFAULT"

// SplitKerberosRules splits the value of sasl.kerberos.principal.to.local.rules
// into rules: at every comma, with the ASCII white space around it, after the
// control characters and spaces at both ends of the value are cut. A comma cannot
// be quoted, so a rule with one, such as "RULE:[1:$1](a{1,2})", falls into parts
// that [ParseKerberosRules] refuses. Empty parts are kept, and refused too, but
// the empty value is the empty list.
//
// Source: Kafka's ConfigDef.parseType for type LIST.
func SplitKerberosRules(value string) []string {
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

// javaSpace is the members of Java's \s.
const javaSpace = " \t\n\v\f\r"

// ParseKerberosRules reads rules in Kafka's dialect, each either DEFAULT or
//
//	RULE:[n:format](pattern)s/from/to/g/L
//
// where all after "]" may be left out. The rule applies to names of n components
// (1 or 2) whose format, with $0 for the realm and $1 and $2 for the components, is
// matched whole by pattern; the first match of from is replaced by to, or with g
// every one; /L or /U folds the case. DEFAULT maps the names of defaultRealm to
// their first component.
//
// The patterns are Java's, matched as JDK 17 does but in linear time. Constructs that
// cannot be kept exactly, of which [UnsupportedConstructs] is the list, are refused;
// with a [Backtracking], which may be nil, the not regular ones among them
// are accepted. A ")" ends pattern, and a "/" ends from and to; neither can be
// quoted.
//
// A fault that Kafka only finds when it applies the rule, such as $3 or a group that
// does not exist, is an error of [KerberosRules.ShortName], because names that an
// earlier rule maps never meet it; of the former [KerberosRules.Lint] tells.
//
// Without rules every name with a realm is refused. The default realm may be
// empty, as it is for a Kafka broker that cannot find one: then DEFAULT applies only
// to names whose realm is empty, such as "alice@".
//
// An error is a [KerberosRuleError], and then there are no rules.
//
// Source: Kafka's KerberosShortNamer and KerberosRule; KIP-12.
func ParseKerberosRules(rules []string, defaultRealm string, backtracking *Backtracking) (*KerberosRules, error) {
	k := &KerberosRules{dialect: kafkaDialect, defaultRealm: defaultRealm}
	compile := func(pattern string) (rulePattern, error) { return compileJavaRulePattern(pattern, backtracking) }
	if err := k.parse(rules, parseKafkaRule, compile); err != nil {
		return nil, err
	}
	return k, nil
}

// parseKafkaRule reads one rule in Kafka's dialect.
func parseKafkaRule(s *ruleScanner) (kerberosRule, *KerberosRuleError) {
	rule := kerberosRule{isDefault: s.skip("DEFAULT")}
	canonical := "DEFAULT"
	if !rule.isDefault {
		var err *KerberosRuleError
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

// parseKafkaBody reads a rule that is not DEFAULT and returns its canonical text.
func (r *kerberosRule) parseKafkaBody(s *ruleScanner) (string, *KerberosRuleError) {
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
	s.skip("/") // Kafka takes the slash, the letter, both or neither
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

func compileJavaRulePattern(pattern string, backtracking *Backtracking) (rulePattern, error) {
	p, err := javaregex.Compile(pattern, backtracking.maxSteps())
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
