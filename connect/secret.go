package connect

import (
	"regexp"
	"strings"
)

// secretKey matches keys whose values are probably secrets.
var secretKey = regexp.MustCompile(`(?i)passw|passphrase|passcode|pwd$|secret|credential|token$|user\.info$|authorization|private[._-]?key|api[._-]?key|access[._-]?key$|account[._-]?key$|ssl\.keystore\.key`)

// notSecret matches keys that look like those of secrets and are not: where something is, and how.
var notSecret = regexp.MustCompile(`(?i)\.(path|file|location|url|uri|type|class|provider|name|id|enabled?|ms)$`)

// secretParts match secrets inside of a value, whatever its key is. The last group is the secret.
var secretParts = []*regexp.Regexp{
	// Options of a login module, parameters of a URL, and fields of a connection string.
	regexp.MustCompile(`(?i)[\w.-]*(?:passw|passphrase|secret|api[._-]?key|private[._-]?key|access[._-]?key|account[._-]?key)[\w.-]*\s*=\s*(?:"((?:[^"\\]|\\.)+)|'([^']+)|([^"'\s;&,]+))`),
	regexp.MustCompile(`(?i)[?&;](?:pwd|token|sig|sas)=([^&;\s]+)`),
	regexp.MustCompile(`://[^/@\s]*?:([^/\s]+)@`),                        // the user of a URL
	regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([a-z0-9._~+/=-]{8,})`), // a header
	regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END|$)`),
}

// reference matches a reference to a secret, as Kafka does.
//
// Source: ConfigTransformer.DEFAULT_PATTERN.
var reference = regexp.MustCompile(`\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}`)

// HasReference reports whether a value has a reference to a secret, such as
// ${file:/etc/kafka/secrets.properties:password} (KIP-297). Connect keeps and shows the reference,
// not what it stands for.
func HasReference(value string) bool { return reference.MatchString(value) }

// Secrets returns the parts of the value of a setting that are probably secrets in clear text:
// all of it if the key says so, or else passwords of login modules, URLs and connection strings,
// headers, and private keys in it. A reference is no secret. The result is nil if there is none.
// The definition of a connector, which alone knows which settings are secrets, is not asked: a
// secret in a setting with a harmless name is not found. The cost is linear in the length.
func Secrets(key, value string) []string {
	// A space in its place: what is before and after a reference does not become one word.
	rest := strings.TrimSpace(reference.ReplaceAllString(value, " "))
	if rest == "" || rest == `""` {
		return nil
	}
	var found []string
	isLogin := strings.HasSuffix(key, "jaas.config")
	if !isLogin && secretKey.MatchString(key) && !notSecret.MatchString(key) {
		found = append(found, rest)
	}
	for _, pattern := range secretParts {
		for _, match := range pattern.FindAllStringSubmatch(rest, -1) {
			for _, secret := range match[1:] {
				if secret = strings.TrimSpace(secret); secret != "" {
					found = append(found, secret)
				}
			}
		}
	}
	return found
}
