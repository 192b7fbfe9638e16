package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/xdg-go/scram"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// tokenLookup returns the delegation token of the cluster with an id: see [relay.Tokens.ByID].
type tokenLookup func(ctx context.Context, id string) (relay.Token, error)

// tokens returns the lookup of the tokens of the cluster, which are read once it is connected.
func (p *Proxy) tokens(config *Config) tokenLookup {
	if !config.DelegationTokens {
		return nil
	}
	return func(ctx context.Context, id string) (relay.Token, error) { return p.cluster.Tokens().ByID(ctx, id) }
}

// isOfToken reports whether the first message of a client says that the user name is the id of a
// delegation token. Extensions follow the nonce; the last one with a name counts.
//
// Source: Kafka's ScramMessages.ClientFirstMessage and ScramExtensions.
func isOfToken(message string) (is bool) {
	parts := strings.Split(message, ",")
	const before = 4 // GS2 flag, authorization id, name, nonce
	for _, extension := range parts[min(before, len(parts)):] {
		if value, ok := strings.CutPrefix(extension, "tokenauth="); ok {
			is = strings.EqualFold(value, "true")
		}
	}
	return is
}

// tokenFactors returns the salt and the iterations for the id of a token. They say nothing of whether
// there is such a token. A user with that name has others.
//
// Source: for the iterations Kafka's DelegationTokenManager.
func (m *scramMechanism) tokenFactors(id string) scram.KeyFactors {
	mac := hmac.New(sha256.New, m.secret)
	mac.Write([]byte("delegation token\x00" + m.name + "\x00" + id))
	return scram.KeyFactors{Salt: ownForm.salt([sha256.Size]byte(mac.Sum(nil))), Iters: scramIterations}
}

// errNoTokens means that nobody can log in with a token for now.
var errNoTokens = errors.New("the delegation tokens of the cluster are not known")

// lastOfToken verifies the proof of a client with a token. The password is the HMAC in base64. The cluster
// is asked only now, so that the token is there when the session begins.
//
// Kafka lets a client log in with a token that has ended, until it removes the token, and
// disconnects it with its first request.
func (l *scramLogin) lastOfToken(ctx context.Context, message string) ([]byte, error) {
	token, err := l.mechanism.tokens(ctx, l.user)
	switch {
	case errors.Is(err, relay.ErrNoToken):
		return nil, fmt.Errorf("an unknown delegation token: %w", errCredentials)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoTokens, err)
	case !time.Now().Before(token.Ends):
		return nil, fmt.Errorf("a delegation token of %s that has expired: %w", lines.Name(token.Owner), errCredentials)
	}
	answer, err := l.last(message, func(string) (scram.StoredCredentials, error) {
		return l.mechanism.keys.of(l.mechanism, token)
	})
	if err != nil {
		return nil, err
	}
	l.token = token
	return answer, nil
}

// ownerOfToken returns who a client with a token is. Its session ends with the token.
func (l *scramLogin) ownerOfToken(names *principal.Builder) (identity, error) {
	owner, err := principal.Parse(l.token.Owner)
	if err != nil {
		return identity{}, err
	}
	who, err := names.Token(owner)
	return identity{principal: who, until: l.token.Ends}, err
}

// maxTokenKeys is how many tokens the keys are kept of, of about 300 bytes each.
const maxTokenKeys = 10_000

// tokenKeys are the keys of tokens that clients have logged in with. Deriving them takes milliseconds, so
// it is done once for each token, however many clients log in with it. It is safe for concurrent use.
type tokenKeys struct {
	mu   sync.Mutex
	byID map[string]*tokenKey
}

// tokenKey is the keys of one token.
type tokenKey struct {
	hmac   [sha256.Size]byte // the hash of the HMAC
	derive func() (scram.StoredCredentials, error)
}

// of returns the keys of a token.
func (k *tokenKeys) of(m *scramMechanism, token relay.Token) (scram.StoredCredentials, error) {
	return k.entry(m, token).derive()
}

func (k *tokenKeys) entry(m *scramMechanism, token relay.Token) *tokenKey {
	hash := sha256.Sum256(token.HMAC)
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.byID[token.ID]; known != nil && known.hmac == hash {
		return known
	}
	if len(k.byID) >= maxTokenKeys || k.byID == nil {
		k.byID = map[string]*tokenKey{}
	}
	password := base64.StdEncoding.EncodeToString(token.HMAC)
	entry := &tokenKey{hmac: hash, derive: sync.OnceValues(func() (scram.StoredCredentials, error) {
		client, err := m.hash.NewClientUnprepped(token.ID, password, "")
		if err != nil {
			return scram.StoredCredentials{}, errors.New("the keys of a delegation token cannot be derived")
		}
		return client.GetStoredCredentialsWithError(m.tokenFactors(token.ID))
	})}
	k.byID[token.ID] = entry
	return entry
}
