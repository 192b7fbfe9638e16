package proxy_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
)

// wire is a connection on which a test says what it likes.
type wire struct {
	t testing.TB
	net.Conn
}

func dial(t testing.TB, address string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	return &wire{t, c}
}

// send sends a request of a version.
func (w *wire) send(r kmsg.Request, version int16) {
	w.t.Helper()
	r.SetVersion(version)
	w.write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, r, 7))
}

func (w *wire) write(b []byte) {
	w.t.Helper()
	if _, err := w.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) writeFrame(frame []byte) {
	w.t.Helper()
	w.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
}

// ask sends a request and returns the response.
func (w *wire) ask(r kmsg.Request, version int16) kmsg.Response {
	w.t.Helper()
	w.send(r, version)
	return w.receive(r)
}

func (w *wire) receive(r kmsg.Request) kmsg.Response {
	w.t.Helper()
	frame, err := gateway.ReadFrame(w, 1<<20)
	if err != nil {
		w.t.Fatalf("no response to %T: %v", r, err)
	}
	response := r.ResponseKind()
	body := frame[4:]
	if response.IsFlexible() && r.Key() != 18 {
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		w.t.Fatal(err)
	}
	return response
}

// closed fails the test unless the proxy closes the connection, without a word.
func (w *wire) closed(after string) {
	w.t.Helper()
	rest, err := io.ReadAll(w)
	if errors.Is(err, os.ErrDeadlineExceeded) || len(rest) > 0 {
		w.t.Errorf("after %s: %d bytes, %v; want the connection closed", after, len(rest), err)
	}
}

// login logs in by PLAIN and returns what the proxy answers.
func (w *wire) login(user, password string) *kmsg.SASLAuthenticateResponse {
	w.t.Helper()
	w.handshake(proxy.Plain, 1)
	return w.token("\x00" + user + "\x00" + password)
}

func (w *wire) handshake(mechanism string, version int16) *kmsg.SASLHandshakeResponse {
	w.t.Helper()
	r := kmsg.NewPtrSASLHandshakeRequest()
	r.Mechanism = mechanism
	return w.ask(r, version).(*kmsg.SASLHandshakeResponse)
}

func (w *wire) token(token string) *kmsg.SASLAuthenticateResponse {
	w.t.Helper()
	r := kmsg.NewPtrSASLAuthenticateRequest()
	r.SASLAuthBytes = []byte(token)
	return w.ask(r, 2).(*kmsg.SASLAuthenticateResponse)
}

// works fails the test unless the connection serves requests.
func (w *wire) works() {
	w.t.Helper()
	if r := w.ask(kmsg.NewPtrMetadataRequest(), 12).(*kmsg.MetadataResponse); len(r.Brokers) == 0 {
		w.t.Errorf("Metadata answers %+v", r)
	}
}

// Before login, only the requests of a login are answered.
func TestNothingBeforeLogin(t *testing.T) {
	cluster := upstream(t)
	reached := 0
	cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		if _, ok := r.(*kmsg.DescribeGroupsRequest); ok {
			reached++
		}
		cluster.KeepControl()
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t)})
	address := p.Addresses()[0]
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		r := kmsg.RequestForKey(key)
		if r == nil || key == 17 || key == 18 {
			continue
		}
		w := dial(t, address)
		w.send(r, r.MaxVersion())
		w.closed(kmsg.NameForKey(key))
	}
	if found := p.log.With("level=WARN", "before"); len(found) < 70 {
		t.Errorf("%d lines say that a request came before the login", len(found))
	}

	w := dial(t, address)
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "test", "1"
	versions := w.ask(request, 3).(*kmsg.ApiVersionsResponse)
	if versions.ErrorCode != 0 || len(versions.ApiKeys) < 30 {
		t.Errorf("ApiVersions: %+v", versions)
	}
	for _, k := range versions.ApiKeys {
		if k.ApiKey >= 38 && k.ApiKey <= 41 || k.ApiKey == 58 {
			t.Errorf("%s is advertised", kmsg.NameForKey(k.ApiKey))
		}
	}
	if r := w.login("admin", passwords["admin"]); r.ErrorCode != 0 {
		t.Errorf("login: %+v", r)
	}
	w.works()
	if reached != 0 {
		t.Errorf("%d requests reached the upstream before their login", reached)
	}
}

// A request with an unknown version is answered in version 0, with the known versions,
// so that the client can start again on the same connection.
func TestAPIVersionsOfTheFuture(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.writeFrame([]byte{0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 'x', 0})
	frame, err := gateway.ReadFrame(w, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r := kmsg.NewPtrApiVersionsResponse()
	if err := r.ReadFrom(frame[4:]); err != nil || r.ErrorCode != kerr.UnsupportedVersion.Code || len(r.ApiKeys) == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if r := w.login("admin", passwords["admin"]); r.ErrorCode != 0 {
		t.Errorf("login: %+v", r)
	}
}

func TestLoginRefused(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	address := p.Addresses()[0]
	for _, token := range []string{
		"\x00alice\x00wrong", "\x00nobody-knows\x00ecila", "\x00alice\x00", "\x00\x00", "", "alice", "\x00alice\x00ecila\x00",
		"bob\x00alice\x00ecila", // for another
	} {
		w := dial(t, address)
		w.handshake(proxy.Plain, 1)
		r := w.token(token)
		if r.ErrorCode != kerr.SaslAuthenticationFailed.Code || r.ErrorMessage == nil ||
			*r.ErrorMessage != "Authentication failed: invalid credentials with SASL mechanism PLAIN" {
			t.Errorf("%q: %+v", token, r)
		}
		w.closed("a failed login")
	}
	if found := p.log.With("login failed"); len(found) != 8 {
		t.Errorf("%d failed logins are logged: %q", len(found), found)
	}

	w := dial(t, address)
	r := w.handshake("OAUTHBEARER", 1)
	if r.ErrorCode != kerr.UnsupportedSaslMechanism.Code || len(r.SupportedMechanisms) != 3 {
		t.Errorf("%+v", r)
	}
	w.closed("a mechanism that is not offered")

	w = dial(t, address)
	w.handshake(proxy.ScramSHA256, 1)
	if r := w.token("n,,n=alice,r=abc,tokenauth=true"); r.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		t.Errorf("a delegation token: %+v", r)
	}
	// The answer does not show whether a user exists.
	for _, user := range []string{"alice", "stranger"} {
		w := dial(t, address)
		w.handshake(proxy.ScramSHA512, 1)
		if r := w.token("n,,n=" + user + ",r=abc"); r.ErrorCode != 0 || len(r.SASLAuthBytes) == 0 {
			t.Errorf("%s: %+v", user, r)
		}
	}
}

// A login by SCRAM needs the password, and proves to the client that the proxy has it.
func TestSCRAM(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	for _, test := range []struct {
		auth scram.Auth
		ok   bool
	}{
		{scram.Auth{User: "alice", Pass: passwords["alice"]}, true},
		{scram.Auth{User: "alice", Pass: passwords["bob"]}, false},
		{scram.Auth{User: "stranger", Pass: passwords["alice"]}, false},
		{scram.Auth{User: "alice", Pass: passwords["alice"], Zid: "bob"}, false},
		{scram.Auth{User: "alice", Pass: passwords["alice"], IsToken: true}, false},
	} {
		for _, mechanism := range []sasl.Mechanism{test.auth.AsSha256Mechanism(), test.auth.AsSha512Mechanism()} {
			c := clientBy(t, p.Addresses()[0], mechanism, kgo.RequestRetries(0))
			// It is the proxy that refuses, not the client that misses the proxy's proof.
			if err := c.Ping(soon(t)); test.ok && err != nil || !test.ok && !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Errorf("%s %+v: %v", mechanism.Name(), test.auth, err)
			}
		}
	}

	// The last message must be of the same login, and whole.
	for _, message := range []string{"", "c=biws", "c=biws,r=abc", "c=biws,r=abc,p=", "c=biws,r=abc,p=AAAA", "c=eSws,r=%,p=AAAA", "c=biws,r=%,p=AAAA", "c=biws,r=%,p=!", "r=%,c=biws,p=AAAA"} {
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.ScramSHA256, 1)
		nonce, _, _ := strings.Cut(strings.TrimPrefix(string(w.token("n,,n=alice,r=abc").SASLAuthBytes), "r="), ",")
		if r := w.token(strings.ReplaceAll(message, "%", nonce)); r.ErrorCode != kerr.SaslAuthenticationFailed.Code {
			t.Errorf("%q: %+v", message, r)
		}
	}
}

// Version 0 of the handshake is followed by tokens without a header.
func TestLoginByBareTokens(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	w := dial(t, p.Addresses()[0])
	w.handshake(proxy.Plain, 0)
	w.writeFrame([]byte("\x00admin\x00" + passwords["admin"]))
	if answer, err := gateway.ReadFrame(w, 100); err != nil || len(answer) != 0 {
		t.Fatalf("%q, %v", answer, err)
	}
	w.works()

	w = dial(t, p.Addresses()[0])
	w.handshake(proxy.Plain, 0)
	w.writeFrame([]byte("\x00admin\x00wrong"))
	w.closed("a wrong password")
}

// A session ends; a client that logs in again as the same on the connection stays.
func TestLoginAgain(t *testing.T) {
	l := plainListener()
	l.SASL.MaxSession = 1500 * time.Millisecond
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{l}})
	address := p.Addresses()[0]

	w := dial(t, address)
	if r := w.login("admin", passwords["admin"]); r.SessionLifetimeMillis != 1500 {
		t.Errorf("%+v", r)
	}
	for range 2 {
		w.works()
		time.Sleep(time.Second)
		if r := w.login("admin", passwords["admin"]); r.ErrorCode != 0 {
			t.Fatalf("again: %+v", r)
		}
	}
	time.Sleep(1600 * time.Millisecond)
	w.send(kmsg.NewPtrMetadataRequest(), 12)
	w.closed("the end of the session")

	w = dial(t, address)
	w.login("admin", passwords["admin"])
	if r := w.login("alice", passwords["alice"]); r.ErrorCode != kerr.SaslAuthenticationFailed.Code {
		t.Errorf("another principal: %+v", r)
	}
	w.closed("another principal")

	w = dial(t, address)
	w.login("admin", passwords["admin"])
	if r := w.handshake(proxy.ScramSHA256, 1); r.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("another mechanism: %+v", r)
	}
	w.closed("another mechanism")

	// A second handshake is held to the same as the first: there is one before each login.
	for _, mechanism := range []string{proxy.Plain, proxy.ScramSHA256} {
		w = dial(t, address)
		w.login("admin", passwords["admin"])
		w.handshake(proxy.Plain, 1)
		if r := w.handshake(mechanism, 1); r.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("%s after a handshake: %+v", mechanism, r)
		}
		w.closed("a handshake after a handshake")
	}
	w = dial(t, address)
	w.login("admin", passwords["admin"])
	w.handshake(proxy.Plain, 1)
	if r := w.handshake(proxy.Plain, 0); r.ErrorCode != kerr.IllegalSaslState.Code {
		t.Errorf("version 0 after version 1: %+v", r)
	}
}

// If sessions do not expire, the requests of a login are errors after it, but do not
// end the connection. They never reach the upstream, where they would count as the
// proxy's.
func TestLoginOutOfPlace(t *testing.T) {
	open := proxy.Listener{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{open, plainListener()}})
	for i, address := range p.Addresses() {
		w := dial(t, address)
		if i == 1 {
			w.login("admin", passwords["admin"])
		}
		if r := w.handshake(proxy.Plain, 1); r.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("SaslHandshake: %+v", r)
		}
		if r := w.token("\x00alice\x00ecila"); r.ErrorCode != kerr.IllegalSaslState.Code {
			t.Errorf("SaslAuthenticate: %+v", r)
		}
		w.works()
	}
}

// Frames that violate the protocol close their own connection only.
func TestBrokenFrames(t *testing.T) {
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t), Limits: relay.Limits{FrameBytes: 1 << 20},
	})
	address := p.Addresses()[0]
	neighbour := dial(t, address)
	neighbour.login("admin", passwords["admin"])
	for name, bytes := range map[string][]byte{
		"too large":        {0, 0x20, 0, 0},
		"negative":         {0xff, 0xff, 0xff, 0xff},
		"empty":            {0, 0, 0, 0},
		"no header":        {0, 0, 0, 3, 0, 3, 0},
		"unknown API":      {0, 0, 0, 10, 0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0, 0},
		"unknown version":  {0, 0, 0, 10, 0, 3, 0x7f, 0, 0, 0, 0, 1, 0, 0},
		"a body that ends": {0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9},
		"delegation token": {0, 0, 0, 14, 0, 38, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
	} {
		w := dial(t, address)
		w.login("admin", passwords["admin"])
		before := len(p.log.With("level=WARN", "connection closed"))
		w.write(bytes)
		w.closed(name)
		for deadline := time.Now().Add(30 * time.Second); len(p.log.With("level=WARN", "connection closed")) != before+1; {
			if time.Now().After(deadline) {
				t.Errorf("%s: no reason is logged", name)
				break
			}
			time.Sleep(time.Millisecond)
		}
		neighbour.works()
	}
}
