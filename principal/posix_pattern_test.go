package principal

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
)

// TestPOSIXCaptured compares with what regcomp and regexec of glibc 2.36 answered
// in the C locale. A pattern that they refuse must be refused; one that they take
// may be.
func TestPOSIXCaptured(t *testing.T) {
	file, err := os.Open("testdata/posix_patterns.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	kept, checks := 0, 0
	for scanner := bufio.NewScanner(unzipped); scanner.Scan(); {
		var row struct {
			Pattern string
			Refused bool
			Matches []posixMatch
		}
		if err := json.Unmarshal(scanner.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		p, err := compilePOSIX(row.Pattern)
		if err != nil {
			continue
		}
		if row.Refused {
			t.Errorf("%q is accepted, and regcomp refuses it", row.Pattern)
			continue
		}
		kept++
		for _, m := range row.Matches {
			m.check(t, row.Pattern, p)
			checks++
		}
	}
	if kept != 1001 || checks != 5005 {
		t.Errorf("%d patterns are accepted and %d texts compared, want 1001 and 5005", kept, checks)
	}
}

// posixMatch is the first match in a text, in bytes, or -1.
type posixMatch struct {
	Text       string
	Begin, End int
}

func (m posixMatch) check(t *testing.T, pattern string, p *posixPattern) {
	t.Helper()
	got := posixMatch{m.Text, -1, -1}
	wide := widen(m.Text)
	if found := p.find(wide, false); found != nil {
		got.Begin, got.End = len(narrow(wide[:found[0][0]])), len(narrow(wide[:found[0][1]]))
	}
	if got != m {
		t.Errorf("%q: found %+v, want %+v", pattern, got, m)
	}
	whole, err := p.matches(nil, m.Text)
	if want := m.Begin == 0 && m.End == len(m.Text); whole != want || err != nil {
		t.Errorf("%q matches the whole of %q: %v, %v; want %v", pattern, m.Text, whole, err, want)
	}
}
