package connectors

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/connect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// Formats of the output that not every command has.
const (
	asACLs     = "acls"
	asCommands = "commands"
)

type needsCommand struct {
	configs *configFlags
	all     bool
}

func newNeeds() *cobra.Command {
	n := &needsCommand{}
	cmd := cli.Command(n.run, &cobra.Command{
		Use: "needs --worker FILE --connector FILE", Short: "List the rights that a worker and its connectors need",
		Long: `needs lists every right on the Kafka cluster that a Connect worker and its connectors need,
with the principal that needs it, the condition if it is not needed always, and what
happens without it. The facts are those of Kafka 4.4.0. READ, WRITE, DELETE and ALTER
also grant DESCRIBE, which is therefore listed only where none of them is.

A connector has three clients: a producer, a consumer and an admin client. Their
principals come from the worker's settings with the prefixes producer., consumer. and
admin., and from those that the connector overrides, as far as the policy of the worker
lets it. A certificate, a ticket or a token does not tell the principal here: --principal
does.

What the code of a connector does with clients of its own is not known to Connect, and
not listed.

--output acls prints ACLs as JSON lines, and --output commands kafka-acls commands: those
that are needed always, and with --all also those under a condition. What is not among
them is told on standard error. The exit status is 1 if something is not known, such as
the topics of a source.`,
		Example: `  portcullis connect needs --worker worker.properties --connector orders-sink.json
  portcullis connect needs --worker worker.properties --connector files.json --topic files=lines --output commands`,
	})
	n.configs = addConfigs(cmd)
	cmd.Flags().BoolVar(&n.all, "all", false, "also grant what is needed under a condition")
	cli.AddOutput(cmd, asACLs, asCommands)
	return cmd
}

// right is a need with the principal that has it, which is zero if it is not known.
type right struct {
	connect.Need
	who principal.Principal
}

func (r right) object() any {
	var who string
	if !r.who.IsZero() {
		who = r.who.String()
	}
	return struct {
		Principal    string               `json:"principal,omitzero"`
		Client       connect.Client       `json:"client"`
		Connector    string               `json:"connector,omitzero"`
		ResourceType resource.Type        `json:"resourceType"`
		Name         string               `json:"name"`
		PatternType  resource.PatternType `json:"patternType"`
		Operation    ops.Operation        `json:"operation"`
		When         string               `json:"when,omitzero"`
		Without      string               `json:"without,omitzero"`
	}{who, r.Client, r.Connector, r.Pattern.Type, r.Pattern.Name, r.Pattern.PatternType, r.Operation, r.When, r.Without}
}

// owner says whose client it is.
func owner(client connect.Client, connector string) string {
	if connector == "" {
		return "the worker"
	}
	return client.String() + " of " + quote(connector)
}

// String returns the right as a line.
func (r right) String() string {
	who := "somebody"
	if !r.who.IsZero() {
		who = lines.Printable(r.who.String())
	}
	text := fmt.Sprintf("%s (%s): %s on %s %s", who, owner(r.Client, r.Connector), r.Operation.DisplayName(), r.Pattern.Type.DisplayName(), lines.Printable(r.Pattern.Name))
	if r.Pattern.PatternType == resource.Prefixed {
		text += " (prefixed)"
	}
	if r.When != "" {
		text += "; if " + r.When
	}
	return text + "; without it: " + r.Without
}

// binding returns the ACL that grants the right.
func (r right) binding() acl.Binding {
	return acl.Binding{Pattern: r.Pattern, Entry: acl.Entry{Principal: r.who.String(), Host: acl.WildcardHost, Operation: r.Operation, Permission: acl.Allow}}
}

// rights returns what the configurations need, and prints what they do not tell.
func (c *configs) rights(cmd *cobra.Command) (list []right, complete bool) {
	needs, gaps := connect.Needs(c.worker, c.connectors, c.topics)
	for _, n := range needs {
		list = append(list, right{n, c.principalOf(n.Client, n.Connector)})
	}
	for _, g := range gaps {
		fmt.Fprintf(cmd.ErrOrStderr(), "not known: topics for %s: %s\n", owner(g.Client, g.Connector), lines.Escape(g.Reason))
	}
	return list, len(gaps) == 0
}

func (n *needsCommand) run(cmd *cobra.Command, out *cli.Output) error {
	c, err := n.configs.read(cmd, out.UsageErr)
	if err != nil {
		return err
	}
	list, complete := c.rights(cmd)
	if out.Format == asACLs || out.Format == asCommands {
		if !n.all {
			list = always(cmd, list)
		}
		if err := printGrants(out, list); err != nil {
			return err
		}
		return cli.DeniedIf(!complete)
	}
	for _, r := range list {
		out.Line(r.object(), r.String())
	}
	return cli.DeniedIf(!complete)
}

// always returns what is needed always. It prints the rest as notes: an ACL is not to allow more
// than is needed.
func always(cmd *cobra.Command, list []right) []right {
	return slices.DeleteFunc(slices.Clone(list), func(r right) bool {
		if r.When != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "note: not included: %s\n", r)
		}
		return r.When != ""
	})
}

// printGrants prints what grants the rights: each once, and none that another implies.
func printGrants(out *cli.Output, list []right) error {
	var bindings []acl.Binding
	var errs cli.Errors
	unknown := map[string]bool{}
	for _, r := range list {
		switch who := owner(r.Client, r.Connector); {
		case !r.who.IsZero():
			if b := r.binding(); !slices.Contains(bindings, b) {
				bindings = append(bindings, b)
			}
		case !unknown[who]:
			unknown[who] = true
			errs.Add(fmt.Errorf("the principal of %s is not known: its settings do not tell it, so give --principal %s=Type:name", who, r.Client))
		}
	}
	if errs.Join() != nil {
		return errs.Join()
	}
	bindings = slices.DeleteFunc(slices.Clone(bindings), func(b acl.Binding) bool {
		return slices.ContainsFunc(bindings, func(other acl.Binding) bool { return other != b && implies(other, b) })
	})
	if out.Format == asACLs {
		return formats.Print(out, true, slices.Values(bindings))
	}
	for _, b := range bindings {
		text, err := command(b)
		errs.Add(err)
		fmt.Fprintln(out, text)
	}
	return errs.Join()
}

// implies reports whether the first ACL also allows what the second does.
func implies(a, b acl.Binding) bool {
	return a.Pattern == b.Pattern && a.Entry.Principal == b.Entry.Principal && ops.AllowedBy(a.Entry.Operation).Has(b.Entry.Operation)
}

// resourceFlag names the flag of kafka-acls for a type of resource.
var resourceFlag = map[resource.Type]string{resource.Topic: "--topic", resource.Group: "--group", resource.TransactionalID: "--transactional-id"}

// command returns the kafka-acls command that adds an ACL.
func command(b acl.Binding) (string, error) {
	flag, ok := resourceFlag[b.Pattern.Type]
	if !ok || !lines.IsPrintable(b.Entry.Principal) || !lines.IsPrintable(b.Pattern.Name) {
		return "", fmt.Errorf("the ACL %s cannot be written as a command: use --output acls", cli.ACLText(b))
	}
	text := fmt.Sprintf("kafka-acls --bootstrap-server localhost:9092 --add --allow-principal %s --operation %s %s %s",
		shell(b.Entry.Principal), b.Entry.Operation.DisplayName(), flag, shell(b.Pattern.Name))
	if b.Pattern.PatternType == resource.Prefixed {
		text += " --resource-pattern-type prefixed"
	}
	return text, nil
}

// shell quotes a word for a shell, if it needs to be.
func shell(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(":._-/@", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
