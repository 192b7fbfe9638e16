// Package acledit has the command acl, which changes a file of ACLs with the options of
// kafka-acls.
package acledit

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/listing"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// command holds the flags of the command acl and of its subcommands.
type command struct {
	cmd       *cobra.Command
	file      *cli.Once
	selection *listing.Selection // the resources and, to list, the principals
	sides     [2]side
	// Conveniences: they imply the operations and the resources.
	producer, idempotent, consumer bool

	operations    []string
	metadata      *cli.Once // the metadata version of the cluster
	force, dryRun bool
}

// side holds the principals and hosts that are allowed, or those that are denied.
type side struct {
	name       string // the flags begin with it
	permission acl.PermissionType
	principals []string
	hosts      []string
}

// action is one of the actions of kafka-acls. It is a subcommand of acl and also a flag
// of acl.
type action struct {
	name, short, example string
	changes              bool // takes the flags of a change; otherwise those of a list
	run                  func(*command, *cli.Output) error
}

var actions = []action{
	{"add", "Add ACLs to a file",
		"  portcullis acl add --file acls.txt --allow-principal User:alice --operation Read --topic orders", true, (*command).add},
	{"remove", "Remove ACLs from a file",
		"  portcullis acl remove --file acls.txt --allow-principal User:alice --consumer --topic orders --group billing --dry-run", true, (*command).remove},
	{"list", "List the ACLs of a file",
		"  portcullis acl list --file acls.txt --topic orders --resource-pattern-type match", false, (*command).list},
}

const long = `The options are those of kafka-acls. Instead of --bootstrap-server SERVER, give
--file FILE: the command works on a file and not on a cluster.

The file can have any format, and keeps it. It is saved completely or not at all, with
its checksum in FILE.sum. A file that does not match its checksum is refused. A new or
empty file is written as JSON lines if its name ends in .json or .jsonl, and otherwise as
kafka-acls prints ACLs.

A removal must be confirmed with y on standard input, or with --force. Options that
kafka-acls accepts and ignores are refused. --dry-run shows the difference (+ for an
addition, - for a removal) and does not change the file.

Exit status: 0 done, 1 a removal that selects no ACL (it names the nearest one), 2 bad
input or usage.`

// New returns the command acl.
func New() *cobra.Command {
	chosen := make([]bool, len(actions))
	a := newCommand(func(a *command, out *cli.Output) error {
		i := slices.Index(chosen, true)
		if i < 0 || slices.Contains(chosen[i+1:], true) {
			return errors.Join(out.UsageErr, errors.New("expected one of --add, --remove and --list: see "+a.cmd.CommandPath()+" --help"))
		}
		return a.run(actions[i], out)
	}, &cobra.Command{
		Use:   "acl --file FILE --add|--remove|--list",
		Short: "Add, remove and list the ACLs of a file as kafka-acls does on a cluster",
		Long:  long,
		Example: `  portcullis acl add --file acls.txt --allow-principal User:alice --producer --topic orders
  portcullis acl --file acls.txt --list --topic orders`,
	}, true, true)
	for i, action := range actions {
		a.cmd.Flags().BoolVar(&chosen[i], action.name, false, action.short)
		run := func(a *command, out *cli.Output) error { return a.run(action, out) }
		sub := newCommand(run, &cobra.Command{
			Use:     action.name + " --file FILE",
			Short:   action.short,
			Long:    action.short + ".\n\n" + long,
			Example: action.example,
		}, action.changes, !action.changes)
		a.cmd.AddCommand(sub.cmd)
	}
	return a.cmd
}

// newCommand adds the flags of a command that changes or lists ACLs.
func newCommand(run func(*command, *cli.Output) error, cmd *cobra.Command, changes, lists bool) *command {
	a := &command{cmd: cmd, sides: [2]side{{name: "allow", permission: acl.Allow}, {name: "deny", permission: acl.Deny}}}
	cli.Command(func(_ *cobra.Command, out *cli.Output) error { return run(a, out) }, cmd)
	a.file = cli.OnceFlag(cmd, "file", "", "`file` of ACLs")
	cli.Require(cmd, "file")
	cli.Must(cmd.MarkFlagFilename("file"))
	a.selection = listing.AddSelection(cmd, "the ACLs of ", "pattern `type` of the names: literal or prefixed; also any or match, to remove or to list")
	if lists {
		a.selection.AddPrincipals(cmd)
	}
	if !changes {
		return a
	}
	flags := cmd.Flags()
	for i := range a.sides {
		s := &a.sides[i]
		flags.StringArrayVar(&s.principals, s.name+"-principal", nil, "principal to "+s.name+": `Type:name`, such as User:alice, or User:* for all; may be repeated")
		flags.StringArrayVar(&s.hosts, s.name+"-host", nil, "`host` to "+s.name+"; may be repeated; default all hosts")
	}
	flags.StringArrayVar(&a.operations, "operation", []string{"All"}, "the `operation`, such as Read; may be repeated")
	cli.Complete(cmd, "operation", cli.OperationNames())
	a.metadata = cli.OnceFlag(cmd, "metadata-version", "", "to add, refuse what a cluster of this metadata `version` refuses, such as networks before 4.4-IV1: a name, a release or a level; default the newest")
	flags.BoolVar(&a.producer, "producer", false, "what a producer needs: Write, Describe and Create on the topics, Write and Describe on the transactional ids")
	flags.BoolVar(&a.idempotent, "idempotent", false, "with --producer: also IdempotentWrite on the cluster")
	flags.BoolVar(&a.consumer, "consumer", false, "what a consumer needs: Read and Describe on the topics, Read on the groups")
	flags.BoolVar(&a.force, "force", false, "remove without asking")
	flags.BoolVar(&a.dryRun, "dry-run", false, "show the difference, do not change the file")
	return a
}

func (a *command) run(action action, out *cli.Output) error {
	a.trim()
	if err := errors.Join(out.UsageErr, a.checkUsage(action)); err != nil {
		return err
	}
	return action.run(a, out)
}

// open returns the file to change. Nobody else changes it until release is called. A dry run does
// not keep others out. See [loadFile].
func (a *command) open(mayBeNew bool) (file *aclFile, release func(), err error) {
	release = func() {}
	if !a.dryRun {
		if release, err = aclfile.Lock(a.file.Text); err != nil {
			return nil, nil, err
		}
	}
	if file, err = loadFile(a.file.Text, mayBeNew); err != nil {
		release()
	}
	return file, release, err
}

func (a *command) add(out *cli.Output) error {
	changes, err := a.additions()
	if err != nil {
		return err
	}
	file, release, err := a.open(true)
	if err != nil {
		return err
	}
	defer release()
	for _, c := range changes {
		writeAddition(out, file.before, c)
	}
	return a.finish(out, file, func(tx *snapshot.Tx) error {
		for _, c := range changes {
			for _, e := range c.entries {
				tx.Add(acl.Binding{Pattern: c.pattern, Entry: e})
			}
		}
		return nil
	})
}

func (a *command) remove(out *cli.Output) error {
	changes, err := a.changes()
	if err != nil {
		return err
	}
	if !a.force && !a.dryRun {
		if _, err := loadFile(a.file.Text, false); err != nil { // before anybody is asked
			return err
		}
		if changes, err = confirm(a.cmd.InOrStdin(), a.cmd.ErrOrStderr(), changes); err != nil {
			return err
		}
	}
	file, release, err := a.open(false) // it may have changed during the question
	if err != nil {
		return err
	}
	defer release()
	n := 0
	err = a.finish(out, file, func(tx *snapshot.Tx) error {
		for _, c := range changes {
			for _, f := range c.filters() {
				n += len(tx.RemoveMatching(f))
			}
		}
		return nil
	})
	if err != nil || n > 0 || len(changes) == 0 { // without changes, none was confirmed
		return err
	}
	text := "nothing is removed: no ACL of " + a.file.Text + " is selected"
	if near := nearest(file.before, changes); near != "" {
		text += "; the nearest is " + near
	}
	out.Summarize("%s\n", text)
	return cli.ErrDenied
}

// finish makes the change and saves the file; in a dry run it shows the difference.
func (a *command) finish(out *cli.Output, file *aclFile, change func(*snapshot.Tx) error) error {
	if err := file.store.Update(change); err != nil {
		return err
	}
	added, removed := snapshot.Diff(file.before, file.store.Load())
	summary := "added: %d, removed: %d\n"
	if a.dryRun {
		summary = "would be " + summary
		out.Reset()
		writeDifference(out, added, removed)
	} else if len(added)+len(removed) > 0 {
		if err := file.save(); err != nil {
			return err
		}
	}
	out.Summarize(summary, len(added), len(removed))
	return nil
}

func (a *command) list(out *cli.Output) error {
	filters, err := a.selection.Filters()
	if err != nil {
		return err
	}
	file, err := loadFile(a.file.Text, false)
	if err != nil {
		return err
	}
	return a.selection.Print(out, file.before.All(), filters)
}
