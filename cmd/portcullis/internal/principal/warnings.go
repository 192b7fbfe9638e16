package principal

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/broker"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// warnOfName warns of a distinguished name that Kafka sees differently, or that is empty.
func (p *command) warnOfName(dn string) {
	switch asJava, form := javaOrder(dn); {
	case dn == "" && p.cert.Given:
		p.warn("the subject of the certificate is empty: the client has no name of its own, and all such clients are one principal")
	case dn == "" && p.dn.Given:
		p.warn("the distinguished name is empty: all clients whose certificates have no subject are one principal")
	case form != "" && p.dn.Given:
		p.warn("the name is %s: Java prints the attributes in the other order, as openssl x509 -nameopt RFC2253 does, and Kafka compares that: %s", form, enum.Quote(asJava))
	}
}

// general are the types of attributes that come last in Java's order, and specific those that
// come first.
var (
	general  = []string{"C", "DC", "O", "ST", "L"}
	specific = []string{"CN", "UID", "EMAILADDRESS"}
)

// attribute matches one attribute and the separator after it. A comma in a value is quoted.
var attribute = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9.]*)\s*=\s*((?:\\.|[^,\\])*?)\s*(?:,|$)`)

// javaOrder returns a distinguished name in Java's order, if it has the form or the order of
// openssl, and what it has.
func javaOrder(dn string) (asJava, form string) {
	var parts [][2]string
	if rest, ok := strings.CutPrefix(dn, "/"); ok {
		form = "in openssl's old form"
		for part := range strings.SplitSeq(rest, "/") {
			name, value, ok := strings.Cut(part, "=")
			if !ok {
				return "", ""
			}
			parts = append(parts, [2]string{name, value})
		}
	} else {
		form = "in openssl's order"
		for rest := dn; rest != ""; {
			found := attribute.FindStringSubmatch(rest)
			if found == nil {
				return "", ""
			}
			parts = append(parts, [2]string{found[1], found[2]})
			rest = rest[len(found[0]):]
		}
	}
	last := len(parts) - 1
	if last < 1 || !slices.Contains(general, strings.ToUpper(parts[0][0])) || !slices.Contains(specific, strings.ToUpper(parts[last][0])) {
		if !strings.HasPrefix(dn, "/") || last < 0 {
			return "", ""
		}
	}
	slices.Reverse(parts)
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part[0] + "=" + part[1]
	}
	return strings.Join(texts, ","), form
}

// ruleKeys are keys that are rules: the line before has lost its backslash, so that Java reads
// the next one as a setting of its own. The colon after RULE ends the key.
func ruleKeys(values map[string]string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(key string) bool {
		return strings.TrimLeft(key, ",") != "RULE" && strings.Trim(key, ",") != "DEFAULT" && !strings.HasPrefix(key, "RULE[")
	})
}

// warnOfKeys warns of keys that a broker does not know, and of a file that has none of a broker's.
func (p *command) warnOfKeys(file string, values map[string]string, config *broker.Config) {
	lost := ruleKeys(values)
	for _, key := range lost {
		p.warn("%s: %s is a setting of its own, not a rule: end the line before it with a backslash", file, lines.Printable(key))
	}
	wrong := config.CheckKeys(lost)
	for _, w := range wrong {
		p.warn("%s: %v", file, w)
	}
	if n := len(wrong) + len(lost); n > 0 && n == len(values) {
		p.warn("%s has no setting of a Kafka broker: expected a server.properties", file)
	}
}
