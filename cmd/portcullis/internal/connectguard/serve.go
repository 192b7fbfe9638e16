package connectguard

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/connect/guard"
	"github.com/portcullis-authz/portcullis/gateway/proxy/oauth"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// Limits of the server.
const (
	// headerTime is how long a client may take for the head of a request, and bodyTime for all of it.
	headerTime = 10 * time.Second
	bodyTime   = guard.BodyTimeout + headerTime
	// answerTime is how long a request may take: that of the worker, and of a slow client to read.
	answerTime = guard.DefaultTimeout + time.Minute
	idleTime   = 2 * time.Minute
	// maxHeaderBytes holds the longest token.
	maxHeaderBytes = httpauth.MaxAuthorization + 16<<10
	// maxConnections is far above what people and deployment tools need.
	maxConnections = 1000
	// drainTime is how long requests in progress may take when the guard ends.
	drainTime = 10 * time.Second
	// poll is how often the files are looked at.
	poll = 5 * time.Second
)

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	addr, errAddr := netip.ParseAddr(host)
	return err == nil && errAddr == nil && addr.IsLoopback()
}

// server is what the flags say, once their files are read.
type server struct {
	guard    *guard.Guard
	auth     *httpauth.Authenticator
	tls      *tls.Config // nil without TLS
	tokens   *oauth.Verifier
	policy   guard.ByRoles
	bindings int
	followed []*followed
}

// followed is a file that is read again when it changes.
type followed struct {
	flag string
	path string
	seen fs.FileInfo
	read func() error
	// failed is what was wrong when it was read last: it is read until that works, because it may
	// need another file that changes later, and reported once.
	failed string
}

// load reads the file for the first time.
func (f *followed) load() error {
	f.seen, _ = os.Stat(f.path)
	return f.read()
}

// look reads the file again if it has changed. What cannot be used is reported once.
func (f *followed) look(log *slog.Logger) {
	now, err := os.Stat(f.path)
	if f.failed == "" && err == nil && f.seen != nil && os.SameFile(now, f.seen) && now.Size() == f.seen.Size() && now.ModTime().Equal(f.seen.ModTime()) {
		return
	}
	f.seen = now
	if err != nil {
		f.seen = nil
	}
	if err := f.read(); err != nil {
		if f.failed != err.Error() {
			f.failed = err.Error()
			log.Error("what was read before stays in force", "flag", f.flag, "error", err)
		}
		return
	}
	f.failed = ""
	log.Info("read again", "flag", f.flag)
}

// open reads the files. It opens no port, and connects to nothing.
func (g *command) open(log *slog.Logger) (*server, error) {
	s := &server{}
	var errs cli.Errors
	errs.Add(s.follow("roles", g.roles.Text, func() error { return s.readRoles(g.roles.Text, g.cluster.Text) }))
	config := httpauth.Config{Certificates: g.clientCA.Given, WithoutTLS: g.withoutTLS, Report: func(r *http.Request, err error) {
		log.Info("denied", "host", r.RemoteAddr, "method", lines.Cut(r.Method, 20), "reason", lines.Cut(err.Error(), 400))
	}}
	errs.Add(g.addNames(&config))
	errs.Add(g.addLogins(s, &config, log))
	errs.Add(g.addTLS(s))
	transport, err := g.transport()
	errs.Add(err)
	if errs.Join() != nil {
		return nil, errs.Join()
	}
	if s.auth, err = httpauth.New(config); err != nil {
		return nil, err
	}
	s.guard, err = guard.New(guard.Config{Authorizer: &s.policy, Worker: g.worker.Text, Transport: transport, Recorder: guard.NewLogRecorder(log),
		Report: func(err error) { log.Error("worker", "error", err) }})
	if err != nil {
		return nil, fmt.Errorf("--worker: %w", err)
	}
	return s, nil
}

// follow reads a file, now and when it changes.
func (s *server) follow(flag, path string, read func() error) error {
	f := &followed{flag: "--" + flag, path: path, read: read}
	s.followed = append(s.followed, f)
	return f.load()
}

// addNames adds the mapping rules and the groups.
func (g *command) addNames(config *httpauth.Config) error {
	rules, err := principal.ParseSSLRules(g.rules.Text, 0)
	if err != nil {
		return fmt.Errorf("--ssl-rules: %w", err)
	}
	if config.Names, err = principal.NewBuilder(principal.BuilderConfig{SSLRules: rules}); err != nil {
		return err
	}
	if g.groups.Given {
		file, err := groups.NewFile(g.groups.Text, poll, groups.DefaultKeep)
		if err != nil {
			return fmt.Errorf("--groups: %w", err)
		}
		config.Groups = file.Groups
	}
	return nil
}

// addLogins adds passwords and tokens.
func (g *command) addLogins(s *server, config *httpauth.Config, log *slog.Logger) error {
	var errs cli.Errors
	if g.users.Given {
		users := &passwords{}
		config.Passwords = users
		errs.Add(s.follow("users", g.users.Text, func() error { return users.load(g.users.Text) }))
	}
	if g.tokenKeys.Given {
		var err error
		s.tokens, err = g.verifier(log)
		errs.AddOf("--token-keys", err)
		config.Tokens = tokens{s.tokens}
	}
	return errs.Join()
}

// addTLS adds the certificate of the guard, and the issuers of those of clients.
func (g *command) addTLS(s *server) (err error) {
	if !g.cert.Given {
		return nil
	}
	var errs cli.Errors
	certificate := &certificate{}
	errs.Add(s.follow("tls-cert", g.cert.Text, func() error { return certificate.load(g.cert.Text, g.key.Text) }))
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
	if g.clientCA.Given {
		s.tls.ClientCAs, err = secretfile.ReadPool("tls-client-ca", g.clientCA.Text)
		errs.Add(err)
		s.tls.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return errs.Join()
}

// readRoles puts the bindings of a file in force.
func (s *server) readRoles(file, cluster string) error {
	doc, err := aclset.ReadRoles(file)
	if err != nil {
		return err
	}
	table, registry, err := doc.Check()
	if err != nil {
		return fmt.Errorf("%s: %w", cli.FileName(file), err)
	}
	scope := role.Scope{Name: cluster}
	if kafka, component, ok := strings.Cut(cluster, "/"); ok {
		scope = role.Scope{Kafka: kafka, Connect: component}
	}
	resolved, err := registry.Resolve(scope)
	if err == nil && resolved.Connect == "" {
		err = errors.New("it is no Connect cluster")
	}
	if err != nil {
		return fmt.Errorf("--connect-cluster %s: %w: expected the name of a Connect cluster in %s, or KAFKA-ID/CONNECT-ID", enum.Quote(cluster), err, cli.FileName(file))
	}
	access, err := role.NewAccess(table, registry, resolved, slices.Values(doc.Bindings))
	if err != nil {
		return fmt.Errorf("%s: %w", cli.FileName(file), err)
	}
	if access.Len() == 0 {
		return fmt.Errorf("%s has no role binding of the Connect cluster %s: expected at least one", cli.FileName(file), lines.Printable(cluster))
	}
	s.policy.Set(access)
	s.bindings = access.Len()
	return nil
}

// verifier returns the verifier of tokens.
func (g *command) verifier(log *slog.Logger) (*oauth.Verifier, error) {
	c := oauth.Config{Issuer: g.tokenIssuer.Text, Audiences: g.tokenAudiences, ClockSkew: oauth.DefaultClockSkew, Logger: log}
	if strings.Contains(g.tokenKeys.Text, "://") {
		c.Endpoint = g.tokenKeys.Text
	} else {
		text, err := cli.ReadConfig(g.tokenKeys.Text, nil)
		if err != nil {
			return nil, err
		}
		c.JWKS = text
	}
	return oauth.New(c)
}

// transport returns how the worker is reached. It is nil without flags about that: then the guard
// has its own.
func (g *command) transport() (http.RoundTripper, error) {
	if !g.workerCA.Given && !g.workerCert.Given {
		return nil, nil
	}
	var errs cli.Errors
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if g.workerCA.Given {
		config.RootCAs, err = secretfile.ReadPool("worker-ca", g.workerCA.Text)
		errs.Add(err)
	}
	if g.workerCert.Given {
		pair, err := tls.LoadX509KeyPair(g.workerCert.Text, g.workerKey.Text)
		if err != nil {
			errs.Refuse("--worker-cert, --worker-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return guard.NewTransport(config), errs.Join()
}

// describe says what is configured.
func (s *server) describe(g *command) string {
	var by []string
	for _, each := range []struct {
		given bool
		name  string
	}{{g.clientCA.Given, "certificates"}, {g.users.Given, "passwords"}, {g.tokenKeys.Given, "tokens"}} {
		if each.given {
			by = append(by, each.name)
		}
	}
	return fmt.Sprintf("%s for %s, by %s; role bindings: %d", lines.Printable(g.listen), lines.Printable(g.worker.Text), strings.Join(by, ", "), s.bindings)
}

// serve serves clients until ctx is done.
func (s *server) serve(ctx context.Context, g *command, log *slog.Logger) error {
	if s.tokens != nil {
		if err := s.tokens.Load(ctx); err != nil {
			return fmt.Errorf("--token-keys: %w", err)
		}
	}
	listener, err := net.Listen("tcp", g.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	listener = netutil.LimitListener(listener, maxConnections)
	address := listener.Addr().String()
	if s.tls != nil {
		listener = tls.NewListener(listener, s.tls)
	}
	web := &http.Server{Handler: s.auth.Middleware(s.guard), ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	log.Info("serving", "address", address, "worker", g.worker.Text, "bindings", s.bindings)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		s.followFiles(ctx, log)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		return cmp.Or(web.Shutdown(ending), web.Close())
	})
	return group.Wait()
}

// followFiles reads changed files until ctx is done.
func (s *server) followFiles(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, f := range s.followed {
				f.look(log)
			}
		}
	}
}

// passwords are the users of a file that may change.
type passwords struct {
	mu    sync.RWMutex
	users *httpauth.Users
}

func (p *passwords) load(file string) error {
	found := map[string]string{}
	err := secretfile.ReadLines(file, func(line string) (wrong, expected string) {
		user, password, err := secretfile.ReadPassword(line)
		_, twice := found[user]
		if err != nil || user == "" || password == "" || twice {
			return "a line", `user:password, or "user":"password" with JSON strings; each user once` // the line may have a password
		}
		found[user] = password
		return "", ""
	})
	if err != nil {
		return err
	}
	users, err := httpauth.NewUsers(found)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users = users
	return nil
}

// VerifyPassword asks the users that are in force.
func (p *passwords) VerifyPassword(ctx context.Context, user, password string) error {
	p.mu.RLock()
	users := p.users
	p.mu.RUnlock()
	return users.VerifyPassword(ctx, user, password)
}

// tokens are those of a verifier.
type tokens struct{ *oauth.Verifier }

// VerifyToken verifies a token.
func (t tokens) VerifyToken(ctx context.Context, token string) (httpauth.Owner, error) {
	owner, err := t.Verifier.VerifyToken(ctx, token)
	if err != nil {
		return httpauth.Owner{}, err
	}
	list, err := groups.Sorted(owner.Groups)
	return httpauth.Owner{Name: owner.Name, Groups: list}, err
}

// certificate is that of the guard, whose file may change.
type certificate struct {
	mu   sync.RWMutex
	pair *tls.Certificate
}

func (c *certificate) load(cert, key string) error {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pair = &pair
	return nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.pair, nil
}
