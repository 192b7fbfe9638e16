package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// report holds the flags of the command report.
type report struct {
	acls           *aclInput
	cluster        *clusterFlags
	principalTypes []string
	html           *once
}

func newReportCommand() *cobra.Command {
	r := &report{}
	cmd := &cobra.Command{
		Use:   "report --acls FILE --html OUT.html",
		Short: "Write a page that shows who may do what, and why",
		Long: `report writes one HTML page that loads nothing else. It has a matrix of principals and
resource patterns with the allowed operations, the ACLs that decide in each cell, the
findings of lint, and all ACLs, with search and filters.

Every verdict on the page is the verdict of check. A cell shows the operations on the
names that the pattern of its column covers: allowed on all names from every address,
allowed on some names or from some addresses, denied by a DENY, or not allowed. For
principals with groups, see what-can.

--html - writes the page to standard output.`,
		Example: `  portcullis report --acls acls.txt --super-users 'User:admin' --html acls.html`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return r.run(cmd) },
	}
	r.acls = newACLInput(cmd)
	r.cluster = newClusterFlags(cmd)
	cmd.Flags().StringArrayVar(&r.principalTypes, "principal-type", nil, "a `type` of principals that clients have; may be repeated (default User)")
	r.html = onceFlag(cmd, "html", "", "`file` to write the page to, or - for standard output")
	if err := errors.Join(cmd.MarkFlagRequired("html"), cmd.MarkFlagFilename("html", "html")); err != nil {
		panic(err) // the flag does not exist
	}
	return cmd
}

func (r *report) run(cmd *cobra.Command) error {
	config, errConfig := r.cluster.config()
	if r.html.text == "" {
		errConfig = errors.Join(errConfig, badFlag("html", "", "the name of a file, or -"))
	}
	if err := errors.Join(errConfig, checkStandardInput(r.acls.files...)); err != nil {
		return err
	}
	store, err := r.acls.load(cmd.InOrStdin(), config)
	if err != nil {
		return err
	}
	n := store.Load()
	if err := r.cluster.refuseEmpty(n); err != nil {
		return err
	}
	bar := newWork(cmd.ErrOrStderr(), "deciding")
	matrix, err := inspect.NewMatrix(n, bar.set)
	bar.finish()
	if err != nil {
		return err
	}
	bar = newWork(cmd.ErrOrStderr(), "looking")
	findings, err := inspect.Lint(n, inspect.LintOptions{PrincipalTypes: r.principalTypes, Progress: bar.set})
	bar.finish()
	if err != nil {
		return err
	}

	var page bytes.Buffer
	if err := writePage(lines.NewWriter(&page), newPageData(n, matrix, findings)); err != nil {
		return err
	}
	return r.save(cmd, &page, matrix, len(findings))
}

// save writes the finished page and then a summary.
func (r *report) save(cmd *cobra.Command, page *bytes.Buffer, m inspect.Matrix, findings int) error {
	var err error
	size := page.Len()
	if r.html.text == standardInput {
		_, err = page.WriteTo(cmd.OutOrStdout())
	} else {
		err = os.WriteFile(r.html.text, page.Bytes(), 0o644)
	}
	if err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "ACLs: %d, principals: %d, patterns: %d, findings: %d, bytes: %d\n",
			len(m.ACLs), len(m.Rows)-1, len(m.Columns), findings, size)
	}
	return err
}

// describeConfig describes the configuration by which the page was decided.
func describeConfig(config snapshot.Config) []string {
	texts := []string{"Semantics: " + config.Semantics.String()}
	if config.AllowIfNoACL {
		texts = append(texts, "everyone may use names that no ACL covers (these have no column)")
	} else {
		texts = append(texts, "what no ACL allows is denied")
	}
	if len(config.SuperUsers) > 0 {
		list := make([]string, len(config.SuperUsers))
		for i, p := range config.SuperUsers {
			list[i] = p.String()
		}
		texts = append(texts, "super users: "+joinPrintable(list))
	}
	return texts
}
