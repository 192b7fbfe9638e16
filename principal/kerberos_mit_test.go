package principal_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

const mitRealm = "KRBTEST.COM"

// mitCase is the result of MIT krb5 for one name under one configuration.
type mitCase struct {
	Rules        []string          `json:"auth_to_local"`
	Names        map[string]string `json:"auth_to_local_names"`
	NamesSection string            `json:"names_section"`
	Principal    string            `json:"principal"`
	Result       *string           `json:"result"`
	Error        *string           `json:"error"`
}

func (c mitCase) check(t *testing.T) {
	t.Helper()
	names := c.Names
	if c.NamesSection != "" && c.NamesSection != "default" {
		names = nil // another realm's section
	}
	rules, err := principal.ParseMITRules(c.Rules, mitRealm, names)
	got := ""
	if err == nil {
		got, err = rules.ShortName(c.Principal)
	}
	switch {
	case c.Result == nil && err == nil:
		t.Errorf("rules %q, names %v: %q became %q, but MIT krb5 refuses it", c.Rules, names, c.Principal, got)
	case c.Result != nil && err != nil:
		t.Errorf("rules %q, names %v: %q was refused (%v), but MIT krb5 makes it %q", c.Rules, names, c.Principal, err, *c.Result)
	case c.Result != nil && got != *c.Result:
		t.Errorf("rules %q, names %v: %q became %q, but MIT krb5 makes it %q", c.Rules, names, c.Principal, got, *c.Result)
	case err != nil && got != "":
		t.Errorf("rules %q: %q is refused and yet became %q", c.Rules, c.Principal, got)
	}
}

func TestMITOwnCases(t *testing.T) {
	data, err := os.ReadFile("testdata/mit_localauth_cases.json")
	require.NoError(t, err)
	var file struct {
		Source string
		Cases  []mitCase
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&file))
	want := 29
	require.Len(t, file.Cases, want, "%d cases, want %d", len(file.Cases), want)
	for _, c := range file.Cases {
		c.check(t)
	}
}

// TestMITCaptured replays the results of krb5_aname_to_localname of Debian 12's libkrb5
// (1.20.1, in the C locale). A result that is not valid UTF-8 counts as an error.
func TestMITCaptured(t *testing.T) {
	checks := 0
	for _, line := range gzipLines(t, "testdata/mit_auth_to_local.jsonl.gz") {
		var row struct {
			mitCase
			Cases []mitCase `json:"cases"`
		}
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&row))
		for _, c := range row.Cases {
			c.Rules, c.Names = row.Rules, row.Names
			c.check(t)
			checks++
		}
	}
	want := 6760
	assert.Equal(t, want, checks, "%d cases, want %d", checks, want)
}

func gzipLines(t *testing.T, name string) [][]byte {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	var lines [][]byte
	scanner := bufio.NewScanner(unzipped)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, bytes.Clone(scanner.Bytes()))
	}
	require.NoError(t, scanner.Err())
	return lines
}

func TestMITRulesRefused(t *testing.T) {
	tests := []struct {
		rule   string
		offset int
		words  string // of the message
	}{
		{"", 0, "expected DEFAULT or RULE:"},
		{"RULE", 0, "expected DEFAULT or RULE:"},
		{"default", 0, "expected DEFAULT or RULE:"},
		{"DEFAULT ", 0, "expected DEFAULT or RULE:"},
		{"UNRECOGNIZED:stuff", 0, "expected DEFAULT or RULE:"},
		{"RULE:[", 6, "expected digits"},
		{"RULE:[:$1]", 6, "number of components"},
		{"RULE:[ 1:$1]", 6, "expected digits"},
		{"RULE:[-1:$1]", 6, "expected digits"},
		{"RULE:[99999999999:$1]", 6, "number of components"},
		{"RULE:[1:$1", 8, `expected "]"`},
		{"RULE:[1:$2]", 5, "outside of the valid range"},
		{"RULE:[1:$x]", 5, "not followed by a valid component number"},
		{"RULE:[1:$99999999999]", 5, "not followed by a valid component number"},
		{"RULE:[1:$1](a", 11, `expected ")"`},
		{"RULE:[1:$1](a)b", 14, "expected s/from/to/ or the end"},
		{"RULE:[1:$1](a)s/b/c", 14, "expected s/from/to/"},
		{"RULE:[1:$1]s/a/b/ ", 18, "expected s/from/to/ or the end"},
		{"RULE:[1:$1]s/a/b//L", 17, "expected s/from/to/ or the end"},
		{"RULE:[1:$1]s/x*/y/g", 11, "must not match the empty text"},
		{"RULE:((a)b)", 8, `expected ")"`},
		{"RULE:(a**)", 8, "nothing to repeat"},
		{"RULE:(*a)", 6, "nothing to repeat"},
		{`RULE:(a\1)`, 7, "backslash before"},
		{`RULE:(a\w)`, 7, "backslash before"},
		{`RULE:(\<a)`, 6, "backslash before"},
		{`RULE:(a\)`, 7, "quotes nothing"},
		{"RULE:(a{2)", 7, `no "}"`},
		{"RULE:(a{,2})", 7, "expected {m}"},
		{"RULE:(a{3,2})", 7, "expected {m}"},
		{"RULE:(a{1,1001})", 7, "expected {m}"},
		{"RULE:([a)", 6, `has no "]"`},
		{"RULE:([z-a])", 7, "ends before it begins"},
		{"RULE:([[:word:]])", 7, "POSIX's classes"},
		{"RULE:([[.a.]])", 7, "collating"},
		{"RULE:([[=a=]])", 7, "collating"},
		{"RULE:([a-c-e])", 10, "hyphen"},
		{"RULE:s/a)/b/", 8, "closes nothing"},
		{"RULE:(a^)", 7, `"^" inside`},
		{"RULE:s/(a)(^b)/x/", 11, `"^" inside`},
		{"RULE:(a$b)", 7, `"$" inside`},
		{"RULE:s/(a|b$)c/x/", 11, `"$" inside`},
		{"RULE:s/(^a)*b/x/", 8, "an anchor in a repeated part"},
		{"RULE:s/b(c|a$)?/x/", 12, "an anchor in a repeated part"},
		{"RULE:(a\xff)", 7, "UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			rules, err := principal.ParseMITRules([]string{"DEFAULT", test.rule}, mitRealm, nil)
			assertFault(t, err, test.rule, test.offset, test.words)
			assert.Nil(t, rules, "rules together with an error")
		})
	}
}

func TestMITRulesCanonical(t *testing.T) {
	for rule, want := range map[string]string{
		"DEFAULT":                        "DEFAULT",
		"RULE:":                          "RULE:",
		"RULE: \ts/a/b/":                 "RULE:s/a/b/",
		"RULE:[02:$2.$1](a.b)":           "RULE:[2:$2.$1](a.b)",
		"RULE:(a)s/a/b/g \v s/b/c/s/c//": "RULE:(a)s/a/b/g s/b/c/ s/c//",
	} {
		t.Run(rule, func(t *testing.T) {
			for _, text := range []string{rule, want} {
				rules, err := principal.ParseMITRules([]string{text}, mitRealm, nil)
				if err != nil {
					t.Errorf("%q: %v", text, err)
				} else if got := rules.Rules(); !slices.Equal(got, []string{want}) {
					t.Errorf("%q is printed as %q, want %q", text, got, want)
				}
			}
		})
	}
}

func TestMITNeedsDefaultRealm(t *testing.T) {
	rules, err := principal.ParseMITRules([]string{"DEFAULT"}, "", nil)
	assert.Error(t, err)
	assert.Nil(t, rules)
}

func TestMITNamesRefused(t *testing.T) {
	rules, err := principal.ParseMITRules([]string{"RULE:"}, mitRealm, nil)
	require.NoError(t, err)
	for _, name := range []string{
		`a\`, "a@b@c", "a@b/c", "a@", `a\0b@R`, `\0@R`, `a@R\0`, `a@\0`, "a\x00b@R", "\xff@R", strings.Repeat("a", 4096) + "@R",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rules.ShortName(name)
			assert.ErrorIs(t, err, principal.ErrMalformedName, "%q became %q, %v; want it malformed", name, got, err)
			assert.Equal(t, "", got, "%q became %q, %v; want it malformed", name, got, err)
		})
	}
}

// A substitution can double the length of a name. No list of them may exhaust the
// memory.
func TestMITGrowthIsBounded(t *testing.T) {
	rule := "RULE:" + strings.TrimSpace(strings.Repeat("s/a/aa/g ", 100))
	rules, err := principal.ParseMITRules([]string{rule}, mitRealm, nil)
	require.NoError(t, err)
	got, err := rules.ShortName("a@R")
	assert.ErrorIs(t, err, principal.ErrRuleFailed, "got %d bytes, %v; want an error", len(got), err)
	assert.Equal(t, "", got, "got %d bytes, %v; want an error", len(got), err)
}

// Patterns match bytes, as in the C locale. If the result is not valid UTF-8, the name
// is refused.
func TestMITBytes(t *testing.T) {
	rules, err := principal.ParseMITRules([]string{"RULE:[1:$1](.{5})s/^.//", "RULE:[1:$1]s/^../u/"}, mitRealm, nil)
	require.NoError(t, err)
	if got, err := rules.ShortName("über@R"); !errors.Is(err, principal.ErrRuleFailed) || got != "" {
		t.Errorf("half a character: %q, %v; want an error", got, err)
	}
	if got, err := rules.ShortName("übe@R"); got != "ube" || err != nil {
		t.Errorf("got %q, %v; want ube", got, err)
	}
	// The first substitution leaves the second byte of À, and the second substitution
	// matches it.
	rules, err = principal.ParseMITRules([]string{"RULE:[1:$1]s/^.// s/[À]/x/"}, mitRealm, nil)
	require.NoError(t, err)
	got, err := rules.ShortName("Àb@R")
	assert.Equal(t, "xb", got, "got %q, %v; want xb", got, err)
	assert.NoError(t, err, "got %q, %v; want xb", got, err)
}

// Later changes to the caller's map have no effect.
func TestMITNamesAreCopied(t *testing.T) {
	names := map[string]string{"user": "alice"}
	rules, err := principal.ParseMITRules(nil, mitRealm, names)
	require.NoError(t, err)
	names["user"] = "root"
	got, err := rules.ShortName("user@KRBTEST.COM")
	assert.Equal(t, "alice", got, "got %q, %v; want alice", got, err)
	assert.NoError(t, err, "got %q, %v; want alice", got, err)
}
