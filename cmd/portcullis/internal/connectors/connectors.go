// Package connectors has the command connect, about Kafka Connect: what a worker and its
// connectors need, what is missing, and what they give away.
package connectors

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/jaas"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/connect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// New returns the command connect, with further commands.
func New(more ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "connect", Short: "Show what Kafka Connect and its connectors need, and what they give away", Args: cobra.NoArgs,
		Long: `connect reads the configuration of a worker and of its connectors. needs lists the rights
that they need on the Kafka cluster, check says which of them are missing, and lint finds
configurations that give away more than they seem to. guard stands in front of the REST
interface of a worker.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%s: expected a command: see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	cmd.AddCommand(newNeeds(), newCheck(), newLint())
	cmd.AddCommand(more...)
	return cmd
}

// configFlags name the configurations.
type configFlags struct {
	worker                         *cli.Once
	files, kinds, topics, whoFlags []string
}

func addConfigs(cmd *cobra.Command) *configFlags {
	f := &configFlags{worker: cli.OnceFlag(cmd, "worker", "", "properties `file` of the worker, or - for standard input")}
	cli.Require(cmd, "worker")
	cmd.Flags().StringArrayVar(&f.files, "connector", nil, "`file` with the configuration of connectors: JSON as for the REST interface, its answer to GET /connectors?expand=info, or properties; may be repeated")
	cmd.Flags().StringArrayVar(&f.kinds, "kind", nil, "`NAME=source` or NAME=sink, for a connector whose class does not tell; may be repeated")
	cmd.Flags().StringArrayVar(&f.topics, "topic", nil, "`NAME=topic` that a source writes to, or that the topics.regex of a sink matches; may be repeated")
	cmd.Flags().StringArrayVar(&f.whoFlags, "principal", nil, "`CLIENT=Type:name` of a client whose settings do not tell its principal: worker, producer, consumer or admin, also NAME/producer and so on for one connector; may be repeated")
	for _, name := range []string{"worker", "connector"} {
		cli.Must(cmd.MarkFlagFilename(name))
	}
	return f
}

// configs are the configurations that were read.
type configs struct {
	worker     *connect.Worker
	settings   map[string]string // of the worker
	connectors []*connect.Connector
	raw        []map[string]string // of the connectors
	topics     map[string][]string
	who        map[string]principal.Principal // by --principal
}

// read returns the configurations, or all that is wrong with the flags, or with the files. A
// policy that is not known is told on stderr.
func (f *configFlags) read(cmd *cobra.Command, usage error) (*configs, error) {
	var errs cli.Errors
	errs.Add(usage)
	errs.Add(cli.CheckStandardInput(append([]string{f.worker.Text}, f.files...)...))
	c := &configs{topics: map[string][]string{}, who: map[string]principal.Principal{}}
	kind, err := kinds(f.kinds)
	errs.Add(err)
	for _, text := range f.topics {
		name, value, err := named("topic", text, "NAME=topic")
		errs.Add(err)
		c.topics[name] = append(c.topics[name], value)
	}
	errs.Add(f.readPrincipals(c))
	if errs.Join() != nil {
		return nil, errs.Join()
	}
	if c.settings, err = properties.Read(f.worker.Text, cmd.InOrStdin()); err == nil {
		c.worker, err = connect.NewWorker(c.settings)
		if c.worker != nil && err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s: %s\n", cli.FileName(f.worker.Text), lines.Escape(err.Error()))
			err = nil
		}
		errs.AddOf(cli.FileName(f.worker.Text), err)
	} else {
		errs.Add(err)
	}
	c.readConnectors(&errs, f.files, kind, cmd.InOrStdin())
	if errs.Join() != nil {
		return nil, errs.Join()
	}
	return c, nil
}

// readConnectors reads the files of connectors. Two connectors of one name are an error.
func (c *configs) readConnectors(errs *cli.Errors, files []string, kind map[string]connect.Kind, stdin io.Reader) {
	seen := map[string]bool{}
	for _, file := range files {
		list, err := readConnectors(file, stdin)
		errs.Add(err)
		for _, settings := range list {
			connector, err := connect.NewConnector(settings, kind[settings["name"]])
			switch {
			case errors.Is(err, connect.ErrUnknownKind):
				errs.AddOf(cli.FileName(file), err)
				errs.Add(fmt.Errorf("give --kind %[1]s=source or --kind %[1]s=sink", lines.Printable(settings["name"])))
			case err != nil:
				errs.AddOf(cli.FileName(file), err)
			case seen[connector.Name]:
				errs.AddOf(cli.FileName(file), fmt.Errorf("connector %s is there twice", quote(connector.Name)))
			default:
				seen[connector.Name] = true
				c.connectors, c.raw = append(c.connectors, connector), append(c.raw, settings)
			}
		}
	}
	for name := range c.topics {
		if !seen[name] && len(*errs) == 0 {
			errs.Add(fmt.Errorf("--topic: no connector is called %s", quote(name)))
		}
	}
	for name := range kind {
		if !seen[name] && len(*errs) == 0 {
			errs.Add(fmt.Errorf("--kind: no connector is called %s", quote(name)))
		}
	}
}

// readPrincipals parses --principal.
func (f *configFlags) readPrincipals(c *configs) error {
	const expected = "CLIENT=Type:name, such as worker=User:connect or orders/producer=User:orders"
	var errs cli.Errors
	for _, text := range f.whoFlags {
		client, who, err := named("principal", text, expected)
		p, errWho := principal.Parse(who)
		name := client[strings.LastIndexByte(client, '/')+1:]
		if err != nil || errWho != nil || p.Type == "" || p.Name == "" || !isClient(name) {
			errs.Add(cli.BadFlag("principal", text, expected))
			continue
		}
		c.who[client] = p
	}
	return errs.Join()
}

func isClient(name string) bool {
	for c := connect.WorkerClient; c <= connect.ReporterAdmin; c++ {
		if c.String() == name {
			return true
		}
	}
	return false
}

// principalOf returns who a client is to the cluster: as --principal says, or as its settings
// tell. It is zero if a certificate, a ticket or a token decides that.
func (c *configs) principalOf(client connect.Client, connector string) principal.Principal {
	for _, name := range []string{connector + "/" + client.String(), client.String()} {
		if p, ok := c.who[name]; ok {
			return p
		}
	}
	var of *connect.Connector
	for _, each := range c.connectors {
		if each.Name == connector {
			of = each
		}
	}
	return identity(c.worker.ClientConfig(client, of))
}

// identity returns the principal of a client with these settings. It is zero if a reference to a
// secret stands for the name.
func identity(settings map[string]string) principal.Principal {
	get := func(key string) string { return strings.TrimSpace(settings[key]) }
	switch strings.ToUpper(get("security.protocol")) {
	case "", "PLAINTEXT":
		return principal.Anonymous
	case "SASL_PLAINTEXT", "SASL_SSL":
	default:
		return principal.Principal{}
	}
	mechanism := get("sasl.mechanism")
	if mechanism != "PLAIN" && !strings.HasPrefix(mechanism, "SCRAM-SHA-") {
		return principal.Principal{}
	}
	module, err := jaas.Parse(settings["sasl.jaas.config"])
	name := module.Options["username"]
	if err != nil || name == "" || strings.Contains(name, "${") {
		return principal.Principal{}
	}
	return principal.User(name)
}
