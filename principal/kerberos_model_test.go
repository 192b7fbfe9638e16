package principal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/principal"
)

// Parts of rules and names, chosen so that they often match.
var (
	kerberosFormats      = []string{"$1", "$1@$0", "$2", "$1/$2", "$1/$2", "$0", "$1$1", "x$1", "$3", "$", "$1;$2", "$01", ""}
	kerberosMatches      = []string{"", "", "", "", "(.*)", "(a.*)", "(.*@R)", "(a|ab)", "([^b]*)", "(A?b+)", "()", "(.*;[ab]+)", "(^a$)"}
	kerberosSubstitution = []string{"", "", "", "", "", "s/@.*//", "s/a/b/", "s/a/b/g", "s/.*/x/g", "s/(a)(b)?/$2$1/g", "s/b*/-/g", "s//-/g", "s/;.*//", `s/a/\$1/`,
		"s/(.)@R/$1/", "s/a/$1/", "s/(a)/$10$11/", "s/(a)/$01/", "s/^a//g", "s/b$//g", "s/x/$/", `s/a/\/`, "s/@R//g"}
	kerberosEnds  = []string{"", "", "", "", "", "", "", "/L", "/U", "/L", "/U", "L", "/", "//", "/L/U"}
	kerberosNames = []string{"a", "ab", "abab", "A", "b", "", "aB;", "x"}
	kerberosRealm = []string{"R", "R", "r", "", "RR"}
)

// TestKerberosRulesEqualToTheModel draws lists of rules and matching names, and
// compares short names and refusals with the reference model.
func TestKerberosRulesEqualToTheModel(t *testing.T) {
	outcomes := map[string]int{}
	draw := func(t rapid.TB, src gen.Source) {
		var list []string
		for range 1 + src.IntN(4) {
			if src.IntN(6) == 5 {
				list = append(list, "DEFAULT")
				continue
			}
			list = append(list, "RULE:["+gen.Pick(src, []string{"1", "2", "1", "2", "1", "2", "1", "2", "1", "2", "1", "2", "0", "02", "", "2147483648"})+":"+gen.Pick(src, kerberosFormats)+"]"+
				gen.Pick(src, kerberosMatches)+gen.Pick(src, kerberosSubstitution)+gen.Pick(src, kerberosEnds))
		}
		name := gen.Pick(src, kerberosNames)
		for range max(0, src.IntN(5)-2) {
			name += gen.Pick(src, []string{"/", "/", "/", "@"}) + gen.Pick(src, kerberosNames)
		}
		if src.IntN(8) > 0 {
			name += "@" + gen.Pick(src, kerberosRealm)
		}
		rules, err := principal.ParseKerberosRules(list, "R", 0)
		if outcome := compareWithKafka(t, list, "R", name, rules, err); outcome != "" {
			outcomes[outcome]++
		} else {
			t.Fatalf("%s is not known to the model", strings.Join(list, "\n"))
		}
	}
	const worlds = 10_000
	for seed := range uint64(worlds) {
		draw(t, gen.Seeded(seed))
	}
	t.Logf("%d lists and names: %v", worlds, outcomes)
	for outcome, least := range map[string]int{"mapped": 1600, "malformed": 1200, "no rule": 1800, "not simple": 80, "failed": 900, "refused rules": 4000} {
		t.Run(outcome, func(t *testing.T) {
			require.GreaterOrEqual(t, outcomes[outcome], least, "%d times, want %d", outcomes[outcome], least)
		})
	}
	rapid.Check(t, func(t *rapid.T) { draw(t, gen.Rapid(t)) })
}
