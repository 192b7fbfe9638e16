package oauth

import (
	"context"
	"crypto/sha256"
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

	pauses "github.com/portcullis-authz/portcullis/internal/pause"
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
	// are not logged in cause them, with any token. A client whose key is new waits for that long at
	// the most, however many others send tokens of keys that nobody has.
	unknownKeyPause = time.Second
	// missingKeyPause is the least time between two loads for the same unknown key: clients that are
	// configured wrongly try again and again.
	//
	// Source: Kafka's RefreshingHttpsJwks has a minute.
	missingKeyPause = 10 * time.Second
	// maxMissingKeys is how many unknown keys are remembered, of 56 bytes each. Beyond that some are
	// looked for earlier, and unknownKeyPause counts.
	maxMissingKeys = 1024
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
	loaded   time.Time     // when keys was loaded; zero means never
	tried    time.Time     // when the last load began, or ended
	failure  error         // of the last load
	failures int           // since keys was loaded
	told     time.Time     // when the log last said so
	loading  chan struct{} // closed when the load that is under way ends; nil if there is none
	begun    int           // loads that have begun
	missing  missingKeys
}

// missingKeys are keys that were not among those of the endpoint, with the time of the load. The names
// are of clients that are not logged in, so they are kept as hashes. It is bounded by maxMissingKeys.
type missingKeys map[[sha256.Size]byte]time.Time

func missingKey(header jose.Header) [sha256.Size]byte {
	return sha256.Sum256([]byte(kindOf(header.Algorithm) + " " + header.KeyID))
}

// add notes that a load has not brought the key of a token.
func (m *missingKeys) add(header jose.Header, loaded time.Time) {
	if *m == nil || len(*m) >= maxMissingKeys {
		*m = make(missingKeys)
	}
	(*m)[missingKey(header)] = loaded
}

// recent reports whether a load was without the key of a token just now.
func (m *missingKeys) recent(header jose.Header, now time.Time) bool {
	loaded, found := (*m)[missingKey(header)]
	return found && now.Sub(loaded) < missingKeyPause
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
		config.Logger.Warn("the keys for tokens come without TLS: anyone who can listen on that port can log in as any user", "endpoint", location.Host)
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
	return nil, errors.New("the endpoint: expected https: anyone who can change its answers can log in as any user; http is for loopback addresses only")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// Load loads the keys of the endpoint, unless they are loaded and not older than Config.Refresh.
// Without an endpoint it does nothing. Call it before clients log in, so that a wrong endpoint
// is noticed. It ends after ten seconds, and when ctx is done.
func (v *Verifier) Load(ctx context.Context) error {
	e := v.remote
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.loading != nil {
		if err := e.await(ctx); err != nil {
			return err
		}
	}
	if !e.stale() {
		return nil
	}
	e.load()
	if err := e.await(ctx); err != nil {
		return err
	}
	return e.failure
}

// keysFor returns the keys for a token with this header. See [Verifier.VerifyToken].
func (e *endpoint) keysFor(ctx context.Context, header jose.Header) (keySet, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.seek(ctx, header); err != nil {
		return nil, err
	}
	if e.loaded.IsZero() || e.now().Sub(e.loaded) > e.maxAge {
		return nil, errors.New("the keys of the endpoint could not be loaded in time: no token is accepted")
	}
	return e.keys, nil
}

// stale reports whether the keys are to be loaded again because of their age. e.mu is held.
func (e *endpoint) stale() bool { return e.loaded.IsZero() || e.now().Sub(e.loaded) >= e.refresh }

// seek loads the keys if they are old. If the key of a token is not among them, it waits for a load that
// begins after the token came: the key may be newer than a load that is under way. It does not wait if the
// pause after failures is longer than unknownKeyPause. e.mu is held, and not while it waits.
func (e *endpoint) seek(ctx context.Context, header jose.Header) (err error) {
	for came := e.begun; err == nil; {
		unknown := e.keys.find(header) == nil
		switch {
		case unknown && e.loading != nil:
			err = e.await(ctx)
			continue
		case e.loading != nil || !unknown && !e.stale():
			return nil
		case e.begun > came:
			if unknown && e.failures == 0 {
				e.missing.add(header, e.tried)
			}
			return nil
		case unknown && !e.stale() && e.missing.recent(header, e.now()):
			return nil
		}
		pause := e.pause(unknown && !e.stale())
		switch {
		case pause <= 0:
			e.load() // an error is logged
			err = e.await(ctx)
		case !unknown || pause > unknownKeyPause:
			return nil
		default:
			err = e.sleep(ctx, pause)
		}
	}
	return err
}

// pause returns how long it is until the keys may be loaded, because of an unknown key or of their age.
// e.mu is held.
func (e *endpoint) pause(unknown bool) (pause time.Duration) {
	if unknown {
		pause = unknownKeyPause
	}
	if e.failures > 0 {
		pause = max(pause, e.backoff(e.failures))
	}
	if e.tried.IsZero() {
		return 0
	}
	return pause - e.now().Sub(e.tried)
}

// sleep waits for some time. e.mu is held, and not while it waits.
func (e *endpoint) sleep(ctx context.Context, pause time.Duration) error {
	e.mu.Unlock()
	defer e.mu.Lock()
	if !pauses.Sleep(ctx, pause) {
		return ctx.Err()
	}
	return nil
}

// await waits for the load that is under way. e.mu is held, and not while it waits.
func (e *endpoint) await(ctx context.Context) error {
	loading := e.loading
	e.mu.Unlock()
	defer e.mu.Lock()
	select {
	case <-loading:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load begins to load the keys. e.mu is held; no other load is under way. It ends after loadTimeout
// at the latest, whether a client still waits for it or not: one that has gone counts as well, so that
// clients that come and go do not make it ask more often.
func (e *endpoint) load() {
	done := make(chan struct{})
	e.loading, e.tried = done, e.now()
	e.begun++
	go func() {
		keys, err := e.fetch(context.Background()) // the client of the endpoint has its own time
		e.mu.Lock()
		defer e.mu.Unlock()
		e.loading, e.tried = nil, e.now()
		e.loadedNow(keys, err)
		close(done)
	}()
}

// loadedNow stores what a load has brought. e.mu is held.
func (e *endpoint) loadedNow(keys keySet, err error) {
	if err == nil {
		e.keys, e.loaded, e.failures, e.failure = keys, e.tried, 0, nil
		return
	}
	e.failures++
	e.failure = fmt.Errorf("%s: %w", e.name, err)
	if e.tried.Sub(e.told) < logPause {
		return
	}
	e.told = e.tried
	e.log.Warn("the keys for tokens are not loaded", "endpoint", e.name, "reason", err.Error(), "attempts", e.failures, "last loaded", e.loaded)
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
