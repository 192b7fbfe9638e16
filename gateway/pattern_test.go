package gateway

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Patterns that are slow in a backtracking, expanding or folding implementation are
// compiled and matched within the limits, or refused before they are compiled. The
// parser, which is not ours, must not get a pattern that it is slow on: slowClasses
// refuses those by their text.
func TestPatternCost(t *testing.T) {
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("orders.region-%03d.some-usual-name", i)
	}
	long := make([]string, 20)
	for i := range long {
		long[i] = fmt.Sprintf("%s-%02d", strings.Repeat("n", 97), i)
	}
	for _, tt := range []struct {
		name    string
		pattern string
		compile error
		match   error
	}{
		{"usual", `orders\..*`, nil, nil},
		{"twenty names of 100 characters", strings.Join(long, "|"), nil, nil},
		{"the longest literal", strings.Repeat("a", maxPatternBytes), nil, nil},
		{"longer", strings.Repeat("a", maxPatternBytes+1), errPatternTooLong, nil},
		{"10 optional characters, 1000 times", "(?:" + strings.Repeat(".?", 10) + "){1000}", nil, errPatternTooSlow},
		{"490 optional characters, 1000 times", "(?:" + strings.Repeat(".?", 490) + "){1000}", errPatternTooLarge, nil},
		{"repetitions of a repetition", "(?:(?:" + strings.Repeat("x", 100) + "){30}){30}", errPatternTooLarge, nil},
		{"repetitions of alternatives", "(?:" + strings.Repeat("ab|cd|", 20) + "ef){1000}", errPatternTooLarge, nil},
		{"at least", "(?:(?:" + strings.Repeat("x", 100) + "){30,}){30,}", errPatternTooLarge, nil},
		{"nested stars", strings.Repeat("(?:", 500) + "a" + strings.Repeat("*)", 500), nil, nil},
		{"stars in a row", strings.Repeat(".*", 2000) + "x", nil, errPatternTooSlow},
		{"many Unicode classes", strings.Repeat(`\pL`, 10000), errPatternClasses, nil},
		{"many negated Unicode classes in one", "[" + strings.Repeat(`\PL`, 10000) + "]", errPatternClasses, nil},
		{"some Unicode classes", `\p{Lu}\p{Greek}x`, nil, nil},
		{"case of ranges", "(?i)" + strings.Repeat("[B-\U0001E942]", 2000), errPatternClasses, nil},
		{"case of escaped ranges", "x(?s-U:(?mi:" + strings.Repeat(`[B-\x{1E942}]`, 2000) + "))", errPatternClasses, nil},
		{"case of octal ranges", "(?i)" + strings.Repeat(`[\002-\0777]`, 2000), errPatternClasses, nil},
		{"escapes without case", strings.Repeat(`\x61`, 8000), nil, nil},
		{"ignoring case", "(?i)ORDERS.*", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := compilePattern(tt.pattern)
			require.ErrorIs(t, err, tt.compile)
			if tt.compile != nil {
				return
			}
			require.LessOrEqual(t, len(p.prog.Inst), maxProgram)
			_, err = p.match(names)
			require.ErrorIs(t, err, tt.match)
		})
	}
}

// The estimated size of a program is never too low.
func TestProgramSizeIsAnUpperBound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := randomPattern(random, 4)
		p, err := compilePattern(text)
		if err != nil {
			continue
		}
		// Bounded above by the estimate, up to the instructions that every program has.
		require.LessOrEqual(t, len(p.prog.Inst), sizeOf(t, text)+4, "%q", text)
	}
}

// The matcher gives the same results as Go's regexp for the whole name.
func TestPatternsMatchAsRegexpDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	compared, matches := 0, 0
	for range 20_000 {
		text := randomPattern(random, 3)
		p, err := compilePattern(text)
		want, wantErr := regexp.Compile(`^(?:` + text + `)$`)
		if err != nil || wantErr != nil {
			continue
		}
		names := make([]string, 8)
		for i := range names {
			names[i] = randomName(random)
		}
		matched, err := p.match(names)
		require.NoError(t, err, "%q", text)
		expected := []string{}
		for _, name := range names {
			if want.MatchString(name) {
				expected = append(expected, name)
			}
		}
		require.Equal(t, expected, matched, "%q", text)
		compared, matches = compared+len(names), matches+len(matched)
	}
	assert.Greater(t, compared, 100_000)
	assert.Greater(t, matches, 5_000)
}

func randomName(random *rand.Rand) string {
	b := make([]byte, random.IntN(6))
	for i := range b {
		b[i] = "abAB.-_09"[random.IntN(9)]
	}
	return string(b)
}

// randomPattern returns a pattern that is nested up to a depth.
func randomPattern(random *rand.Rand, depth int) string {
	if depth == 0 || random.IntN(4) == 0 {
		atoms := []string{"a", "b", "A", ".", "[ab]", "[^a]", `\.`, `\w`, `\d`, `\b`, `\B`, "^", "$", `\A`, `\z`, "(?i)b", "(?s).", "[[:upper:]]", `\Qa.\E`, "é"}
		return atoms[random.IntN(len(atoms))]
	}
	sub := func() string { return randomPattern(random, depth-1) }
	switch random.IntN(8) {
	case 0:
		return sub() + "|" + sub()
	case 1:
		return "(" + sub() + ")*"
	case 2:
		return "(?:" + sub() + ")+?"
	case 3:
		return "(?:" + sub() + ")?"
	case 4:
		return fmt.Sprintf("(?:%s){%d,%d}", sub(), random.IntN(3), 2+random.IntN(3))
	case 5:
		return fmt.Sprintf("(?:%s){%d,}", sub(), random.IntN(3))
	default:
		return sub() + sub()
	}
}

// sizeOf returns the estimate of the size of a pattern's program.
func sizeOf(t *testing.T, text string) int {
	t.Helper()
	parsed, err := syntax.Parse(text, syntax.Perl)
	require.NoError(t, err)
	return programSize(parsed)
}
