package proxy

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/xdg-go/scram"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// scramIterations is Kafka's minimum. Deriving the keys takes milliseconds; the proxy
// does it once for each user and mechanism, at the first login of the user.
//
// Source: Kafka's ScramMechanism.
const scramIterations = 4096

// maxScramIterations is Kafka's maximum. A client does this work, so a larger number in
// an answer is an attack on the client.
//
// Source: Kafka's ScramMechanism.
const maxScramIterations = 16384

// maxSalt is far above Kafka's salts of 25 bytes and small enough for any answer.
const maxSalt = 1024

// scramCodes are Kafka's codes of the mechanisms, in order.
//
// Source: Kafka's ScramMechanism (clients.admin).
var scramCodes = []struct {
	name string
	code int8
}{{ScramSHA256, 1}, {ScramSHA512, 2}}

// ScramCredential lets a user log in with one SCRAM mechanism. It has what a broker
// stores of a password, from which the password cannot be computed. Whoever has the
// server key can pretend to be the server.
//
// Source: RFC 5802, section 3; Kafka's UserScramCredentialRecord.
type ScramCredential struct {
	Mechanism  string // ScramSHA256 or ScramSHA512
	Salt       []byte
	Iterations int // Kafka takes 4,096 to 16,384
	StoredKey  []byte
	ServerKey  []byte
}

// String returns the mechanism and the iterations, without salt and keys, so that a log
// or an error does not have them.
func (c ScramCredential) String() string {
	return fmt.Sprintf("%s with %d iterations", c.Mechanism, c.Iterations)
}

// ScramCredentialOf returns the credential that belongs to a salted password, which is the
// form of kafka-storage format --add-scram. The error is that of Validate.
func ScramCredentialOf(mechanism string, salt []byte, iterations int, saltedPassword []byte) (ScramCredential, error) {
	c := ScramCredential{Mechanism: mechanism, Salt: salt, Iterations: iterations}
	hash, ok := scramHashes[mechanism]
	if !ok {
		return c, c.Validate()
	}
	sign := func(text string) []byte {
		mac := hmac.New(hash, saltedPassword)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := hash()
	stored.Write(sign("Client Key"))
	c.StoredKey, c.ServerKey = stored.Sum(nil), sign("Server Key")
	if len(saltedPassword) != hash().Size() {
		return c, fmt.Errorf("a salted password of %d bytes: %s has %d", len(saltedPassword), mechanism, hash().Size())
	}
	return c, c.Validate()
}

// scramHashes are the hash functions of the mechanisms.
var scramHashes = map[string]scram.HashGeneratorFcn{ScramSHA256: sha256.New, ScramSHA512: sha512.New}

// Validate returns an error unless a login with c can succeed. The error has no part of
// salt or keys.
func (c ScramCredential) Validate() error {
	hash, ok := scramHashes[c.Mechanism]
	switch {
	case !ok:
		return fmt.Errorf("mechanism %s: expected %s or %s", lines.Name(c.Mechanism), ScramSHA256, ScramSHA512)
	case c.Iterations < scramIterations || c.Iterations > maxScramIterations:
		return fmt.Errorf("%d iterations: expected %d to %d", c.Iterations, scramIterations, maxScramIterations)
	case len(c.Salt) == 0 || len(c.Salt) > maxSalt:
		return fmt.Errorf("a salt of %d bytes: expected 1 to %d", len(c.Salt), maxSalt)
	case len(c.StoredKey) != hash().Size() || len(c.ServerKey) != hash().Size():
		return fmt.Errorf("keys of %d and %d bytes: %s has %d", len(c.StoredKey), len(c.ServerKey), c.Mechanism, hash().Size())
	}
	return nil
}

// credentials returns the users' credentials as the gateway shows them.
func (s *SASL) credentials() map[string][]gateway.Credential {
	if s == nil {
		return nil
	}
	all := map[string][]gateway.Credential{}
	for _, m := range scramCodes {
		if !slices.Contains(s.Mechanisms, m.name) {
			continue
		}
		for user := range s.Users {
			all[user] = append(all[user], gateway.Credential{Mechanism: m.code, Iterations: scramIterations})
		}
		for user, list := range s.Credentials {
			for _, c := range list {
				if c.Mechanism == m.name {
					all[user] = append(all[user], gateway.Credential{Mechanism: m.code, Iterations: int32(c.Iterations)})
				}
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// credentialHandling says how requests about SCRAM credentials are handled. Those of
// the cluster are shown and changed only if no client of the proxy logs in with a
// password.
func (p *Proxy) credentialHandling() gateway.CredentialHandling {
	if p.knowsPasswords() {
		return gateway.ShowCredentials
	}
	return gateway.ForwardCredentials
}

// knowsPasswords reports whether clients of some listener log in with passwords.
func (p *Proxy) knowsPasswords() bool {
	return slices.ContainsFunc(p.listeners, func(l *listener) bool { return l.access.Load().sasl.hasPasswords() })
}

// scramMechanism implements RFC 5802 with one hash function.
type scramMechanism struct {
	name   string
	hash   scram.HashGeneratorFcn
	users  map[string]*scramUser
	forms  *formsOfUsers
	secret []byte      // for the salts
	tokens tokenLookup // nil if no client logs in with a delegation token
	keys   tokenKeys
}

// scramUser is a user. The keys were given, or are derived from the password at the
// first use; concurrent logins wait for the same derivation.
type scramUser struct {
	client  *scram.Client // nil if the keys were given
	derive  sync.Once
	derived atomic.Bool
	keys    scram.StoredCredentials
}

// newSCRAM returns the mechanism with this name, for the users of s and for tokens, if it is not nil.
func newSCRAM(name string, s *SASL, secret []byte, tokens tokenLookup) (mechanism, error) {
	hash := scramHashes[name]
	m := &scramMechanism{name: name, hash: hash, users: map[string]*scramUser{}, forms: s.formsOfUsers(), secret: secret, tokens: tokens}
	for user, list := range s.Credentials {
		for _, c := range list {
			if c.Mechanism == name {
				keys := scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(c.Salt), Iters: c.Iterations}, StoredKey: c.StoredKey, ServerKey: c.ServerKey}
				m.users[user] = &scramUser{keys: keys}
			}
		}
	}
	for user, password := range s.Users {
		// Unprepped: Kafka takes the bytes of the password, without SASLprep, which would
		// let one password open the account of another, and has no form for some.
		//
		// Source: Kafka's ScramFormatter.
		client, err := hash.NewClientUnprepped(user, password, "")
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", lines.Name(user), err)
		}
		m.users[user] = &scramUser{client: client}
	}
	return func() login { return &scramLogin{mechanism: m} }, nil
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
	if user.client == nil {
		return user.keys, nil
	}
	var err error
	user.derive.Do(func() {
		user.keys, err = user.client.GetStoredCredentialsWithError(m.factors(name))
		user.derived.Store(err == nil)
	})
	if !user.derived.Load() {
		return scram.StoredCredentials{}, fmt.Errorf("user %s: the keys cannot be derived: %v", lines.Name(name), err)
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
	nonce     string      // the server's part; empty before the client's first message
	first     string      // the client's first message
	byToken   bool        // user is the id of a delegation token
	token     relay.Token // once the client has proved that it has the HMAC
}

func (l *scramLogin) peer(names *principal.Builder) (identity, error) {
	if l.byToken {
		return l.ownerOfToken(names)
	}
	who, err := names.SASL(l.mechanism.name, l.user)
	return identity{principal: who}, err
}

func (l *scramLogin) step(ctx context.Context, message []byte) (answer []byte, done bool, err error) {
	// A message is kept, or split at its commas, which takes 17 times its size; nothing counts
	// that.
	if len(message) > relay.MaxSmallFrame {
		return nil, false, fmt.Errorf("a message of %d bytes: expected at most %d", len(message), relay.MaxSmallFrame)
	}
	if l.nonce == "" {
		answer, err = l.begin(string(message))
		return answer, false, err
	}
	if l.byToken {
		answer, err = l.lastOfToken(ctx, string(message))
	} else {
		answer, err = l.last(string(message), l.mechanism.credentials)
	}
	return answer, err == nil, err
}

// begin answers the client's first message, which contains the user name. It is kept until
// the last one comes.
func (l *scramLogin) begin(message string) ([]byte, error) {
	// With this extension the name is the id of a delegation token (KIP-48). The
	// library ignores extensions.
	if l.mechanism.tokens == nil && strings.Contains(strings.ToLower(message), ",tokenauth=") {
		return nil, errors.New("delegation tokens of the upstream are not accepted here")
	}
	l.byToken = isOfToken(message)
	l.nonce, l.first = base64.StdEncoding.EncodeToString(random(nonceBytes)), message
	conversation, err := l.converse(func(user string) (scram.StoredCredentials, error) {
		l.user = user
		if l.byToken {
			return scram.StoredCredentials{KeyFactors: l.mechanism.tokenFactors(user)}, nil
		}
		return scram.StoredCredentials{KeyFactors: l.mechanism.factors(user)}, nil
	})
	if err != nil {
		return nil, err
	}
	answer, err := conversation.Step(message)
	if err != nil {
		// The error of the library repeats the client's text, which may be a password: that
		// of a client with another mechanism.
		return nil, errors.New("the first message is not one of SCRAM")
	}
	// Both must have a character in Kafka's ScramMessages.ClientFirstMessage.
	if l.user == "" || strings.HasPrefix(answer, "r="+l.nonce) {
		return nil, errors.New("a first message without a user name or without a nonce")
	}
	if id := conversation.AuthzID(); id != "" && id != l.user {
		return nil, fmt.Errorf("%s: %w", l.name(), errCredentials)
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

// name says who wants to log in, for the log. The name of a client with a token is left out: a client
// that mixes up id and HMAC would write the HMAC into the log.
func (l *scramLogin) name() string {
	if l.byToken {
		return "a delegation token"
	}
	return "user " + lines.Name(l.user)
}

// last verifies the client's proof by credentials, and returns the server's.
func (l *scramLogin) last(message string, credentials scram.CredentialLookup) ([]byte, error) {
	conversation, err := l.converse(credentials)
	if err != nil {
		return nil, err
	}
	if _, err = conversation.Step(l.first); err == nil {
		var proof string
		if proof, err = conversation.Step(message); err == nil && conversation.Valid() {
			return []byte(proof), nil
		}
	}
	// Without the error of the library, which repeats the client's text.
	if l.repeatsNonce(message) {
		return nil, fmt.Errorf("%s: %w: the client sends its part of the nonce twice, as librdkafka before 2.6.1 does; Kafka 4.0 and later refuse it too", l.name(), errCredentials)
	}
	return nil, fmt.Errorf("%s: %w", l.name(), errCredentials)
}

// repeatsNonce reports whether the client's last message has its part of the nonce twice. It is
// refused whatever the password is; an operator who looks for the cause is to find it in the log.
func (l *scramLogin) repeatsNonce(message string) bool {
	nonce := func(message string) string {
		_, rest, _ := strings.Cut(message, ",r=")
		nonce, _, _ := strings.Cut(rest, ",")
		return nonce
	}
	client := nonce(l.first)
	return nonce(message) == client+client+l.nonce
}
