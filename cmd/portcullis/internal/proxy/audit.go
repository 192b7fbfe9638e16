package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/auditlog"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// flushTime is how long the proxy may take at the end to write the events that wait, after
// the time for its connections. Supervisors wait longer before they kill.
const flushTime = 5 * time.Second

// auditFlags are the flags of the audit log.
type auditFlags struct {
	file, topic, format, source, failure *cli.Once
	allows                               bool
	rotation                             auditlog.Rotation
}

// add adds the flags to the command.
func (a *auditFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	a.file = cli.OnceFlag(cmd, "audit-log", cli.StandardInput, "`file` for audit events, one line each, or - for standard output")
	a.topic = cli.OnceFlag(cmd, "audit-topic", "", "`topic` of the cluster for audit events, instead of --audit-log")
	a.format = cli.OnceFlag(cmd, "audit-format", auditlog.JSON, "`format` of audit events: json, cloudevents or ocsf", auditlog.JSON, auditlog.CloudEvents, auditlog.OCSF)
	a.source = cli.OnceFlag(cmd, "audit-source", "/portcullis", "source of --audit-format cloudevents: a `URI` reference that names the cluster")
	a.failure = cli.OnceFlag(cmd, "audit-failure", "drop", "what happens while events cannot be written, or not fast enough: `drop` them, block (requests wait), or deny (all requests are refused)",
		"drop", "block", "deny")
	f.BoolVar(&a.allows, "audit-allows", false, "also write an event for each resource that a request uses and that is allowed, as Kafka's authorizer logs at DEBUG")
	f.IntVar(&a.rotation.MiB, "audit-rotate-mib", 0, "size in `MiB` at which the file of --audit-log is put aside; 0 means never")
	f.DurationVar(&a.rotation.Every, "audit-rotate-time", 0, "`duration`, such as 24h, after which the file of --audit-log is put aside; 0 means never")
	f.IntVar(&a.rotation.Keep, "audit-keep", 0, "how many of the `files` that were put aside are kept; 0 means all")
}

// check returns an error for each flag that cannot be used, and the format and what happens
// on a failure.
func (a *auditFlags) check() (auditlog.Encoder, auditlog.Failure, error) {
	var errs cli.Errors
	if a.topic.Given && a.file.Given {
		errs.Refuse("expected either --audit-log or --audit-topic")
	}
	if a.topic.Given && a.topic.Text == "" {
		errs.Add(cli.BadFlag("audit-topic", a.topic.Text, "the name of a topic"))
	}
	failure, err := auditlog.ParseFailure(a.failure.Text)
	if err != nil {
		errs.Refuse("--audit-failure: %w", err)
	}
	encode, err := auditlog.EncoderOf(a.format.Text, a.source.Text)
	switch {
	case err != nil && a.format.Text == auditlog.CloudEvents:
		errs.Refuse("--audit-source %s: %w", enum.Quote(a.source.Text), err)
	case err != nil:
		errs.Refuse("--audit-format %s: %w", enum.Quote(a.format.Text), err)
	}
	isFile := !a.topic.Given && a.file.Text != cli.StandardInput
	if a.rotation != (auditlog.Rotation{}) && !isFile {
		errs.Refuse("--audit-rotate-mib, --audit-rotate-time and --audit-keep need a file in --audit-log")
	}
	if r := a.rotation; r.MiB < 0 || r.Every < 0 || r.Keep < 0 {
		errs.Refuse("--audit-rotate-mib, --audit-rotate-time and --audit-keep: expected a positive number")
	}
	return encode, failure, errs.Join()
}

// describe says where events go, on one line, and what happens while they cannot be written.
func (a *auditFlags) describe() string {
	to := lines.Printable(a.file.Text)
	switch {
	case a.topic.Given:
		to = "the topic " + lines.Printable(a.topic.Text)
	case a.file.Text == cli.StandardInput:
		to = "standard output"
	}
	events := "refusals"
	if a.allows {
		events = "refusals and allows"
	}
	return fmt.Sprintf("%s to %s as %s, on failure %s", events, to, a.format.Text, a.failure.Text)
}

// auditTrail is the audit log of a proxy that runs.
type auditTrail struct {
	*auditlog.Log
	file  *auditlog.File  // or nil
	topic *auditlog.Topic // or nil
}

// open opens the audit log, and makes the proxy use it.
func (a *auditFlags) open(config *proxy.Config, stdout io.Writer, log *slog.Logger) (*auditTrail, error) {
	encode, failure, err := a.check()
	if err != nil {
		return nil, err
	}
	t, flag := &auditTrail{}, "--audit-log"
	switch {
	case a.topic.Given:
		flag = "--audit-topic"
		if t.topic, err = auditlog.OpenTopic(a.topic.Text, a.format.Text, config.Upstream); err == nil {
			t.Log, err = auditlog.New(t.topic, encode, failure, log)
		}
	case a.file.Text != cli.StandardInput:
		if t.file, err = auditlog.OpenFile(a.file.Text, a.rotation); err == nil {
			t.Log, err = auditlog.New(t.file, encode, failure, log)
		}
	default:
		t.Log, err = auditlog.New(auditlog.NewStream(stdout), encode, failure, log)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	config.Audit, config.AuditAllows, config.AuditAll = t, a.allows, failure != auditlog.Drop
	if failure == auditlog.Deny {
		config.Refuse = t.Refusing
	}
	return t, nil
}

// reopen opens the file again, for logrotate. The log says what is wrong.
func (t *auditTrail) reopen(log *slog.Logger) {
	if t == nil || t.file == nil {
		return
	}
	if err := t.file.Reopen(); err != nil {
		log.Error("the audit log is not opened again: events go to the file that was open", "reason", err.Error())
	}
}

// reconfigure makes a topic use the new login of the proxy.
func (t *auditTrail) reconfigure(cluster relay.Upstream) error {
	if t == nil || t.topic == nil {
		return nil
	}
	return t.topic.Reconfigure(cluster)
}

// endWith makes connections that wait for the audit log end with the others: at most a time
// after ctx is done. What it returns undoes that.
func (t *auditTrail) endWith(ctx context.Context, limit time.Duration) (undo func() bool) {
	if t == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { t.EndWithin(limit) })
}

// end writes what waits, and closes the log. The log of the process says what is lost.
func (t *auditTrail) end(log *slog.Logger) {
	if t == nil {
		return
	}
	if err := t.Close(flushTime); err != nil {
		log.Error("the audit log is not complete", "reason", err.Error())
	}
}
