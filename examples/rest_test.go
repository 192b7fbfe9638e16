package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestREST runs the HTTP service in front of a cluster, with clients that have certificates
// and others.
func TestREST(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "payroll"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	dir := t.TempDir()
	ca, otherCA := newAuthority(t), newAuthority(t)
	serverCert, serverKey := ca.issue(t, "localhost")
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, data, 0o600))
		return name
	}
	acls, err := os.ReadFile("rest/acls.txt")
	require.NoError(t, err)
	aclFile := write("acls.txt", acls)

	program := build(t, "rest")
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, "-acls", aclFile, "-broker", cluster.ListenAddrs()[0], "-client-ca", write("ca.pem", ca.pem),
		"-cert", write("cert.pem", serverCert), "-key", write("key.pem", serverKey), "-rules", "RULE:^CN=([a-z]+)$/$1/")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(); cmd.Wait() })
	lines := make(chan string, 1000) // of the log
	go func() {
		for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
			lines <- scanner.Text()
		}
		close(lines)
	}()
	line := waitForLine(t, lines, "serving")
	url := "https://" + regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(line)[1] + "/topics/"

	// send sends a request with a client's certificate, unless it has none, and returns the status.
	send := func(t *testing.T, method string, issuer *authority, name, path, body string) (int, string, error) {
		t.Helper()
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca.pem)
		config := &tls.Config{RootCAs: roots}
		if issuer != nil {
			pair, err := tls.X509KeyPair(issuer.issue(t, name))
			require.NoError(t, err)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		request, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		require.NoError(t, err)
		transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(request)
		if err != nil {
			return 0, "", err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		return response.StatusCode, string(answer), err
	}
	post := func(t *testing.T, issuer *authority, name, topic, body string) (int, string, error) {
		t.Helper()
		return send(t, http.MethodPost, issuer, name, topic, body)
	}

	for _, c := range []struct {
		what, name, topic, body string
		status                  int
		answer                  string
	}{
		{"allowed", "billing", "orders", "an order", http.StatusOK, ""},
		{"another topic", "billing", "payroll", "x", http.StatusForbidden, "TOPIC_AUTHORIZATION_FAILED\n"},
		{"no topic at all", "billing", "nothing", "x", http.StatusForbidden, "TOPIC_AUTHORIZATION_FAILED\n"},
		{"another client", "mallory", "orders", "x", http.StatusForbidden, "TOPIC_AUTHORIZATION_FAILED\n"},
		{"a name that no rule maps", "billing 2", "orders", "x", http.StatusUnauthorized, "Unauthorized\n"},
		{"a large record", "billing", "orders", strings.Repeat("x", 1<<20+1), http.StatusRequestEntityTooLarge, "the record is too large\n"},
	} {
		t.Run(c.what, func(t *testing.T) {
			status, answer, err := post(t, ca, c.name, c.topic, c.body)
			require.NoError(t, err)
			assert.Equal(t, c.status, status)
			assert.Equal(t, c.answer, answer)
		})
	}
	t.Run("a certificate of another authority", func(t *testing.T) {
		_, _, err := post(t, otherCA, "billing", "orders", "x")
		assert.Error(t, err)
	})
	t.Run("no certificate", func(t *testing.T) {
		_, _, err := post(t, nil, "", "orders", "x")
		assert.Error(t, err)
	})
	t.Run("denials are logged", func(t *testing.T) {
		denied := waitForLine(t, lines, "mallory")
		assert.Contains(t, denied, "User:mallory")
		assert.Contains(t, denied, "orders")
	})
	t.Run("new ACLs apply", func(t *testing.T) {
		write("acls.txt", bytes.ReplaceAll(acls, []byte("User:billing"), []byte("User:mallory")))
		require.Eventually(t, func() bool {
			status, _, err := post(t, ca, "billing", "orders", "x")
			return err == nil && status == http.StatusForbidden
		}, time.Minute, 50*time.Millisecond)
		status, _, err := post(t, ca, "mallory", "orders", "the last")
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
	})
	t.Run("consume", func(t *testing.T) {
		for _, c := range []struct {
			name, path string
			status     int
			answer     string
		}{
			{"reader", "orders/partitions/0", http.StatusOK, "an order"},
			{"mallory", "orders/partitions/0", http.StatusForbidden, "TOPIC_AUTHORIZATION_FAILED\n"}, // who may write
			{"reader", "payroll/partitions/0", http.StatusForbidden, "TOPIC_AUTHORIZATION_FAILED\n"},
			{"reader", "nothing/partitions/0", http.StatusForbidden, "TOPIC_AUTHORIZATION_FAILED\n"},
			{"reader", "orders/partitions/x", http.StatusBadRequest, "expected /topics/NAME/partitions/N?offset=M\n"},
			{"reader", "orders/partitions/0?offset=1000", http.StatusBadGateway, "OFFSET_OUT_OF_RANGE"},
		} {
			t.Run(c.name+" "+c.path, func(t *testing.T) {
				status, answer, err := send(t, http.MethodGet, ca, c.name, c.path, "")
				require.NoError(t, err)
				assert.Equal(t, c.status, status)
				assert.Contains(t, answer, c.answer)
			})
		}
	})
	t.Run("the records", func(t *testing.T) {
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("orders", "payroll"))
		require.NoError(t, err)
		defer client.Close()
		var got []string
		for len(got) == 0 || got[len(got)-1] != "orders: the last" {
			fetches := client.PollFetches(t.Context())
			require.NoError(t, fetches.Err())
			fetches.EachRecord(func(r *kgo.Record) {
				if text := r.Topic + ": " + string(r.Value); text != "orders: x" { // before the new ACLs
					got = append(got, text)
				}
			})
		}
		assert.Equal(t, []string{"orders: an order", "orders: the last"}, got)
	})
}

func waitForLine(t *testing.T, lines <-chan string, text string) string {
	t.Helper()
	timeout := time.After(time.Minute)
	var seen []string
	for {
		select {
		case line, ok := <-lines:
			require.True(t, ok, "the program has ended, and printed %q", seen)
			if strings.Contains(line, text) {
				return line
			}
			seen = append(seen, line)
		case <-timeout:
			require.Fail(t, "no line", "with %q among %q", text, seen)
		}
	}
}

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate and its key, for servers and clients.
func (a *authority) issue(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}
