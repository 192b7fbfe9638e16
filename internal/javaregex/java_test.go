package javaregex

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/internal/javaoracle"
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
	faults                 []string // the first differences
	wrong                  int
}

func (c *patternComparison) fault(format string, args ...any) {
	if c.wrong++; len(c.faults) < 20 {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// compile returns the pattern, and a second version that backtracks if the first does
// not. It returns none if the pattern is refused.
func (c *patternComparison) compile(pattern string) []*Pattern {
	compiled, err := Compile(pattern, testSteps)
	var fault *Error
	errors.As(err, &fault)
	c.oracle.Ask(func(answer string) {
		switch accepted := answer != "error"; {
		case err == nil && !accepted:
			c.fault("%q: Java refuses it", pattern)
		case accepted && fault != nil && fault.Construct == "":
			c.fault("%q: Java accepts it: %v", pattern, err)
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

// name compares the results for a name. The mapped names show all groups.
func (c *patternComparison) name(pattern string, ways []*Pattern, name string) {
	replacement := "<$0>"
	for i := range ways[0].Groups() {
		replacement += fmt.Sprintf("($%d)", i+1)
	}
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
				c.fault("%q on %q (linear: %t): %t, %q; Java: %q", pattern, name, way.program != nil, matched, got, answer)
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
	c.oracle.Close()
	t.Logf("%d pairs, of which %d are mapped and %d refused", c.pairs, c.mapped, c.refused)
	assert.Zero(t, c.wrong)
	assert.Empty(t, c.faults)
	assert.Greater(t, c.pairs, 350_000)
	assert.Greater(t, c.mapped, 30_000)
	assert.Less(t, c.refused, c.pairs/8)
}
