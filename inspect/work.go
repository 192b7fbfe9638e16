package inspect

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Work returns how much work one answer about so many ACLs may take. A unit of work
// is about one check, or one ACL, name or address that is looked at again. Real sets of
// ACLs need one or two hundred units for each ACL; many principals, prefixes or hosts
// that all overlap need more. The work that is allowed for 10,000 ACLs takes some
// seconds at the most.
func Work(acls int) int { return workPerACL * max(acls, fewACLs) }

const (
	workPerACL = 600
	fewACLs    = 10_000 // fewer than these may take as much work as these
)

// WorkError says that an answer would take more than [Work].
type WorkError struct {
	Task   string // what was asked for, such as "lint"
	Work   int    // how much is allowed
	At     string // where it was exceeded: a principal or an ACL
	Narrow string // how to ask for less
}

// Error says at which principal or ACL, and how to ask for less.
func (e *WorkError) Error() string {
	at := strings.TrimSpace(e.At)
	return fmt.Sprintf("%s takes more than %d steps, which are reached at %s: too many prefixes, hosts or principals of the ACLs overlap; %s",
		e.Task, e.Work, at, e.Narrow)
}

// worker counts work.
type worker struct{ done, limit int }

// spend counts work and reports whether there is some left.
func (w *worker) spend(work int) bool {
	w.done += work
	return w.done <= w.limit
}

func (w *worker) exhausted() bool { return w.done > w.limit }

// describePrincipal is a principal in an error; the empty text is everyone else.
func describePrincipal(text string) string {
	if text == "" {
		return "everyone else"
	}
	return enum.Quote(text)
}
