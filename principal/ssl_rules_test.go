package principal_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/principal"
)

func ExampleParseSSLRules() {
	rules, err := principal.ParseSSLRules(`RULE:^CN=([^,]+),OU=ServiceUsers.*$/svc-$1/L, DEFAULT`, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println(rules.Name("CN=Billing,OU=ServiceUsers,C=DE"))
	fmt.Println(rules.Name("CN=alice,C=DE"))
	// Output:
	// svc-billing <nil>
	// CN=alice,C=DE <nil>
}

func mustParse(t testing.TB, list string) *principal.SSLRules {
	t.Helper()
	rules, err := principal.ParseSSLRules(list, 0)
	require.NoError(t, err)
	return rules
}

// TestSSLRulesOfJavaSyntax has expected results that were taken from JDK 17.
func TestSSLRulesOfJavaSyntax(t *testing.T) {
	for _, test := range []struct{ rule, dn, want string }{
		{`RULE:(a*)*/<$1>/`, "aa", "<><>"}, // the second iteration matches the empty string, which is kept
		{`RULE:(a?)*/<$1>/`, "a", "<><>"},
		{`RULE:(|a)*/<$1>/`, "a", "<>a<>"},
		{`RULE:(a|b*){2,3}/<$1>/`, "abb", "<><>"},
		{`RULE:(a*)*?b/<$1>/`, "aab", "<aa>"},
		{`RULE:(?:(a)|b)*x/<$1>/`, "abx", "<a>"},
		{`RULE:(?:(a+)b)*aab/<$1>/`, "aabaab", "<aa>"},
		{`RULE:((?:CN=)?.)(?i)[k]/<$1>/`, "CN=aK", "<CN=a>"},
		{`RULE:(?i)[j-l\x{e9}]+(.*)/<$1>/`, "Ké\u212aÉ", "<\u212aÉ>"}, // only ASCII is folded
		{`RULE:(?i:cn)=(\p{Lu}.*)/<$1>/`, "cN=Ä", "<Ä>"},
		{`RULE:(?s)(.*?)$\s*/<$1>/`, "a\r\n", "<a><>"},
		{`RULE:(?s)(.*?)\Z\s*/<$1>/`, "a\u2028", "<a><>\u2028<>"},
		{`RULE:(?sm)(.*?)^b/<$1>/`, "a\r\nb", "<a\r\n>"},
		{`RULE:(?dms)(.*?)^b/<$1>/`, "a\rb", ""}, // no match: a line does not begin there
		{`RULE:(?dms)(.*?)^b/<$1>/`, "a\nb", "<a\n>"},
		{`RULE:(?d)a.b(\n?)$/<$1>/`, "a\rb", "<>"},
		{`RULE:a\R(.*)/<$1>/`, "a\r\nb", "<b>"},
		{`RULE:[a-c&&[^b]]+(.*)/<$1>/`, "acb", "<b>"},
		{`RULE:[^a-c&&bc]+(.*)/<$1>/`, "aab", "<b>"},
		{`RULE:[[:alpha:]]+(.*)/<$1>/`, "alpha:x", "<x>"}, // a nested class of the letters and the colon
		{`RULE:[]a]+(.*)/<$1>/`, "]ab", "<b>"},
		{`RULE:\Q.*\E(.*)/<$1>/`, ".*x", "<x>"},
		{`RULE:[\Qa]\E]+(.*)/<$1>/`, "]ab", "<b>"},
		{`RULE:(a)/<$10>/`, "a", "<a0>"}, // one group, and a digit
		{`RULE:(a)/<$21>/`, "a", "<$21>"},
		{`RULE:(a)/<$9>/`, "a", "<$9>"},
		{`RULE:(a)/<$0$9>/`, "a", "<a$9>"},
		{"RULE:" + strings.Repeat("(.)", 19) + "/$19$10$9$20$190/", "abcdefghijklmnopqrs", "sjib0s0"},
		{`RULE:\x41\u0042\0103\x{44}\cA\e(.*)/<$1>/`, "ABCD\x01\x1bx", "<x>"},
		{`RULE:\0101\07\0778\0400x\0377\01011\00071(.*)/<$1>/`, "A\a?8 0x\u00ffA1\a1b", "<b>"}, // one to three digits, up to 377
		{`RULE:\ud83d\ude00(.*)/<$1>/`, "\U0001F600x", "<x>"},
		{`RULE:\h+\H\v+\V(.*)/<$1>/`, "\u00a0\ta\u2029bx", "<x>"},
		{`RULE:\s+(.*)/<$1>/`, "\vx", "<x>"},        // Go does not treat \v as white space
		{`RULE:[\v-Z]+(.*)/<$1>/`, "ADMINx", "<x>"}, // next to a hyphen \v is one character
		{`RULE:[\t-\v]+(.*)/<$1>/`, "\n\vx", "<x>"},
		{`RULE:[\v-]+(.*)/<$1>/`, "\v-\n", ""},         // no match
		{`RULE:[\v\Q-\E]+(.*)/<$1>/`, "\v-\nx", "<x>"}, // the quoted hyphen is not an operator
		{`RULE:\p{Alpha}\p{IsGreek}\P{L}(.*)/<$1>/`, "aσ1x", "<x>"},
		{`RULE:(?<u>a)\b(?<v>.*)/${v}${u}/`, "a-b", "-ba"},
		{`RULE:^(.+)$/$1/L`, "CN=ΣΑΣ,OU=Σ/ΑΣ ΣΣ", "cn=σας,ou=σ/ας σς"},
		{`RULE:^(.+)$/$1/L`, "ΑΣ1Β ΑΣ-Β ΑΣ1,1Β ΑΣ,Β ΑΣ]Β 1Σ1", "ασ1β ασ-β ασ1,1β ας,β ας]β 1σ1"},
		{`RULE:^(.+)$/$1/U`, "straße ﬁ ŉ", "STRASSE FI ʼN"},
		{`RULE:^(.+)$/$1/L`, "İI", "i̇i"},
		// More choices than bits in a word of marks.
		{"RULE:" + strings.Repeat("a*b*", 40) + "/x/", strings.Repeat("ab", 40), "xx"},
		{"RULE:" + strings.Repeat("a*?b*?", 40) + "$/x/", strings.Repeat("ab", 40), "xx"},
		{"RULE:" + strings.Repeat("a*b*", 40) + "c/x/", strings.Repeat("ab", 40) + "c", "x"},
		{"RULE:" + strings.Repeat("a*b*", 39) + "c/x/", strings.Repeat("ab", 40) + "c", ""},
		{"RULE:" + strings.Repeat("a", 5000) + "/x/", strings.Repeat("a", 5000), "x"}, // one instruction
		{`RULE:[ab]{4095}/x/`, strings.Repeat("ab", 2047) + "a", "x"},
		{`RULE:a|[^a]c|a.bc/x/`, "a\U0001F000bc", "x\U0001F000x"},
		{`RULE:x*//`, "\U0001F600", ""}, // no match
		{`RULE:(?:x*|\x{1F600})//`, "\U0001F600", "\U0001F600"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			rules, err := principal.ParseSSLRules(test.rule, 0)
			if err != nil {
				t.Errorf("%s: %v", test.rule, err)
				return
			}
			got, err := rules.Name(test.dn)
			assert.Equal(t, test.want, got, "%s on %q", test.rule, test.dn)
			assert.Equal(t, test.want == "", err != nil, "%s on %q", test.rule, test.dn)
		})
	}
}

// TestSSLRulesRefusals has a rule for every construct that is refused, and checks the
// offset in the error.
func TestSSLRulesRefusals(t *testing.T) {
	tests := []struct {
		construct, pattern string
		offset             int
	}{
		{"look-ahead", `CN=(?=a).*`, 3},
		{"look-behind", `.*(?<!a)b`, 2},
		{"back reference", `(a)\1`, 3},
		{"back reference", `(?<n>a)\k<n>`, 7},
		{"possessive quantifier", `a.*+`, 2},
		{"atomic group", `(?>a)`, 0},
		{`\G`, `\Ga`, 0},
		{`\X and \b{g}`, `a\X`, 1},
		{`\X and \b{g}`, `a\b{g}`, 1},
		{`\N{…}`, `\N{DIGIT ONE}`, 0},
		{"comments mode (?x)", `(?x)a b`, 2},
		{"Unicode case folding, (?iu) and (?iU)", `(?iu)a`, 5},
		{`\b, \d, \s, \w or \p under (?U)`, `(?U)a\w`, 5},
		{`\b, \d, \s, \w or \p under (?U)`, `(?U)a\b`, 5},
		{`\p under (?i)`, `(?i)\p{Lu}`, 4},
		{`\p of a property other than a POSIX class, a general category or a script`, `\p{InGreek}`, 0},
		{"intersection of classes other than [A&&B]", `[a&&]`, 4},
		{"intersection of classes other than [A&&B]", `[a&&[b]c]`, 7},
		{"intersection of classes other than [A&&B]", `[&&a]`, 1},
		{"half of a surrogate pair", `\ud83d`, 0},
		{"quantifier without a character, class or group before it", `a{2}{3}`, 4},
		{"quantifier without a character, class or group before it", `(a|{2})`, 3},
		{`repeated \R`, `a\R+`, 3},
		{`repeated \R`, `(?:a\R)+`, 0},
		{"capturing group inside a repeated group without alternatives", `((a)b)*`, 0},
		{"capturing group without alternatives that is repeated inside a repeated group", `CN=(?:(\w)+,?){2}`, 6},
		{"repeated capturing group that matches nothing but the empty string", `a(^)*`, 1},
		{"pattern of more than 4096 instructions", `(?:[ab]{100}){100}`, 0},
		{"pattern of more than 4096 instructions", `[ab]{4096}`, 0}, // and the end
		{"", `(a`, 0},
		{"", `a)`, 1},
		{"", `[a`, 0},
		{"", `[b-a]`, 1},
		{"", `a**`, 2},
		{"", `a{3,1}`, 2},
		{"", `a{3`, 3},
		{"", `\y`, 0},
		{"", `a\08`, 1},
		{"", `\p{L\Qu\E}`, 0},
		{"", `a\0`, 1},
		{"", `(?P<n>a)`, 2},
		{"", `(?<1>a)`, 3},
		{"", `(?<n>a)(?<n>b)`, 10},
		{"", `\x{110000}`, 0},
		{"", `[\b]`, 1},
		{"", `a\c\Q-\Eb`, 1}, // Java reads the backslash that quotes the hyphen
		{"", strings.Repeat("(", 300) + strings.Repeat(")", 300), 200},
	}
	for _, test := range tests {
		t.Run(test.pattern, func(t *testing.T) {
			list := "DEFAULT, RULE:" + test.pattern + "/x/"
			rules, err := principal.ParseSSLRules(list, 0)
			var fault *principal.RuleError
			if rules != nil || !errors.As(err, &fault) {
				t.Errorf("%s: %v, %v, want a refusal", test.pattern, rules, err)
				return
			}
			assert.Equal(t, 1, fault.Rule, "%+v, want a refusal at %d for %q", fault, test.offset, test.construct)
			assert.Equal(t, len("DEFAULT, RULE:")+test.offset, fault.Offset, "%+v, want a refusal at %d for %q", fault, test.offset, test.construct)
			assert.Equal(t, test.construct, fault.Construct, "%+v, want a refusal at %d for %q", fault, test.offset, test.construct)
			assert.NotEqual(t, "", fault.Msg, "%+v, want a refusal at %d for %q", fault, test.offset, test.construct)
		})
	}
	for _, construct := range javaregex.Constructs() {
		if !slices.ContainsFunc(tests, func(test struct {
			construct, pattern string
			offset             int
		}) bool {
			return test.construct == construct
		}) {
			t.Errorf("no test of %q", construct)
		}
	}
}

func TestSSLNameErrors(t *testing.T) {
	for _, test := range []struct {
		list, dn string
		rule     int
		reason   error
	}{
		{"", "CN=a", -1, principal.ErrNoRule},
		{"RULE:a/x/", "b", -1, principal.ErrNoRule},
		{"RULE:b/x/,RULE:a/$1/,DEFAULT", "a", 1, principal.ErrRuleFailed},
		{`RULE:(a)/x$3b\$4/,DEFAULT`, "a", 0, principal.ErrRuleFailed},      // Kafka inserts the second backslash before the existing one
		{"RULE:(a)/$10000000000/,DEFAULT", "a", 0, principal.ErrRuleFailed}, // too large for Java's int
		{`RULE:.*\bb/x/,DEFAULT`, "é b", 0, principal.ErrRuleFailed},
		{"RULE:(.*)/$1/L,DEFAULT", "ΑΣ\u0301Β", 0, principal.ErrRuleFailed}, // a mark after a sigma
		{"DEFAULT", "\xff", -1, principal.ErrMalformedName},
		{"DEFAULT", strings.Repeat("a", 200_000), -1, principal.ErrMalformedName},
		{"RULE:.*/$0$0$0$0/", strings.Repeat("a", 100_000), 0, principal.ErrRuleFailed},
		{"RULE:x*|./-/", "\U0001F600", 0, principal.ErrRuleFailed}, // half a character before the "-"
	} {
		t.Run(test.list, func(t *testing.T) {
			name, err := mustParse(t, test.list).Name(test.dn)
			var fault *principal.NameError
			assert.Equal(t, "", name, "%s on %.20q", test.list, test.dn)
			assert.ErrorIs(t, err, test.reason, "%s on %.20q", test.list, test.dn)
			require.ErrorAs(t, err, &fault, "%s on %.20q", test.list, test.dn)
			assert.Equal(t, test.rule, fault.Rule, "%s on %.20q", test.list, test.dn)
			assert.Equal(t, test.dn, fault.Name, "%s on %.20q", test.list, test.dn)
			wanted := fmt.Sprintf(" (rule %d)", test.rule)
			assert.Equal(t, strings.Contains(err.Error(), wanted), test.rule >= 0, "%s on %.20q", test.list, test.dn)
			assert.True(t, strings.HasPrefix(err.Error(), "name "), "%s on %.20q: %v", test.list, test.dn, err)
		})
	}
	_, err := new(principal.SSLRules).Name("CN=a")
	assert.ErrorIs(t, err, principal.ErrNoRule, "the zero SSLRules")
}

func TestSSLRulesListErrors(t *testing.T) {
	for _, test := range []struct {
		list         string
		rule, offset int
	}{
		{" DEFAULT, default", 1, 10},
		{"RULE:a/b/ L", 0, 9},
		{"DEFAULT\xff", 0, 0},
		{strings.Repeat(" ", 1<<18-6) + "DEFAULT", 0, 1 << 18},
	} {
		t.Run(test.list, func(t *testing.T) {
			rules, err := principal.ParseSSLRules(test.list, 0)
			var fault *principal.RuleError
			assert.Nil(t, rules)
			require.ErrorAs(t, err, &fault)
			assert.Equal(t, test.rule, fault.Rule)
			assert.Equal(t, test.offset, fault.Offset)
			assert.Equal(t, "", fault.Construct)
		})
	}
}

// TestSSLLimits has inputs of the maximum length, and one byte longer.
func TestSSLLimits(t *testing.T) {
	const longest = 3 << 16
	for _, test := range []struct {
		list string
		size func(n int) string // a name that is mapped to one of n bytes
	}{
		{"DEFAULT", func(n int) string { return strings.Repeat("a", n) }},
		{"RULE:(b?)(a+)/$1$2$2/", func(n int) string { return strings.Repeat("b", n%2) + strings.Repeat("a", n/2) }},
		{"RULE:(b)a*?/$1$1/", func(n int) string { return "b" + strings.Repeat("a", n-2) }}, // the search matches only the b
	} {
		t.Run(test.list, func(t *testing.T) {
			rules := mustParse(t, test.list)
			name, err := rules.Name(test.size(longest))
			assert.NoError(t, err, "%d bytes, %.200v, want %d", len(name), err, longest)
			assert.Len(t, name, longest, "%d bytes, %.200v, want %d", len(name), err, longest)
			name, err = rules.Name(test.size(longest + 1))
			assert.Error(t, err, "a name of %d bytes", len(name))
			assert.Equal(t, "", name, "a name of %d bytes", len(name))
		})
	}
	const ample = 1 << 18
	rules, err := principal.ParseSSLRules(strings.Repeat(" ", ample-7)+"DEFAULT", 0)
	require.NoError(t, err, "%d bytes of rules", ample)
	assert.Equal(t, "DEFAULT", rules.String(), "%d bytes of rules", ample)
}

// TestSSLNameAllocations checks that mapping allocates only the name.
func TestSSLNameAllocations(t *testing.T) {
	rules := mustParse(t, typicalSSLRules.list)
	dn := typicalSSLRules.names[0].dn
	if n := testing.AllocsPerRun(100, func() { rules.Name(dn) }); n > 1 && !raceEnabled {
		t.Errorf("%v allocations for a name, want 1", n)
	}
}

// TestHostileNames maps long names for which a backtracking engine would run into the
// test's time limit.
func TestHostileNames(t *testing.T) {
	for _, test := range []struct{ list, dn string }{
		{`RULE:(a|aa|a*)*b/x/`, strings.Repeat("a", 1<<16)},
		{`RULE:^CN=((\\, *|\w)+)(,.*|$)/$1/`, "CN=" + strings.Repeat("a", 1<<16) + "!"},
		{`RULE:((a|b)*(b|a)*)*c/x/`, strings.Repeat("ab", 1<<15)},
		{`RULE:(?:a?){30}a{30}b/x/`, strings.Repeat("a", 1<<10)},
	} {
		t.Run(test.list, func(t *testing.T) {
			name, err := mustParse(t, test.list).Name(test.dn)
			assert.Equal(t, "", name)
			assert.ErrorIs(t, err, principal.ErrNoRule)
		})
	}
}

// TestSSLNameConcurrently maps names of different lengths at once: scratch memory that
// is reused must not leak from one name into another.
func TestSSLNameConcurrently(t *testing.T) {
	rules := mustParse(t, `RULE:CN=(a*)(b*),.*/$2$1/,RULE:(.*)x/$1/U`)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 300 {
				as, bs := strings.Repeat("a", i*worker), strings.Repeat("b", worker)
				if got, err := rules.Name("CN=" + as + bs + ",O=x"); err != nil || got != bs+as {
					t.Errorf("%q, %v, want %q", got, err, bs+as)
					return
				}
			}
		})
	}
	group.Wait()
}

// FuzzParseSSLRules checks that rejected lists return no rules, that accepted lists
// print in a form that parses to the same rules, and that names are valid text.
func FuzzParseSSLRules(f *testing.F) {
	for _, seed := range []string{
		"DEFAULT", " RULE:^CN=(.*?),OU=x.*$/$1/L , DEFAULT", "RULE:a/b/\nDEFAULT", `RULE:\/(a|b*)*\//\$1$2/U`,
		`RULE:(?i)[^a-c&&[b]]{2,3}\R?$/x/`, "RULE:(?<n>x)*/${n}/", "RULE:(.*?)/$1@$4$5/,,", "RULE:(|a)*.*?(?m)^/$0/L",
		"RULE:\\Qa\\E\\x{1F600}+/$10/,DEFAULT", "\x01DEFAULT\t,\u00a0",
	} {
		f.Add(seed, "CN=a,OU=x\u00e9\U0001F600")
	}
	f.Fuzz(func(t *testing.T, list, dn string) {
		if len(list) > 512 || len(dn) > 512 {
			t.Skip("nothing new in long input")
		}
		rules, err := principal.ParseSSLRules(list, 0)
		if err != nil {
			var fault *principal.RuleError
			if rules != nil || !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > len(list) {
				t.Fatalf("%q: %v, %v", list, rules, err)
			}
			return
		}
		text := rules.String()
		again, err := principal.ParseSSLRules(text, 0)
		if err != nil || again.String() != text {
			t.Fatalf("%q prints as %q, which parses as %v, %v", list, text, again, err)
		}
		name, err := rules.Name(dn)
		if err != nil && name != "" || !utf8.ValidString(name) {
			t.Fatalf("%q on %q: %q, %v", list, dn, name, err)
		}
		if other, otherErr := again.Name(dn); other != name || (otherErr == nil) != (err == nil) {
			t.Fatalf("%q on %q: %q, %v; read back: %q, %v", list, dn, name, err, other, otherErr)
		}
	})
}

// Error texts quote what a rule contains, so that it cannot send control sequences to a
// terminal.
func TestSSLRulesQuoteGroupNames(t *testing.T) {
	rules := mustParse(t, "RULE:(x)/${\x1b[2J}/")
	name, err := rules.Name("x")
	assert.Equal(t, "", name)
	require.Error(t, err)
	assert.Contains(t, err.Error(), `: "${\x1b[2J}" names no group`)
}
