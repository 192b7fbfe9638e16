package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/inspect"
)

// whatCan holds the flags of the command what-can.
type whatCan struct{ setQuestion }

func newWhatCanCommand() *cobra.Command {
	w := &whatCan{}
	cmd := &cobra.Command{
		Use:   "what-can --acls FILE --principal Type:name",
		Short: "Show everything that a principal may do, and from which hosts",
		Long: `what-can prints everything that a principal may do: operations on resources of a type,
by names and prefixes, and from which hosts. The answer is exact: everything else is
denied. It has only operations that Kafka checks on the type.

With --output json each line is an object with "operations", "resourceType", "names" and
"hosts". Each of the names has a "name" or a "prefix" ("" for all names), and each of the
hosts a "host" (* for all). Both can have exceptions, "except".

Exit status: 0 something is allowed, 1 nothing is allowed, 2 bad input or usage.`,
		Example: `  portcullis what-can --acls acls.txt --principal User:alice --host 10.0.0.1`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return w.run(cmd) },
	}
	w.acls = newACLInput(cmd)
	w.asked.addSubject(cmd, "", "client `address`; without it, the answer shows the hosts")
	w.cluster = newClusterFlags(cmd)
	w.json = outputFlag(cmd)
	return cmd
}

func (w *whatCan) run(cmd *cobra.Command) error {
	asked, err := w.read(cmd)
	if err != nil {
		return err
	}
	regions, err := inspect.WhatCan(asked.acls, asked.subject)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if len(regions) == 0 && !asked.asJSON {
		fmt.Fprintln(&out, "nothing")
	}
	encoder := newLineEncoder(&out)
	for _, a := range regions {
		if !asked.asJSON {
			fmt.Fprintln(&out, accessText(a))
		} else if err := encoder.Encode(newAccessObject(a)); err != nil {
			return err
		}
	}
	return w.answer(cmd, &out, len(regions))
}
