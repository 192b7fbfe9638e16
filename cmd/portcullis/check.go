package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/snapshot"
)

// check holds the flags of the command check.
type check struct {
	acls *aclInput
	json func() (bool, error)

	asked     questionFlags
	questions *once
	cluster   *clusterFlags
}

func newCheckCommand() *cobra.Command {
	c := &check{}
	cmd := &cobra.Command{
		Use:   "check --acls FILE --principal Type:name --operation OPERATION --topic NAME",
		Short: "Check whether a principal may do something, and show the ACL that decides",
		Long: `check answers as Kafka would with the given ACLs, and shows the ACL that decided. Give
one question as flags, or many questions in a file.

A file of questions has JSON lines, {"principal":"User:alice","operation":"Read",
"resourceType":"Topic","name":"orders"}, or CSV with these names as its header.
"host" and "groups" are optional. "groups" is an array in JSON, and a list separated by
semicolons in CSV. If the file has an error, no question is answered.

Exit status: 0 allowed, 1 denied (of many questions: at least one), 2 bad input or
usage.`,
		Example: `  portcullis check --acls acls.txt --principal User:alice --operation Read --topic orders
  kafka-acls --bootstrap-server localhost:9092 --list | portcullis check --acls - --questions questions.csv`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	c.acls = newACLInput(cmd)
	c.asked.addSubject(cmd, defaultHost, "client `address`; with --questions, the address for questions without one")
	c.asked.addRequest(cmd)
	c.questions = onceFlag(cmd, "questions", "", "`file` of questions, or - for standard input")
	c.cluster = newClusterFlags(cmd)
	c.json = outputFlag(cmd)
	return cmd
}

func (c *check) run(cmd *cobra.Command) error {
	asJSON, errJSON := c.json()
	config, errConfig := c.cluster.config()
	if err := errors.Join(c.checkUsage(cmd), errJSON, errConfig); err != nil {
		return err
	}
	store, errACLs := c.acls.load(cmd.InOrStdin(), config)
	questions, errQuestions := c.ask(cmd.InOrStdin())
	if err := errors.Join(errACLs, errQuestions); err != nil {
		return err
	}
	if err := c.cluster.refuseEmpty(store.Load()); err != nil {
		return err
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

// checkUsage returns an error for each missing, superfluous or conflicting flag.
func (c *check) checkUsage(cmd *cobra.Command) error {
	err := checkStandardInput(append(slices.Clone(c.acls.files), c.questions.text)...)
	if !c.questions.given {
		return errors.Join(err, c.asked.checkUsage(cmd, ", or --questions for many"))
	}
	given := c.asked.given(cmd)
	for _, name := range []string{"principal", "operation", "group-principal"} {
		if cmd.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	if c.questions.text == "" {
		err = errors.Join(err, badFlag("questions", "", "a file, or - for standard input"))
	}
	if len(given) > 0 {
		err = errors.Join(err, fmt.Errorf("%s cannot be given with --questions: each question in the file has its own", strings.Join(given, ", ")))
	}
	return err
}

// ask returns the questions.
func (c *check) ask(stdin io.Reader) ([]question, error) {
	if !c.questions.given {
		q, err := c.asked.question()
		return []question{q}, err
	}
	host := question{}
	if expected := host.set(hostPart, c.asked.host.text); expected != "" {
		return nil, badFlag("host", c.asked.host.text, expected)
	}
	file := c.questions.text
	return readFile(file, stdin, func(r io.Reader) ([]question, error) { return readQuestions(r, fileName(file), c.asked.host.text) })
}

// answerAll writes the answers after the last check, so that a progress bar on the same
// terminal does not mix with them. It returns the number of denials.
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
