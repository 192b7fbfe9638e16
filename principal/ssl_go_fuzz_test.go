package principal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/principal"
)

// javaPieces are the parts that patterns are made of. They are constructs that Java and
// Go share, and none can be repeated without consuming a character.
var javaPieces = []string{"a", "b", "[ab]", "[^a]", ".", "CN=", "(a)", "(b|a)", "(a+)", "(?:ab|a)", "(.)", `\w`}

// FuzzSSLRulesAgainstGo maps names by rules whose patterns Go understands too, and
// compares the result with a simple model of Java: the pattern must match the whole
// name, then every match is replaced.
func FuzzSSLRulesAgainstGo(f *testing.F) {
	for seed := range byte(16) {
		f.Add([]byte{seed, 7 * seed, 3, seed + 1, 1, 11 * seed, 2, seed, 5, seed, 1, 1}, "CN=ab,"+strings.Repeat("ab", int(seed%4)))
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if len(data) > 64 || len(name) > 64 || !refmodel.PatternsHold(name) {
			return
		}
		src := gen.Bytes(data)
		var pattern strings.Builder
		for range 1 + src.IntN(5) {
			pattern.WriteString(gen.Pick(src, javaPieces) + gen.Pick(src, []string{"", "", "*", "+", "?", "*?", "{1,2}"}))
		}
		replacements := []string{"$0", "<$0>", "x", "", "-$0-"}
		if strings.Contains(strings.ReplaceAll(pattern.String(), "(?:", ""), "(") {
			replacements = append(replacements, "$1", "<$1>", "$10", `\$1$01`)
		}
		replacement := gen.Pick(src, replacements)
		rule := "RULE:" + pattern.String() + "/" + replacement + "/"
		rules, err := principal.ParseSSLRules(rule, 0)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		got, err := rules.Name(name)
		model := refmodel.Pattern(pattern.String())
		want, ok := model.Replace(name, replacement, true)
		if !ok {
			t.Fatalf("%s on %q: the model has no result", rule, name)
		}
		if !model.Matches(name) {
			if got != "" || !errors.Is(err, principal.ErrNoRule) {
				t.Fatalf("%s on %q: %q, %v, want no match", rule, name, got, err)
			}
		} else if err != nil || got != want {
			t.Fatalf("%s on %q: %q, %v, want %q", rule, name, got, err, want)
		}
	})
}
