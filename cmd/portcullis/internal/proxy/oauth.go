package proxy

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/broker"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/jaas"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/javatls"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/proxy/oauth"
	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Settings of a broker about tokens. Each also counts with the prefix oauthbearer.
//
// Source: Kafka's SaslConfigs and BrokerSecurityConfigs; KIP-768, KIP-1139.
const (
	keyKeySet        = "sasl.oauthbearer.jwks.endpoint.url"
	keyRefresh       = "sasl.oauthbearer.jwks.endpoint.refresh.ms"
	keyRetry         = "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms"
	keyRetryMax      = "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms"
	keyIssuer        = "sasl.oauthbearer.expected.issuer"
	keyAnyIssuer     = "sasl.oauthbearer.allow.unverified.issuer"
	keyAudience      = "sasl.oauthbearer.expected.audience"
	keyAnyAudience   = "sasl.oauthbearer.allow.unverified.audience"
	keySkew          = "sasl.oauthbearer.clock.skew.seconds"
	keyScopeClaim    = "sasl.oauthbearer.scope.claim.name"
	keySubjectClaim  = "sasl.oauthbearer.sub.claim.name"
	keyLogin         = "sasl.login.callback.handler.class"
	keyHandler       = "sasl.server.callback.handler.class"
	keyValidator     = "sasl.oauthbearer.jwt.validator.class"
	validatorPackage = "org.apache.kafka.common.security.oauthbearer."
)

// tokenClasses are Kafka's own classes for OAUTHBEARER, by the setting, in their places since 4.0
// and before: those that verify tokens by these settings, and those that get the broker's own
// token, which a listener does not need. Without the first a broker takes tokens that nobody has
// signed; the proxy never does.
var tokenClasses = map[string][]string{
	keyHandler: {validatorPackage + "OAuthBearerValidatorCallbackHandler", validatorPackage + "secured.OAuthBearerValidatorCallbackHandler"},
	keyLogin:   {validatorPackage + "OAuthBearerLoginCallbackHandler", validatorPackage + "secured.OAuthBearerLoginCallbackHandler"},
}

// tokenValidators are those of these classes' validators that check the signature.
var tokenValidators = []string{"", validatorPackage + "DefaultJwtValidator", validatorPackage + "BrokerJwtValidator"}

// verifiers are the verifiers of the listeners, by their configuration. One of an endpoint keeps
// its keys when the settings are read again, so that others can change while the endpoint is down.
type verifiers map[string]*oauth.Verifier

// load loads the keys of the verifiers that before has not.
func (v verifiers) load(ctx context.Context, before verifiers) error {
	var errs cli.Errors
	for _, key := range slices.Sorted(maps.Keys(v)) {
		if before[key] == nil {
			if err := v[key].Load(ctx); err != nil {
				errs.Refuse("%s: %w", keyKeySet, err)
			}
		}
	}
	return errs.Join()
}

// tokenSettings reads the settings of one listener.
type tokenSettings struct {
	listener *broker.Listener
	errs     cli.Errors
}

func (t *tokenSettings) text(key string) string {
	value, _ := t.listener.Get(proxy.OAuthBearer, key)
	return strings.TrimSpace(value)
}

func (t *tokenSettings) flag(key string) bool {
	text := t.text(key)
	if text != "" && !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		t.errs.Refuse("%s: found %s, expected true or false", key, enum.Quote(text))
	}
	return strings.EqualFold(text, "true")
}

// time returns a time in units, at least as many as given, and at most as many as an int of Java.
func (t *tokenSettings) time(key string, unit time.Duration, least int64, byDef time.Duration) time.Duration {
	text := t.text(key)
	if text == "" {
		return byDef
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < least {
		t.errs.Refuse("%s: found %s, expected a number from %d to %d", key, enum.Quote(text), least, int64(1<<31-1))
	}
	return time.Duration(n) * unit
}

// config returns what the settings say, without the keys.
func (t *tokenSettings) config() oauth.Config {
	c := oauth.Config{
		Issuer: t.text(keyIssuer), AnyIssuer: t.flag(keyAnyIssuer), AnyAudience: t.flag(keyAnyAudience),
		ClockSkew: t.time(keySkew, time.Second, 0, oauth.DefaultClockSkew),
		Refresh:   t.time(keyRefresh, time.Millisecond, 1, oauth.DefaultRefresh),

		RetryBackoff:    t.time(keyRetry, time.Millisecond, 1, oauth.DefaultRetryBackoff),
		RetryBackoffMax: t.time(keyRetryMax, time.Millisecond, 1, oauth.DefaultRetryBackoffMax),
		SubjectClaim:    t.text(keySubjectClaim), ScopeClaim: t.text(keyScopeClaim),
	}
	if list := t.text(keyAudience); list != "" {
		for audience := range strings.SplitSeq(list, ",") {
			c.Audiences = append(c.Audiences, strings.TrimSpace(audience))
		}
	}
	if c.Issuer == "" && !c.AnyIssuer {
		t.errs.Refuse("OAUTHBEARER needs %s, the issuer of the tokens, or %s=true", keyIssuer, keyAnyIssuer)
	}
	if len(c.Audiences) == 0 && !c.AnyAudience {
		t.errs.Refuse("OAUTHBEARER needs %s, the names that tokens for this cluster have as their audience, or %s=true", keyAudience, keyAnyAudience)
	}
	if class := t.text(keyValidator); !slices.Contains(tokenValidators, class) {
		t.errs.Refuse("%s: %s cannot be run here: expected %s", keyValidator, enum.Quote(class), tokenValidators[2])
	}
	return c
}

// addTokens adds the verifier of OAUTHBEARER.
func (b *brokerSettings) addTokens(s *proxy.SASL, l *broker.Listener, module jaas.Module, given bool) error {
	if given && module.Class != jaas.OAuth {
		return fmt.Errorf("sasl.jaas.config: the login module %s of OAUTHBEARER cannot be run here: expected %s", enum.Quote(module.Class), jaas.OAuth)
	}
	t := tokenSettings{listener: l}
	config := t.config()
	config.Logger = b.log
	config.GroupsClaim, config.GroupsOptional = b.groupsClaim, b.groupsOptional
	location := t.text(keyKeySet)
	if location == "" {
		t.errs.Refuse("OAUTHBEARER needs %s, the keys that tokens are verified with", keyKeySet)
		return t.errs.Join()
	}
	sum := sha256.New()
	if file, isFile, err := keySetFile(location); err != nil {
		t.errs.Add(err)
	} else if isFile {
		text, err := b.files.read(file)
		if err != nil {
			t.errs.Refuse("%s: %w", keyKeySet, err)
		}
		config.JWKS = append([]byte{}, text...) // not nil
	} else if config.Endpoint, config.TLS, err = location, nil, nil; len(module.Options) > 0 {
		if config.TLS, err = b.endpointTLS(module, sum); err != nil {
			t.errs.Refuse("sasl.jaas.config of OAUTHBEARER: %w", err)
		}
	}
	if err := t.errs.Join(); err != nil {
		return err
	}
	comparable := config
	comparable.TLS, comparable.Logger = nil, nil
	fmt.Fprintf(sum, "%+v %v", comparable, module.Options)
	key := string(sum.Sum(nil))
	verifier := b.before[key]
	if verifier == nil {
		var err error
		if verifier, err = oauth.New(config); err != nil {
			return err
		}
	}
	b.verifiers[key], s.OAuth = verifier, verifier
	return nil
}

// endpointTLS returns how the endpoint of the keys is connected to: options of the login module
// are settings of a client. All files are also written to sum.
//
// Source: Kafka's JaasOptionsUtils.createSSLSocketFactory.
func (b *brokerSettings) endpointTLS(module jaas.Module, sum io.Writer) (*tls.Config, error) {
	if file := strings.TrimSpace(module.Options[keyStoreFile]); file != "" {
		b.secrets = append(b.secrets, secretFile{keyStoreFile + " of sasl.jaas.config", file})
	}
	return javatls.Settings{
		Get: func(key string) (string, bool) {
			value, ok := module.Options[key]
			return value, ok && key != "ssl.endpoint.identification.algorithm" // Java's client of HTTPS always checks the name
		},
		ReadFile: func(name string) ([]byte, error) {
			text, err := b.files.read(name)
			_, _ = sum.Write(text)
			return text, err
		},
	}.Client()
}

// keySetFile returns the path of a file:// URL.
//
// Source: Kafka's ConfigurationUtils.validateFileUrl, which takes the path as it is written.
func keySetFile(location string) (file string, isFile bool, err error) {
	parsed, err := url.Parse(location)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("%s: found %s, expected an https:// or file:// URL", keyKeySet, enum.Quote(location))
	case parsed.Scheme != "file":
		return "", false, nil
	case parsed.Host != "" || parsed.EscapedPath() == "":
		return "", false, errors.New(keyKeySet + ": expected file:///path")
	}
	return parsed.EscapedPath(), true, nil
}
