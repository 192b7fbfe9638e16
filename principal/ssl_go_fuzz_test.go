package principal_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/principal"
)

// javaPieces are what patterns are made of here: constructs that Java's expressions
// and Go's share, and that neither can repeat without taking a character.
var javaPieces = []string{"a", "b", "[ab]", "[^a]", ".", "CN=", "(a)", "(b|a)", "(a+)", "(?:ab|a)", "(.)", `\w`}

// FuzzSSLRulesAgainstGo maps names by rules whose patterns Go's own expressions
// understand too, and holds the result against a plain rendering of what Java does:
// the pattern must match the whole name, and then every match is replaced.
func FuzzSSLRulesAgainstGo(f *testing.F) {
	for seed := range byte(16) {
		f.Add([]byte{seed, 7 * seed, 3, seed + 1, 1, 11 * seed, 2, seed, 5, seed, 1, 1}, "CN=ab,"+strings.Repeat("ab", int(seed%4)))
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		if len(data) > 64 || len(name) > 64 || strings.ToValidUTF8(name, "") != name || strings.ContainsAny(name, "\n\r\u0085\u2028\u2029") {
			return // a dot stands for fewer characters in Java
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r > 0xFFFF }) {
			return // Java replaces an empty match between two surrogates too
		}
		src := gen.Bytes(data)
		var pattern strings.Builder
		for range 1 + src.IntN(5) {
			pattern.WriteString(gen.Pick(src, javaPieces) + gen.Pick(src, []string{"", "", "*", "+", "?", "*?", "{1,2}"}))
		}
		replacement := gen.Pick(src, []string{"$0", "<$0>", "x", "", "-$0-"})
		rule := "RULE:" + pattern.String() + "/" + replacement + "/"
		rules, err := principal.ParseSSLRules(rule, nil)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		got, err := rules.Name(name)
		want, ok := javaReplaceAll(pattern.String(), replacement, name)
		if !ok {
			if got != "" || !errors.Is(err, principal.ErrNoSSLRule) {
				t.Fatalf("%s on %q: %q, %v, want no match", rule, name, got, err)
			}
		} else if err != nil || got != want {
			t.Fatalf("%s on %q: %q, %v, want %q", rule, name, got, err, want)
		}
	})
}

// javaReplaceAll is what String.replaceAll makes of text, if the pattern matches all
// of it. Unlike Go it also replaces an empty match at the end of the one before. An
// empty match leads on to the next UTF-16 unit, which is the next character where
// the text has none beyond the BMP.
func javaReplaceAll(pattern, replacement, text string) (string, bool) {
	if !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(text) {
		return "", false
	}
	find := regexp.MustCompile(pattern)
	var out strings.Builder
	done := 0 // how much of text is in out
	for from := 0; from <= len(text); {
		at := find.FindStringIndex(text[from:])
		if at == nil {
			break
		}
		start, end := from+at[0], from+at[1]
		out.WriteString(text[done:start] + strings.ReplaceAll(replacement, "$0", text[start:end]))
		done, from = end, end
		if start == end {
			from++
			for from < len(text) && text[from]&0xC0 == 0x80 {
				from++
			}
		}
	}
	return out.String() + text[done:], true
}
