// Package check has the commands that answer questions about ACLs: check, explain,
// who-can and what-can.
package check

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	// longRun is the number of questions from which a bar is shown: about half a second.
	longRun = 100_000
	// progressStep is the number of questions between two updates of the bar.
	progressStep = 1000
)

// check holds the flags of the command check.
type check struct {
	acls      aclset.Flags
	asked     question.Flags
	questions *cli.Once
}

// New returns the command check.
func New() *cobra.Command {
	c := &check{}
	cmd := cli.Command(c.run, &cobra.Command{
		Use:   "check --acls FILE --principal Type:name --operation OPERATION --topic NAME",
		Short: "Check whether a principal may do something, and show the ACL that decides",
		Long: `check answers as Kafka would with the given ACLs, and shows the ACL that decided. Give
one question as flags, or many questions in a file.

A file of questions has JSON lines, {"principal":"User:alice","operation":"Read",
"resourceType":"Topic","name":"orders"}, or CSV with these names as its header.
"host" and "groups" are optional. "groups" is an array in JSON, and a list separated by
semicolons in CSV. If the file has an error, no question is answered.

With --roles the bindings of the cluster --kafka-cluster count as the ACLs that they stand
for, and the answer names the role and the binding; in JSON they are "roles". With --groups
each principal also has the groups that it is in by the file, which has lines
{"group":"Group:payments","members":["User:alice","Group:payments-eu"]}.

Exit status: 0 allowed, 1 denied (of many questions: at least one), 2 bad input or
usage.`,
		Example: `  portcullis check --acls acls.txt --principal User:alice --operation Read --topic orders
  kafka-acls --bootstrap-server localhost:9092 --list | portcullis check --acls - --questions questions.csv`,
	})
	c.acls = aclset.AddFlags(cmd)
	c.asked.AddSubject(cmd, question.DefaultHost, "client `address`; with --questions, the address for questions without one")
	c.asked.AddRequest(cmd)
	c.questions = cli.OnceFlag(cmd, "questions", "", "`file` of questions, or - for standard input")
	cli.AddOutput(cmd)
	return cmd
}

func (c *check) run(cmd *cobra.Command, out *cli.Output) error {
	config, err := c.acls.Check(out, c.checkUsage(cmd), c.questions.Text)
	if err != nil {
		return err
	}
	questions, err := c.ask(cmd.InOrStdin())
	n, err := c.acls.LoadAll(out, config, err)
	if err != nil {
		return err
	}
	question.Warn(cmd.ErrOrStderr(), cli.FileName(c.questions.Text), questions...)

	var bar *cli.Progress
	if len(questions) >= longRun {
		bar = cli.NewProgress(cmd.ErrOrStderr(), "checking", 0)
	}
	separator := "\n"
	if c.questions.Given {
		separator = "; "
	}
	denied := 0
	for i := range questions {
		q := &questions[i]
		d := n.Check(q.Subject, q.Request.Operation, q.Request.Type, q.Request.Name)
		if !d.Allowed() {
			denied++
		}
		if out.JSON {
			out.Encode(newAnswer(c.acls.Source, q, d))
		} else {
			fmt.Fprintln(out, answerText(c.acls.Source, q, d, separator))
		}
		if i%progressStep == progressStep-1 {
			bar.Set(i+1, len(questions))
		}
	}
	bar.Finish()
	if c.questions.Given {
		out.Summarize("questions: %d, allowed: %d, denied: %d\n", len(questions), len(questions)-denied, denied)
	}
	return cli.DeniedIf(denied > 0)
}

// checkUsage returns an error for each missing, superfluous or conflicting flag.
func (c *check) checkUsage(cmd *cobra.Command) error {
	if !c.questions.Given {
		return c.asked.CheckUsage(", or --questions for many")
	}
	var errs cli.Errors
	if c.questions.Text == "" {
		errs.Add(cli.BadFlag("questions", "", "a file, or - for standard input"))
	}
	given := cli.GivenResources(cmd)
	for _, name := range []string{"principal", "operation", "group-principal"} {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if len(given) > 0 {
		errs.Refuse("%s cannot be given with --questions: each question in the file has its own", strings.Join(given, ", "))
	}
	return errs.Join()
}

// ask returns the questions.
func (c *check) ask(stdin io.Reader) ([]question.Question, error) {
	if !c.questions.Given {
		q, err := c.asked.Question()
		return []question.Question{q}, err
	}
	var q question.Question
	if err := q.SetFlag(question.Host, "host", c.asked.Host.Text); err != nil {
		return nil, err
	}
	file := c.questions.Text
	list, err := cli.ReadFile(file, stdin, func(r io.Reader) ([]question.Question, error) {
		return question.ReadFile(r, cli.FileName(file), c.asked.Host.Text)
	})
	return list, errors.Join(err, c.asked.AddGroups(list))
}

// reasonNotes explains the reasons that have no ACL.
var reasonNotes = map[snapshot.Reason]string{
	snapshot.DefaultDeny:  "no ACL matches",
	snapshot.DefaultAllow: "no ACL covers the resource, and then everyone is allowed",
	snapshot.SuperUser:    "no ACL was evaluated",
	snapshot.NotReady:     "the ACLs are not loaded",
	snapshot.NoHost:       "the client has no address",
}

// answerText returns the answer with principal, host, operation and resource, a
// separator, and the reason.
func answerText(acls *aclset.Source, q *question.Question, d snapshot.Decision, separator string) string {
	verdict := "denied"
	if d.Allowed() {
		verdict = "allowed"
	}
	who := lines.Printable(q.Subject.Principal.String())
	for i, g := range q.Subject.Groups {
		who += []string{" with ", ", "}[min(i, 1)] + lines.Printable(g.String())
	}
	note := reasonNotes[d.Reason()]
	if b, ok := d.Binding(); ok {
		note = acls.ACLText(b)
	}
	return fmt.Sprintf("%s: %s from %s, %s on %s %s%sreason: %v: %s", verdict, who, lines.Printable(q.Subject.Host.String()),
		q.Request.Operation.DisplayName(), q.Request.Type.DisplayName(), lines.Printable(q.Request.Name), separator, d.Reason(), note)
}

// answer is an answer in JSON.
type answer struct {
	Allowed      bool         `json:"allowed"`
	Reason       string       `json:"reason"`
	Principal    string       `json:"principal"`
	Groups       []string     `json:"groups,omitempty"`
	Host         string       `json:"host"`
	Operation    string       `json:"operation"`
	ResourceType string       `json:"resourceType"`
	Name         string       `json:"name"`
	ACL          *acl.Binding `json:"acl,omitempty"` // the one that decided
	// Roles are the bindings that it comes from.
	Roles []role.Binding `json:"roles,omitempty"`
}

// newAnswer returns the JSON form of an answer.
func newAnswer(acls *aclset.Source, q *question.Question, d snapshot.Decision) answer {
	a := answer{
		Allowed:      d.Allowed(),
		Reason:       d.Reason().String(),
		Principal:    q.Subject.Principal.String(),
		Host:         q.Subject.Host.String(),
		Operation:    q.Request.Operation.String(),
		ResourceType: q.Request.Type.String(),
		Name:         q.Request.Name,
	}
	for _, g := range q.Subject.Groups {
		a.Groups = append(a.Groups, g.String())
	}
	if b, ok := d.Binding(); ok {
		a.ACL, a.Roles = &b, acls.Roles(b)
	}
	return a
}
