package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/xdg-go/scram"

	"github.com/portcullis-authz/portcullis/principal"
)

// scramIterations is what Kafka demands at the least. They cost milliseconds, which the
// proxy spends once for each user and mechanism, when somebody first logs in as the user.
//
// Source: Kafka's ScramMechanism.
const scramIterations = 4096

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

// scramLogin is one client logging in. The library leads the conversation up to the
// client's last message, which it would refuse of the librdkafka that Debian 12 has:
// releases before 2.6.1 send their nonce twice, and Kafka takes it.
type scramLogin struct {
	mechanism     *scramMechanism
	user          string
	first, answer string // the client's first message, and what was answered
}

func (l *scramLogin) peer(names *principal.Builder) (identity, error) {
	who, err := names.SASL(l.mechanism.name, l.user)
	return identity{principal: who}, err
}

func (l *scramLogin) step(message []byte) (answer []byte, done bool, err error) {
	if l.first != "" {
		answer, err = l.last(string(message))
		return answer, err == nil, err
	}
	l.first = string(message)
	// With this extension the name is that of a delegation token (KIP-48), and the
	// library does not look at extensions.
	if strings.Contains(strings.ToLower(l.first), ",tokenauth=") {
		return nil, false, errors.New("delegation tokens are those of the upstream's brokers and are not accepted here")
	}
	server, err := l.mechanism.hash.NewServer(func(user string) (scram.StoredCredentials, error) {
		l.user = user
		return scram.StoredCredentials{KeyFactors: l.mechanism.factors(user)}, nil // the keys are for the last message
	})
	if err != nil {
		return nil, false, err
	}
	conversation := server.NewConversation()
	if l.answer, err = conversation.Step(l.first); err != nil {
		return nil, false, err
	}
	if id := conversation.AuthzID(); id != "" && id != l.user {
		return nil, false, fmt.Errorf("user %s: %w", printable(l.user), errCredentials)
	}
	return []byte(l.answer), false, nil
}

// last verifies the client's proof and returns the server's.
//
// Source: RFC 5802, 3 and 5.1; Kafka's ScramSaslServer, which asks of the nonce only
// that it ends with the server's.
func (l *scramLogin) last(message string) ([]byte, error) {
	unproved, encoded, ok := cutLast(message, ",p=")
	parts := strings.Split(unproved, ",")
	if !ok || len(parts) < 2 {
		return nil, errors.New("expected c=, r= and p=")
	}
	header, bare := l.parts()
	if parts[0] != "c="+base64.StdEncoding.EncodeToString([]byte(header)) {
		return nil, errors.New("the channel binding is not that of the first message")
	}
	nonce, _, _ := strings.Cut(strings.TrimPrefix(l.answer, "r="), ",")
	if !strings.HasPrefix(parts[1], "r=") || !strings.HasSuffix(parts[1], nonce) {
		return nil, errors.New("the nonce is not the server's")
	}
	proof, err := base64.StdEncoding.DecodeString(encoded)
	text := bare + "," + l.answer + "," + unproved
	if err != nil || len(proof) != l.mechanism.hash().Size() {
		return nil, errors.New("expected a proof in base64, of the size of the hash")
	}
	credentials, err := l.mechanism.credentials(l.user)
	if err != nil {
		return nil, err
	}
	key := l.sign(credentials.StoredKey, text)
	for i := range key {
		key[i] ^= proof[i]
	}
	stored := l.mechanism.hash()
	stored.Write(key)
	if !hmac.Equal(stored.Sum(nil), credentials.StoredKey) {
		return nil, fmt.Errorf("user %s: %w", printable(l.user), errCredentials)
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(l.sign(credentials.ServerKey, text))), nil
}

// parts splits the first message into its header, with the comma behind it, and the
// rest. The library has made sure that there are both.
func (l *scramLogin) parts() (header, bare string) {
	flag, rest, _ := strings.Cut(l.first, ",")
	id, bare, _ := strings.Cut(rest, ",")
	return flag + "," + id + ",", bare
}

func (l *scramLogin) sign(key []byte, text string) []byte {
	mac := hmac.New(func() hash.Hash { return l.mechanism.hash() }, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
