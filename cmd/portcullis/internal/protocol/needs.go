package protocol

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// needs holds the flags that ask what a client needs.
type needs struct {
	cmd       *cobra.Command
	client    *cli.Once
	names     map[string]*[]string // by the name in the grant that they replace
	principal *cli.Once
	host      *cli.Once
}

// needNames are the resources of the clients in the protocol table, with the flags that
// name them. A client can have many internal topics, and a transactional id for each
// thread or task; their names share a prefix.
var needNames = []struct {
	standsFor string // the name of an ops.Grant
	flag      string
	pattern   resource.PatternType
	usage     string
}{
	{"TOPIC", "topic", resource.Literal, "a `topic` of the client"},
	{"INPUT-TOPIC", "input-topic", resource.Literal, "a `topic` that it reads"},
	{"OUTPUT-TOPIC", "output-topic", resource.Literal, "a `topic` that it writes"},
	{"INTERNAL-TOPICS", "internal-topics", resource.Prefixed, "`prefix` of the names of its internal topics"},
	{"MIRRORED-TOPICS", "mirrored-topics", resource.Prefixed, "`prefix` of the topics that it mirrors to, such as the alias of the source and a dot"},
	{"LOG-TOPIC", "log-topic", resource.Literal, "the `topic` of its log"},
	{"OFFSETS-TOPIC", "offsets-topic", resource.Literal, "the `topic` of its offsets"},
	{"NEW-TOPIC", "new-topic", resource.Literal, "a `topic` that it creates"},
	{"GROUP", "group", resource.Literal, "its `group`"},
	{"GROUPS", "groups", resource.Prefixed, "`prefix` of its groups"},
	{"TRANSACTIONAL-ID", "transactional-id", resource.Literal, "its transactional `id`"},
	{"TRANSACTIONAL-IDS", "transactional-ids", resource.Prefixed, "`prefix` of its transactional ids, such as the application.id and a hyphen"},
	{"TOKEN", "delegation-token", resource.Literal, "a delegation `token` of another owner that it describes"},
	{"User:OWNER", "user-principal", resource.Literal, "a `user` whose tokens it creates, such as User:bob"},
}

func newNeeds(cmd *cobra.Command) *needs {
	n := &needs{cmd: cmd, names: map[string]*[]string{}}
	var names []string
	for _, c := range clients() {
		names = append(names, c.name)
	}
	last := len(names) - 1
	n.client = cli.OnceFlag(cmd, "for", "", "list the permissions that a `client` needs: "+strings.Join(names[:last], ", ")+" or "+names[last], names...)
	for _, f := range needNames {
		n.names[f.standsFor] = cmd.Flags().StringArray(f.flag, nil, "with --for, "+f.usage+"; may be repeated")
	}
	n.principal = cli.OnceFlag(cmd, "principal", "", "with --for, print ACLs that grant the set to `Type:name`")
	n.host = cli.OnceFlag(cmd, "host", acl.WildcardHost, "with --principal, the client `address` to allow")
	return n
}

// checkUsage refuses flags that have no effect without another flag.
func (n *needs) checkUsage(cmd *cobra.Command) error {
	var errs cli.Errors
	for _, f := range needNames {
		errs.Need(cmd, []cli.Relation{{Flag: f.flag, Others: []string{"for"}}})
	}
	errs.Need(cmd, []cli.Relation{{Flag: "principal", Others: []string{"for"}}, {Flag: "host", Others: []string{"principal"}}})
	return errs.Join()
}

// need is one permission that a client needs. Its JSON form has no principal, host and
// permission type.
type need struct {
	ResourceType resource.Type        `json:"resourceType"`
	Name         string               `json:"name"`
	PatternType  resource.PatternType `json:"patternType"`
	Operation    ops.Operation        `json:"operation"`
	// Of programs around Kafka: when it is needed, if not always, and how that is known.
	When   string `json:"when,omitzero"`
	Source string `json:"source,omitzero"`
	Tried  string `json:"tried,omitzero"`
}

// text returns the need as a line.
func (n need) text() string {
	text := n.Operation.DisplayName() + " on " + n.ResourceType.DisplayName() + " " + lines.Printable(n.Name)
	if n.PatternType == resource.Prefixed {
		text += " (prefixed)"
	}
	if n.When != "" {
		text += "; if " + n.When
	}
	return text
}

// findClient returns the kind of client with a name.
func findClient(name string) (client, error) {
	var names []string
	for _, c := range clients() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return client{}, fmt.Errorf("--for: unknown client %s: expected one of %s", enum.Quote(name), strings.Join(names, ", "))
}

// print prints the permissions that the client needs.
func (n *needs) print(out *cli.Output) error {
	client, err := findClient(n.client.Text)
	if err != nil {
		return err
	}
	grants := client.needs()
	if err := n.checkNames(&client, grants); err != nil {
		return err
	}
	list := n.named(grants)
	if !out.JSON {
		for _, g := range grants {
			note(n.cmd.ErrOrStderr(), g.Operation, g.ResourceType)
		}
	}
	if n.principal.Given {
		if client.source != "" {
			fmt.Fprintf(n.cmd.ErrOrStderr(), "note: %s; source: %s\n", client.provenance(), client.source)
		}
		return n.printACLs(out, n.always(list))
	}
	for _, item := range list {
		out.Line(item, item.text())
	}
	if !out.JSON && client.source != "" {
		fmt.Fprintf(out, "%s: %s; source: %s\n", client.description, client.provenance(), client.source)
	}
	return nil
}

// always returns what is needed always. It prints the rest as notes: an ACL is not to allow more
// than is needed.
func (n *needs) always(list []need) (always []need) {
	for _, item := range list {
		if item.When == "" {
			always = append(always, item)
			continue
		}
		fmt.Fprintf(n.cmd.ErrOrStderr(), "note: not included: %s\n", item.text())
	}
	return always
}

// checkNames refuses names of resources that the client does not use. With --principal
// it also refuses missing names, because an ACL on the placeholder TOPIC would be an ACL
// on a topic with that name.
func (n *needs) checkNames(client *client, grants []need) error {
	used, always := map[string]bool{}, map[string]bool{}
	for _, g := range grants {
		used[g.Name] = true
		always[g.Name] = always[g.Name] || g.When == ""
	}
	var errs cli.Errors
	for _, f := range needNames {
		names := *n.names[f.standsFor]
		switch {
		case len(names) > 0 && !used[f.standsFor]:
			errs.Refuse("--%s cannot be given: %s does not use it", f.flag, client.name)
		case len(names) == 0 && always[f.standsFor] && n.principal.Given:
			errs.Refuse("--%s is missing: the ACLs of %s need a name", f.flag, client.name)
		}
		for _, name := range names {
			var q question.Question
			err := q.SetFlag(question.Name, f.flag, name)
			if _, errUser := principal.Parse(name); err == nil && f.flag == "user-principal" && errUser != nil {
				err = cli.BadFlag(f.flag, name, "Type:name, such as User:bob")
			}
			errs.Add(err)
		}
	}
	return errs.Join()
}

// named replaces placeholders with the given names.
func (n *needs) named(grants []need) []need {
	var list []need
	for _, item := range grants {
		names := []string{item.Name}
		for _, f := range needNames {
			if f.standsFor != item.Name {
				continue
			}
			if given := *n.names[f.standsFor]; len(given) > 0 {
				names = given
			}
		}
		for _, item.Name = range names {
			list = append(list, item)
		}
	}
	return list
}

// printACLs prints the ACLs that grant the list to the principal.
func (n *needs) printACLs(out *cli.Output, list []need) error {
	var q question.Question
	var errs cli.Errors
	errs.Add(q.SetFlag(question.Principal, "principal", n.principal.Text))
	host := n.host.Text
	if host != acl.WildcardHost {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			errs.Add(cli.BadFlag("host", host, "an IP address, such as 10.0.0.1 or 2001:db8::1, or *"))
		}
		host = acl.HostAddress(addr)
	}
	if len(errs) > 0 {
		return errs.Join()
	}
	var bindings []acl.Binding
	for _, item := range list {
		bindings = append(bindings, acl.Binding{
			Pattern: resource.Pattern{Type: item.ResourceType, PatternType: item.PatternType, Name: item.Name},
			Entry:   acl.Entry{Principal: n.principal.Text, Host: host, Operation: item.Operation, Permission: acl.Allow},
		})
	}
	store, err := aclset.NewStore(snapshot.Config{}, bindings)
	if err != nil {
		return err
	}
	return formats.Print(out, out.JSON, store.Load().All())
}
