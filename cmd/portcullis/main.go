// Command portcullis checks, explains, compares, lints, lists and converts Kafka ACLs in
// files. It also suggests ACLs for recorded requests, maps certificates and Kerberos
// names to principals, shows which permissions each Kafka request needs, and runs a
// Kafka proxy that enforces ACLs.
package main

import (
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/acledit"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/check"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/connectguard"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/connectors"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/diff"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/iam"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/lint"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/listing"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/plan"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/principal"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/program"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/protocol"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/proxy"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/report"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/suggest"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/watch"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the whole program. It returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return program.Run(newRootCommand(), args, stdin, stdout, stderr)
}

func newRootCommand() *cobra.Command {
	return program.NewRoot(check.New(), listing.New(), listing.NewConvert(), acledit.New(), check.NewExplain(), check.NewWhoCan(), check.NewWhatCan(), connectors.New(connectguard.New()),
		lint.New(), diff.New(), iam.New(), plan.New(), plan.NewApply(), watch.New(), suggest.New(), report.New(), principal.New(), protocol.New(), proxy.New(), newVersionCommand())
}

// newVersionCommand returns the command version.
func newVersionCommand() *cobra.Command {
	cmd := cli.Command(func(_ *cobra.Command, out *cli.Output) error {
		if out.UsageErr != nil {
			return out.UsageErr
		}
		v := struct {
			Version string `json:"version"`
			Go      string `json:"go"`
		}{cli.Version(), runtime.Version()}
		out.Line(v, "portcullis version "+v.Version+" ("+v.Go+")")
		return nil
	}, &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "version prints the version of portcullis, and of Go with which it was built.",
		Example: "  portcullis version",
	})
	cli.AddOutput(cmd)
	return cmd
}
