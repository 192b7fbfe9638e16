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
		Long: `convert writes the ACLs of all files to standard output, each once and sorted. If
anything is wrong with a file, or the format cannot hold an ACL, it writes nothing.
Names with characters that act on a terminal are escaped in json and rpk. The other
formats have no escapes, and refuse them.

Beside the formats of Kafka it knows those of other tools. strimzi: a KafkaUser for
each principal, of which User:CN=name authenticates by a certificate, and User:name
not; it says nothing of the cluster and of credentials. rpk: what
"rpk security acl list --format json" prints. ksm: the CSV of
kafka-security-manager. These three must be named to be read.`,
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
		panic(err) // there is no such flag
	}
	return cmd
}
