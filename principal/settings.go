package principal

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// The keys of a broker's configuration that say who is who.
const (
	keySSLRules      = "ssl.principal.mapping.rules"
	keyKerberosRules = "sasl.kerberos.principal.to.local.rules"
	keySuperUsers    = "super.users"
	keyAllowEveryone = "allow.everyone.if.no.acl.found"
	keyBuilderClass  = "principal.builder.class"
)

// defaultBuilderClass is the one principal builder whose behaviour this package has.
const defaultBuilderClass = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"

// SettingsOptions is what the configuration of a broker does not hold. The zero
// SettingsOptions has an empty default realm and no backtracking.
type SettingsOptions struct {
	DefaultRealm string        // the Kerberos realm of the broker's host
	Backtracking *Backtracking // nil refuses rules that need it
}

// Settings is what a broker's configuration says about principals. The zero Settings
// has no rules, no super users, and allows nothing.
type Settings struct {
	SSLRules              *SSLRules
	KerberosRules         *KerberosRules
	SuperUsers            []Principal // in the order given
	AllowEveryoneIfNoACLs bool
}

// ParseSettings reads the keys of a broker's configuration that concern principals:
// ssl.principal.mapping.rules, sasl.kerberos.principal.to.local.rules, super.users,
// allow.everyone.if.no.acl.found and principal.builder.class. A key that is missing
// has Kafka's default; other keys are ignored. A key with the prefix of a listener
// is another key: a caller with several listeners passes each its own values.
//
// A value that cannot be read is an error that names the key, and so is a builder
// other than Kafka's default, which would give other names; then the Settings are
// zero. As in Kafka, allow.everyone.if.no.acl.found is true if it is "true" in any
// case, and false for every other text.
func ParseSettings(properties map[string]string, options SettingsOptions) (Settings, error) {
	if class, ok := properties[keyBuilderClass]; ok && strings.TrimFunc(class, isJavaTrimmed) != defaultBuilderClass {
		return Settings{}, fmt.Errorf("%s: %s is not known: only %s is", keyBuilderClass, enum.Quote(class), defaultBuilderClass)
	}
	settings := Settings{AllowEveryoneIfNoACLs: strings.EqualFold(strings.TrimFunc(properties[keyAllowEveryone], isJavaTrimmed), "true")}
	var err error
	if settings.SSLRules, err = ParseSSLRules(valueOr(properties, keySSLRules, DefaultSSLRules), options.Backtracking); err != nil {
		return Settings{}, fmt.Errorf("%s: %w", keySSLRules, err)
	}
	kerberos := SplitKerberosRules(valueOr(properties, keyKerberosRules, DefaultKerberosRules))
	if settings.KerberosRules, err = ParseKerberosRules(kerberos, options.DefaultRealm, options.Backtracking); err != nil {
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
