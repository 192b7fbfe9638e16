package principal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

func BenchmarkKerberosShortName(b *testing.B) {
	kafka := kafkaRules(b, "RULE:[2:$1@$0](kafka@EXAMPLE.COM)s/.*/broker/", "RULE:[1:$1@$0](.*@PARTNER\\.ORG)s/@.*//L", "DEFAULT")
	mit, err := principal.ParseMITRules(
		[]string{"RULE:[2:$1@$0](kafka@EXAMPLE.COM)s/.*/broker/", "RULE:[1:$1@$0](.*@PARTNER\\.ORG)s/@.*//", "DEFAULT"},
		"EXAMPLE.COM", nil)
	require.NoError(b, err)
	long := strings.Repeat("aA1.", 1000)
	greedy := kafkaRules(b, "RULE:[1:$1]s/[a-z]*x|[A-Z0-9.]+x|./-/g")
	for _, bench := range []struct {
		name, principal string
		rules           *principal.KerberosRules
	}{
		{"kafka/first", "kafka/b1.example.com@EXAMPLE.COM", kafka},
		{"kafka/second", "Alice@PARTNER.ORG", kafka},
		{"kafka/last", "alice@EXAMPLE.COM", kafka},
		{"mit/first", "kafka/b1.example.com@EXAMPLE.COM", mit},
		{"mit/second", "Alice@PARTNER.ORG", mit},
		{"mit/last", "alice@EXAMPLE.COM", mit},
		{"kafka/4000 bytes", long + "@EXAMPLE.COM", kafka},
		{"kafka/4000 bytes, global", long + "@EXAMPLE.COM", greedy},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.rules.ShortName(bench.principal); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
