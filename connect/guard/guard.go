package guard

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
)

// Defaults of [Config].
const (
	// DefaultTimeout is how long a worker may take for an answer: as long as a worker waits for its
	// leader (90 s), and a little more.
	DefaultTimeout = 100 * time.Second
	// DefaultMaxAnswer is how many bytes an answer may have: the configurations and the states of
	// 5,000 connectors.
	DefaultMaxAnswer = 16 << 20
	// DefaultInFlight is how many requests may be at the workers at a time. It limits the memory
	// for answers.
	DefaultInFlight = 32
	// BodyTimeout is how long a client may take to send the body of a request.
	BodyTimeout = 30 * time.Second
)

// Config says what a Guard does. Authorizer and Worker are required.
type Config struct {
	// Authorizer decides.
	Authorizer Authorizer
	// Worker is the URL of a worker, such as http://127.0.0.1:8083: a scheme, a host and a port.
	Worker string
	// Transport sends requests to the worker. Nil is [NewTransport] without certificates of its
	// own. See also [Behind].
	Transport http.RoundTripper
	// Recorder receives the events. Nil discards them.
	Recorder Recorder
	// Secret reports whether the value of a setting is a secret, in addition to those for which
	// the guard takes it (connect.Secrets). It may be nil.
	Secret func(key, value string) bool
	// Report receives errors of the worker. Nil discards them.
	Report func(error)
	// Timeout, MaxBody, MaxAnswer and InFlight are limits; 0 means the default.
	Timeout            time.Duration
	MaxBody, MaxAnswer int64
	InFlight           int
	// Now is the clock for events; nil means time.Now.
	Now func() time.Time
}

// Guard is an HTTP handler in front of a worker. The identity of the client is in the context of
// the request: put it behind [httpauth.Authenticator.Middleware]. It is safe for concurrent use.
// The zero Guard, and a nil one, deny everything.
type Guard struct {
	c      Config
	worker *url.URL
	room   chan struct{}
}

// New returns a Guard. It connects to nothing.
func New(c Config) (*Guard, error) {
	worker, err := url.Parse(c.Worker)
	switch {
	case c.Authorizer == nil:
		return nil, errors.New("guard: expected an Authorizer")
	case err != nil || worker.Scheme != "http" && worker.Scheme != "https" || worker.Host == "" || strings.Trim(worker.Path, "/") != "" ||
		worker.RawQuery != "" || worker.Fragment != "" || worker.User != nil:
		return nil, errors.New("guard: expected the URL of a worker with a scheme, a host and a port alone, such as http://127.0.0.1:8083")
	case c.Timeout < 0 || c.MaxBody < 0 || c.MaxAnswer < 0 || c.InFlight < 0:
		return nil, errors.New("guard: expected limits that are not negative")
	}
	c.Timeout, c.MaxBody = cmp.Or(c.Timeout, DefaultTimeout), cmp.Or(c.MaxBody, DefaultMaxBody)
	c.MaxAnswer, c.InFlight = cmp.Or(c.MaxAnswer, DefaultMaxAnswer), cmp.Or(c.InFlight, DefaultInFlight)
	if c.Transport == nil {
		c.Transport = NewTransport(nil)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Guard{c: c, worker: worker, room: make(chan struct{}, c.InFlight)}, nil
}

// NewTransport returns a transport to a worker. config is for https; nil trusts the authorities of
// the system. It uses no proxy of the environment, and limits the head of an answer.
func NewTransport(config *tls.Config) *http.Transport {
	return &http.Transport{DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: DefaultInFlight, IdleConnTimeout: time.Minute, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}
}

// refusal is an answer of the guard itself.
type refusal struct {
	status  int
	message string // for the client
	reason  string // for the event
}

func (g *Guard) deny(reason string) *refusal {
	return &refusal{http.StatusForbidden, "you may not do this, or there is no such connector", reason}
}

func badRequest(status int, err error) *refusal { return &refusal{status, err.Error(), err.Error()} }

// ServeHTTP answers a request: by a refusal, or by what the worker answers, as far as the client
// may see it.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g == nil || g.room == nil {
		answerError(w, http.StatusForbidden, "nothing is allowed here")
		return
	}
	q := &question{guard: g, request: r}
	q.who, _ = httpauth.FromContext(r.Context())
	refused := q.decide(w)
	if err := g.record(q.event(refused)); err != nil {
		g.report(fmt.Errorf("an event was not recorded: %w", err))
		refused = &refusal{http.StatusServiceUnavailable, "decisions cannot be recorded", ""}
	}
	if refused != nil {
		answerError(w, refused.status, refused.message)
		return
	}
	q.forward(w)
}

func (g *Guard) record(e *Event) error {
	if g.c.Recorder == nil {
		return nil
	}
	return g.c.Recorder.Record(e)
}

func (g *Guard) report(err error) {
	if g.c.Report != nil {
		g.c.Report(err)
	}
}

// question is a request while it is decided and answered.
type question struct {
	guard     *Guard
	request   *http.Request
	who       httpauth.Identity
	target    target
	body      body
	connector string // that it is about
	reason    string // why it is allowed
}

// decide returns nil if the request is allowed. It reads a body last, and only from somebody who
// holds the right on the connector, or, if the body names that, on any.
func (q *question) decide(w http.ResponseWriter) *refusal {
	if q.who.Principal.IsZero() {
		return &refusal{http.StatusUnauthorized, "log in first", "the client is not known"}
	}
	if err := new(http.CrossOriginProtection).Check(q.request); err != nil {
		return badRequest(http.StatusForbidden, errors.New("a browser sends this for a page of another origin"))
	}
	t, status, err := find(q.request.Method, q.request.URL.EscapedPath(), q.request.URL.RawQuery)
	if err != nil {
		return badRequest(status, err)
	}
	q.target, q.connector = t, t.connector
	if refused := q.beforeBody(); refused != nil {
		return refused
	}
	if t.route.body == bodyNone {
		return nil
	}
	if !isJSON(q.request.Header) {
		return badRequest(http.StatusUnsupportedMediaType, errors.New("expected the Content-Type application/json, and no Content-Encoding"))
	}
	// Servers that are not net/http have timeouts of their own. A deadline that is left would end
	// the request while the worker works on it.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(BodyTimeout))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	if q.body, status, err = readBody(&q.target, q.request, q.guard.c.MaxBody); err != nil {
		return badRequest(status, err)
	}
	if t.connector == "" && q.body.config != nil {
		q.connector = q.body.connector
		return q.afterBody()
	}
	return nil
}

// isJSON reports whether a body is said to be JSON. Pages of other origins cannot say that.
func isJSON(h http.Header) bool {
	kind, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := parameters["charset"]
	return err == nil && kind == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8")) && h.Get("Content-Encoding") == ""
}

// beforeBody decides as far as the path tells.
func (q *question) beforeBody() *refusal {
	authorizer := q.guard.c.Authorizer
	switch {
	case q.target.connector != "":
		return q.all(q.target.needs, ConnectorType, q.target.connector)
	case q.target.answer == answerList:
		return q.anyRight()
	case q.target.route.body == bodyCreate, q.target.route.body == bodyValidate:
		for _, op := range q.mayHold() {
			if ok, _ := authorizer.AuthorizeAny(q.who, op, ConnectorType); ok {
				return nil
			}
		}
		return q.guard.deny("no right to create or to configure any connector")
	}
	refused := q.all(q.target.needs, ClusterType, ClusterName)
	if refused != nil && slices.Equal(q.target.needs, []Operation{ReadPlugins}) {
		return q.anyRight()
	}
	return refused
}

// mayHold are the operations of which one is needed: to validate a configuration is to try what
// creating or changing the connector would do.
func (q *question) mayHold() []Operation {
	if q.target.route.body == bodyValidate {
		return []Operation{Create, Configure}
	}
	return []Operation{Create}
}

// afterBody decides about the connector that a body names.
func (q *question) afterBody() (refused *refusal) {
	for _, op := range q.mayHold() {
		if refused = q.all([]Operation{op}, ConnectorType, q.connector); refused == nil {
			return nil
		}
	}
	return refused
}

func (q *question) anyRight() *refusal {
	ok, reason := q.guard.c.Authorizer.AuthorizeAny(q.who, "", ConnectorType)
	if !ok {
		return q.guard.deny(reason)
	}
	q.reason = reason
	return nil
}

// all returns nil if all operations are allowed.
func (q *question) all(operations []Operation, resourceType, name string) *refusal {
	if len(operations) == 0 {
		return q.guard.deny("the request needs a right that nobody has")
	}
	for _, op := range operations {
		ok, reason := q.guard.c.Authorizer.Authorize(q.who, op, resourceType, name)
		if !ok {
			return q.guard.deny(reason)
		}
		q.reason = reason
	}
	return nil
}

func (q *question) holds(op Operation, connector string) bool {
	ok, _ := q.guard.c.Authorizer.Authorize(q.who, op, ConnectorType, connector)
	return ok
}

func (q *question) event(refused *refusal) *Event {
	e := &Event{Time: q.guard.c.Now(), Who: q.who, Method: q.request.Method, Path: q.request.URL.EscapedPath(), Connector: q.connector, Allowed: refused == nil, Reason: q.reason}
	if refused != nil {
		e.Reason = refused.reason
	}
	if q.target.route != nil {
		e.Path, e.Operations = q.target.path, q.target.needs
		if q.target.route.body == bodyValidate {
			e.Operations = q.mayHold()
		}
	}
	e.Method, e.Path = lines.Cut(e.Method, maxEventText), lines.Cut(e.Path, maxEventText)
	return e
}

// errFull means that InFlight requests are at the workers.
var errFull = errors.New("too many requests at a time")

// forward sends the request on and answers with what the worker answers.
func (q *question) forward(w http.ResponseWriter) {
	g := q.guard
	select {
	case g.room <- struct{}{}:
		defer func() { <-g.room }()
	default:
		w.Header().Set("Retry-After", "1")
		answerError(w, http.StatusServiceUnavailable, errFull.Error())
		return
	}
	ctx, cancel := context.WithTimeout(q.request.Context(), g.c.Timeout)
	defer cancel()
	status, text, err := g.ask(ctx, q.target.method, q.target.path, q.target.query, q.body.text)
	var answer []byte
	if err == nil {
		answer, err = q.answer(ctx, status, text)
	}
	if err != nil {
		g.report(err)
		answerError(w, http.StatusBadGateway, "the worker does not answer as expected")
		return
	}
	write(w, status, answer)
}

// ask sends a request of the guard's own making to the worker, and reads the answer.
func (g *Guard) ask(ctx context.Context, method, path, query string, body []byte) (status int, answer []byte, err error) {
	u := *g.worker
	if u.Path, err = url.PathUnescape(path); err != nil {
		return 0, nil, err
	}
	u.RawPath, u.RawQuery = path, query
	request, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = http.Header{"Accept": {"application/json"}, "User-Agent": {"portcullis"}}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := g.c.Transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, g.c.MaxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, err
	case int64(len(answer)) > g.c.MaxAnswer:
		return 0, nil, fmt.Errorf("the worker's answer has more than %d bytes", g.c.MaxAnswer)
	case response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices && response.StatusCode < http.StatusBadRequest:
		return 0, nil, fmt.Errorf("the worker answers with the status %d", response.StatusCode)
	}
	return response.StatusCode, answer, nil
}

// answerError answers as a worker does.
func answerError(w http.ResponseWriter, status int, message string) {
	text, _ := encode(map[string]any{"error_code": status, "message": message})
	write(w, status, text)
}

func write(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h.Set("Cache-Control", "no-store") // what is masked depends on the client
	h.Set("X-Content-Type-Options", "nosniff")
	if len(text) > 0 {
		h.Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone
}
