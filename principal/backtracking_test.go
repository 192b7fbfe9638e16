package principal_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

func ExampleDefaultMaxSteps() {
	rules, err := principal.ParseSSLRules(`RULE:(?!.*OU=Guests)CN=([^,]+).*/$1/`, principal.DefaultMaxSteps)
	if err != nil {
		panic(err)
	}
	fmt.Println(rules.Name("CN=alice,OU=Sales"))
	_, err = rules.Name("CN=bob,OU=Guests")
	fmt.Println(errors.Is(err, principal.ErrNoRule))
	// Output:
	// alice <nil>
	// true
}

// TestBacktrackingVectors replays every list of rules of family ssl_mapping. With
// backtracking, every list that Kafka accepts is accepted, and names are mapped as in
// Kafka.
func TestBacktrackingVectors(t *testing.T) {
	file, err := os.Open("../fuzz/testdata/ssl_mapping.shared.jsonl.gz")
	require.NoError(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<24)
	lists, javaOnly, names := 0, 0, 0
	for ; lines.Scan(); lists++ {
		var row struct {
			Rules      *string
			ErrorClass string
			JavaOnly   bool
			Cases      []struct {
				DN            string
				Name          *string
				LoneSurrogate bool
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		list := principal.DefaultRules
		if row.Rules != nil {
			list = *row.Rules
		}
		rules, err := principal.ParseSSLRules(list, principal.DefaultMaxSteps)
		assert.Equal(t, row.ErrorClass != "", err != nil, "%q: %v, Kafka: %q", list, err, row.ErrorClass)
		if row.JavaOnly {
			javaOnly++
		}
		for _, c := range row.Cases {
			names++
			got, err := rules.Name(c.DN)
			if c.Name == nil || c.LoneSurrogate {
				assert.Error(t, err, "%q on %q: %q", list, c.DN, got)
				continue
			}
			assert.NoError(t, err, "%q on %q", list, c.DN)
			assert.Equal(t, *c.Name, got, "%q on %q", list, c.DN)
		}
	}
	assert.Equal(t, []int{579, 116, 6277}, []int{lists, javaOnly, names}, "lists, those for Java only, names")
}

// TestBacktrackingAsKafka maps the names of testdata/kafka_rules.tsv. Its columns are S
// or K for the kind of rule, the rule, the name, and what Kafka 4.4.0 maps it to ("-"
// for no result).
func TestBacktrackingAsKafka(t *testing.T) {
	text, err := os.ReadFile("testdata/kafka_rules.tsv")
	require.NoError(t, err)
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, rows, 26)
	for _, row := range rows {
		fields := strings.Split(row, "\t")
		require.Len(t, fields, 4)
		kind, rule, name, want := fields[0], fields[1], fields[2], fields[3]
		t.Run(rule+" on "+name, func(t *testing.T) {
			if kind == "K" {
				rules, err := principal.ParseKerberosRules([]string{rule}, "R", principal.DefaultMaxSteps)
				require.NoError(t, err)
				got, err := rules.ShortName(name)
				require.NoError(t, err)
				assert.Equal(t, want, got)
				return
			}
			rules, err := principal.ParseSSLRules(rule, principal.DefaultMaxSteps)
			require.NoError(t, err)
			got, err := rules.Name(name)
			if strings.Contains(rule, `\b`) { // refused: Java releases disagree on \b beside such characters
				assert.ErrorIs(t, err, principal.ErrRuleFailed)
				return
			}
			if want == "-" {
				assert.ErrorIs(t, err, principal.ErrNoRule, "mapped to %q", got)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// TestBacktrackingCountsSteps has names for which patterns take exponential time,
// recurse once for each character, or scan the rest of the name from each character.
// Each is an error after the same number of steps and takes little memory.
func TestBacktrackingCountsSteps(t *testing.T) {
	for _, test := range []struct{ name, rule, dn, detail string }{
		{"exponential", `(?=C)(?:CN=)?((?:a|aa)+)+b`, "CN=" + strings.Repeat("a", 60), "too many steps"},
		{"all matches", `(?=[^x]*x?)(.*?)`, strings.Repeat("a", 8000), "too many steps"},
		{"back reference", `(a*)(?:\1)*?b`, strings.Repeat("a", 100_000), "too many steps"},
		{"deep", `(?=a)(?:a|b)*`, strings.Repeat("a", 100_000), "too deeply"},
		{"changing lengths", `(?=a)(?:(?>aé|a|bb))*b`, strings.Repeat("aéabb", 30_000), "too deeply"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules, err := principal.ParseSSLRules("RULE:"+test.rule+"/$1/,DEFAULT", principal.DefaultMaxSteps)
			require.NoError(t, err)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			name, err := rules.Name(test.dn)
			runtime.ReadMemStats(&after)
			assert.Empty(t, name)
			require.ErrorIs(t, err, principal.ErrRuleFailed)
			assert.ErrorContains(t, err, test.detail)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), "bytes allocated")
			assert.Less(t, after.StackSys, uint64(64<<20), "bytes of stacks")
		})
	}
}

// TestBacktrackingCountsWork has work that is no match of a part: the way back of a
// look-behind that counts characters, and the groups that are compared inside of characters
// above U+FFFF. It is counted as steps too, so that no name takes longer than the limit.
func TestBacktrackingCountsWork(t *testing.T) {
	t.Run("look-behind over many characters", func(t *testing.T) {
		rules, err := principal.ParseSSLRules("RULE:(?:(?<!😀.{90000})a)*+/x/", principal.DefaultMaxSteps)
		require.NoError(t, err)
		_, err = rules.Name(strings.Repeat("a", 20_000))
		assert.ErrorContains(t, err, "too many steps")
	})
	t.Run("groups inside of characters", func(t *testing.T) {
		rules, err := principal.ParseKerberosRules([]string{"RULE:[1:$1](.*)s/(?=x)x" + strings.Repeat("()", 400) + "/y/g"}, "R", 100_000)
		require.NoError(t, err)
		_, err = rules.ShortName(strings.Repeat("😀", 1_000) + "@R")
		assert.ErrorContains(t, err, "too many steps")
	})
}

// TestBacktrackingLimit has one name that takes some hundred steps: it is mapped if
// they are allowed, and refused by one step less, always.
func TestBacktrackingLimit(t *testing.T) {
	const rule, dn = `RULE:(?!.*OU=Guests)CN=([^,]+).*/$1/`, "CN=alice,OU=Sales"
	mapped := func(steps int) bool {
		rules, err := principal.ParseSSLRules(rule, steps)
		require.NoError(t, err)
		name, err := rules.Name(dn)
		if err == nil {
			assert.Equal(t, "alice", name)
		}
		return err == nil
	}
	needed := 1
	for ; !mapped(needed); needed++ {
		require.Less(t, needed, 1000)
	}
	for range 100 {
		require.False(t, mapped(needed-1))
		require.True(t, mapped(needed))
	}
	assert.Less(t, needed, principal.DefaultMaxSteps/10_000)
}

// TestBacktrackingRefusals has patterns that Java accepts but that are refused even
// with backtracking.
func TestBacktrackingRefusals(t *testing.T) {
	for pattern, construct := range map[string]string{
		`(?<=a*)b`:         "look-behind", // no maximum length
		`(?<=(?:a|b){2})c`: "look-behind", // Java finds no maximum length
		`(a)(?<=\1)b`:      "look-behind",
		`(?<=(?:` + strings.Repeat("a", 100) + `){1,4000})`: "look-behind",
		`(?i)(a)\1`:                             "back reference", // JDK 17 throws for some names
		`(?=a)\R+`:                              `repeated \R`,
		`(?=` + strings.Repeat("a", 5000) + `)`: "pattern of more than 4096 instructions",
	} {
		t.Run(fmt.Sprintf("%.20s", pattern), func(t *testing.T) {
			rules, err := principal.ParseSSLRules("RULE:"+pattern+"/x/", principal.DefaultMaxSteps)
			var fault *principal.RuleError
			require.ErrorAs(t, err, &fault)
			assert.Nil(t, rules)
			assert.Equal(t, construct, fault.Construct)
		})
	}
}

// TestBacktrackingMatches maps names by rules that need backtracking.
func TestBacktrackingMatches(t *testing.T) {
	for _, test := range []struct {
		rule, name, want string
		err              error
	}{
		{`(?>a)*(b)?`, "aab", "<b><>", nil}, // and the empty match at the end
		{`(?>a)*(b)?`, "", "<>", nil},
		{`(?>a)(b)(c)?`, "abc", "<b>", nil},
		{`(?>a)*(b)?`, "aabc", "", principal.ErrNoRule},
		{`(é)|é(?>x)c`, "éxc", "<é>xc", nil},
		{`(.)|.(?>x)c`, "\U0001F600xc", "<\U0001F600><x><c>", nil},
		{`(a)|a(?>\x{FFFF})c`, "a\uffffc", "<a>\uffffc", nil},
		{`(a)|a(?>\x{1F600})c`, "a\U0001F600c", "<a>\U0001F600c", nil},
		{`(?>a)*|(.*)`, "\uffffa", "<>\uffff<><>", nil},
		{`(?>a)*|(.*)`, "\U0001F600a", "", principal.ErrRuleFailed}, // an empty match inside the character
		{`(?=(a))a`, "a", "<a>", nil},
		{`(a)++`, "aa", "<a>", nil},
		{`(?=a)(?:a|(b?))*`, "ab", "<>", nil},
		{`((a)b|c)*`, "abc", "<c><>", nil},
		{`((a)b)*`, "abab", "<ab><>", nil},
		{`(?:(\w)+,?){2}`, "a,b", "<b>", nil},
		{`.*(?<=(?>a|ab)c)d`, "abcd", "", principal.ErrNoRule},
		{`(a).*(?<=a{0,1}+b)`, "ab", "<a>", nil},
	} {
		t.Run(test.rule+" on "+test.name, func(t *testing.T) {
			rules, err := principal.ParseSSLRules("RULE:"+test.rule+"/<$1>/", principal.DefaultMaxSteps)
			require.NoError(t, err)
			got, err := rules.Name(test.name)
			require.ErrorIs(t, err, test.err)
			assert.Equal(t, test.want, got)
		})
	}
}
