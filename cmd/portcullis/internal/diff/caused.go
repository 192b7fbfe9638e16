package diff

import (
	"fmt"
	"io"
	"iter"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
)

// Caused is access that is gained or lost, and the changes because of which it is.
type Caused struct {
	Line
	Because []Change `json:"because"`
	More    int      `json:"more,omitempty"` // changes that are not listed
}

// Change adds or removes an ACL.
type Change struct {
	Action string      `json:"action"`
	ACL    acl.Binding `json:"acl"`
}

// The values of Change.Action.
const (
	Add    = "add"
	Remove = "remove"
)

// NewChange returns the JSON form of a step.
func NewChange(s inspect.Step) Change {
	if s.Phase.Removes() {
		return Change{Remove, s.Binding}
	}
	return Change{Add, s.Binding}
}

// How many changes are listed because of which access is gained or lost, in JSON and as text.
// There may be thousands; these are enough to see where it comes from.
const (
	mostCauses  = 10
	shownCauses = 3
)

// CausedLines yields the lines of a difference with the steps of its plan that cause them.
func CausedLines(plan inspect.Plan, changes []inspect.Change) iter.Seq[Caused] {
	return func(yield func(Caused) bool) {
		for line := range Lines(changes) {
			c := Caused{Line: line, Because: []Change{}}
			for _, step := range causes(plan, line) {
				if len(c.Because) == mostCauses {
					c.More++
				} else {
					c.Because = append(c.Because, NewChange(step))
				}
			}
			if !yield(c) {
				return
			}
		}
	}
}

func causes(plan inspect.Plan, line Line) []inspect.Step {
	if line.Change == Kept {
		return nil
	}
	return plan.Causes(line.Principals, line.Region, line.Change == Gained)
}

// WriteCaused writes what CausedLines yields as text.
func WriteCaused(w io.Writer, plan inspect.Plan, changes []inspect.Change) {
	for line := range Lines(changes) {
		fmt.Fprintln(w, line.Text)
		list := causes(plan, line)
		for i, step := range list {
			if i == shownCauses {
				fmt.Fprintf(w, "    and %d more\n", len(list)-i)
				break
			}
			fmt.Fprintf(w, "    %v: %s\n", step.Phase, cli.ACLText(step.Binding))
		}
	}
}
