package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/snapshot"
)

func newConvertCommand() *cobra.Command {
	var input *aclInput
	var to *once
	cmd := &cobra.Command{
		Use:   "convert --acls FILE --to FORMAT",
		Short: "Write ACLs in another format",
		Long: `convert writes the ACLs of all files to standard output, sorted and without duplicates.
If a file has an error, or the format cannot hold an ACL, it writes nothing. Names with
characters that act on a terminal are escaped in json and rpk. The other formats have no
escapes and refuse such names.

In addition to Kafka's formats it knows those of three other tools:

  strimzi  a KafkaUser for each principal; User:CN=name authenticates with a
           certificate, User:name does not; cluster and credentials are not included
  rpk      the output of "rpk security acl list --format json"
  ksm      the CSV of kafka-security-manager

These three are not detected: to read them, name them with --format.`,
		Example: `  portcullis convert --acls acls.txt --to json
  portcullis convert --acls users.yaml --format strimzi --to kafka-acls`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, ok := findFormat(to.text, canWrite)
			var err error
			if !ok {
				err = badFlag("to", to.text, "one of "+strings.Join(formatNames(canWrite), ", "))
			}
			if err := errors.Join(err, checkStandardInput(input.files...)); err != nil {
				return err
			}
			store, err := input.load(cmd.InOrStdin(), snapshot.Config{})
			if err != nil {
				return err
			}
			return format.print(cmd.OutOrStdout(), store.Load().All())
		},
	}
	input = newACLInput(cmd)
	to = onceFlag(cmd, "to", "", "`format` to write: "+strings.Join(formatNames(canWrite), ", "), formatNames(canWrite)...)
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag does not exist
	}
	return cmd
}
