package principal

import (
	"strings"
	"unicode/utf8"
)

// maxKerberosName is the maximum length in bytes of a name that rules are applied to or
// produce. The longest real names hold a Windows UPN (1024 characters) or a host and a
// realm (255 each). The limit bounds the cost of a hostile name: a global substitution
// may be quadratic in the length.
const maxKerberosName = 4096

// kerberosName is a parsed principal name.
type kerberosName struct {
	text       string // as given
	simple     bool   // without a realm: in Kafka's dialect no rule applies to it
	realm      string
	components []string // never empty, unless simple
}

// parameter returns the value of $i in a rule: the realm for 0, otherwise component i,
// counted from 1.
func (n *kerberosName) parameter(i int) (string, bool) {
	switch {
	case i == 0:
		return n.realm, true
	case i <= len(n.components):
		return n.components[i-1], true
	default:
		return "", false
	}
}

// checkNameText returns why text cannot be a name in any dialect, or "".
func checkNameText(text string) string {
	if len(text) > maxKerberosName {
		return "is longer than a Kerberos name may be"
	}
	if !utf8.ValidString(text) {
		return "is not valid UTF-8"
	}
	return ""
}

// parseKafkaName parses "primary[/host]@REALM", or returns what is wrong with it. Text
// without "@" is a simple name, including any slashes. There are no escapes.
//
// Source: Kafka's KerberosName.parse.
func parseKafkaName(text string) (kerberosName, string) {
	name := kerberosName{text: text}
	if fault := checkNameText(text); fault != "" {
		return kerberosName{}, fault
	}
	front, realm, qualified := strings.Cut(text, "@")
	if !qualified {
		name.simple = true
		return name, ""
	}
	if strings.ContainsAny(realm, "/@") {
		return kerberosName{}, `has "/" or another "@" in its realm`
	}
	name.realm = realm
	name.components = strings.Split(front, "/")
	if len(name.components) > 2 {
		return kerberosName{}, "has more than two components before its realm"
	}
	return name, ""
}

// parseMITName parses "component[/component…][@REALM]", or returns what is wrong with
// it. A backslash quotes the next character; "\n", "\t" and "\b" are control
// characters. A name without a realm is in the default realm.
//
// A zero byte and an empty realm are refused: the C library would cut the text at the
// zero byte and look up a missing realm.
//
// Source: MIT krb5, krb5_parse_name.
func parseMITName(text, defaultRealm string) (kerberosName, string) {
	if fault := checkNameText(text); fault != "" {
		return kerberosName{}, fault
	}
	name := kerberosName{text: text}
	var part strings.Builder
	inRealm := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
			if i == len(text) {
				return kerberosName{}, "ends in a backslash that quotes nothing"
			}
			part.WriteByte(unquoteMIT(text[i]))
		case inRealm && (c == '/' || c == '@'):
			return kerberosName{}, `has "/" or another "@" in its realm`
		case c == '/' || c == '@':
			name.components = append(name.components, part.String())
			part.Reset()
			inRealm = c == '@'
		default:
			part.WriteByte(c)
		}
	}
	if inRealm {
		name.realm = part.String()
	} else {
		name.realm = defaultRealm
		name.components = append(name.components, part.String())
	}
	return name, name.faultMIT()
}

// unquoteMIT returns the character that a backslash followed by c stands for.
func unquoteMIT(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case '0':
		return 0
	default:
		return c
	}
}

// faultMIT returns why the MIT dialect refuses n, or "".
func (n *kerberosName) faultMIT() string {
	if n.realm == "" {
		return "has an empty realm"
	}
	if strings.IndexByte(n.realm, 0) >= 0 {
		return "holds a zero byte"
	}
	for _, c := range n.components {
		if strings.IndexByte(c, 0) >= 0 {
			return "holds a zero byte"
		}
	}
	return ""
}

// mitQuoter quotes the characters that would end a component, and control characters.
var mitQuoter = strings.NewReplacer("/", `\/`, `\`, `\\`, "\n", `\n`, "\t", `\t`, "\b", `\b`)

// withoutRealm returns the components joined by slashes, quoted as MIT krb5 prints a
// name without its realm: "@" is not quoted.
//
// Source: MIT krb5, krb5_unparse_name_flags, KRB5_PRINCIPAL_UNPARSE_NO_REALM.
func (n *kerberosName) withoutRealm() string {
	quoted := make([]string, len(n.components))
	for i, c := range n.components {
		quoted[i] = mitQuoter.Replace(c)
	}
	return strings.Join(quoted, "/")
}
