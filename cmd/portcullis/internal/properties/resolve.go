package properties

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/configref"
)

// Resolved is a configuration whose references, such as ${file:/path:key}, have been
// replaced as Kafka does (KIP-297).
type Resolved struct {
	Values map[string]string
	// Broken are the keys with a reference that could not be replaced. Only who uses such a
	// value needs to know.
	Broken map[string]error
	// Files are the files that the references lead to.
	Files []string
}

// Resolve replaces the references in a configuration. An error is a provider that is
// configured wrongly.
func Resolve(values map[string]string) (*Resolved, error) {
	resolver, err := configref.New(values)
	if err != nil {
		return nil, err
	}
	r := &Resolved{Values: map[string]string{}, Broken: map[string]error{}}
	for key, value := range values {
		r.Values[key] = value
		if !strings.Contains(value, "${") {
			continue
		}
		replaced, missing, err := resolver.Value(key)
		switch {
		case err != nil:
			r.Broken[key] = err
		case len(missing) > 0:
			r.Broken[key] = fmt.Errorf("%v: there is no such value", missing[0])
		default:
			r.Values[key] = replaced
		}
	}
	r.Files = resolver.Files()
	return r, nil
}
