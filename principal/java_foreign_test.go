package principal_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/principal"
)

// TestPatternEngineIsHanded looks at what an engine is asked to compile: first to
// search, then to match the whole.
func TestPatternEngineIsHanded(t *testing.T) {
	const (
		dot   = `[\u0000-\u0009\u000b-\u000c\u000e-\u0084\u0086-\u2027\u202a-` + "\U0010ffff]"
		ten   = `(?:((?:[\u0061]))((?:[\u0062]))((?:[\u0063]))((?:[\u0064]))((?:[\u0065]))((?:[\u0066]))((?:[\u0067]))((?:[\u0068]))((?:[\u0069]))((?:[\u006a]))`
		tenth = `(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)`
	)
	for _, test := range []struct{ pattern, want string }{
		{`(a)\1`, `(?:((?:[\u0061]))(?:\1))`},
		{tenth + `\10`, ten + `(?:\10))`},
		{strings.Repeat("(a)", 19) + `\19`, `(?:` + strings.Repeat(`((?:[\u0061]))`, 19) + `(?:\19))`},
		{tenth + `\9`, ten + `(?:\9))`},
		{tenth + `\11`, ten + `(?:\1)[\u0031])`},
		{tenth + `\1:`, ten + `(?:\1)[\u003a])`},
		{tenth + `\1/`, ten + `(?:\1)[\u002f])`},
		{`(?<a1>a)\k<a1>`, `(?:((?:[\u0061]))(?:\1))`},
		{`(?=b)\2(a)`, `(?:(?=(?:[\u0062]))(?!)((?:[\u0061])))`}, // a group that there is not
		{`(?=a|bc)d(?!e)`, `(?:(?=(?:(?:[\u0061])|(?:[\u0062][\u0063])))[\u0064](?!(?:[\u0065])))`},
		{`(?<=a{0})b`, `(?:(?<=(?:(?:[\u0061]){0,0}))[\u0062])`},
		{`(?<=(?:ab){2})c`, `(?:(?<=(?:(?:(?:(?:[\u0061][\u0062]))){2,2}))[\u0063])`},
		{`(?<=(?:a|b)?)c`, `(?:(?<=(?:(?:(?:(?:(?:[\u0061])|(?:[\u0062])))){0,1}))[\u0063])`},
		{`(?<=a{1,2})b(?<!c)`, `(?:(?<=(?:(?:[\u0061]){1,2}))[\u0062](?<!(?:[\u0063])))`},
		{`(?>a*)b++c?+d{2,}?e{3}`, `(?:(?>(?:(?:[\u0061]){0,}))(?>(?:[\u0062]){1,})(?>(?:[\u0063]){0,1})(?:[\u0064]){2,}?(?:[\u0065]){3,3})`},
		{`(?=a)\R.`, `(?:(?=(?:[\u0061]))(?:\r\n|[\n-\r\u0085\u2028\u2029])` + dot + `)`},
		{`(?=a)(?:^)*(?:^){2}b`, `(?:(?=(?:[\u0061]))(?:)(?:(?:\A))[\u0062])`}, // a position is the same however often
		{`(?=a)[^\x{0}-\x{10FFFF}]`, `(?:(?=(?:[\u0061]))(?!))`},
		{`(?=a)[x-z\x{FFFF}-\x{10001}]`, `(?:(?=(?:[\u0061]))[\u0078-\u007a\uffff-` + "\U00010001])"},
	} {
		var handed []string
		engine := func(pattern string) (principal.PatternSearch, error) {
			handed = append(handed, pattern)
			return nil, nil
		}
		rules, err := principal.ParseSSLRules("RULE:"+strings.ReplaceAll(test.pattern, "/", `\/`)+"/x/", engine)
		if err != nil || rules == nil || len(handed) != 2 || handed[0] != test.want || handed[1] != `\A(?:`+test.want+`)\z` {
			t.Errorf("%s: %q, %v, want %s", test.pattern, handed, err, test.want)
		}
	}
}

// TestPatternEngineIsNotAsked has patterns that no engine matches as Java does.
func TestPatternEngineIsNotAsked(t *testing.T) {
	for pattern, construct := range map[string]string{
		`(?<=a*)b`:         "look-behind", // no greatest length
		`(?<=(?:a|b){2})c`: "look-behind", // none that Java sees
		`(a)(?<=\1)b`:      "look-behind",
		`(?<=(?>a))b`:      "look-behind",
		`(?<!a?+)b`:        "look-behind",
		`(?i)(a)\1`:        "back reference",
		`(?=(a))`:          "capturing group inside look-around, an atomic group or a possessive repetition",
		`(a)++b`:           "capturing group inside look-around, an atomic group or a possessive repetition",
		`(?=a)(?:b|)*`:     "repeated group that may match nothing, in a pattern that needs an engine that backtracks",
		`(?=` + strings.Repeat(`[\p{L}]`, 100) + `)`: "pattern of more than 4096 instructions",
	} {
		rules, err := principal.ParseSSLRules("RULE:"+pattern+"/x/", func(pattern string) (principal.PatternSearch, error) {
			t.Errorf("asked for %s", pattern)
			return nil, nil
		})
		var fault *principal.SSLRulesError
		if rules != nil || !errors.As(err, &fault) || fault.Construct != construct {
			t.Errorf("%s: %v, %v, want a refusal for %s", pattern, rules, err, construct)
		}
	}
}

// goEngine is an engine for patterns that match the same with groups that backtrack
// as with atomic ones.
func goEngine(pattern string) (principal.PatternSearch, error) {
	pattern = strings.ReplaceAll(pattern, "(?>", "(?:")
	re, err := regexp.Compile(regexp.MustCompile(`\\u(....)`).ReplaceAllString(pattern, `\x{$1}`))
	if err != nil {
		return nil, err
	}
	return func(text []rune) func(int) ([]int, error) {
		return func(from int) ([]int, error) {
			rest := string(text[from:])
			groups := re.FindStringSubmatchIndex(rest)
			for i, at := range groups {
				if at >= 0 {
					groups[i] = from + utf8.RuneCountInString(rest[:at])
				}
			}
			return groups, nil
		}
	}, nil
}

// TestPatternEngineMatches maps names by rules that need an engine.
func TestPatternEngineMatches(t *testing.T) {
	for _, test := range []struct {
		rule, name, want string
		err              error
	}{
		{`(?>a)*(b)?`, "aab", "<b><>", nil}, // and the empty match at the end
		{`(?>a)*(b)?`, "", "<>", nil},
		{`(?>a)(b)(c)?`, "abc", "<b>", nil},
		{`(?>a)*(b)?`, "aabc", "", principal.ErrNoSSLRule},
		{`(é)|é(?>x)c`, "éxc", "<é>xc", nil},
		{`(.)|.(?>x)c`, "\U0001F600xc", "<\U0001F600><x><c>", nil},
		{`(a)|a(?>\x{FFFF})c`, "a\uffffc", "<a>\uffffc", nil},
		{`(a)|a(?>\x{1F600})c`, "a\U0001F600c", "", principal.ErrSSLRuleFailed}, // Java looks inside of it
		{`(?>a)*|(.*)`, "\uffffa", "<>\uffff<><>", nil},
		{`(?>a)*|(.*)`, "\U0001F600a", "", principal.ErrSSLRuleFailed},
	} {
		rules, err := principal.ParseSSLRules("RULE:"+test.rule+"/<$1>/", goEngine)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if got, err := rules.Name(test.name); got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s on %q: %q, %v, want %q, %v", test.rule, test.name, got, err, test.want, test.err)
		}
	}
	kerberos, err := principal.ParseKerberosRules([]string{"RULE:[1:$1]s/(?>a)/x/", "RULE:[2:$1$2]s/(?>a)/x/g"}, "R", goEngine)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"aba@R": "xba", "ab/a@R": "xbx", "b@R": "b"} {
		if got, err := kerberos.ShortName(name); got != want || err != nil {
			t.Errorf("%s: %q, %v, want %s", name, got, err, want)
		}
	}
}

// TestPatternEngineAtFault has engines that cannot be relied on: no name comes of it.
func TestPatternEngineAtFault(t *testing.T) {
	whole := []int{0, 1, 0, 1}
	for fault, found := range map[string]struct {
		groups []int
		err    error
	}{
		"the engine returned 1 groups, not 2": {[]int{0, 1}, nil},
		"the engine returned 3 groups, not 2": {[]int{0, 1, 0, 1, 0, 1}, nil},
		"out of time":                         {nil, errors.New("out of time")},
	} {
		rules, err := principal.ParseSSLRules("RULE:(?>(?:a))(b)?/x/,DEFAULT", func(pattern string) (principal.PatternSearch, error) {
			return func([]rune) func(int) ([]int, error) {
				return func(int) ([]int, error) {
					if strings.HasPrefix(pattern, `\A`) {
						return whole, nil
					}
					return found.groups, found.err
				}
			}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if name, err := rules.Name("a"); name != "" || !errors.Is(err, principal.ErrSSLRuleFailed) || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: %q, %v", fault, name, err)
		}
	}
}
