package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// check is the flags of the command check.
type check struct {
	acls *aclInput
	json func() (bool, error)

	// of one question
	principal *once
	groups    []string
	host      *once
	operation *once
	resources map[string]*once // by the name of the flag
	cluster   presence

	questions *once

	// of the cluster
	superUsers    *once
	allowEveryone bool
	semantics     *once
}

func newCheckCommand() *cobra.Command {
	c := &check{resources: map[string]*once{}}
	cmd := &cobra.Command{
		Use:   "check --acls FILE --principal Type:name --operation OPERATION --topic NAME",
		Short: "Answer whether a principal may do something, and by which ACL",
		Long: `check answers one question, put by flags, or many, put by a file, as Kafka would
with the given ACLs, and names the ACL that decided.

A file of questions holds JSON lines, {"principal":"User:alice","operation":"Read",
"resourceType":"Topic","name":"orders"}, or CSV with these names as its header.
"host" is optional; so is "groups", an array in JSON, separated by ; in CSV. If
anything is wrong with the file, none of its questions is answered.

Exit status: 0 allowed, 1 denied (of many questions: at least one), 2 bad input or
usage.`,
		Example: `  portcullis check --acls acls.txt --principal User:alice --operation Read --topic orders
  kafka-acls --bootstrap-server localhost:9092 --list | portcullis check --acls - --questions questions.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	c.acls = newACLInput(cmd)
	c.principal = onceFlag(cmd, "principal", "", "who asks: `Type:name`, such as User:alice")
	cmd.Flags().StringArrayVar(&c.groups, "group-principal", nil, "a further principal of who asks: `Type:name`; may be repeated")
	c.host = onceFlag(cmd, "host", defaultHost, "`address` it is asked from; with --questions, where a question names none")
	c.operation = onceFlag(cmd, "operation", "", "the `operation`, such as Read", operationNames()...)
	for _, f := range resourceFlags {
		if f.typ == resource.Cluster {
			presenceFlag(cmd, &c.cluster, f.name, "ask about "+f.usage)
			continue
		}
		c.resources[f.name] = onceFlag(cmd, f.name, "", "ask about "+f.usage)
	}
	c.questions = onceFlag(cmd, "questions", "", "`file` of questions, or - for standard input")
	c.superUsers = onceFlag(cmd, "super-users", "", "`list` of principals that may do everything, as in server.properties: 'User:a;User:b'")
	cmd.Flags().BoolVar(&c.allowEveryone, "allow-everyone-if-no-acl-found", false, "allow what no ACL covers, as in server.properties")
	semantics := []string{snapshot.Documented.String(), snapshot.KafkaExact.String()}
	c.semantics = onceFlag(cmd, "semantics", semantics[0],
		"`rules` to decide by: documented, or kafka-exact, which has the defects of Kafka's authorizer", semantics...)
	c.json = outputFlag(cmd)
	return cmd
}

func (c *check) run(cmd *cobra.Command) error {
	asJSON, errJSON := c.json()
	config, errConfig := c.config()
	if err := errors.Join(c.checkUsage(cmd), errJSON, errConfig); err != nil {
		return err
	}
	store, errACLs := c.acls.load(cmd.InOrStdin(), config)
	questions, errQuestions := c.ask(cmd.InOrStdin())
	if err := errors.Join(errACLs, errQuestions); err != nil {
		return err
	}
	if c.allowEveryone && store.Load().Len() == 0 {
		// A command before the pipe that failed is the likely reason, and everything
		// would be allowed.
		return errors.New("no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; leave that flag out to ask about no ACLs")
	}
	writeWarnings(cmd.ErrOrStderr(), fileName(c.questions.text), questions)

	write := writeTwoLines
	switch {
	case asJSON:
		write = writeJSON
	case c.questions.given:
		write = writeLine
	}
	denied, err := answerAll(cmd, store, questions, write)
	if err == nil && c.questions.given {
		fmt.Fprintf(cmd.ErrOrStderr(), "questions: %d, allowed: %d, denied: %d\n", len(questions), len(questions)-denied, denied)
	}
	if err == nil && denied > 0 {
		err = errDenied
	}
	return err
}

// config returns what decides beside the ACLs.
func (c *check) config() (snapshot.Config, error) {
	semantics, errSemantics := snapshot.ParseSemantics(c.semantics.text)
	superUsers, errSuperUsers := principal.ParseList(c.superUsers.text)
	if errSuperUsers != nil {
		errSuperUsers = fmt.Errorf("--super-users: %w", errSuperUsers)
	}
	if errSemantics != nil {
		errSemantics = fmt.Errorf("--semantics: %w", errSemantics)
	}
	config := snapshot.Config{Semantics: semantics, SuperUsers: superUsers, AllowIfNoACL: c.allowEveryone}
	return config, errors.Join(errSemantics, errSuperUsers)
}

// checkUsage says which flags are missing, too many, or do not go together.
func (c *check) checkUsage(cmd *cobra.Command) error {
	errs := []error{checkStandardInput(append(slices.Clone(c.acls.files), c.questions.text)...)}
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	all, given := []string{}, []string{}
	for _, f := range resourceFlags {
		all = append(all, "--"+f.name)
		if cmd.Flags().Changed(f.name) {
			given = append(given, "--"+f.name)
		}
	}
	if c.questions.given {
		if c.questions.text == "" {
			errs = append(errs, badFlag("questions", "", "a file, or - for standard input"))
		}
		for _, name := range []string{"principal", "operation", "group-principal"} {
			if cmd.Flags().Changed(name) {
				given = append(given, "--"+name)
			}
		}
		if len(given) > 0 {
			refuse("%s cannot be given with --questions: each question says it for itself", strings.Join(given, ", "))
		}
		return errors.Join(errs...)
	}
	for _, name := range []string{"principal", "operation"} {
		if !cmd.Flags().Changed(name) {
			refuse("--%s is missing: see %s --help", name, cmd.CommandPath())
		}
	}
	switch {
	case len(given) == 0:
		refuse("no resource is given: expected one of %s", strings.Join(all, ", "))
	case len(given) > 1:
		refuse("%s are given: expected one of them, or --questions for many", strings.Join(given, ", "))
	}
	return errors.Join(errs...)
}

// ask returns the questions.
func (c *check) ask(stdin io.Reader) ([]question, error) {
	host := question{}
	if expected := host.set(hostPart, c.host.text); expected != "" {
		return nil, badFlag("host", c.host.text, expected)
	}
	if !c.questions.given {
		q, err := c.question()
		return []question{q}, err
	}
	file := c.questions.text
	return readFile(file, stdin, func(r io.Reader) ([]question, error) { return readQuestions(r, fileName(file), c.host.text) })
}

// question returns the question that the flags put.
func (c *check) question() (question, error) {
	var q question
	var errs []error
	set := func(part, flag, text string) {
		if expected := q.set(part, text); expected != "" {
			errs = append(errs, badFlag(flag, text, expected))
		}
	}
	set(principalPart, "principal", c.principal.text)
	for _, group := range c.groups {
		set(groupsPart, "group-principal", group)
	}
	set(hostPart, "host", c.host.text)
	set(operationPart, "operation", c.operation.text)
	for _, f := range resourceFlags {
		switch {
		case f.typ == resource.Cluster && bool(c.cluster):
			q.request.Type, q.request.Name = resource.Cluster, resource.ClusterName
		case f.typ != resource.Cluster && c.resources[f.name].given:
			q.request.Type = f.typ
			set(namePart, f.name, c.resources[f.name].text)
		}
	}
	return q, errors.Join(errs...)
}

// answerAll writes the answers once all are known, so that a progress bar on the
// same terminal does not come between them. It returns how many are denied.
func answerAll(cmd *cobra.Command, store *snapshot.Store, questions []question, write writeAnswer) (denied int, err error) {
	var answers bytes.Buffer
	bar := newProgress(cmd.ErrOrStderr(), len(questions))
	for i := range questions {
		q := &questions[i]
		d := store.Check(q.subject, q.request.Operation, q.request.Type, q.request.Name)
		if !d.Allowed() {
			denied++
		}
		if err := write(&answers, q, d); err != nil {
			return 0, err
		}
		bar.add()
	}
	bar.finish()
	_, err = answers.WriteTo(cmd.OutOrStdout())
	return denied, err
}
