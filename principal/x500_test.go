package principal_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/principal"
)

func ExampleDistinguishedName() {
	name := pkix.Name{CommonName: "alice", OrganizationalUnit: []string{"Sales, EMEA"}, Country: []string{"DE"}}
	der, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		panic(err)
	}
	fmt.Println(principal.DistinguishedName(der))
	// Output: CN=alice,OU=Sales\, EMEA,C=DE <nil>
}

// rdn returns the DER of a SEQUENCE of one RDN with one attribute.
func rdn(typ, value string) string {
	attribute := "30" + length(len(typ)/2+len(value)/2) + typ + value
	set := "31" + length(len(attribute)/2) + attribute
	return "30" + length(len(set)/2) + set
}

func length(n int) string { return fmt.Sprintf("%02x", n) }

func TestDistinguishedNameOfOddTypes(t *testing.T) {
	uuidMax := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
	for _, test := range []struct{ der, want string }{
		{rdn("06020c7f", "0500"), "0.12.127=#0500"},
		{rdn("060127", "0500"), "0.39=#0500"},
		{rdn("060128", "0500"), "1.0=#0500"},
		{rdn("06014f", "0500"), "1.39=#0500"},
		{rdn("060150", "0500"), "2.0=#0500"},
		{rdn("06028837", "0500"), "2.999=#0500"},
		// 2.25 and a UUID, whose number needs 128 bits.
		{rdn("061469"+"83"+strings.Repeat("ff", 17)+"7f", "0500"), "2.25." + uuidMax.String() + "=#0500"},
		// The first two numbers share a component, which here needs 128 bits.
		{rdn("0613"+"83"+strings.Repeat("ff", 17)+"7f", "0500"), "2." + new(big.Int).Sub(uuidMax, big.NewInt(80)).String() + "=#0500"},
		{rdn("0603818001", "0500"), "2.16305=#0500"},                                                // 0x80 continues a component
		{rdn("0640"+strings.Repeat("01", 64), "0500"), "0.1" + strings.Repeat(".1", 63) + "=#0500"}, // the longest
		{rdn("0603550403", "2c0161"), "CN=#2c0161"},                                                 // a constructed string does not count as a string
		{rdn("0603550403", "0c020d61"), "CN=\\\ra"},                                                 // a carriage return counts as padding
		{rdn("0603550403", "0c03f09f98"), "CN=\ufffd"},                                              // one truncated character
		{rdn("0603550403", "0c03eda080"), "CN=\ufffd"},                                              // a surrogate
		{rdn("0603550403", "0c02c080"), "CN=\ufffd\ufffd"},
		{rdn("0603550403", "0c02e080"), "CN=\ufffd\ufffd"}, // an overlong encoding
		{rdn("0603550403", "0c02f080"), "CN=\ufffd\ufffd"},
		{rdn("0603550403", "0c02f490"), "CN=\ufffd\ufffd"}, // above U+10FFFF
		{rdn("0603550403", "0c03e18041"), "CN=\ufffdA"},
		{rdn("0603550403", "0c03e0a041"), "CN=\ufffdA"},
		{rdn("0603550403", "0c03efbf41"), "CN=\ufffdA"},
		{rdn("0603550403", "0c03f48041"), "CN=\ufffdA"},
		{rdn("0603550403", "0c04eda08080"), "CN=\ufffd\ufffd"},
		{rdn("0603550403", "0c0121") + "ff", "CN=!"}, // bytes after the name are ignored
		{rdn("0603550403", "0c0121") + strings.Repeat("00", 65536-14), "CN=!"},
		// Contents whose lengths need a second and a third byte, and the shortest
		// content that needs a second.
		{"3082013d" + "31820139" + "30820135" + "0603550403" + "0c82012c" + strings.Repeat("21", 300), "CN=" + strings.Repeat("!", 300)},
		{"308180" + "317e" + "307c" + "0603550403" + "0c75" + strings.Repeat("21", 117), "CN=" + strings.Repeat("!", 117)},
		{"30023100", ""}, // an RDN without attributes
		{"3010310c300a06035504030c034f553d3100", `,CN=OU\=`},
	} {
		t.Run(test.der, func(t *testing.T) {
			der, err := hex.DecodeString(test.der)
			require.NoError(t, err)
			got, err := principal.DistinguishedName(der)
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestDistinguishedNameRefusals(t *testing.T) {
	for _, test := range []struct {
		der    string
		offset int
		msg    string
	}{
		{"", 0, "ends where a SEQUENCE"},
		{"30", 0, "ends where a SEQUENCE"},
		{"3100", 0, "tag 0x31 where a SEQUENCE"},
		{"3001", 0, "data truncated"},
		{"3080", 0, "indefinite"},
		{"3081", 0, "truncated"},
		{rdn("0603550403", "0c8200"), 11, "superfluous leading zeros"},
		{"308100", 0, "superfluous leading zeros"},
		{"30820010", 0, "superfluous leading zeros"},
		{"3081020500", 0, "non-minimal length"},
		{"30820080" + strings.Repeat("00", 128), 0, "superfluous leading zeros"},
		{"3084000000", 0, "superfluous leading zeros"},
		{"3083010000", 0, "data truncated"},
		{"30023000", 2, "tag 0x30 where an RDN"},
		{"300431023000", 6, "ends where the type"},
		{"3006310430020500", 6, "tag 0x05 where the type"},
		{rdn("0600", "0500"), 6, "is empty"},
		{rdn("060185", "0500"), 6, "ends inside a component"},
		{rdn("06028180", "0500"), 6, "ends inside a component"},
		{rdn("06028001", "0500"), 6, "leading zero"},
		{rdn("0641"+strings.Repeat("01", 65), "0500"), 6, "more than 64 bytes"},
		{rdn("0603550403", ""), 11, "ends where the value"},
		{rdn("0603550403", "1f2101"), 11, "more than one byte"},
		{rdn("0603550403", "0c02"), 11, "data truncated"},
		{rdn("0603550403", "05000500"), 13, "nothing more"},
		{"3083010001" + strings.Repeat("00", 65537), 65536, "longer than 65536 bytes"},
	} {
		t.Run(test.der, func(t *testing.T) {
			der, err := hex.DecodeString(test.der)
			require.NoError(t, err)
			got, err := principal.DistinguishedName(der)
			assert.Equal(t, "", got)
			assert.ErrorContains(t, err, fmt.Sprintf("X.500 name, at byte %d: ", test.offset))
			assert.ErrorContains(t, err, test.msg)
		})
	}
}

// FuzzDistinguishedName compares the text of any bytes, or their refusal, with the
// results of Go's own decoders: no value may escape its position in the text.
func FuzzDistinguishedName(f *testing.F) {
	eachCaptured(f, "x500", func(row []byte) {
		var v struct {
			DER []byte `json:"der_base64"`
		}
		require.NoError(f, json.Unmarshal(row, &v))
		f.Add(v.DER)
	})
	for _, seed := range []string{"3000", rdn("0603550403", "0c012c"), rdn("0603550403", "0c035c2c2b"), rdn("0603550403", "0c06200020202020"),
		rdn("0603550403", "1e040020002c"), rdn("06092a864886f70d010901", "1601402c"), "30023100", rdn("06028837", "0500")} {
		der, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if len(der) > 1<<16 {
			return // a limit that Java does not have
		}
		text, err := principal.DistinguishedName(der)
		want, ok := refmodel.DistinguishedName(der)
		if err != nil && strings.Contains(err.Error(), "more than 64 bytes") {
			ok, want = false, "" // an object identifier beyond our length limit
		}
		if text != want || (err == nil) != ok {
			t.Fatalf("%x: %q, %v, want %q, %t", der, text, err, want, ok)
		}
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Fatalf("%x: %q is not clean text", der, text)
		}
	})
}
