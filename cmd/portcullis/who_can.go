package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/inspect"
)

// whoCan holds the flags of the command who-can.
type whoCan struct{ setQuestion }

func newWhoCanCommand() *cobra.Command {
	w := &whoCan{}
	cmd := &cobra.Command{
		Use:   "who-can --acls FILE --operation OPERATION --topic NAME",
		Short: "Show who may do an operation on a resource, and from which hosts",
		Long: `who-can prints every principal that may do an operation on a resource, and from which
hosts. It also shows whether everyone else may. The answer is exact: every other
principal is denied.

With --output json each line is an object with "principal", or with "everyone": true and
the exceptions, "except"; and with "hosts". Each of the hosts has a "host" (* for all)
and can have exceptions, "except".

Exit status: 0 somebody may, 1 nobody may, 2 bad input or usage.`,
		Example: `  portcullis who-can --acls acls.txt --operation Read --topic customers.pii`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return w.run(cmd) },
	}
	w.acls = newACLInput(cmd)
	w.asked.addRequest(cmd)
	w.cluster = newClusterFlags(cmd)
	w.json = outputFlag(cmd)
	return cmd
}

// granteeObject is the JSON form of a grantee.
type granteeObject struct {
	Principal string        `json:"principal,omitempty"`
	Everyone  bool          `json:"everyone,omitempty"`
	Except    []string      `json:"except,omitempty"` // of everyone
	Hosts     []hostsObject `json:"hosts"`
}

func (w *whoCan) run(cmd *cobra.Command) error {
	asked, err := w.read(cmd)
	if err != nil {
		return err
	}
	writeWarnings(cmd.ErrOrStderr(), "", []question{asked.question})
	bar := newWork(cmd.ErrOrStderr(), "asking")
	grantees, err := inspect.WhoCan(asked.acls, asked.request, bar.set)
	bar.finish()
	if err != nil {
		return err
	}

	var out bytes.Buffer
	if err := writeGrantees(&out, grantees, asked.asJSON); err != nil {
		return err
	}
	return w.answer(cmd, &out, len(grantees))
}

func writeGrantees(out *bytes.Buffer, grantees []inspect.Grantee, asJSON bool) error {
	if len(grantees) == 0 && !asJSON {
		fmt.Fprintln(out, "nobody")
	}
	encoder := newLineEncoder(out)
	for _, g := range grantees {
		if asJSON {
			if err := encoder.Encode(granteeObject{g.Principal, g.IsEveryoneElse(), g.Except, newHostsObjects(g.Hosts)}); err != nil {
				return err
			}
			continue
		}
		var principals []string
		if !g.IsEveryoneElse() {
			principals = []string{g.Principal}
		}
		fmt.Fprintf(out, "%s from %s\n", principalsText(principals, g.Except), printableHosts(g.Hosts))
	}
	return nil
}
