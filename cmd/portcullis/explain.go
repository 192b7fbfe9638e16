package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
)

// defaultShown is the default number of matches and near misses to show.
const defaultShown = 20

// explainCommand holds the flags of the command explain.
type explainCommand struct {
	acls    *aclInput
	asked   questionFlags
	cluster *clusterFlags
	limit   int
	json    func() (bool, error)
}

func newExplainCommand() *cobra.Command {
	x := &explainCommand{}
	cmd := &cobra.Command{
		Use:   "explain --acls FILE --principal Type:name --operation OPERATION --topic NAME",
		Short: "Explain why something is allowed or denied, with the near misses",
		Long: `explain answers a question as check does. It shows every ACL that matched, the ACL that
decided, and the near misses: ACLs that differ from a match in one field, with the value
that the field would need.

With --output json it prints an object: the answer of check, "semantics" (by which the
ACLs were compared), "matches" with "decides" and "acl", and "nearMisses" with "field"
(operation, permission, host, name or principal), "acl", and "mended" (the ACL as it
would match). "moreMatches" and "moreNearMisses" count what --limit omits.

Exit status: 0 allowed, 1 denied, 2 bad input or usage.`,
		Example: `  portcullis explain --acls acls.txt --principal User:alice --operation Read --topic orders`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return x.run(cmd) },
	}
	x.acls = newACLInput(cmd)
	x.asked.addSubject(cmd, defaultHost, "client `address`")
	x.asked.addRequest(cmd)
	cmd.Flags().IntVar(&x.limit, "limit", defaultShown, "show at most this `number` of matches and of near misses; 0 shows all")
	x.cluster = newClusterFlags(cmd)
	x.json = outputFlag(cmd)
	return cmd
}

func (x *explainCommand) run(cmd *cobra.Command) error {
	asJSON, errJSON := x.json()
	config, errConfig := x.cluster.config()
	q, errQuestion := x.asked.question()
	if err := errors.Join(x.asked.checkUsage(cmd, ""), errJSON, errConfig); err != nil {
		return err
	}
	if x.limit < 0 {
		errQuestion = errors.Join(errQuestion, badFlag("limit", fmt.Sprint(x.limit), "0 or more"))
	}
	store, errACLs := x.acls.load(cmd.InOrStdin(), config)
	if err := errors.Join(errACLs, errQuestion); err != nil {
		return err
	}
	n := store.Load()
	if err := x.cluster.refuseEmpty(n); err != nil {
		return err
	}
	writeWarnings(cmd.ErrOrStderr(), "", []question{q})
	e := inspect.Explain(n, q.subject, q.request, x.limit)
	write := writeExplanation
	if asJSON {
		write = writeExplanationJSON
	}
	var out bytes.Buffer
	err := write(&out, &q, e)
	if err == nil {
		_, err = out.WriteTo(cmd.OutOrStdout())
	}
	if err == nil && !e.Decision.Allowed() {
		err = errDenied
	}
	return err
}

func writeExplanation(w io.Writer, q *question, e inspect.Explanation) error {
	if err := writeTwoLines(w, q, e.Decision); err != nil {
		return err
	}
	fmt.Fprintf(w, "matches: %d\n", len(e.Matches)+e.MoreMatches)
	for _, m := range e.Matches {
		role := "also"
		if m.Decides {
			role = "decides"
		}
		fmt.Fprintf(w, "  %s: %s\n", role, aclText(m.Binding))
	}
	writeMore(w, e.MoreMatches)
	fmt.Fprintf(w, "near misses: %d\n", len(e.NearMisses)+e.MoreNearMisses)
	for _, m := range e.NearMisses {
		fmt.Fprintf(w, "  %v: %s\n    would match as: %s\n", m.Field, aclText(m.Binding), aclText(m.Fixed))
	}
	writeMore(w, e.MoreNearMisses)
	return nil
}

// writeMore says how many matches were omitted.
func writeMore(w io.Writer, n int) {
	if n > 0 {
		fmt.Fprintf(w, "  %d more not shown: see --limit\n", n)
	}
}

// explanationObject is the JSON form of an explanation: an answer with its matches.
type explanationObject struct {
	answerObject
	Semantics      string           `json:"semantics"` // by which the ACLs were compared
	Matches        []matchObject    `json:"matches"`
	MoreMatches    int              `json:"moreMatches,omitempty"` // omitted
	NearMisses     []nearMissObject `json:"nearMisses"`
	MoreNearMisses int              `json:"moreNearMisses,omitempty"`
}

type matchObject struct {
	Decides bool        `json:"decides"`
	ACL     acl.Binding `json:"acl"`
}

type nearMissObject struct {
	Field  string      `json:"field"` // operation, permission, host, name or principal
	ACL    acl.Binding `json:"acl"`
	Mended acl.Binding `json:"mended"` // as it would match
}

func writeExplanationJSON(w io.Writer, q *question, e inspect.Explanation) error {
	o := explanationObject{
		answerObject: newAnswerObject(q, e.Decision), Semantics: e.Semantics.String(),
		Matches: []matchObject{}, MoreMatches: e.MoreMatches, NearMisses: []nearMissObject{}, MoreNearMisses: e.MoreNearMisses,
	}
	for _, m := range e.Matches {
		o.Matches = append(o.Matches, matchObject{m.Decides, m.Binding})
	}
	for _, m := range e.NearMisses {
		o.NearMisses = append(o.NearMisses, nearMissObject{m.Field.String(), m.Binding, m.Fixed})
	}
	return newLineEncoder(w).Encode(o)
}

// newLineEncoder returns an encoder that writes one value a line. The output escapes
// characters that are not printable.
func newLineEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
