package proxy

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/pause"
	"github.com/portcullis-authz/portcullis/quota"
)

// Quotas say how clients are throttled. For the brokers every client is the proxy's principal, so they
// cannot count what each uses; the proxy does, in this process alone. See package relay for what counts.
type Quotas struct {
	// Tracker counts. Its table is what you set, and what you set again while the proxy runs, unless
	// Upstream is set.
	Tracker *quota.Tracker
	// Upstream makes the proxy follow the quotas of the upstream, for which its principal needs
	// DescribeConfigs on the cluster. No port is open before they are loaded. While they cannot be
	// loaded again, the last ones stay in force.
	Upstream bool
	// Interval is how often they are loaded; DefaultQuotasInterval if it is not positive.
	Interval time.Duration
}

// DefaultQuotasInterval is [Quotas].Interval if it is not set. Kafka's brokers take over a change of a quota
// within about a second; this is one small request of the proxy in five.
const DefaultQuotasInterval = 5 * time.Second

// following is the state of Quotas that follow the upstream.
type following struct {
	Quotas
	client  *kgo.Client
	failing bool // since the last success; used by one goroutine
	ignored string
}

// tracker returns what counts, or nil.
func (f *following) tracker() *quota.Tracker {
	if f == nil {
		return nil
	}
	return f.Tracker
}

func newFollowing(q *Quotas) *following {
	if q == nil {
		return nil
	}
	f := &following{Quotas: *q}
	if f.Interval <= 0 {
		f.Interval = DefaultQuotasInterval
	}
	return f
}

// awaitQuotas returns when the quotas of the upstream are loaded.
func (p *Proxy) awaitQuotas(ctx context.Context) (err error) {
	if p.quotas == nil || !p.quotas.Upstream {
		return nil
	}
	if p.quotas.client, err = p.cluster.NewClient(func(c net.Conn) net.Conn { return c }); err != nil {
		return err
	}
	return pause.Insist(ctx, p.loadQuotas, func(_ error, wait time.Duration) { // loadQuotas has logged it
		p.log.Warn("no port is open before the quotas are loaded", "next attempt in", wait.String())
	})
}

// keepQuotas loads the quotas until ctx is done.
func (p *Proxy) keepQuotas(ctx context.Context) {
	wait, failures := p.quotas.Interval, pause.BackOff{}
	for pause.Sleep(ctx, wait) {
		if p.loadQuotas(ctx) == nil {
			wait, failures = p.quotas.Interval, pause.BackOff{}
		} else {
			wait = failures.Next(p.quotas.Interval)
		}
	}
}

// loadQuotas loads the quotas of the upstream. It logs when that fails, and when it works again.
func (p *Proxy) loadQuotas(ctx context.Context) error {
	f := p.quotas
	table, ignored, err := f.ask(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		f.failing = true
		p.log.Error("quotas of the upstream not taken over", "reason", err.Error(), "in force", f.Tracker.Table().Len())
		return err
	case f.failing:
		f.failing = false
		p.log.Info("quotas of the upstream taken over again", "quotas", table.Len())
	}
	if text := fmt.Sprint(ignored); ignored != nil && text != f.ignored {
		p.log.Warn("a quota of the upstream is not known here, and limits nobody", "quota", ignored.Error())
		f.ignored = text
	}
	f.Tracker.Set(table)
	return nil
}

// ask returns the quotas of the upstream. ignored is one that is not known here, if there is any: of a
// later release, or of a host name, which a broker may resolve in another way. Kafka's brokers ignore what
// they do not know, too.
func (f *following) ask(ctx context.Context) (table *quota.Table, ignored, err error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultMirrorTimeout)
	defer cancel()
	response, err := kmsg.NewPtrDescribeClientQuotasRequest().RequestWith(ctx, f.client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("quotas of the upstream: %w", err)
	}
	var entries []quota.Entry
	for _, described := range response.Entries {
		entity, unknown := entityOf(described.Entity)
		if unknown != nil {
			ignored = unknown
			continue
		}
		for _, value := range described.Values {
			kind, ok := quota.ParseKind(value.Key)
			entry := quota.Entry{Entity: entity, Kind: kind, Limit: value.Value}
			if _, err := quota.New(entry); !ok || err != nil {
				ignored = fmt.Errorf("%s of %s", enum.Quote(value.Key), entity)
			} else {
				entries = append(entries, entry)
			}
		}
	}
	table, err = quota.New(entries...)
	return table, ignored, err
}

// entityOf returns who a quota of the upstream is for.
func entityOf(parts []kmsg.DescribeClientQuotasResponseEntryEntity) (e quota.Entity, err error) {
	for _, part := range parts {
		name := quota.Default
		if part.Name != nil {
			name = quota.Literal(*part.Name)
		}
		switch part.Type {
		case "user":
			e.User = name
		case "client-id":
			e.ClientID = name
		case "ip":
			e.IP = name
		default:
			return e, fmt.Errorf("one for a %s", enum.Quote(part.Type))
		}
	}
	return e, nil
}
