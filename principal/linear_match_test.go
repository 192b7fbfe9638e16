package principal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/principal"
)

// TestLinearPatternsTakeLinearTime maps long names by the patterns for which a search over
// 5,000 random ones found the most time: whatever a client is called, its name costs no more
// than a step for each character and each instruction of the pattern.
func TestLinearPatternsTakeLinearTime(t *testing.T) {
	for _, pattern := range []string{
		`(?:((.)+?(é)?)+){40}\w[ab]ébx?x?`, `(?:(?:[^b]a*)*?){1,99}`, `(((?:[^b]b){1,99})??)x?((?:(a?)??(b)+?){1,99})??(\bé()(?:a|[ab]).*?)`,
		`(?:((?i:.*?))|(?i:($).*))(?i:((?:(a?)+){40}))b`, `(?:x?a*)*.*b`, `.*?b`, `(a*)*b|x`,
	} {
		t.Run(pattern, func(t *testing.T) {
			ssl, err := principal.ParseSSLRules("RULE:"+pattern+"/x/", 0)
			require.NoError(t, err)
			kerberos, err := principal.ParseKerberosRules([]string{"RULE:[1:$1](.*)s/" + pattern + "/y/g"}, "R", 0)
			require.NoError(t, err)
			gen.GrowsLinearly(t, "SSL rule "+pattern, 1500, func(n int) { _, _ = ssl.Name(strings.Repeat("a", n)) })
			gen.GrowsLinearly(t, "Kerberos rule "+pattern, 500, func(n int) { _, _ = kerberos.ShortName(strings.Repeat("a", n) + "@R") })
		})
	}
}
