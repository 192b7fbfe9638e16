package proxy

import (
	"crypto/sha256"
	"fmt"
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
	begin, err := newSCRAM(ScramSHA256, sha256.New, users)
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
	answer, done, err := server.step([]byte(message))
	require.NoError(t, err)
	require.False(t, done)
	message, err = conversation.Step(string(answer))
	require.NoError(t, err)
	answer, done, err = server.step([]byte(message))
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
		a, _, err := begin().step([]byte(first))
		require.NoError(t, err)
		b, _, err := begin().step([]byte(first))
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
		l := &listener{Listener: Listener{SASL: &SASL{}}, mechanisms: map[string]mechanism{ScramSHA256: slow}}
		want := max(failedLoginDelay, work)
		for version, fail := range map[int16]func(c *conn) error{
			1: func(c *conn) error {
				_, err := c.login.authenticate(kmsg.NewPtrSASLAuthenticateRequest())
				return err
			},
			0: func(c *conn) error { // a bare token
				_, err := c.takeToken(nil)
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

func (l slowLogin) step([]byte) ([]byte, bool, error) {
	time.Sleep(time.Duration(l))
	return nil, false, errCredentials
}

func (l slowLogin) peer(*principal.Builder) (identity, error) { return identity{}, errCredentials }
