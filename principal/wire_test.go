package principal_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/principal"
)

func ExampleParseWire() {
	wire, err := principal.User("alice").AppendWire(nil)
	fmt.Printf("%x %v\n", wire, err)
	fmt.Println(principal.ParseWire(wire))
	// Output:
	// 0000055573657206616c6963650000 <nil>
	// User:alice <nil>
}

func TestWireLimits(t *testing.T) {
	longest := principal.User(strings.Repeat("n", 32767))
	wire, err := longest.AppendWire([]byte("kept"))
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(wire, []byte("kept")))
	got, err := principal.ParseWire(wire[4:])
	assert.NoError(t, err, "%d bytes of name came back as %d, %v", len(longest.Name), len(got.Name), err)
	assert.Equal(t, longest, got, "%d bytes of name came back as %d, %v", len(longest.Name), len(got.Name), err)
	for _, p := range []principal.Principal{
		principal.User(longest.Name + "n"), {Type: longest.Name + "n"}, principal.User("\xff"), {Type: "\xff"},
	} {
		t.Run(fmt.Sprint(p), func(t *testing.T) {
			got, err := p.AppendWire([]byte("kept"))
			assert.Nil(t, got)
			assert.ErrorContains(t, err, "encoding a principal: its ")
		})
	}
	most := append(wire[4:], make([]byte, 1<<17-len(wire[4:]))...) // bytes after the fields are ignored
	got, err = principal.ParseWire(most)
	assert.NoError(t, err, "128 KiB: %d bytes of name, %v", len(got.Name), err)
	assert.Equal(t, longest, got, "128 KiB: %d bytes of name, %v", len(got.Name), err)
	got, err = principal.ParseWire(append(most, 0))
	assert.Equal(t, principal.Principal{}, got)
	assert.EqualError(t, err, "decoding a principal, at byte 131072: longer than 131072 bytes")
}

func TestWireFaults(t *testing.T) {
	for _, test := range []struct {
		hex    string
		offset int
		msg    string
	}{
		{"00", 0, "the version needs 2 bytes, 1 are left"},
		{"0001", 0, "version 1"},
		{"ffff", 0, "version -1"},
		{"0000", 2, "the length of the type needs 1 bytes"},
		{"000000", 3, "the type is null"},
		{"00008080808008", 7, "the type is null"}, // the smallest length there is
		{"000080808080ff", 7, "more than 5 bytes"},
		{"0000818002", 5, "the type has 32768 bytes"},
		{"00000561", 3, "the type needs 4 bytes, 1 are left"},
		{"00000101", 4, "the flag of a delegation token"},
		{"0000010100", 5, "the number of tagged fields"},
		{"000001010001", 6, "1 tagged fields, 0 bytes are left"},
		{"00000101000180", 7, "a tag needs"},
		{"00000101000100", 7, "the size of a tagged field needs"},
		{"0000010100010002ff", 8, "a tagged field needs 2 bytes, 1 are left"},
		{"00000101000100ffffffff0f", 12, "negative size"},
		{"0000010100ffffffff0f", 10, "-1 tagged fields"},
		{"00000101008080808008", 10, "-2147483648 tagged fields"},
		{"0000010100" + "914e" + strings.Repeat("0000", 10_001), 7, "10001 tagged fields, 20002 bytes are left and the limit is 10000"},
	} {
		t.Run(test.hex, func(t *testing.T) {
			wire, err := hex.DecodeString(test.hex)
			require.NoError(t, err)
			got, err := principal.ParseWire(wire)
			assert.Equal(t, principal.Principal{}, got)
			assert.ErrorContains(t, err, fmt.Sprintf("decoding a principal, at byte %d: ", test.offset))
			assert.ErrorContains(t, err, test.msg)
		})
	}
}

// FuzzParseWire compares parsing and writing the wire form with another implementation
// of the format. Rejected input returns no principal, and accepted input round-trips.
func FuzzParseWire(f *testing.F) {
	eachCaptured(f, "principal_serde", func(row []byte) {
		var v struct{ Hex string }
		require.NoError(f, json.Unmarshal(row, &v))
		if wire, err := hex.DecodeString(v.Hex); err == nil && len(wire) < 1<<10 {
			f.Add(wire)
		}
	})
	for _, seed := range []string{"", "0000ffffffff0f55", "00000104803a620000", "00000104eda08004edb080ff0000", "00008580808080005573657201" + "0000", "00000105f08080800000"} {
		wire, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		if len(wire) > 1<<17 {
			return // a limit that Kafka does not have
		}
		p, err := principal.ParseWire(wire)
		want, ok := refmodel.ReadWire(wire)
		if p != want || (err == nil) != ok {
			t.Fatalf("%x: %#v, %v, want %#v, %t", wire, p, err, want, ok)
		}
		if err != nil {
			return
		}
		again, err := p.AppendWire(nil)
		if err != nil {
			if len(p.Type) <= 32767 && len(p.Name) <= 32767 { // U+FFFD can be longer than what it replaces
				t.Fatalf("%#v has no wire form: %v", p, err)
			}
			return
		}
		if !bytes.Equal(again, refmodel.Wire(p)) {
			t.Fatalf("%#v is written as %x, want %x", p, again, refmodel.Wire(p))
		}
		if q, err := principal.ParseWire(again); err != nil || q != p {
			t.Fatalf("%#v comes back as %#v, %v", p, q, err)
		}
	})
}

// eachCaptured calls use for the captured rows of a family.
func eachCaptured(t testing.TB, family string, use func(row []byte)) {
	t.Helper()
	path := filepath.Join("..", "fuzz", "testdata", family+".shared.jsonl.gz")
	require.NoError(t, cases.Rows(path, func(_ int, row []byte) { use(row) }))
}
