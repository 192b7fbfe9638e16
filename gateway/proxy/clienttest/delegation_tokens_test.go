package clienttest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/scramtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// The users of the tests of tokens. Each has a name of its own on each way, so that tokens made on one
// way are not in the lists of the other.
var tokenUsers = []string{
	"alice",   // has tokens
	"bob",     // has tokens that dora made
	"carol",   // renews
	"dora",    // may create tokens of bob
	"eve",     // may describe tokens of alice
	"frank",   // may describe every token
	"mallory", // has no rights
}

// tokenStep is a command about tokens. $ in it is the way, and {id:T} and {hmac:T} are those of token
// T, which a step with token T has made.
type tokenStep struct {
	name, as string // a user, or the token whose holder runs the command
	args     string
	token    string // what the created token is called from now on
	want     string // in what it prints
}

const (
	create   = "--create --max-life-time-period -1 "
	describe = "--describe --owner-principal "
	renew    = "--renew --renew-time-period -1 --hmac "
	expire   = "--expire --expiry-time-period -1 --hmac "
)

var tokenSteps = []tokenStep{
	{name: "create", as: "alice", args: create, token: "A", want: "exit status 0"},
	{name: "create with renewers", as: "alice", args: create + "--renewer-principal User:carol$ --renewer-principal User:nobody", token: "R", want: "exit status 0"},
	{name: "create for some time", as: "alice", args: "--create --max-life-time-period 86400000", token: "S", want: "exit status 0"},
	{name: "create with a renewer that is no user", as: "alice", args: create + "--renewer-principal Group:g", want: "InvalidPrincipalType"},
	{name: "create for oneself", as: "alice", args: create + "--owner-principal User:alice$", token: "O", want: "exit status 0"},
	{name: "create for another owner", as: "dora", args: create + "--owner-principal User:bob$ --renewer-principal User:carol$", token: "B", want: "exit status 0"},
	{name: "create for another owner without the right", as: "alice", args: create + "--owner-principal User:bob$", want: "DelegationTokenAuthorization"},
	{name: "describe own", as: "alice", args: describe + "User:alice$", want: "tokens : 4"},
	{name: "describe without owners", as: "alice", args: "--describe", want: "exit status 0"},
	{name: "describe as a renewer", as: "carol", args: describe + "User:alice$", want: "tokens : 1"},
	{name: "describe what one may renew", as: "carol", args: describe + "User:carol$", want: "tokens : 2"},
	{name: "describe what one has made", as: "dora", args: describe + "User:dora$", want: "tokens : 1"},
	{name: "describe as the requester", as: "dora", args: describe + "User:bob$", want: "tokens : 1"},
	{name: "describe as the owner, made by another", as: "bob", args: describe + "User:bob$", want: "tokens : 1"},
	{name: "describe with the right on the owner", as: "eve", args: describe + "User:alice$", want: "tokens : 4"},
	{name: "describe with the right on another owner", as: "eve", args: describe + "User:bob$", want: "tokens : 0"},
	{name: "describe with the right on tokens", as: "frank", args: describe + "User:alice$ --owner-principal User:bob$", want: "tokens : 5"},
	{name: "describe without rights", as: "mallory", args: describe + "User:alice$ --owner-principal User:bob$", want: "tokens : 0"},
	{name: "describe those of the super user", as: "mallory", args: describe + "User:admin", want: "tokens : 0"},
	{name: "renew", as: "alice", args: renew + "{hmac:A}", want: "Completed renew"},
	{name: "renew as a renewer", as: "carol", args: renew + "{hmac:R}", want: "Completed renew"},
	{name: "renew as the owner, made by another", as: "bob", args: renew + "{hmac:B}", want: "Completed renew"},
	{name: "renew as the requester", as: "dora", args: renew + "{hmac:B}", want: "DelegationTokenOwnerMismatch"},
	{name: "renew those of others", as: "carol", args: renew + "{hmac:A}", want: "DelegationTokenOwnerMismatch"},
	{name: "renew an unknown one", as: "alice", args: renew + "c2VjcmV0", want: "DelegationTokenNotFound"},
	{name: "expire those of others", as: "mallory", args: expire + "{hmac:A}", want: "DelegationTokenOwnerMismatch"},
	{name: "expire an unknown one", as: "mallory", args: expire + "c2VjcmV0", want: "DelegationTokenNotFound"},
	{name: "expire later", as: "alice", args: "--expire --expiry-time-period 3600000 --hmac {hmac:S}", want: "Completed expire"},
	{name: "expire at once as a renewer", as: "carol", args: expire + "{hmac:R}", want: "Completed expire"},
	{name: "renew what has gone", as: "alice", args: renew + "{hmac:R}", want: "DelegationTokenNotFound"},
	{name: "describe what is left", as: "alice", args: describe + "User:alice$", want: "tokens : 3"},
	{name: "create with a token", as: "A", args: create, want: "DelegationTokenAuthorizationException|not allowed|Delegation Token requests are not allowed"},
	{name: "describe with a token", as: "A", args: describe + "User:alice$", want: "Delegation Token requests are not allowed"},
	{name: "renew with a token", as: "A", args: renew + "{hmac:A}", want: "Delegation Token requests are not allowed"},
	{name: "expire with a token", as: "A", args: expire + "{hmac:A}", want: "Delegation Token requests are not allowed"},
}

// tokenWorld is a broker with delegation tokens, and a proxy in front of it.
type tokenWorld struct {
	cluster *kafkatest.Cluster
	ways    [2]way
	log     *lockedBuffer // of the proxy
	jvm     *kafkatest.JVM
	folder  string
	made    [2]map[string]madeToken
}

type madeToken struct{ id, hmac string }

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// tokenACLs are the rights of the users on a way.
func tokenACLs(way string) []acl.Binding {
	allow := func(user string, t resource.Type, name string, op ops.Operation) acl.Binding {
		return acl.Binding{
			Pattern: resource.LiteralPattern(t, name),
			Entry:   acl.Entry{Principal: "User:" + user + way, Host: "*", Operation: op, Permission: acl.Allow},
		}
	}
	return []acl.Binding{
		allow("dora", resource.User, "User:bob"+way, ops.CreateTokens),
		allow("eve", resource.User, "User:alice"+way, ops.DescribeTokens),
		allow("frank", resource.DelegationToken, "*", ops.Describe),
		allow("alice", resource.Topic, sharedTopic, ops.Write),
		allow("alice", resource.Topic, sharedTopic, ops.Describe),
	}
}

// startTokenWorld starts the broker and the proxy, which end with the test.
func startTokenWorld(t *testing.T, properties map[string]string) *tokenWorld {
	t.Helper()
	kafkatest.Jars(t, *versionFlag) // or skip
	w := &tokenWorld{folder: t.TempDir(), log: &lockedBuffer{}, made: [2]map[string]madeToken{{}, {}}}
	passwords := map[string]string{}
	var bindings []acl.Binding
	for _, way := range []string{"d", "p"} {
		for _, user := range tokenUsers {
			passwords[user+way] = password(user + way)
		}
		bindings = append(bindings, tokenACLs(way)...)
	}
	all := map[string]string{"delegation.token.secret.key": "the secret of the tokens"}
	maps.Copy(all, properties)
	w.cluster = kafkatest.Start(t, kafkatest.Config{
		Version: *versionFlag, LogLevel: "warn", Properties: all,
		Listeners: []kafkatest.Listener{{Name: clientListener, Mechanisms: []string{"PLAIN", proxy.ScramSHA256, proxy.ScramSHA512}, Users: passwords}},
	})
	w.cluster.CreateTopics(t, kafkatest.Topic{Name: sharedTopic, Partitions: 1})
	w.cluster.SetACLs(t, bindings...)
	store := snapshot.NewStore(snapshot.Config{Semantics: snapshot.KafkaExact, SuperUsers: []principal.Principal{principal.User(kafkatest.Admin)}})
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		tx.Replace(slices.Values(bindings))
		return nil
	}))
	p, err := proxy.Listen(t.Context(), proxy.Config{
		Upstream: relay.Upstream{
			Brokers: []string{w.cluster.Bootstrap(kafkatest.Internal)},
			SASL:    plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism(),
		},
		Listeners: []proxy.Listener{{
			Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", FirstNode: 1,
			SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain, proxy.ScramSHA256, proxy.ScramSHA512}, Users: passwords},
		}},
		Store: store, ACLs: gateway.ForwardACLs, DelegationTokens: true, AuditAllows: true,
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Serve(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	w.ways = [2]way{{"d", w.cluster.Bootstrap(clientListener)}, {"p", p.Addresses()[0]}}
	return w
}

// file writes the properties of a client that is a user, or the holder of a token, on a way.
func (w *tokenWorld) file(t *testing.T, i int, as string) string {
	t.Helper()
	properties := w.cluster.ClientProperties(clientListener, as+w.ways[i].name, nil)
	if token, ok := w.made[i][as]; ok {
		properties["sasl.mechanism"] = proxy.ScramSHA256
		properties["sasl.jaas.config"] = fmt.Sprintf("org.apache.kafka.common.security.scram.ScramLoginModule required username=%q password=%q tokenauth=\"true\";", token.id, token.hmac)
	}
	path := filepath.Join(w.folder, as+w.ways[i].name+".properties")
	require.NoError(t, os.WriteFile(path, []byte(kafkatest.Properties(properties)), 0o600))
	return path
}

// run runs a tool of Kafka as a user on a way, and returns what it prints.
func (w *tokenWorld) run(t *testing.T, i int, as, stdin, name string, args ...string) string {
	t.Helper()
	class, err := kafkatest.ToolClass(*versionFlag, name)
	require.NoError(t, err)
	config := "--command-config"
	if name == "kafka-console-producer" && !kafkatest.AtLeast(*versionFlag, "4.2") {
		config = "--producer.config"
	}
	args = append([]string{"--bootstrap-server", w.ways[i].bootstrap, config, w.file(t, i, as)}, args...)
	return w.jvm.MustCall("Tools", append([]string{class, stdin, strconv.Itoa(len(args))}, args...)...)
}

var (
	tokenWord = regexp.MustCompile(`\{(id|hmac):(\w+)\}`)
	tokenRow  = regexp.MustCompile(`(?m)^([A-Za-z0-9_-]{22}) +([A-Za-z0-9+/]{86}==) `)
	tokenTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d`)
	traceLine = regexp.MustCompile(`(?m)^\s+at [^\n]*\n|^\[[^\n]*\n`)
)

// step runs a step on a way, and returns what it prints without what differs between ways.
func (w *tokenWorld) step(t *testing.T, i int, s *tokenStep) string {
	t.Helper()
	line := strings.ReplaceAll(s.args, "$", w.ways[i].name)
	line = tokenWord.ReplaceAllStringFunc(line, func(word string) string {
		m := tokenWord.FindStringSubmatch(word)
		if token := w.made[i][m[2]]; m[1] == "id" {
			return token.id
		} else {
			return token.hmac
		}
	})
	printed := w.run(t, i, s.as, "", "kafka-delegation-tokens", strings.Fields(line)...)
	if m := tokenRow.FindStringSubmatch(printed); s.token != "" && assert.NotNil(t, m, printed) {
		w.made[i][s.token] = madeToken{m[1], m[2]}
	}
	for _, token := range w.made[i] {
		printed = strings.NewReplacer(token.hmac, "HMAC", token.id, "ID").Replace(printed)
	}
	for _, user := range tokenUsers {
		printed = strings.ReplaceAll(printed, "User:"+user+w.ways[i].name, "User:"+user)
	}
	printed = tokenTime.ReplaceAllString(traceLine.ReplaceAllString(printed, ""), "TIME")
	lines := strings.Split(printed, "\n")
	slices.Sort(lines) // tokens have the order of a hash table
	return strings.Join(lines, "\n")
}

// TestDelegationTokens: Kafka's tool for delegation tokens prints the same through the proxy as straight at
// the broker, with the same exit status, and clients log in with the tokens.
func TestDelegationTokens(t *testing.T) {
	w := startTokenWorld(t, nil)
	w.jvm = startJVM(t, *versionFlag)
	compared := 0
	for _, s := range tokenSteps {
		t.Run(s.name, func(t *testing.T) {
			direct, proxied := w.step(t, 0, &s), w.step(t, 1, &s)
			assert.Equal(t, direct, proxied)
			assert.Regexp(t, s.want, direct)
			compared++
		})
	}
	t.Logf("delegation tokens: %d command lines compared", compared)
	assert.Equal(t, len(tokenSteps), compared)
	t.Run("a Java client produces with a token", func(t *testing.T) {
		for i := range w.ways {
			printed := w.run(t, i, "O", "by token\n", "kafka-console-producer", "--topic", sharedTopic)
			assert.Contains(t, printed, "exit status 0")
			assert.NotContains(t, printed, "Exception")
		}
	})
	t.Run("franz-go", func(t *testing.T) { w.franz(t) })
	t.Run("messages", func(t *testing.T) { w.messages(t) })
	t.Run("sessions", func(t *testing.T) { w.sessions(t) })
	t.Run("made straight at the broker", func(t *testing.T) { w.madeElsewhere(t) })
	t.Run("removed at the broker", func(t *testing.T) { w.removed(t) })
	t.Run("no HMAC in the log", func(t *testing.T) {
		log := w.log.String()
		require.Contains(t, log, "operation=CREATE_TOKENS", "the log has the events")
		require.Contains(t, log, "login failed", "and the logins")
		for _, made := range w.made {
			for name, token := range made {
				for at := 0; at+8 <= len(token.hmac); at++ {
					require.NotContains(t, log, token.hmac[at:at+8], "token %s", name)
				}
			}
		}
	})
}

// tokenClient returns a client with a token, of SCRAM-SHA-256 or -512.
func (w *tokenWorld) tokenClient(t *testing.T, i int, token madeToken, strong bool) *kgo.Client {
	t.Helper()
	auth := scram.Auth{User: token.id, Pass: token.hmac, IsToken: true}
	mechanism := auth.AsSha256Mechanism()
	if strong {
		mechanism = auth.AsSha512Mechanism()
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(w.ways[i].bootstrap), kgo.SASL(mechanism), kgo.RecordDeliveryTimeout(30*time.Second), kgo.RequestRetries(0), kgo.MaxProduceRequestsInflightPerBroker(1), kgo.DisableIdempotentWrite())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// franz compares logins of franz-go.
func (w *tokenWorld) franz(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ping := func(c *kgo.Client) error {
		_, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c)
		return err
	}
	for i, way := range w.ways {
		token := w.made[i]["A"]
		for _, strong := range []bool{false, true} {
			c := w.tokenClient(t, i, token, strong)
			require.NoError(t, c.ProduceSync(ctx, &kgo.Record{Topic: sharedTopic, Value: []byte("by token")}).FirstErr(), way.name)
			assert.Error(t, c.ProduceSync(ctx, &kgo.Record{Topic: "secret", Value: []byte("by token")}).FirstErr(), way.name)
		}
		gone := w.made[i]["R"] // expired by its renewer
		assert.Eventually(t, func() bool { return ping(w.tokenClient(t, i, gone, false)) != nil }, relay.MaxTokenAge, 100*time.Millisecond)
		for name, wrong := range map[string]madeToken{
			"another HMAC":            {token.id, w.made[i]["O"].hmac},
			"the HMAC in another way": {token.id, strings.TrimRight(token.hmac, "=")},
			"no HMAC":                 {token.id, "x"},
			"an unknown token":        {base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 16)), token.hmac},
			"one that has gone":       gone,
			"a user as a token":       {"alice" + way.name, password("alice" + way.name)},
		} {
			assert.ErrorIs(t, ping(w.tokenClient(t, i, wrong, false)), kerr.SaslAuthenticationFailed, "%s: %s", way.name, name)
		}
		// A token is no user.
		c, err := kgo.NewClient(kgo.SeedBrokers(way.bootstrap), kgo.SASL(scram.Auth{User: token.id, Pass: token.hmac}.AsSha256Mechanism()), kgo.RequestRetries(0))
		require.NoError(t, err)
		assert.ErrorIs(t, ping(c), kerr.SaslAuthenticationFailed, way.name)
		c.Close()
	}
}

// user returns a client that is a user, on a way, with the requests about tokens in a version at the most.
func (w *tokenWorld) user(t *testing.T, address, user string, version int16) *kgo.Client {
	t.Helper()
	versions := kversion.Stable()
	for _, key := range []kmsg.Key{kmsg.CreateDelegationToken, kmsg.RenewDelegationToken, kmsg.ExpireDelegationToken, kmsg.DescribeDelegationToken} {
		versions.SetMaxKeyVersion(int16(key), version)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.MaxVersions(versions), kgo.RequestRetries(0),
		kgo.SASL(plain.Auth{User: user, Pass: password(user)}.AsMechanism()))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// ask sends a request as a user.
func ask[R kmsg.Response](t *testing.T, c *kgo.Client, r kmsg.Request) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	response, err := c.Request(ctx, r)
	require.NoError(t, err)
	return response.(R)
}

// createRequest is a request for a token of an owner ("" means the client), for so many milliseconds.
func createRequest(kind, owner string, life int64, renewers ...string) *kmsg.CreateDelegationTokenRequest {
	r := kmsg.NewPtrCreateDelegationTokenRequest()
	r.MaxLifetimeMillis = life
	if owner != "" {
		r.OwnerPrincipalType, r.OwnerPrincipalName = &kind, &owner
	}
	for _, name := range renewers {
		renewer := kmsg.NewCreateDelegationTokenRequestRenewer()
		renewer.PrincipalType, renewer.PrincipalName = "User", name
		r.Renewers = append(r.Renewers, renewer)
	}
	return r
}

func renewRequest(hmac []byte) *kmsg.RenewDelegationTokenRequest {
	r := kmsg.NewPtrRenewDelegationTokenRequest()
	r.HMAC, r.RenewTimeMillis = hmac, -1
	return r
}

func expireRequest(hmac []byte, period int64) *kmsg.ExpireDelegationTokenRequest {
	r := kmsg.NewPtrExpireDelegationTokenRequest()
	r.HMAC, r.ExpiryPeriodMillis = hmac, period
	return r
}

func describeRequest(owners ...string) *kmsg.DescribeDelegationTokenRequest {
	r := kmsg.NewPtrDescribeDelegationTokenRequest()
	for _, name := range owners {
		owner := kmsg.NewDescribeDelegationTokenRequestOwner()
		owner.PrincipalType, owner.PrincipalName = "User", name
		r.Owners = append(r.Owners, owner)
	}
	return r
}

// shown returns a response without what differs between ways.
func (w *tokenWorld) shown(i int, r kmsg.Response) string {
	text := func(s string) string {
		for _, user := range tokenUsers {
			if s == user+w.ways[i].name {
				return user
			}
		}
		return s
	}
	sign := func(n int64) int { return cmp.Compare(n, 0) }
	switch r := r.(type) {
	case *kmsg.CreateDelegationTokenResponse:
		return fmt.Sprint(r.ErrorCode, text(r.PrincipalType), text(r.PrincipalName), r.TokenRequesterPrincipalType, text(r.TokenRequesterPrincipalName),
			sign(r.IssueTimestamp), sign(r.ExpiryTimestamp), sign(r.MaxTimestamp), len(r.TokenID), len(r.HMAC))
	case *kmsg.RenewDelegationTokenResponse:
		return fmt.Sprint(r.ErrorCode, sign(r.ExpiryTimestamp))
	case *kmsg.ExpireDelegationTokenResponse:
		return fmt.Sprint(r.ErrorCode, sign(r.ExpiryTimestamp))
	}
	d := r.(*kmsg.DescribeDelegationTokenResponse)
	all := []string{fmt.Sprint(d.ErrorCode)}
	for _, token := range d.TokenDetails {
		line := fmt.Sprint(token.PrincipalType, text(token.PrincipalName), token.TokenRequesterPrincipalType, text(token.TokenRequesterPrincipalName),
			sign(token.MaxTimestamp), len(token.TokenID), len(token.HMAC))
		for _, renewer := range token.Renewers {
			line += " " + renewer.PrincipalType + ":" + text(renewer.PrincipalName)
		}
		all = append(all, line)
	}
	slices.Sort(all[1:])
	return strings.Join(all, "\n")
}

// messages compares the answers to requests in each version, field by field.
func (w *tokenWorld) messages(t *testing.T) {
	compared := 0
	same := func(user string, version int16, made func(i int) kmsg.Request) (answers [2]kmsg.Response) {
		t.Helper()
		for i, way := range w.ways {
			answers[i] = ask[kmsg.Response](t, w.user(t, way.bootstrap, user+way.name, version), made(i))
		}
		assert.Equal(t, w.shown(0, answers[0]), w.shown(1, answers[1]), "%s, version %d", user, version)
		compared++
		return answers
	}
	const hour = 3_600_000
	for version := int16(1); version <= 3; version++ {
		made := same("alice", version, func(i int) kmsg.Request { return createRequest("", "", hour, "carol"+w.ways[i].name) })
		hmac := func(i int) []byte { return made[i].(*kmsg.CreateDelegationTokenResponse).HMAC }
		same("alice", version, func(int) kmsg.Request {
			return createRequest("", "", hour, "admin", "portcullis-requester:User:mallory")
		})
		changes := min(version, 2) // of the requests that change a token
		for _, user := range []string{"alice", "carol", "mallory"} {
			same(user, changes, func(i int) kmsg.Request { return renewRequest(hmac(i)) })
			same(user, changes, func(i int) kmsg.Request { return expireRequest(hmac(i), hour) })
			same(user, changes, func(int) kmsg.Request { return renewRequest([]byte("unknown")) })
			same(user, changes, func(int) kmsg.Request { return expireRequest(nil, -1) })
		}
		for _, user := range []string{"alice", "bob", "carol", "dora", "eve", "mallory"} {
			same(user, version, func(int) kmsg.Request { return describeRequest() }) // of all owners
			same(user, version, func(i int) kmsg.Request { return describeRequest("alice"+w.ways[i].name, "nobody") })
		}
		same("alice", version, func(int) kmsg.Request {
			r := describeRequest()
			r.Owners = []kmsg.DescribeDelegationTokenRequestOwner{}
			return r
		})
	}
	for _, owner := range []string{"bob", "alice"} {
		for _, user := range []string{"alice", "dora", "mallory"} {
			same(user, 3, func(i int) kmsg.Request { return createRequest("User", owner+w.ways[i].name, hour) })
			same(user, 3, func(i int) kmsg.Request { return createRequest("Group", owner+w.ways[i].name, hour) })
		}
	}
	same("alice", 3, func(int) kmsg.Request {
		r := createRequest("", "", hour, "carol")
		r.Renewers[0].PrincipalType = "Group"
		return r
	})
	// A token that has ended, and is not removed yet.
	short := same("alice", 3, func(int) kmsg.Request { return createRequest("", "", 1) })
	time.Sleep(100 * time.Millisecond)
	hmac := func(i int) []byte { return short[i].(*kmsg.CreateDelegationTokenResponse).HMAC }
	for _, user := range []string{"mallory", "alice"} {
		same(user, 2, func(i int) kmsg.Request { return renewRequest(hmac(i)) })
		same(user, 2, func(i int) kmsg.Request { return expireRequest(hmac(i), hour) })
		same(user, 2, func(i int) kmsg.Request { return expireRequest(hmac(i), -1) })
	}
	t.Logf("delegation tokens: %d requests compared", compared)
	assert.GreaterOrEqual(t, compared, 90)
}

// tokenLogin logs in with a token, and returns the connection with the last answer.
func tokenLogin(t *testing.T, address string, token madeToken) (net.Conn, *kmsg.SASLAuthenticateResponse) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, franzLimit)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(franzLimit)))
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Mechanism = scramMechanism
	require.Zero(t, exchange(t, c, handshake).(*kmsg.SASLHandshakeResponse).ErrorCode)
	bare := "n=" + token.id + ",r=" + clientNonce + ",tokenauth=true"
	first := kmsg.NewPtrSASLAuthenticateRequest()
	first.SASLAuthBytes = []byte("n,," + bare)
	answer := exchange(t, c, first).(*kmsg.SASLAuthenticateResponse)
	if answer.ErrorCode != 0 {
		return c, answer
	}
	last := kmsg.NewPtrSASLAuthenticateRequest()
	last.SASLAuthBytes = []byte(scramtest.LastMessage(t, token.hmac, bare, string(answer.SASLAuthBytes), func(nonce string) string { return nonce }))
	return c, exchange(t, c, last).(*kmsg.SASLAuthenticateResponse)
}

func (w *tokenWorld) create(t *testing.T, address, user string, life int64) madeToken {
	t.Helper()
	r := ask[*kmsg.CreateDelegationTokenResponse](t, w.user(t, address, user, 3), createRequest("", "", life))
	require.Zero(t, r.ErrorCode)
	return madeToken{r.TokenID, base64.StdEncoding.EncodeToString(r.HMAC)}
}

func (token madeToken) bytes(t *testing.T) []byte {
	t.Helper()
	hmac, err := base64.StdEncoding.DecodeString(token.hmac)
	require.NoError(t, err)
	return hmac
}

// sessions: a session with a token ends with the token, and one that has ended logs nobody in.
func (w *tokenWorld) sessions(t *testing.T) {
	const life = 4 * time.Second
	for _, way := range w.ways {
		token := w.create(t, way.bootstrap, "alice"+way.name, life.Milliseconds())
		began := time.Now()
		var c net.Conn
		require.Eventually(t, func() bool { // the broker that is asked may not know the token yet
			var answer *kmsg.SASLAuthenticateResponse
			c, answer = tokenLogin(t, way.bootstrap, token)
			if answer.ErrorCode != 0 {
				return false
			}
			assert.Positive(t, answer.SessionLifetimeMillis, way.name)
			assert.LessOrEqual(t, answer.SessionLifetimeMillis, life.Milliseconds(), way.name)
			return true
		}, life/2, 100*time.Millisecond)
		assert.NotNil(t, exchange(t, c, kmsg.NewPtrMetadataRequest()), way.name)
		time.Sleep(time.Until(began.Add(life + 100*time.Millisecond)))
		_, err := c.Write(kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrMetadataRequest(), 2))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, way.name)
		ended, answer := tokenLogin(t, way.bootstrap, token)
		if way.name == "p" {
			assert.Equal(t, kerr.SaslAuthenticationFailed.Code, answer.ErrorCode, "the difference token-ended")
			continue
		}
		assert.Zero(t, answer.ErrorCode)
		assert.Zero(t, answer.SessionLifetimeMillis)
		time.Sleep(10 * time.Millisecond)
		_, err = ended.Write(kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrMetadataRequest(), 2))
		require.NoError(t, err)
		_, err = ended.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, way.name)
	}
}

// madeElsewhere: a token that was made straight at the broker logs in at the proxy, is described there,
// and cannot be changed there: the difference token-made-elsewhere.
func (w *tokenWorld) madeElsewhere(t *testing.T) {
	token := w.create(t, w.ways[0].bootstrap, "bobp", -1)
	require.Eventually(t, func() bool { // the broker may know it later than the controller
		_, answer := tokenLogin(t, w.ways[1].bootstrap, token)
		return answer.ErrorCode == 0
	}, 10*time.Second, 50*time.Millisecond)
	owner := w.user(t, w.ways[1].bootstrap, "bobp", 3)
	assert.Equal(t, kerr.DelegationTokenOwnerMismatch.Code, ask[*kmsg.RenewDelegationTokenResponse](t, owner, renewRequest(token.bytes(t))).ErrorCode)
	assert.Equal(t, kerr.DelegationTokenOwnerMismatch.Code, ask[*kmsg.ExpireDelegationTokenResponse](t, owner, expireRequest(token.bytes(t), -1)).ErrorCode)
	described := ask[*kmsg.DescribeDelegationTokenResponse](t, owner, describeRequest())
	assert.True(t, slices.ContainsFunc(described.TokenDetails, func(d kmsg.DescribeDelegationTokenResponseTokenDetail) bool { return d.TokenID == token.id }))
	// The other way round: the broker knows the gateway as a renewer of what was made through the proxy.
	made := w.create(t, w.ways[1].bootstrap, "bobp", -1)
	direct := w.user(t, w.ways[0].bootstrap, "bobp", 3)
	assert.Eventually(t, func() bool {
		for _, d := range ask[*kmsg.DescribeDelegationTokenResponse](t, direct, describeRequest()).TokenDetails {
			if d.TokenID == made.id {
				return assert.Equal(t, "admin", d.TokenRequesterPrincipalName) &&
					assert.Equal(t, []kmsg.DescribeDelegationTokenResponseTokenDetailRenewer{{PrincipalType: "User", PrincipalName: "admin"}}, d.Renewers)
			}
		}
		return false
	}, 10*time.Second, 50*time.Millisecond)
	assert.Eventually(t, func() bool {
		return ask[*kmsg.RenewDelegationTokenResponse](t, direct, renewRequest(made.bytes(t))).ErrorCode == 0
	}, 10*time.Second, 50*time.Millisecond)
}

// removed: a token that is removed straight at the broker logs nobody in at the proxy after
// relay.MaxTokenAge.
func (w *tokenWorld) removed(t *testing.T) {
	token := w.create(t, w.ways[1].bootstrap, "alicep", -1)
	require.Eventually(t, func() bool {
		_, answer := tokenLogin(t, w.ways[1].bootstrap, token)
		return answer.ErrorCode == 0
	}, 10*time.Second, 50*time.Millisecond)
	direct := w.user(t, w.ways[0].bootstrap, "alicep", 3)
	require.Zero(t, ask[*kmsg.ExpireDelegationTokenResponse](t, direct, expireRequest(token.bytes(t), -1)).ErrorCode)
	require.Eventually(t, func() bool { // the broker removes it
		_, answer := tokenLogin(t, w.ways[0].bootstrap, token)
		return answer.ErrorCode != 0
	}, 10*time.Second, 50*time.Millisecond)
	gone := time.Now()
	logins := 0
	for {
		began := time.Now()
		if _, answer := tokenLogin(t, w.ways[1].bootstrap, token); answer.ErrorCode != 0 {
			t.Logf("after %v and %d logins the token is not accepted", time.Since(gone), logins)
			break
		}
		logins++
		require.Less(t, began.Sub(gone), relay.MaxTokenAge)
		time.Sleep(100 * time.Millisecond)
	}
}
