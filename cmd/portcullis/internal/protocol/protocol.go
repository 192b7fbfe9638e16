// Package protocol has the command protocol.
package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// command holds the flags of the command protocol.
type command struct {
	grants  *cli.Once
	release *cli.Once
	needs   *needs
}

// New returns the command protocol.
func New() *cobra.Command {
	p := &command{}
	cmd := cli.Command(p.run, &cobra.Command{
		Use:   "protocol [API]",
		Short: "Show the permissions that a Kafka request or a client needs",
		Long: `protocol prints the authorization checks that Kafka makes for each request, and the
effect of a denial. Give the name or the key of an API to print only that API.

--grants does the reverse: it lists the requests that check an operation on a resource
type, with the step of the check. A request with several steps may need more
permissions: the row of its API says when each step applies.

--release says which release of Kafka is meant. The default is the newest.

--for lists the smallest set of permissions that a kind of client needs. Names in
capitals are placeholders for the client's resources; flags replace them. With
--principal the set is printed as ACLs that grant it.

--for also knows programs around Kafka, from their documentation. The output says for each
from where, and whether the set was tried with the program, or only read. What is needed
under a condition has it ("if ..."), and is not among the ACLs of --principal.`,
		Example: `  portcullis protocol Fetch
  portcullis protocol IncrementalAlterConfigs --release 4.2
  portcullis protocol --grants Read:Topic
  portcullis protocol --for consumer --topic orders --group billing --principal User:billing`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeAPIs,
	})
	p.grants = cli.OnceFlag(cmd, "grants", "", "list the requests that check `operation:resource-type`, such as Read:Topic")
	p.release = cli.OnceFlag(cmd, "release", "", "the `release` of Kafka: "+releases()+"; the newest unless given")
	p.needs = newNeeds(cmd)
	cli.AddOutput(cmd)
	return cmd
}

func completeAPIs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, api := range ops.APIs() {
		names = append(names, api.Key.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// releases returns the releases that --release takes.
func releases() string {
	var names []string
	for r := ops.Kafka42; r <= ops.Kafka44; r++ {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}

// releaseOf returns the release of --release.
func (p *command) releaseOf() (ops.Release, error) {
	if !p.release.Given {
		return 0, nil // the newest
	}
	r, err := ops.ParseRelease(p.release.Text)
	if err != nil {
		return r, cli.BadFlag("release", p.release.Text, "one of "+releases())
	}
	return r, nil
}

func (p *command) run(cmd *cobra.Command, out *cli.Output) error {
	args := cmd.Flags().Args()
	release, err := p.releaseOf()
	if err := errors.Join(p.checkUsage(cmd, args), err, out.UsageErr); err != nil {
		return err
	}
	switch {
	case p.grants.Given:
		return printGrants(cmd.ErrOrStderr(), out, p.grants.Text, release)
	case p.needs.client.Given:
		return p.needs.print(out)
	case len(args) == 0:
		return printAPIs(out, ops.APIsIn(release), ops.APIsIn(release)...)
	}
	api, ok := findAPI(args[0])
	if !ok {
		return errors.New("unknown API " + enum.Quote(args[0]) + ": expected a name, such as Fetch, or a key: portcullis protocol prints all of them")
	}
	for _, row := range ops.APIsIn(release) {
		if row.Key == api.Key {
			return printAPIs(out, row, row)
		}
	}
	return fmt.Errorf("%v is new in Kafka %v: Kafka %v does not have it", api.Key, api.Since, release)
}

// checkUsage refuses more than one question.
func (p *command) checkUsage(cmd *cobra.Command, args []string) error {
	var asked []string
	for _, a := range args {
		asked = append(asked, "the API "+enum.Quote(a))
	}
	if p.grants.Given {
		asked = append(asked, "--grants")
	}
	if p.needs.client.Given {
		asked = append(asked, "--for")
	}
	var errs cli.Errors
	if p.needs.client.Given && p.release.Given {
		errs.Refuse("--release: --for is about the newest release")
	}
	if len(asked) > 1 {
		errs.Refuse("%s are given: expected one of them", strings.Join(asked, " and "))
	}
	errs.Add(p.needs.checkUsage(cmd))
	return errs.Join()
}

// printAPIs prints rows of the table: value as JSON, or apis as text.
func printAPIs(out *cli.Output, value any, apis ...ops.API) error {
	if !out.JSON {
		out.Write(bytes.TrimSuffix(ops.AppendMarkdown(nil, apis...), []byte("\n")))
		return nil
	}
	text, err := json.MarshalIndent(value, "", " ")
	out.Write(append(text, '\n'))
	return err
}

// findAPI returns the row with a name or a decimal key.
func findAPI(text string) (ops.API, bool) {
	if n, err := strconv.ParseInt(text, 10, 16); err == nil {
		return ops.Lookup(ops.APIKey(n))
	}
	key, err := ops.ParseAPIKey(text)
	if err != nil {
		return ops.API{}, false
	}
	return ops.Lookup(key)
}

// use is the JSON form of a step that checks a permission.
type use struct {
	Key    ops.APIKey `json:"key"`
	Name   string     `json:"name"`
	Number int        `json:"number"` // of the step, from 1
	Step   any        `json:"step"`
}

// printGrants prints the steps that an ALLOW of an operation on a resource type can satisfy,
// one a line: those of a release that ask for the operation or for one that it implies.
func printGrants(stderr io.Writer, out *cli.Output, text string, release ops.Release) error {
	permission, err := parsePermission(text)
	if err != nil {
		return err
	}
	granted, found := ops.AllowedBy(permission.Operation), false
	for _, api := range ops.APIsIn(release) {
		for i, step := range api.Steps {
			if step.Type == permission.Type && granted.Has(step.Operation) {
				found = true
				out.Line(use{api.Key, api.Key.String(), i + 1, step}, stepText(&api, i))
			}
		}
	}
	if !found && !out.JSON {
		fmt.Fprintf(out, "no request checks %v\n", permission)
	}
	if !out.JSON {
		note(stderr, permission.Operation, permission.Type)
	}
	return nil
}

// note prints what a permission makes possible elsewhere. It goes to standard error, since
// standard output may be ACLs.
func note(w io.Writer, op ops.Operation, t resource.Type) {
	for _, e := range ops.SideEffects(op, t) {
		fmt.Fprintln(w, cli.Note(e))
	}
}

// stepText returns the step at index i of a row as text: its number, its check and its
// condition.
func stepText(api *ops.API, i int) string {
	step := api.Steps[i]
	asked := ops.Permission{Operation: step.Operation, Type: step.Type}
	text := fmt.Sprintf("%d %v, step %d of %d: %v, %v", int(api.Key), api.Key, i+1, len(api.Steps), asked, step.Name)
	if step.FallbackOf != 0 {
		text += fmt.Sprintf("; where step %d did not allow", step.FallbackOf)
	}
	// The zero Condition is always true.
	if step.When != 0 {
		text += fmt.Sprintf("; if %v", step.When)
	}
	if api.RemovedIn != "" {
		text += "; until Kafka " + api.RemovedIn
	}
	return text
}

// parsePermission parses the value of --grants.
func parsePermission(text string) (ops.Permission, error) {
	operation, typ, ok := strings.Cut(text, ":")
	if !ok {
		return ops.Permission{}, cli.BadFlag("grants", text, "operation:resource-type, such as Read:Topic")
	}
	var q question.Question
	var errs cli.Errors
	for _, part := range []struct{ name, text string }{{question.Operation, operation}, {question.ResourceType, typ}} {
		if expected := q.Set(part.name, part.text); expected != "" {
			errs.Refuse("--grants: %s %s: expected %s", part.name, enum.Quote(part.text), expected)
		}
	}
	return ops.Permission{Operation: q.Request.Operation, Type: q.Request.Type}, errs.Join()
}
