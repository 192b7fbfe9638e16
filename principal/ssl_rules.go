package principal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// DefaultSSLRules is Kafka's default for ssl.principal.mapping.rules: the distinguished
// name is the principal name.
const DefaultSSLRules = "DEFAULT"

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

// Reasons why a distinguished name has no principal name, for [errors.Is]. They are
// wrapped in an [SSLNameError].
var (
	ErrNoSSLRule       = errors.New("no rule applies")
	ErrSSLRuleFailed   = errors.New("the rule cannot be applied")
	ErrNotMappableName = errors.New("the name is not valid UTF-8 or is too long")
)

// SSLRulesError is a syntax error in a list of rules.
type SSLRulesError struct {
	Rule   int    // index in the list, from 0; empty rules do not count
	Text   string // the rule
	Offset int    // offset of the error, in bytes from the start of the list
	// Construct is the feature of Java's regular expressions that is not supported, one
	// of [UnsupportedConstructs]. It is empty if Kafka refuses the rule too.
	Construct string
	Msg       string // what is wrong and what is expected
}

// Error returns the index, the rule (cut at 64 bytes), the offset and the message.
func (e *SSLRulesError) Error() string {
	return fmt.Sprintf("SSL rule %d %s, at offset %d of the list: %s", e.Rule, enum.Quote(e.Text), e.Offset, e.Msg)
}

// SSLNameError is the error for a distinguished name that has no principal name.
type SSLNameError struct {
	DN     string // the name to map
	Rule   int    // index of the rule that failed, or -1
	Detail string // more about the reason; may be empty
	Reason error  // one of the errors above
}

// Error returns the name (cut at 64 bytes), the reason and the rule.
func (e *SSLNameError) Error() string {
	text := "distinguished name " + enum.Quote(e.DN) + ": " + e.Reason.Error()
	if e.Rule >= 0 {
		text += fmt.Sprintf(" (rule %d)", e.Rule)
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns the reason.
func (e *SSLNameError) Unwrap() error { return e.Reason }

// UnsupportedConstructs returns the constructs of java.util.regex that [ParseSSLRules]
// refuses because it cannot reproduce them exactly. A [Backtracking] allows the first
// nine, except look-behind without a maximum length, \R with its own quantifier, and
// back references under (?i).
func UnsupportedConstructs() []string { return javaregex.Constructs() }

// SSLRules maps the distinguished names of certificates to principal names by the first
// rule of a list that applies, as Kafka's SslPrincipalMapper does.
//
// SSLRules are immutable and safe for concurrent use, but must not be copied after
// first use. The zero SSLRules refuses every name.
type SSLRules struct {
	rules    []sslRule
	dropped  map[int][]string // texts that Kafka skips, by the index of the rule after them
	matchers sync.Pool        // of *javaregex.Matcher
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

// caseFold is the letter at the end of a rule: L, U or none.
type caseFold string

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
// clients choose the names. Constructs that cannot be reproduced exactly are refused;
// [UnsupportedConstructs] lists them. A [Backtracking], which may be nil, allows those
// of them that are not regular.
//
// An invalid replacement, such as $2 where there is no group, is an error of
// [SSLRules.Name], because Kafka also finds it there. Name also refuses what Java
// releases may treat differently: \b in a name that is not ASCII, and the lower case of
// a capital sigma (Σ) next to letters without case or marks. Letters and their cases
// are those of Unicode 15, as in JDK 21; letters newer than Unicode 13, which JDK 17
// has, differ there.
//
// An error is an [SSLRulesError], and the rules are nil.
//
// Source: Kafka's SslPrincipalMapper; KIP-371.
func ParseSSLRules(list string, backtracking *Backtracking) (*SSLRules, error) {
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
		rule, fault := parseSSLRule(grammar, source, backtracking)
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
		return nil, &SSLRulesError{Text: list, Offset: maxSSLRulesLength, Msg: fmt.Sprintf("the list is longer than %d bytes", maxSSLRulesLength)}
	}
	if !utf8.ValidString(list) {
		return nil, &SSLRulesError{Text: list, Msg: "the list is not valid UTF-8"}
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
			return nil, &SSLRulesError{Rule: len(sources), Text: text, Offset: base + from, Msg: "this text is not a rule"}
		}
		sources = append(sources, sslSource{text[from:to], base + from, text[done:match[0]]})
		done = int(match[1])
	}
	return sources, nil
}

// parseSSLRule parses one rule. It returns nil for an empty one.
func parseSSLRule(grammar *javaregex.Pattern, source sslSource, backtracking *Backtracking) (*sslRule, *SSLRulesError) {
	match := grammar.LookingAt(&javaregex.Matcher{}, source.text) // it always matches, if only the empty string
	end := int(match[1])
	fault := &SSLRulesError{Text: source.text, Offset: source.offset + end}
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
	if err := rule.compile(backtracking); err != nil {
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

func (r *sslRule) compile(backtracking *Backtracking) error {
	compiled, err := javaregex.Compile(r.pattern, backtracking.maxSteps())
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
		texts = append(texts, s.rules[i].String())
	}
	return strings.Join(texts, ",")
}

// String returns the rule as it is written in a list.
func (r *sslRule) String() string {
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
// longer than 192 KiB, Name returns an [SSLNameError] and the empty name.
//
// The time is linear in the length of dn, unless a rule needs [Backtracking], which
// bounds the steps. Name allocates the result and, for long names, some scratch memory.
func (s *SSLRules) Name(dn string) (string, error) { return s.walk(dn, nil) }

// walk tries the rules in order. If trace is not nil, it records what each did.
func (s *SSLRules) walk(dn string, trace *SSLTrace) (string, error) {
	if len(dn) > maxDNLength || !utf8.ValidString(dn) {
		return "", &SSLNameError{DN: dn, Rule: -1, Reason: ErrNotMappableName}
	}
	m, ok := s.matchers.Get().(*javaregex.Matcher)
	if !ok {
		m = &javaregex.Matcher{}
	}
	defer func() {
		if m.PutAway() {
			s.matchers.Put(m)
		}
	}()
	for i := range s.rules {
		step := trace.step(i, &s.rules[i])
		name, applies, err := s.rules[i].apply(m, dn, step)
		if err != nil {
			err = &SSLNameError{DN: dn, Rule: i, Detail: err.Error(), Reason: ErrSSLRuleFailed}
		}
		step.done(name, applies, err)
		if applies || err != nil {
			return name, err
		}
	}
	return "", &SSLNameError{DN: dn, Rule: -1, Reason: ErrNoSSLRule}
}

// apply returns the name that r maps dn to, and whether r applies.
func (r *sslRule) apply(m *javaregex.Matcher, dn string, step *SSLStep) (name string, applies bool, err error) {
	if r.isDefault {
		return dn, true, nil
	}
	w := javaregex.Rewriter{Text: dn, To: &r.to, Limit: maxMappedLength, Record: step.matches()}
	name, applies, err = r.compiled.RewriteWhole(m, &w)
	if err != nil || !applies {
		return "", false, err
	}
	switch r.fold {
	case "L":
		name, err = javatext.Lower(name)
	case "U":
		name = javatext.Upper(name)
	}
	return name, err == nil, err
}
