package proxy

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/quota"
)

// quotaFlags say how clients are throttled.
type quotaFlags struct {
	file     *cli.Once
	upstream bool
	samples  int
	size     time.Duration
	seen     []stamp // of the file, when it was loaded
}

func (q *quotaFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	q.file = cli.OnceFlag(cmd, "quotas", "", "`file` of quotas, as kafka-configs --describe prints them")
	f.BoolVar(&q.upstream, "upstream-quotas", false, "throttle clients by the quotas of the cluster")
	f.IntVar(&q.samples, "quota-window-num", 11, "`windows` that usage is measured over, as quota.window.num")
	f.DurationVar(&q.size, "quota-window-size", time.Second, "`duration` of a window, as quota.window.size.seconds")
}

// check refuses windows that measure nothing.
func (q *quotaFlags) check(errs *cli.Errors) {
	if q.samples < 1 || q.samples > maxWindows || q.size < time.Millisecond {
		errs.Refuse("--quota-window-num, --quota-window-size: expected 1 to %d windows of 1ms or more", maxWindows)
	}
}

// maxWindows bounds the memory of a client's usage. Kafka's default is 11.
const maxWindows = 100

// open returns the quotas, or nil if there are none. Those of a file are loaded.
func (q *quotaFlags) open() (*proxy.Quotas, error) {
	if !q.file.Given && !q.upstream {
		return nil, nil
	}
	tracker := quota.NewTracker(quota.Window{Samples: q.samples, Size: q.size})
	if q.file.Given {
		q.seen = stampsOf(q.files())
		table, err := readQuotas(q.file.Text)
		if err != nil {
			return nil, err
		}
		tracker.Set(table)
	}
	return &proxy.Quotas{Tracker: tracker, Upstream: q.upstream}, nil
}

func readQuotas(file string) (*quota.Table, error) {
	text, err := cli.ReadConfig(file, nil)
	if err != nil {
		return nil, err
	}
	entries, err := quota.Read(bytes.NewReader(text), cli.FileName(file))
	if err != nil {
		return nil, err
	}
	table, err := quota.New(entries...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.FileName(file), err)
	}
	return table, nil
}

// follow puts changes of the file in force until ctx is done. While it has an error, the previous
// quotas stay in force.
func (q *quotaFlags) follow(ctx context.Context, to *quota.Tracker, log *slog.Logger) {
	whenChanged(ctx, q.files(), q.seen, rolesPoll, func() error {
		table, err := readQuotas(q.file.Text)
		if err == nil {
			to.Set(table)
		}
		return err
	}, func(err error) {
		if err != nil {
			log.Error("quotas not loaded: the previous ones stay in force", "reason", err.Error(), "in force", to.Table().Len())
			return
		}
		log.Info("quotas loaded", "quotas", to.Table().Len())
	})
}

// files are those that are followed.
func (q *quotaFlags) files() []string { return []string{q.file.Text} }

// describe says what throttles, for --check, or returns "".
func (q *quotaFlags) describe() (string, error) {
	switch quotas, err := q.open(); {
	case err != nil || quotas == nil:
		return "", err
	case q.upstream:
		return "those of the cluster", nil
	default:
		return fmt.Sprintf("%d of %s", quotas.Tracker.Table().Len(), cli.FileName(q.file.Text)), nil
	}
}
