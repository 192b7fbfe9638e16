package principal

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// TestPatternCovers compares with every text of up to five characters: a pattern that covers
// another matches all that it matches, and one that does not has a counterexample there.
func TestPatternCovers(t *testing.T) {
	patterns := []string{"a", "ab", "a*", "a+", "a?b", "[ab]*", "[^,]*", "[^,]+", ".*", ".*,.*", "a.*", ".*a", "a|b", "(a|ab)b*", "a{2}", "a{2,3}", "[a-b]b", "^a.*$", "a,.*", "a,b.*", "(a*),(.*)", ""}
	texts := []string{""}
	for from := 0; len(texts[len(texts)-1]) < 5; {
		until := len(texts)
		for _, text := range texts[from:until] {
			for _, c := range "ab,x\n" {
				texts = append(texts, text+string(c))
			}
		}
		from = until
	}
	covered := 0
	for _, earlier := range patterns {
		for _, later := range patterns {
			e, err := javaregex.Compile(earlier, 0)
			assert.NoError(t, err)
			l, err := javaregex.Compile(later, 0)
			assert.NoError(t, err)
			assert.True(t, e.IsPlain(), earlier)
			left, right := regexp.MustCompile(`\A(?:`+later+`)\z`), regexp.MustCompile(`\A(?:`+earlier+`)\z`)
			want := true
			for _, text := range texts {
				want = want && (!left.MatchString(text) || right.MatchString(text))
			}
			assert.Equal(t, want, patternCovers(e.GoSyntax(), l.GoSyntax()), "%q covers %q", earlier, later)
			if want {
				covered++
			}
		}
	}
	assert.Greater(t, covered, 60)
	for _, pattern := range []string{"(?:ab)*", "a*+", "(?>a)", `a\b`, "(?=a)a", "a$b", "(?m)a$", `\R`} {
		p, err := javaregex.Compile(pattern, 1000)
		if assert.NoError(t, err, pattern) {
			assert.False(t, p.IsPlain(), pattern)
		}
	}
}
