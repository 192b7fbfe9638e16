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
	dryRun, replaceRoles              bool
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
	cmd.Flags().BoolVar(&f.replaceRoles, "replace-roles", false, "replace roles of the file that have the name of one in the text; all their bindings then mean the new one")
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
	if err := f.checkUse(format); err != nil {
		return nil, err
	}
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

// checkUse returns an error for each flag that the format would ignore.
func (f *importFlags) checkUse(format roleformats.Format) error {
	var errs cli.Errors
	if format.Name != "msk" {
		for _, flag := range []struct {
			name  string
			value *cli.Once
		}{{"principal", f.principal}, {"cluster-arn", f.clusterARN}} {
			if flag.value.Given {
				errs.Refuse("--%s is for --from msk: with --from %s it would be ignored", flag.name, format.Name)
			}
		}
	}
	if given, _ := f.scope.scope(); format.Scope == roleformats.ScopeRefused && given != (role.Scope{}) {
		errs.Refuse("with --from %s the text says where a role holds: the flags of a cluster would be ignored", format.Name)
	} else if format.Scope == roleformats.ScopeKafka && given.Name == "" && given != (role.Scope{Kafka: given.Kafka}) {
		errs.Refuse("--from %s is about Kafka: expected --%s or --cluster-name, and no component", format.Name, f.scope.names.kafka)
	}
	return errs.Join()
}

// addRoles adds the roles of the text to the file. One that the file has is replaced only if that was
// said: its bindings would mean something else.
func (f *importFlags) addRoles(doc *file, name string, read *roleformats.Set) error {
	predefined := role.Predefined()
	isTable := f.from.Text == "roles" // its purpose is to say what roles are
	var errs cli.Errors
	for _, r := range read.Roles {
		if _, taken := predefined.Role(r.Name); taken && !isTable { // their bindings would mean something else
			errs.Refuse("%s: the role %s is a predefined one: rename it", name, r.Name)
			continue
		}
		old, found := doc.table.Role(r.Name)
		bound := len(doc.find(func(b role.Binding) bool { return b.Role == r.Name }))
		switch {
		case !found || sameRole(old, r):
		case !isTable && !f.replaceRoles:
			errs.Refuse("%s: the file has another role %s, and %d bindings of it: rename one, or give --replace-roles", name, r.Name, bound)
		case bound > 0:
			read.Notes = append(read.Notes, fmt.Sprintf("the role %s is replaced: %d bindings of the file mean the new one", r.Name, bound))
		}
		doc.Roles = append(slices.DeleteFunc(doc.Roles, func(old role.Role) bool { return old.Name == r.Name }), r)
	}
	return errs.Join()
}

// sameRole reports whether roles give the same. Where they are from does not matter.
func sameRole(a, b role.Role) bool {
	text := func(r role.Role) string {
		r.Source = ""
		table, err := role.NewTable(r)
		if err != nil {
			return ""
		}
		var out strings.Builder
		if _, err := table.WriteTo(&out); err != nil {
			return ""
		}
		return out.String()
	}
	return text(a) != "" && text(a) == text(b)
}

// checkSet returns an error for each binding and ACL of the text that the file cannot take.
func checkSet(doc *file, name string, read *roleformats.Set) error {
	table, registry, err := doc.Check() // with the roles of the text
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return read.Check(name, func(b role.Binding) error {
		if err := table.Validate(b); err != nil {
			return err
		}
		if _, err := registry.Resolve(b.Scope); err != nil {
			return fmt.Errorf("%s: %w", b, err)
		}
		return nil
	}, func(a role.ClusterACL) error {
		_, err := a.Resolve(registry)
		return err
	})
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
	if err := f.addRoles(doc, name, read); err != nil {
		return err
	}
	if err := checkSet(doc, name, read); err != nil {
		return err
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
