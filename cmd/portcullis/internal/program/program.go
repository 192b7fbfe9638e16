// Package program is the program without its commands: how it starts, prints errors and ends.
package program

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// The exit statuses. A script that tests only for 0 never takes an error for an allow.
const (
	ExitDone   = 0                  // every answer is allowed, or the work is done
	ExitDenied = int(cli.ErrDenied) // at least one answer is denied, a name is refused, or there are findings
	ExitError  = 2                  // bad input or usage; nothing was written to standard output
)

// Run runs the program with the commands of root, which [NewRoot] has made, and returns the
// exit status.
func Run(root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out, errOut := cli.NewWriter(stdout), cli.NewWriter(stderr)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		// cobra writes errors of completions, which contain arguments, to os.Stderr itself.
		args = slices.Clone(args)
		for i := range args {
			args[i] = lines.Escape(args[i])
		}
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(errOut)
	cmd, err := root.ExecuteC()
	if err == nil {
		return ExitDone
	}
	if outcome, ok := errors.AsType[cli.Outcome](err); ok {
		return int(outcome)
	}
	status := ExitError
	if own, err := strconv.Atoi(cmd.Annotations[cli.FailureStatus]); err == nil {
		status = own
	}
	if failure, ok := errors.AsType[*cli.Failure](err); ok {
		status, err = failure.Status, failure.Err
	}
	printError(errOut, err)
	return status
}

// NewRoot returns the program with some commands: all in the tool, and those that need no
// file and no network in the playground.
func NewRoot(commands ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "portcullis",
		Short: "Check, explain and convert Kafka ACLs",
		Long: `portcullis reads Kafka ACLs from files and answers what they allow, as Kafka would.
It also maps certificates and Kerberos names to principals, shows which permissions each
Kafka request needs, and runs a Kafka proxy that enforces ACLs.

The format of a file of ACLs is detected: the output of kafka-acls --list of any release
(kafka-acls, and kafka-acls-3 with the spacing before Kafka 4.1), JSON lines (json), the
nodes of ZooKeeper (zookeeper), and the formats of other tools: see portcullis convert
--help. Lines that are no ACLs, and ACLs of later releases, are reported on
standard error.

Exit status: 0 allowed or done, 1 denied, refused or found, 2 bad input or usage. Those of
plan and apply are as in other tools that plan changes: 0 nothing to change or done,
1 an error, 2 changes, 3 stopped between changes.`,
		Version:       cli.Version(),
		Args:          cli.RefuseArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without a command there is no answer, and 0 would mean allowed.
		RunE: func(*cobra.Command, []string) error {
			return errors.New("no command is given: see portcullis --help")
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// Escape line breaks from the command line.
		return fmt.Errorf("%s: %ssee %s --help", lines.Escape(err.Error()), meantFlag(cmd, err), cmd.CommandPath())
	})
	root.AddCommand(commands...)
	root.InitDefaultHelpCmd()
	help, _, _ := root.Find([]string{"help"})
	help.Long, help.Run, help.RunE = "", nil, runHelp
	return root
}

// runHelp prints the help about a command. Unlike cobra's, it returns an error for an
// unknown command.
func runHelp(cmd *cobra.Command, args []string) error {
	asked, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = cli.RefuseArgs(asked, rest)
	}
	if err != nil {
		return err
	}
	asked.InitDefaultHelpFlag()
	return asked.Help()
}

// meantFlag names the flag that was probably meant by one that the command does not have.
func meantFlag(cmd *cobra.Command, err error) string {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	name := unknown.GetSpecifiedName()
	if near := properties.Within(max(1, len(name)/3), name, names); near != "" {
		return "did you mean --" + near + "? "
	}
	return ""
}

// printError prints errors, one a line. Errors with a position in a file have no prefix,
// as editors expect.
func printError(w io.Writer, err error) {
	var place *acl.ParseError
	var config *krb5.ConfigError
	var several interface{ Unwrap() []error }
	var file *fs.PathError
	switch {
	case errors.As(err, &several):
		for _, e := range several.Unwrap() {
			printError(w, e)
		}
	case errors.As(err, &place):
		fmt.Fprintln(w, lines.Escape(place.Error()))
	case errors.As(err, &config):
		fmt.Fprintln(w, lines.Escape(config.Error()))
	case errors.As(err, &file): // escape line breaks in the name
		fmt.Fprintln(w, "portcullis:", strings.ReplaceAll(err.Error(), file.Path, lines.Escape(file.Path)))
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(w, "portcullis:", lines.Escape(line))
		}
	}
}
