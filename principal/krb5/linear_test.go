package krb5_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// TestConfigIsReadInLinearTime parses configurations of many sections, groups and
// relations.
func TestConfigIsReadInLinearTime(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, test := range []struct {
		what string
		n    int
		text func(n int) string
	}{
		{"sections", 4000, func(n int) string { return many(n, "[s%d]\n") }},
		{"groups", 4000, func(n int) string { return "[realms]\n" + many(n, "R%d = {\n}\n") }},
		{"short names", 3000, func(n int) string {
			return "[libdefaults]\ndefault_realm = R\n[realms]\nR = {\nauth_to_local_names = {\n" + many(n, "u%d = x\n") + "}\n}\n"
		}},
		{"rules", 2000, func(n int) string {
			return "[libdefaults]\ndefault_realm = R\n[realms]\nR = {\n" + many(n, "auth_to_local = RULE:[1:$1](%d)\n") + "}\n"
		}},
	} {
		gen.GrowsLinearly(t, test.what, test.n, func(n int) {
			if _, err := krb5.ParseConfig(test.text(n)); err != nil {
				t.Fatalf("%s: %v", test.what, err)
			}
		})
	}
}
