package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// MaxKeyAge is how old the keys of an endpoint may become while they cannot be loaded again,
// if Config.Refresh is not longer. After that no token is accepted. A day lets an operator
// repair the endpoint; who makes it unreachable keeps a withdrawn key in force no longer.
const MaxKeyAge = 24 * time.Hour

const (
	// loadTimeout bounds one load of the keys. A client waits for it, which has 30 seconds to
	// log in.
	loadTimeout = 10 * time.Second
	// unknownKeyPause is the least time between two loads because of unknown keys. Clients that
	// are not logged in cause them, with any token.
	unknownKeyPause = 10 * time.Second
	// logPause is the least time between two lines of the log about an endpoint that is down.
	logPause = time.Minute
	// maxRedirects is enough for an endpoint that has moved.
	maxRedirects = 3
	// maxResponseHeaderBytes is more than any server of keys sends.
	maxResponseHeaderBytes = 64 << 10
)

// endpoint are the keys of a URL.
type endpoint struct {
	url     string
	name    string // of the endpoint in logs: the URL without its query, which may have a secret
	client  *http.Client
	refresh time.Duration
	maxAge  time.Duration
	backoff func(failures int) time.Duration
	log     *slog.Logger
	now     func() time.Time

	mu       sync.Mutex
	keys     keySet
	loaded   time.Time // when keys was loaded; zero means never
	tried    time.Time // when the last load ended
	failures int       // since keys was loaded
	told     time.Time // when the log last said so
	loading  *loading  // the load that is under way; nil if there is none
}

// loading is a load that is under way.
type loading struct {
	done chan struct{} // closed when it ends
	err  error         // set before
}

// newEndpoint returns the endpoint of a configuration whose defaults are not filled in.
func newEndpoint(config Config) (*endpoint, error) {
	location, err := checkURL(config.Endpoint)
	if err != nil {
		return nil, err
	}
	setDefault(&config.Refresh, DefaultRefresh)
	setDefault(&config.RetryBackoff, DefaultRetryBackoff)
	setDefault(&config.RetryBackoffMax, max(DefaultRetryBackoffMax, config.RetryBackoff))
	if config.RetryBackoffMax < config.RetryBackoff {
		return nil, fmt.Errorf("RetryBackoffMax is %v: expected at least RetryBackoff, %v", config.RetryBackoffMax, config.RetryBackoff)
	}
	if location.Scheme == "http" {
		config.Logger.Warn("the keys for tokens come without TLS: whoever can listen on that port can log in as anyone", "endpoint", location.Host)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config.TLS
	transport.DisableKeepAlives = true // so that no goroutine and no connection stays between loads
	transport.MaxResponseHeaderBytes = maxResponseHeaderBytes
	return &endpoint{
		url: config.Endpoint, name: location.Scheme + "://" + location.Host + location.EscapedPath(),
		client: &http.Client{Transport: transport, Timeout: loadTimeout, CheckRedirect: func(r *http.Request, before []*http.Request) error {
			if len(before) > maxRedirects || r.URL.Scheme != location.Scheme {
				return errors.New("expected at most 3 redirects, with the same scheme")
			}
			_, err := checkURL(r.URL.String())
			return err
		}},
		refresh: config.Refresh, maxAge: max(MaxKeyAge, config.Refresh), log: config.Logger, now: time.Now,
		backoff: func(failures int) time.Duration {
			pause := config.RetryBackoff
			for range failures - 1 {
				if pause *= 2; pause >= config.RetryBackoffMax || pause <= 0 {
					return config.RetryBackoffMax
				}
			}
			return pause
		},
	}, nil
}

// checkURL returns an error unless the URL is that of an endpoint whose answers can be trusted.
func checkURL(text string) (*url.URL, error) {
	location, err := url.Parse(text)
	if err != nil || location.Host == "" || location.User != nil {
		return nil, errors.New("the endpoint: expected https://host/path, without user and password")
	}
	if location.Scheme == "https" || location.Scheme == "http" && isLoopback(location.Hostname()) {
		return location, nil
	}
	return nil, errors.New("the endpoint: expected https: whoever can change what it answers can log in as anyone; http is for loopback addresses alone")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// Load loads the keys of the endpoint, unless they are loaded and not older than Config.Refresh.
// Without an endpoint it does nothing. Call it before clients log in, so that a wrong endpoint
// is noticed. It ends after ten seconds, and when ctx is done; the request to the endpoint then goes on
// for the rest of them.
func (v *Verifier) Load(ctx context.Context) error {
	e := v.remote
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.loading != nil {
		_ = e.await(ctx) // why it failed matters to the one who began it
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if !e.stale() {
		return nil
	}
	return e.load(ctx)
}

// keysFor returns the keys for a token with this header. See [Verifier.VerifyToken].
func (e *endpoint) keysFor(ctx context.Context, header jose.Header) (keySet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.loading != nil && e.keys.find(header) == nil {
		_ = e.await(ctx) // it is logged
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if e.loading == nil && e.due(e.keys.find(header) == nil) {
		_ = e.load(ctx) // it is logged
	}
	if e.loaded.IsZero() || e.now().Sub(e.loaded) > e.maxAge {
		return nil, errors.New("the keys of the endpoint could not be loaded in time: no token is accepted")
	}
	return e.keys, nil
}

// stale reports whether the keys are to be loaded again because of their age. e.mu is held.
func (e *endpoint) stale() bool { return e.loaded.IsZero() || e.now().Sub(e.loaded) >= e.refresh }

// due reports whether the keys are to be loaded now for a token, whose key may be unknown. e.mu
// is held.
func (e *endpoint) due(unknown bool) bool {
	var pause time.Duration
	switch {
	case e.stale():
	case unknown:
		pause = unknownKeyPause
	default:
		return false
	}
	if e.failures > 0 {
		pause = max(pause, e.backoff(e.failures))
	}
	return e.tried.IsZero() || e.now().Sub(e.tried) >= pause
}

// await waits for the load that is under way, and returns its error, or that of ctx. e.mu is held,
// and not while it waits.
func (e *endpoint) await(ctx context.Context) error {
	loading := e.loading
	e.mu.Unlock()
	defer e.mu.Lock()
	select {
	case <-loading.done:
		return loading.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load loads the keys. e.mu is held, and not while the endpoint is asked; no other load is under
// way. The load goes on if the caller goes, for up to loadTimeout: one that ended with its caller
// would not count, and clients that come and go would ask the endpoint as often as they like.
func (e *endpoint) load(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	loading := &loading{done: make(chan struct{})}
	e.loading = loading
	go func() {
		keys, err := e.fetch(context.WithoutCancel(ctx))
		e.mu.Lock()
		defer e.mu.Unlock()
		loading.err = e.loadedKeys(keys, err)
		e.loading = nil
		close(loading.done)
	}()
	return e.await(ctx)
}

// loadedKeys notes how a load ended. e.mu is held.
func (e *endpoint) loadedKeys(keys keySet, err error) error {
	e.tried = e.now()
	if err == nil {
		e.keys, e.loaded, e.failures = keys, e.tried, 0
		return nil
	}
	e.failures++
	if e.tried.Sub(e.told) >= logPause {
		e.told = e.tried
		e.log.Warn("the keys for tokens are not loaded", "endpoint", e.name, "reason", err.Error(), "attempts", e.failures, "last loaded", e.loaded)
	}
	return fmt.Errorf("%s: %w", e.name, err)
}

// fetch asks the endpoint.
func (e *endpoint) fetch(ctx context.Context) (keySet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := e.client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the URL, which the log has already
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the status is %d: expected 200", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySetBytes+1))
	if err != nil {
		return nil, err
	}
	return parseKeySet(text)
}
