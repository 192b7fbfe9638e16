package proxy

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/xdg-go/scram"

	"github.com/portcullis-authz/portcullis/principal"
)

// scramOf returns a mechanism with users user0 to user99, and what it logs in by.
func scramOf(t *testing.T) (*scramMechanism, mechanism) {
	t.Helper()
	users := map[string]string{}
	for i := range 100 {
		users[fmt.Sprint("user", i)] = fmt.Sprint("secret", i)
	}
	begin, err := newSCRAM(ScramSHA256, &SASL{Users: users}, []byte("salts"), nil)
	require.NoError(t, err)
	return begin().(*scramLogin).mechanism, begin
}

// logIn leads a login to its end, and returns its error.
func logIn(t *testing.T, begin mechanism, user, password string) error {
	t.Helper()
	c, err := scram.SHA256.NewClient(user, password, "")
	require.NoError(t, err)
	conversation, server := c.NewConversation(), begin()
	message, err := conversation.Step("")
	require.NoError(t, err)
	answer, done, err := server.step(t.Context(), []byte(message))
	require.NoError(t, err)
	require.False(t, done)
	message, err = conversation.Step(string(answer))
	require.NoError(t, err)
	answer, done, err = server.step(t.Context(), []byte(message))
	if err != nil {
		return err
	}
	assert.True(t, done)
	_, err = conversation.Step(string(answer))
	return err
}

func (m *scramMechanism) countDerived() (n int) {
	for _, u := range m.users {
		if u.derived.Load() {
			n++
		}
	}
	return n
}

// TestScramKeysAreDerivedOnFirstLogin: no user costs anything before somebody logs in as
// the user, and logins at the same time share the work.
func TestScramKeysAreDerivedOnFirstLogin(t *testing.T) {
	m, begin := scramOf(t)
	assert.Zero(t, m.countDerived(), "before any login")
	var logins sync.WaitGroup
	for range 8 {
		logins.Go(func() { assert.NoError(t, logIn(t, begin, "user7", "secret7")) })
	}
	logins.Wait()
	assert.Equal(t, 1, m.countDerived())
	keys := m.users["user7"].keys
	assert.ErrorIs(t, logIn(t, begin, "user7", "wrong"), errCredentials)
	assert.Equal(t, keys, m.users["user7"].keys, "the keys are kept")
}

// TestScramStrangersCostNothing: neither names that do not exist nor logins that stop
// after the first message make the proxy derive keys, and both are led on alike.
func TestScramStrangersCostNothing(t *testing.T) {
	m, begin := scramOf(t)
	for i := range 100 {
		assert.ErrorIs(t, logIn(t, begin, fmt.Sprint("stranger", i), "x"), errCredentials)
	}
	for _, user := range []string{"user1", "stranger"} {
		first := fmt.Sprintf("n,,n=%s,r=abc", user)
		a, _, err := begin().step(t.Context(), []byte(first))
		require.NoError(t, err)
		b, _, err := begin().step(t.Context(), []byte(first))
		require.NoError(t, err)
		assert.Equal(t, len(a), len(b))
		assert.Equal(t, string(a[len(a)-34:]), string(b[len(b)-34:]), "%s: the salt does not change", user)
	}
	assert.Zero(t, m.countDerived())
}

// TestFailedLoginsAreAnsweredAtOneTime: a failed login is answered at the end of the delay
// after its request, however long it took to find out; work that takes longer than the delay
// is not followed by it.
func TestFailedLoginsAreAnsweredAtOneTime(t *testing.T) {
	for _, work := range []time.Duration{0, failedLoginDelay / 2, failedLoginDelay - 1, 2 * failedLoginDelay} {
		slow := func() login { return slowLogin(work) }
		l := &listener{}
		l.access.Store(&access{sasl: &SASL{}, mechanisms: map[string]mechanism{ScramSHA256: slow}})
		want := max(failedLoginDelay, work)
		for version, fail := range map[int16]func(c *conn) error{
			1: func(c *conn) error {
				_, err := c.login.authenticate(t.Context(), kmsg.NewPtrSASLAuthenticateRequest())
				return err
			},
			0: func(c *conn) error { // a bare token
				_, err := c.takeToken(t.Context(), nil)
				return err
			},
		} {
			t.Run(fmt.Sprint("work of ", work, ", version ", version), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // with a clock that no load holds up
					c := &conn{listener: l, login: loginFlow{listener: l}}
					handshake := kmsg.NewPtrSASLHandshakeRequest()
					handshake.Version, handshake.Mechanism = version, ScramSHA256
					_, err := c.login.handshake(handshake)
					require.NoError(t, err)
					began := time.Now()
					assert.ErrorIs(t, fail(c), errCredentials)
					assert.Equal(t, want, time.Since(began))
				})
			})
		}
	}
}

// slowLogin takes time and fails.
type slowLogin time.Duration

func (l slowLogin) step(context.Context, []byte) ([]byte, bool, error) {
	time.Sleep(time.Duration(l))
	return nil, false, errCredentials
}

func (l slowLogin) peer(*principal.Builder) (identity, error) { return identity{}, errCredentials }

// TestGivenCredentials: a user whose password is not known here logs in with it by the
// mechanism of the credentials, and by no other. Names that do not exist get salts of the
// forms that users have, the same each time.
func TestGivenCredentials(t *testing.T) {
	salt := []byte("1n4rrqcn8mc3w3oy6xjy") // too short to be one of Kafka
	salted, err := pbkdf2.Key(sha256.New, "secret", salt, 8192, sha256.Size)
	require.NoError(t, err)
	given, err := ScramCredentialOf(ScramSHA256, salt, 8192, salted)
	require.NoError(t, err)
	sasl := &SASL{Mechanisms: []string{Plain, ScramSHA256, ScramSHA512}, Users: map[string]string{"known": "secret2"},
		Credentials: map[string][]ScramCredential{"given": {given}}}
	mechanisms, err := sasl.mechanisms([]byte("salts"), nil)
	require.NoError(t, err)
	require.NoError(t, logIn(t, mechanisms[ScramSHA256], "given", "secret"))
	require.NoError(t, logIn(t, mechanisms[ScramSHA256], "known", "secret2"))
	require.ErrorIs(t, logIn(t, mechanisms[ScramSHA256], "given", "Secret"), errCredentials)
	_, _, err = mechanisms[Plain]().step(t.Context(), []byte("\x00given\x00secret"))
	require.ErrorIs(t, err, errCredentials)
	_, _, err = mechanisms[Plain]().step(t.Context(), []byte("\x00given\x00"))
	require.ErrorIs(t, err, errCredentials)
	first := func(begin mechanism, name string) string {
		answer, _, err := begin().step(t.Context(), []byte("n,,n="+name+",r=abc"))
		require.NoError(t, err)
		_, challenge, _ := strings.Cut(string(answer), ",")
		return challenge
	}
	assert.Equal(t, "s="+base64.StdEncoding.EncodeToString(salt)+",i=8192", first(mechanisms[ScramSHA256], "given"))
	assert.Contains(t, first(mechanisms[ScramSHA512], "given"), ",i=8192", "it looks the same in the other mechanism")
	again, err := sasl.mechanisms([]byte("salts"), nil)
	require.NoError(t, err)
	forms := map[bool]int{}
	for i := range 200 {
		name := fmt.Sprint("stranger", i)
		challenge := first(mechanisms[ScramSHA256], name)
		assert.Equal(t, challenge, first(again[ScramSHA256], name))
		text, iterations, _ := strings.Cut(strings.TrimPrefix(challenge, "s="), ",i=")
		made, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		like := iterations == "8192"
		forms[like]++
		if like {
			assert.Regexp(t, "^[0-9a-z]{20}$", string(made))
		} else {
			assert.Equal(t, "4096", iterations)
			assert.Equal(t, ownForm, formOf(scram.KeyFactors{Salt: string(made), Iters: 4096}))
		}
	}
	assert.Greater(t, forms[true], 50)
	assert.Greater(t, forms[false], 50)

	for name, spoil := range map[string]func(s *SASL){
		"user given: expected a name in UTF-8, and either": func(s *SASL) { s.Users["given"] = "secret" },
		"two credentials for SCRAM-SHA-256":                func(s *SASL) { s.Credentials["given"] = []ScramCredential{given, given} },
		"no credentials for PLAIN":                         func(s *SASL) { s.Mechanisms = []string{Plain} },
		"no credentials for PLAIN, SCRAM-SHA-256":          func(s *SASL) { s.Mechanisms, s.Credentials["given"] = []string{Plain, ScramSHA256}, nil },
		"4095 iterations":                                  func(s *SASL) { s.Credentials["given"][0].Iterations = 4095 },
		"a salt of 0 bytes":                                func(s *SASL) { s.Credentials["given"][0].Salt = nil },
		"keys of 31 and 32 bytes":                          func(s *SASL) { s.Credentials["given"][0].StoredKey = salted[:31] },
		"mechanism PLAIN: expected":                        func(s *SASL) { s.Credentials["given"][0].Mechanism = Plain },
	} {
		t.Run(name, func(t *testing.T) {
			s := &SASL{Mechanisms: []string{Plain, ScramSHA256}, Users: map[string]string{}, Credentials: map[string][]ScramCredential{"given": {given}}}
			spoil(s)
			_, err := s.mechanisms(nil, nil)
			require.ErrorContains(t, err, name)
		})
	}
	assert.NotContains(t, fmt.Sprintf("%v %+v", given, given), fmt.Sprint(salt[0]), "nothing prints salt or keys")
}
