package principal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// Limits for rules and for the names they are applied to.
const (
	// maxSSLRulesLength is enough for a thousand rules; real lists have a handful.
	maxSSLRulesLength = 1 << 18
	// maxDNLength is the longest text that [DistinguishedName] can return.
	maxDNLength = 3 * maxNameLength
	// maxMappedLength stops a replacement such as "$0$0$0$0" from multiplying a long
	// name. A name of more than 32,767 bytes does not fit into a forwarded request.
	maxMappedLength = maxDNLength
)

// SSLRules maps the distinguished names of certificates to principal names by the first
// rule of a list that applies, as Kafka's SslPrincipalMapper does.
//
// SSLRules are immutable and safe for concurrent use, but must not be copied after
// first use. The zero SSLRules refuses every name.
type SSLRules struct {
	rules    []sslRule
	dropped  map[int][]string // texts that Kafka skips, by the index of the rule after them
	matchers matchers
}

// sslRule is one rule. The zero caseFold leaves the name unchanged.
type sslRule struct {
	isDefault   bool // DEFAULT: the fields below are not set
	pattern     string
	replacement string
	fold        caseFold
	compiled    *javaregex.Pattern
	to          javaregex.Replacement
}

// Kafka splits ssl.principal.mapping.rules with a pair of regular expressions. Their
// quirks are visible: text between rules that they cannot match is skipped, and of
// several rules separated only by line ends all but the last are skipped. So this
// package uses the same expressions.
const (
	sslRuleGrammar     = `(DEFAULT)|RULE:((\\.|[^\\/])*)/((\\.|[^\\/])*)/([LU]?).*?|(.*?)`
	sslSplitterGrammar = `\s*(` + sslRuleGrammar + `)\s*(,\s*|$)`
)

// ParseSSLRules parses ssl.principal.mapping.rules: comma-separated rules, each
// DEFAULT, which maps every name to itself, or
//
//	RULE:pattern/replacement/
//
// with an optional L or U at the end to convert the case. A slash in either part is
// written "\/". A rule applies to a name if its pattern matches the whole name. Then
// every match of the pattern is replaced, as by Java's replaceAll. Empty rules are
// skipped. A list without rules refuses every name. As in Kafka, text that cannot be
// split is silently skipped, such as a rule that is followed by a line end without a
// comma; [SSLRules.Lint] reports it.
//
// Patterns have Java's syntax and are matched as in JDK 17, but in linear time, because
// clients choose the names. Constructs that cannot be reproduced exactly are refused.
// maxSteps, such as [DefaultMaxSteps], allows those of them that are not regular: one
// rule may then take so many steps for one name. Zero refuses them. Look-behind without a
// maximum length, \R with its own quantifier, and back references under (?i) are never
// allowed.
//
// An invalid replacement, such as $2 where there is no group, is an error of
// [SSLRules.Name], because Kafka also finds it there. Name also refuses what Java
// releases may treat differently: \b in a name that is not ASCII, and the lower case of
// a capital sigma (Σ) next to letters without case or marks. Letters and their cases
// are those of Unicode 15, as in JDK 21; letters newer than Unicode 13, which JDK 17
// has, differ there.
//
// An error is a [RuleError], and the rules are nil.
//
// Source: Kafka's SslPrincipalMapper; KIP-371.
func ParseSSLRules(list string, maxSteps int) (*SSLRules, error) {
	sources, err := splitSSLRules(list)
	if err != nil {
		return nil, err
	}
	grammar, err := javaregex.Compile(sslRuleGrammar, 0)
	if err != nil {
		return nil, err
	}
	parsed := &SSLRules{dropped: map[int][]string{}}
	for _, source := range sources {
		if source.skipped != "" {
			parsed.dropped[len(parsed.rules)] = append(parsed.dropped[len(parsed.rules)], source.skipped)
		}
		rule, fault := parseSSLRule(grammar, source, maxSteps)
		if fault != nil {
			fault.Rule = len(parsed.rules)
			return nil, fault
		}
		if rule != nil {
			parsed.rules = append(parsed.rules, *rule)
		}
	}
	return parsed, nil
}

// sslSource is the text of one rule and its position in the list.
type sslSource struct {
	text    string
	offset  int
	skipped string // text before the rule that Kafka skips
}

func isJavaTrimmed(r rune) bool { return r <= ' ' }

// splitSSLRules splits a list into rules, including empty ones.
func splitSSLRules(list string) ([]sslSource, error) {
	if len(list) > maxSSLRulesLength {
		return nil, &RuleError{InList: true, Text: list, Offset: maxSSLRulesLength, Msg: fmt.Sprintf("the list is longer than %d bytes", maxSSLRulesLength)}
	}
	if !utf8.ValidString(list) {
		return nil, &RuleError{InList: true, Text: list, Msg: "the list is not valid UTF-8"}
	}
	splitter, err := javaregex.Compile(sslSplitterGrammar, 0)
	if err != nil {
		return nil, err
	}
	text := strings.TrimLeftFunc(list, isJavaTrimmed)
	base := len(list) - len(text)
	text = strings.TrimRightFunc(text, isJavaTrimmed)
	var sources []sslSource
	done := 0
	for match := range splitter.All(&javaregex.Matcher{}, text) {
		from, to := int(match[2]), int(match[3])
		if javaregex.SplitsCharacter(text, from) {
			return nil, &RuleError{InList: true, Rule: len(sources), Text: text, Offset: base + from, Msg: "this text is not a rule"}
		}
		sources = append(sources, sslSource{text[from:to], base + from, text[done:match[0]]})
		done = int(match[1])
	}
	return sources, nil
}

// parseSSLRule parses one rule. It returns nil for an empty one.
func parseSSLRule(grammar *javaregex.Pattern, source sslSource, maxSteps int) (*sslRule, *RuleError) {
	match := grammar.LookingAt(&javaregex.Matcher{}, source.text) // it always matches, if only the empty string
	end := int(match[1])
	fault := &RuleError{InList: true, Text: source.text, Offset: source.offset + end}
	if end != len(source.text) {
		fault.Msg = fmt.Sprintf("%s is not part of a rule: expected DEFAULT or RULE:pattern/replacement/ and L, U or nothing",
			enum.Quote(source.text[end:]))
		return nil, fault
	}
	group := func(i int) string {
		text, _ := match.Group(source.text, i)
		return text
	}
	if _, isDefault := match.Group(source.text, 1); isDefault {
		return &sslRule{isDefault: true}, nil
	}
	if _, isRule := match.Group(source.text, 2); !isRule {
		return nil, nil
	}
	rule := &sslRule{pattern: group(2), replacement: group(4), fold: caseFold(group(6))}
	if err := rule.compile(maxSteps); err != nil {
		fault.Offset, fault.Msg = source.offset+int(match[4]), err.Error()
		var pattern *javaregex.Error
		if errors.As(err, &pattern) {
			fault.Offset += pattern.Offset
			fault.Construct, fault.Msg = pattern.Construct, pattern.Msg
		}
		return nil, fault
	}
	return rule, nil
}

func (r *sslRule) compile(maxSteps int) error {
	compiled, err := javaregex.Compile(r.pattern, maxSteps)
	if err != nil {
		return err
	}
	r.compiled = compiled
	escaped, fault := escapeReferences(r.replacement, compiled.Groups())
	if r.to = compiled.Replacement(escaped); fault != "" {
		r.to = javaregex.Faulty(fault)
	}
	return nil
}

// escapeReferences puts a backslash before each reference to a group that does not
// exist, as Kafka does if the pattern has any group. Like Kafka, it finds the
// references in the original replacement but inserts into the changed one: each
// backslash already inserted moves the next insertion one UTF-16 unit too early. A
// number that is too large for Java's int is an error.
func escapeReferences(text string, groups int) (escaped, fault string) {
	if groups == 0 {
		return text, ""
	}
	original := utf16.Encode([]rune(text))
	units := make([]uint16, 0, len(original))
	copied := 0 // of original
	for i := 0; i < len(original); i++ {
		if original[i] != '$' {
			continue
		}
		end := i + 1
		for end < len(original) && original[end] >= '0' && original[end] <= '9' {
			end++
		}
		digits := string(utf16.Decode(original[i+1 : end]))
		if digits == "" || digits[0] == '0' {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return "", "$" + digits + ": the group number is too large"
		}
		for n > int64(groups) && n >= 10 {
			n /= 10
		}
		if n > int64(groups) {
			ahead := i - len(units) // never negative: each backslash comes after the one before
			units = append(units, original[copied:copied+ahead]...)
			copied += ahead
			if i > 0 && utf16.DecodeRune(rune(units[i-1]), rune(original[copied])) != utf8.RuneError {
				return "", "$" + digits + ": there is no such group, and Kafka's escape for it would split a character"
			}
			units = append(units, '\\')
		}
		i = end - 1
	}
	return string(utf16.Decode(append(units, original[copied:]...))), ""
}

// String returns the list without spaces between rules and without empty rules.
// [ParseSSLRules] parses it back to the same rules.
func (s *SSLRules) String() string {
	var texts []string
	for i := range s.rules {
		texts = append(texts, s.rules[i].text())
	}
	return strings.Join(texts, ",")
}

// text returns the rule as it is written in a list.
func (r *sslRule) text() string {
	if r.isDefault {
		return "DEFAULT"
	}
	return "RULE:" + r.pattern + "/" + r.replacement + "/" + string(r.fold)
}

// Name returns the principal name for a distinguished name as [DistinguishedName]
// prints it. The first rule whose pattern matches the whole name decides: if its
// replacement is invalid, later rules are not tried. The result may be empty.
//
// If no rule applies, if the rule that applies fails, or if dn is not valid UTF-8 or
// longer than 192 KiB, Name returns a [NameError] and the empty name.
//
// The time is linear in the length of dn, unless a rule needs backtracking, whose
// steps are bounded. Name allocates the result and, for long names, some scratch memory.
func (s *SSLRules) Name(dn string) (string, error) { return s.walk(dn, nil) }

// Trace maps dn as [SSLRules.Name] does, with the same result, and explains it: which
// rules were tried, which one matched, and what its groups captured.
func (s *SSLRules) Trace(dn string) Trace {
	trace := Trace{Name: dn}
	trace.Result, trace.Err = s.walk(dn, &trace)
	return trace
}

// walk tries the rules in order. If trace is not nil, it records what each did.
func (s *SSLRules) walk(dn string, trace *Trace) (string, error) {
	if len(dn) > maxDNLength || !utf8.ValidString(dn) {
		return "", &NameError{dn, -1, "it is not valid UTF-8 or is too long", errMalformedName}
	}
	return s.matchers.mapName(dn, len(s.rules), trace, func(m *javaregex.Matcher, rule int) Step {
		return s.rules[rule].apply(m, dn, rule, trace != nil)
	})
}

// apply returns the step of r, which is at the given index, for dn. If traced, the step
// has its text and the substitution.
func (r *sslRule) apply(m *javaregex.Matcher, dn string, index int, traced bool) Step {
	step := Step{Rule: index, Outcome: ruleMapped, Result: dn}
	var matches *[][]string
	if traced {
		step.Text, matches = r.text(), new([][]string)
	}
	if r.isDefault {
		return step
	}
	w := javaregex.Rewriter{Text: dn, To: &r.to, Limit: maxMappedLength, Record: matches}
	name, applies, err := r.compiled.RewriteWhole(m, &w)
	if err == nil && !applies {
		step.Outcome, step.Result = ruleNoMatch, ""
		return step
	}
	if err == nil {
		name, err = r.fold.apply(name)
	}
	step.Result = name
	if err != nil {
		step.Result = ""
		return step.fail(dn, errRuleFailed, err.Error())
	}
	if traced {
		step.Substitutions = []Substitution{{dn, name, *matches}}
	}
	return step
}
