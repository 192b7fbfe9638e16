package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// settings is what the files of the proxy say about who connects and how, apart from the
// ACLs. They are read again while it runs.
type settings struct {
	listeners      []proxy.Listener
	upstream       relay.Upstream
	superUsers     []principal.Principal
	superUsersFrom string // the flag or the setting
	allowEveryone  bool
	verifiers      verifiers
	files          []stamp // before they were read
	used           []string
	unused         int
}

// readSettings reads them. Verifiers of before whose settings have not changed are used again.
func (p *command) readSettings(stdin io.Reader, log *slog.Logger, before verifiers) (*settings, error) {
	stamps := stampsOf(p.settingFiles())
	b, err := p.readBroker(stdin, log, before)
	if err != nil {
		return nil, err
	}
	var errs cli.Errors
	names, err := b.config.ParseSuperUsers()
	if err != nil {
		errs.Refuse("%s: %w", cli.FileName(p.properties.Text), err)
	}
	s := &settings{superUsers: names.SuperUsers, superUsersFrom: "super.users", allowEveryone: names.AllowEveryoneIfNoACLs}
	if p.superUsers.Given {
		s.superUsersFrom = "--super-users"
		if s.superUsers, err = principal.ParseList(p.superUsers.Text); err != nil {
			errs.Refuse("--super-users: %w", err)
		}
	}
	s.listeners, err = p.listeners(b)
	errs.Add(err)
	upstream, from, err := p.upstreamConfig(stdin, &b.files)
	errs.Add(err)
	s.upstream = upstream
	if !p.allowReadable {
		errs.Add(b.checkFiles(p.properties.Text))
		if from.HoldsSecrets {
			errs.Add(secretfile.Refuse("--upstream-config", p.upstreamConfigFile.Text))
		}
		for _, key := range slices.Sorted(maps.Keys(from.Secrets)) {
			errs.Add(secretfile.Refuse(lines.Printable(key), from.Secrets[key]))
		}
	}
	s.verifiers = b.verifiers
	s.used, s.unused = b.config.Used(), len(b.config.Unused())
	s.files = append(stamps, b.files...)
	return s, errs.Join()
}

// settingFiles are the files that flags name.
func (p *command) settingFiles() (files []string) {
	for _, flag := range []*cli.Once{p.properties, p.users, p.saltSecret, p.cert, p.key, p.clientCA, p.keytab, p.krb5Conf, p.upstreamConfigFile, p.upstreamCA, p.upstreamPassword} {
		if flag.Given && flag.Text != cli.StandardInput {
			files = append(files, flag.Text)
		}
	}
	return files
}

// stamp is a file and what its metadata was. info is nil if there was no file.
type stamp struct {
	file string
	info fs.FileInfo
}

func stampsOf(files []string) []stamp {
	stamps := make([]stamp, len(files))
	for i, file := range files {
		stamps[i].file = file
		stamps[i].info, _ = os.Stat(file) // through symbolic links, which Kubernetes swaps
	}
	return stamps
}

// fileReader reads files and remembers what they were before.
type fileReader []stamp

func (r *fileReader) read(name string) ([]byte, error) {
	*r = append(*r, stampsOf([]string{name})...)
	return os.ReadFile(name)
}

// resolve replaces the references in a configuration. It does so twice, since the files are
// known only after the first time.
func (r *fileReader) resolve(values map[string]string) (*properties.Resolved, error) {
	first, err := properties.Resolve(values)
	if err != nil {
		return nil, err
	}
	*r = append(*r, stampsOf(first.Files)...)
	return properties.Resolve(values)
}

// changed reports whether a file has changed since.
func changed(stamps []stamp) bool {
	return slices.ContainsFunc(stamps, func(s stamp) bool {
		now, err := os.Stat(s.file)
		if err != nil || s.info == nil {
			return (err == nil) != (s.info != nil)
		}
		return !os.SameFile(now, s.info) || now.Size() != s.info.Size() || now.Mode() != s.info.Mode() || !now.ModTime().Equal(s.info.ModTime())
	})
}

// settingsPoll is how often the files are looked at. It costs one system call for each.
const settingsPoll = 10 * time.Second

// follower reads the settings again when a file has changed, and on SIGHUP.
type follower struct {
	command  *command
	running  *proxy.Proxy
	log      *slog.Logger
	now      *settings
	trail    *auditTrail // or nil
	failures prometheus.Counter
	loaded   prometheus.Gauge
}

// newFollower registers the metrics of the settings.
func newFollower(p *command, running *proxy.Proxy, log *slog.Logger, registry prometheus.Registerer, now *settings, trail *auditTrail) *follower {
	f := &follower{command: p, running: running, log: log, now: now, trail: trail,
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portcullis_settings_load_failures_total", Help: "Times that changed settings could not be used. The previous ones stayed in force.",
		}),
		loaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "portcullis_settings_loaded_timestamp_seconds", Help: "When the settings in force were loaded, in seconds since 1970.",
		}),
	}
	registry.MustRegister(f.failures, f.loaded)
	f.loaded.SetToCurrentTime()
	return f
}

// run follows the files until ctx is done.
func (f *follower) run(ctx context.Context, poll time.Duration) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.command.hangup:
			f.trail.reopen(f.log)
			f.load(ctx)
		case <-ticker.C:
			if changed(f.now.files) {
				f.load(ctx)
			}
		}
	}
}

// load reads the settings and puts them in force, or keeps the previous ones.
func (f *follower) load(ctx context.Context) {
	err := f.apply(ctx)
	if err != nil {
		f.failures.Inc()
		f.log.Error("settings not loaded: the previous ones stay in force", "reason", err.Error())
		return
	}
	f.loaded.SetToCurrentTime()
	f.log.Info("settings loaded")
}

func (f *follower) apply(ctx context.Context) error {
	p := f.command
	for _, flag := range []*cli.Once{p.properties, p.upstreamConfigFile} {
		if flag.Given && flag.Text == cli.StandardInput {
			return errors.New("standard input cannot be read again: give a file")
		}
	}
	// With what was seen now, a file that cannot be used is looked at again only once it changes.
	seen := make([]string, len(f.now.files))
	for i, s := range f.now.files {
		seen[i] = s.file
	}
	stamps := stampsOf(seen)
	var errs cli.Errors
	errs.Add(p.checkSecrets())
	next, err := p.readSettings(nil, f.log, f.now.verifiers)
	if next != nil {
		f.now.files = next.files
	} else {
		f.now.files = stamps
	}
	if errs.Add(err); len(errs) > 0 {
		return errs.Join()
	}
	if !slices.EqualFunc(next.superUsers, f.now.superUsers, principal.Principal.Equal) || next.allowEveryone != f.now.allowEveryone {
		return fmt.Errorf("%s and allow.everyone.if.no.acl.found cannot change while the proxy runs: restart it", next.superUsersFrom)
	}
	if err := next.verifiers.load(ctx, f.now.verifiers); err != nil {
		return err
	}
	if p.embedded {
		next.upstream = f.now.upstream
	}
	if err := f.running.Reconfigure(next.upstream, next.listeners); err != nil {
		return err
	}
	if err := f.trail.reconfigure(next.upstream); err != nil {
		return err
	}
	f.now = next
	return nil
}
