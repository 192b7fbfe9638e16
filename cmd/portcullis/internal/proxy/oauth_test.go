package proxy

import (
	"context"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/internal/tokentest"
)

// tokenSettingsOf returns the properties of a listener for tokens, with other settings. An empty
// value takes a setting away.
func tokenSettingsOf(more map[string]string) string {
	values := map[string]string{
		"listeners":               "SASL_PLAINTEXT://127.0.0.1:0",
		"sasl.enabled.mechanisms": "OAUTHBEARER",
		"listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class": "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
		"listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config":                   "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
		keyKeySet: "file://@keys.json", keyIssuer: tokentest.Name, keyAudience: tokentest.Audience,
	}
	maps.Copy(values, more)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] != "" {
			text.WriteString(key + "=" + values[key] + "\n")
		}
	}
	return text.String()
}

// Settings that would take tokens that nobody verifies, or tokens of others, are refused.
func TestTokenSettings(t *testing.T) {
	set := tokentest.KeySet(tokentest.New(t, "a"))
	const prefix = "listener.name.sasl_plaintext.oauthbearer."
	for name, test := range map[string]struct {
		more map[string]string
		want string // of the error
	}{
		"good":                         {nil, ""},
		"without a handler":            {map[string]string{prefix + "sasl.server.callback.handler.class": ""}, ""},
		"with the old handler":         {map[string]string{prefix + "sasl.server.callback.handler.class": "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerValidatorCallbackHandler"}, ""},
		"a handler for its own token":  {map[string]string{prefix + keyLogin: "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"}, ""},
		"the handler in another place": {map[string]string{prefix + keyLogin: "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler"}, "it decides who may log in"},
		"without a module":             {map[string]string{prefix + "sasl.jaas.config": ""}, ""},
		"with a prefix":                {map[string]string{keyKeySet: "file:///nowhere", prefix + keyKeySet: "file://@keys.json"}, ""},
		"for one listener":             {map[string]string{keyIssuer: "", "listener.name.sasl_plaintext." + keyIssuer: "x"}, ""},
		"the validator":                {map[string]string{keyValidator: "org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator"}, ""},
		"the default validator":        {map[string]string{keyValidator: "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"}, ""},
		"any issuer":                   {map[string]string{keyIssuer: "", keyAnyIssuer: "TRUE"}, ""},
		"any audience":                 {map[string]string{keyAudience: "", keyAnyAudience: "true"}, ""},
		"a path":                       {map[string]string{keyKeySet: "file:@keys.json"}, ""},
		"no keys":                      {map[string]string{keyKeySet: ""}, "listener SASL_PLAINTEXT: OAUTHBEARER needs sasl.oauthbearer.jwks.endpoint.url"},
		"blank keys":                   {map[string]string{keyKeySet: "\\t"}, "OAUTHBEARER needs sasl.oauthbearer.jwks.endpoint.url"},
		"nothing but the mechanism":    {map[string]string{keyKeySet: "", keyIssuer: "", keyAudience: ""}, "listener SASL_PLAINTEXT: OAUTHBEARER needs sasl.oauthbearer.expected.audience"},
		"no issuer":                    {map[string]string{keyIssuer: ""}, "OAUTHBEARER needs sasl.oauthbearer.expected.issuer"},
		"no issuer, false":             {map[string]string{keyIssuer: "", keyAnyIssuer: "false"}, "OAUTHBEARER needs sasl.oauthbearer.expected.issuer"},
		"no issuer, perhaps":           {map[string]string{keyIssuer: "", keyAnyIssuer: "yes"}, `sasl.oauthbearer.allow.unverified.issuer: found "yes"`},
		"no audience":                  {map[string]string{keyAudience: ""}, "OAUTHBEARER needs sasl.oauthbearer.expected.audience"},
		"an empty audience":            {map[string]string{keyAudience: "a,,b"}, "an audience is empty"},
		"the unsecured handler":        {map[string]string{prefix + "sasl.server.callback.handler.class": "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"}, "it decides who may log in"},
		"another handler":              {map[string]string{prefix + "sasl.server.callback.handler.class": "com.example.Handler"}, "it decides who may log in"},
		"the validator of clients":     {map[string]string{keyValidator: "org.apache.kafka.common.security.oauthbearer.ClientJwtValidator"}, "sasl.oauthbearer.jwt.validator.class: "},
		"another validator":            {map[string]string{keyValidator: "com.example.Validator"}, "sasl.oauthbearer.jwt.validator.class: "},
		"another module":               {map[string]string{prefix + "sasl.jaas.config": "com.example.Module required;"}, "of OAUTHBEARER cannot be run here"},
		"no file":                      {map[string]string{keyKeySet: "file://@none.json"}, "none.json"},
		"no set":                       {map[string]string{keyKeySet: "file://@users.txt"}, "not a JSON Web Key Set"},
		"http":                         {map[string]string{keyKeySet: "http://issuer.example/keys"}, "http is for loopback addresses only"},
		"a host":                       {map[string]string{keyKeySet: "file://host/keys.json"}, "expected file:///path"},
		"no scheme":                    {map[string]string{keyKeySet: "@keys.json"}, "expected https://host/path"},
		"no URL":                       {map[string]string{keyKeySet: "https://a b\\u0000"}, "expected an https:// or file:// URL"},
		"a skew that is no number":     {map[string]string{keySkew: "30s"}, `sasl.oauthbearer.clock.skew.seconds: found "30s", expected a number from 0`},
		"a negative skew":              {map[string]string{keySkew: "-1"}, `found "-1"`},
		"no refresh":                   {map[string]string{keyRefresh: "0"}, "sasl.oauthbearer.jwks.endpoint.refresh.ms: found"},
		"a refresh beyond an int":      {map[string]string{keyRefresh: "99999999999"}, "expected a number from 1 to 2147483647"},
		"no pause":                     {map[string]string{keyRetry: "0"}, "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms: found"},
		"pauses that end before":       {map[string]string{keyKeySet: "https://issuer.example/keys", keyRetry: "10", keyRetryMax: "5"}, "expected at least RetryBackoff"},
		"a store that is not there":    {map[string]string{keyKeySet: "https://issuer.example/keys", prefix + "sasl.jaas.config": `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required ssl.truststore.type=PEM ssl.truststore.location="@none.pem";`}, "sasl.jaas.config of OAUTHBEARER: ssl.truststore.location"},
		"a session limit for one only": {map[string]string{"sasl.enabled.mechanisms": "OAUTHBEARER,PLAIN", prefix + keyReauth: "1000"}, "connections.max.reauth.ms differs"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("keys.json", set)
			config, _, err := p.build(tokenSettingsOf(test.more), "--users @users.txt")
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{proxy.OAuthBearer}, config.Listeners[0].SASL.Mechanisms)
			assert.NotNil(t, config.Listeners[0].SASL.OAuth)
			assert.Nil(t, config.Listeners[0].SASL.Users)
		})
	}
}

// --check says which tokens are accepted, and asks no endpoint.
func TestCheckOfTokens(t *testing.T) {
	p := newPlace(t)
	p.write("keys.json", tokentest.KeySet(tokentest.New(t, "a"), tokentest.New(t, "b")))
	for name, test := range map[string]struct {
		more map[string]string
		want string
	}{
		"a file":      {nil, "OAUTHBEARER, tokens of the issuer https://issuer.example for the audience kafka, named by sub, with a clock skew of 30s and 2 keys\n"},
		"an endpoint": {map[string]string{keyKeySet: "https://127.0.0.1:1/keys?secret=s3cr3t", keyAudience: "kafka,other", keySubjectClaim: "client id", keySkew: "5", keyReauth: "60000"}, `tokens of the issuer https://issuer.example for the audience kafka,other, named by "client id", with a clock skew of 5s and the keys of https://127.0.0.1:1/keys, sessions of 1m0s` + "\n"},
		"anything":    {map[string]string{keyIssuer: "", keyAnyIssuer: "true", keyAudience: "", keyAnyAudience: "true"}, "tokens of any issuer for any audience, named by sub"},
	} {
		t.Run(name, func(t *testing.T) {
			p.write("server.properties", strings.ReplaceAll(tokenSettingsOf(test.more), "@", p.folder+"/"))
			got, err := p.checks("--properties @server.properties --mirror-acls --upstream kafka-0:9092")
			require.NoError(t, err)
			assert.Contains(t, got, test.want)
			assert.NotContains(t, got, "s3cr3t")
		})
	}
}

func (f *following) takes(token string) bool {
	c, err := kgo.NewClient(kgo.SeedBrokers(f.running.Addresses()[0]), kgo.SASL(oauth.Auth{Token: token}.AsMechanism()), kgo.RequestRetries(0))
	require.NoError(f.t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	return c.Ping(ctx) == nil
}

// Keys in a file are read again when it changes. A file that cannot be used keeps the previous
// ones in force.
func TestKeyFileIsFollowed(t *testing.T) {
	first, second := tokentest.New(t, "first"), tokentest.New(t, "second")
	f := follow(t, tokenSettingsOf(nil), "", func(p place) { p.write("keys.json", tokentest.KeySet(first)) })
	require.True(t, f.takes(first.Token("alice", nil)))
	require.False(t, f.takes(second.Token("alice", nil)))

	f.replace("keys.json", tokentest.KeySet(first, second))
	f.waits("settings loaded", 1)
	assert.True(t, f.takes(first.Token("alice", nil)))
	assert.True(t, f.takes(second.Token("alice", nil)))

	f.replace("keys.json", `{"keys":[]}`)
	f.waits("settings not loaded: the previous ones stay in force", 1)
	assert.True(t, f.takes(second.Token("alice", nil)))

	f.replace("keys.json", tokentest.KeySet(second))
	f.waits("settings loaded", 2)
	assert.False(t, f.takes(first.Token("alice", nil)), "its key was withdrawn")
	assert.True(t, f.takes(second.Token("alice", nil)))
}

// The keys of an endpoint stay while it is down, also if other settings change. Other settings of
// the endpoint need it.
func TestEndpointDownWhileSettingsChange(t *testing.T) {
	issuer := tokentest.New(t, "first")
	var down atomic.Bool
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(tokentest.KeySet(issuer)))
	}))
	t.Cleanup(server.Close)
	settings := tokenSettingsOf(map[string]string{
		keyKeySet: server.URL + "/keys", keyRefresh: "1", "sasl.enabled.mechanisms": "OAUTHBEARER,PLAIN",
		"listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config": `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required ssl.truststore.type=PEM ssl.truststore.location="@issuer.pem" ssl.endpoint.identification.algorithm="";`,
	})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	f := follow(t, settings, "--users @users.txt", func(p place) { p.write("issuer.pem", string(certificate)) })
	require.True(t, f.takes(issuer.Token("alice", nil)))
	down.Store(true)
	f.replace("users.txt", "bob:b\n")
	f.waits("settings loaded", 1)
	assert.True(t, f.logsIn("bob", "b"))
	assert.True(t, f.takes(issuer.Token("alice", nil)))
	assert.Greater(t, asked.Load(), int32(1), "the keys were old")

	settings = strings.ReplaceAll(settings, "@", f.folder+"/")
	f.replace("server.properties", settings+keySkew+"=5\n")
	f.waits("the status is 503", 1)
	f.waits("settings not loaded: the previous ones stay in force", 1)
	assert.True(t, f.takes(issuer.Token("alice", nil)))
	down.Store(false)
	f.replace("server.properties", settings+keySkew+"=6\n")
	f.waits("settings loaded", 2)
	assert.True(t, f.takes(issuer.Token("alice", nil)))
}

// The command does not serve if the keys cannot be loaded: also from a server with the
// certificate of another name, whatever the settings say.
func TestNoKeysAtTheStart(t *testing.T) {
	p := newPlace(t)
	set := tokentest.KeySet(tokentest.New(t, "a"))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) }))
	t.Cleanup(server.Close)
	p.write("issuer.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	endpoint := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) + "/keys" // which the certificate does not have
	p.write("server.properties", strings.ReplaceAll(tokenSettingsOf(map[string]string{
		keyKeySet: endpoint,
		"listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config": `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required ssl.truststore.type=PEM ssl.truststore.location="@issuer.pem" ssl.endpoint.identification.algorithm="";`,
	}), "@", p.folder+"/"))
	cmd := New()
	var log logtest.Log
	cmd.SetOut(&log)
	cmd.SetErr(&log)
	cmd.SetArgs(strings.Fields(strings.ReplaceAll("--upstream 127.0.0.1:1 --properties @server.properties --mirror-acls", "@", p.folder+"/")))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := cmd.ExecuteContext(ctx)
	require.ErrorContains(t, err, keyKeySet+": "+endpoint+": ")
	require.ErrorContains(t, err, "certificate")
	assert.Zero(t, strings.Count(log.String(), "msg=serving"))
}
