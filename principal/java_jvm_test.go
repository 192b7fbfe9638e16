package principal

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/shrink"
)

// patternSource makes patterns and names, always the same ones for a seed.
type patternSource struct {
	*rand.Rand
	groups int  // begun so far
	behind bool // in a look-behind, which must have a greatest length
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

// patternComparison compares what this package makes of patterns and names with Java.
type patternComparison struct {
	oracle                 *javaOracle
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
func (f patternFault) shrink(t *testing.T, oracle *javaOracle) patternFault {
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
		oracle.wait(t)
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
	tree, err := compileJavaPattern(f.pattern, &Backtracking{})
	replacement := ""
	if err == nil {
		replacement = showGroups(tree.tree)
	}
	rule := "RULE:" + f.pattern + "/" + replacement + "/"
	row := map[string]any{"source": t.Name(), "rules": rule, "javaOnly": err == nil && tree.program == nil}
	mapped := map[string]any{"dn": f.name}
	switch name, ok := strings.CutPrefix(f.answer, "="); {
	case f.answer == "error":
		row["errorClass"] = "java.util.regex.PatternSyntaxException"
	case ok:
		text, valid := unescapeFromJava(name)
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
func (c *patternComparison) compile(pattern string) []*javaPattern {
	compiled, err := compileJavaPattern(pattern, &Backtracking{})
	var fault *patternError
	errors.As(err, &fault)
	c.oracle.ask(func(answer string) {
		switch accepted := answer != "error"; {
		case err == nil && !accepted:
			c.fault(patternFault{pattern, "", fmt.Sprintf("%q: Java refuses it", pattern), answer})
		case accepted && fault != nil && fault.construct == "":
			c.fault(patternFault{pattern, "", fmt.Sprintf("%q: Java accepts it: %v", pattern, err), answer})
		}
	}, "pattern", pattern)
	if err != nil {
		return nil
	}
	ways := []*javaPattern{compiled}
	if compiled.program != nil {
		if back, err := compileBacktracking(compiled.tree, &Backtracking{}); err == nil {
			ways = append(ways, &javaPattern{tree: compiled.tree, back: back})
		}
	}
	return ways
}

// showGroups returns a replacement with all groups of a pattern.
func showGroups(tree *syntaxTree) string {
	replacement := "<$0>"
	for i := range tree.groups {
		replacement += fmt.Sprintf("($%d)", i+1)
	}
	return replacement
}

// name compares a name. All groups show in what it is mapped to.
func (c *patternComparison) name(pattern string, ways []*javaPattern, name string) {
	tree := ways[0].tree
	replacement := showGroups(tree)
	to := parseReplacement(replacement, tree)
	var m matcher
	for _, way := range ways {
		got, matched, err := way.rewriteWhole(&m, &rewriter{text: name, to: &to, limit: 1 << 20})
		c.oracle.ask(func(answer string) {
			c.pairs++
			if err != nil {
				c.refused++
				return
			}
			want, valid := unescapeFromJava(strings.TrimPrefix(answer, "="))
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

// What TestPatternsAgainstJava compares.
const (
	javaSeed     = 3
	javaPatterns = 60_000
	javaNames    = 8 // for each pattern
)

// TestPatternsAgainstJava compares names that patterns map with what java.util.regex
// makes of them. A pattern or a name may be refused, but never mapped in another way.
func TestPatternsAgainstJava(t *testing.T) {
	c := &patternComparison{oracle: newJavaOracle(t)}
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
	c.oracle.wait(t)
	t.Logf("%d pairs, of which %d are mapped and %d refused", c.pairs, c.mapped, c.refused)
	assert.Zero(t, c.wrong)
	for _, f := range c.faults {
		f = f.shrink(t, c.oracle)
		t.Errorf("%s\nas in this row for fuzz/testdata, family ssl_mapping:\n%s", f.what, f.row(t))
	}
	c.oracle.close()
	assert.Greater(t, c.pairs, 350_000)
	assert.Greater(t, c.mapped, 30_000)
	assert.Less(t, c.refused, c.pairs/8)
}

// TestCaseAgainstJava compares the lower and upper case of texts with Java's, sigmas
// and characters above U+FFFF above all. A text may be refused, but never get another
// case.
func TestCaseAgainstJava(t *testing.T) {
	oracle := newJavaOracle(t)
	source := &patternSource{Rand: rand.New(rand.NewPCG(16, 14))}
	texts, refused, final, wrong := 0, 0, 0, 0
	compare := func(text, got string, err error) func(string) {
		return func(answer string) {
			want, _ := unescapeFromJava(strings.TrimPrefix(answer, "="))
			texts++
			if err != nil {
				refused++
				return
			}
			if strings.ContainsRune(got, 'ς') {
				final++
			}
			if got != want {
				if wrong++; wrong < 20 {
					t.Errorf("%q: %q, Java %q", text, got, want)
				}
			}
		}
	}
	for range 150_000 {
		text := source.text()
		lower, err := javaLower(text)
		oracle.ask(compare(text, lower, err), "lower", text)
		oracle.ask(compare(text, javaUpper(text), nil), "upper", text)
	}
	oracle.close()
	t.Logf("%d texts, %d refused, %d with a final sigma", texts, refused, final)
	assert.Zero(t, wrong)
	assert.Equal(t, 300_000, texts)
	assert.Greater(t, final, 15_000)
	assert.Less(t, refused, 50_000)
}

// text returns a text with capital sigmas.
func (s *patternSource) text() string {
	var b strings.Builder
	plain := s.IntN(4) > 0
	for range s.IntN(9) {
		switch {
		case s.IntN(3) == 0:
			b.WriteString("Σ")
		case plain || s.IntN(3) > 0:
			b.WriteString(s.one("a", "B", "\U00010400", "\U00010428", "\U0001D400", "\U000118A0", "é", "ß", "İ", "ǅ", ".", "-", "_", "'", "\"", ",", "=", " ", "1", "$", "#", "%", "&", "/", "@", ":", "σ", "ς"))
		default:
			b.WriteString(s.one("\U0001F600", "\U00020000", "\u0301", "中", "א", "\u00AD", "ª", "あ", "\n", "²", "ﬁ"))
		}
	}
	return b.String()
}

// TestLowerCaseSample has texts with capital sigmas, and the lower case that JDK 17
// gave them.
func TestLowerCaseSample(t *testing.T) {
	data, err := os.ReadFile("testdata/java_lower.tsv")
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	require.Len(t, rows, 401)
	for _, row := range rows {
		text, want, ok := strings.Cut(row, "\t")
		require.True(t, ok, row)
		got, err := javaLower(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
}
