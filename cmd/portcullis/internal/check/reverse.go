package check

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/access"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/role"
)

// reverse is who-can or what-can, which answer with a set.
type reverse struct{ oneQuestion }

// NewWhoCan returns the command who-can.
func NewWhoCan() *cobra.Command {
	r := &reverse{}
	cmd := cli.Command(r.whoCan, &cobra.Command{
		Use:   "who-can --acls FILE --operation OPERATION --topic NAME",
		Short: "Show who may do an operation on a resource, and from which hosts",
		Long: `who-can prints every principal that may do an operation on a resource, and from which
hosts. It also shows whether everyone else may. The answer is exact: every other
principal is denied.

With --output json each line is an object with "principal", or with "everyone": true and
the exceptions, "except"; and with "hosts". Each of the hosts has a "host" (* for all)
and can have exceptions, "except". With --roles there are also "roles", the bindings that
give it.

Exit status: 0 somebody may, 1 nobody may, 2 bad input or usage.`,
		Example: `  portcullis who-can --acls acls.txt --operation Read --topic customers.pii`,
	})
	r.acls = aclset.AddFlags(cmd)
	r.asked.AddRequest(cmd)
	cli.AddOutput(cmd)
	return cmd
}

// grantee is the JSON form of a grantee.
type grantee struct {
	Principal string         `json:"principal,omitempty"`
	Everyone  bool           `json:"everyone,omitempty"`
	Except    []string       `json:"except,omitempty"` // of everyone
	Hosts     []access.Hosts `json:"hosts"`
	Roles     []role.Binding `json:"roles,omitempty"`
}

func (r *reverse) whoCan(cmd *cobra.Command, out *cli.Output) error {
	q, n, err := r.read(out, nil)
	if err != nil {
		return err
	}
	question.Warn(cmd.ErrOrStderr(), "", q)
	bar := cli.NewProgress(cmd.ErrOrStderr(), "asking", cli.LongWait)
	grantees, err := inspect.WhoCan(n, q.Request, bar.Set)
	bar.Finish()
	if err != nil {
		return err
	}
	if len(grantees) == 0 && !out.JSON {
		fmt.Fprintln(out, "nobody")
	}
	for _, g := range grantees {
		var principals []string
		if !g.IsEveryoneElse() {
			principals = []string{g.Principal}
		}
		a := inspect.Access{Operations: ops.SetOf(q.Request.Operation), Type: q.Request.Type, Names: inspect.NameSet{{Name: q.Request.Name}}, Hosts: g.Hosts}
		roles := r.acls.RolesFor(principals, a, n.Config().Semantics, aclset.Allows)
		out.Line(grantee{g.Principal, g.IsEveryoneElse(), g.Except, access.NewHosts(g.Hosts), roles},
			access.PrincipalsText(principals, g.Except)+" from "+access.HostsText(g.Hosts)+aclset.RolesText(roles))
	}
	return cli.DeniedIf(len(grantees) == 0)
}

// NewWhatCan returns the command what-can.
func NewWhatCan() *cobra.Command {
	r := &reverse{}
	cmd := cli.Command(r.whatCan, &cobra.Command{
		Use:   "what-can --acls FILE --principal Type:name",
		Short: "Show everything that a principal may do, and from which hosts",
		Long: `what-can prints everything that a principal may do: operations on resources of a type,
by names and prefixes, and from which hosts. The answer is exact: everything else is
denied. It has only operations that Kafka checks on the type.

With --output json each line is an object with "operations", "resourceType", "names" and
"hosts". Each of the names has a "name" or a "prefix" ("" for all names), and each of the
hosts a "host" (* for all). Both can have exceptions, "except". With --roles
there are also "roles", the bindings that give a part of it.

Exit status: 0 something is allowed, 1 nothing is allowed, 2 bad input or usage.`,
		Example: `  portcullis what-can --acls acls.txt --principal User:alice --host 10.0.0.1`,
	})
	r.acls = aclset.AddFlags(cmd)
	r.asked.AddSubject(cmd, "", "client `address`; without it, the answer shows the hosts")
	cli.AddOutput(cmd)
	return cmd
}

// region is the JSON form of a region, with the role bindings that give a part of it.
type region struct {
	access.Access
	Roles []role.Binding `json:"roles,omitempty"`
}

func (r *reverse) whatCan(_ *cobra.Command, out *cli.Output) error {
	q, n, err := r.read(out, nil)
	if err != nil {
		return err
	}
	regions, err := inspect.WhatCan(n, q.Subject)
	if err != nil {
		return err
	}
	if len(regions) == 0 && !out.JSON {
		fmt.Fprintln(out, "nothing")
	}
	principals := []string{q.Subject.Principal.String()}
	for _, g := range q.Subject.Groups {
		principals = append(principals, g.String())
	}
	for _, a := range regions {
		roles := r.acls.RolesFor(principals, a, n.Config().Semantics, aclset.Allows)
		out.Line(region{access.New(a), roles}, access.Text(a)+aclset.RolesText(roles))
	}
	return cli.DeniedIf(len(regions) == 0)
}
