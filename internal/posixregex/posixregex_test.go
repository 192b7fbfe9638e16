package posixregex_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/posixregex"
)

// TestCaptured compares with the results of glibc 2.36's regcomp and regexec in the C
// locale. A pattern that they refuse must be refused; one that they accept may be
// refused.
func TestCaptured(t *testing.T) {
	file, err := os.Open("testdata/captured.jsonl.gz")
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	kept, checks := 0, 0
	for scanner := bufio.NewScanner(unzipped); scanner.Scan(); {
		var row struct {
			Pattern string
			Refused bool
			Matches []struct {
				Text       string
				Begin, End int // of the first match, in bytes, or -1
			}
		}
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &row))
		p, err := posixregex.Compile(row.Pattern)
		if err != nil {
			continue
		}
		if !assert.False(t, row.Refused, "%q is accepted, and regcomp refuses it", row.Pattern) {
			continue
		}
		kept++
		for _, m := range row.Matches {
			var found [][]string
			result, err := p.Substitute(m.Text, "\x00", false, 1<<16, &found)
			require.NoError(t, err)
			want := m.Text
			if m.Begin >= 0 {
				want = m.Text[:m.Begin] + "\x00" + m.Text[m.End:]
			}
			assert.Equal(t, want, result, "%q on %q", row.Pattern, m.Text)
			assert.Equal(t, m.Begin >= 0, len(found) == 1, "%q on %q", row.Pattern, m.Text)
			assert.Equal(t, m.Begin == 0 && m.End == len(m.Text), p.Matches(m.Text), "%q and the whole of %q", row.Pattern, m.Text)
			checks++
		}
	}
	assert.Equal(t, 1001, kept, "patterns")
	assert.Equal(t, 5005, checks, "texts")
}
