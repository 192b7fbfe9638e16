package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
)

// protocolCommand holds the flags of the command protocol.
type protocolCommand struct {
	json   func() (bool, error)
	grants *once
	needs  *needs
}

func newProtocolCommand() *cobra.Command {
	p := &protocolCommand{}
	cmd := &cobra.Command{
		Use:   "protocol [API]",
		Short: "Show the permissions that a Kafka request or a client needs",
		Long: `protocol prints the authorization checks that Kafka makes for each request, and the
effect of a denial. Give the name or the key of an API to print only that API.

--grants does the reverse: it lists the requests that check an operation on a resource
type, with the step of the check. A request with several steps may need more
permissions: the row of its API says when each step applies.

--for lists the smallest set of permissions that a kind of client needs. Names in
capitals are placeholders for the client's resources; flags replace them. With
--principal the set is printed as ACLs that grant it.`,
		Example: `  portcullis protocol Fetch
  portcullis protocol --grants Read:Topic
  portcullis protocol --for consumer --topic orders --group billing --principal User:billing`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeAPIs,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.run(cmd, args) },
	}
	p.grants = onceFlag(cmd, "grants", "", "list the requests that check `operation:resource-type`, such as Read:Topic")
	p.needs = newNeeds(cmd)
	p.json = outputFlag(cmd)
	return cmd
}

func completeAPIs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, api := range ops.APIs() {
		names = append(names, api.Key.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (p *protocolCommand) run(cmd *cobra.Command, args []string) error {
	asJSON, errJSON := p.json()
	if err := errors.Join(p.checkUsage(args), errJSON); err != nil {
		return err
	}
	var out bytes.Buffer
	var err error
	switch {
	case p.grants.given:
		err = writeGrants(&out, p.grants.text, asJSON)
	case p.needs.client.given:
		err = p.needs.write(&out, asJSON)
	case len(args) == 1:
		err = writeAPI(&out, args[0], asJSON)
	default:
		err = writeAPIs(&out, asJSON)
	}
	if err == nil {
		_, err = out.WriteTo(cmd.OutOrStdout())
	}
	return err
}

// checkUsage refuses more than one question.
func (p *protocolCommand) checkUsage(args []string) error {
	var asked []string
	for _, a := range args {
		asked = append(asked, "the API "+enum.Quote(a))
	}
	if p.grants.given {
		asked = append(asked, "--grants")
	}
	if p.needs.client.given {
		asked = append(asked, "--for")
	}
	var err error
	if len(asked) > 1 {
		err = errors.New(strings.Join(asked, " and ") + " are given: expected one of them")
	}
	return errors.Join(err, p.needs.checkUsage())
}

// writeAPIs writes the whole table.
func writeAPIs(w *bytes.Buffer, asJSON bool) error {
	apis := ops.APIs()
	if asJSON {
		return writeIndented(w, apis)
	}
	w.Write(bytes.TrimSuffix(ops.AppendMarkdown(nil, apis...), []byte("\n")))
	return nil
}

// writeAPI writes one row of the table.
func writeAPI(w *bytes.Buffer, text string, asJSON bool) error {
	api, ok := findAPI(text)
	if !ok {
		return errors.New("unknown API " + enum.Quote(text) + ": expected a name, such as Fetch, or a key: portcullis protocol prints all of them")
	}
	if asJSON {
		return writeIndented(w, api)
	}
	w.Write(bytes.TrimSuffix(ops.AppendMarkdown(nil, api), []byte("\n")))
	return nil
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

// writeIndented writes a value as indented JSON.
func writeIndented(w *bytes.Buffer, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	w.Write(append(text, '\n'))
	return nil
}

// useObject is the JSON form of a step that checks a permission.
type useObject struct {
	Key    ops.APIKey `json:"key"`
	Name   string     `json:"name"`
	Number int        `json:"number"` // of the step, from 1
	Step   ops.Step   `json:"step"`
}

// writeGrants writes the steps that check an operation on a resource type, one a line.
func writeGrants(w *bytes.Buffer, text string, asJSON bool) error {
	permission, err := parsePermission(text)
	if err != nil {
		return err
	}
	uses := ops.Uses(permission.Operation, permission.Type)
	if asJSON {
		e := json.NewEncoder(w)
		for _, u := range uses {
			if err := e.Encode(useObject{u.Key, u.Key.String(), u.Number, u.Step}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(uses) == 0 {
		fmt.Fprintf(w, "no request checks %v\n", permission)
	}
	for _, u := range uses {
		writeUse(w, u)
	}
	return nil
}

// writeUse writes a step on one line: its number, its check and its condition.
func writeUse(w io.Writer, u ops.Use) {
	api, _ := ops.Lookup(u.Key)
	asked := ops.Permission{Operation: u.Step.Operation, Type: u.Step.Type}
	fmt.Fprintf(w, "%d %v, step %d of %d: %v, %v", int(u.Key), u.Key, u.Number, len(api.Steps), asked, u.Step.Name)
	if u.Step.Combine == ops.Fallback {
		fmt.Fprintf(w, "; where step %d did not allow", u.Step.FallbackOf)
	}
	// The zero Condition is always true.
	if u.Step.When != 0 {
		fmt.Fprintf(w, "; if %v", u.Step.When)
	}
	if api.RemovedIn != "" {
		fmt.Fprintf(w, "; until Kafka %s", api.RemovedIn)
	}
	fmt.Fprintln(w)
}

// parsePermission parses the value of --grants.
func parsePermission(text string) (ops.Permission, error) {
	operation, typ, ok := strings.Cut(text, ":")
	if !ok {
		return ops.Permission{}, badFlag("grants", text, "operation:resource-type, such as Read:Topic")
	}
	var q question
	var errs []error
	for _, part := range []struct{ name, text string }{{operationPart, operation}, {resourceTypePart, typ}} {
		if expected := q.set(part.name, part.text); expected != "" {
			errs = append(errs, fmt.Errorf("--grants: %s %s: expected %s", part.name, enum.Quote(part.text), expected))
		}
	}
	return ops.Permission{Operation: q.request.Operation, Type: q.request.Type}, errors.Join(errs...)
}
