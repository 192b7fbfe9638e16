package principal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/principal"
)

func kafkaRules(t testing.TB, rules ...string) *principal.KerberosRules {
	t.Helper()
	r, err := principal.ParseKerberosRules(rules, "EXAMPLE.COM", 0)
	require.NoError(t, err)
	return r
}

// assertFault asserts that the second of some rules is refused, at an offset, for a reason.
func assertFault(t *testing.T, err error, rule string, offset int, words string) {
	t.Helper()
	var fault *principal.RuleError
	require.ErrorAs(t, err, &fault, "%.60q", rule)
	assert.Equal(t, 1, fault.Rule, "%v", err)
	assert.Equal(t, rule, fault.Text, "%v", err)
	assert.Equal(t, offset, fault.Offset, "%v", err)
	assert.Contains(t, fault.Msg, words, "%v", err)
}

func TestKerberosRulesRefused(t *testing.T) {
	tests := []struct {
		rule   string
		offset int
		words  string // of the message
	}{
		{"", 0, "expected DEFAULT or RULE:"},
		{"default", 0, "expected DEFAULT or RULE:"},
		{" DEFAULT", 0, "expected DEFAULT or RULE:"},
		{"DEFAULT/L", 7, "expected the end"},
		{"RULE:", 5, `expected "["`},
		{"RULE:(a)", 5, `expected "["`},
		{"RULE:[:$1]", 6, "number of components"},
		{"RULE:[-1:$1]", 6, "expected digits"},
		{"RULE:[99999999999:$1]", 6, "number of components"},
		{"RULE:[1$1]", 7, "expected digits"},
		{"RULE:[1:$1/L", 8, `expected "]"`},
		{"RULE:[1:$1](a*", 11, `expected ")"`},
		{"RULE:[1:$1](())", 12, ""},
		{"RULE:[1:$1]((a)b)", 12, ""},
		{"RULE:[1:$1]([)", 12, ""},
		{"RULE:[1:$1]s/a/b", 11, "expected s/from/to/"},
		{"RULE:[1:$1]s/(/b/", 13, ""},
		{"RULE:[1:$1]/l", 12, "expected the end"},
		{"RULE:[1:$1]//L", 12, "expected the end"},
		{"RULE:[1:$1](ABC.*)s/ABC/XYZ/L/g", 29, "expected the end"},
		{"RULE:[1:$1] ", 11, "expected the end"},
		{"\xff", 0, "UTF-8"},
		{"RULE:[1:\ufffd\xff]", 11, "UTF-8"},
		{"RULE:[1:" + strings.Repeat("a", 8192) + "]", 8192, "no more than 8192 bytes"},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			rules, err := principal.ParseKerberosRules([]string{"DEFAULT", test.rule}, "EXAMPLE.COM", 0)
			assertFault(t, err, test.rule, test.offset, test.words)
			assert.Nil(t, rules, "rules together with an error")
		})
	}
	_, err := principal.ParseKerberosRules(slices.Repeat([]string{"DEFAULT"}, 4097), "R", 0)
	assert.Error(t, err, "4097 rules are accepted")
	kafkaRules(t, slices.Repeat([]string{"DEFAULT"}, 4096)...)
	kafkaRules(t, "RULE:[1:"+strings.Repeat("a", 8192-9)+"]")
}

// TestKerberosNameErrors: callers can distinguish the reasons for which a name is
// refused.
func TestKerberosNameErrors(t *testing.T) {
	rules := kafkaRules(t, "RULE:[1:$1@$0](a.*)", "RULE:[1:$1](b.*)s/b/$9/", "RULE:[1:$2](.*)", "RULE:[2:$1](a.*)")
	tests := []struct {
		name   string
		reason error
		rule   int
	}{
		{"a@b@R", principal.ErrMalformedName, -1},
		{"a/b/c@R", principal.ErrMalformedName, -1},
		{"a@R/b", principal.ErrMalformedName, -1},
		{"\xff@R", principal.ErrMalformedName, -1},
		{strings.Repeat("a", 4096) + "@R", principal.ErrMalformedName, -1},
		{"alice@R", principal.ErrNotSimpleName, 0},
		{"c@R", principal.ErrRuleFailed, 2},
		{"c/h@R", principal.ErrNoRule, -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := rules.ShortName(test.name)
			var fault *principal.NameError
			if !errors.As(err, &fault) || !errors.Is(err, test.reason) || fault.Rule != test.rule || fault.Name != test.name || got != "" {
				t.Errorf("%.60q: %q, %v; want the reason %q and rule %d", test.name, got, err, test.reason, test.rule)
			} else if told := fmt.Sprintf(" (rule %d)", test.rule); strings.HasSuffix(err.Error(), told) != (test.rule >= 0) {
				t.Errorf("%.60q: %v", test.name, err)
			}
		})
	}
	var zero principal.KerberosRules
	for _, name := range []string{"alice", "alice@R", ""} {
		t.Run(name, func(t *testing.T) {
			got, err := zero.ShortName(name)
			assert.ErrorIs(t, err, principal.ErrMalformedName, "the zero KerberosRules made %q of %q, %v", got, name, err)
			assert.Equal(t, "", got, "the zero KerberosRules made %q of %q, %v", got, name, err)
			got, err = zero.ShortNameOf([]string{"alice"}, "R")
			assert.ErrorIs(t, err, principal.ErrMalformedName, "the zero KerberosRules made %q of parts, %v", got, err)
			assert.Equal(t, "", got, "the zero KerberosRules made %q of parts, %v", got, err)
		})
	}
}

// Rules can multiply the length of a name, but not beyond the limit.
func TestKerberosGrowthIsBounded(t *testing.T) {
	rules := kafkaRules(t, "RULE:[1:$1$1]", "RULE:[2:$1]s/a/$0$0/g")
	half := strings.Repeat("a", 2048)
	got, err := rules.ShortName(half + "@R")
	assert.Equal(t, half+half, got, "%d bytes, %v; want 4096", len(got), err)
	assert.NoError(t, err, "%d bytes, %v; want 4096", len(got), err)
	for _, name := range []string{half + "a@R", half + "a/h@R"} {
		t.Run(name, func(t *testing.T) {
			got, err := rules.ShortName(name)
			assert.ErrorIs(t, err, principal.ErrRuleFailed, "%d bytes, %v; want an error", len(got), err)
			assert.Equal(t, "", got, "%d bytes, %v; want an error", len(got), err)
		})
	}
	got, err = kafkaRules(t, "RULE:[1:$1]").ShortName(half + half[2:] + "@R")
	assert.Equal(t, half+half[2:], got, "%d bytes, %v; want 4094", len(got), err)
	assert.NoError(t, err, "%d bytes, %v; want 4094", len(got), err)
	literal := kafkaRules(t, "RULE:[1:"+strings.Repeat("a", 4097)+"]")
	got, err = literal.ShortName("a@R")
	assert.ErrorIs(t, err, principal.ErrRuleFailed, "%d bytes, %v; want an error", len(got), err)
	assert.Equal(t, "", got, "%d bytes, %v; want an error", len(got), err)
}

// TestKerberosBacktracking has a rule that needs backtracking. It is refused by the
// name of the construct. If backtracking is allowed, it maps names within the step
// limit.
func TestKerberosBacktracking(t *testing.T) {
	list := []string{"RULE:[1:$1](a++b)s/a++/x/"}
	_, err := principal.ParseKerberosRules(list, "R", 0)
	var fault *principal.RuleError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "possessive quantifier", fault.Construct)
	assert.Equal(t, 13, fault.Offset)

	rules, err := principal.ParseKerberosRules(list, "R", principal.DefaultMaxSteps)
	require.NoError(t, err)
	got, err := rules.ShortName("aab@R")
	require.NoError(t, err)
	assert.Equal(t, "xb", got)

	rules, err = principal.ParseKerberosRules(list, "R", 3)
	require.NoError(t, err)
	got, err = rules.ShortName("aab@R")
	require.ErrorIs(t, err, principal.ErrRuleFailed)
	assert.Empty(t, got)
	rules.Lint()
}

func TestSplitKerberosRules(t *testing.T) {
	tests := []struct {
		value string
		want  []string
	}{
		{"", nil},
		{" \t\x01", nil},
		{"DEFAULT", []string{"DEFAULT"}},
		{" RULE:[1:$1]/L ,\n DEFAULT ", []string{"RULE:[1:$1]/L", "DEFAULT"}},
		{"DEFAULT,", []string{"DEFAULT", ""}},
		{",", []string{"", ""}},
		{"a\u00a0, b", []string{"a\u00a0", "b"}},
		{"RULE:[1:$1](a{1,2}),DEFAULT", []string{"RULE:[1:$1](a{1", "2})", "DEFAULT"}},
	}
	for _, test := range tests {
		t.Run(test.value, func(t *testing.T) {
			assert.Equal(t, test.want, principal.SplitKerberosRules(test.value))
		})
	}
}

func TestKerberosRulesCanonical(t *testing.T) {
	for rule, want := range map[string]string{
		"RULE:[01:$1]":             "RULE:[1:$1]",
		"RULE:[1:$1]/":             "RULE:[1:$1]",
		"RULE:[1:$1]L":             "RULE:[1:$1]/L",
		"RULE:[1:$1]s/a/b/gU":      "RULE:[1:$1]s/a/b/g/U",
		"RULE:[1:$1](a)s/a/b//L":   "RULE:[1:$1](a)s/a/b//L",
		"RULE:[1:$1](a)s/a/b/L":    "RULE:[1:$1](a)s/a/b//L",
		"RULE:[2:$1;$2]()s/;.*//g": "RULE:[2:$1;$2]()s/;.*//g",
	} {
		t.Run(rule, func(t *testing.T) {
			rules := kafkaRules(t, rule)
			got := rules.Rules()
			assert.Equal(t, []string{want}, got, "%s is printed as %q, want %s", rule, got, want)
			again := kafkaRules(t, want)
			got = again.Rules()
			assert.Equal(t, []string{want}, got, "%s is printed as %q", want, got)
		})
	}
}

func TestKerberosTrace(t *testing.T) {
	rules := kafkaRules(t, "RULE:[2:$1]", "RULE:[1:$1@$0](.*@OTHER)", "RULE:[1:$1](App.*)s/([a-z]*)\\.([a-z]*)/$2/g", "DEFAULT")
	got := rules.Trace("App.svc.x.y@EXAMPLE.COM")
	want := principal.Trace{
		Name: "App.svc.x.y@EXAMPLE.COM", Realm: "EXAMPLE.COM", Components: []string{"App.svc.x.y"},
		Steps: []principal.Step{
			{Rule: 0, Text: "RULE:[2:$1]", Outcome: "not applicable"},
			{Rule: 1, Text: "RULE:[1:$1@$0](.*@OTHER)", Outcome: "no match", Selection: "App.svc.x.y@EXAMPLE.COM"},
			{
				Rule: 2, Text: `RULE:[1:$1](App.*)s/([a-z]*)\.([a-z]*)/$2/g`, Outcome: "mapped",
				Selection: "App.svc.x.y", Result: "Asvcxy",
				Substitutions: []principal.Substitution{{
					Before: "App.svc.x.y", After: "Asvcxy",
					Matches: [][]string{{"pp.svc", "pp", "svc"}, {".x", "", "x"}, {".y", "", "y"}},
				}},
			},
		},
		Result: "Asvcxy",
	}
	assert.Equal(t, want, got)

	got = rules.Trace("a@b@c")
	require.Error(t, got.Err, "a malformed name")
	assert.Nil(t, got.Steps, "a malformed name")
	assert.Equal(t, "", got.Result, "a malformed name")
	got = rules.Trace("alice@OTHER")
	n := len(got.Steps)
	assert.Equal(t, 2, n, "a rule that refuses")
	assert.Equal(t, "failed", got.Steps[1].Outcome, "a rule that refuses")
	assert.ErrorIs(t, got.Err, principal.ErrNotSimpleName, "a rule that refuses")
	assert.True(t, got.Steps[1].Err == got.Err, "a rule that refuses: %+v", got)
	listed, err := principal.ParseMITRules(nil, "R", map[string]string{"a": "b"})
	require.NoError(t, err)
	got = listed.Trace("a@X")
	require.True(t, got.Listed, "a listed name")
	assert.Nil(t, got.Steps, "a listed name")
	assert.Equal(t, "b", got.Result, "a listed name")
}

// The parts of a name must not be read as another name.
func TestShortNameOf(t *testing.T) {
	rules := kafkaRules(t, "DEFAULT")
	got, err := rules.ShortNameOf([]string{"kafka", "host"}, "EXAMPLE.COM")
	assert.Equal(t, "kafka", got, "got %q, %v; want kafka", got, err)
	assert.NoError(t, err, "got %q, %v; want kafka", got, err)
	for _, test := range []struct {
		components []string
		realm      string
	}{
		{nil, "EXAMPLE.COM"}, {[]string{"a"}, ""}, {[]string{"admin/x"}, "EXAMPLE.COM"}, {[]string{"admin@EXAMPLE.COM"}, "R"},
		{[]string{"a", "b", "c"}, "EXAMPLE.COM"}, {[]string{"a"}, "R@EXAMPLE.COM"}, {[]string{"\xff"}, "EXAMPLE.COM"},
	} {
		t.Run(fmt.Sprint(test.components), func(t *testing.T) {
			got, err := rules.ShortNameOf(test.components, test.realm)
			assert.ErrorIs(t, err, principal.ErrMalformedName, "%q of %q became %q, %v", test.components, test.realm, got, err)
			assert.Equal(t, "", got, "%q of %q became %q, %v", test.components, test.realm, got, err)
		})
	}
}

func ExampleParseKerberosRules() {
	rules, err := principal.ParseKerberosRules(
		principal.SplitKerberosRules("RULE:[2:$1@$0](kafka@EXAMPLE.COM)s/.*/broker/, RULE:[1:$1]/L"), "EXAMPLE.COM", 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rules.ShortName("kafka/b1.example.com@EXAMPLE.COM"))
	fmt.Println(rules.ShortName("Alice@PARTNER.ORG"))
	fmt.Println(rules.ShortName("http/b1.example.com@EXAMPLE.COM"))
	// Output:
	// broker <nil>
	// alice <nil>
	//  name "http/b1.example.com@EXAMPLE.COM": no rule applies
}

func ExampleParseMITRules() {
	rules, err := principal.ParseMITRules(
		[]string{"RULE:[2:$1;$2](.*;admin)s/;/-/", "DEFAULT"}, "EXAMPLE.COM", map[string]string{"boss": "carol"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rules.ShortName("joe/admin@EXAMPLE.COM"))
	fmt.Println(rules.ShortName("boss@EXAMPLE.COM"))
	// Output:
	// joe-admin <nil>
	// carol <nil>
}

// TestKerberosFormats fills in formats of Kafka's rules, alone, as Kafka's KerberosRule did
// when the rows were captured.
func TestKerberosFormats(t *testing.T) {
	checks := 0
	err := cases.Rows("../fuzz/testdata/kerberos.shared.jsonl.gz", func(line int, row []byte) {
		var r struct {
			Kind, Format string
			Params       []string
			Result       *string
		}
		require.NoError(t, json.Unmarshal(row, &r), "line %d", line)
		if r.Kind != "replaceParameters" {
			return
		}
		checks++
		got, err := principal.ExpandKerberosFormat(r.Format, r.Params)
		if r.Result == nil {
			assert.ErrorIs(t, err, principal.ErrRuleFailed, "%q of %q", r.Format, r.Params)
			assert.Empty(t, got)
			return
		}
		require.NoError(t, err, "%q of %q", r.Format, r.Params)
		assert.Equal(t, *r.Result, got, "%q of %q", r.Format, r.Params)
	})
	require.NoError(t, err)
	assert.Equal(t, 60, checks)
}
