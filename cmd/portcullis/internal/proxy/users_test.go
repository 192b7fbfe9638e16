package proxy

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// users reads a file with this text.
func users(t testing.TB, text string) (*proxy.SASL, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	s := &proxy.SASL{Users: map[string]string{}, Credentials: map[string][]proxy.ScramCredential{}}
	return s, readUsers(file, s)
}

func encoded(size int) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", size)))
}

func TestUsersFile(t *testing.T) {
	for line, want := range map[string][2]string{
		"a:b":                   {"a", "b"},
		"a: b:c ":               {"a", " b:c"},
		"\ta:#":                 {"a", "#"},
		`"a:b":"c"`:             {"a:b", "c"},
		`"#a":c`:                {"#a", "c"},
		`a:" c "`:               {"a", " c "},
		`"a\u0000":"\"\\ \n"`:   {"a\x00", "\"\\ \n"},
		`SCRAM-SHA-256:secret`:  {"SCRAM-SHA-256", "secret"},
		`"SCRAM-SHA-256=[":"b"`: {"SCRAM-SHA-256=[", "b"},
		"oﬃce:cafe\u0301":       {"oﬃce", "cafe\u0301"},
	} {
		t.Run(line, func(t *testing.T) {
			s, err := users(t, "# a comment\n\n"+line+"\n")
			require.NoError(t, err)
			assert.Equal(t, map[string]string{want[0]: want[1]}, s.Users)
			assert.Empty(t, s.Credentials)
		})
	}
	key := encoded(32)
	stored := `SCRAM-SHA-256=[name=a,salt="c2FsdA==",stored_key="` + key + `",server_key=` + key + `,iterations=8192]`
	salted := `SCRAM-SHA-512=[name=a,salt="c2FsdA==",saltedpassword="` + encoded(64) + `",iterations=4096]`
	t.Run("credentials", func(t *testing.T) {
		s, err := users(t, stored+"\n"+salted)
		require.NoError(t, err)
		assert.Empty(t, s.Users)
		require.Len(t, s.Credentials["a"], 2)
		assert.Equal(t, "SCRAM-SHA-256 with 8192 iterations", s.Credentials["a"][0].String())
		assert.True(t, hasCredential(s, proxy.ScramSHA512))
	})
	const secret = "s3cr3t"
	for text, want := range map[string]string{
		secret:                                        "1:1|expected user:password, or",
		":" + secret:                                  "1:1|expected user:password, or",
		"a:":                                          "1:1|expected user:password, or",
		"b:c\na:" + secret + "\na:" + secret:          "3:1|expected user:password, or",
		`"a:` + secret:                                "1:1|expected user:password, or",
		`"a"` + secret:                                "1:1|expected user:password, or",
		`a:"` + secret:                                "1:1|expected user:password, or",
		`a:"` + secret + `" x`:                        "1:1|expected user:password, or",
		"\"a\":\"\xff" + secret + `"`:                 "1:1|expected user:password, or",
		stored + "\n" + stored:                        "2:1|expected one for each mechanism",
		stored + "\na:" + secret:                      "2:1|expected either a password",
		"a:" + secret + "\n" + stored:                 "2:1|expected either a password",
		strings.TrimSuffix(stored, "]"):               "1:1|expected MECHANISM=[",
		strings.Replace(stored, "8192", "4095", 1):    "4095 iterations: expected 4096 to 16384",
		strings.Replace(stored, "8192", "16385", 1):   "16385 iterations: expected 4096 to 16384",
		strings.Replace(stored, "8192", "x", 1):       "expected MECHANISM=[",
		strings.Replace(stored, "name=a", "name=", 1): "expected MECHANISM=[",
		strings.Replace(stored, "name=a", "name=a,name=b", 1):                      "expected MECHANISM=[",
		strings.Replace(stored, "name=a", "name=a,more=b", 1):                      "expected MECHANISM=[",
		strings.Replace(stored, "c2FsdA==", "c2FsdA=", 1):                          "expected salt in base64",
		strings.Replace(stored, key, encoded(31), 1):                               "keys of 31 and 32 bytes",
		strings.Replace(stored, "SHA-256", "SHA-1", 1):                             "expected SCRAM-SHA-256 or SCRAM-SHA-512",
		strings.Replace(salted, encoded(64), encoded(32), 1):                       "a salted password of 32 bytes",
		"SCRAM-SHA-256=[name=a,password=" + secret + "]":                           "expected a line user:password",
		"SCRAM-SHA-256=[name=a,saltedpassword=" + key + ",iterations=4096]":        "expected MECHANISM=[",
		strings.Replace(stored, "stored_key", "saltedpassword=AAAA,stored_key", 1): "expected MECHANISM=[",
	} {
		inner := t
		t.Run(text, func(t *testing.T) {
			_, err := users(inner, text) // the folder of t would have the text in its name
			place, want, both := strings.Cut(want, "|")
			if !both {
				place, want = "1:1", place
			}
			require.ErrorContains(t, err, "users:"+place+": ")
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), secret)
			assert.NotContains(t, err.Error(), key)
		})
	}
}

// TestKafkaScramLines compares the credentials of lines with those that Kafka makes of
// them, and the bytes of passwords with those that Kafka hashes.
func TestKafkaScramLines(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/Scram.java")
	r := rand.New(rand.NewPCG(1, 2))
	text := func(size int) string {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	accepted, refused := 0, 0
	for range 3000 {
		mechanism, size := "SCRAM-SHA-256", 32
		if r.IntN(2) == 0 {
			mechanism, size = "SCRAM-SHA-512", 64
		}
		mechanism = pick(mechanism, mechanism, mechanism, mechanism, mechanism, mechanism, "SCRAM-SHA-1", "scram-sha-256", "")
		quote := pick("", `"`)
		fields := []string{"name=" + pick("alice", `"alice"`, "a=b", " a", "é"), "salt=" + quote + text(1+r.IntN(30)) + quote,
			"saltedpassword=" + quote + text(size) + quote, "iterations=" + pick("4096", "8192", "16384", "4096", "8192", "4095", "16385", "x", "-1")}
		switch r.IntN(12) {
		case 0:
			fields[r.IntN(4)] = pick("name=", "salt=?", "saltedpassword=?", "iterations=", "password=x", "more=x", "x")
		case 1:
			i := r.IntN(4)
			fields = append(fields[:i], fields[i+1:]...)
		case 2:
			fields[0], fields[3] = fields[3], " "+fields[0]
		}
		line := mechanism + "=[" + strings.Join(fields, ",") + pick("]", "]", "]", "]", "]", "]", "]", "")
		kafka, kafkaErr := jvm.Call("Scram", line)
		s, err := users(t, line)
		ours := ""
		for user, list := range s.Credentials {
			b := base64.StdEncoding.EncodeToString
			ours = fmt.Sprintf("%s %s %s %s %s %d", user, list[0].Mechanism, b(list[0].Salt), b(list[0].StoredKey), b(list[0].ServerKey), list[0].Iterations)
		}
		if err != nil {
			refused++
			// Where Kafka would make something up (a salt, iterations, a user of no name), and
			// for a password, the file has to say more.
			if kafkaErr == nil {
				whole := strings.Contains(line, "name=") && !strings.Contains(line, "name=,") && strings.Contains(line, "salt=") && strings.Contains(line, "saltedpassword=") && strings.Contains(line, "iterations=")
				assert.False(t, whole && !strings.Contains(line, "password=x"), "%s: %v, but Kafka makes %s", line, err, kafka)
			}
			continue
		}
		accepted++
		require.NoError(t, kafkaErr, line)
		require.Equal(t, kafka, ours, line)
	}
	t.Logf("%d lines compared, of which %d are refused", accepted+refused, refused)
	assert.Greater(t, accepted, 500)
	assert.Greater(t, refused, 500)

	for _, password := range []string{"pencil", "oﬃce", "cafe\u0301", "ｐａｓｓ", "pass\u00adword", "a\u00a0b", "a\u0221b", "a\u0007b", "\u05d0a", "😀", "ß", " "} {
		t.Run(password, func(t *testing.T) {
			salt := []byte("1n4rrqcn8mc3w3oy6xjy")
			want, err := pbkdf2.Key(sha256.New, password, salt, 4096, 32)
			require.NoError(t, err)
			got := jvm.MustCall("Scram", "SCRAM-SHA-256", password, base64.StdEncoding.EncodeToString(salt), "4096")
			require.Equal(t, base64.StdEncoding.EncodeToString(want), got)
		})
	}
}
