// Package cluster reads and changes the ACLs of a live cluster, for the commands that take
// --bootstrap-server.
package cluster

import (
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// Flags are the flags for a cluster.
type Flags struct {
	servers, config *cli.Once
	prefix          string
	cmd             *cobra.Command
}

// AddFlags adds --bootstrap-server and --command-config, with a prefix before both names.
// usage says what the cluster is for.
func AddFlags(cmd *cobra.Command, prefix, usage string) *Flags {
	f := &Flags{prefix: prefix, cmd: cmd}
	f.servers = cli.OnceFlag(cmd, prefix+"bootstrap-server", "", "`host:port` of "+usage+"; several are separated by commas")
	f.config = cli.OnceFlag(cmd, prefix+"command-config", "", "with --"+prefix+"bootstrap-server: `file` of properties of a Java client, as for kafka-acls")
	cli.Must(cmd.MarkFlagFilename(prefix+"command-config", "properties"))
	return f
}

// Given reports whether a cluster is named.
func (f *Flags) Given() bool { return f.servers.Given }

// ServerFlag returns the name of the flag that names the cluster, with its dashes.
func (f *Flags) ServerFlag() string { return "--" + f.prefix + "bootstrap-server" }

// Input returns the name of the file of properties, which may be standard input.
func (f *Flags) Input() string { return f.config.Text }

// Check returns an error for each invalid flag.
func (f *Flags) Check() error {
	var errs cli.Errors
	if f.config.Given && !f.servers.Given {
		errs.Refuse("--%scommand-config needs %s", f.prefix, f.ServerFlag())
	}
	if f.servers.Given {
		_, err := f.addresses()
		errs.Add(err)
	}
	return errs.Join()
}

func (f *Flags) addresses() (list []string, err error) {
	for address := range strings.SplitSeq(f.servers.Text, ",") {
		address = strings.TrimSpace(address)
		host, port, err := net.SplitHostPort(address)
		if n, errPort := strconv.ParseUint(port, 10, 16); err != nil || errPort != nil || n == 0 || host == "" {
			return nil, cli.BadFlag(f.prefix+"bootstrap-server", f.servers.Text, "host:port, such as kafka-0:9092")
		}
		list = append(list, address)
	}
	return list, nil
}
