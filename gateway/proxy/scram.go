package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/xdg-go/scram"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/principal"
)

// scramIterations is Kafka's minimum. Deriving the keys takes milliseconds; the proxy
// does it once for each user and mechanism, at the first login of the user.
//
// Source: Kafka's ScramMechanism.
const scramIterations = 4096

// scramCodes are Kafka's codes of the mechanisms, in order.
//
// Source: Kafka's ScramMechanism (clients.admin).
var scramCodes = []struct {
	name string
	code int8
}{{ScramSHA256, 1}, {ScramSHA512, 2}}

// credentials returns the users' credentials as the gateway shows them.
func (s *SASL) credentials() map[string][]gateway.Credential {
	if s == nil {
		return nil
	}
	var offered []gateway.Credential
	for _, m := range scramCodes {
		if slices.Contains(s.Mechanisms, m.name) {
			offered = append(offered, gateway.Credential{Mechanism: m.code, Iterations: scramIterations})
		}
	}
	if offered == nil {
		return nil
	}
	all := make(map[string][]gateway.Credential, len(s.Users))
	for user := range s.Users {
		all[user] = offered
	}
	return all
}

// credentialHandling says how requests about SCRAM credentials are handled. Those of
// the cluster are shown and changed only if no client of the proxy logs in with a
// password.
func (p *Proxy) credentialHandling() gateway.CredentialHandling {
	for _, l := range p.listeners {
		if l.SASL != nil && len(l.SASL.Users) > 0 {
			return gateway.ShowCredentials
		}
	}
	return gateway.ForwardCredentials
}

// scramMechanism implements RFC 5802 with one hash function.
type scramMechanism struct {
	name   string
	hash   scram.HashGeneratorFcn
	users  map[string]*scramUser
	secret []byte // for the salts
}

// scramUser is a user whose keys are derived from the password at the first use.
// Concurrent logins wait for the same derivation.
type scramUser struct {
	client  *scram.Client
	derive  sync.Once
	derived atomic.Bool
	keys    scram.StoredCredentials
}

// newSCRAM returns the mechanism with this name.
func newSCRAM(name string, hash scram.HashGeneratorFcn, users map[string]string) (mechanism, error) {
	m := &scramMechanism{name: name, hash: hash, users: map[string]*scramUser{}, secret: random(sha256.Size)}
	for user, password := range users {
		client, err := hash.NewClient(user, password, "")
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", printable(user), err)
		}
		m.users[user] = &scramUser{client: client}
	}
	return func() login { return &scramLogin{mechanism: m} }, nil
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails: see crypto/rand
	return b
}

// factors returns the salt and the iterations for a name. They are computed in the same
// way for names that do not exist, so that a client cannot test which users exist.
func (m *scramMechanism) factors(user string) scram.KeyFactors {
	salt := hmac.New(sha256.New, m.secret)
	salt.Write([]byte(user))
	return scram.KeyFactors{Salt: string(salt.Sum(nil)[:16]), Iters: scramIterations}
}

// credentials returns the keys of a user. They are derived only once, so a client that
// sends many user names causes no more work than one login of every user. A user who
// does not exist gets keys that nobody knows, at no cost. A failed login is answered a
// fixed time after its request (failedLoginDelay), so that the timing does not show
// whether the user exists.
func (m *scramMechanism) credentials(name string) (scram.StoredCredentials, error) {
	user, ok := m.users[name]
	if !ok {
		size := m.hash().Size()
		return scram.StoredCredentials{KeyFactors: m.factors(name), StoredKey: random(size), ServerKey: random(size)}, nil
	}
	var err error
	user.derive.Do(func() {
		user.keys, err = user.client.GetStoredCredentialsWithError(m.factors(name))
		user.derived.Store(err == nil)
	})
	if !user.derived.Load() {
		return scram.StoredCredentials{}, fmt.Errorf("user %s: the keys cannot be derived: %v", printable(name), err)
	}
	return user.keys, nil
}

// scramLogin is the login of one client. The library conducts the exchange. It compares
// the nonce of the client's last message for equality, as Kafka does since 4.0.
// librdkafka before 2.6.1 sends its own part twice, and is refused by both.
//
// The client's first message is processed twice: first with the user's salt only, and
// again with the keys when the proof has arrived. So a client that only sends user
// names cannot make the proxy derive keys.
type scramLogin struct {
	mechanism *scramMechanism
	user      string
	nonce     string // the server's part; empty before the client's first message
	first     string // the client's first message
}

func (l *scramLogin) peer(names *principal.Builder) (identity, error) {
	who, err := names.SASL(l.mechanism.name, l.user)
	return identity{principal: who}, err
}

func (l *scramLogin) step(message []byte) (answer []byte, done bool, err error) {
	if l.nonce == "" {
		answer, err = l.begin(string(message))
		return answer, false, err
	}
	answer, err = l.last(string(message))
	return answer, err == nil, err
}

// begin answers the client's first message, which contains the user name.
func (l *scramLogin) begin(message string) ([]byte, error) {
	// With this extension the name is the id of a delegation token (KIP-48). The
	// library ignores extensions.
	if strings.Contains(strings.ToLower(message), ",tokenauth=") {
		return nil, errors.New("delegation tokens of the upstream are not accepted here")
	}
	l.nonce, l.first = base64.StdEncoding.EncodeToString(random(nonceBytes)), message
	conversation, err := l.converse(func(user string) (scram.StoredCredentials, error) {
		l.user = user
		return scram.StoredCredentials{KeyFactors: l.mechanism.factors(user)}, nil
	})
	if err != nil {
		return nil, err
	}
	answer, err := conversation.Step(message)
	if err != nil {
		return nil, errors.New(printable(err.Error())) // the error repeats the client's text
	}
	if id := conversation.AuthzID(); id != "" && id != l.user {
		return nil, fmt.Errorf("user %s: %w", printable(l.user), errCredentials)
	}
	return []byte(answer), nil
}

// nonceBytes is the size of the server's nonce before encoding, as in the library.
const nonceBytes = 24

// converse returns a conversation that uses the nonce of this login.
func (l *scramLogin) converse(credentials scram.CredentialLookup) (*scram.ServerConversation, error) {
	server, err := l.mechanism.hash.NewServer(credentials)
	if err != nil {
		return nil, err
	}
	return server.WithNonceGenerator(func() string { return l.nonce }).NewConversation(), nil
}

// last verifies the client's proof and returns the server's.
func (l *scramLogin) last(message string) ([]byte, error) {
	conversation, err := l.converse(l.mechanism.credentials)
	if err != nil {
		return nil, err
	}
	if _, err = conversation.Step(l.first); err == nil {
		var proof string
		if proof, err = conversation.Step(message); err == nil && conversation.Valid() {
			return []byte(proof), nil
		}
	}
	return nil, fmt.Errorf("user %s: %w: %s", printable(l.user), errCredentials, printable(fmt.Sprint(err)))
}
