// Command portcullis reads Kafka ACLs from files, answers what they allow, and why, who
// can do what, and what a change would do, also on a page; it lists them, converts them between formats
// and suggests the least that a trace needs. It names the principals of certificates and
// Kerberos names, and says what each Kafka request needs.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// The exit statuses. A script that only asks whether the status is 0 never takes
// an error for an allow.
const (
	exitDone   = 0 // every question is answered with allowed, or the work is done
	exitDenied = 1 // at least one question is answered with denied, a name is refused, or something is found
	exitError  = 2 // bad input or usage; nothing was written to standard output
)

// errDenied ends a command whose answer is on standard output.
var errDenied = errors.New("denied")

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole program: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRootCommand()
	out, errOut := newOutput(stdout), newOutput(stderr)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.Execute()
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errDenied):
		return exitDenied
	}
	printError(errOut, err)
	return exitError
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "portcullis",
		Short: "Answer what Kafka ACLs allow, from a dump of them",
		Long: `portcullis reads Kafka ACLs from files, answers what they allow as Kafka would,
lists them and converts them between formats. It says why (explain), who can do
something and what somebody can (who-can, what-can), what is suspicious (lint), what a
change gives and takes away (diff), and which ACLs recorded requests need (suggest);
a page shows who may do what, with search (report).
It also names the principals of certificates and Kerberos names, and says what each
Kafka request needs.

Files of ACLs are read in any of four formats, recognised by themselves: what
kafka-acls --list prints (kafka-acls, and kafka-acls-3 with the spacing before
Kafka 4.1), JSON lines (json), and the nodes of ZooKeeper (zookeeper). With --format
also those of other tools are read: see portcullis convert --help.

Exit status: 0 allowed or done, 1 denied, refused or found, 2 bad input or usage.`,
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without a command nothing is answered, and 0 would mean allowed.
		RunE: func(*cobra.Command, []string) error {
			return errors.New("no command is given: see portcullis --help")
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// A line break in what was given begins no line of its own.
		return fmt.Errorf("%s: see %s --help", lines.Escape(err.Error()), cmd.CommandPath())
	})
	root.SetHelpCommand(newHelpCommand())
	root.AddCommand(newCheckCommand(), newListCommand(), newConvertCommand(), newACLCommand(),
		newExplainCommand(), newWhoCanCommand(), newWhatCanCommand(), newLintCommand(), newDiffCommand(), newSuggestCommand(), newReportCommand(),
		newPrincipalCommand(), newProtocolCommand(), newProxyCommand())
	return root
}

// newHelpCommand returns a help command that, unlike cobra's own, takes a command
// that there is not for a mistake.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = fmt.Errorf("unknown command %q for %q", rest[0], asked.CommandPath())
			}
			if err != nil {
				return err
			}
			asked.InitDefaultHelpFlag()
			return asked.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			asked, _, err := cmd.Root().Find(args)
			if err == nil {
				for _, sub := range asked.Commands() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// printError prints errors one a line. Those that name a place in a file stand
// alone, as editors expect. Names of files and of flags are in them as they were given.
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
	case errors.As(err, &file): // a line break in the name begins no line of its own
		fmt.Fprintln(w, "portcullis:", strings.ReplaceAll(err.Error(), file.Path, lines.Escape(file.Path)))
	default:
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(w, "portcullis:", lines.Escape(line))
		}
	}
}
