package oauth

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// tokenRow is a token and what Kafka and the Verifier say of it.
type tokenRow struct {
	token    string
	keys     string            // of keySets; "" is "one"
	settings map[string]string // in addition to the usual ones
	ok       bool
	name     string // of the client; "" is alice
	differs  string // the id in docs/differences.md, if the Verifier refuses what Kafka accepts
}

// keySets are the key sets of the rows.
func keySets(t testing.TB) map[string][]byte {
	k := makeKeys()
	with := func(key jose.JSONWebKey, change func(map[string]any)) string {
		text, err := key.MarshalJSON()
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal(text, &members))
		change(members)
		text, err = json.Marshal(members)
		require.NoError(t, err)
		return string(text)
	}
	set := func(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }
	plain := func(key jose.JSONWebKey) string { return with(key, func(map[string]any) {}) }
	first, second := public(k.first, "first"), public(k.second, "second")
	return map[string][]byte{
		"one":           jwks(t, first),
		"two":           jwks(t, first, second),
		"all":           jwks(t, first, second, public(k.p256, "p256"), public(k.p384, "p384"), public(k.p521, "p521"), public(k.ed, "ed")),
		"without names": set(with(first, func(m map[string]any) { delete(m, "kid") }), with(second, func(m map[string]any) { delete(m, "kid") })),
		"same name":     set(with(first, func(m map[string]any) { m["alg"] = "RS256" }), with(second, func(m map[string]any) { m["kid"], m["alg"] = "first", "RS512" })),
		"algorithm":     set(with(first, func(m map[string]any) { m["alg"] = "RS256" })),
		"encryption":    set(with(first, func(m map[string]any) { m["use"] = "enc" }), plain(second)),
		"for signing":   set(with(first, func(m map[string]any) { m["key_ops"] = []string{"sign"} }), plain(second)),
		"to verify":     set(with(first, func(m map[string]any) { m["use"], m["key_ops"] = "sig", []string{"verify"} })),
		"with others":   set(`{"kty":"XYZ","kid":"x"}`, `{"kty":"RSA","kid":"y"}`, plain(first)),
		"private":       jwks(t, jose.JSONWebKey{Key: k.first, KeyID: "first"}),
		"shared":        set(plain(jose.JSONWebKey{Key: k.shared, KeyID: "shared"}), plain(first)),
		"weak":          set(plain(jose.JSONWebKey{Key: k.weak.Public(), KeyID: "weak"}), plain(first)),
	}
}

// pemOf returns a public key as a client could use it for HMAC.
func pemOf(t testing.TB, key any) []byte {
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// tokenRows are the rows, by name.
func tokenRows(t testing.TB) map[string]tokenRow {
	k := makeKeys()
	now := time.Now().Unix()
	first := map[string]any{"kid": "first"}
	rows := map[string]tokenRow{}
	add := func(name string, row tokenRow) {
		_, twice := rows[name]
		require.False(t, twice, name)
		rows[name] = row
	}
	claim := func(name string, ok bool, change map[string]any) {
		add(name, tokenRow{token: sign(t, jose.RS256, k.first, first, good(change)), ok: ok})
	}
	raw := func(name string, ok bool, claims string) {
		add(name, tokenRow{token: signText(t, `{"alg":"RS256","kid":"first"}`, claims, k.first), ok: ok})
	}
	// Time.
	claim("good", true, nil)
	claim("ended", false, map[string]any{"exp": now - 60, "iat": now - 100})
	claim("ended within the skew", true, map[string]any{"exp": now - 10, "iat": now - 100})
	claim("without an end", false, map[string]any{"exp": nil})
	claim("without iat", false, map[string]any{"iat": nil})
	claim("end before iat", false, map[string]any{"exp": now + 100, "iat": now + 200})
	claim("end before nbf", false, map[string]any{"exp": now + 5, "nbf": now + 10})
	claim("end is nbf", true, map[string]any{"exp": now + 10, "nbf": now + 10})
	claim("not yet", false, map[string]any{"nbf": now + 60})
	claim("not yet, within the skew", true, map[string]any{"nbf": now + 15})
	claim("iat in the future", true, map[string]any{"iat": now + 300})
	claim("iat within the skew", true, map[string]any{"iat": now + 15})
	claim("negative iat", false, map[string]any{"iat": -5})
	claim("negative exp", false, map[string]any{"exp": -5, "iat": -10})
	claim("exp as text", false, map[string]any{"exp": fmt.Sprint(now + 600)})
	claim("iat as text", false, map[string]any{"iat": fmt.Sprint(now)})
	claim("nbf as text", false, map[string]any{"nbf": fmt.Sprint(now)})
	claim("exp with a fraction", true, map[string]any{"exp": float64(now) + 600.5})
	claim("the year 3000", true, map[string]any{"exp": 32503680000})
	raw("exp beyond a long", false, fmt.Sprintf(`{"iss":"%s","aud":"kafka","sub":"alice","iat":%d,"exp":99999999999999999999}`, issuer, now))
	raw("exp with an exponent", true, fmt.Sprintf(`{"iss":"%s","aud":"kafka","sub":"alice","iat":%d,"exp":1e11}`, issuer, now))
	add("the year 10000", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"exp": 253402300800})), ok: true, differs: "oauth-form"})
	raw("exp is null", false, fmt.Sprintf(`{"iss":"%s","aud":"kafka","sub":"alice","iat":%d,"exp":null}`, issuer, now))
	raw("nbf is null", true, fmt.Sprintf(`{"iss":"%s","aud":"kafka","sub":"alice","iat":%d,"exp":%d,"nbf":null}`, issuer, now, now+600))
	// Issuer and audience.
	claim("another issuer", false, map[string]any{"iss": "https://other.example"})
	claim("issuer with a slash", false, map[string]any{"iss": issuer + "/"})
	claim("no issuer", false, map[string]any{"iss": nil})
	claim("issuer is a list", false, map[string]any{"iss": []string{issuer}})
	claim("another audience", false, map[string]any{"aud": "other"})
	claim("audience in another case", false, map[string]any{"aud": "KAFKA"})
	claim("no audience", false, map[string]any{"aud": nil})
	claim("audiences", true, map[string]any{"aud": []string{"other", "kafka"}})
	claim("other audiences", false, map[string]any{"aud": []string{"other", "third"}})
	claim("no audience in the list", false, map[string]any{"aud": []string{}})
	claim("audiences with a number", false, map[string]any{"aud": []any{"kafka", 1}})
	claim("audience is a number", false, map[string]any{"aud": 7})
	anything := map[string]string{"sasl.oauthbearer.allow.unverified.issuer": "true", "sasl.oauthbearer.expected.issuer": "",
		"sasl.oauthbearer.allow.unverified.audience": "true", "sasl.oauthbearer.expected.audience": ""}
	unverified := func(name string, ok bool, change map[string]any) {
		add("unverified, "+name, tokenRow{token: sign(t, jose.RS256, k.first, first, good(change)), settings: anything, ok: ok})
	}
	unverified("good", true, nil)
	unverified("none", true, map[string]any{"iss": nil, "aud": nil})
	unverified("others", true, map[string]any{"iss": "x", "aud": []string{"x"}})
	unverified("issuer is a number", false, map[string]any{"iss": 7})
	unverified("audience is a number", true, map[string]any{"aud": 7})
	unverified("ended", false, map[string]any{"exp": now - 60, "iat": now - 100})
	several := map[string]string{"sasl.oauthbearer.expected.audience": "first, kafka"}
	add("one of several audiences", tokenRow{token: sign(t, jose.RS256, k.first, first, good(nil)), settings: several, ok: true})
	// Names.
	named := func(name string, ok bool, is string, change map[string]any) {
		add(name, tokenRow{token: sign(t, jose.RS256, k.first, first, good(change)), ok: ok, name: is})
	}
	named("no subject", false, "", map[string]any{"sub": nil})
	named("empty subject", false, "", map[string]any{"sub": ""})
	named("blank subject", false, "", map[string]any{"sub": " \t"})
	named("subject with blanks", true, "alice", map[string]any{"sub": " alice\n"})
	named("subject with other blanks", true, "\u00a0alice\u2003", map[string]any{"sub": "\u00a0alice\u2003"})
	named("subject is a number", false, "", map[string]any{"sub": 7})
	named("subject is a list", false, "", map[string]any{"sub": []string{"alice"}})
	named("subject in Unicode", true, "ålice=1,😀", map[string]any{"sub": "ålice=1,😀"})
	named("jti is a number", false, "", map[string]any{"jti": 7})
	raw("subject is null", false, fmt.Sprintf(`{"iss":"%s","aud":"kafka","sub":null,"iat":%d,"exp":%d}`, issuer, now, now+600))
	add("half a character", tokenRow{token: signText(t, `{"alg":"RS256","kid":"first"}`, fmt.Sprintf(`{"iss":"%s","aud":"kafka","sub":"a\ud83db","iat":%d,"exp":%d}`, issuer, now, now+600), k.first), ok: true, name: "a?b",
		differs: "oauth-form"})
	add("a replacement character", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"sub": "a\ufffdb"})), ok: true, name: "a\ufffdb",
		differs: "oauth-form"})
	other := map[string]string{"sasl.oauthbearer.sub.claim.name": "client_id"}
	add("another claim", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"client_id": "carol"})), settings: other, ok: true, name: "carol"})
	add("another claim is missing", tokenRow{token: sign(t, jose.RS256, k.first, first, good(nil)), settings: other})
	add("another claim, without sub", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"client_id": "carol", "sub": nil})), settings: other, ok: true, name: "carol"})
	add("another claim, sub is a number", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"client_id": "carol", "sub": 7})), settings: other})
	// Scopes.
	for name, scope := range map[string]struct {
		value any
		ok    bool
	}{
		"text": {"a b", true}, "empty": {"", false}, "blank": {"  ", false}, "list": {[]string{"a", "b"}, true}, "empty list": {[]string{}, true},
		"twice": {[]string{"a", "a"}, false}, "twice with blanks": {[]string{"a", " a"}, false}, "twice in a text": {"a a", true}, "list with an empty one": {[]string{"a", ""}, false},
		"number": {7, true}, "list with a number": {[]any{"a", 7}, false}, "object": {map[string]string{"a": "b"}, true}, "list with a list": {[]any{[]string{"a"}}, false},
	} {
		claim("scope, "+name, scope.ok, map[string]any{"scope": scope.value})
	}
	groups := map[string]string{"sasl.oauthbearer.scope.claim.name": "groups"}
	add("another scope", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"groups": []string{"a", "a"}})), settings: groups})
	add("scope is another claim", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"scope": []string{"a", "a"}})), settings: groups, ok: true})
	skew := map[string]string{"sasl.oauthbearer.clock.skew.seconds": "0"}
	add("ended, without skew", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"exp": now - 1, "iat": now - 100})), settings: skew})
	wide := map[string]string{"sasl.oauthbearer.clock.skew.seconds": "120"}
	add("ended, with more skew", tokenRow{token: sign(t, jose.RS256, k.first, first, good(map[string]any{"exp": now - 60, "iat": now - 100})), settings: wide, ok: true})
	addSignatureRows(t, add)
	addMalformedRows(t, add)
	return rows
}

// addSignatureRows adds the rows about algorithms and keys.
func addSignatureRows(t testing.TB, add func(string, tokenRow)) {
	k := makeKeys()
	header := func(id string) map[string]any { return map[string]any{"kid": id} }
	for algorithm, key := range map[jose.SignatureAlgorithm]struct {
		key any
		id  string
	}{
		jose.RS256: {k.first, "first"}, jose.RS384: {k.first, "first"}, jose.RS512: {k.first, "first"},
		jose.PS256: {k.first, "first"}, jose.PS384: {k.first, "first"}, jose.PS512: {k.first, "first"},
		jose.ES256: {k.p256, "p256"}, jose.ES384: {k.p384, "p384"}, jose.ES512: {k.p521, "p521"}, jose.EdDSA: {k.ed, "ed"},
	} {
		add("algorithm "+string(algorithm), tokenRow{token: sign(t, algorithm, key.key, header(key.id), good(nil)), keys: "all", ok: true})
		add("algorithm "+string(algorithm)+" without a name of the key", tokenRow{token: sign(t, algorithm, key.key, nil, good(nil)), keys: "all", ok: true})
		add("algorithm "+string(algorithm)+" with another key", tokenRow{token: sign(t, algorithm, key.key, header("second"), good(nil)), keys: "all"})
	}
	claims := good(nil)
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		add(fmt.Sprintf("unsecured %q", none), tokenRow{token: signText(t, `{"alg":"`+none+`","kid":"first"}`, claims, nil)})
		add(fmt.Sprintf("unsecured %q with a signature", none), tokenRow{token: signText(t, `{"alg":"`+none+`","kid":"first"}`, claims, k.first)})
	}
	add("no algorithm", tokenRow{token: signText(t, `{"kid":"first"}`, claims, k.first)})
	add("an unknown algorithm", tokenRow{token: signText(t, `{"alg":"RS1","kid":"first"}`, claims, k.first)})
	add("algorithm in another case", tokenRow{token: signText(t, `{"alg":"rs256","kid":"first"}`, claims, k.first)})
	add("public key as secret", tokenRow{token: signText(t, `{"alg":"HS256","kid":"first"}`, claims, pemOf(t, k.first.Public()))})
	add("modulus as secret", tokenRow{token: signText(t, `{"alg":"HS256","kid":"first"}`, claims, k.first.N.Bytes())})
	add("a secret of the key set", tokenRow{token: signText(t, `{"alg":"HS256","kid":"shared"}`, claims, k.shared), keys: "shared",
		ok: true, differs: "oauth-shared-secret"})
	add("beside a secret", tokenRow{token: sign(t, jose.RS256, k.first, header("first"), claims), keys: "shared", ok: true})
	add("another key", tokenRow{token: sign(t, jose.RS256, k.stranger, header("first"), claims)})
	add("an unknown key", tokenRow{token: sign(t, jose.RS256, k.first, header("third"), claims)})
	add("no name of the key", tokenRow{token: sign(t, jose.RS256, k.first, nil, claims), ok: true})
	add("an empty name of the key", tokenRow{token: signText(t, `{"alg":"RS256","kid":""}`, claims, k.first)})
	add("the name of the key is a number", tokenRow{token: signText(t, `{"alg":"RS256","kid":7}`, claims, k.first)})
	add("the first of two", tokenRow{token: sign(t, jose.RS256, k.first, nil, claims), keys: "two", ok: true})
	add("the second of two", tokenRow{token: sign(t, jose.RS256, k.second, nil, claims), keys: "two"})
	add("the second by name", tokenRow{token: sign(t, jose.RS256, k.second, header("second"), claims), keys: "two", ok: true})
	add("a key without a name", tokenRow{token: sign(t, jose.RS256, k.first, nil, claims), keys: "without names", ok: true})
	add("a name, and keys without", tokenRow{token: sign(t, jose.RS256, k.first, header("first"), claims), keys: "without names"})
	add("one name, by algorithm", tokenRow{token: sign(t, jose.RS512, k.second, header("first"), claims), keys: "same name", ok: true})
	add("one name, by the other algorithm", tokenRow{token: sign(t, jose.RS256, k.first, header("first"), claims), keys: "same name", ok: true})
	add("one name, by a third algorithm", tokenRow{token: sign(t, jose.RS384, k.first, header("first"), claims), keys: "same name"})
	add("the key is for another algorithm", tokenRow{token: sign(t, jose.RS512, k.first, header("first"), claims), keys: "algorithm", ok: true})
	for _, set := range []string{"encryption", "for signing", "weak"} {
		add("a set with a key for "+set, tokenRow{token: sign(t, jose.RS256, k.second, header("second"), claims), keys: set, ok: set != "weak"})
		add("the key for "+set, tokenRow{token: sign(t, jose.RS256, k.first, header("first"), claims), keys: set, ok: set == "weak"})
	}
	add("a weak key", tokenRow{token: signText(t, `{"alg":"RS256","kid":"weak"}`, claims, k.weak), keys: "weak"})
	for _, set := range []string{"to verify", "with others", "private"} {
		add("a set: "+set, tokenRow{token: sign(t, jose.RS256, k.first, header("first"), claims), keys: set, ok: true})
	}
	own := public(k.stranger, "own")
	add("its own key", tokenRow{token: sign(t, jose.RS256, k.stranger, map[string]any{"jwk": own}, claims)})
	add("its own key beside a good one", tokenRow{token: sign(t, jose.RS256, k.first, map[string]any{"kid": "first", "jwk": own}, claims), ok: true})
	add("the address of its own key", tokenRow{token: sign(t, jose.RS256, k.stranger, map[string]any{"jku": "https://evil.example/keys"}, claims)})
}

// addMalformedRows adds rows about the form of tokens.
func addMalformedRows(t testing.TB, add func(string, tokenRow)) {
	k := makeKeys()
	now := time.Now().Unix()
	token := sign(t, jose.RS256, k.first, map[string]any{"kid": "first"}, good(nil))
	parts := strings.Split(token, ".")
	header := func(text string) string { return signText(t, text, good(nil), k.first) }
	add("two parts", tokenRow{token: parts[0] + "." + parts[1]})
	add("no signature", tokenRow{token: parts[0] + "." + parts[1] + "."})
	add("four parts", tokenRow{token: token + ".x"})
	add("a dot behind", tokenRow{token: token + "."})
	add("five parts", tokenRow{token: "a.b.c.d.e"})
	add("one part", tokenRow{token: "opaque"})
	add("signature cut", tokenRow{token: token[:len(token)-4]})
	add("signature of another", tokenRow{token: parts[0] + "." + parts[1] + "." + strings.Split(sign(t, jose.RS256, k.first, map[string]any{"kid": "first"}, good(map[string]any{"sub": "bob"})), ".")[2]})
	add("claims of another", tokenRow{token: parts[0] + "." + base64.RawURLEncoding.EncodeToString(text(t, good(map[string]any{"sub": "bob"}))) + "." + parts[2]})
	add("base64 with padding", tokenRow{token: token + "==", ok: true, differs: "oauth-form"})
	add("the other base64", tokenRow{token: parts[0] + "." + parts[1] + "." + strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]), ok: true, differs: "oauth-form"})
	add("base64 with other characters", tokenRow{token: parts[0] + "." + parts[1] + "." + parts[2][:8] + "~" + parts[2][8:], ok: true, differs: "oauth-form"})
	add("header is no object", tokenRow{token: header(`"RS256"`)})
	add("header twice", tokenRow{token: header(`{"alg":"RS256","alg":"RS256","kid":"first"}`)})
	add("header is cut", tokenRow{token: header(`{"alg":"RS256","kid":"first"`)})
	add("critical unknown", tokenRow{token: header(`{"alg":"RS256","kid":"first","crit":["x"],"x":1}`)})
	add("critical empty", tokenRow{token: header(`{"alg":"RS256","kid":"first","crit":[]}`), ok: true, differs: "oauth-form"})
	add("critical b64", tokenRow{token: header(`{"alg":"RS256","kid":"first","crit":["b64"],"b64":true}`), ok: true, differs: "oauth-form"})
	add("nested type", tokenRow{token: header(`{"alg":"RS256","kid":"first","cty":"JWT"}`)})
	add("nested type in full", tokenRow{token: header(`{"alg":"RS256","kid":"first","cty":"application/Jwt"}`)})
	add("nested", tokenRow{token: sign(t, jose.RS256, k.first, map[string]any{"kid": "first", "cty": "JWT"}, token), ok: true, differs: "oauth-form"})
	add("type", tokenRow{token: header(`{"alg":"RS256","kid":"first","typ":"at+jwt"}`), ok: true})
	add("content type", tokenRow{token: header(`{"alg":"RS256","kid":"first","cty":"json"}`), ok: true})
	claims := func(name, text string, ok bool) {
		add(name, tokenRow{token: signText(t, `{"alg":"RS256","kid":"first"}`, text, k.first), ok: ok})
	}
	body := fmt.Sprintf(`"iss":"%s","aud":"kafka","sub":"alice","iat":%d,"exp":%d`, issuer, now, now+600)
	claims("claim twice", `{`+body+`,"sub":"alice"}`, false)
	claims("inner member twice", `{`+body+`,"x":{"a":1,"a":2}}`, false)
	claims("claims are no object", `[1]`, false)
	claims("claims are null", `null`, false)
	claims("claims are empty", `{}`, false)
	claims("claims are cut", `{`+body, false)
	claims("text behind the claims", `{`+body+`} x`, false)
	claims("two objects", `{`+body+`}{}`, false)
	claims("blanks around the claims", " {"+body+"} \n", true)
	claims("claim in another case", `{`+strings.Replace(body, `"sub"`, `"SUB"`, 1)+`}`, false)
	claims("claim in two cases", `{`+body+`,"SUB":"bob","Sub":"carol"}`, true)
	add("a comma too much", tokenRow{token: signText(t, `{"alg":"RS256","kid":"first"}`, `{`+body+`,}`, k.first), ok: true, differs: "oauth-form"})
	claims("a comma alone", `{,}`, false)
	claims("malformed UTF-8", `{`+body+",\"x\":\"\xff\"}", true)
	claims("many claims", `{`+body+`,"x":"`+strings.Repeat("x", 30<<10)+`"}`, true)
	add("large", tokenRow{token: signText(t, `{"alg":"RS256","kid":"first"}`, `{`+body+`,"x":"`+strings.Repeat("x", 60<<10)+`"}`, k.first), ok: true, differs: "oauth-size"})
	add("large header", tokenRow{token: header(`{"alg":"RS256","kid":"first","x":"` + strings.Repeat("x", 10<<10) + `"}`), ok: true, differs: "oauth-size"})
	add("deep header", tokenRow{token: header(`{"alg":"RS256","kid":"first","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`), ok: true, differs: "oauth-size"})
	claims("deep claims", `{`+body+`,"x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`}`, true)
}

// config returns the Config for settings of Kafka.
func config(t testing.TB, set []byte, settings map[string]string) Config {
	var skew int
	_, err := fmt.Sscan(settings["sasl.oauthbearer.clock.skew.seconds"], &skew)
	require.NoError(t, err)
	c := Config{JWKS: set, Issuer: settings["sasl.oauthbearer.expected.issuer"], AnyIssuer: settings["sasl.oauthbearer.allow.unverified.issuer"] == "true",
		AnyAudience: settings["sasl.oauthbearer.allow.unverified.audience"] == "true", ClockSkew: time.Duration(skew) * time.Second,
		SubjectClaim: settings["sasl.oauthbearer.sub.claim.name"], ScopeClaim: settings["sasl.oauthbearer.scope.claim.name"]}
	if list := settings["sasl.oauthbearer.expected.audience"]; list != "" {
		for a := range strings.SplitSeq(list, ",") {
			c.Audiences = append(c.Audiences, strings.TrimSpace(a))
		}
	}
	return c
}

func usualSettings(more map[string]string) map[string]string {
	settings := map[string]string{"sasl.oauthbearer.expected.issuer": issuer, "sasl.oauthbearer.expected.audience": audience, "sasl.oauthbearer.clock.skew.seconds": "30"}
	maps.Copy(settings, more)
	return settings
}

// TestTokens holds the rows against the Verifier.
func TestTokens(t *testing.T) {
	sets := keySets(t)
	rows := tokenRows(t)
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "differences.md"))
	require.NoError(t, err)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		t.Run(name, func(t *testing.T) {
			if row.differs != "" {
				assert.Contains(t, string(page), "| "+row.differs+" |")
			}
			v, err := New(config(t, sets[row.set()], usualSettings(row.settings)))
			require.NoError(t, err)
			owner, err := v.VerifyToken(context.Background(), row.token)
			if !row.ok || row.differs != "" {
				require.Error(t, err)
				assert.Zero(t, owner)
				assertTellsNothing(t, row.token, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.owner(), owner.Name)
			assert.False(t, owner.Expires.IsZero())
		})
	}
}

// assertTellsNothing checks that an error has no part of a token.
func assertTellsNothing(t *testing.T, token string, err error) {
	t.Helper()
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 8 {
			assert.NotContains(t, err.Error(), part[:8])
		}
	}
	for _, secret := range []string{"alice", "bob", "carol", "other.example"} {
		assert.NotContains(t, err.Error(), secret)
	}
}

func (r tokenRow) set() string {
	if r.keys == "" {
		return "one"
	}
	return r.keys
}

func (r tokenRow) owner() string {
	if r.name == "" {
		return "alice"
	}
	return r.name
}

// TestKafkaTokens compares each row with the classes of Kafka.
func TestKafkaTokens(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/Login.java")
	files := map[string]string{}
	for name, set := range keySets(t) {
		files[name] = filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, os.WriteFile(files[name], set, 0o600))
	}
	rows := tokenRows(t)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		t.Run(name, func(t *testing.T) {
			settings := usualSettings(row.settings)
			settings["sasl.oauthbearer.jwks.endpoint.url"] = "file://" + files[row.set()]
			args := []string{base64.StdEncoding.EncodeToString([]byte("n,,\x01auth=Bearer " + row.token + "\x01\x01"))}
			for _, key := range slices.Sorted(maps.Keys(settings)) {
				if settings[key] != "" {
					args = append(args, key, settings[key])
				}
			}
			answer := jvm.MustCall("Login", args...)
			t.Log(answer)
			verdict, _, _ := strings.Cut(answer, " ")
			assert.Equal(t, row.ok, verdict == "ok", answer)
			if row.ok && verdict == "ok" {
				rest := strings.TrimPrefix(answer, "ok ")
				assert.Equal(t, row.owner(), rest[:strings.LastIndex(rest, " ")])
			}
		})
	}
}
