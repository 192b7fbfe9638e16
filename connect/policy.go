package connect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Settings of a worker that decide which settings of Kafka clients a connector may override.
const (
	policyKey    = "connector.client.config.override.policy"
	allowlistKey = "connector.client.config.override.allowlist"
)

// OverridePolicy is which settings of its Kafka clients a connector may override. Values of
// settings are not looked at, and the same keys are allowed for all three clients. The zero
// OverridePolicy allows none.
type OverridePolicy struct {
	name string // as Kafka's messages have it; "" is None
	all  bool
	keys map[string]bool
}

// policyPackage is where Kafka has its policies; policySuffix ends the names of their classes.
// A worker takes the name of a class, with or without its package, and the short name.
const (
	policyPackage = "org.apache.kafka.connect.connector.policy."
	policySuffix  = "ConnectorClientConfigOverridePolicy"
)

// principalKeys are what the deprecated policy Principal allows.
//
// Source: PrincipalConnectorClientConfigOverridePolicy, Kafka 4.4.0.
var principalKeys = []string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"}

// ParseOverridePolicy returns the policy of a worker with these settings: All, None, Principal
// (deprecated since Kafka 4.2) or Allowlist (since 4.2, KIP-1188), by its name or its class.
// Without a setting it is All, as in Kafka since 3.0. A policy that is not one of Kafka's, and an
// allowlist with an empty entry, are errors; then the policy is the zero one.
func ParseOverridePolicy(worker map[string]string) (OverridePolicy, error) {
	value, given := worker[policyKey]
	name := trimJava(value)
	if !given {
		name = "All"
	}
	short := strings.TrimSuffix(strings.TrimPrefix(name, policyPackage), policySuffix)
	if short == name || short+policySuffix == name || policyPackage+short+policySuffix == name {
		switch short {
		case "All":
			return OverridePolicy{name: short, all: true}, nil
		case "None":
			return OverridePolicy{name: short}, nil
		case "Principal":
			return OverridePolicy{name: short, keys: set(principalKeys)}, nil
		case "Allowlist":
			keys, err := parseList(worker[allowlistKey])
			if err != nil {
				return OverridePolicy{}, fmt.Errorf("%s: %w", allowlistKey, err)
			}
			return OverridePolicy{name: short, keys: set(keys)}, nil
		}
	}
	return OverridePolicy{}, fmt.Errorf("%s: %q is none of Kafka's policies All, None, Principal and Allowlist, so what it allows is not known: none is taken to be allowed",
		policyKey, lines.Cut(name, maxPrinted))
}

// String returns the short name of the policy.
func (p OverridePolicy) String() string {
	if p.name == "" {
		return "None"
	}
	return p.name
}

// Allows reports whether the policy lets a connector override a setting, whose key has no prefix
// such as producer.override.
func (p OverridePolicy) Allows(key string) bool { return p.all || p.keys[key] }

// Refusal is a setting of a connector that the policy of the worker does not allow.
type Refusal struct {
	Client Client
	Key    string // without the prefix
	Policy string
}

// Setting returns the key as the connector has it.
func (r Refusal) Setting() string { return r.Client.overridePrefix() + r.Key }

// Message returns what Kafka says about the setting. The key in it is not escaped.
func (r Refusal) Message() string {
	return fmt.Sprintf("The '%s' policy does not allow '%s' to be overridden in the connector configuration.", r.Policy, r.Key)
}

// Refused returns the settings in a connector's configuration that the policy does not allow,
// in the order of the clients and of the keys. A worker refuses a configuration for those of the
// clients that it knows the connector to use ([Worker.ValidatedClients]); others fail when the
// client is made. The cost grows with the size of the configuration.
func (p OverridePolicy) Refused(connector map[string]string, clients ...Client) []Refusal {
	if p.all {
		return nil
	}
	var refused []Refusal
	for _, client := range clients {
		for _, key := range slices.Sorted(maps.Keys(withPrefix(connector, client.overridePrefix()))) {
			if !p.Allows(key) {
				refused = append(refused, Refusal{client, key, p.String()})
			}
		}
	}
	return refused
}

// set returns the strings of a list as keys.
func set(list []string) map[string]bool {
	keys := make(map[string]bool, len(list))
	for _, s := range list {
		keys[s] = true
	}
	return keys
}
