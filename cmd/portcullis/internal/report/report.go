//go:build !js

// Package report has the command report.
package report

import (
	"bytes"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/lint"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// now is the time that a page shows. Tests set it.
var now = time.Now

// report holds the flags of the command report.
type report struct {
	lint.Flags
	html *cli.Once
}

// New returns the command report.
func New() *cobra.Command {
	r := &report{}
	cmd := cli.Command(r.run, &cobra.Command{
		Use:   "report --acls FILE --html OUT.html",
		Short: "Write a page that shows who may do what, and why",
		Long: `report writes one HTML page that loads nothing else. It has a matrix of principals and
resource patterns with the allowed operations, the ACLs that decide in each cell, the
findings of lint, and all ACLs, with search and filters.

Every verdict on the page is the verdict of check. A cell shows the operations on the
names that the pattern of its column covers: allowed on all names from every address,
allowed on some names or from some addresses, denied by a DENY, or not allowed. For
principals with groups, see what-can. With --roles, each ACL of a role has the role and the
binding that it comes from.

--html - writes the page to standard output.`,
		Example: `  portcullis report --acls acls.txt --super-users 'User:admin' --html acls.html`,
	})
	r.AddFlags(cmd)
	r.html = cli.OnceFlag(cmd, "html", "", "`file` to write the page to, or - for standard output")
	cli.Require(cmd, "html")
	cli.Must(cmd.MarkFlagFilename("html", "html"))
	return cmd
}

func (r *report) run(cmd *cobra.Command, out *cli.Output) error {
	config, err := r.ACLs.Check(out, nil)
	if r.html.Given && r.html.Text == "" {
		err = errors.Join(err, cli.BadFlag("html", "", "the name of a file, or -"))
	}
	if err != nil {
		return err
	}
	n, err := r.ACLs.LoadAll(out, config, nil)
	if err != nil {
		return err
	}
	bar := cli.NewProgress(cmd.ErrOrStderr(), "deciding", cli.LongWait)
	matrix, err := inspect.NewMatrix(n, bar.Set)
	bar.Finish()
	if err != nil {
		return err
	}
	findings, err := r.Find(cmd, n)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := writePage(lines.NewWriter(&page), newPageData(r.ACLs.Text, now(), n, matrix, findings, r.ACLs.Roles)); err != nil {
		return err
	}
	size := page.Len()
	if r.html.Text == cli.StandardInput {
		out.Buffer = page
	} else if err := os.WriteFile(r.html.Text, page.Bytes(), 0o644); err != nil {
		return err
	}
	out.Summarize("ACLs: %d, principals: %d, patterns: %d, findings: %d, bytes: %d\n",
		len(matrix.ACLs), len(matrix.Rows)-1, len(matrix.Columns), len(findings), size)
	return nil
}
