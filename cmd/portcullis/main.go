// Command portcullis checks, explains, compares, lints, lists and converts Kafka ACLs in
// files. It also suggests ACLs for recorded requests, maps certificates and Kerberos
// names to principals, shows which permissions each Kafka request needs, and runs a
// Kafka proxy that enforces ACLs.
package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/acledit"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/check"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/diff"
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
	return program.NewRoot(check.New(), listing.New(), listing.NewConvert(), acledit.New(), check.NewExplain(), check.NewWhoCan(), check.NewWhatCan(),
		report.NewLint(), diff.New(), plan.New(), plan.NewApply(), watch.New(), suggest.New(), report.New(), principal.New(), protocol.New(), proxy.New())
}
