package lines_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// acting are characters that affect a terminal or a reader, by their effect.
var acting = map[string][2]rune{
	"C0": {0, 0x1f}, "DEL and C1": {0x7f, 0x9f}, "embedding and override": {0x202a, 0x202e}, "isolates": {0x2066, 0x2069},
	"direction marks": {0x200e, 0x200f}, "Arabic letter mark": {0x61c, 0x61c}, "line separators": {0x2028, 0x2029},
	"no width": {0x200b, 0x200d}, "byte order mark": {0xfeff, 0xfeff}, "not assigned": {0x378, 0x379},
	"not assigned, above U+FFFF": {0xe0080, 0xe0080}, "tags": {0xe0020, 0xe0020}, "private use": {0xe000, 0xe000},
}

func TestCharactersThatActAreEscaped(t *testing.T) {
	for name, from := range acting {
		t.Run(name, func(t *testing.T) {
			for r := from[0]; r <= from[1]; r++ {
				s := "a" + string(r) + "b"
				for _, shown := range []string{lines.Printable(s), lines.Escape(s)} {
					assert.NotContains(t, shown, string(r))
					assert.True(t, isASCII(shown), "%q", shown)
				}
				quoted, err := strconv.Unquote(lines.Printable(s))
				require.NoError(t, err)
				assert.Equal(t, s, quoted)

				var out bytes.Buffer
				require.NoError(t, json.NewEncoder(lines.NewWriter(&out)).Encode(s))
				assert.True(t, isASCII(strings.TrimSuffix(out.String(), "\n")), "%q", out.String())
				var back string
				require.NoError(t, json.Unmarshal(out.Bytes(), &back))
				assert.Equal(t, s, back, "JSON is lossless")
			}
		})
	}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || unicode.IsControl(r) })
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"orders": "orders", "größe": "größe", "": `""`, "a b": `"a b"`, `a"b`: `"a\"b"`, `a\b`: `"a\\b"`, "CN=a,O=b": "CN=a,O=b", "\xff": `"\xff"`, "日本": "日本",
	} {
		t.Run(in, func(t *testing.T) {
			assert.Equal(t, want, lines.Printable(in))
		})
	}
	assert.Equal(t, `"CN=a,O=b"`, lines.PrintableIn("CN=a,O=b", ","))
	assert.Equal(t, `say "x" \ y`, lines.Escape(`say "x" \ y`))
	assert.Equal(t, `say "x" \\ y\n`, lines.Escape("say \"x\" \\ y\n"))
	assert.Equal(t, "gr…", lines.Cut("größe", 3), "a character is not cut in two")
	assert.Equal(t, "größe", lines.Cut("größe", 7))
}

// TestLogHandler: text in a message or an attribute is truncated and escaped, however
// it is passed.
func TestLogHandler(t *testing.T) {
	long := strings.Repeat("x", 1<<20) + "\u202e\x1b[2J\n"
	for _, format := range []string{"text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			var to slog.Handler = slog.NewTextHandler(&out, nil)
			if format == "JSON" {
				to = slog.NewJSONHandler(&out, nil)
			}
			log := slog.New(lines.NewLogHandler(to)).With("with", long).WithGroup("group")
			log.Warn(long, "text", long, "error", errors.New(long), "any", []string{long}, "stringer", stringer(long), slog.Group("inner", "a", long), "number", 7)
			log.Warn("a\u202eb\u009b\nc", "error", fmt.Errorf("d\u2066e\x00"))
			assert.Less(t, out.Len(), 8*8192)
			assert.Equal(t, 2, strings.Count(out.String(), "\n"), "one line for each record")
			for _, r := range "\u202e\u009b\u2066\x1b\x00" {
				assert.NotContains(t, out.String(), string(r))
			}
			assert.Contains(t, out.String(), "number")
			assert.Contains(t, out.String(), `d\`)
		})
	}
}

type stringer string

func (s stringer) String() string { return string(s) }
