package principal_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/principal"
)

// FuzzKerberosRules parses any text as rules of either dialect, one a line, and maps
// any name by them. Accepted rules print in a form that parses to the same rules.
// Rejected rules return no rules and the offset of the error. A name is mapped or
// refused with a reason, and the trace agrees. In Kafka's dialect the results are
// compared with the reference model.
func FuzzKerberosRules(f *testing.F) {
	rows := 0
	eachCaptured(f, "kerberos", func(row []byte) {
		const each = 8
		if rows++; rows%each != 0 {
			return
		}
		var v struct {
			DefaultRealm string
			Rules        []string
			Cases        []struct{ Principal string }
		}
		require.NoError(f, json.Unmarshal(row, &v))
		for _, c := range v.Cases[:min(len(v.Cases), 1)] {
			f.Add(strings.Join(v.Rules, "\n"), v.DefaultRealm, c.Principal)
		}
	})
	for _, rules := range []string{
		"DEFAULT",
		"RULE:[1:$1]",
		"RULE:[1:$1@$0](.*@EXAMPLE.COM)s/@.*//\nDEFAULT",
		"RULE:[2:$1](App\\..*)s/App\\.(.*)/$1/g/L\nRULE:[02:$2]U",
		"RULE:[1:$1]s/x*/-/g\nRULE:[1:$3$]s/a/$9/",
		"RULE:[1:$1]s/(a)|b/$1$0/g/\nRULE:[:$1](",
		"RULE:\nRULE:(.*tail)s/birds/bees/g  s/bees/birds/",
		"RULE:[3:$3.$2.$1]([[:alpha:]]+|[]a-]{1,2})s/^a//g s/u|us|user/Z/",
		"RULE:[1:$1](a\\1)\nRULE:[1:ü](ü)",
	} {
		for _, name := range []string{"alice", "alice@EXAMPLE.COM", "App.svc/host@EXAMPLE.COM", "a/b/c@X", `x\/y@X`, "ü@", "@"} {
			f.Add(rules, "EXAMPLE.COM", name)
		}
	}
	f.Fuzz(func(t *testing.T, text, realm, name string) {
		list := strings.Split(text, "\n")
		parsers := map[string]func([]string) (*principal.KerberosRules, error){
			"Kafka": func(list []string) (*principal.KerberosRules, error) {
				return principal.ParseKerberosRules(list, realm, 0)
			},
			"MIT": func(list []string) (*principal.KerberosRules, error) {
				return principal.ParseMITRules(list, realm, map[string]string{"boss": "carol"})
			},
		}
		for dialect, parse := range parsers {
			rules, err := parse(list)
			if dialect == "Kafka" {
				compareWithKafka(t, list, realm, name, rules, err)
			}
			if dialect == "MIT" && realm == "" {
				if rules != nil || err == nil {
					t.Fatalf("MIT's dialect without a realm: %v", rules)
				}
				continue
			}
			if err != nil {
				var fault *principal.RuleError
				if rules != nil || !errors.As(err, &fault) || fault.Rule >= len(list) ||
					fault.Text != list[fault.Rule] || fault.Offset < 0 || fault.Offset > len(fault.Text) {
					t.Fatalf("%s %q: error %v together with rules %v", dialect, list, err, rules)
				}
				continue
			}
			again, err := parse(rules.Rules())
			if err != nil || !slices.Equal(again.Rules(), rules.Rules()) {
				t.Fatalf("%s %q: printed as %q, which is read as %v, %v", dialect, list, rules.Rules(), again, err)
			}
			checkShortName(t, rules, again, name)
			rules.Lint()
		}
	})
}

// kafkaRefusals are the reasons as the reference model names them.
var kafkaRefusals = map[string]error{
	refmodel.KerberosMalformed: principal.ErrMalformedName,
	refmodel.KerberosNoRule:    principal.ErrNoRule,
	refmodel.KerberosNotSimple: principal.ErrNotSimpleName,
	refmodel.KerberosFailed:    principal.ErrRuleFailed,
}

// compareWithKafka compares a list of rules (or its parse error) and the result for a
// name with the reference model. The model covers short ASCII text and patterns that
// Java and Go share. It returns the outcome for the name, or "" if the model does not
// cover it.
func compareWithKafka(t rapid.TB, list []string, realm, name string, rules *principal.KerberosRules, err error) (outcome string) {
	t.Helper()
	const short = 256
	text := strings.Join(list, "") + realm + name
	if len(text) > short || strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) || !refmodel.PatternsHold(text) {
		return ""
	}
	model, ok, known := refmodel.ReadKerberosRules(list, realm)
	if !known {
		return ""
	}
	require.Equal(t, err == nil, ok, "%q: %v, the model: %t", list, err, ok)
	if !ok {
		return "refused rules"
	}
	got, err := rules.ShortName(name)
	want, refusal := model.ShortName(name)
	require.Equal(t, want, got, "%q on %q: %q, %v, the model: %q, %s", list, name, got, err, want, refusal)
	require.ErrorIs(t, err, kafkaRefusals[refusal], "%q on %q: %q, %v, the model: %q, %s", list, name, got, err, want, refusal)
	return cmp.Or(refusal, "mapped")
}

// checkShortName maps name by two lists that must be equal.
func checkShortName(t *testing.T, rules, again *principal.KerberosRules, name string) {
	t.Helper()
	short, err := rules.ShortName(name)
	if err != nil {
		var fault *principal.NameError
		require.Equal(t, "", short, "%q: name %q together with error %v", name, short, err)
		require.ErrorAs(t, err, &fault, "%q: name %q together with error %v", name, short, err)
		require.Error(t, fault.Reason, "%q: name %q together with error %v", name, short, err)
	}
	require.True(t, utf8.ValidString(short), "%q became %q", name, short)
	require.LessOrEqual(t, len(short), 3*4096, "%q became %q", name, short)
	other, errOther := again.ShortName(name)
	require.Equal(t, short, other, "%q: %q, %v by the rules and %q, %v by their canonical form", name, short, err, other, errOther)
	require.Equal(t, errOther == nil, err == nil, "%q: %q, %v by the rules and %q, %v by their canonical form", name, short, err, other, errOther)
	trace := rules.Trace(name)
	require.Equal(t, short, trace.Result, "%q: %q, %v, but the trace has %q, %v", name, short, err, trace.Result, trace.Err)
	require.Equal(t, err == nil, trace.Err == nil, "%q: %q, %v, but the trace has %q, %v", name, short, err, trace.Result, trace.Err)
}
