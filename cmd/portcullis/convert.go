package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func newConvertCommand() *cobra.Command {
	var input *aclInput
	var to *once
	cmd := &cobra.Command{
		Use:   "convert --acls FILE --to FORMAT",
		Short: "Write ACLs in another format",
		Long: `convert writes the ACLs of all files to standard output, each once and sorted. If
anything is wrong with a file, or the format cannot hold an ACL, it writes nothing.`,
		Example: `  portcullis convert --acls acls.txt --to json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, err := acl.ParseFormat(to.text)
			if err != nil || format == acl.FormatAuto {
				err = badFlag("to", to.text, "one of "+strings.Join(formatNames(), ", "))
			}
			if err := errors.Join(err, checkStandardInput(input.files...)); err != nil {
				return err
			}
			store, err := input.load(cmd.InOrStdin(), snapshot.Config{})
			if err != nil {
				return err
			}
			return acl.Write(cmd.OutOrStdout(), format, store.Load().All())
		},
	}
	input = newACLInput(cmd)
	to = onceFlag(cmd, "to", "", "`format` to write: kafka-acls, kafka-acls-3, json or zookeeper", formatNames()...)
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err) // there is no such flag
	}
	return cmd
}
