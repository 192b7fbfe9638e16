package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/tokentest"
	"github.com/portcullis-authz/portcullis/ops"
)

// oauthWorld is a broker and a proxy with its server.properties, with the same keys for tokens.
type oauthWorld struct {
	t       *testing.T
	folder  string
	config  string // the file server.properties
	first   *tokentest.Issuer
	second  *tokentest.Issuer // whose key comes later
	ways    map[string]map[string]string
	log     buffer
	refused buffer
}

// listeners with OAUTHBEARER: LIMITED has connections.max.reauth.ms.
var oauthListeners = []string{"TOKENS", "LIMITED"}

const (
	oauthPackage = "org.apache.kafka.common.security.oauthbearer."
	reauthLimit  = time.Minute
)

func startOAuthWorld(t *testing.T) *oauthWorld {
	w := &oauthWorld{t: t, folder: t.TempDir(), first: tokentest.New(t, "first"), second: tokentest.New(t, "second"), ways: map[string]map[string]string{"kafka": {}, "proxy": {}}}
	keys := w.write("keys.json", tokentest.KeySet(w.first))
	// Brokers and clients read the keys and tokens of these URLs alone.
	t.Setenv("JAVA_TOOL_OPTIONS", "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls="+strings.Join([]string{"file://" + keys, w.tokenURL("alice"), w.tokenURL("bob"), w.tokenURL("stranger")}, ","))
	settings := map[string]string{
		"oauthbearer.sasl.server.callback.handler.class": oauthPackage + "OAuthBearerValidatorCallbackHandler",
		"sasl.oauthbearer.jwks.endpoint.url":             "file://" + keys,
		"sasl.oauthbearer.expected.issuer":               tokentest.Name,
		"sasl.oauthbearer.expected.audience":             tokentest.Audience,
		"sasl.oauthbearer.jwt.validator.class":           oauthPackage + "BrokerJwtValidator",
	}
	limited := maps.Clone(settings)
	limited["connections.max.reauth.ms"] = fmt.Sprint(reauthLimit.Milliseconds())
	cluster := kafkatest.Start(t, kafkatest.Config{Listeners: []kafkatest.Listener{
		{Name: "TOKENS", Mechanisms: []string{"OAUTHBEARER"}, Properties: settings},
		{Name: "LIMITED", Mechanisms: []string{"OAUTHBEARER"}, Properties: limited},
		{Name: "UNSECURED", Mechanisms: []string{"OAUTHBEARER"}},
	}})
	var bindings []acl.Binding
	for _, name := range []string{"alice", "bob"} {
		cluster.CreateTopics(t, kafkatest.Topic{Name: name})
		bindings = append(bindings, acltest.Allow("User:"+name, ops.Describe, acltest.Topic(name)))
	}
	cluster.SetACLs(t, bindings...)
	w.ways["kafka"]["UNSECURED"] = cluster.Bootstrap("UNSECURED")
	w.config = file(t, "server.properties", cluster.Brokers[0].Configuration(t))
	args := []string{"proxy", "--properties", w.config, "--mirror-acls", "--upstream", cluster.Bootstrap(kafkatest.Internal),
		"--upstream-user", kafkatest.Admin, "--upstream-password-file", file(t, "password", kafkatest.AdminPassword), "--upstream-mechanism", "PLAIN", "--first-node-id", fmt.Sprint(cluster.Brokers[0].Node)}
	for _, name := range oauthListeners {
		args = append(args, "--listen", name+"://127.0.0.1:0")
		w.ways["kafka"][name] = cluster.Bootstrap(name)
	}
	status := make(chan int, 1)
	go func() { status <- run(args, strings.NewReader(""), &w.refused, &w.log) }()
	for i, address := range strings.Split(w.log.wait(t, `msg=serving listeners=(\S+) acls=`), ",") {
		w.ways["proxy"][oauthListeners[i]] = address
	}
	t.Cleanup(func() {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		select {
		case got := <-status:
			assert.Equal(t, exitDone, got, w.log.String())
		case <-time.After(90 * time.Second):
			assert.Fail(t, "the proxy does not end")
		}
	})
	return w
}

func (w *oauthWorld) write(name, text string) string {
	path := filepath.Join(w.folder, name)
	require.NoError(w.t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(w.t, os.Rename(path+".new", path))
	return path
}

// tokenURL is where a Java client reads its token.
func (w *oauthWorld) tokenURL(user string) string {
	return "file://" + filepath.Join(w.folder, user+".token")
}

// oauthConn is a connection on which a test logs in with what it likes.
type oauthConn struct {
	t *testing.T
	net.Conn
}

func dialOAuth(t *testing.T, address string) *oauthConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	return &oauthConn{t, c}
}

// ask returns the answer to a request, or nil if the connection is closed instead.
func (c *oauthConn) ask(r kmsg.Request, version int16) kmsg.Response {
	c.t.Helper()
	r.SetVersion(version)
	if _, err := c.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("oauth")).AppendRequest(nil, r, 1)); err != nil {
		return nil
	}
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		require.NotErrorIs(c.t, err, os.ErrDeadlineExceeded)
		return nil
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c, body)
	require.NoError(c.t, err)
	answer := r.ResponseKind()
	body = body[4:] // after the correlation id
	if answer.IsFlexible() {
		body = body[1:]
	}
	require.NoError(c.t, answer.ReadFrom(body))
	return answer
}

const closed = "closed"

func (c *oauthConn) handshake() string {
	c.t.Helper()
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = "OAUTHBEARER"
	if answer, ok := c.ask(r, 1).(*kmsg.SASLHandshakeResponse); ok {
		return fmt.Sprint(answer.ErrorCode)
	}
	return closed
}

// message sends a message of the mechanism, and returns the code, the message and the error text
// of the answer, and how long the session lasts. The text of other errors than those of RFC 7628
// is not compared.
func (c *oauthConn) message(text string) (answer string, life time.Duration) {
	c.t.Helper()
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(text)
	got, ok := c.ask(r, 2).(*kmsg.SASLAuthenticateResponse)
	if !ok {
		return closed, 0
	}
	told := ""
	if got.ErrorMessage != nil && strings.HasPrefix(*got.ErrorMessage, "{") {
		told = *got.ErrorMessage
	}
	return fmt.Sprintf("%d %q %q", got.ErrorCode, got.SASLAuthBytes, told), time.Duration(got.SessionLifetimeMillis) * time.Millisecond
}

// metadata sends a request and reports whether it is answered.
func (c *oauthConn) metadata() string {
	c.t.Helper()
	if c.ask(kmsg.NewPtrMetadataRequest(), 9) == nil {
		return closed
	}
	return "served"
}

func bearer(token string) string { return "n,,\x01auth=Bearer " + token + "\x01\x01" }

const (
	accepted   = `0 "" ""`
	challenged = `0 "{\"status\":\"invalid_token\"}" ""`
	refused    = `58 "" "{\"status\":\"invalid_token\"}"`
	failed     = `58 "" ""`
)

// oauthRow is a login, and what Kafka and the proxy answer.
type oauthRow struct {
	message string
	then    string // the message after a challenge; "" is %x01
	want    string // the answers of Kafka
	proxy   string // those of the proxy, if they differ
	differs string // the id of the difference in docs/differences.md
}

func oauthRows(w *oauthWorld) map[string]oauthRow {
	now := time.Now().Unix()
	good := w.first.Token("alice", nil)
	parts := strings.Split(good, ".")
	token := func(claims map[string]any) oauthRow {
		return oauthRow{message: bearer(w.first.Token("alice", claims)), want: challenged + ", " + refused}
	}
	yes := func(r oauthRow) oauthRow { r.want = accepted; return r }
	no := func(message string) oauthRow { return oauthRow{message: message, want: challenged + ", " + refused} }
	malformed := func(message string) oauthRow { return oauthRow{message: message, want: failed} }
	claims := func(text string) string { return w.first.Sign(`{"alg":"RS256","kid":"first"}`, text) }
	return map[string]oauthRow{
		"good":                 yes(token(nil)),
		"ended":                token(map[string]any{"exp": now - 60, "iat": now - 100}),
		"ended within skew":    yes(token(map[string]any{"exp": now - 5, "iat": now - 100})),
		"not yet":              token(map[string]any{"nbf": now + 100}),
		"iat in the future":    yes(token(map[string]any{"iat": now + 100})),
		"another issuer":       token(map[string]any{"iss": "https://other.example"}),
		"another audience":     token(map[string]any{"aud": "other"}),
		"audiences":            yes(token(map[string]any{"aud": []string{"other", "kafka"}})),
		"no exp":               token(map[string]any{"exp": nil}),
		"no iat":               token(map[string]any{"iat": nil}),
		"empty sub":            token(map[string]any{"sub": ""}),
		"scopes":               yes(token(map[string]any{"scope": []string{"a", "b"}})),
		"scope as text":        yes(token(map[string]any{"scope": "a b"})),
		"scope twice":          token(map[string]any{"scope": []string{"a", "a"}}),
		"scope with a number":  {message: bearer(w.first.Token("alice", map[string]any{"scope": []any{"a", 1}})), want: closed, proxy: challenged + ", " + refused, differs: "oauth-broken"},
		"the year 3000":        {message: bearer(w.first.Token("alice", map[string]any{"exp": 32503680000})), want: closed, proxy: failed, differs: "oauth-broken"},
		"unsecured":            no(bearer("eyJhbGciOiJub25lIn0." + parts[1] + ".")),
		"none, with signature": no(bearer(w.first.Sign(`{"alg":"none","kid":"first"}`, string(decode(w.t, parts[1]))))),
		"HS256":                no(bearer(w.first.Sign(`{"alg":"HS256","kid":"first"}`, string(decode(w.t, parts[1]))))),
		"RS512 over RS256":     no(bearer(w.first.Sign(`{"alg":"RS512","kid":"first"}`, string(decode(w.t, parts[1]))))),
		"unknown key":          no(bearer(w.second.Token("alice", nil))),
		"another's key":        no(bearer(w.second.Sign(`{"alg":"RS256","kid":"first"}`, string(decode(w.t, parts[1]))))),
		"no name of a key":     yes(no(bearer(w.first.Sign(`{"alg":"RS256"}`, string(decode(w.t, parts[1])))))),
		"claim twice":          no(bearer(claims(`{"sub":"bob",` + string(decode(w.t, parts[1]))[1:]))),
		"bad base64":           no(bearer(parts[0] + "." + parts[1] + ".~~~~")),
		"no dots":              no(bearer("opaque")),
		"large":                {message: bearer(w.first.Token("alice", map[string]any{"x": strings.Repeat("x", 200<<10)})), want: accepted, proxy: failed, differs: "oauth-size"},
		"too large":            {message: bearer(w.first.Token("alice", map[string]any{"x": strings.Repeat("x", 400<<10)})), want: closed},
		"extensions":           yes(no("n,,\x01auth=Bearer " + good + "\x01host=a\x01trace=b\x01\x01")),
		"bad extension":        malformed("n,,\x01auth=Bearer " + good + "\x01ho-st=a\x01\x01"),
		"same id":              yes(no("n,a=alice,\x01auth=Bearer " + good + "\x01\x01")),
		"another id":           malformed("n,a=bob,\x01auth=Bearer " + good + "\x01\x01"),
		"channel binding":      malformed("y,,\x01auth=Bearer " + good + "\x01\x01"),
		"Basic":                {message: "n,,\x01auth=Basic " + good + "\x01\x01", want: closed, proxy: failed, differs: "oauth-broken"},
		"empty":                malformed(""),
		"%x01 alone":           malformed("\x01"),
		"another token after":  {message: bearer("opaque"), then: bearer(good), want: challenged + ", " + accepted, proxy: challenged + ", " + refused, differs: "oauth-after-refusal"},
		"malformed after":      {message: bearer("opaque"), then: "x", want: challenged + ", " + failed, proxy: challenged + ", " + refused, differs: "oauth-after-refusal"},
	}
}

func decode(t *testing.T, part string) []byte {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	return text
}

// TestKafkaOAuth gives the proxy the server.properties of a broker with OAUTHBEARER, as it is,
// and compares logins at both.
func TestKafkaOAuth(t *testing.T) {
	w := startOAuthWorld(t)
	rows := oauthRows(w)
	login := func(t *testing.T, address string, row oauthRow) string {
		c := dialOAuth(t, address)
		require.Equal(t, "0", c.handshake())
		answer, _ := c.message(row.message)
		if answer != challenged {
			return answer
		}
		then := row.then
		if then == "" {
			then = "\x01"
		}
		next, _ := c.message(then)
		return answer + ", " + next
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, row.want, login(t, w.ways["kafka"]["TOKENS"], row), "at the broker")
			want := row.want
			if row.proxy != "" {
				want = row.proxy
				assert.Contains(t, readAll(t, "../../docs/differences.md"), "| "+row.differs+" |")
			}
			assert.Equal(t, want, login(t, w.ways["proxy"]["TOKENS"], row), "through the proxy")
		})
	}
	for _, way := range []string{"kafka", "proxy"} {
		t.Run("sessions/"+way, func(t *testing.T) { w.sessions(t, way) })
	}
	t.Run("Java", w.javaClients)
	t.Run("librdkafka", w.librdkafka)
	t.Run("rotation", w.rotation)
	t.Run("unsecured", w.unsecured)
	t.Logf("%d logins compared with Kafka %s", len(rows), kafkatest.DefaultVersion)
	for _, part := range strings.Split(w.first.Token("alice", nil), ".")[:1] {
		assert.NotContains(t, w.log.String(), part, "the log has no token")
	}
}

// sessions: a session lasts as long as the token, at most as long as the limit; the client can
// log in again, as itself.
func (w *oauthWorld) sessions(t *testing.T, way string) {
	begin := func(listener, token string) (*oauthConn, time.Duration) {
		c := dialOAuth(t, w.ways[way][listener])
		require.Equal(t, "0", c.handshake())
		answer, life := c.message(bearer(token))
		require.Equal(t, accepted, answer)
		return c, life
	}
	again := func(c *oauthConn, token string) string {
		time.Sleep(1100 * time.Millisecond) // Kafka lets nobody log in again within a second
		require.Equal(t, "0", c.handshake())
		answer, _ := c.message(bearer(token))
		return answer
	}
	now := time.Now().Unix()
	_, life := begin("TOKENS", w.first.Token("alice", nil))
	assert.InDelta(t, 600, life.Seconds(), 3, "the token")
	_, life = begin("LIMITED", w.first.Token("alice", nil))
	assert.Equal(t, reauthLimit, life, "the limit")
	_, life = begin("LIMITED", w.first.Token("alice", map[string]any{"exp": now + 20}))
	assert.InDelta(t, 20, life.Seconds(), 3, "the token before the limit")
	_, life = begin("LIMITED", w.first.Token("alice", map[string]any{"exp": 32503680000}))
	assert.Equal(t, reauthLimit, life, "the limit before the year 3000")

	c, _ := begin("TOKENS", w.first.Token("alice", nil))
	assert.Equal(t, "served", c.metadata())
	assert.Equal(t, accepted, again(c, w.first.Token("alice", nil)), "the same client")
	assert.Equal(t, "served", c.metadata())
	assert.Equal(t, failed, again(c, w.first.Token("bob", nil)), "another client")

	c, life = begin("TOKENS", w.first.Token("alice", map[string]any{"exp": now - 5, "iat": now - 50}))
	assert.Zero(t, life)
	assert.Equal(t, closed, c.metadata(), "a token that has ended within the skew")
	c, _ = begin("TOKENS", w.first.Token("alice", map[string]any{"exp": time.Now().Unix() + 2}))
	assert.Equal(t, "served", c.metadata())
	time.Sleep(2500 * time.Millisecond)
	assert.Equal(t, closed, c.metadata(), "a token that has ended")
}

// javaClients: Kafka's tools log in with a token from a file, and see the same topics.
func (w *oauthWorld) javaClients(t *testing.T) {
	w.write("alice.token", w.first.Token("alice", nil))
	w.write("bob.token", w.first.Token("bob", nil))
	w.write("stranger.token", w.second.Token("alice", nil))
	for user, sees := range map[string]string{"alice": "alice", "bob": "bob", "stranger": ""} {
		config := w.write(user+".properties", kafkatest.Properties(map[string]string{
			"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
			"sasl.jaas.config":                    oauthPackage + "OAuthBearerLoginModule required;",
			"sasl.login.callback.handler.class":   oauthPackage + "OAuthBearerLoginCallbackHandler",
			"sasl.oauthbearer.token.endpoint.url": w.tokenURL(user), "default.api.timeout.ms": "8000", "request.timeout.ms": "6000",
		}))
		for way, addresses := range w.ways {
			t.Run(user+"/"+way, func(t *testing.T) {
				r := kafkatest.Tool(t, kafkatest.DefaultVersion, "", "kafka-topics", "--bootstrap-server", addresses["TOKENS"], "--command-config", config, "--list")
				if sees == "" {
					assert.NotZero(t, r.Status)
					assert.Contains(t, r.String(), `SaslAuthenticationException: {"status":"invalid_token"}`)
					return
				}
				assert.Zero(t, r.Status, r.String())
				assert.Equal(t, sees, strings.Join(strings.Fields(r.Stdout), " "))
			})
		}
	}
}

// librdkafka: clients log in with a token, and not with one that they make themselves without a
// signature.
func (w *oauthWorld) librdkafka(t *testing.T) {
	needed := func(found bool, what string) {
		if !found {
			require.Empty(t, os.Getenv("PORTCULLIS_REQUIRE_CLIENTS"), "%s is missing", what)
			t.Skipf("there is no %s", what)
		}
	}
	for way, addresses := range w.ways {
		t.Run("confluent-kafka/"+way, func(t *testing.T) {
			needed(exec.Command("python3", "-c", "import confluent_kafka").Run() == nil, "confluent-kafka")
			ask := func(token string) (string, error) {
				command := exec.Command("python3", "testdata/oauth.py", addresses["TOKENS"])
				command.Stdin = strings.NewReader(token)
				out, err := command.CombinedOutput()
				return strings.TrimSpace(string(out)), err
			}
			out, err := ask(w.first.Token("alice", nil))
			require.NoError(t, err, out)
			assert.Equal(t, "alice", out)
			out, err = ask(w.second.Token("alice", nil))
			require.Error(t, err)
			assert.Contains(t, out, "invalid_token")
		})
		t.Run("kcat/"+way, func(t *testing.T) {
			_, err := exec.LookPath("kcat")
			needed(err == nil, "kcat")
			out, err := exec.Command("kcat", "-b", addresses["TOKENS"], "-L", "-m", "8", "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanisms=OAUTHBEARER",
				"-X", "enable.sasl.oauthbearer.unsecure.jwt=true", "-X", "sasl.oauthbearer.config=principal=alice scope=x").CombinedOutput()
			require.Error(t, err)
			assert.Contains(t, string(out), "invalid_token")
		})
	}
}

// unsecured: without settings a broker takes tokens that nobody has signed. The proxy does not
// serve such a listener, and says what is missing.
func (w *oauthWorld) unsecured(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	c := dialOAuth(t, w.ways["kafka"]["UNSECURED"])
	require.Equal(t, "0", c.handshake())
	answer, _ := c.message(bearer(encode([]byte(`{"alg":"none"}`)) + "." + encode(fmt.Appendf(nil, `{"sub":"admin","exp":%d}`, time.Now().Unix()+600)) + "."))
	assert.Equal(t, accepted, answer, "the broker: see oauth-unsecured in docs/differences.md")
	var out, log buffer
	args := []string{"proxy", "--check", "--properties", w.config, "--listen", "UNSECURED://127.0.0.1:0", "--mirror-acls", "--upstream", w.ways["kafka"]["TOKENS"]}
	assert.Equal(t, exitError, run(args, strings.NewReader(""), &out, &log))
	assert.Contains(t, log.String(), "listener UNSECURED: OAUTHBEARER needs sasl.oauthbearer.jwks.endpoint.url")
	assert.Contains(t, log.String(), "sasl.oauthbearer.expected.issuer")
	assert.Contains(t, log.String(), "sasl.oauthbearer.expected.audience")
}

// rotation: the keys in the file are replaced. The broker sees it with the next token; the proxy
// within ten seconds, and it keeps the previous ones if the file cannot be used.
func (w *oauthWorld) rotation(t *testing.T) {
	verdict := func(way string, issuer *tokentest.Issuer) string {
		c := dialOAuth(t, w.ways[way]["TOKENS"])
		require.Equal(t, "0", c.handshake())
		answer, _ := c.message(bearer(issuer.Token("alice", nil)))
		return answer
	}
	for _, step := range []struct {
		keys          string
		first, second string
	}{
		{tokentest.KeySet(w.first, w.second), accepted, accepted},
		{tokentest.KeySet(w.second), challenged, accepted},
		{tokentest.KeySet(w.first), accepted, challenged},
	} {
		time.Sleep(1100 * time.Millisecond) // file systems and Java round times to seconds
		w.write("keys.json", step.keys)
		for way := range w.ways {
			require.Eventually(t, func() bool { return verdict(way, w.first) == step.first && verdict(way, w.second) == step.second }, 30*time.Second, 200*time.Millisecond, way)
		}
	}
	time.Sleep(1100 * time.Millisecond)
	w.write("keys.json", "{")
	assert.Equal(t, challenged, verdict("kafka", w.first))
	w.log.wait(t, `settings not loaded: the previous ones stay in force.*(JSON Web Key Set)`)
	assert.Equal(t, accepted, verdict("proxy", w.first))
}
