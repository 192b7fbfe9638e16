package main

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/inspect"
)

// whatCan is the flags of the command what-can.
type whatCan struct{ setQuestion }

func newWhatCanCommand() *cobra.Command {
	w := &whatCan{}
	cmd := &cobra.Command{
		Use:   "what-can --acls FILE --principal Type:name",
		Short: "Say all that a principal may do, on which resources and from where",
		Long: `what-can prints the regions of what a principal may do: operations on the resources
of a type, by names and prefixes, and from where. The answer is exact: what it does
not name is denied. Only operations that Kafka asks for on the type are told.

With --output json each line is an object: "operations", "resourceType", "names", each
with a "name" or a "prefix" ("" for all names), and "hosts", each with a "host" (* for
all); what is left out of either is its "except".

Exit status: 0 something, 1 nothing, 2 bad input or usage.`,
		Example: `  portcullis what-can --acls acls.txt --principal User:alice --host 10.0.0.1`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return w.run(cmd) },
	}
	w.acls = newACLInput(cmd)
	w.asked.addSubject(cmd, "", "`address` it is asked from; without it, from where is told")
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
