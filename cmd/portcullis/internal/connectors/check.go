package connectors

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

type checkCommand struct {
	configs *configFlags
	acls    aclset.Flags
	host    *cli.Once
}

func newCheck() *cobra.Command {
	c := &checkCommand{}
	cmd := cli.Command(c.run, &cobra.Command{
		Use: "check --acls FILE --worker FILE --connector FILE", Short: "Say which rights of a worker and its connectors are missing",
		Long: `check compares what a Connect worker and its connectors need, as needs lists it, with ACLs
from a file or from a live cluster. It prints each right that is missing, with the
principal that lacks it. --output commands prints the kafka-acls commands that add them.

Rights that are needed under a condition are notes on standard error, and do not fail.
A right on all names with a prefix is there if each of these names is allowed.

Exit status: 0 nothing is missing, 1 something is missing or not known, 2 bad input or
usage.`,
		Example: `  portcullis connect check --acls acls.txt --worker worker.properties --connector orders-sink.json
  portcullis connect check --bootstrap-server localhost:9092 --worker worker.properties --connector orders-sink.json --output commands`,
	})
	c.configs = addConfigs(cmd)
	c.acls = aclset.AddFlags(cmd)
	c.host = cli.OnceFlag(cmd, "host", question.DefaultHost, "`address` of the workers")
	cli.AddOutput(cmd, asACLs, asCommands)
	return cmd
}

func (c *checkCommand) run(cmd *cobra.Command, out *cli.Output) error {
	host, err := netip.ParseAddr(c.host.Text)
	if err != nil {
		err = cli.BadFlag("host", c.host.Text, "an IP address, such as 10.0.0.1 or 2001:db8::1")
	}
	config, err := c.acls.Check(out, err, append([]string{c.configs.worker.Text}, c.configs.files...)...)
	if err != nil {
		return err
	}
	configs, errConfigs := c.configs.read(cmd, nil)
	n, err := c.acls.LoadAll(out, config, errConfigs)
	if err != nil {
		return err
	}
	list, complete := configs.rights(cmd)
	a := &access{snapshot: n, host: host, ranges: map[string][]inspect.Access{}}
	var missing []right
	for _, r := range list {
		has, err := a.has(r)
		switch {
		case err != nil:
			return err
		case has:
		case r.When != "":
			fmt.Fprintf(cmd.ErrOrStderr(), "note: missing: %s\n", r)
		default:
			missing = append(missing, r)
		}
	}
	if out.Format == asACLs || out.Format == asCommands {
		if err := printGrants(out, missing); err != nil {
			return err
		}
		return cli.DeniedIf(len(missing) > 0 || !complete)
	}
	for _, r := range missing {
		out.Line(r.object(), "missing: "+r.String())
	}
	out.Summarize("needed: %d, missing: %d\n", len(list), len(missing))
	return cli.DeniedIf(len(missing) > 0 || !complete)
}

// access answers whether rights are there.
type access struct {
	snapshot *snapshot.Snapshot
	host     netip.Addr
	ranges   map[string][]inspect.Access // what each principal may do, by its text
}

// has reports whether a right is there. A client whose principal is not known lacks it.
func (a *access) has(r right) (bool, error) {
	if r.who.IsZero() {
		return false, nil
	}
	who := snapshot.Subject{Principal: r.who, Host: a.host}
	if r.Pattern.PatternType != resource.Prefixed {
		return a.snapshot.Check(who, r.Operation, r.Pattern.Type, r.Pattern.Name).Allowed(), nil
	}
	list, ok := a.ranges[r.who.String()]
	if !ok {
		var err error
		if list, err = inspect.WhatCan(a.snapshot, who); err != nil {
			return false, err
		}
		a.ranges[r.who.String()] = list
	}
	for _, each := range list {
		if each.Type != r.Pattern.Type || !each.Operations.Has(r.Operation) || !each.Hosts.Contains(a.host) {
			continue
		}
		for _, names := range each.Names {
			if coversAll(names, r.Pattern.Name) {
				return true, nil
			}
		}
	}
	return false, nil
}

// coversAll reports whether a range has every name with a prefix.
func coversAll(names inspect.NameRange, prefix string) bool {
	if !names.Prefix || !strings.HasPrefix(prefix, names.Name) {
		return false
	}
	for _, except := range names.Except {
		if strings.HasPrefix(except.Name, prefix) || except.Prefix && strings.HasPrefix(prefix, except.Name) {
			return false
		}
	}
	return true
}
