package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/role"
)

// roles returns the command role, which shows what roles give.
func roles() *cobra.Command {
	cmd := group("role", "List and describe roles", "List and describe roles: those that are predefined, and those of the file.")
	for _, sub := range []struct {
		use, short string
		args       cobra.PositionalArgs
	}{
		{"list", "List roles", cobra.NoArgs},
		{"describe ROLE", "Show the operations of a role", cobra.ExactArgs(1)},
	} {
		var path *cli.Once
		c := cli.Command(func(cmd *cobra.Command, out *cli.Output) error { return showRoles(path, cmd.Flags().Args(), out) },
			&cobra.Command{Use: sub.use, Short: sub.short, Args: sub.args})
		path = addFile(c)
		cli.AddOutput(c)
		cmd.AddCommand(c)
	}
	return cmd
}

func showRoles(path *cli.Once, names []string, out *cli.Output) error {
	if out.UsageErr != nil {
		return out.UsageErr
	}
	doc, err := load(path.Text, !path.Given) // without a file the predefined roles are shown
	if err != nil {
		return err
	}
	list := doc.table.Roles()
	for _, name := range names {
		r, ok := doc.table.Role(name)
		if !ok {
			return fmt.Errorf("no role has this name: %w", cli.BadFlag("role", name, "one that iam rbac role list shows"))
		}
		list = []role.Role{r}
	}
	if out.JSON {
		table, err := role.NewTable(list...)
		if err != nil {
			return err
		}
		_, err = table.WriteTo(out)
		return err
	}
	for _, r := range list {
		fmt.Fprintf(out, "%s (%s)\n", r.Name, r.Level)
		if len(names) == 0 {
			continue
		}
		for _, g := range r.Grants {
			fmt.Fprintln(out, "  "+grantText(g))
		}
		for _, i := range doc.table.Implied() {
			if i.Role == r.Name {
				fmt.Fprintf(out, "  in Kafka also: %s\n", impliedText(i))
			}
		}
		if r.Source != "" {
			fmt.Fprintf(out, "  source: %s\n", r.Source)
		}
	}
	return nil
}

// impliedText returns what Kafka adds to a role, for people.
func impliedText(i role.Implied) string {
	return fmt.Sprintf("%s: %s, which it allows with %s", i.ResourceType, i.To.DisplayName(), i.From.DisplayName())
}

func grantText(g role.Grant) string {
	operations := "nothing"
	if len(g.Operations) > 0 {
		operations = strings.Join(g.Operations, ", ")
	}
	text := g.ResourceType + ": " + operations
	if g.Permission == acl.Deny {
		text = "DENY " + text
	}
	if g.Host != acl.WildcardHost {
		text += " from " + g.Host
	}
	for i, p := range g.Patterns {
		text += []string{" on ", ", "}[min(i, 1)] + p.String()
	}
	return text
}

// newExport returns the command export.
func newExport() *cobra.Command {
	var path, cluster *cli.Once
	cmd := cli.Command(func(_ *cobra.Command, out *cli.Output) error { return export(path.Text, cluster.Text, out) }, &cobra.Command{
		Use: "export --kafka-cluster ID", Short: "Print the ACLs of a Kafka cluster and those that its bindings stand for",
		Long: `Print the ACLs of a Kafka cluster and those that its bindings stand for, as kafka-acls prints
ACLs or as JSON lines. portcullis plan and apply take them as the desired set. Bindings of components,
such as Connect clusters, stand for no ACL; their number is on standard error, and what Kafka adds
to the roles that are bound.`,
		Example: "  portcullis iam export --kafka-cluster abc123 | portcullis plan --acls - --bootstrap-server broker:9092",
	})
	path = addFile(cmd)
	cluster = cli.OnceFlag(cmd, "kafka-cluster", "", "`id` of the Kafka cluster, or its name in the file")
	cli.Require(cmd, "kafka-cluster")
	cli.AddOutput(cmd)
	return cmd
}

func export(path, cluster string, out *cli.Output) error {
	if out.UsageErr != nil {
		return out.UsageErr
	}
	doc, err := load(path, false)
	if err != nil {
		return err
	}
	policy, err := doc.Policy(cluster)
	if err != nil {
		return fmt.Errorf("--kafka-cluster: %w", err)
	}
	format := acl.FormatText
	if out.JSON {
		format = acl.FormatJSON
	}
	list := slices.SortedFunc(policy.ACLs(), acl.Binding.Compare)
	if err := acl.Write(out, format, slices.Values(list)); err != nil {
		return err
	}
	components := len(doc.find(func(b role.Binding) bool {
		at, err := doc.registry.Resolve(b.Scope)
		return err == nil && at.Kafka == policy.Cluster() && at != role.Scope{Kafka: at.Kafka}
	}))
	bound := map[string]bool{}
	for b := range policy.Bindings() {
		bound[b.Role] = true
	}
	for _, i := range doc.table.Implied() {
		if bound[i.Role] {
			out.Summarize("note: role %s, in Kafka also %s\n", i.Role, impliedText(i))
		}
	}
	out.Summarize("bindings: %d, ACLs: %d, bindings of components: %d\n", policy.Len(), len(list), components)
	return nil
}
