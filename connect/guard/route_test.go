package guard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSentPaths draws paths: one that is taken has the same words, and each name is decoded once to
// what was authorized.
func TestSentPaths(t *testing.T) {
	words := rapid.SampledFrom([]string{"connectors", "config", "tasks", "status", "connector-plugins", "admin", "loggers", "validate", "restart",
		"a", "0", "%61", "%2e", "..", ".", "%2f", "%5c", ";x", "%3b", "%25", "%2561", "%20", "a%20b", "%c3%a4", "%ff", "+", "", "%", "?", "#", "\\", "a=b&c"})
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + strings.Join(rapid.SliceOfN(words, 0, 5).Draw(t, "words"), "/")
		for _, r := range routes {
			target, _, err := find(r.method, path, "")
			if err != nil {
				continue
			}
			found++
			sent, given := strings.Split(target.path, "/"), strings.Split(path, "/")
			require.Len(t, sent, len(given))
			names := target.names
			for i := range sent {
				once, err := url.PathUnescape(sent[i])
				require.NoError(t, err)
				asGiven, err := url.PathUnescape(given[i])
				require.NoError(t, err)
				assert.Equal(t, asGiven, once)
				if sent[i] != given[i] || len(names) > 0 && names[0] == once {
					require.NotEmpty(t, names)
					assert.Equal(t, names[0], once)
					assert.NoError(t, CheckName(once))
					names = names[1:]
				}
			}
			for _, part := range []string{";", "//", "/.", "\\", "%2F", "%2f", "%25"} {
				assert.NotContains(t, target.path, part)
			}
		}
	})
	assert.Positive(t, found)
}

// TestRoutes has what each row of the table must have.
func TestRoutes(t *testing.T) {
	for _, r := range routes {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			if r.answer != answerList && r.body != bodyValidate {
				assert.NotEmpty(t, r.needs)
			}
			assert.Equal(t, r.method == http.MethodPatch || r.method == http.MethodPut && (strings.HasSuffix(r.path, "config") || strings.HasSuffix(r.path, "validate") || strings.HasSuffix(r.path, "{logger}")) ||
				r.path == "/connectors" && r.method == http.MethodPost, r.body != bodyNone)
			assert.NotContains(t, r.path, "fence")
			assert.False(t, r.method == http.MethodPost && strings.HasSuffix(r.path, "/tasks"))
		})
	}
}
