package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// aclCommand holds the flags of the command acl and of its subcommands. They are the
// options of kafka-acls.
type aclCommand struct {
	file      *once
	selection list // the resources and, to list, the principals
	sides     [2]aclSide
	// Conveniences: they imply the operations and the resources.
	producer, idempotent, consumer bool

	operations    []string
	force, dryRun bool
}

// aclSide holds the principals and hosts that are allowed, or those that are denied.
type aclSide struct {
	name       string // the flags begin with it
	permission acl.PermissionType
	principals []string
	hosts      []string
}

// aclAction is one of the actions of kafka-acls. It is a subcommand of acl and also a
// flag of acl.
type aclAction struct {
	name, short, example string
	changes              bool // takes the flags of a change; otherwise those of a list
	run                  func(*aclCommand, *cobra.Command) error
}

var (
	addAction = aclAction{"add", "Add ACLs to a file",
		"  portcullis acl add --file acls.txt --allow-principal User:alice --operation Read --topic orders", true, (*aclCommand).runAdd}
	removeAction = aclAction{"remove", "Remove ACLs from a file",
		"  portcullis acl remove --file acls.txt --allow-principal User:alice --consumer --topic orders --group billing --dry-run", true, (*aclCommand).runRemove}
	listAction = aclAction{"list", "List the ACLs of a file",
		"  portcullis acl list --file acls.txt --topic orders --resource-pattern-type match", false, (*aclCommand).runList}
	aclActions = []aclAction{addAction, removeAction, listAction}
)

const aclLong = `The options are those of kafka-acls. Instead of --bootstrap-server SERVER, give
--file FILE: the command works on a file and not on a cluster.

The file can have any format, and keeps it. It is saved completely or not at all, with
its checksum in FILE.sum. A file that does not match its checksum is refused. A new file
is written as JSON lines if its name ends in .json or .jsonl, and otherwise as
kafka-acls prints ACLs.

A removal must be confirmed with y on standard input, or with --force. Options that
kafka-acls accepts and ignores are refused. --dry-run shows the difference (+ for an
addition, - for a removal) and does not change the file.`

func newACLCommand() *cobra.Command {
	a := newACLFlags()
	chosen := make([]bool, len(aclActions))
	cmd := &cobra.Command{
		Use:   "acl --file FILE --add|--remove|--list",
		Short: "Add, remove and list the ACLs of a file as kafka-acls does on a cluster",
		Long:  aclLong,
		Example: `  portcullis acl add --file acls.txt --allow-principal User:alice --producer --topic orders
  portcullis acl --file acls.txt --list --topic orders`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i := slices.Index(chosen, true)
			if i < 0 || slices.Contains(chosen[i+1:], true) {
				return errors.New("expected one of --add, --remove and --list: see " + cmd.CommandPath() + " --help")
			}
			return a.run(cmd, aclActions[i])
		},
	}
	a.addFlags(cmd)
	a.addChangeFlags(cmd)
	a.addListFlags(cmd)
	for i, action := range aclActions {
		cmd.Flags().BoolVar(&chosen[i], action.name, false, action.short)
		cmd.AddCommand(newACLActionCommand(action))
	}
	return cmd
}

func newACLActionCommand(action aclAction) *cobra.Command {
	a := newACLFlags()
	cmd := &cobra.Command{
		Use:     action.name + " --file FILE",
		Short:   action.short,
		Long:    action.short + ".\n\n" + aclLong,
		Example: action.example,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.run(cmd, action) },
	}
	a.addFlags(cmd)
	if action.changes {
		a.addChangeFlags(cmd)
	} else {
		a.addListFlags(cmd)
	}
	return cmd
}

func newACLFlags() *aclCommand {
	return &aclCommand{
		selection: list{resources: map[string]*[]string{}},
		sides:     [2]aclSide{{name: "allow", permission: acl.Allow}, {name: "deny", permission: acl.Deny}},
	}
}

// addFlags adds the flags of every action.
func (a *aclCommand) addFlags(cmd *cobra.Command) {
	a.file = onceFlag(cmd, "file", "", "`file` of ACLs")
	if err := errors.Join(cmd.MarkFlagRequired("file"), cmd.MarkFlagFilename("file")); err != nil {
		panic(err) // the flag does not exist
	}
	for _, f := range resourceFlags {
		if f.typ == resource.Cluster {
			presenceFlag(cmd, &a.selection.cluster, f.name, "the ACLs of "+f.usage)
			continue
		}
		a.selection.resources[f.name] = cmd.Flags().StringArray(f.name, nil, "the ACLs of "+f.usage+"; may be repeated")
	}
	a.selection.patternType = onceFlag(cmd, "resource-pattern-type", "literal",
		"pattern `type` of the names: literal or prefixed; also any or match, to remove or to list", "literal", "prefixed", "any", "match")
}

// addChangeFlags adds the flags that say which ACLs to add or to remove.
func (a *aclCommand) addChangeFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	for i := range a.sides {
		s := &a.sides[i]
		flags.StringArrayVar(&s.principals, s.name+"-principal", nil, "principal to "+s.name+": `Type:name`, such as User:alice, or User:* for all; may be repeated")
		flags.StringArrayVar(&s.hosts, s.name+"-host", nil, "`host` to "+s.name+"; may be repeated; default all hosts")
	}
	flags.StringArrayVar(&a.operations, "operation", []string{"All"}, "the `operation`, such as Read; may be repeated")
	complete(cmd, "operation", operationNames())
	flags.BoolVar(&a.producer, "producer", false, "what a producer needs: Write, Describe and Create on the topics, Write and Describe on the transactional ids")
	flags.BoolVar(&a.idempotent, "idempotent", false, "with --producer: also IdempotentWrite on the cluster")
	flags.BoolVar(&a.consumer, "consumer", false, "what a consumer needs: Read and Describe on the topics, Read on the groups")
	flags.BoolVar(&a.force, "force", false, "remove without asking")
	flags.BoolVar(&a.dryRun, "dry-run", false, "show the difference, do not change the file")
}

func (a *aclCommand) addListFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&a.selection.principals, "principal", nil, "list only the ACLs for `Type:name`; may be repeated")
}

func (a *aclCommand) run(cmd *cobra.Command, action aclAction) error {
	a.trim()
	if err := a.checkUsage(cmd, action); err != nil {
		return err
	}
	return action.run(a, cmd)
}

func (a *aclCommand) runAdd(cmd *cobra.Command) error {
	changes, err := a.additions()
	if err != nil {
		return err
	}
	file, err := loadACLFile(a.file.text, true)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, c := range changes {
		writeAddition(&out, file.before, c)
	}
	return a.finish(cmd, file, &out, func(tx *snapshot.Tx) error {
		for _, c := range changes {
			for _, e := range c.entries {
				tx.Add(acl.Binding{Pattern: c.pattern, Entry: e})
			}
		}
		return nil
	})
}

func (a *aclCommand) runRemove(cmd *cobra.Command) error {
	changes, err := a.changes()
	if err != nil {
		return err
	}
	file, err := loadACLFile(a.file.text, false)
	if err != nil {
		return err
	}
	if !a.force && !a.dryRun {
		if changes, err = confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), changes); err != nil {
			return err
		}
	}
	return a.finish(cmd, file, &bytes.Buffer{}, func(tx *snapshot.Tx) error {
		for _, c := range changes {
			for _, f := range c.filters() {
				tx.RemoveMatching(f)
			}
		}
		return nil
	})
}

// finish makes the change and saves the file; in a dry run it shows the difference. It
// writes out last, so that the output never reports a change that failed.
func (a *aclCommand) finish(cmd *cobra.Command, file *aclFile, out *bytes.Buffer, change func(*snapshot.Tx) error) error {
	if err := file.store.Update(change); err != nil {
		return err
	}
	added, removed := snapshot.Diff(file.before, file.store.Load())
	if a.dryRun {
		out.Reset()
		writeDifference(out, added, removed)
	} else if len(added)+len(removed) > 0 {
		if err := file.save(); err != nil {
			return err
		}
	}
	if _, err := out.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	summary := "added: %d, removed: %d\n"
	if a.dryRun {
		summary = "would be " + summary
	}
	fmt.Fprintf(cmd.ErrOrStderr(), summary, len(added), len(removed))
	return nil
}

func (a *aclCommand) runList(cmd *cobra.Command) error {
	filters, errFilters := a.selection.filters()
	if err := errors.Join(errFilters, a.selection.checkPrincipals()); err != nil {
		return err
	}
	file, err := loadACLFile(a.file.text, false)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if len(a.selection.principals) > 0 {
		err = a.selection.writeByPrincipal(&out, file.before.All(), filters)
	} else {
		err = outputFormat(false).print(&out, selected(file.before.All(), filters, nil))
	}
	if err == nil {
		_, err = out.WriteTo(cmd.OutOrStdout())
	}
	return err
}
