package jaas

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

func TestLoginModules(t *testing.T) {
	m, err := Parse(Plain + ` required username="admin" password="a\"b\101" user_admin='x y'
		// a comment
		user_bob=secret;`)
	require.NoError(t, err)
	assert.Equal(t, Plain, m.Class)
	assert.Equal(t, `a"bA`, m.Options["password"])
	assert.Equal(t, map[string]string{"admin": "x y", "bob": "secret"}, m.Users())
	for text, want := range map[string]string{
		"":                               "no login module",
		Plain:                            "expected required",
		Plain + " must;":                 "expected required",
		Plain + " required":              "expected a semicolon",
		Plain + " required p=s3cr3t":     "expected a semicolon",
		Plain + " required p=3s3cr3t;":   "expected option=value",
		Plain + " required p=/s3cr3t;":   "expected option=value",
		Plain + " required p s3cr3t;":    "expected option=value",
		Plain + " required; X required;": "one login module",
		"; required;":                    "expected the class",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Parse(text)
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "s3cr3t")
		})
	}
}

// TestKafkaLoginModules compares login modules with what Kafka reads.
func TestKafkaLoginModules(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/Jaas.java")
	r := rand.New(rand.NewPCG(3, 4))
	parts := []string{"a", "user_b", "x-1", "_y", "$z", "1", "-2", ".5", "a.b", "=", ";", " ", "\n", "\t", `"q"`, `'s'`, `"\n\101\7\400\08"`, `"un`, "/c\n", "//c\n", "/*c*/", "/*/", "/\nx ", "é", "\u0085", "\u20ac", "😀", "#", `\`, `"a\\b\"c"`, "required", "a=b", `p="x y"`, "=c", "="}
	accepted, refused := 0, 0
	for range 20_000 {
		var b strings.Builder
		if r.IntN(8) > 0 {
			b.WriteString("M required ")
		}
		for range r.IntN(6) {
			if r.IntN(2) == 0 {
				b.WriteString(" k" + fmt.Sprint(r.IntN(3)) + "=" + []string{"v", `"v"`, `"a\tb"`, "v1", "-"}[r.IntN(5)])
				continue
			}
			b.WriteString(parts[r.IntN(len(parts))])
		}
		if r.IntN(8) > 0 {
			b.WriteString(";")
		}
		text := b.String()
		kafka, kafkaErr := jvm.Call("Jaas", text)
		m, err := Parse(text)
		if err != nil {
			refused++
			// Kafka takes options and classes without a name, and several modules here,
			// which it refuses later.
			if kafkaErr == nil && strings.HasPrefix(kafka, "1\n") {
				assert.Regexp(t, `(?m)^null($|\x01)|^1\n\n`, kafka, "%q: %v", text, err)
			}
			continue
		}
		accepted++
		require.NoError(t, kafkaErr, "%q", text)
		ours := "1\n" + m.Class + "\n"
		for _, key := range slices.Sorted(maps.Keys(m.Options)) {
			ours += key + "\x01" + m.Options[key] + "\n"
		}
		require.Equal(t, kafka, ours, "%q", text)
	}
	t.Logf("%d lines compared, of which %d are refused", accepted+refused, refused)
	assert.Greater(t, accepted, 3000)
	assert.Greater(t, refused, 3000)
}
