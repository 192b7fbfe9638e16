package main

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// propertiesTests are files as java.util.Properties reads them, which
// TestPropertiesAsJava holds where there is a JDK.
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
	`a\u003db=\u00e9\u20AC\uD83D\uDE00`: {"a=b": "é€😀"},
	"\xe9=\xc3\xa9":                     {"é": "Ã©"},
	"ssl.principal.mapping.rules=\\\n  RULE:^CN=(.*?),OU=a\\\\.b$/$1\\/x/L,\\\n  DEFAULT\n": {
		"ssl.principal.mapping.rules": `RULE:^CN=(.*?),OU=a\.b$/$1/x/L,DEFAULT`},
}

func TestReadProperties(t *testing.T) {
	for text, want := range propertiesTests {
		got, err := readProperties(strings.NewReader(text), "f")
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestReadPropertiesRefuses(t *testing.T) {
	const expected = `, expected \uXXXX with hexadecimal digits, or two such for a character above U+FFFF`
	for text, want := range map[string]string{
		"a=b\r\nc=d\\\n  e\\u12g4":            `f:3:4: found a backslash and u without a character` + expected,
		`\u=a`:                                `f:1:1: found a backslash and u without a character` + expected,
		`a=x\u123`:                            `f:1:4: found a backslash and u without a character` + expected,
		`a=\u+123`:                            `f:1:3: found a backslash and u without a character` + expected,
		`a=\uD83D`:                            `f:1:3: found a backslash and u without a character` + expected,
		`a=\uD83Dx`:                           `f:1:3: found a backslash and u without a character` + expected,
		`a=\uDE00\uD83D`:                      `f:1:3: found a backslash and u without a character` + expected,
		strings.Repeat("#", maxConfigBytes+1): "f: expected no more than 1048576 bytes",
	} {
		got, err := readProperties(strings.NewReader(text), "f")
		if got != nil || err == nil || err.Error() != want {
			t.Errorf("%.40q: %q, %v, want %s", text, got, err, want)
		}
	}
	if got, err := readProperties(failingReader{}, "f"); got != nil || !errors.Is(err, errFull) {
		t.Errorf("a file that cannot be read: %q, %v", got, err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errFull }

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

// TestPropertiesAsJava compares with Java itself.
func TestPropertiesAsJava(t *testing.T) {
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("there is no java")
	}
	args := []string{file(t, "PrintProperties.java", printProperties)}
	var want strings.Builder
	for text, properties := range propertiesTests {
		args = append(args, file(t, "f.properties", text))
		want.WriteString(javaMap(properties) + "\n")
	}
	out, err := exec.Command(java, args...).CombinedOutput()
	if err != nil {
		t.Skipf("%s runs no source files: %v\n%s", filepath.Base(java), err, out)
	}
	if string(out) != want.String() {
		t.Errorf("Java reads\n%s\nwant\n%s", out, &want)
	}
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
