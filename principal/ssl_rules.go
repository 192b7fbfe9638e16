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

// DefaultSSLRules is the value of ssl.principal.mapping.rules where the
// configuration does not set it: the distinguished name is the name.
const DefaultSSLRules = "DEFAULT"

// Limits of rules and of what they map.
const (
	// maxSSLRulesLength is ample for a thousand rules; lists have a handful.
	maxSSLRulesLength = 1 << 18
	// maxDNLength is the longest text that [DistinguishedName] can return.
	maxDNLength = 3 * maxNameLength
	// maxMappedLength keeps a replacement such as "$0$0$0$0" from multiplying a long
	// name. No name of more than 32,767 bytes fits into a forwarded request.
	maxMappedLength = maxDNLength
)

// Why a distinguished name has no principal name, for [errors.Is]. Each comes
// wrapped in a [SSLNameError].
var (
	ErrNoSSLRule       = errors.New("no rule applies")
	ErrSSLRuleFailed   = errors.New("the rule cannot be applied")
	ErrNotMappableName = errors.New("the name is not valid UTF-8 or is too long")
)

// SSLRulesError says where a list of rules cannot be read.
type SSLRulesError struct {
	Rule   int    // index in the list, from 0; rules left empty do not count
	Text   string // the rule
	Offset int    // of the fault, in bytes from the start of the list
	// Construct is the part of Java's regular expressions that cannot be kept, one of
	// [UnsupportedConstructs]; empty if Kafka refuses the rule too.
	Construct string
	Msg       string // what is wrong there, and what would be right
}

// Error returns the index, the rule (cut at 64 bytes), the offset and the fault.
func (e *SSLRulesError) Error() string {
	return fmt.Sprintf("SSL rule %d %s, at offset %d of the list: %s", e.Rule, enum.Quote(e.Text), e.Offset, e.Msg)
}

// SSLNameError says why a distinguished name has no principal name.
type SSLNameError struct {
	DN     string // the name that was to be mapped
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

// UnsupportedConstructs returns every construct of java.util.regex that
// [ParseSSLRules] refuses because it cannot be kept exactly. The first nine are
// accepted with a [Backtracking], except for look-behind without a greatest length,
// \R with a quantifier of its own, and back references under (?i).
func UnsupportedConstructs() []string { return javaregex.Constructs() }

// SSLRules maps the distinguished names of certificates to principal names, by the
// first rule of a list that applies, as Kafka's SslPrincipalMapper does.
//
// SSLRules is immutable once built. It is safe for concurrent use by any number of
// goroutines. It must not be copied after first use. The zero SSLRules refuses every
// name.
type SSLRules struct {
	rules    []sslRule
	dropped  map[int][]string // by the index of the rule behind, the texts that Kafka skips
	matchers sync.Pool        // of *javaregex.Matcher
}

// sslRule is one rule. The zero caseFold leaves the name as it is.
type sslRule struct {
	isDefault   bool // nothing below is set
	pattern     string
	replacement string
	fold        caseFold
	compiled    *javaregex.Pattern
	to          javaregex.Replacement
}

// caseFold is the letter that ends a rule: L, U or none.
type caseFold string

// The grammar of ssl.principal.mapping.rules is a pair of regular expressions in
// Kafka, and what they accept shows in odd places: text between rules that they
// cannot match is skipped, and of rules that only line ends separate all but the
// last is. So the same expressions read the list here.
const (
	sslRuleGrammar     = `(DEFAULT)|RULE:((\\.|[^\\/])*)/((\\.|[^\\/])*)/([LU]?).*?|(.*?)`
	sslSplitterGrammar = `\s*(` + sslRuleGrammar + `)\s*(,\s*|$)`
)

// ParseSSLRules reads ssl.principal.mapping.rules: rules between commas, each either
// DEFAULT, which maps every name to itself, or
//
//	RULE:pattern/replacement/
//
// with L or U behind it to fold the case. A slash in either part is written "\/".
// A rule applies to a name that its pattern matches whole; then every match of the
// pattern that a search finds is replaced, as by Java's replaceAll. Empty rules are
// left out; a list without rules refuses every name. As in Kafka, text that cannot
// be split is skipped without a word, such as a rule with a line end and no comma
// behind it; [SSLRules.Lint] tells.
//
// Patterns are Java's, matched as JDK 17 does but in linear time, because names come
// from strangers. Constructs that cannot be kept exactly, of which
// [UnsupportedConstructs] is the list, are refused. With a [Backtracking], which
// may be nil, the not regular ones among them are accepted.
//
// A fault in a replacement, such as $2 where there is no group, is an error of
// [SSLRules.Name], because Kafka finds it only there. So is what releases of Java
// may see differently: \b in a name that is not ASCII, and the lower case of a capital
// sigma beside letters without case or marks. What a letter is and
// which case it has is Unicode 15's answer, as in JDK 21; letters that are newer than
// JDK 17's Unicode 13 differ there.
//
// An error is a [SSLRulesError], and then there are no rules.
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

// sslSource is the text of one rule and where it stands in the list.
type sslSource struct {
	text    string
	offset  int
	skipped string // what stands before it and belongs to no rule
}

func isJavaTrimmed(r rune) bool { return r <= ' ' }

// splitSSLRules returns the rules of a list, empty ones included.
func splitSSLRules(list string) ([]sslSource, error) {
	if len(list) > maxSSLRulesLength {
		return nil, &SSLRulesError{Text: list, Offset: maxSSLRulesLength, Msg: fmt.Sprintf("a list of more than %d bytes", maxSSLRulesLength)}
	}
	if !utf8.ValidString(list) {
		return nil, &SSLRulesError{Text: list, Msg: "a list that is not valid UTF-8"}
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
			return nil, &SSLRulesError{Rule: len(sources), Text: text, Offset: base + from, Msg: "text that is no rule"}
		}
		sources = append(sources, sslSource{text[from:to], base + from, text[done:match[0]]})
		done = int(match[1])
	}
	return sources, nil
}

// parseSSLRule reads one rule. An empty one is nil.
func parseSSLRule(grammar *javaregex.Pattern, source sslSource, backtracking *Backtracking) (*sslRule, *SSLRulesError) {
	match := grammar.LookingAt(&javaregex.Matcher{}, source.text) // it matches the empty string, if nothing else
	end := int(match[1])
	fault := &SSLRulesError{Text: source.text, Offset: source.offset + end}
	if end != len(source.text) {
		fault.Msg = fmt.Sprintf("%s is no part of a rule: expected DEFAULT or RULE:pattern/replacement/ and L, U or nothing",
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
// exist, as Kafka does if there is a group at all. It looks for the references in
// the replacement as it was, and puts the backslashes into what it has become: from
// the second on they stand a UTF-16 unit too early for each before. A number that
// is too large for Java's int is a fault.
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
			return "", "$" + digits + ": no number of a group is so large"
		}
		for n > int64(groups) && n >= 10 {
			n /= 10
		}
		if n > int64(groups) {
			ahead := i - len(units) // never negative: each backslash stands behind the one before
			units = append(units, original[copied:copied+ahead]...)
			copied += ahead
			if i > 0 && utf16.DecodeRune(rune(units[i-1]), rune(original[copied])) != utf8.RuneError {
				return "", "$" + digits + ": there is no such group, and Kafka's escape for that would split a character"
			}
			units = append(units, '\\')
		}
		i = end - 1
	}
	return string(utf16.Decode(append(units, original[copied:]...))), ""
}

// String returns the list in the syntax that [ParseSSLRules] reads back as the same
// rules: without spaces between them and without the empty ones.
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
// replacement cannot be used, no later rule is asked. The name may be empty.
//
// If no rule applies, if the one that applies fails, or if dn is not valid UTF-8 or
// has more than 192 KiB, the error is a [SSLNameError] with the empty name.
//
// The time is linear in the length of dn, unless a rule needs [Backtracking], which
// bounds the steps. It allocates the name, and for long names some memory
// to match in.
func (s *SSLRules) Name(dn string) (string, error) { return s.walk(dn, nil) }

// walk asks the rules in order. A trace, if there is one, notes what each did.
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

// apply returns the name that r maps dn to, and whether it applies at all.
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
