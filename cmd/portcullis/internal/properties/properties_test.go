package properties

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// propertiesTests are files as java.util.Properties reads them, which
// TestReadAsJava holds where there is a JDK.
var propertiesTests = map[string]map[string]string{
	"":                                  {},
	"a=b":                               {"a": "b"},
	"a=b\nc=d\re=f\r\ng=h\n":            {"a": "b", "c": "d", "e": "f", "g": "h"},
	"a=b\na=c":                          {"a": "c"},
	"# a=b\n  ! c=d\n\n \t\f\ne=f#g":    {"e": "f#g"},
	"a = b \n c\t:\fd":                  {"a": "b ", "c": "d"},
	"a b\nc\nd=\n=e":                    {"a": "b", "c": "", "d": "", "": "e"},
	"a==b\nc : = d\ne:=f":               {"a": "=b", "c": "= d", "e": "=f"},
	`a\=b\:c\ d\#=e`:                    {"a=b:c d#": "e"},
	`a=\t\n\r\f\b\/\\\.\"`:              {"a": "\t\n\r\fb/\\.\""},
	"a=b,\\\n   c,\\\r\n\td":            {"a": "b,c,d"},
	"a=b\\\\\nc=d":                      {"a": "b\\", "c": "d"},
	"a=b\\\\\\\nc=d":                    {"a": "b\\c=d"},
	"a=b\\\n#c\nd=e":                    {"a": "b#c", "d": "e"},
	"a=b\\\n\nc=d":                      {"a": "b", "c": "d"},
	"a=b\\\n  \\\n c":                   {"a": "bc"},
	"#a\\\nb=c":                         {"b": "c"},
	"\\\n  \\\n#a=b\nc\\\n#d=e":         {"c#d": "e"},
	"a=b\\":                             {"a": "b"},
	"a\\":                               {"a": ""},
	"\\":                                {"": ""},
	"\\\n":                              {"": ""},
	"\\\r":                              {"": ""},
	"\\\r\n":                            {},
	"\\\n ":                             {},
	"a=b\n\\\n  \\\n":                   {"a": "b", "": ""},
	"#\\":                               {},
	"#\\\n":                             {},
	`a\u003db=\u00e9\u20AC\uD83D\uDE00`: {"a=b": "é€😀"},
	"\xe9=\xc3\xa9":                     {"é": "Ã©"},
	"ssl.principal.mapping.rules=\\\n  RULE:^CN=(.*?),OU=a\\\\.b$/$1\\/x/L,\\\n  DEFAULT\n": {
		"ssl.principal.mapping.rules": `RULE:^CN=(.*?),OU=a\.b$/$1/x/L,DEFAULT`},
}

func TestRead(t *testing.T) {
	for text, want := range propertiesTests {
		t.Run(text, func(t *testing.T) {
			got, err := Read("-", strings.NewReader(text))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestReadRefuses(t *testing.T) {
	const expected = ` found a backslash and u without a character, expected \uXXXX with hexadecimal digits, or two such for a character above U+FFFF`
	for text, want := range map[string]string{
		"a=b\r\nc=d\\\n  e\\u12g4": `standard input:3:4:` + expected,
		`\u=a`:                     `standard input:1:1:` + expected,
		`a=x\u123`:                 `standard input:1:4:` + expected,
		`a=\u+123`:                 `standard input:1:3:` + expected,
		`a=\uD83D`:                 `standard input:1:3:` + expected,
		`a=\uD83Dx`:                `standard input:1:3:` + expected,
		`a=\uDE00\uD83D`:           `standard input:1:3:` + expected,
		strings.Repeat("#", cli.MaxConfigBytes+1): "standard input: expected no more than 1048576 bytes",
	} {
		t.Run(fmt.Sprintf("%.40q", text), func(t *testing.T) {
			got, err := Read("-", strings.NewReader(text))
			require.EqualError(t, err, want)
			assert.Nil(t, got)
		})
	}
	got, err := Read("-", iotest.ErrReader(errFull))
	require.ErrorIs(t, err, errFull)
	assert.Nil(t, got)
}

var errFull = errors.New("no space left")

// printProperties prints keys and values in ASCII, sorted.
const printProperties = `
import java.io.*;
import java.util.*;

public class PrintProperties {
	static String ascii(String s) {
		StringBuilder b = new StringBuilder();
		for (char c : s.toCharArray()) b.append(String.format("%04x", (int) c));
		return b.toString();
	}
	public static void main(String[] files) throws Exception {
		for (String file : files) {
			Properties p = new Properties();
			p.load(new FileInputStream(file));
			TreeMap<String, String> sorted = new TreeMap<>();
			for (String k : p.stringPropertyNames()) sorted.put(ascii(k), ascii(p.getProperty(k)));
			System.out.println(sorted);
		}
	}
}`

// TestReadAsJava compares with Java itself.
func TestReadAsJava(t *testing.T) {
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("there is no java")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	args := []string{write("PrintProperties.java", printProperties)}
	var want strings.Builder
	for text, properties := range propertiesTests {
		args = append(args, write(fmt.Sprintf("%d.properties", len(args)), text))
		want.WriteString(javaMap(properties) + "\n")
	}
	out, err := exec.Command(java, args...).CombinedOutput()
	if err != nil {
		t.Skipf("%s runs no source files: %v\n%s", filepath.Base(java), err, out)
	}
	assert.Equal(t, want.String(), string(out))
}

// javaMap returns properties as printProperties prints them.
func javaMap(properties map[string]string) string {
	ascii := func(s string) string {
		var b strings.Builder
		for _, unit := range utf16.Encode([]rune(s)) {
			fmt.Fprintf(&b, "%04x", unit)
		}
		return b.String()
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(properties)) { // the units of these sort as UTF-8 does
		pairs = append(pairs, ascii(k)+"="+ascii(properties[k]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}
