package refmodel

import (
	"regexp"
	"strconv"
	"strings"
)

// The expressions with which Kafka itself parses rules, formats and names.
//
// Source: Kafka's KerberosShortNamer, KerberosRule and KerberosName.
var (
	kerberosRuleText  = regexp.MustCompile(`^(?:(DEFAULT)|RULE:\[(\d*):([^\]]*)\](?:\(([^)]*)\))?(?:(s)/([^/]*)/([^/]*)/(g)?)?/?(L|U)?)$`)
	kerberosParameter = regexp.MustCompile(`([^$]*)(\$(\d*))?`)
	kerberosNameText  = regexp.MustCompile(`^([^/@]*)(/([^/@]*))?@([^/@]*)$`)
)

// KerberosRules are rules of sasl.kerberos.principal.to.local.rules.
type KerberosRules struct {
	realm string // the default realm
	rules [][]string
	match []*Pattern // nil for a rule without one
	from  []*Pattern
}

// ReadKerberosRules parses rules. ok says whether Kafka accepts them. known is false if
// one of the patterns is not shared by Java and Go.
func ReadKerberosRules(rules []string, realm string) (k KerberosRules, ok, known bool) {
	k.realm, ok, known = realm, true, true
	pattern := func(there bool, text string) *Pattern {
		if !there {
			return nil
		}
		p := Pattern(text)
		known = known && p.IsShared()
		return &p
	}
	for _, text := range rules {
		rule := kerberosRuleText.FindStringSubmatch(text)
		if rule == nil {
			return KerberosRules{}, false, true
		}
		if _, err := strconv.ParseInt(rule[2], 10, 32); err != nil && rule[1] == "" {
			return KerberosRules{}, false, true
		}
		places := kerberosRuleText.FindStringSubmatchIndex(text)
		k.rules = append(k.rules, rule)
		k.match = append(k.match, pattern(places[8] >= 0, rule[4]))
		k.from = append(k.from, pattern(rule[5] != "", rule[6]))
	}
	return k, ok, known
}

// The reasons for refusing a name.
const (
	KerberosMalformed = "malformed"
	KerberosNoRule    = "no rule"
	KerberosNotSimple = "not simple"
	KerberosFailed    = "failed"
)

// ShortName returns the short name of a principal, or why it has none. [PatternsHold]
// must be true of the name and, if a rule converts case, it must be ASCII.
//
// Source: Kafka's KerberosName.parse, KerberosShortNamer.shortName, KerberosRule.apply.
func (k KerberosRules) ShortName(name string) (short, refusal string) {
	parts := kerberosNameText.FindStringSubmatch(name)
	if parts == nil {
		if strings.Contains(name, "@") {
			return "", KerberosMalformed
		}
		return name, ""
	}
	params := []string{parts[4], parts[1]}
	if parts[2] != "" {
		params = append(params, parts[3])
	}
	for i, rule := range k.rules {
		result, applies, refusal := k.apply(i, params)
		switch {
		case refusal != "":
			return "", refusal
		case !applies:
			continue
		case strings.ContainsAny(result, "/@"):
			return "", KerberosNotSimple
		case rule[9] == "L":
			return strings.ToLower(result), ""
		case rule[9] == "U":
			return strings.ToUpper(result), ""
		}
		return result, ""
	}
	return "", KerberosNoRule
}

// apply returns the result of one rule for a name, and whether the rule applies.
func (k KerberosRules) apply(i int, params []string) (result string, applies bool, refusal string) {
	rule := k.rules[i]
	if rule[1] != "" {
		return params[1], params[0] == k.realm, ""
	}
	if n, err := strconv.Atoi(rule[2]); err != nil || n != len(params)-1 {
		return "", false, ""
	}
	base, ok := fillIn(rule[3], params)
	if !ok {
		return "", false, KerberosFailed
	}
	if k.match[i] != nil && !k.match[i].Matches(base) {
		return "", false, ""
	}
	if k.from[i] == nil {
		return base, true, ""
	}
	if result, ok = k.from[i].Replace(base, rule[7], rule[8] == "g"); !ok {
		return "", false, KerberosFailed
	}
	return result, true, ""
}

// fillIn is Kafka's KerberosRule.replaceParameters. ok is false if it throws an
// exception.
func fillIn(format string, params []string) (filled string, ok bool) {
	for format != "" {
		match := kerberosParameter.FindStringSubmatch(format)
		filled += match[1]
		if match[2] != "" {
			n, err := strconv.ParseInt(match[3], 10, 32)
			if err != nil || int(n) >= len(params) {
				return "", false
			}
			filled += params[n]
		}
		format = format[len(match[0]):]
	}
	return filled, true
}
