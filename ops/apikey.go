package ops

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// APIKey identifies a kind of Kafka request. The zero APIKey is [ProduceKey], as in
// Kafka's protocol.
type APIKey int16

// formerAPINames are the names of keys in earlier releases.
var formerAPINames = map[string]APIKey{
	"ListClientMetricsResources": ListConfigResourcesKey, // LIST_CONFIG_RESOURCES since Kafka 4.1 (KIP-1142)
}

// String returns the Pascal-case name of k, such as "CreateTopics", as Kafka's
// audit log prints it, or "APIKey(999)" for a key that Kafka 4.4 does not have.
func (k APIKey) String() string { return apiNames.DisplayName("APIKey", int(k)) }

// ParseAPIKey parses the name of a key. Case is ignored and underscores are optional.
// Names from earlier releases are accepted.
func ParseAPIKey(s string) (APIKey, error) {
	for name, key := range formerAPINames {
		if strings.EqualFold(s, name) {
			return key, nil
		}
	}
	code, err := apiNames.ParseFold("API", s)
	if err != nil {
		return ProduceKey, fmt.Errorf("unknown API %s", enum.Quote(s))
	}
	return APIKey(code), nil
}
