package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

const (
	// MaxTokenAge is how old the list of delegation tokens may be by which a client logs in: a token
	// that was expired or removed at the cluster logs nobody in after this time. It is less than a
	// cluster takes to remove tokens that have ended.
	MaxTokenAge = 5 * time.Second
	// tokensInterval is the least time from one reading of the list to the next. A token that is
	// not in the list is looked for in the next one, so clients with tokens that do not exist cause one
	// question a second, however many they are.
	tokensInterval = time.Second
	// tokensShare bounds the time in which the list is read to 1/tokensShare of all time, as far as the
	// list is then read every MaxTokenAge.
	tokensShare = 10
	// maxTokensAnswer is the size of the largest list, of about 100,000 tokens, which take 35 MiB of
	// memory, and 60 MiB while they are read. Everybody who may log in can make tokens.
	maxTokensAnswer = 16 << 20
	// selfAge is how long it is remembered as whom the cluster knows the program.
	selfAge = time.Minute
)

// Token is a delegation token of the cluster. Its HMAC is the password of a login: do not log it.
type Token struct {
	ops.Token
	Ends time.Time // when it expires
	HMAC []byte
}

// String returns the id and the owner of t, without its HMAC.
func (t Token) String() string { return fmt.Sprintf("delegation token %q of %q", t.ID, t.Owner) }

// GoString returns what String does.
func (t Token) GoString() string { return t.String() }

// ErrNoToken means that the cluster has no such delegation token.
var ErrNoToken = errors.New("the cluster has no such delegation token")

// tokens is what is known of the delegation tokens of the cluster: a list of all of them, since
// Kafka can be asked for owners, and neither for an id nor for an HMAC. It is read when somebody needs
// it, by one at a time, for all that wait. It is safe for concurrent use.
type tokens struct {
	read func(context.Context) ([]kmsg.DescribeDelegationTokenResponseTokenDetail, error)

	mu      sync.Mutex
	reading chan struct{} // closed when the reading that is under way has ended; nil if there is none
	next    time.Time     // of the earliest reading
	changed time.Time     // when a client has changed a token; an older list does not count
	now     *tokenList    // the last one that was read; nil if there is none
	err     error         // why the last reading failed, or nil
	failed  time.Time     // when that began
}

// tokenList is a list of tokens. It never changes.
type tokenList struct {
	began  time.Time // when the cluster was asked
	byID   map[string]*Token
	byHMAC map[string]*Token
}

// find returns the token that pick finds in the list. It waits for a list that is not too old, and if
// there is none in it, for one that was read after the call.
func (t *tokens) find(ctx context.Context, pick func(*tokenList) *Token) (Token, error) {
	asked := time.Now()
	for {
		t.mu.Lock()
		now, err, failed := t.now, t.err, t.failed
		if now != nil && time.Since(now.began) <= MaxTokenAge && now.began.After(t.changed) {
			if found := pick(now); found != nil {
				t.mu.Unlock()
				return *found, nil
			}
			if !now.began.Before(asked) {
				t.mu.Unlock()
				return Token{}, ErrNoToken
			}
		}
		if err != nil && !failed.Before(asked) {
			t.mu.Unlock()
			return Token{}, err
		}
		wait := t.waits()
		t.mu.Unlock()
		if err := wait(ctx); err != nil {
			return Token{}, err
		}
	}
}

// change says that a client has changed a token.
func (t *tokens) change() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed = time.Now()
}

// waits returns what waits until there is another list, or until the next one may be read. If it may
// be now, it reads it. t.mu is held.
func (t *tokens) waits() func(context.Context) error {
	if reading := t.reading; reading != nil {
		return func(ctx context.Context) error {
			select {
			case <-reading:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if pause := time.Until(t.next); pause > 0 {
		return func(ctx context.Context) error {
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	done := make(chan struct{})
	t.reading = done
	return func(context.Context) error { // others wait for it too
		t.renew(done)
		return nil
	}
}

// renew reads the list.
func (t *tokens) renew(done chan struct{}) {
	began := time.Now()
	details, err := t.read(context.Background())
	list := newTokenList(began, details)
	took := time.Since(began)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err = err; err == nil {
		t.now = list
	} else {
		t.failed = began
	}
	t.next = began.Add(min(max(tokensInterval, took*tokensShare), MaxTokenAge))
	t.reading = nil
	close(done)
}

// newTokenList returns the list of what the cluster has answered.
func newTokenList(began time.Time, details []kmsg.DescribeDelegationTokenResponseTokenDetail) *tokenList {
	list := &tokenList{began: began, byID: make(map[string]*Token, len(details)), byHMAC: make(map[string]*Token, len(details))}
	for i := range details {
		d := &details[i]
		if d.TokenID == "" || len(d.HMAC) == 0 {
			continue // of a broker that is not Kafka: an empty password would log in anybody
		}
		t := &Token{Token: gateway.TokenOf(d, began), Ends: time.UnixMilli(min(d.ExpiryTimestamp, d.MaxTimestamp)), HMAC: slices.Clone(d.HMAC)} // not the whole answer
		list.byID[t.ID], list.byHMAC[string(t.HMAC)] = t, t
	}
	return list
}

// self is as whom the cluster knows the program.
type self struct {
	turn  chan struct{} // holds something while somebody asks or reads the rest
	name  string
	code  ops.ErrorCode // why the name is unknown
	until time.Time     // when name and code are to be asked for again
}

// Tokens are the delegation tokens of the upstream, for gateway.Client.Tokens and for logins with
// tokens. It asks with the identity of the program, which must be a super user at the upstream. It
// is safe for concurrent use; see [Cluster.OpenTokens].
type Tokens struct {
	cluster *Cluster
	client  *kgo.Client
	list    tokens
	self    self
}

// OpenTokens lets clients use the delegation tokens of the upstream: their requests are served, if
// the brokers serve what that needs (Kafka 3.3), and [Cluster.Tokens] returns them. Call it once, before
// the first Refresh. The error is that of a client of franz-go.
func (c *Cluster) OpenTokens() error {
	client, err := c.NewClient(asItIs, kgo.BrokerMaxReadBytes(maxTokensAnswer), kgo.FetchMaxBytes(maxTokensAnswer)) // which may not be more
	if err != nil {
		return err
	}
	c.tokens = &Tokens{cluster: c, client: client, self: self{turn: make(chan struct{}, 1)}}
	c.tokens.list.read = c.tokens.describe
	return nil
}

// asItIs is the connection of a client of the program itself.
func asItIs(raw net.Conn) net.Conn { return raw }

// Tokens returns the delegation tokens of the upstream, or nil if clients do not use them.
func (c *Cluster) Tokens() *Tokens { return c.tokens }

// ask sends a request to any broker.
func (t *Tokens) ask(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	stop := context.AfterFunc(t.cluster.ctx, cancel)
	defer stop()
	return t.client.Request(ctx, request)
}

// describe reads all tokens.
func (t *Tokens) describe(ctx context.Context) ([]kmsg.DescribeDelegationTokenResponseTokenDetail, error) {
	response, err := t.ask(ctx, kmsg.NewPtrDescribeDelegationTokenRequest())
	if tooLarge(err) {
		return nil, fmt.Errorf("the list of delegation tokens has more than %d bytes", maxTokensAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("the list of delegation tokens: %w", err)
	}
	r := response.(*kmsg.DescribeDelegationTokenResponse)
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return nil, fmt.Errorf("the list of delegation tokens: %w", err)
	}
	return r.TokenDetails, nil
}

// ByID returns the token with an id, as a login needs it: what it returns is at most MaxTokenAge old.
// For a token that does not exist it waits for a list that is read after the call, a
// second as a rule, and returns ErrNoToken. Another error says why the list cannot be read.
func (t *Tokens) ByID(ctx context.Context, id string) (Token, error) {
	return t.list.find(ctx, func(l *tokenList) *Token { return l.byID[id] })
}

// Of returns the tokens for one connection, for gateway.Client.Tokens: once ctx is done, nothing is
// waited for. before, if not nil, is called before a question that may take time: see Asker.Before.
func (t *Tokens) Of(ctx context.Context, before func()) gateway.Tokens {
	if before == nil {
		before = func() {}
	}
	return tokensOf{t, ctx, before}
}

// tokensOf are the tokens for one connection.
type tokensOf struct {
	tokens *Tokens
	ctx    context.Context
	before func()
}

// Find returns the token with an HMAC, for [gateway.Tokens].
func (t tokensOf) Find(hmac []byte) (ops.Token, ops.ErrorCode) {
	t.before()
	found, err := t.tokens.list.find(t.ctx, func(l *tokenList) *Token { return l.byHMAC[string(hmac)] })
	switch code := codeOf(err); {
	case err == nil:
		found.Expired = time.Now().After(found.Ends)
		return found.Token, ops.None
	case errors.Is(err, ErrNoToken):
		return ops.Token{}, ops.DelegationTokenNotFound
	default:
		return ops.Token{}, code
	}
}

// Changed makes logins wait for a list that is read after the change, for [gateway.Tokens].
func (t tokensOf) Changed() { t.tokens.list.change() }

// codeOf returns the code for an error of a question: that of the broker, if it has answered with one.
func codeOf(err error) ops.ErrorCode {
	var answered *kerr.Error
	if errors.As(err, &answered) {
		return ops.ErrorCode(answered.Code)
	}
	return ops.RequestTimedOut // so that clients try again
}

// Self returns as whom the upstream knows the program, for [gateway.Tokens].
func (t tokensOf) Self() (string, ops.ErrorCode) {
	t.before()
	s := &t.tokens.self
	select {
	case s.turn <- struct{}{}:
	case <-t.ctx.Done():
		return "", ops.RequestTimedOut
	}
	defer func() { <-s.turn }()
	if time.Now().After(s.until) {
		s.name, s.code = t.tokens.askSelf(context.Background()) // others wait for it too
		age := selfAge
		if s.code != ops.None {
			age = tokensInterval
		}
		s.until = time.Now().Add(age)
	}
	return s.name, s.code
}

// askSelf asks a broker who the program is. No request is for that. But a broker refuses to create a
// token with a renewer that is no user before it passes the request on, and its answer names the
// requester. If another broker than Kafka's creates it, it has ended at once.
//
// Source: Kafka's KafkaApis.handleCreateTokenRequest.
func (t *Tokens) askSelf(ctx context.Context) (string, ops.ErrorCode) {
	request := kmsg.NewPtrCreateDelegationTokenRequest()
	request.MaxLifetimeMillis = 1
	request.Renewers = []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "None", PrincipalName: "none"}}
	response, err := t.ask(ctx, request)
	if err != nil {
		return "", codeOf(err)
	}
	r := response.(*kmsg.CreateDelegationTokenResponse)
	if code := ops.ErrorCode(r.ErrorCode); code != ops.InvalidPrincipalType {
		if code == ops.None {
			code = ops.DelegationTokenRequestNotAllowed
		}
		return "", code
	}
	if r.TokenRequesterPrincipalType != "User" || r.TokenRequesterPrincipalName == "" {
		return "", ops.InvalidPrincipalType // which could renew no token
	}
	return "User:" + r.TokenRequesterPrincipalName, ops.None
}

// forget drops what depends on the login of the program.
func (t *Tokens) forget() {
	t.self.turn <- struct{}{}
	t.self.until = time.Time{}
	<-t.self.turn
}

// tokenAPIs are the requests about tokens.
var tokenAPIs = []ops.APIKey{ops.CreateDelegationTokenKey, ops.RenewDelegationTokenKey, ops.ExpireDelegationTokenKey, ops.DescribeDelegationTokenKey}

// tokenVersion is the version of requests about tokens that a broker must serve for clients to use
// tokens: that with owners and requesters.
//
// Source: KIP-373.
const tokenVersion = 3

// servesTokens reports whether a broker serves what the tokens of clients need.
func servesTokens(versions []kmsg.ApiVersionsResponseApiKey) bool {
	needed := 0
	for _, k := range versions {
		if key := ops.APIKey(k.ApiKey); (key == ops.CreateDelegationTokenKey || key == ops.DescribeDelegationTokenKey) && k.MaxVersion >= tokenVersion {
			needed++
		}
	}
	return needed == 2
}

// refuses returns why requests are not served regardless of the ACLs, or "". versions is what the
// broker serves.
func (c *Cluster) refuses(key ops.APIKey, versions []kmsg.ApiVersionsResponseApiKey) string {
	switch reason, refused := unserved[key]; {
	case !refused:
		return ""
	case c.tokens == nil || !slices.Contains(tokenAPIs, key):
		return reason
	case !servesTokens(versions):
		return "the broker does not serve what the delegation tokens of clients need (Kafka 3.3)"
	}
	return ""
}
