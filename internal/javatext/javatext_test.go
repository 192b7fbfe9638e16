package javatext_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/javaoracle"
	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// TestCaseAgainstJava compares the lower and upper case of texts with Java's, mainly
// for sigmas and characters above U+FFFF. A text may be refused, but never get another
// result.
func TestCaseAgainstJava(t *testing.T) {
	oracle := javaoracle.New(t)
	source := textSource{rand.New(rand.NewPCG(16, 14))}
	texts, refused, final, wrong := 0, 0, 0, 0
	compare := func(text, got string, err error) func(string) {
		return func(answer string) {
			want, _ := javaoracle.Unescape(strings.TrimPrefix(answer, "="))
			texts++
			if err != nil {
				refused++
				return
			}
			if strings.ContainsRune(got, 'ς') {
				final++
			}
			if got != want {
				wrong++
				assert.GreaterOrEqual(t, wrong, 20, "%q: %q, Java %q", text, got, want)
			}
		}
	}
	for range 150_000 {
		text := source.text()
		lower, err := javatext.Lower(text)
		oracle.Ask(compare(text, lower, err), "lower", text)
		oracle.Ask(compare(text, javatext.Upper(text), nil), "upper", text)
	}
	oracle.Close()
	t.Logf("%d texts, %d refused, %d with a final sigma", texts, refused, final)
	assert.Zero(t, wrong)
	assert.Equal(t, 300_000, texts)
	assert.Greater(t, final, 15_000)
	assert.Less(t, refused, 50_000)
}

// textSource generates texts. The same seed gives the same ones.
type textSource struct{ *rand.Rand }

func (s textSource) one(texts ...string) string { return texts[s.IntN(len(texts))] }

// text returns a text with capital sigmas.
func (s textSource) text() string {
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

// TestLowerCaseSample has texts with capital sigmas, and their lower case in JDK 17.
func TestLowerCaseSample(t *testing.T) {
	data, err := os.ReadFile("testdata/lower.tsv")
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	require.Len(t, rows, 401)
	for _, row := range rows {
		text, want, ok := strings.Cut(row, "\t")
		require.True(t, ok, row)
		got, err := javatext.Lower(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
}
