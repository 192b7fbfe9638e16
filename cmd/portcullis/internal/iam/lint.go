package iam

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/lint"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// newLint returns the command lint.
func newLint() *cobra.Command {
	var path, members *cli.Once
	var gate *lint.Gate
	cmd := cli.Command(func(cmd *cobra.Command, out *cli.Output) error {
		return lintRoles(cmd, path.Text, members, gate, out)
	}, &cobra.Command{
		Use: "lint", Short: "Find role bindings that are not what they seem",
		Long: `lint finds role bindings that give nothing, that another binding covers, that make somebody
an administrator who was probably not meant, or that a DENY takes something from. The levels,
--baseline, --fail-on and the formats are those of portcullis lint.

--groups names a file of groups and their members; then groups without members are found, and
groups that everyone is in. Otherwise a group is taken for everyone by its name.

With --output json each line is an object: "code", "level", "binding" (as in the file of
roles), "removable", "reason", "mend" (the fix) and "others" (as text).

Exit status: 0 no new findings of that level, 1 findings, 2 bad input or usage.`,
		Example: "  portcullis iam lint --file roles.json --groups groups.jsonl --fail-on warning",
	})
	path = addFile(cmd)
	members = cli.OnceFlag(cmd, "groups", "", "`file` of groups and their members, JSON lines")
	cli.Must(cmd.MarkFlagFilename("groups"))
	gate = lint.AddGate(cmd)
	return cmd
}

func lintRoles(cmd *cobra.Command, path string, members *cli.Once, gate *lint.Gate, out *cli.Output) error {
	var errs cli.Errors
	errs.Add(out.UsageErr)
	errs.Add(gate.Check())
	if len(errs) > 0 {
		return errs.Join()
	}
	known, err := gate.Known(cmd)
	if err != nil {
		return err
	}
	doc, err := load(path, false)
	if err != nil {
		return err
	}
	l := newLinter(doc)
	if members.Given {
		table, err := groups.ReadTable(members.Text)
		if err != nil {
			return err
		}
		if l.members, l.users, err = table.Users(); err != nil {
			return err
		}
	}
	return gate.Report(out, fmt.Sprintf("bindings: %d", len(doc.Bindings)), lintRules, l.items(path), known)
}
