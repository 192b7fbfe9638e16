package check

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// explain holds the flags of the command explain.
type explain struct {
	oneQuestion
	limit int
}

// oneQuestion holds the flags of a command that takes one question.
type oneQuestion struct {
	acls  aclset.Flags
	asked question.Flags
}

// read returns the question and the ACLs. mistake is what else is wrong with the flags, or nil.
func (o *oneQuestion) read(out *cli.Output, mistake error) (question.Question, *snapshot.Snapshot, error) {
	q, err := o.asked.Question()
	if mistake != nil {
		err = errors.Join(err, mistake)
	}
	acls, err := o.acls.Read(out, o.asked.CheckUsage(""), err)
	return q, acls, err
}

// NewExplain returns the command explain.
func NewExplain() *cobra.Command {
	x := &explain{}
	cmd := cli.Command(x.run, &cobra.Command{
		Use:   "explain --acls FILE --principal Type:name --operation OPERATION --topic NAME",
		Short: "Explain why something is allowed or denied, with the near misses",
		Long: `explain answers a question as check does. It shows every ACL that matched, the ACL that
decided, and the near misses: ACLs that differ from a match in one field, with the value
that the field would need.

With --output json it prints an object: the answer of check, "semantics" (by which the
ACLs were compared), "matches" with "decides" and "acl", and "nearMisses" with "field"
(operation, permission, host, name or principal), "acl", and "mended" (the ACL as it
would match). With --roles, an ACL of a role has "roles", the bindings that it comes
from. "moreMatches" and "moreNearMisses" count what --limit omits. "sideEffects"
are what the right makes possible elsewhere: "since" a release of Kafka, a "summary" and
"conditions".

Exit status: 0 allowed, 1 denied, 2 bad input or usage.`,
		Example: `  portcullis explain --acls acls.txt --principal User:alice --operation Read --topic orders`,
	})
	x.acls = aclset.AddFlags(cmd)
	x.asked.AddSubject(cmd, question.DefaultHost, "client `address`")
	x.asked.AddRequest(cmd)
	cmd.Flags().IntVar(&x.limit, "limit", 20, "show at most so many `ACLs` as matches and as near misses; 0 shows all")
	cli.AddOutput(cmd)
	return cmd
}

func (x *explain) run(cmd *cobra.Command, out *cli.Output) error {
	var mistake error
	if x.limit < 0 {
		mistake = cli.BadFlag("limit", strconv.Itoa(x.limit), "0 or more")
	}
	q, n, err := x.read(out, mistake)
	if err != nil {
		return err
	}
	question.Warn(cmd.ErrOrStderr(), "", q)
	e := inspect.Explain(n, q.Subject, q.Request, x.limit)
	if out.JSON {
		out.Encode(newExplanation(x.acls.Source, &q, e))
	} else {
		fmt.Fprintln(out, answerText(x.acls.Source, &q, e.Decision, "\n"))
		writeMatches(out, x.acls.Source, e)
	}
	return cli.DeniedIf(!e.Decision.Allowed())
}

func writeMatches(w io.Writer, acls *aclset.Source, e inspect.Explanation) {
	fmt.Fprintf(w, "matches: %d\n", len(e.Matches)+e.MoreMatches)
	for _, m := range e.Matches {
		part := "also"
		if m.Decides {
			part = "decides"
		}
		fmt.Fprintf(w, "  %s: %s\n", part, acls.ACLText(m.Binding))
	}
	writeMore(w, e.MoreMatches)
	fmt.Fprintf(w, "near misses: %d\n", len(e.NearMisses)+e.MoreNearMisses)
	for _, m := range e.NearMisses {
		fmt.Fprintf(w, "  %v: %s\n    would match as: %s\n", m.Field, acls.ACLText(m.Binding), cli.ACLText(m.Fixed))
	}
	writeMore(w, e.MoreNearMisses)
	for _, s := range e.SideEffects {
		fmt.Fprintln(w, cli.Note(s))
	}
}

// writeMore says how many matches were omitted.
func writeMore(w io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(w, "  %d more not shown: see --limit\n", n)
	}
}

// explanation is the JSON form of an explanation: an answer with its matches.
type explanation struct {
	answer
	Semantics      string     `json:"semantics"` // by which the ACLs were compared
	Matches        []match    `json:"matches"`
	MoreMatches    int        `json:"moreMatches,omitempty"` // omitted
	NearMisses     []nearMiss `json:"nearMisses"`
	MoreNearMisses int        `json:"moreNearMisses,omitempty"`
	SideEffects    []effect   `json:"sideEffects,omitempty"`
}

// effect is the JSON form of a side effect.
type effect struct {
	Since      string   `json:"since"`
	Summary    string   `json:"summary"`
	Conditions []string `json:"conditions"` // all must hold
}

type match struct {
	Decides bool           `json:"decides"`
	ACL     acl.Binding    `json:"acl"`
	Roles   []role.Binding `json:"roles,omitempty"`
}

type nearMiss struct {
	Field  string         `json:"field"` // operation, permission, host, name or principal
	ACL    acl.Binding    `json:"acl"`
	Mended acl.Binding    `json:"mended"` // as it would match
	Roles  []role.Binding `json:"roles,omitempty"`
}

func newExplanation(acls *aclset.Source, q *question.Question, e inspect.Explanation) explanation {
	x := explanation{
		answer: newAnswer(acls, q, e.Decision), Semantics: e.Semantics.String(),
		Matches: []match{}, MoreMatches: e.MoreMatches, NearMisses: []nearMiss{}, MoreNearMisses: e.MoreNearMisses,
	}
	for _, m := range e.Matches {
		x.Matches = append(x.Matches, match{m.Decides, m.Binding, acls.Roles(m.Binding)})
	}
	for _, m := range e.NearMisses {
		x.NearMisses = append(x.NearMisses, nearMiss{m.Field.String(), m.Binding, m.Fixed, acls.Roles(m.Binding)})
	}
	for _, s := range e.SideEffects {
		x.SideEffects = append(x.SideEffects, effect{s.Since, s.Summary, s.Conditions})
	}
	return x
}
