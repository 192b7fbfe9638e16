package plan

import (
	"encoding/json"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/diff"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/role"
)

// roleChange is a role binding that a plan brings into force, or takes out of it.
type roleChange struct {
	Change string `json:"change"` // diff.Gained or diff.Lost
	// Text is the binding as it is in a file of roles. apply reads it from a plan and does not
	// use it.
	Text    json.RawMessage `json:"binding"`
	binding role.Binding
}

// roleChanges returns the difference in terms of roles.
func roleChanges(policy *role.Policy, managed []acl.Binding) (list []roleChange, err error) {
	before := make(map[acl.Binding]bool, len(managed))
	for _, b := range managed {
		before[b] = true
	}
	for _, side := range []struct {
		change   string
		bindings []role.Binding
	}{{diff.Gained, policy.Gained(before)}, {diff.Lost, policy.Lost(before)}} {
		for _, b := range side.bindings {
			text, err := json.Marshal(b)
			if err != nil {
				return nil, err
			}
			list = append(list, roleChange{side.change, text, b})
		}
	}
	return list, nil
}

// String returns the change on one line.
func (c roleChange) String() string {
	sign, verb := "+", "gains"
	if c.Change == diff.Lost {
		sign, verb = "-", "loses"
	}
	text := sign + " " + lines.Printable(c.binding.Principal.String()) + " " + verb + " " + lines.Printable(c.binding.Role)
	if c.binding.Pattern != (role.Pattern{}) {
		text += " on " + c.binding.Pattern.String()
	}
	return text
}
