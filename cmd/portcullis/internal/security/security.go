// Package security says what each of Kafka's settings about TLS and logins does in this
// program, and refuses those that would change who is trusted and are not carried out.
//
// Source: Kafka's SslConfigs, SaslConfigs, SecurityConfig and BrokerSecurityConfigs, 4.4.0.
package security

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Side is who has a setting.
type Side int

// The sides.
const (
	Listener Side = iota // in a broker's server.properties
	Client               // in the properties of a client
)

// effect is what a setting does here.
type effect int

const (
	unknown    effect = iota // Kafka has no such setting on this side; Kafka's names are checked elsewhere
	carriedOut               // the same as in Kafka, or an error
	without                  // nothing, and that is as safe: why says the reason
	refused                  // an error, unless the value is one of same
)

// use is what a setting does on one side.
type use struct {
	effect effect
	why    string
	// same are the values that mean what is done anyway, in any case of letters.
	same []string
}

// Reasons that several settings have.
const (
	javaClass   = "a class of Java cannot be run here"
	ofBrokers   = "brokers use it among themselves only"
	noTokens    = "a listener needs no token of its own"
	fileTokens  = "the token comes from a file, which is read for each login; other sources are refused"
	brokersTask = "the broker checks tokens"
	keys        = "a keytab needs no renewal"
	goKerberos  = "tickets are renewed in time by themselves"
)

var (
	done       = use{effect: carriedOut}
	notThere   = use{}
	providers  = use{effect: refused, why: "a security provider of Java cannot be used here: TLS is Go's own"}
	engine     = use{effect: refused, why: javaClass + ": it decides who is trusted", same: []string{"org.apache.kafka.common.security.ssl.DefaultSslEngineFactory"}}
	protocol   = use{effect: refused, why: "ssl.enabled.protocols says which versions are used", same: []string{"TLS", "TLSv1.2", "TLSv1.3"}}
	keyManager = use{effect: refused, why: "a certificate is chosen by the algorithms and names of a connection", same: []string{"SunX509", "NewSunX509", "PKIX"}}
	trust      = use{effect: refused, why: "certificates are verified by RFC 5280, as PKIX does", same: []string{"PKIX", "SunPKIX", "X509", "X.509"}}
	random     = use{effect: without, why: "random numbers are those of the operating system"}
	ownLogin   = use{effect: refused, why: javaClass + ": it decides who may log in"}
	clientAuth = use{effect: refused, why: javaClass + ": it decides how the program logs in"}
	tokenLogin = use{effect: refused, why: clientAuth.why, same: []string{
		"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler",
		"org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
	}}
	retriever = use{effect: refused, why: fileTokens, same: []string{
		"org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", "org.apache.kafka.common.security.oauthbearer.FileJwtRetriever",
	}}
)

func because(why string) use { return use{effect: without, why: why} }

// settings are all of Kafka's settings about security.
var settings = map[string][2]use{
	"security.protocol":  {notThere, done}, // a listener has it in listener.security.protocol.map
	"security.providers": {providers, providers},

	"ssl.allow.dn.changes":                  {because("stores are changed by who may write their files, not through the cluster"), notThere},
	"ssl.allow.san.changes":                 {because("stores are changed by who may write their files, not through the cluster"), notThere},
	"ssl.cipher.suites":                     {done, done},
	"ssl.client.auth":                       {done, notThere},
	"ssl.enabled.protocols":                 {done, done},
	"ssl.endpoint.identification.algorithm": {because("a broker does not verify the names of clients either"), done},
	"ssl.engine.factory.class":              {engine, engine},
	"ssl.key.password":                      {done, done},
	"ssl.keymanager.algorithm":              {keyManager, keyManager},
	"ssl.keystore.certificate.chain":        {done, done},
	"ssl.keystore.key":                      {done, done},
	"ssl.keystore.location":                 {done, done},
	"ssl.keystore.password":                 {done, done},
	"ssl.keystore.type":                     {done, done},
	"ssl.principal.mapping.rules":           {done, notThere},
	"ssl.protocol":                          {protocol, protocol},
	"ssl.provider":                          {providers, providers},
	"ssl.secure.random.implementation":      {random, random},
	"ssl.trustmanager.algorithm":            {trust, trust},
	"ssl.truststore.certificates":           {done, done},
	"ssl.truststore.location":               {done, done},
	"ssl.truststore.password":               {done, done},
	"ssl.truststore.type":                   {done, done},

	"connections.max.reauth.ms": {done, notThere},
	"principal.builder.class":   {done, notThere},

	"sasl.client.callback.handler.class":                  {because(ofBrokers), clientAuth},
	"sasl.enabled.mechanisms":                             {done, notThere},
	"sasl.jaas.config":                                    {done, done},
	"sasl.kerberos.kinit.cmd":                             {because(keys), because(goKerberos)},
	"sasl.kerberos.min.time.before.relogin":               {because(keys), because(goKerberos)},
	"sasl.kerberos.principal.to.local.rules":              {done, notThere},
	"sasl.kerberos.service.name":                          {because("the keytab names the service"), done},
	"sasl.kerberos.ticket.renew.jitter":                   {because(keys), because(goKerberos)},
	"sasl.kerberos.ticket.renew.window.factor":            {because(keys), because(goKerberos)},
	"sasl.login.callback.handler.class":                   {ownLogin, tokenLogin},
	"sasl.login.class":                                    {ownLogin, clientAuth},
	"sasl.login.connect.timeout.ms":                       {because(noTokens), because(fileTokens)},
	"sasl.login.read.timeout.ms":                          {because(noTokens), because(fileTokens)},
	"sasl.login.refresh.buffer.seconds":                   {because(noTokens), because(fileTokens)},
	"sasl.login.refresh.min.period.seconds":               {because(noTokens), because(fileTokens)},
	"sasl.login.refresh.window.factor":                    {because(noTokens), because(fileTokens)},
	"sasl.login.refresh.window.jitter":                    {because(noTokens), because(fileTokens)},
	"sasl.login.retry.backoff.max.ms":                     {because(noTokens), because(fileTokens)},
	"sasl.login.retry.backoff.ms":                         {because(noTokens), because(fileTokens)},
	"sasl.mechanism":                                      {notThere, done},
	"sasl.mechanism.inter.broker.protocol":                {because(ofBrokers), notThere},
	"sasl.oauthbearer.allow.unverified.audience":          {done, because(brokersTask)},
	"sasl.oauthbearer.allow.unverified.issuer":            {done, because(brokersTask)},
	"sasl.oauthbearer.assertion.algorithm":                {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.claim.aud":                {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.claim.exp.seconds":        {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.claim.iss":                {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.claim.jti.include":        {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.claim.nbf.seconds":        {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.claim.sub":                {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.file":                     {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.private.key.file":         {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.private.key.passphrase":   {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.assertion.template.file":            {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.client.credentials.client.id":       {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.client.credentials.client.secret":   {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.clock.skew.seconds":                 {done, because(brokersTask)},
	"sasl.oauthbearer.expected.audience":                  {done, because(brokersTask)},
	"sasl.oauthbearer.expected.issuer":                    {done, because(brokersTask)},
	"sasl.oauthbearer.header.urlencode":                   {notThere, because(fileTokens)},
	"sasl.oauthbearer.jwks.endpoint.refresh.ms":           {done, because(brokersTask)},
	"sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": {done, because(brokersTask)},
	"sasl.oauthbearer.jwks.endpoint.retry.backoff.ms":     {done, because(brokersTask)},
	"sasl.oauthbearer.jwks.endpoint.url":                  {done, because(brokersTask)},
	"sasl.oauthbearer.jwt.retriever.class":                {because(noTokens), retriever},
	"sasl.oauthbearer.jwt.validator.class":                {done, because(brokersTask)},
	"sasl.oauthbearer.scope":                              {because(noTokens), because(fileTokens)},
	"sasl.oauthbearer.scope.claim.name":                   {done, because(brokersTask)},
	"sasl.oauthbearer.sub.claim.name":                     {done, because(brokersTask)},
	"sasl.oauthbearer.token.endpoint.url":                 {because(noTokens), done},
	"sasl.server.callback.handler.class":                  {ownLogin, notThere},
	"sasl.server.max.receive.size":                        {done, notThere},
}

// Groups of settings, for Check. Kafka reads SSL only where there is TLS, and SASL only where
// there are logins.
const (
	SSL       = "ssl."
	SASL      = "sasl."
	Providers = "security.providers"
)

// Check returns an error that names each setting of a group that would change who is trusted
// or how one logs in, and is not carried out here. get returns the value of a setting, and
// false if it is not set; a value of nothing but blanks is not set. It is asked only for
// settings that may be refused.
func Check(side Side, group string, get func(key string) (string, bool)) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		use := settings[key][side]
		if use.effect != refused || !strings.HasPrefix(key, group) {
			continue
		}
		value, _ := get(key)
		value = strings.TrimSpace(value)
		if value == "" || slices.ContainsFunc(use.same, func(same string) bool { return strings.EqualFold(same, value) }) {
			continue
		}
		expected := "nothing"
		if len(use.same) > 0 {
			expected = strings.Join(use.same, ", ")
		}
		errs = append(errs, fmt.Errorf("%s: found %s, expected %s: %s", key, enum.Quote(value), expected, use.why))
	}
	return errors.Join(errs...)
}
