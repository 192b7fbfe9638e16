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

// scramIterations is what Kafka demands at the least. They cost milliseconds, which the
// proxy spends once for each user and mechanism, when somebody first logs in as the user.
//
// Source: Kafka's ScramMechanism.
const scramIterations = 4096

// scramCodes are Kafka's codes of the mechanisms, in their order.
//
// Source: Kafka's ScramMechanism (clients.admin).
var scramCodes = []struct {
	name string
	code int8
}{{ScramSHA256, 1}, {ScramSHA512, 2}}

// credentials returns what the gateway shows of the credentials of users.
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

// credentialHandling says what becomes of requests about SCRAM credentials: those of the
// cluster are shown and changed only if no client of the proxy logs in by a password.
func (p *Proxy) credentialHandling() gateway.CredentialHandling {
	for _, l := range p.listeners {
		if l.SASL != nil && len(l.SASL.Users) > 0 {
			return gateway.ShowCredentials
		}
	}
	return gateway.ForwardCredentials
}

// scramMechanism is RFC 5802 by one hash.
type scramMechanism struct {
	name   string
	hash   scram.HashGeneratorFcn
	users  map[string]*scramUser
	secret []byte // of the salts
}

// scramUser is a user whose keys are derived from the password when they are first
// needed. Logins at the same time wait for one derivation.
type scramUser struct {
	client  *scram.Client
	derive  sync.Once
	derived atomic.Bool
	keys    scram.StoredCredentials
}

// newSCRAM returns the mechanism of the name.
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

// factors returns the salt and the iterations of a name. They are made the same way
// whether or not there is such a user, so that strangers cannot ask who has an account.
func (m *scramMechanism) factors(user string) scram.KeyFactors {
	salt := hmac.New(sha256.New, m.secret)
	salt.Write([]byte(user))
	return scram.KeyFactors{Salt: string(salt.Sum(nil)[:16]), Iters: scramIterations}
}

// credentials returns the keys of a user. They are derived once, so that naming users
// costs the proxy no more than all users do, once. A user who does not exist has keys
// that nobody knows, and costs nothing. A failed login is answered at a fixed time after
// it came (failedLoginDelay), so that the time does not tell which of the two it was.
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

// scramLogin is one client logging in. The library leads the conversation. It compares
// the nonce of the client's last message for equality, as Kafka does from 4.0 on:
// librdkafka before 2.6.1 sends its own part twice and is refused, here and there.
//
// The client's first message is taken twice: first with the salt of the user alone, and
// again with the keys once the proof has come. So nobody who only names users makes the
// proxy derive keys.
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

// begin answers the client's first message, which says who it is.
func (l *scramLogin) begin(message string) ([]byte, error) {
	// With this extension the name is that of a delegation token (KIP-48), and the
	// library does not look at extensions.
	if strings.Contains(strings.ToLower(message), ",tokenauth=") {
		return nil, errors.New("delegation tokens are those of the upstream's brokers and are not accepted here")
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
		return nil, errors.New(printable(err.Error())) // it repeats what the client sent
	}
	if id := conversation.AuthzID(); id != "" && id != l.user {
		return nil, fmt.Errorf("user %s: %w", printable(l.user), errCredentials)
	}
	return []byte(answer), nil
}

// nonceBytes is the size of the server's nonce before it is encoded, as the library has it.
const nonceBytes = 24

// converse returns a conversation with the nonce of this login.
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
