package principal

import (
	"errors"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
)

// errNoDefaultRealm refuses a list in MIT's dialect that has no default realm.
var errNoDefaultRealm = errors.New("auth_to_local needs a default realm: without one MIT krb5 maps no name")

// Limits for a list of rules. They bound the cost of a hostile configuration; real
// lists have tens of rules of some hundred bytes.
const (
	maxKerberosRules      = 4096
	maxKerberosRuleLength = 8192
)

// kerberosDialect is the implementation whose auth_to_local syntax a list of rules
// uses. The zero kerberosDialect maps nothing.
type kerberosDialect int8

const (
	kafkaDialect kerberosDialect = iota + 1
	mitDialect
)

// KerberosRules maps Kerberos names to short names by the first rule of a list that
// applies. [ParseKerberosRules] reads rules in Kafka's dialect, [ParseMITRules] in that
// of MIT krb5.
//
// KerberosRules are immutable and safe for concurrent use, but must not be copied after
// first use. The zero KerberosRules refuses every name.
type KerberosRules struct {
	dialect      kerberosDialect
	defaultRealm string
	names        map[string]string // MIT's auth_to_local_names; nil in Kafka's dialect
	rules        []kerberosRule
	matchers     matchers
}

// ShortName returns the short name of a principal, such as "alice" for
// "alice@EXAMPLE.COM". If it returns an error, which is a [NameError], the name
// is empty and the client must be refused.
//
// In Kafka's dialect a name is "primary[/host]@REALM". Text without "@" is its own
// short name, and no rule is applied. If the result of a rule contains "/" or "@", or
// the rule refers to a component or group that does not exist, that is an error and
// later rules are not tried. Source: KerberosName.parse and
// KerberosShortNamer.shortName.
//
// In MIT's dialect a name has any number of components, a backslash quotes, and a name
// without "@" is in the default realm. Source: MIT krb5, krb5_aname_to_localname.
//
// The cost is that of matching each rule up to the one that applies. For each rule it
// is linear in the length of the name, or quadratic for a global substitution in MIT's
// dialect. Names longer than 4096 bytes are refused.
func (k *KerberosRules) ShortName(name string) (string, error) {
	return k.walk(name, nil)
}

// ShortNameOf is [KerberosRules.ShortName] for a name that is already split, as in a
// ticket. A name without components or without a realm is an error. In Kafka's dialect
// a component that contains "/" or "@" is also an error, because Kafka would read the
// joined text as another principal.
func (k *KerberosRules) ShortNameOf(components []string, realm string) (string, error) {
	name := kerberosName{realm: realm, components: components}
	name.text = name.withoutRealm() + "@" + mitQuoter.Replace(realm)
	fault := checkNameText(name.text)
	switch {
	case fault != "":
	case len(components) == 0 || realm == "":
		fault = "has no component or no realm"
	case k.dialect == mitDialect:
		fault = name.faultMIT()
	case strings.ContainsAny(strings.Join(components, ""), "/@"):
		fault = `has "/" or "@" in a component`
	default:
		return k.walk(strings.Join(components, "/")+"@"+realm, nil)
	}
	if fault != "" {
		return "", &NameError{name.text, -1, fault, errMalformedName}
	}
	return k.apply(&name, nil)
}

// Rules returns the rules in canonical form. Parsing them gives an equal list. The
// caller owns the slice.
func (k *KerberosRules) Rules() []string {
	list := make([]string, len(k.rules))
	for i := range k.rules {
		list[i] = k.rules[i].text
	}
	return list
}

// walk is ShortName. If trace is not nil, it records what each rule did.
func (k *KerberosRules) walk(text string, trace *Trace) (string, error) {
	name, fault := k.parseName(text)
	if fault != "" {
		return "", &NameError{text, -1, fault, errMalformedName}
	}
	return k.apply(&name, trace)
}

func (k *KerberosRules) parseName(text string) (kerberosName, string) {
	switch k.dialect {
	case kafkaDialect:
		return parseKafkaName(text)
	case mitDialect:
		return parseMITName(text, k.defaultRealm)
	default:
		return kerberosName{}, "no rules are configured"
	}
}

// apply tries the rules in order.
func (k *KerberosRules) apply(name *kerberosName, trace *Trace) (string, error) {
	if trace != nil {
		trace.Realm, trace.Components = name.realm, name.components
	}
	if name.simple {
		return name.text, nil
	}
	if k.dialect == mitDialect {
		if short, ok := k.names[name.withoutRealm()]; ok {
			if trace != nil {
				trace.Listed = true
			}
			return short, nil
		}
	}
	return k.matchers.mapName(name.text, len(k.rules), trace, func(m *javaregex.Matcher, rule int) Step {
		return k.applyRule(m, rule, name, trace != nil)
	})
}

// Trace maps name as [KerberosRules.ShortName] does, with the same result, and explains
// it: which rules were tried, the outcome of each, and what the groups of the matching
// rule captured.
func (k *KerberosRules) Trace(name string) Trace {
	trace := Trace{Name: name}
	trace.Result, trace.Err = k.walk(name, &trace)
	return trace
}
