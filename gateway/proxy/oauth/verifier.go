package oauth

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Kafka's defaults.
//
// Source: Kafka's SaslConfigs.
const (
	DefaultClockSkew       = 30 * time.Second
	DefaultRefresh         = time.Hour
	DefaultRetryBackoff    = 100 * time.Millisecond
	DefaultRetryBackoffMax = 10 * time.Second
	DefaultSubjectClaim    = "sub"
	DefaultScopeClaim      = "scope"
)

// MaxTokenBytes is the size of the largest token. Servers of HTTP, which issuers make their
// tokens for, take 8 to 32 KiB in a header.
const MaxTokenBytes = 64 << 10

// maxHeaderBytes is the size of the largest header of a token, encoded. The header is read
// before the signature can be checked. It has names, and at most a chain of certificates.
const maxHeaderBytes = 8 << 10

// Config says which tokens are accepted. The zero Config is invalid: it has no keys.
type Config struct {
	// JWKS is a JSON Web Key Set (RFC 7517). Either JWKS or Endpoint is required.
	JWKS []byte
	// Endpoint is the URL of a key set: https, or http if the host is a loopback address.
	Endpoint string
	// TLS is for the endpoint. Nil means that the authorities of the system count.
	TLS *tls.Config
	// Refresh is the age at which the keys of the endpoint are loaded again, by the next
	// token; 0 means DefaultRefresh. See [Verifier.VerifyToken].
	Refresh time.Duration
	// RetryBackoff is the pause after a failed load. It doubles with each further failure, up
	// to RetryBackoffMax. 0 means DefaultRetryBackoff and DefaultRetryBackoffMax.
	RetryBackoff, RetryBackoffMax time.Duration
	// Issuer is the expected value of the claim iss. It is required unless AnyIssuer is set.
	Issuer    string
	AnyIssuer bool
	// Audiences are the expected audiences. The claim aud, a string or a list, must have one
	// of them. They are required unless AnyAudience is set.
	Audiences   []string
	AnyAudience bool
	// ClockSkew is how far the clocks of the issuer and of this machine may differ. Kafka's
	// default is DefaultClockSkew.
	ClockSkew time.Duration
	// SubjectClaim is the claim with the name of the client; "" means DefaultSubjectClaim.
	SubjectClaim string
	// ScopeClaim is the claim with the scopes; "" means DefaultScopeClaim. Scopes grant
	// nothing, but their form is checked.
	ScopeClaim string
	// GroupsClaim is the claim with the names of the groups that the client is in: a list of
	// texts, or one text. A name that begins with a slash is a JSON pointer (RFC 6901), such as
	// /realm_access/roles. "" means that tokens say nothing of groups.
	//
	// A token without the claim is refused, because a DENY may be for a group, unless
	// GroupsOptional is set: then the client is in none. A token that says that it has too many
	// groups to list them is always refused.
	GroupsClaim    string
	GroupsOptional bool
	// Logger receives failures to load keys, escaped and cut. Nil means slog.Default.
	Logger *slog.Logger
}

// Verifier verifies tokens. It must not be copied after first use. It is safe for concurrent
// use by any number of goroutines. Create it with [New]; the zero Verifier is not usable.
type Verifier struct {
	config Config
	keys   keySet    // of Config.JWKS
	remote *endpoint // nil with Config.JWKS
	now    func() time.Time
}

var _ proxy.TokenVerifier = (*Verifier)(nil)

// New returns a Verifier. It connects to nothing. The error lists everything that is wrong with
// config.
func New(config Config) (*Verifier, error) {
	v := &Verifier{config: config, now: time.Now}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("oauth: "+format, args...)) }
	if config.Issuer == "" && !config.AnyIssuer {
		fail("Issuer is empty: expected the issuer of the tokens, or AnyIssuer")
	}
	if len(config.Audiences) == 0 && !config.AnyAudience {
		fail("Audiences is empty: expected the audiences of the tokens, or AnyAudience")
	}
	if config.GroupsOptional && config.GroupsClaim == "" {
		fail("GroupsOptional without GroupsClaim")
	}
	if slices.Contains(config.Audiences, "") {
		fail("an audience is empty")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"ClockSkew", config.ClockSkew}, {"Refresh", config.Refresh}, {"RetryBackoff", config.RetryBackoff}, {"RetryBackoffMax", config.RetryBackoffMax}} {
		if d.value < 0 {
			fail("%s is %v: expected a positive time", d.name, d.value)
		}
	}
	setDefault(&v.config.SubjectClaim, DefaultSubjectClaim)
	setDefault(&v.config.ScopeClaim, DefaultScopeClaim)
	setDefault(&v.config.Logger, slog.Default())
	v.config.Logger = slog.New(lines.NewLogHandler(v.config.Logger.Handler()))
	var err error
	switch {
	case (config.JWKS == nil) == (config.Endpoint == ""):
		fail("expected either JWKS or Endpoint: no token is accepted without keys")
	case config.JWKS != nil:
		v.keys, err = parseKeySet(config.JWKS)
	default:
		v.remote, err = newEndpoint(v.config)
	}
	if err != nil {
		fail("%w", err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if config.Issuer == "" {
		v.config.Logger.Warn("tokens of any issuer are accepted, if a key of the key set has signed them")
	}
	if len(config.Audiences) == 0 {
		v.config.Logger.Warn("tokens for any audience are accepted: a token that a client sends to another service opens this one too")
	}
	return v, nil
}

// String says on one line which tokens are accepted and where the keys are from, without the
// query of the endpoint.
func (v *Verifier) String() string {
	issuer, audiences := "any issuer", "any audience"
	if v.config.Issuer != "" {
		issuer = "the issuer " + lines.Printable(v.config.Issuer)
	}
	if len(v.config.Audiences) > 0 {
		audiences = "the audience " + lines.Printable(strings.Join(v.config.Audiences, ","))
	}
	keys := fmt.Sprintf("%d keys", len(v.keys))
	if v.remote != nil {
		keys = "the keys of " + lines.Printable(v.remote.name)
	}
	text := fmt.Sprintf("tokens of %s for %s, named by %s, with a clock skew of %v and %s", issuer, audiences, lines.Printable(v.config.SubjectClaim), v.config.ClockSkew, keys)
	if v.config.GroupsClaim != "" {
		text += ", groups by " + lines.Printable(v.config.GroupsClaim)
	}
	return text
}

// setDefault sets a value that is not set.
func setDefault[T comparable](value *T, byDef T) {
	var zero T
	if *value == zero {
		*value = byDef
	}
}

// algorithms are the signatures that are accepted. Those with a shared secret are not: who can
// verify such a token can make one.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// VerifyToken returns who a token is for. The error says why it is refused; it quotes at most 64
// bytes of an algorithm or of a key's name, escaped, and nothing else of the token.
//
// Keys of an endpoint that are older than Config.Refresh are loaded again first, by one caller at
// a time; others go on with the old keys. While that fails, the old keys count until they are
// MaxKeyAge old; then no token is accepted. A token of an unknown key loads the keys too, at
// most once a second, or in ten seconds for one key, and waits for that: so tokens of unknown keys do
// not delay one of a new key for longer than a second and a load. A load ends after ten
// seconds, and the wait for it when ctx is done.
func (v *Verifier) VerifyToken(ctx context.Context, token string) (proxy.TokenOwner, error) {
	signed, err := parse(token)
	if err != nil {
		return proxy.TokenOwner{}, err
	}
	header := signed.Signatures[0].Protected
	keys := v.keys
	if v.remote != nil {
		if keys, err = v.remote.keysFor(ctx, header); err != nil {
			return proxy.TokenOwner{}, err
		}
	}
	key := keys.find(header)
	if key == nil {
		return proxy.TokenOwner{}, unknownKey(header)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return proxy.TokenOwner{}, errors.New("the signature is wrong")
	}
	return v.owner(payload, v.now())
}

// parse reads a token without verifying it.
func parse(token string) (*jose.JSONWebSignature, error) {
	if len(token) > MaxTokenBytes {
		return nil, fmt.Errorf("a token of %d bytes: expected at most %d", len(token), MaxTokenBytes)
	}
	encoded, _, _ := strings.Cut(token, ".")
	if len(encoded) > maxHeaderBytes {
		return nil, fmt.Errorf("a header of %d bytes: expected at most %d", len(encoded), maxHeaderBytes)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	var unexpected *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &unexpected):
		return nil, fmt.Errorf("the algorithm %s is not accepted", enum.Quote(string(unexpected.Got)))
	case err != nil:
		// The error of the library may repeat a part of the token.
		return nil, errors.New("malformed token")
	}
	// Extensions could change what is signed. A token in a token is one that others can make
	// and this issuer has only signed.
	header := signed.Signatures[0].Protected
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := header.ExtraHeaders[name]; ok {
			return nil, fmt.Errorf("the header %s is not accepted", name)
		}
	}
	if kind, _ := header.ExtraHeaders[jose.HeaderContentType].(string); strings.TrimPrefix(strings.ToLower(kind), "application/") == "jwt" {
		return nil, errors.New("a token in a token is not accepted")
	}
	// The library does not tell an empty name of a key from none, and without a name any key
	// may be meant.
	var named struct {
		KeyID *string `json:"kid"`
	}
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(text, &named) != nil || named.KeyID != nil && *named.KeyID == "" {
		return nil, errors.New("the header kid is empty")
	}
	return signed, nil
}
