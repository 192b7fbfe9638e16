package proxy

import (
	"encoding/base64"
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

// oauthMessages are first messages of OAUTHBEARER, and how Kafka reads them: the
// authorization id, a blank and the token, or "" if it refuses them.
var oauthMessages = map[string]string{
	"n,,\x01auth=Bearer abc\x01\x01":                          " abc",
	"n,a=alice,\x01auth=Bearer abc\x01\x01":                   "alice abc",
	"n,a=a=2Cb=3D,\x01auth=Bearer abc\x01\x01":                "a=2Cb=3D abc",
	"n,a=a b\x01c\x7f,\x01auth=Bearer abc\x01\x01":            "a b\x01c\x7f abc",
	"n,a=,\x01auth=Bearer abc\x01\x01":                        "",
	"n,a=a=b,\x01auth=Bearer abc\x01\x01":                     "",
	"n,a=a=2c,\x01auth=Bearer abc\x01\x01":                    "",
	"n,a=a=2=2CC,\x01auth=Bearer abc\x01\x01":                 "",
	"n,a=\u00e5,\x01auth=Bearer abc\x01\x01":                  "",
	"n,a=\x00,\x01auth=Bearer abc\x01\x01":                    "",
	"n,a=\xff,\x01auth=Bearer abc\x01\x01":                    "",
	"n,alice,\x01auth=Bearer abc\x01\x01":                     "",
	"y,,\x01auth=Bearer abc\x01\x01":                          "",
	"p=tls,,\x01auth=Bearer abc\x01\x01":                      "",
	"n,\x01auth=Bearer abc\x01\x01":                           "",
	"n,,auth=Bearer abc\x01\x01":                              "",
	"n,,\x01auth=Bearer abc\x01":                              "",
	"n,,\x01auth=Bearer abc":                                  "",
	"n,,\x01auth=Bearer abc\x01\x01\x01":                      "",
	"n,,\x01auth=Bearer abc\x01\x01\n":                        "",
	"\nn,,\x01auth=Bearer abc\x01\x01":                        "",
	"n,,\x01\x01":                                             "",
	"n,,\x01":                                                 "",
	"n,,":                                                     "",
	"":                                                        "",
	"\x01":                                                    "",
	"n,,\x01auth=bEARER   abc\x01\x01":                        " abc",
	"n,,\x01auth=Bearer abc \x01\x01":                         "",
	"n,,\x01auth=Bearer\tabc\x01\x01":                         "",
	"n,,\x01auth=Bearer abc def\x01\x01":                      "",
	"n,,\x01auth=Bearer \x01\x01":                             "",
	"n,,\x01auth=Bearer\x01\x01":                              "",
	"n,,\x01auth= Bearer abc\x01\x01":                         "",
	"n,,\x01auth=Basic abc\x01\x01":                           "",
	"n,,\x01auth=Bearer ==\x01\x01":                           "",
	"n,,\x01auth=Bearer abc==\x01\x01":                        " abc==",
	"n,,\x01auth=Bearer a=b\x01\x01":                          "",
	"n,,\x01auth=Bearer a-_~+/.Z9\x01\x01":                    " a-_~+/.Z9",
	"n,,\x01auth=Bearer a%b\x01\x01":                          "",
	"n,,\x01Auth=Bearer abc\x01\x01":                          "",
	"n,,\x01auth=Bearer abc\x01host=server\x01port=1\x01\x01": " abc",
	"n,,\x01host=server\x01auth=Bearer abc\x01\x01":           " abc",
	"n,,\x01host=a=b\tc \r\n~\x01auth=Bearer abc\x01\x01":     " abc",
	"n,,\x01auth=Bearer abc\x01host=\x01\x01":                 "",
	"n,,\x01auth=Bearer abc\x01=x\x01\x01":                    "",
	"n,,\x01auth=Bearer abc\x01host\x01\x01":                  "",
	"n,,\x01auth=Bearer abc\x01ho-st=x\x01\x01":               "",
	"n,,\x01auth=Bearer abc\x01host1=x\x01\x01":               "",
	"n,,\x01auth=Bearer abc\x01host=\u00e5\x01\x01":           "",
	"n,,\x01auth=Bearer abc\x01host=\x7f\x01\x01":             "",
	"n,,\x01auth=Bearer abc\x01host=\x00\x01\x01":             "",
	"n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01":       " def",
	"n,,\x01host=a\x01host=b\x01auth=Bearer abc\x01\x01":      " abc",
	"n,a=alice,\x01a=b\x01auth=Bearer abc\x01x=y\x01\x01":     "alice abc",
}

// read is what parseOAuthMessage says, in the form of oauthMessages.
func read(message string) string {
	id, token, err := parseOAuthMessage(message)
	if err != nil {
		return ""
	}
	return id + " " + token
}

func TestOAuthMessages(t *testing.T) {
	for message, want := range oauthMessages {
		t.Run(fmt.Sprintf("%q", message), func(t *testing.T) { assert.Equal(t, want, read(message)) })
	}
}

// TestKafkaOAuthMessages compares the table, and messages that are put together of its parts,
// with Kafka's class.
func TestKafkaOAuthMessages(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/FirstMessage.java")
	kafka := func(message string) string {
		answer := jvm.MustCall("FirstMessage", base64.StdEncoding.EncodeToString([]byte(message)))
		if rest, ok := strings.CutPrefix(answer, "ok "); ok {
			return rest
		}
		// For another scheme than Bearer Kafka looks for a group that its pattern does not have.
		require.Contains(t, []string{"SaslException", "IllegalArgumentException"}, answer, "%q", message)
		return ""
	}
	for message, want := range oauthMessages {
		t.Run(fmt.Sprintf("%q", message), func(t *testing.T) { assert.Equal(t, want, kafka(message)) })
	}
	t.Run("put together", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		parts := []string{"n,", ",", "a=", "a=alice,", "=2C", "=", "\x01", "auth=Bearer abc\x01", "Bearer ", "abc", "host=x\x01", " ", "\xc3\xa5", "x"}
		messages := slices.Sorted(maps.Keys(oauthMessages))
		accepted := 0
		for range 3000 {
			message := messages[random.IntN(len(messages))]
			for range 1 + random.IntN(2) { // something is taken out, and something put in
				from := random.IntN(len(message) + 1)
				to := min(len(message), from+random.IntN(3))
				message = message[:from] + parts[random.IntN(len(parts))] + message[to:]
			}
			want := kafka(message)
			require.Equal(t, want, read(message), "%q", message)
			if want != "" {
				accepted++
			}
		}
		assert.Greater(t, accepted, 50)
	})
}

// FuzzOAuthMessage: what is read is a part of the message, and is what a client may send.
func FuzzOAuthMessage(f *testing.F) {
	for message := range oauthMessages {
		f.Add([]byte(message))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		id, token, err := parseOAuthMessage(string(message))
		if err != nil {
			if id != "" || token != "" {
				t.Fatal("an error and a value")
			}
			return
		}
		rebuilt := "n,,\x01auth=Bearer " + token + "\x01\x01"
		if id != "" {
			rebuilt = "n,a=" + id + ",\x01auth=Bearer " + token + "\x01\x01"
		}
		if !strings.Contains(string(message), token) || token == "" || !strings.Contains(string(message), id) || read(rebuilt) != id+" "+token {
			t.Fatalf("%q of %q", id+" "+token, message)
		}
	})
}
