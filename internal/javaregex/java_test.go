package javaregex

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/javaoracle"
	"github.com/portcullis-authz/portcullis/internal/shrink"
)

// testSteps is the maximum number of steps of a match here.
const testSteps = 1 << 22

// patternSource generates patterns and names. The same seed gives the same ones.
type patternSource struct {
	*rand.Rand
	groups int  // number of groups begun so far
	behind bool // in a look-behind, which must have a maximum length
}

func (s *patternSource) one(texts ...string) string { return texts[s.IntN(len(texts))] }

// pattern returns alternatives of sequences.
func (s *patternSource) pattern(depth int) string {
	var b strings.Builder
	for i := range 1 + s.IntN(8)/6 {
		if i > 0 {
			b.WriteByte('|')
		}
		for range 1 + s.IntN(3) {
			b.WriteString(s.quantified(depth))
		}
	}
	return b.String()
}

func (s *patternSource) quantified(depth int) string {
	if s.IntN(30) == 0 {
		return s.one("(?i)", "(?s)", "(?m)", "(?-i)", "(?d)", `\R`)
	}
	atom := s.atom(depth)
	if s.IntN(5) < 2 {
		return atom
	}
	low := s.IntN(3)
	if s.behind {
		return atom + s.one("?", fmt.Sprintf("{%d}", low), fmt.Sprintf("{%d,%d}", low, low+s.IntN(3))) + s.one("", "", "?", "+")
	}
	quantifier := s.one("?", "*", "+", fmt.Sprintf("{%d}", low), fmt.Sprintf("{%d,}", low), fmt.Sprintf("{%d,%d}", low, low+s.IntN(3)))
	return atom + quantifier + s.one("", "", "?", "+")
}

func (s *patternSource) atom(depth int) string {
	if depth == 0 || s.IntN(5) < 2 {
		switch s.IntN(8) {
		case 0:
			return s.one("^", "$", `\z`, `\A`, `\Z`, `\b`, `\B`)
		case 1:
			if s.groups > 0 {
				return fmt.Sprintf(`\%d`, 1+s.IntN(s.groups))
			}
		}
		return s.one("a", "b", "a", "b", ".", ".", "[ab]", "[^a]", "😀", "é", `\d`, `\W`, `[^\x{0}-\x{FFFF}]`, "[a😀]", "[b-é]", `[a-z&&[^b]]`, "=",
			`\x{1F600}`, `\p{Lu}`, `\Qa\E`)
	}
	open := s.one("(", "(", "(", "(?:", "(?:", "(?:", "(?>", "(?=", "(?!", "(?<=", "(?<!", "(?i:", "(?>")
	if open == "(" {
		if s.groups++; s.IntN(4) == 0 {
			open = fmt.Sprintf("(?<g%d>", s.groups)
		}
	}
	behind := s.behind
	s.behind = behind || strings.HasPrefix(open, "(?<=") || open == "(?<!"
	defer func() { s.behind = behind }()
	return open + s.pattern(depth-1) + ")"
}

func (s *patternSource) name() string {
	var b strings.Builder
	few := s.IntN(2) == 0
	for range s.IntN(7) {
		if few {
			b.WriteString(s.one("a", "a", "b", "😀"))
		} else {
			b.WriteString(s.one("a", "a", "a", "b", "b", "A", "😀", "😁", "é", "1", "=", ",", "\n", "\r", "\r\n", "\u2028"))
		}
	}
	return b.String()
}

// patternComparison compares this package's results for patterns and names with Java's.
type patternComparison struct {
	oracle                 *javaoracle.Oracle
	pairs, mapped, refused int
	faults                 []patternFault // the first of them
	wrong                  int
}

// patternFault is a pattern, or a pattern and a name, at which Java differs.
type patternFault struct {
	pattern, name string
	what          string
	answer        string // Java's
}

func (c *patternComparison) fault(f patternFault) {
	if c.wrong++; len(c.faults) < 5 {
		c.faults = append(c.faults, f)
	}
}

// shrink makes the pattern and the name smaller as long as Java differs.
func (f patternFault) shrink(t *testing.T, oracle *javaoracle.Oracle) patternFault {
	t.Helper()
	smaller := func(f patternFault) (smaller []patternFault) {
		for _, text := range shrink.Text(f.name) {
			smaller = append(smaller, patternFault{pattern: f.pattern, name: text})
		}
		for _, text := range shrink.Text(f.pattern) {
			smaller = append(smaller, patternFault{pattern: text, name: f.name})
		}
		return smaller
	}
	shrink.Value(f, smaller, func(faults []patternFault) int {
		comparisons := make([]patternComparison, len(faults))
		for i, one := range faults {
			comparisons[i].oracle = oracle
			if ways := comparisons[i].compile(one.pattern); len(ways) > 0 {
				comparisons[i].name(one.pattern, ways, one.name)
			}
		}
		oracle.Wait(t)
		for i := range comparisons {
			if found := comparisons[i].faults; len(found) > 0 {
				f = found[0]
				return i
			}
		}
		return -1
	})
	return f
}

// row returns the fault as a captured row of family ssl_mapping: the pattern is that of
// a rule, which shows all groups.
func (f patternFault) row(t *testing.T) string {
	t.Helper()
	tree, err := Compile(f.pattern, testSteps)
	replacement := ""
	if err == nil {
		replacement = showGroups(tree)
	}
	rule := "RULE:" + f.pattern + "/" + replacement + "/"
	row := map[string]any{"source": t.Name(), "rules": rule, "javaOnly": err == nil && tree.program == nil}
	mapped := map[string]any{"dn": f.name}
	switch name, ok := strings.CutPrefix(f.answer, "="); {
	case f.answer == "error":
		row["errorClass"] = "java.util.regex.PatternSyntaxException"
	case ok:
		text, valid := javaoracle.Unescape(name)
		mapped["name"] = text
		if !valid {
			mapped["loneSurrogate"] = true
		}
	default:
		mapped["errorClass"] = "org.apache.kafka.common.security.ssl.SslPrincipalMapper$NoMatchingRule"
	}
	if f.answer != "error" {
		row["parsed"] = []string{rule}
	}
	if len(mapped) > 1 && f.answer != "ok" {
		row["cases"] = []any{mapped}
	}
	encoded, err := json.Marshal(row)
	require.NoError(t, err)
	return string(encoded)
}

// compile returns the pattern, and a second time for backtracking if it does not need
// that. It is empty if the pattern is refused.
func (c *patternComparison) compile(pattern string) []*Pattern {
	compiled, err := Compile(pattern, testSteps)
	var fault *Error
	errors.As(err, &fault)
	c.oracle.Ask(func(answer string) {
		switch accepted := answer != "error"; {
		case err == nil && !accepted:
			c.fault(patternFault{pattern, "", fmt.Sprintf("%q: Java refuses it", pattern), answer})
		case accepted && fault != nil && fault.Construct == "":
			c.fault(patternFault{pattern, "", fmt.Sprintf("%q: Java accepts it: %v", pattern, err), answer})
		}
	}, "pattern", pattern)
	if err != nil {
		return nil
	}
	ways := []*Pattern{compiled}
	if compiled.program != nil {
		if back, err := compileBacktracking(compiled.tree, testSteps); err == nil {
			ways = append(ways, &Pattern{tree: compiled.tree, back: back})
		}
	}
	return ways
}

// showGroups returns a replacement with all groups of a pattern.
func showGroups(p *Pattern) string {
	replacement := "<$0>"
	for i := range p.Groups() {
		replacement += fmt.Sprintf("($%d)", i+1)
	}
	return replacement
}

// name compares a name. All groups show in what it is mapped to.
func (c *patternComparison) name(pattern string, ways []*Pattern, name string) {
	replacement := showGroups(ways[0])
	to := ways[0].Replacement(replacement)
	var m Matcher
	for _, way := range ways {
		got, matched, err := way.RewriteWhole(&m, &Rewriter{Text: name, To: &to, Limit: 1 << 20})
		c.oracle.Ask(func(answer string) {
			c.pairs++
			if err != nil {
				c.refused++
				return
			}
			want, valid := javaoracle.Unescape(strings.TrimPrefix(answer, "="))
			if matched != (answer != "-") || matched && (got != want || !valid) {
				what := fmt.Sprintf("%q on %q (linear: %t): %t, %q; Java: %q", pattern, name, way.program != nil, matched, got, answer)
				c.fault(patternFault{pattern, name, what, answer})
			}
			if matched {
				c.mapped++
			}
		}, "name", name, replacement)
	}
}

// The amounts that TestPatternsAgainstJava compares.
const (
	javaSeed     = 3
	javaPatterns = 60_000
	javaNames    = 8 // for each pattern
)

// TestPatternsAgainstJava compares mapped names with those of java.util.regex. A
// pattern or a name may be refused, but never mapped differently.
func TestPatternsAgainstJava(t *testing.T) {
	c := &patternComparison{oracle: javaoracle.New(t)}
	source := &patternSource{Rand: rand.New(rand.NewPCG(17, javaSeed))}
	for range javaPatterns {
		source.groups = 0
		pattern := source.pattern(3)
		ways := c.compile(pattern)
		for range javaNames {
			if name := source.name(); len(ways) > 0 {
				c.name(pattern, ways, name)
			}
		}
	}
	c.oracle.Wait(t)
	t.Logf("%d pairs, of which %d are mapped and %d refused", c.pairs, c.mapped, c.refused)
	assert.Zero(t, c.wrong)
	for _, f := range c.faults {
		f = f.shrink(t, c.oracle)
		t.Errorf("%s\nas in this row for fuzz/testdata, family ssl_mapping:\n%s", f.what, f.row(t))
	}
	c.oracle.Close()
	assert.Greater(t, c.pairs, 350_000)
	assert.Greater(t, c.mapped, 30_000)
	assert.Less(t, c.refused, c.pairs/8)
}
