package principal

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// The keys of a broker's configuration that concern principals.
const (
	keySSLRules      = "ssl.principal.mapping.rules"
	keyKerberosRules = "sasl.kerberos.principal.to.local.rules"
	keySuperUsers    = "super.users"
	keyAllowEveryone = "allow.everyone.if.no.acl.found"
	keyBuilderClass  = "principal.builder.class"
)

// defaultBuilderClass is the only principal builder that this package implements.
const defaultBuilderClass = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"

// Settings are the settings of a broker that concern principals. The zero Settings has
// no rules and no super users, and AllowEveryoneIfNoACLs is false.
type Settings struct {
	SSLRules              *SSLRules
	KerberosRules         *KerberosRules
	SuperUsers            []Principal // in the order given
	AllowEveryoneIfNoACLs bool
}

// ParseSettings parses the keys of a broker's configuration that concern principals:
// ssl.principal.mapping.rules, sasl.kerberos.principal.to.local.rules, super.users,
// allow.everyone.if.no.acl.found and principal.builder.class. A missing key has Kafka's
// default; other keys are ignored. A key with a listener prefix is another key: a
// caller with several listeners passes each listener's values separately. defaultRealm is
// the Kerberos realm of the broker's host; for maxSteps see [DefaultMaxSteps].
//
// An invalid value is an error that names the key. So is a principal builder other than
// Kafka's default, because it would return other names. On error the Settings are zero.
// As in Kafka, allow.everyone.if.no.acl.found is true if it is "true" in any case, and
// false for all other texts.
func ParseSettings(properties map[string]string, defaultRealm string, maxSteps int) (Settings, error) {
	if class, ok := properties[keyBuilderClass]; ok && strings.TrimFunc(class, isJavaTrimmed) != defaultBuilderClass {
		return Settings{}, fmt.Errorf("%s: unknown class %s: only %s is supported", keyBuilderClass, enum.Quote(class), defaultBuilderClass)
	}
	settings := Settings{AllowEveryoneIfNoACLs: strings.EqualFold(strings.TrimFunc(properties[keyAllowEveryone], isJavaTrimmed), "true")}
	var err error
	if settings.SSLRules, err = ParseSSLRules(valueOr(properties, keySSLRules, defaultRules), maxSteps); err != nil {
		return Settings{}, fmt.Errorf("%s: %w", keySSLRules, err)
	}
	kerberos := splitKerberosRules(valueOr(properties, keyKerberosRules, defaultRules))
	if settings.KerberosRules, err = ParseKerberosRules(kerberos, defaultRealm, maxSteps); err != nil {
		return Settings{}, fmt.Errorf("%s: %w", keyKerberosRules, err)
	}
	if settings.SuperUsers, err = ParseList(properties[keySuperUsers]); err != nil {
		return Settings{}, fmt.Errorf("%s: %w", keySuperUsers, err)
	}
	return settings, nil
}

func valueOr(properties map[string]string, key, otherwise string) string {
	if value, ok := properties[key]; ok {
		return value
	}
	return otherwise
}
