package iam

import (
	"errors"
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
		c := cli.Command(func(cmd *cobra.Command, out *cli.Output) error { return showRoles(path.Text, cmd.Flags().Args(), out) },
			&cobra.Command{Use: sub.use, Short: sub.short, Args: sub.args})
		path = addFile(c)
		cli.AddOutput(c)
		cmd.AddCommand(c)
	}
	return cmd
}

func showRoles(path string, names []string, out *cli.Output) error {
	if out.UsageErr != nil {
		return out.UsageErr
	}
	doc, err := load(path, true)
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
		if r.Source != "" {
			fmt.Fprintf(out, "  source: %s\n", r.Source)
		}
	}
	return nil
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
	var path, cluster, name *cli.Once
	cmd := cli.Command(func(_ *cobra.Command, out *cli.Output) error { return export(path.Text, cluster.Text, name.Text, out) }, &cobra.Command{
		Use: "export --kafka-cluster ID", Short: "Print the ACLs that the bindings of a Kafka cluster stand for",
		Long: `Print the ACLs that the bindings of a Kafka cluster stand for, as kafka-acls prints ACLs or as
JSON lines. portcullis plan and apply take them as the desired set. Bindings of components,
such as Connect clusters, stand for no ACL; their number is on standard error.`,
		Example: "  portcullis iam export --kafka-cluster abc123 | portcullis plan --acls - --bootstrap-server broker:9092",
	})
	path = addFile(cmd)
	cluster = cli.OnceFlag(cmd, newSpelling.kafka, "", "`id` of the Kafka cluster")
	name = cli.OnceFlag(cmd, "cluster-name", "", "`name` of the Kafka cluster in the file, instead of its id")
	cli.AddOutput(cmd)
	return cmd
}

func export(path, cluster, name string, out *cli.Output) error {
	if out.UsageErr != nil {
		return out.UsageErr
	}
	scope := role.Scope{Name: name, Kafka: cluster}
	if scope == (role.Scope{}) {
		return errors.New("expected --kafka-cluster, or --cluster-name")
	}
	doc, err := load(path, false)
	if err != nil {
		return err
	}
	if scope, err = doc.registry.Resolve(scope); err != nil {
		return err
	}
	if scope != (role.Scope{Kafka: scope.Kafka}) {
		return cli.BadFlag("cluster-name", name, "the name of a Kafka cluster, not of a component")
	}
	bound := doc.find(func(b role.Binding) bool {
		at, err := doc.registry.Resolve(b.Scope)
		return err == nil && at.Kafka == scope.Kafka
	})
	if _, err := doc.registry.Resolve(role.Scope{Name: cluster}); err == nil && len(bound) == 0 { // no ACL at all would be put in force
		return cli.BadFlag("kafka-cluster", cluster, "an id with bindings: this is the name of a cluster, for --cluster-name")
	}
	policy := role.NewPolicy(scope.Kafka, doc.table, doc.registry)
	if _, err := policy.Apply(doc.Bindings, nil); err != nil {
		return err
	}
	format := acl.FormatText
	if out.JSON {
		format = acl.FormatJSON
	}
	list := slices.SortedFunc(policy.ACLs(), acl.Binding.Compare)
	if err := acl.Write(out, format, slices.Values(list)); err != nil {
		return err
	}
	components := 0
	for _, b := range bound {
		if at, err := doc.registry.Resolve(b.Scope); err == nil && at != scope {
			components++
		}
	}
	out.Summarize("bindings: %d, ACLs: %d, bindings of components: %d\n", policy.Len(), len(list), components)
	return nil
}
