package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/principal"
)

// scramIterations is what Kafka demands at the least. Logging in costs the proxy
// nothing of it: the salted password is made once, when the proxy starts.
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
	users  map[string]scram.StoredCredentials
	secret []byte // of the salts of users who do not exist
}

// newSCRAM returns the mechanism of the name.
func newSCRAM(name string, hash scram.HashGeneratorFcn, users map[string]string) (mechanism, error) {
	m := &scramMechanism{name: name, hash: hash, users: map[string]scram.StoredCredentials{}, secret: random(sha256.Size)}
	for user, password := range users {
		client, err := hash.NewClient(user, password, "")
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", printable(user), err)
		}
		factors := scram.KeyFactors{Salt: string(random(16)), Iters: scramIterations}
		if m.users[user], err = client.GetStoredCredentialsWithError(factors); err != nil {
			return nil, fmt.Errorf("user %s: %w", printable(user), err)
		}
	}
	return func() login { return &scramLogin{mechanism: m} }, nil
}

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails: see crypto/rand
	return b
}

// credentials returns those of a user. One who does not exist is led on with a salt
// that is always the same, to keys that nobody has: otherwise strangers could ask who
// has an account.
func (m *scramMechanism) credentials(user string) scram.StoredCredentials {
	if c, ok := m.users[user]; ok {
		return c
	}
	salt := hmac.New(sha256.New, m.secret)
	salt.Write([]byte(user))
	size := m.hash().Size()
	factors := scram.KeyFactors{Salt: string(salt.Sum(nil)[:16]), Iters: scramIterations}
	return scram.StoredCredentials{KeyFactors: factors, StoredKey: random(size), ServerKey: random(size)}
}

// scramLogin is one client logging in. The library leads the conversation. It compares
// the nonce of the client's last message for equality, as Kafka does from 4.0 on:
// librdkafka before 2.6.1 sends its own part twice and is refused, here and there.
type scramLogin struct {
	mechanism    *scramMechanism
	user         string
	conversation *scram.ServerConversation // nil before the client's first message
}

func (l *scramLogin) peer(names *principal.Builder) (identity, error) {
	who, err := names.SASL(l.mechanism.name, l.user)
	return identity{principal: who}, err
}

func (l *scramLogin) step(message []byte) (answer []byte, done bool, err error) {
	if l.conversation == nil {
		answer, err = l.first(string(message))
		return answer, false, err
	}
	proof, err := l.conversation.Step(string(message))
	if err != nil || !l.conversation.Valid() {
		return nil, false, fmt.Errorf("user %s: %w: %s", printable(l.user), errCredentials, printable(fmt.Sprint(err)))
	}
	return []byte(proof), true, nil
}

// first answers the client's first message, which says who it is.
func (l *scramLogin) first(message string) ([]byte, error) {
	// With this extension the name is that of a delegation token (KIP-48), and the
	// library does not look at extensions.
	if strings.Contains(strings.ToLower(message), ",tokenauth=") {
		return nil, errors.New("delegation tokens are those of the upstream's brokers and are not accepted here")
	}
	server, err := l.mechanism.hash.NewServer(func(user string) (scram.StoredCredentials, error) {
		l.user = user
		return l.mechanism.credentials(user), nil
	})
	if err != nil {
		return nil, err
	}
	l.conversation = server.NewConversation()
	answer, err := l.conversation.Step(message)
	if err != nil {
		return nil, errors.New(printable(err.Error())) // it repeats what the client sent
	}
	if id := l.conversation.AuthzID(); id != "" && id != l.user {
		return nil, fmt.Errorf("user %s: %w", printable(l.user), errCredentials)
	}
	return []byte(answer), nil
}
