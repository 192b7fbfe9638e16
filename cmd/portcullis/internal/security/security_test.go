package security

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// TestSettingsOfKafka compares the table with the settings of Kafka's own classes: there is
// none whose effect is not known.
func TestSettingsOfKafka(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/SecuritySettings.java")
	for name, test := range map[string]struct {
		what string
		have func(row [2]use) bool
	}{
		"clients":   {"client", func(row [2]use) bool { return row[Client].effect != unknown }},
		"brokers":   {"broker", func(row [2]use) bool { return row[Listener].effect != unknown }},
		"constants": {"constants", nil},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := jvm.Call("SecuritySettings", test.what)
			require.NoError(t, err)
			kafka := strings.Fields(text)
			assert.Greater(t, len(kafka), 25)
			if test.have == nil {
				for _, key := range kafka {
					_, ok := settings[key]
					assert.True(t, ok, key)
				}
				return
			}
			var ours []string
			for key, row := range settings {
				if test.have(row) {
					ours = append(ours, key)
				}
			}
			slices.Sort(ours)
			assert.Equal(t, kafka, ours)
		})
	}
}

// TestSettingsHaveReasons: what is not carried out says why.
func TestSettingsHaveReasons(t *testing.T) {
	for key, row := range settings {
		for side, use := range row {
			assert.Equal(t, use.effect == without || use.effect == refused, use.why != "", "%s, side %d", key, side)
			assert.True(t, use.same == nil || use.effect == refused, "%s, side %d", key, side)
		}
		assert.NotEqual(t, row[Listener].effect+row[Client].effect, unknown, key)
	}
}

func TestCheck(t *testing.T) {
	check := func(side Side, group, key, value string) error {
		asked := map[string]bool{}
		err := Check(side, group, func(k string) (string, bool) {
			asked[k] = true
			return map[string]string{key: value}[k], k == key
		})
		for k := range asked {
			assert.Equal(t, refused, settings[k][side].effect, "%s does not count, and must not be told as one that does", k)
		}
		return err
	}
	require.EqualError(t, check(Client, SSL, "ssl.trustmanager.algorithm", "TrustEveryone"),
		`ssl.trustmanager.algorithm: found "TrustEveryone", expected PKIX, SunPKIX, X509, X.509: certificates are verified by RFC 5280, as PKIX does`)
	require.EqualError(t, check(Listener, Providers, "security.providers", " com.example.Provider "),
		`security.providers: found "com.example.Provider", expected nothing: a security provider of Java cannot be used here: TLS is Go's own`)
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		for side, use := range settings[key] {
			group := key
			for _, g := range []string{SSL, SASL, Providers} {
				if strings.HasPrefix(key, g) {
					group = g
				}
			}
			err := check(Side(side), group, key, "com.example.X\u202e")
			if use.effect != refused {
				require.NoError(t, err, key)
				continue
			}
			require.ErrorContains(t, err, key+`: found "com.example.X\u202e"`)
			require.NoError(t, check(Side(side), group, key, "  "), key)
			require.NoError(t, check(Side(side), "other.", key, "com.example.X"), key)
			for _, same := range use.same {
				require.NoError(t, check(Side(side), group, key, strings.ToLower(same)), key)
			}
		}
	}
}
