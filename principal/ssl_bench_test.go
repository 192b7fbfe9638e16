package principal_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

// typicalSSLRules is a list of three rules like those in Kafka's documentation, with
// one name for each rule and one that no rule maps.
var typicalSSLRules = struct {
	list  string
	names []struct{ rule, dn string }
}{
	"RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/," +
		"RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L," +
		"RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L",
	[]struct{ rule, dn string }{
		{"1", "CN=kafka-client-1.example.com,OU=ServiceUsers,O=Example Corp,L=Berlin,ST=Berlin,C=DE"},
		{"2", "CN=kafka-client-1.example.com,OU=Payments,O=Example Corp,L=Berlin,ST=Berlin,C=DE"},
		{"3", "OU=Payments,CN=client1.example.com,O=Example Corp,L=Berlin,ST=Berlin,C=DE"},
		{"none", "OU=Payments,O=Example Corp,L=Berlin,ST=Berlin,C=DE"},
	},
}

func BenchmarkSSLRules(b *testing.B) {
	rules, err := principal.ParseSSLRules(typicalSSLRules.list, 0)
	require.NoError(b, err)
	for _, name := range typicalSSLRules.names {
		b.Run("rule="+name.rule, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rules.Name(name.dn)
			}
		})
	}
}

// BenchmarkHostileDN maps names for which a backtracking engine takes exponential or
// quadratic time. The time per byte must not grow with the size.
func BenchmarkHostileDN(b *testing.B) {
	for _, shape := range []struct{ name, list, prefix, repeat, suffix string }{
		{"nested", `RULE:^CN=((\\, *|\w)+)(,.*|$)/$1/`, "CN=", "a", "!"},
		{"ambiguous", `RULE:(a|aa|a*)*b/x/`, "", "a", ""},
		{"spans", `RULE:.*=.*=.*=.*=x/x/`, "", "a=", ""},
		{"lazy", `RULE:(.*?),(.*?),(.*?),(.*?)x/x/`, "", ",", ""},
		{"searches", `RULE:a(?:.*b)?|.*/x/`, "", "a", ""},
		{"everywhere", `RULE:(.*?)/$1/`, "", "ab", ""},
		{"documented", typicalSSLRules.list, "CN=", "CN=a,OU=", ""},
	} {
		rules, err := principal.ParseSSLRules(shape.list, 0)
		if err != nil {
			b.Fatal(err)
		}
		for _, size := range []int{1 << 10, 1 << 13, 1 << 16} {
			dn := shape.prefix + strings.Repeat(shape.repeat, size/len(shape.repeat)) + shape.suffix
			b.Run(shape.name+"/bytes="+strconv.Itoa(size), func(b *testing.B) {
				b.SetBytes(int64(len(dn)))
				b.ReportAllocs()
				for b.Loop() {
					rules.Name(dn)
				}
			})
		}
	}
}

func BenchmarkParseSSLRules(b *testing.B) {
	for b.Loop() {
		if _, err := principal.ParseSSLRules(typicalSSLRules.list, 0); err != nil {
			b.Fatal(err)
		}
	}
}
