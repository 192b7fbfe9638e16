package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// scope is which ACLs are ours: those that match one of the filters, or all if there is none.
type scope []filter

// filter selects ACLs by some of their fields. All that are given must match. Texts are
// compared exactly.
type filter struct {
	ResourceType    string `json:"resourceType,omitempty"`
	Name            string `json:"name,omitempty"`
	NamePrefix      string `json:"namePrefix,omitempty"`
	PatternType     string `json:"patternType,omitempty"`
	Principal       string `json:"principal,omitempty"`
	PrincipalPrefix string `json:"principalPrefix,omitempty"`
	Host            string `json:"host,omitempty"`
	Operation       string `json:"operation,omitempty"`
	Permission      string `json:"permission,omitempty"`

	matches acl.Filter // all but the prefixes
}

// field returns the field with a key.
func (f *filter) field(key string) *string {
	return map[string]*string{
		"resourceType": &f.ResourceType, "name": &f.Name, "namePrefix": &f.NamePrefix, "patternType": &f.PatternType, "principal": &f.Principal,
		"principalPrefix": &f.PrincipalPrefix, "host": &f.Host, "operation": &f.Operation, "permission": &f.Permission,
	}[key]
}

var filterKeys = []string{"resourceType", "name", "namePrefix", "patternType", "principal", "principalPrefix", "host", "operation", "permission"}

// parseFilter reads a filter: a JSON object with at least one of filterKeys.
func parseFilter(text string) (filter, error) {
	var f filter
	given := false
	j := lines.NewJSON(text, 0)
	wrong := j.Object(nil, filterKeys, func(key string) *lines.Problem {
		value, offset, wrong := j.String()
		if wrong == nil && value == "" {
			wrong = &lines.Problem{Offset: offset, Found: `""`, Expected: "a text, or no key " + key}
		}
		*f.field(key), given = value, true
		return wrong
	})
	if wrong == nil {
		wrong = j.End()
	}
	switch {
	case wrong != nil:
		return f, fmt.Errorf("found %s at byte %d, expected %s", wrong.Found, wrong.Offset, wrong.Expected)
	case !given:
		return f, errors.New("found no key, expected at least one of " + strings.Join(filterKeys, ", "))
	}
	return f, f.compile()
}

// compile makes the filter of package acl.
func (f *filter) compile() error {
	f.matches = acl.AnyBinding
	var mistake error
	wrong := func(key, text string, err error, concrete bool) {
		if err != nil || !concrete {
			mistake = fmt.Errorf("%s: found %s, expected what an ACL has", key, lines.Printable(lines.Cut(text, 64)))
		}
	}
	var err error
	if f.ResourceType != "" {
		f.matches.Pattern.Type, err = resource.ParseType(f.ResourceType)
		wrong("resourceType", f.ResourceType, err, f.matches.Pattern.Type.IsConcrete())
	}
	if f.PatternType != "" {
		f.matches.Pattern.PatternType, err = resource.ParsePatternType(strings.ToUpper(f.PatternType))
		wrong("patternType", f.PatternType, err, f.matches.Pattern.PatternType == resource.Literal || f.matches.Pattern.PatternType == resource.Prefixed)
	}
	if f.Operation != "" {
		f.matches.Entry.Operation, err = ops.ParseOperation(f.Operation)
		wrong("operation", f.Operation, err, f.matches.Entry.Operation.IsKnown() && f.matches.Entry.Operation != ops.Any)
	}
	if f.Permission != "" {
		f.matches.Entry.Permission, err = acl.ParsePermissionType(f.Permission)
		wrong("permission", f.Permission, err, f.matches.Entry.Permission == acl.Allow || f.matches.Entry.Permission == acl.Deny)
	}
	for _, text := range []struct {
		value string
		field **string
	}{{f.Name, &f.matches.Pattern.Name}, {f.Principal, &f.matches.Entry.Principal}, {f.Host, &f.matches.Entry.Host}} {
		if text.value != "" {
			*text.field = &text.value
		}
	}
	return mistake
}

// parseScope reads the values of --managed-by.
func parseScope(texts []string) (s scope, err error) {
	var errs cli.Errors
	for _, text := range texts {
		f, err := parseFilter(text)
		if err != nil {
			errs.Refuse("--managed-by: %w", err)
		}
		s = append(s, f)
	}
	return s, errs.Join()
}

// has reports whether an ACL is ours.
func (s scope) has(b acl.Binding) bool {
	for i := range s {
		f := &s[i]
		if f.matches.Matches(b) && strings.HasPrefix(b.Pattern.Name, f.NamePrefix) && strings.HasPrefix(b.Entry.Principal, f.PrincipalPrefix) {
			return true
		}
	}
	return len(s) == 0
}

// String describes the scope.
func (s scope) String() string {
	if len(s) == 0 {
		return "all ACLs"
	}
	var texts []string
	for _, f := range s {
		text, err := json.Marshal(f)
		if err != nil {
			return err.Error() // texts do not fail
		}
		texts = append(texts, string(text))
	}
	return strings.Join(texts, " or ")
}
