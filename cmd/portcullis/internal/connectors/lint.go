package connectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/connect"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
)

type lintCommand struct {
	configs *configFlags
	release *cli.Once
	resolve bool
}

func newLint() *cobra.Command {
	l := &lintCommand{}
	cmd := cli.Command(l.run, &cobra.Command{
		Use: "lint --worker FILE --connector FILE", Short: "Find configurations that give away more than they seem to",
		Long: `lint finds what is probably not meant in the configuration of a Connect worker and of its
connectors, the most dangerous first: connectors with the principal of the worker, which
controls all of them; secrets in clear text; references to providers that the worker does
not have, or to files outside their allowed paths; overrides that the worker refuses;
clients that connect without protection; connectors that can read or move each other's
offsets.

--resolve also resolves the references, in the configurations of the worker and of the
connectors, with the providers of the worker, and finds those that lead nowhere. Run it
where the worker runs, as its user. No resolved value is printed.

--release is that of the workers. Before Kafka 4.4 the validation of a configuration
answers with the secrets that its references stand for.

Exit status: 0 no findings, 1 findings, 2 bad input or usage.`,
		Example: `  portcullis connect lint --worker worker.properties --connector orders-sink.json --release 4.3`,
	})
	l.configs = addConfigs(cmd)
	l.release = cli.OnceFlag(cmd, "release", "", "the `release` of the workers, such as 4.3 or 4.4; the newest unless given")
	cmd.Flags().BoolVar(&l.resolve, "resolve", false, "resolve the references with the files and variables of this machine")
	cli.AddOutput(cmd)
	return cmd
}

func (l *lintCommand) run(cmd *cobra.Command, out *cli.Output) error {
	var errs cli.Errors
	errs.Add(out.UsageErr)
	before44 := false
	if l.release.Given {
		var major, minor int
		if n, err := fmt.Sscanf(l.release.Text, "%d.%d", &major, &minor); n != 2 || err != nil || major < 0 || minor < 0 {
			errs.Add(cli.BadFlag("release", l.release.Text, "a release of Kafka, such as "+ops.Kafka44.String()))
		}
		before44 = major < 4 || major == 4 && minor < 4
	}
	c, err := l.configs.read(cmd, errs.Join())
	if err != nil {
		return err
	}
	findings := connect.Lint(c.worker, c.connectors, connect.LintOptions{
		BeforeKafka44: before44,
		Principal: func(client connect.Client, connector string) string {
			if p := c.principalOf(client, connector); !p.IsZero() {
				return p.String()
			}
			return ""
		},
	})
	if l.resolve {
		unresolved, err := c.unresolved()
		if err != nil {
			return fmt.Errorf("%s: %w", cli.FileName(l.configs.worker.Text), err)
		}
		findings = slices.Concat(unresolved, findings) // errors, as those that come first
	}
	for _, f := range findings {
		where := "the worker"
		if f.Connector != "" {
			where = "connector " + quote(f.Connector)
		}
		if f.Key != "" {
			where += ", " + lines.Escape(lines.Cut(f.Key, maxPrinted))
		}
		out.Line(struct {
			Code      connect.Code `json:"code"`
			Level     string       `json:"level"`
			Connector string       `json:"connector,omitzero"`
			Key       string       `json:"key,omitzero"`
			Reason    string       `json:"reason"`
			Fix       string       `json:"fix"`
		}{f.Code, f.Level.String(), f.Connector, f.Key, f.Reason, f.Fix},
			fmt.Sprintf("%v: %s: %s: %s\n  fix: %s", f.Level, f.Code, where, lines.Escape(f.Reason), f.Fix))
	}
	out.Summarize("connectors: %d, findings: %d\n", len(c.connectors), len(findings))
	return cli.DeniedIf(len(findings) > 0)
}

// unresolved returns a finding for each setting with a reference that leads nowhere. Connectors have
// the providers of the worker: those of their own are for another finding.
func (c *configs) unresolved() (findings []connect.Finding, err error) {
	const providers = "config.providers"
	isProvider := func(key, _ string) bool { return key == providers || strings.HasPrefix(key, providers+".") }
	check := func(connector string, settings map[string]string) error {
		resolved, err := properties.Resolve(settings)
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(resolved.Broken)) {
			if isProvider(key, "") || !connect.HasReference(settings[key]) {
				continue
			}
			findings = append(findings, connect.Finding{Code: connect.CodeUnresolved, Level: inspect.LevelError, Connector: connector, Key: key,
				Reason: "on this machine: " + resolved.Broken[key].Error(), Fix: "make the file, the key or the variable, or correct the reference"})
		}
		return nil
	}
	if err := check("", c.settings); err != nil {
		return nil, err
	}
	own := maps.Clone(c.settings)
	maps.DeleteFunc(own, func(key, value string) bool { return !isProvider(key, value) })
	for i, connector := range c.connectors {
		settings := maps.Clone(c.raw[i])
		maps.DeleteFunc(settings, isProvider)
		maps.Copy(settings, own)
		if err := check(connector.Name, settings); err != nil {
			return nil, err
		}
	}
	return findings, nil
}
