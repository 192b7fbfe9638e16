package iam

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/roleformats"
	"github.com/portcullis-authz/portcullis/role"
)

// importFlags are those of iam import.
type importFlags struct {
	path, from, principal, clusterARN *cli.Once
	scope                             *scopeFlags
	dryRun                            bool
}

func newImport() *cobra.Command {
	f := &importFlags{}
	var help []string
	for _, format := range roleformats.All {
		help = append(help, fmt.Sprintf("  %-10s %s", format.Name, format.What))
	}
	cmd := cli.Command(f.run, &cobra.Command{
		Use: "import --from FORMAT FILE", Short: "Add roles, bindings and ACLs from another place to the file", Args: cobra.ExactArgs(1),
		Long: `Add roles, bindings and ACLs from another place to the file. If a part of the text cannot be
taken nothing is, and each such part is listed with its place and the reason. FILE may be -
for standard input.

` + strings.Join(help, "\n"),
		Example: `  curl -su admin https://mds:8090/security/1.0/roles | portcullis iam import --from roles -
  portcullis iam import --from cfk rolebindings.yaml --kafka-cluster abc123
  terraform show -json | portcullis iam import --from terraform -`,
	})
	f.path = addFile(cmd)
	names := roleformats.Names()
	f.from = cli.OnceFlag(cmd, "from", "", "`format` of the text: "+strings.Join(names, ", "), names...)
	f.scope = addScope(cmd, newSpelling)
	f.principal = cli.OnceFlag(cmd, "principal", "", "with --from msk, whose policy it is: `Type:name`")
	f.clusterARN = cli.OnceFlag(cmd, "cluster-arn", "", "with --from msk, the `ARN` of the cluster")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "read and check everything, and do not change the file")
	cli.PresenceFlag(cmd, aclset.AllowEmpty, "accept a text without roles, bindings and ACLs, which is otherwise an error")
	cli.Require(cmd, "from")
	return cmd
}

// read reads the text that the flags name.
func (f *importFlags) read(cmd *cobra.Command, out *cli.Output) (*roleformats.Set, error) {
	if out.UsageErr != nil {
		return nil, out.UsageErr
	}
	format, err := roleformats.Find(f.from.Text)
	if err != nil {
		return nil, err
	}
	options := roleformats.Options{Principal: f.principal.Text, ClusterARN: f.clusterARN.Text}
	if given, err := f.scope.scope(); err == nil {
		options.Scope = given
	} else if given != (role.Scope{}) {
		return nil, err
	}
	name := cmd.Flags().Arg(0)
	text, err := cli.ReadFile(name, cmd.InOrStdin(), func(r io.Reader) ([]byte, error) {
		return io.ReadAll(io.LimitReader(r, roleformats.MaxBytes+1))
	})
	if err != nil {
		return nil, err
	}
	return format.Read(cli.FileName(name), text, options)
}

func (f *importFlags) run(cmd *cobra.Command, out *cli.Output) error {
	read, err := f.read(cmd, out)
	if err != nil {
		return err
	}
	name := cli.FileName(cmd.Flags().Arg(0))
	if len(read.Roles)+len(read.Bindings)+len(read.ACLs) == 0 && !cli.Given(cmd, aclset.AllowEmpty) {
		return fmt.Errorf("%s has no role, no binding and no ACL, and %d other resources: expected at least one, or --%s", name, read.Skipped, aclset.AllowEmpty)
	}
	doc, release, err := loadToChange(f.path.Text, true)
	if err != nil {
		return err
	}
	defer release()
	predefined := role.Predefined()
	for _, r := range read.Roles {
		if _, taken := predefined.Role(r.Name); taken && f.from.Text != "roles" { // their bindings would mean something else
			return fmt.Errorf("%s: the role %s is a predefined one: rename it", name, r.Name)
		}
		doc.Roles = append(slices.DeleteFunc(doc.Roles, func(old role.Role) bool { return old.Name == r.Name }), r)
	}
	before, acls := len(doc.Bindings), len(doc.ACLs)
	doc.Bindings, doc.ACLs = append(doc.Bindings, read.Bindings...), append(doc.ACLs, read.ACLs...)
	if _, _, err := doc.Check(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !f.dryRun {
		if err := doc.save(); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "roles: %d, bindings: %d, of which new: %d, ACLs: %d, of which new: %d, other resources: %d\n",
		len(read.Roles), len(read.Bindings), len(doc.Bindings)-before, len(read.ACLs), len(doc.ACLs)-acls, read.Skipped)
	for _, note := range read.Notes {
		out.Summarize("note: %s\n", note)
	}
	return nil
}
