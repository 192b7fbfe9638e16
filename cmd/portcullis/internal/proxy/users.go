package proxy

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/enum"
)

// readUsers reads a file of users into s. A line is one of
//
//	user:password
//	"user":"password"
//	SCRAM-SHA-256=[name=user,salt="…",saltedpassword="…",iterations=4096]
//	SCRAM-SHA-256=[name=user,salt="…",stored_key="…",server_key="…",iterations=4096]
//
// The texts in quotes are JSON strings, so that they can have any character. The third
// form is that of kafka-storage format --add-scram; the keys of the fourth are those that
// brokers store. Errors have the file and the line, and no secret.
func readUsers(file string, s *proxy.SASL) error {
	return secretfile.ReadLines(file, func(line string) (found, expected string) {
		if mechanism, list, ok := strings.Cut(line, "=["); ok && strings.HasPrefix(mechanism, "SCRAM-") {
			user, c, expected := readCredential(mechanism, list)
			if expected != "" {
				return "a line", expected
			}
			for _, other := range s.Credentials[user] {
				if other.Mechanism == c.Mechanism {
					return "a second credential of " + enum.Quote(user), "one for each mechanism"
				}
			}
			if _, twice := s.Users[user]; twice {
				return "a credential of " + enum.Quote(user), "either a password or credentials for a user"
			}
			s.Credentials[user] = append(s.Credentials[user], c)
			return "", ""
		}
		user, password, err := secretfile.ReadPassword(line)
		_, twice := s.Users[user]
		if err != nil || user == "" || password == "" || twice {
			return "a line", `user:password, or "user":"password" with JSON strings; each user once` // do not quote the line: it may contain a password
		}
		if len(s.Credentials[user]) > 0 {
			return "a password of " + enum.Quote(user), "either a password or credentials for a user"
		}
		s.Users[user] = password
		return "", ""
	})
}

// readCredential reads what follows "[" in the form of kafka-storage format --add-scram.
//
// Source: Kafka's ScramParser: fields are separated by commas, which no value has; a value
// may be in quotes.
func readCredential(mechanism, list string) (user string, c proxy.ScramCredential, expected string) {
	const form = `MECHANISM=[name=user,salt="…",saltedpassword="…",iterations=4096]`
	list, closed := strings.CutSuffix(list, "]")
	if !closed {
		return "", c, form
	}
	fields := map[string]string{}
	for field := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(field, "=")
		_, twice := fields[key]
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if !ok || twice || value == "" {
			return "", c, form
		}
		fields[key] = value
	}
	user = fields["name"]
	binary := map[string][]byte{}
	for _, key := range []string{"salt", "saltedpassword", "stored_key", "server_key"} {
		if value, ok := fields[key]; ok {
			decoded, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return "", c, key + " in base64"
			}
			binary[key] = decoded
		}
	}
	iterations, err := strconv.Atoi(fields["iterations"])
	_, salted := fields["saltedpassword"]
	_, keys := fields["stored_key"]
	want := 4
	if keys {
		want = 5
	}
	switch {
	case fields["password"] != "":
		return "", c, "a line user:password for a user whose password is known"
	case err != nil || user == "" || salted == keys || len(fields) != want:
		return "", c, form + `, or stored_key="…",server_key="…" instead of saltedpassword`
	case salted:
		c, err = proxy.ScramCredentialOf(mechanism, binary["salt"], iterations, binary["saltedpassword"])
	default:
		c = proxy.ScramCredential{Mechanism: mechanism, Salt: binary["salt"], Iterations: iterations, StoredKey: binary["stored_key"], ServerKey: binary["server_key"]}
		err = c.Validate()
	}
	if err != nil {
		return "", c, "a credential that can be used: " + err.Error()
	}
	return user, c, ""
}

// hasCredential reports whether some user has a credential of the mechanism.
func hasCredential(s *proxy.SASL, mechanism string) bool {
	for _, list := range s.Credentials {
		for _, c := range list {
			if c.Mechanism == mechanism {
				return true
			}
		}
	}
	return false
}
