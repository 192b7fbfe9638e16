// Package watch has the command watch.
package watch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit/cloudevents"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cluster"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/diff"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/pause"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	defaultInterval = 10 * time.Second
	// leastInterval keeps the work of the brokers small: each time one of them sends all ACLs.
	leastInterval = time.Second
	// mostPause limits the time between two attempts while the cluster cannot be read.
	mostPause = time.Minute
)

// The formats of the output.
const (
	asText        = "text"
	asJSON        = "json"
	asCloudEvents = "cloudevents"
)

// watch holds the flags of the command.
type watch struct {
	cmd      *cobra.Command
	cluster  *cluster.Flags
	rules    *aclset.Rules
	interval time.Duration
	output   *cli.Once
	source   *cli.Once
	apart    string // what was said of the ACLs that are kept apart
}

// New returns the command watch.
func New() *cobra.Command {
	w := &watch{}
	w.cmd = &cobra.Command{
		Use:   "watch --bootstrap-server HOST:PORT",
		Short: "Print the changes of the ACLs of a live cluster, and who gains and loses what",
		Long: `watch reads the ACLs of a live cluster again and again. For each change it prints which
principals gain (+) and lose (-) which access, and because of which ACLs. What it reads
first is where it begins. A change that is undone within the interval is not seen. It
ends on SIGTERM and SIGINT.

If the cluster cannot be read, it says so on standard error, tries again, and prints what
has changed meanwhile. If it cannot be read at first, that is an error.

With --output json each line is an object: "time", "cluster", "release", "semantics",
"added" and "removed" (ACLs) and "access" (the lines of plan). With cloudevents each line
is a CloudEvent of the type ` + cloudevents.ACLChangeType + `
with that object as its data.

Exit status: 0 it was ended by a signal, 2 an error.`,
		Example: `  portcullis watch --bootstrap-server kafka-0:9092 --command-config auditor.properties --interval 30s
  portcullis watch --bootstrap-server kafka-0:9092 -o cloudevents >> acl-changes.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return w.run() },
	}
	w.cluster = cluster.AddFlags(w.cmd, "", "a broker of the cluster")
	w.rules = aclset.AddRules(w.cmd)
	w.cmd.Flags().DurationVar(&w.interval, "interval", defaultInterval, fmt.Sprintf("`duration` between two reads, such as 30s; at least %v", leastInterval))
	w.output = &cli.Once{Text: asText}
	w.cmd.Flags().VarP(w.output, "output", "o", "`format` of the output: text, json or cloudevents")
	cli.Complete(w.cmd, "output", []string{asText, asJSON, asCloudEvents})
	w.source = cli.OnceFlag(w.cmd, "source", "", "with -o cloudevents: the `source` of the events; default crn:///kafka=ID with the id of the cluster")
	return w.cmd
}

func (w *watch) run() error {
	config, err := w.rules.Config()
	var errs cli.Errors
	errs.Add(err)
	if !w.cluster.Given() {
		errs.Refuse("--bootstrap-server is missing: see %s --help", w.cmd.CommandPath())
	}
	errs.Add(w.cluster.Check())
	if w.interval < leastInterval {
		errs.Add(cli.BadFlag("interval", w.interval.String(), leastInterval.String()+" or more"))
	}
	if o := w.output.Text; o != asText && o != asJSON && o != asCloudEvents {
		errs.Add(cli.BadFlag("output", o, "text, json or cloudevents"))
	}
	if w.source.Given && (w.output.Text != asCloudEvents || w.source.Text == "") {
		errs.Refuse("--source needs --output cloudevents, and a text")
	}
	if len(errs) > 0 {
		return errs.Join()
	}
	c, err := w.cluster.Connect()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(w.cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return w.follow(ctx, c, config)
}

// view is what was read of a cluster.
type view struct {
	state *cluster.State
	acls  *snapshot.Snapshot
}

// read reads the cluster.
func (w *watch) read(ctx context.Context, c *cluster.Cluster, config snapshot.Config) (*view, error) {
	state, err := c.Read(ctx)
	if err != nil {
		return nil, err
	}
	if w.rules.Follow() {
		config.Semantics = state.Semantics()
	}
	store, err := aclset.NewStore(config, state.ACLs)
	if err != nil {
		return nil, err
	}
	state.ACLs = nil // the store has them
	w.tellApart(state)
	return &view{state, store.Load()}, nil
}

// tellApart says which ACLs of the cluster are kept apart, when that changes.
func (w *watch) tellApart(state *cluster.State) {
	var text bytes.Buffer
	state.Tell(func(format string, args ...any) { fmt.Fprintf(&text, format, args...) }, "the cluster")
	if text.String() != w.apart {
		w.apart = text.String()
		io.WriteString(w.cmd.ErrOrStderr(), w.apart)
	}
}

// follow prints changes until ctx is done.
func (w *watch) follow(ctx context.Context, c *cluster.Cluster, config snapshot.Config) error {
	last, err := w.read(ctx, c, config)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	log := w.cmd.ErrOrStderr()
	fmt.Fprintf(log, "watching %v; rules: %v; ACLs: %d\n", last.state, last.acls.Config().Semantics, last.acls.Len())
	wait, failing := w.interval, false
	for pause.Sleep(ctx, wait) {
		now, err := w.read(ctx, c, config)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			fmt.Fprintf(log, "portcullis: not read: %s\n", lines.OnOneLine(err.Error()))
			wait, failing = min(2*wait, max(mostPause, w.interval)), true
			continue
		case now.state.ID != last.state.ID:
			return fmt.Errorf("another cluster answers: %v: start again to watch it", now.state)
		case failing:
			fmt.Fprintf(log, "read again: ACLs: %d\n", now.acls.Len())
		}
		wait, failing = w.interval, false
		if err := w.print(w.cmd.OutOrStdout(), last, now, time.Now()); err != nil {
			return err
		}
		last = now
	}
	return nil
}

// change is the JSON form of a change.
type change struct {
	Time      string        `json:"time"`
	Cluster   string        `json:"cluster"`
	Release   string        `json:"release"`
	Semantics string        `json:"semantics"`
	Added     []acl.Binding `json:"added"`
	Removed   []acl.Binding `json:"removed"`
	Access    []diff.Caused `json:"access"`
	// NotCompared says why Access is missing.
	NotCompared string `json:"notCompared,omitempty"`
}

// print prints the difference between two views, if there is one.
func (w *watch) print(out io.Writer, from, to *view, when time.Time) error {
	added, removed := snapshot.Diff(from.acls, to.acls)
	rules := to.acls.Config().Semantics
	if len(added)+len(removed) == 0 && rules == from.acls.Config().Semantics {
		return nil
	}
	plan := inspect.NewPlan(from.acls, to.acls)
	changes, errDiff := inspect.Diff(from.acls, to.acls, nil)
	when = when.UTC()
	if w.output.Text == asText {
		var text bytes.Buffer
		fmt.Fprintf(&text, "%s ACLs added: %d, removed: %d; rules: %v\n", when.Format(time.RFC3339), len(added), len(removed), rules)
		for _, step := range plan.Steps {
			fmt.Fprintf(&text, "  %v: %s\n", step.Phase, cli.ACLText(step.Binding))
		}
		switch {
		case errDiff != nil:
			fmt.Fprintf(&text, "  access not compared: %s\n", lines.OnOneLine(errDiff.Error()))
		case len(changes) == 0:
			fmt.Fprintln(&text, "  no access changed")
		}
		diff.WriteCaused(&text, plan, changes)
		_, err := text.WriteTo(out)
		return err
	}
	c := change{Time: when.Format(time.RFC3339), Cluster: to.state.ID, Release: to.state.Release(), Semantics: rules.String(),
		Added: append([]acl.Binding{}, added...), Removed: append([]acl.Binding{}, removed...), Access: []diff.Caused{}}
	if errDiff != nil {
		c.NotCompared = errDiff.Error()
	}
	for line := range diff.CausedLines(plan, changes) {
		c.Access = append(c.Access, line)
	}
	text, err := w.encode(c, when)
	if err != nil {
		// A text that is not UTF-8 has no JSON. The next change may have one.
		fmt.Fprintf(w.cmd.ErrOrStderr(), "portcullis: a change at %s is not written: %s: see --output text\n", c.Time, lines.OnOneLine(err.Error()))
		return nil
	}
	_, err = out.Write(append(text, '\n'))
	return err
}

// encode returns a change as a line of JSON.
func (w *watch) encode(c change, when time.Time) ([]byte, error) {
	if w.output.Text == asJSON {
		return lines.AppendObject(nil, c)
	}
	source := w.source.Text
	if source == "" {
		source = "crn:///kafka=" + c.Cluster
	}
	return cloudevents.AppendACLChange(nil, when, source, c)
}
