package main

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/tokentest"
)

// connectRoles are role bindings of a Connect cluster.
const connectRoles = `{"format":"portcullis-roles-1","clusters":[{"clusterName":"prod","clusters":{"kafka-cluster":"k"}},{"clusterName":"connect-prod","clusters":{"kafka-cluster":"k","connect-cluster":"c"}}],"roles":[],"bindings":[
{"principal":"User:alice","role":"ResourceOwner","scope":{"clusterName":"connect-prod"},"resourcePattern":{"resourceType":"Connector","name":"file-","patternType":"PREFIXED"}},
{"principal":"User:bob","role":"DeveloperRead","scope":{"clusterName":"connect-prod"},"resourcePattern":{"resourceType":"Connector","name":"file-sink","patternType":"LITERAL"}},
{"principal":"Group:ops","role":"DeveloperManage","scope":{"clusterName":"connect-prod"},"resourcePattern":{"resourceType":"Connector","name":"*","patternType":"LITERAL"}},
{"principal":"User:root","role":"SystemAdmin","scope":{"clusterName":"connect-prod"}},
{"principal":"User:kafka","role":"SystemAdmin","scope":{"clusterName":"prod"}}
],"acls":[]}`

// guarded is a guard that runs in this process.
type guarded struct {
	t      *testing.T
	folder string
	url    string
	log    buffer
	status chan int
	ca     *kafkatest.Authority
	issuer *tokentest.Issuer
	once   sync.Once
}

// writePair writes a certificate and its key.
func (g *guarded) writePair(name string, pair tls.Certificate) {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(g.t, err)
	text := ""
	for _, der := range pair.Certificate {
		text += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	g.write(name+".pem", text)
	g.write(name+"-key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

func (g *guarded) path(name string) string { return filepath.Join(g.folder, name) }

func (g *guarded) write(name, text string) {
	require.NoError(g.t, os.WriteFile(g.path(name), []byte(text), 0o600))
}

// newGuarded writes the files of a guard.
func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{t: t, folder: t.TempDir(), ca: kafkatest.NewAuthority(t), issuer: tokentest.New(t, "key"), status: make(chan int, 1)}
	g.writePair("server", g.ca.Server())
	g.write("ca.pem", g.ca.PEM())
	g.write("roles.json", connectRoles)
	g.write("users.txt", "alice:a-secret\n# a comment\n\"bob\":\"b-secret\"\nroot:r-secret\nkafka:k-secret\nolga:o-secret\n")
	g.write("groups.jsonl", `{"group":"Group:ops","members":["User:olga"]}`+"\n")
	g.write("keys.json", tokentest.KeySet(g.issuer))
	return g
}

// args are those of a guard with all ways to log in.
func (g *guarded) args(worker string, more ...string) []string {
	return append([]string{"connect", "guard", "--listen", "127.0.0.1:0", "--worker", worker, "--roles", g.path("roles.json"), "--connect-cluster", "connect-prod",
		"--tls-cert", g.path("server.pem"), "--tls-key", g.path("server-key.pem"), "--tls-client-ca", g.path("ca.pem"), "--ssl-rules", "RULE:^CN=([a-z]+)$/$1/",
		"--users", g.path("users.txt"), "--groups", g.path("groups.jsonl"), "--token-keys", g.path("keys.json"), "--token-issuer", tokentest.Name, "--token-audience", tokentest.Audience,
		"--allow-readable-secrets"}, more...)
}

// start runs the guard.
func (g *guarded) start(args []string) {
	go func() { g.status <- run(args, strings.NewReader(""), io.Discard, &g.log) }()
	scheme := "https://"
	if strings.Contains(strings.Join(args, " "), "--without-tls") {
		scheme = "http://"
	}
	g.url = scheme + g.log.wait(g.t, `msg=serving address=(\S+)`)
	g.t.Cleanup(g.stop)
}

// stop ends the guard by a signal.
func (g *guarded) stop() {
	g.once.Do(func() {
		require.NoError(g.t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		select {
		case got := <-g.status:
			assert.Equal(g.t, exitDone, got, g.log.String())
		case <-time.After(60 * time.Second):
			assert.Fail(g.t, "it does not end")
		}
	})
}

// send sends a request and returns the status and the answer. login is user:password, a token, or
// "" for a certificate, if there is one, or nothing.
func (g *guarded) send(login string, certificate *tls.Certificate, method, path, body string) (int, string) {
	g.t.Helper()
	request, err := http.NewRequestWithContext(g.t.Context(), method, g.url+path, strings.NewReader(body))
	require.NoError(g.t, err)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if user, password, ok := strings.Cut(login, ":"); ok {
		request.SetBasicAuth(user, password)
	} else if login != "" {
		request.Header.Set("Authorization", "Bearer "+login)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: g.ca.Pool()}}
	if certificate != nil {
		// Also one that the server says that it does not accept.
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	response, err := (&http.Client{Transport: transport, Timeout: 100 * time.Second}).Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(g.t, err)
	return response.StatusCode, string(text)
}

// TestConnectGuard has each way to log in at a guard in front of a stand-in for a worker, and
// files that change.
func TestConnectGuard(t *testing.T) {
	worker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `["file-sink","file-source","other"]`)
	}))
	t.Cleanup(worker.Close)
	g := newGuarded(t)
	g.start(g.args(worker.URL, "--log-allowed"))
	alice, mallory := g.ca.Client(t, pkix.Name{CommonName: "alice"}, nil), kafkatest.NewAuthority(t).Client(t, pkix.Name{CommonName: "alice"}, nil)
	for name, row := range map[string]struct {
		login       string
		certificate *tls.Certificate
		status      int
		list        string
	}{
		"certificate":       {"", &alice, 200, `["file-sink","file-source"]`},
		"other authority":   {"", &mallory, 0, ""},
		"nothing":           {"", nil, 401, ""},
		"password":          {"bob:b-secret", nil, 200, `["file-sink"]`},
		"wrong password":    {"bob:a-secret", &alice, 401, ""},
		"administrator":     {"root:r-secret", nil, 200, `["file-sink","file-source","other"]`},
		"group":             {"olga:o-secret", nil, 200, `["file-sink","file-source","other"]`},
		"role at the Kafka": {"kafka:k-secret", nil, 403, ""},
		"token":             {g.issuer.Token("bob", nil), nil, 200, `["file-sink"]`},
		"other audience":    {g.issuer.Token("bob", map[string]any{"aud": "other"}), nil, 401, ""},
		"another's token":   {tokentest.New(t, "key").Token("bob", nil), nil, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := g.send(row.login, row.certificate, http.MethodGet, "/connectors", "")
			assert.Equal(t, row.status, status, text)
			if row.list != "" {
				assert.JSONEq(t, row.list, text)
			}
		})
	}
	g.log.wait(t, `level=DEBUG msg=(allowed) principal=User:bob`)
	g.log.wait(t, `level=INFO msg=(denied) principal=User:kafka`)
	assert.NotContains(t, g.log.String(), "secret\"")
	assert.NotContains(t, g.log.String(), "b-secret")

	g.write("roles.json", "{")
	g.log.wait(t, `msg="what was read before stays in force" flag=(--roles)`)
	status, _ := g.send("bob:b-secret", nil, http.MethodGet, "/connectors", "")
	assert.Equal(t, 200, status)
	g.write("roles.json", strings.Replace(connectRoles, "User:bob", "User:none", 1))
	g.write("users.txt", "bob:new-secret\n")
	g.log.wait(t, `msg="read again" flag=(--roles)`)
	g.log.wait(t, `msg="read again" flag=(--users)`)
	status, _ = g.send("bob:b-secret", nil, http.MethodGet, "/connectors", "")
	assert.Equal(t, 401, status)
	status, _ = g.send("bob:new-secret", nil, http.MethodGet, "/connectors", "")
	assert.Equal(t, 403, status)

	worker.Close()
	status, text := g.send("", &alice, http.MethodGet, "/connectors", "")
	assert.Equal(t, 502, status)
	assert.JSONEq(t, `{"error_code":502,"message":"the worker does not answer as expected"}`, text)
	g.log.wait(t, `level=ERROR msg=(worker) error=`)
}

// TestConnectGuardWorkerTLS has a worker that wants a certificate.
func TestConnectGuardWorkerTLS(t *testing.T) {
	g := newGuarded(t)
	worker := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `["`+r.TLS.PeerCertificates[0].Subject.CommonName+`"]`)
	}))
	worker.TLS = &tls.Config{Certificates: []tls.Certificate{g.ca.Server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: g.ca.Pool()}
	worker.StartTLS()
	t.Cleanup(worker.Close)
	g.writePair("guard", g.ca.Client(t, pkix.Name{CommonName: "guard"}, nil))
	g.start([]string{"connect", "guard", "--listen", "127.0.0.1:0", "--without-tls", "--users", g.path("users.txt"), "--worker", worker.URL, "--worker-ca", g.path("ca.pem"),
		"--worker-cert", g.path("guard.pem"), "--worker-key", g.path("guard-key.pem"), "--roles", g.path("roles.json"), "--connect-cluster", "k/c", "--allow-readable-secrets"})
	status, text := g.send("root:r-secret", nil, http.MethodGet, "/connectors", "")
	assert.Equal(t, 200, status, text)
	assert.JSONEq(t, `["guard"]`, text)
}

// TestConnectGuardUsage has flags and files that are refused, with what is said.
func TestConnectGuardUsage(t *testing.T) {
	g := newGuarded(t)
	const worker = "http://127.0.0.1:1"
	got := runWith("", g.args(worker, "--check")...)
	assert.Equal(t, exitDone, got.status, got.stderr)
	assert.Equal(t, "127.0.0.1:0 for http://127.0.0.1:1, by certificates, passwords, tokens; role bindings: 4\n", got.stdout)
	with := func(more ...string) []string { return g.args(worker, more...) }
	plain := func(more ...string) []string {
		return append([]string{"connect", "guard", "--worker", worker, "--roles", g.path("roles.json"), "--connect-cluster", "connect-prod", "--allow-readable-secrets"}, more...)
	}
	replaced := func(flag, value string) []string {
		args := g.args(worker)
		for i := range args {
			if args[i] == flag {
				args[i+1] = value
			}
		}
		return args
	}
	g.write("bad-users.txt", "alice\n")
	g.write("twice.txt", "alice:a\nalice:b\n")
	g.write("none.json", strings.ReplaceAll(connectRoles, "connect-prod", "other-connect"))
	require.NoError(t, os.Chmod(g.path("users.txt"), 0o644))
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"no login":           {plain("--listen", "127.0.0.1:0", "--without-tls"), "expected --tls-client-ca, --users or --token-keys"},
		"no TLS":             {plain("--listen", "127.0.0.1:0", "--users", g.path("users.txt")), "--tls-cert is missing"},
		"not loopback":       {plain("--listen", "0.0.0.0:0", "--without-tls", "--users", g.path("users.txt")), "expected a loopback address"},
		"both":               {with("--without-tls"), "--without-tls"},
		"worker":             {replaced("--worker", "127.0.0.1:8083"), "--worker: guard: expected the URL of a worker"},
		"cluster":            {replaced("--connect-cluster", "none"), "no cluster none is registered"},
		"Kafka cluster":      {replaced("--connect-cluster", "prod"), "it is no Connect cluster"},
		"no bindings":        {replaced("--connect-cluster", "k/other"), "has no role binding of the Connect cluster k/other"},
		"rules":              {replaced("--ssl-rules", "RULE:("), "--ssl-rules"},
		"users":              {replaced("--users", g.path("bad-users.txt")), "bad-users.txt:1:1: found a line, expected user:password"},
		"twice":              {replaced("--users", g.path("twice.txt")), "twice.txt:2:1"},
		"certificate":        {replaced("--tls-cert", g.path("none.pem")), "--tls-cert"},
		"authority":          {replaced("--tls-client-ca", g.path("users.txt")), "has no certificate"},
		"keys":               {replaced("--token-keys", g.path("users.txt")), "--token-keys"},
		"no keys":            {replaced("--token-keys", g.path("none")), "--token-keys"},
		"groups":             {replaced("--groups", g.path("none")), "--groups"},
		"roles":              {replaced("--roles", g.path("users.txt")), "expected a file of roles"},
		"readable":           {with("--allow-readable-secrets=false"), "--users"},
		"audience is needed": {plain("--listen", "127.0.0.1:0", "--without-tls", "--token-keys", "x"), "--token-issuer"},
		"worker certificate": {with("--worker-cert", g.path("none"), "--worker-key", g.path("none")), "--worker-cert, --worker-key"},
		"worker authority":   {with("--worker-ca", g.path("none")), "--worker-ca"},
		"output":             {with("-o", "xml"), "xml"},
		"port":               {replaced("--listen", "127.0.0.1:x"), "--listen"},
	} {
		t.Run(name, func(t *testing.T) {
			got := runWith("", row.args...)
			assert.Equal(t, exitError, got.status, got.stdout)
			assert.Contains(t, got.stderr, row.want)
			assert.Empty(t, got.stdout)
		})
	}
}
