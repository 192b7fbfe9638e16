package principal

import (
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/broker"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// warnOfName warns of a distinguished name that Kafka sees differently, or that is empty.
func (p *command) warnOfName(dn string) {
	switch {
	case dn == "" && p.cert.Given:
		p.warn("the subject of the certificate is empty: the client has no name of its own, and all such clients are one principal")
	case dn == "" && p.dn.Given:
		p.warn("the distinguished name is empty: all clients whose certificates have no subject are one principal")
	case p.dn.Given:
		if text := asOpenSSL(dn); text != "" {
			p.warn("%s", text)
		}
	}
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
