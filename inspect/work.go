package inspect

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Work returns how much work one answer about so many ACLs may take. A unit of work is
// about one check, or revisiting one ACL, name or address. Real sets of ACLs need one
// or two hundred units for each ACL. Many principals, prefixes or hosts that all
// overlap need more. The work that is allowed for 10,000 ACLs takes at most some
// seconds.
func Work(acls int) int { return workPerACL * max(acls, fewACLs) }

const (
	workPerACL = 600
	fewACLs    = 10_000 // fewer ACLs may take as much work as this many
)

// WorkError is the error for an answer that would take more than [Work].
type WorkError struct {
	Task   string // the question, such as "lint"
	Work   int    // the maximum number of steps
	At     string // the principal or ACL at which it was exceeded
	Narrow string // how to ask for less
}

// Error returns the task, the principal or ACL, and how to ask for less.
func (e *WorkError) Error() string {
	at := strings.TrimSpace(e.At)
	return fmt.Sprintf("%s takes more than %d steps (exceeded at %s): too many prefixes, hosts or principals of the ACLs overlap; %s",
		e.Task, e.Work, at, e.Narrow)
}

// worker counts work.
type worker struct{ done, limit int }

// spend counts work and reports whether the limit is not exceeded.
func (w *worker) spend(work int) bool {
	w.done += work
	return w.done <= w.limit
}

func (w *worker) exhausted() bool { return w.done > w.limit }

// describePrincipal returns the text of a principal for an error; the empty text is
// everyone else.
func describePrincipal(text string) string {
	if text == "" {
		return "everyone else"
	}
	return enum.Quote(text)
}
