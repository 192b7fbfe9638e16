// Package listing has the commands list and convert, and the selection of ACLs by
// resource and principal as in kafka-acls.
package listing

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// New returns the command list.
func New() *cobra.Command {
	var source *aclset.Source
	var selection *Selection
	byRole := false
	run := func(_ *cobra.Command, out *cli.Output) error {
		filters, err := selection.Filters()
		if err := errors.Join(out.UsageErr, err, source.CheckUsage()); err != nil {
			return err
		}
		if byRole && !source.RolesGiven() {
			return errors.New("--by-role needs --roles")
		}
		store, _, err := load(source, out)
		if err != nil {
			return err
		}
		if byRole {
			printByRole(out, source, selected(store.All(), filters, selection.Principals))
			return nil
		}
		return selection.Print(out, store.All(), filters)
	}
	cmd := cli.Command(run, &cobra.Command{
		Use:   "list --acls FILE",
		Short: "List ACLs, filtered as kafka-acls --list does",
		Long: `list prints the ACLs of the given resources and principals, or all ACLs. They are
sorted by resource type, name, pattern type, principal, host, operation and permission.

--resource-pattern-type says how to match the names of resources:

  literal, prefixed  ACLs with exactly this name and pattern type
  any                ACLs with exactly this name and either pattern type
  match              every ACL that applies to a resource with this name

With --roles, --by-role lists the ACLs under the role bindings that they come from. In JSON
each line has the "acl" and its "roles".`,
		Example: `  portcullis list --acls acls.txt --topic orders.eu --resource-pattern-type match
  portcullis list --acls acls.txt --principal User:alice -o json`,
	})
	source = aclset.AddRequired(cmd)
	selection = AddSelection(cmd, "list the ACLs of ", "`type` of the names: literal, prefixed, any or match")
	selection.AddPrincipals(cmd)
	cmd.Flags().BoolVar(&byRole, "by-role", false, "list the ACLs by the role bindings of --roles that they come from")
	cli.AddOutput(cmd)
	return cmd
}

// printByRole prints ACLs under their role bindings. One of several bindings is under each.
func printByRole(out *cli.Output, source *aclset.Source, list iter.Seq[acl.Binding]) {
	under := make(map[role.Binding][]acl.Binding)
	var others []acl.Binding
	for b := range list {
		from := source.Roles(b)
		if out.JSON {
			out.Encode(struct {
				ACL   acl.Binding    `json:"acl"`
				Roles []role.Binding `json:"roles"`
			}{b, append([]role.Binding{}, from...)})
			continue
		}
		for _, r := range from {
			under[r] = append(under[r], b)
		}
		if len(from) == 0 {
			others = append(others, b)
		}
	}
	write := func(title string, acls []acl.Binding) {
		if len(acls) > 0 {
			fmt.Fprintln(out, title)
		}
		for _, b := range acls {
			fmt.Fprintln(out, "  "+cli.ACLText(b))
		}
	}
	for _, r := range slices.SortedFunc(maps.Keys(under), role.Binding.Compare) {
		write(r.Origin(), under[r])
	}
	write("without a role", others)
}

// NewConvert returns the command convert.
func NewConvert() *cobra.Command {
	var source *aclset.Source
	var to *cli.Once
	run := func(_ *cobra.Command, out *cli.Output) error {
		format, err := formats.Find("to", to.Text, formats.Writable)
		if !to.Given {
			err = nil // it is missing
		}
		if err := errors.Join(out.UsageErr, err, source.CheckUsage()); err != nil {
			return err
		}
		store, set, err := load(source, out)
		if err == nil {
			err = set.Refuse("converted")
		}
		if err != nil {
			return err
		}
		return format.Print(out, store.All())
	}
	cmd := cli.Command(run, &cobra.Command{
		Use:   "convert --acls FILE --to FORMAT",
		Short: "Write ACLs in another format",
		Long: `convert writes all ACLs to standard output, sorted and without duplicates.
If a file has an error, or the format cannot hold an ACL, it writes nothing. Names with
characters that act on a terminal are escaped in json and rpk. The other formats have no
escapes and refuse such names.

In addition to Kafka's formats it knows those of other tools:

  strimzi   a KafkaUser for each principal; User:CN=name authenticates with a
            certificate, User:name does not; cluster and credentials are not included
  rpk       the output of "rpk security acl list --format json"
  ksm       the CSV of kafka-security-manager
  kafka-ui  the CSV of UI for Apache Kafka, which is only read

The format of a file is detected, also of a dump that went through a terminal or a ticket.`,
		Example: `  portcullis convert --acls acls.txt --to json
  portcullis convert --acls users.yaml --format strimzi --to kafka-acls`,
	})
	source = aclset.AddRequired(cmd)
	to = cli.OnceFlag(cmd, "to", "", "`format` to write: "+strings.Join(formats.Writable, ", "), formats.Writable...)
	cli.Require(cmd, "to")
	return cmd
}

// load returns the ACLs of a source, sorted and each once, and what else it holds.
func load(source *aclset.Source, out *cli.Output) (*snapshot.Snapshot, *formats.Set, error) {
	set, semantics, err := source.Read(out)
	if err != nil {
		return nil, nil, err
	}
	if source.Cluster.Given() {
		out.Summarize("ACLs of %s; rules: %v\n", source.Text, semantics)
	}
	store, err := aclset.NewStore(snapshot.Config{}, set.ACLs)
	return store.Load(), set, err
}

// Selection holds the flags that select ACLs.
type Selection struct {
	Resources   cli.Resources
	Principals  []string
	PatternType *cli.Once
}

// AddSelection adds the flags for resources. usage begins their descriptions.
func AddSelection(cmd *cobra.Command, usage, patternType string) *Selection {
	return &Selection{
		Resources:   cli.AddResources(cmd, usage, true),
		PatternType: cli.OnceFlag(cmd, "resource-pattern-type", "literal", patternType, "literal", "prefixed", "any", "match"),
	}
}

// AddPrincipals adds the flag for principals.
func (s *Selection) AddPrincipals(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.Principals, "principal", nil, "list only the ACLs for `Type:name`; may be repeated")
}

// Filters returns a filter for each resource that is given.
func (s *Selection) Filters() (filters []resource.PatternFilter, err error) {
	var errs cli.Errors
	patternType, err := resource.ParsePatternType(strings.ToUpper(s.PatternType.Text))
	if err != nil || patternType == resource.PatternUnknown {
		errs.Add(cli.BadFlag("resource-pattern-type", s.PatternType.Text, "literal, prefixed, any or match"))
	}
	for f, name := range s.Resources.All() {
		if name == "" {
			errs.Add(cli.BadFlag(f.Name, name, "a name"))
		}
		filters = append(filters, resource.PatternFilter{Type: f.Type, PatternType: patternType, Name: &name})
	}
	for _, p := range s.Principals {
		if _, err := principal.Parse(p); err != nil {
			errs.Add(cli.BadFlag("principal", p, "Type:name, such as User:alice"))
		}
	}
	return filters, errs.Join()
}

// Print prints the selected ACLs. As text, those of each principal have a heading, as
// in kafka-acls.
func (s *Selection) Print(out *cli.Output, all iter.Seq[acl.Binding], filters []resource.PatternFilter) error {
	if out.JSON || len(s.Principals) == 0 {
		return formats.Print(out, out.JSON, selected(all, filters, s.Principals))
	}
	for _, p := range s.Principals {
		fmt.Fprintf(out, "ACLs for principal `%s`\n", lines.OnOneLine(p))
		if err := formats.Print(out, false, selected(all, filters, []string{p})); err != nil {
			return err
		}
	}
	return nil
}

// selected yields the ACLs that match one of the filters and one of the principals. An
// empty list of filters or principals matches every ACL.
func selected(all iter.Seq[acl.Binding], filters []resource.PatternFilter, principals []string) iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) {
		for b := range all {
			byPattern := func(f resource.PatternFilter) bool { return f.Matches(b.Pattern) }
			if (len(filters) == 0 || slices.ContainsFunc(filters, byPattern)) &&
				(len(principals) == 0 || slices.Contains(principals, b.Entry.Principal)) && !yield(b) {
				return
			}
		}
	}
}
