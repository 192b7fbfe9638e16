package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// needs holds the flags that ask what a client needs.
type needs struct {
	client    *once
	names     map[string]*[]string // by the name in the grant that they replace
	principal *once
	host      *once
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
	{"OFFSETS-TOPIC", "offsets-topic", resource.Literal, "the `topic` of its offsets"},
	{"NEW-TOPIC", "new-topic", resource.Literal, "a `topic` that it creates"},
	{"GROUP", "group", resource.Literal, "its `group`"},
	{"TRANSACTIONAL-ID", "transactional-id", resource.Literal, "its transactional `id`"},
	{"TRANSACTIONAL-IDS", "transactional-ids", resource.Prefixed, "`prefix` of its transactional ids, such as the application.id and a hyphen"},
	{"TOKEN", "delegation-token", resource.Literal, "a delegation `token` of another owner that it describes"},
	{"User:OWNER", "user-principal", resource.Literal, "a `user` whose tokens it creates, such as User:bob"},
}

func newNeeds(cmd *cobra.Command) *needs {
	n := &needs{names: map[string]*[]string{}}
	var clients []string
	for _, c := range ops.Clients() {
		clients = append(clients, c.Name)
	}
	n.client = onceFlag(cmd, "for", "", "list the permissions that a `client` needs: "+strings.Join(clients[:len(clients)-1], ", ")+" or "+clients[len(clients)-1], clients...)
	for _, f := range needNames {
		n.names[f.standsFor] = cmd.Flags().StringArray(f.flag, nil, "with --for, "+f.usage+"; may be repeated")
	}
	n.principal = onceFlag(cmd, "principal", "", "with --for, print ACLs that grant the set to `Type:name`")
	n.host = onceFlag(cmd, "host", acl.WildcardHost, "with --principal, the client `address` to allow")
	return n
}

// checkUsage refuses flags that have no effect without another flag.
func (n *needs) checkUsage() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range needNames {
		if len(*n.names[f.standsFor]) > 0 && !n.client.given {
			refuse("--%s needs --for", f.flag)
		}
	}
	if n.principal.given && !n.client.given {
		refuse("--principal needs --for")
	}
	if n.host.given && !n.principal.given {
		refuse("--host needs --principal")
	}
	return errors.Join(errs...)
}

// need is one permission that a client needs. Its JSON form has no principal, host and
// permission type.
type need struct {
	ResourceType resource.Type        `json:"resourceType"`
	Name         string               `json:"name"`
	PatternType  resource.PatternType `json:"patternType"`
	Operation    ops.Operation        `json:"operation"`
}

// write writes the permissions that the client needs.
func (n *needs) write(w *bytes.Buffer, asJSON bool) error {
	client, err := ops.ParseClient(n.client.text)
	if err != nil {
		return fmt.Errorf("--for: %w", err)
	}
	grants := client.Needs()
	if err := n.checkNames(client, grants); err != nil {
		return err
	}
	list := n.named(grants)
	if n.principal.given {
		return n.writeACLs(w, list, asJSON)
	}
	e := newLineEncoder(w)
	for _, item := range list {
		if asJSON {
			if err := e.Encode(item); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s on %s %s", item.Operation.DisplayName(), item.ResourceType.DisplayName(), printable(item.Name))
		if item.PatternType == resource.Prefixed {
			w.WriteString(" (prefixed)")
		}
		w.WriteString("\n")
	}
	return nil
}

// checkNames refuses names of resources that the client does not use. With --principal
// it also refuses missing names, because an ACL on the placeholder TOPIC would be an ACL
// on a topic with that name.
func (n *needs) checkNames(client ops.Client, grants []ops.Grant) error {
	used := map[string]bool{}
	for _, g := range grants {
		used[g.Name] = true
	}
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range needNames {
		names := *n.names[f.standsFor]
		switch {
		case len(names) > 0 && !used[f.standsFor]:
			refuse("--%s cannot be given: %s does not use it", f.flag, client.Name)
		case len(names) == 0 && used[f.standsFor] && n.principal.given:
			refuse("--%s is missing: the ACLs of %s need a name", f.flag, client.Name)
		}
		for _, name := range names {
			q := question{}
			if expected := q.set(namePart, name); expected != "" {
				errs = append(errs, badFlag(f.flag, name, expected))
			} else if _, err := principal.Parse(name); f.flag == "user-principal" && err != nil {
				errs = append(errs, badFlag(f.flag, name, "Type:name, such as User:bob"))
			}
		}
	}
	return errors.Join(errs...)
}

// named replaces placeholders with the given names.
func (n *needs) named(grants []ops.Grant) []need {
	var list []need
	for _, g := range grants {
		item := need{g.Type, g.Name, resource.Literal, g.Operation}
		names := []string{g.Name}
		for _, f := range needNames {
			if f.standsFor != g.Name {
				continue
			}
			item.PatternType = f.pattern
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

// writeACLs writes the ACLs that grant the list to the principal.
func (n *needs) writeACLs(w *bytes.Buffer, list []need, asJSON bool) error {
	var q question
	var errs []error
	if expected := q.set(principalPart, n.principal.text); expected != "" {
		errs = append(errs, badFlag("principal", n.principal.text, expected))
	}
	host := n.host.text
	if host != acl.WildcardHost {
		addr, err := netip.ParseAddr(host)
		if err != nil {
			errs = append(errs, badFlag("host", host, "an IP address, such as 10.0.0.1 or 2001:db8::1, or *"))
		}
		host = acl.HostAddress(addr)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var bindings []acl.Binding
	for _, item := range list {
		bindings = append(bindings, acl.Binding{
			Pattern: resource.Pattern{Type: item.ResourceType, PatternType: item.PatternType, Name: item.Name},
			Entry:   acl.Entry{Principal: n.principal.text, Host: host, Operation: item.Operation, Permission: acl.Allow},
		})
	}
	store, err := newStore(snapshot.Config{}, bindings)
	if err != nil {
		return err
	}
	return outputFormat(asJSON).print(w, store.Load().All())
}
