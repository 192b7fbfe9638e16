package proxy

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// shown returns what a client without a login is shown of each name: salts and iterations.
func shown(t *testing.T, s *SASL, own string, mechanism string, names ...string) map[string]string {
	a, err := newAccess(Listener{SASL: s}, []byte(own), nil)
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range names {
		answer, _, err := a.mechanisms[mechanism]().step(t.Context(), []byte("n,,n="+name+",r=abc"))
		require.NoError(t, err)
		_, found[name], _ = strings.Cut(string(answer), ",s=")
	}
	return found
}

// strangers are names that are no user's.
var strangers = func() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprint("stranger", i))
	}
	return names
}()

// saltedUsers returns a configuration with users whose credentials have these salts and
// iterations.
func saltedUsers(t *testing.T, salts map[string]int) *SASL {
	s := &SASL{Mechanisms: []string{ScramSHA256, ScramSHA512}, Credentials: map[string][]ScramCredential{}}
	for salt, iterations := range salts {
		salted, err := pbkdf2.Key(sha256.New, "secret", []byte(salt), iterations, sha256.Size)
		require.NoError(t, err)
		c, err := ScramCredentialOf(ScramSHA256, []byte(salt), iterations, salted)
		require.NoError(t, err)
		s.Credentials["user "+salt] = []ScramCredential{c}
	}
	return s
}

func changes(before, after map[string]string) (names []string) {
	for name, was := range before {
		if after[name] != was {
			names = append(names, name)
		}
	}
	return names
}

// Salts as Kafka makes them, of 24 and 25 digits.
const (
	saltA = "1n4rrqcn8mc3w3oy6xjyabcd"
	saltB = "1n4rrqcn8mc3w3oy6xjyabcde"
	saltC = "2n4rrqcn8mc3w3oy6xjyabcdx"
)

// TestSaltsAreKept: if credentials change, come or go, the salts of all other names stay, also
// those of names that do not exist. Otherwise whoever asks before and after a change of the
// file of users learns which names are users.
func TestSaltsAreKept(t *testing.T) {
	one := saltedUsers(t, map[string]int{saltA: 4096})
	names := append([]string{"user " + saltA}, strangers...)
	before := shown(t, one, "drawn", ScramSHA256, names...)
	t.Run("users with the form of others", func(t *testing.T) {
		more := saltedUsers(t, map[string]int{saltA: 4096, saltB: 4096, saltC: 4096})
		more.Users = map[string]string{"known": "secret"}
		assert.Empty(t, changes(before, shown(t, more, "drawn", ScramSHA256, names...)))
		assert.Empty(t, changes(shown(t, more, "drawn", ScramSHA512, names...), shown(t, one, "drawn", ScramSHA512, names...)))
	})
	t.Run("a form more", func(t *testing.T) {
		users, history := map[string]int{saltA: 4096}, []map[string]string{before}
		for n, iterations := range []int{8192, 5000, 6000, 7000} {
			users[saltB[n:]+saltB[:n]] = iterations
			last, now := history[n], shown(t, saltedUsers(t, users), "drawn", ScramSHA256, names...)
			moved := changes(last, now)
			assert.InDelta(t, len(strangers)/(n+2), len(moved), 60, "of %d names, with the form number %d", len(strangers), n+2)
			for _, name := range moved {
				assert.Contains(t, now[name], fmt.Sprint(",i=", iterations), "%s moved to another form than the new one", name)
			}
			history = append(history, now)
		}
		delete(users, saltB[3:]+saltB[:3])
		assert.Empty(t, changes(history[3], shown(t, saltedUsers(t, users), "drawn", ScramSHA256, names...)), "once it is gone")
	})
	t.Run("after a reload, and at another listener", func(t *testing.T) {
		cluster, err := relay.NewCluster(relay.Upstream{Brokers: []string{"127.0.0.1:1"}}, nil)
		require.NoError(t, err)
		defer cluster.Close()
		p := &Proxy{salts: random(minSaltSecret), cluster: cluster, log: slog.New(slog.DiscardHandler)}
		listen := func(s *SASL) Listener {
			return Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: s}
		}
		require.NoError(t, p.listenersOf(Config{Listeners: []Listener{listen(one), listen(saltedUsers(t, map[string]int{saltA: 4096, saltC: 4096}))}}))
		of := func(listener int) (salts []string) {
			for _, name := range names[:10] {
				answer, _, err := p.listeners[listener].access.Load().mechanisms[ScramSHA256]().step(t.Context(), []byte("n,,n="+name+",r=abc"))
				require.NoError(t, err)
				_, salt, _ := strings.Cut(string(answer), ",s=")
				salts = append(salts, salt)
			}
			return salts
		}
		first := of(0)
		assert.Equal(t, first, of(1))
		require.NoError(t, p.Reconfigure(relay.Upstream{}, []Listener{listen(saltedUsers(t, map[string]int{saltA: 4096, saltB: 4096})), listen(one)}))
		assert.Equal(t, first, of(0))
		assert.Equal(t, first, of(1))
	})
}

// TestSaltsAfterARestart: with a secret of the configuration all salts are the same after a
// restart, whatever credentials have changed. Without one they are not made of the credentials.
func TestSaltsAfterARestart(t *testing.T) {
	one, other := saltedUsers(t, map[string]int{saltA: 4096}), saltedUsers(t, map[string]int{saltA: 4096, saltB: 4096})
	names := append([]string{"user " + saltA, "known"}, strangers...)
	for _, s := range []*SASL{one, other} {
		s.Users = map[string]string{"known": "secret"}
	}
	assert.Equal(t, []string{"user " + saltA}, func() (kept []string) {
		before, after := shown(t, one, "drawn", ScramSHA256, names...), shown(t, one, "drawn again", ScramSHA256, names...)
		for name := range before {
			if before[name] == after[name] {
				kept = append(kept, name)
			}
		}
		return kept
	}(), "made of credentials: with the credentials of a guessed password a client could compute the salts")
	for _, s := range []*SASL{one, other} {
		s.SaltSecret = []byte("a secret of thirty-two bytes, at least")
	}
	assert.Empty(t, changes(shown(t, one, "drawn", ScramSHA256, names...), shown(t, other, "drawn again", ScramSHA256, names...)))
	one.SaltSecret = one.SaltSecret[:31]
	_, err := newAccess(Listener{SASL: one}, nil, nil)
	require.ErrorContains(t, err, "a secret for salts of 31 bytes: expected at least 32")
}

// TestStandIns: what is shown of a name that does not exist looks like what is shown of a user.
func TestStandIns(t *testing.T) {
	s := saltedUsers(t, map[string]int{saltA: 4096})
	s.Users = map[string]string{"known": "secret"}
	names := append([]string{"known"}, strangers...)
	lengths := map[int]int{}
	first, second := shown(t, s, "drawn", ScramSHA256, names...), shown(t, s, "drawn", ScramSHA512, names...)
	seen := map[string]bool{}
	for name, answer := range first {
		text, iterations, _ := strings.Cut(answer, ",i=")
		salt, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		assert.Regexp(t, "^[0-9a-z]+$", string(salt))
		assert.Equal(t, "4096", iterations)
		lengths[len(salt)]++
		assert.NotEqual(t, answer, second[name], "%s: Kafka makes another salt for each mechanism", name)
		assert.False(t, seen[answer], "%s has the salt of another name", name)
		seen[answer] = true
	}
	// Of the numbers below 2¹³⁰, 1.6 % have 24 digits or fewer, 57.8 % have 25, and the others 26.
	assert.InDelta(t, 578, lengths[25], 60)
	assert.InDelta(t, 406, lengths[26], 60)
	assert.Len(t, strangers, lengths[23]+lengths[24]+lengths[25]+lengths[26]-1)
	t.Run("of other forms", func(t *testing.T) {
		for _, salt := range []string{"\x00\x01\x02\x03\x04\x05\x06\x07", "abc", strings.Repeat("z", 26), "00" + saltA} {
			s := saltedUsers(t, map[string]int{salt: 10000})
			for name, answer := range shown(t, s, "drawn", ScramSHA256, strangers[:20]...) {
				text, iterations, _ := strings.Cut(answer, ",i=")
				made, err := base64.StdEncoding.DecodeString(text)
				require.NoError(t, err)
				assert.Len(t, made, len(salt), name)
				assert.Equal(t, "10000", iterations)
				if salt[0] != 0 {
					assert.Regexp(t, "^[0-9a-z]+$", string(made))
				}
			}
		}
	})
}

// TestStandInsOfTwoMechanisms: what is shown of a name in both mechanisms together is shown of
// names that are no user's, too. Otherwise different iterations would tell a user.
func TestStandInsOfTwoMechanisms(t *testing.T) {
	credential := func(mechanism string, iterations int) ScramCredential {
		size := scramHashes[mechanism]().Size()
		return ScramCredential{Mechanism: mechanism, Salt: []byte(saltA), Iterations: iterations, StoredKey: random(size), ServerKey: random(size)}
	}
	s := &SASL{
		Mechanisms: []string{ScramSHA256, ScramSHA512},
		Users:      map[string]string{"password": "secret"}, // 4096 with both
		Credentials: map[string][]ScramCredential{
			"both":      {credential(ScramSHA256, 8192), credential(ScramSHA512, 8192)},
			"first":     {credential(ScramSHA256, 8192)},
			"second":    {credential(ScramSHA512, 8192)},
			"different": {credential(ScramSHA256, 4096), credential(ScramSHA512, 8192)},
		},
	}
	iterations := func(answer string) string { return answer[strings.LastIndex(answer, "i="):] }
	names := append([]string{"password", "both", "first", "second", "different"}, strangers...)
	first, second := shown(t, s, "drawn", ScramSHA256, names...), shown(t, s, "drawn", ScramSHA512, names...)
	count := map[string]int{}
	for _, name := range strangers {
		count[iterations(first[name])+" "+iterations(second[name])]++
	}
	assert.Len(t, count, 3, "pairs that are shown of strangers")
	for _, name := range names[:5] {
		pair := iterations(first[name]) + " " + iterations(second[name])
		assert.InDelta(t, len(strangers)/3, count[pair], 60, "strangers of whom is shown what is shown of user %s: %s", name, pair)
	}
	s.Mechanisms = []string{ScramSHA256}
	delete(s.Credentials, "second")
	offered := map[string]int{}
	for _, answer := range shown(t, s, "drawn", ScramSHA256, strangers...) {
		offered[iterations(answer)]++
	}
	assert.InDelta(t, len(strangers)/3, offered["i=8192"], 60, "the forms are those of both mechanisms, as on a listener that offers both")
}

// TestStandInsTakeTheSameWork: the time until the answer does not tell who is a user.
func TestStandInsTakeTheSameWork(t *testing.T) {
	s := saltedUsers(t, map[string]int{saltA: 4096, saltB: 8192})
	s.Users = map[string]string{"known": "secret"}
	begin, err := newSCRAM(ScramSHA256, s, random(minSaltSecret), nil)
	require.NoError(t, err)
	m := begin().(*scramLogin).mechanism
	work := func(name string) float64 { return testing.AllocsPerRun(100, func() { m.factors(name) }) }
	assert.Len(t, m.forms.all, 2, "more users with the forms of others are no more work")
	// All but the text of the salt, whose length differs, is the same.
	want := work("stranger")
	assert.Positive(t, want)
	for _, name := range []string{"known", "user " + saltA, "user " + saltB} {
		assert.InDelta(t, want, work(name), 1, name)
	}
}

func BenchmarkSaltOf(b *testing.B) {
	for _, name := range []string{"known", "stranger"} {
		b.Run(name, func(b *testing.B) {
			begin, err := newSCRAM(ScramSHA256, &SASL{Users: map[string]string{"known": "secret"}}, random(minSaltSecret), nil)
			require.NoError(b, err)
			m := begin().(*scramLogin).mechanism
			b.ReportAllocs()
			for b.Loop() {
				m.factors(name)
			}
		})
	}
}

// TestStandInsOfTwoListeners: two listeners have the same users, and one of them offers one mechanism
// alone. A name that is no user's is shown the same on both, as users are.
func TestStandInsOfTwoListeners(t *testing.T) {
	both := &SASL{Mechanisms: []string{ScramSHA256, ScramSHA512}, Credentials: map[string][]ScramCredential{}}
	for user, iterations := range map[string][2]int{"alice": {4096, 8192}, "bob": {8192, 4096}, "carol": {8192, 8192}} {
		for i, mechanism := range both.Mechanisms {
			c := ScramCredential{Mechanism: mechanism, Salt: []byte("0123456789abcdefghijklmnopqrs"), Iterations: iterations[i]}
			size := scramHashes[mechanism]().Size()
			c.StoredKey, c.ServerKey = random(size), random(size)
			both.Credentials[user] = append(both.Credentials[user], c)
		}
	}
	one := &SASL{Mechanisms: []string{ScramSHA256}, Credentials: both.Credentials}
	names := append([]string{"alice", "bob", "carol"}, strangers...)
	own := strings.Repeat("s", minSaltSecret)
	assert.Empty(t, changes(shown(t, both, own, ScramSHA256, names...), shown(t, one, own, ScramSHA256, names...)))
}
