package gateway

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
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
		{"stars in a row", strings.Repeat(".*", 300) + "x", nil, errPatternTooSlow},
		{"many stars in a row", strings.Repeat(".*", 2000) + "x", errPatternTooLarge, nil},
		{"many Unicode classes", strings.Repeat(`\pL`, 10000), errPatternClasses, nil},
		{"many negated Unicode classes in one", "[" + strings.Repeat(`\PL`, 10000) + "]", errPatternClasses, nil},
		{"some Unicode classes", `\p{Lu}\p{Greek}x`, nil, nil},
		{"case of ranges", "(?i)" + strings.Repeat("[B-\U0001E942]", 2000), errPatternClasses, nil},
		{"case of escaped ranges", "x(?s-U:(?mi:" + strings.Repeat(`[B-\x{1E942}]`, 2000) + "))", errPatternClasses, nil},
		{"case of octal ranges", "(?i)" + strings.Repeat(`[\002-\0777]`, 2000), errPatternClasses, nil},
		{"case of a long range", "(?i)[B-\U0001E942]", errPatternFolded, nil},
		{"case of a long escaped range", `(?i)[B-\x{1E942}]`, errPatternFolded, nil},
		{"case of a range with zeros", `(?i)[B-\x{000000000000001E942}]`, errPatternFolded, nil},
		{"case of ranges of usual letters", `(?i)[à-þа-яё-ӿ\x{400}-\x{4ff}\xe0-\xff\100-\377]`, nil, nil},
		{"a long range", "[B-\U0001E942]", nil, nil},
		{"escapes without case", strings.Repeat(`\x61`, 8000), nil, nil},
		{"ignoring case", "(?i)ORDERS.*", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := parsePattern(tt.pattern, requestBudget(len(tt.pattern)))
			require.ErrorIs(t, err, tt.compile)
			if tt.compile != nil {
				return
			}
			require.LessOrEqual(t, len(p.compile().instructions), maxProgram)
			_, err = p.match(slices.Clone(names))
			require.ErrorIs(t, err, tt.match)
		})
	}
}

// The estimated size of a program is never too low.
func TestProgramSizeIsAnUpperBound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := randomPattern(random, 4)
		p, err := parsePattern(text, 1<<20)
		if err != nil {
			continue
		}
		require.LessOrEqual(t, len(p.compile().instructions), sizeOf(t, text)+1, "%q", text)
	}
}

// The matcher gives the same results as Go's regexp for the whole name.
func TestPatternsMatchAsRegexpDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	compared, matches := 0, 0
	for range 20_000 {
		text := randomPattern(random, 3)
		p, err := parsePattern(text, 1<<20)
		want, wantErr := regexp.Compile(`^(?:` + text + `)$`)
		if err != nil || wantErr != nil {
			continue
		}
		names := make([]string, 8)
		for i := range names {
			names[i] = randomName(random)
		}
		matched, err := p.match(slices.Clone(names))
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

// TestPatternsHaveABudget: what a pattern takes to parse, compile and match is within the
// budget of its request, or it is refused.
func TestPatternsHaveABudget(t *testing.T) {
	if raceDetector {
		t.Skip("memory is measured without the race detector")
	}
	repeat := strings.Repeat
	patterns := []string{
		"(?:" + repeat("a", 60) + "){1000}", "(?:" + repeat("(?:a|b)", 7) + "){1000}", "(?:" + repeat("a?", 20) + "){1000}", "(?:" + repeat("[ac]", 60) + "){1000}",
		`\x{100}(?:[a-c]?[d-f]?[g-i]?[k-m]?[n-p]?[q-s]?[t-v]?[x-z]?[A-C]?[D-F]?){1000}`, "(?:(?:a{0,30}){0,30}){0,30}", "(?:a?b?c?){0,1000}",
		repeat("(", 900) + "a" + repeat(")", 900), "[" + repeat("acegikmoqsuwy", 2500) + "]", "(?i)[" + repeat("acegikmoqsuwy", 2500) + "]",
		"[" + repeat(`\W\D`, 8000) + "]", "(?i)" + repeat(`\x{100}`, 16), repeat("é", 16000), repeat("a", maxPatternBytes),
	}
	for _, part := range []string{
		"a", "ab.", ".", "[a-z]", "[ac]", "(a)", "(?:a)", "a|", "ab|ac|", "a*", "a?", "a+", "^", `\b`, `\d`, `\W`, "[[:^alpha:]]", "a{2}", "a{1,2}", "a{2,}", "()", "(|a)", `\.`,
		"abcdefghij|", "x[a]|", "a.|b.|", "[^a]", `\x{100}`, `\Qa.b\E`, `\Q\.\.\.\.\.\.`, `\x61`, `\141`, "a??", "(?s).(?-s)", "(a|b)*", "(?i)k", "[ks]", `\pL`, "é|", "abc[.]|",
	} {
		for _, flags := range []string{"", "(?i)"} {
			for _, length := range []int{40, 300, 2_000, 9_000, maxPatternBytes} {
				patterns = append(patterns, flags+repeat(part, (length-len(flags))/len(part)))
			}
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		text := ""
		for n := 10 << random.IntN(11); len(text) < n; {
			text += randomPattern(random, 4)
		}
		patterns = append(patterns, text)
	}
	accepted := 0
	for _, text := range patterns {
		var err error
		took := allocated(func() {
			var p *pattern
			if p, err = parsePattern(text, requestBudget(len(text))); err == nil {
				_, err = p.match([]string{"a1", "ab", "orders"})
			}
		})
		if err == nil {
			accepted++
		}
		assert.LessOrEqual(t, took, requestBudget(len(text)), "%d bytes, %.40q: %v", len(text), text, err)
	}
	t.Logf("%d of %d accepted", accepted, len(patterns))
	assert.Greater(t, accepted, len(patterns)/4)
}

// TestHonestPatternsAreAccepted: the lists of names that applications join, and what people
// write, fit in the budget.
func TestHonestPatternsAreAccepted(t *testing.T) {
	list := func(n int, name string) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(name, i)
		}
		return strings.Join(names, "|")
	}
	for _, text := range []string{
		list(20, strings.Repeat("n", 240)+"%d"), list(1_000, "company-department-topic-%04d"), list(500, `company\.department\.topic-%03d`), list(300, "(company.department.topic-%03d)"),
		"^(?!.*x)", `(orders|payments)\.(eu|us)\.v[0-9]+`, `.*\.(created|updated|deleted)$`, `[a-z]+(-[a-z0-9]+){2,5}\.events`, "(?i)ORDERS.*", `\p{L}+\.\d{1,1000}`,
	} {
		_, err := parsePattern(text, requestBudget(len(text)))
		if text == "^(?!.*x)" { // RE2/J has no look-ahead
			assert.Error(t, err)
			continue
		}
		assert.NoError(t, err, "%.60q", text)
	}
}
