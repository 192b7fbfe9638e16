package krb5_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// The expected values are what profile_get_values of libkrb5 1.20.1 returns for the
// same text.
func TestParseConfig(t *testing.T) {
	tests := []struct {
		name, text string
		want       krb5.Config
	}{
		{"empty", "", krb5.Config{}},
		{"rules", "[libdefaults]\ndefault_realm=R\n[realms]\nR={\nauth_to_local=RULE:\nauth_to_local = DEFAULT\n}\n",
			krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"RULE:", "DEFAULT"}}},
		{"first default realm", "[libdefaults]\n default_realm = R\n default_realm = S\n", krb5.Config{DefaultRealm: "R"}},
		{"realm of another name", "[libdefaults]\n default_realm = R\n[realms]\n S = {\n auth_to_local = A\n }\n",
			krb5.Config{DefaultRealm: "R"}},
		{"quoted", "[libdefaults]\n default_realm = R\n[realms]\n R = {\n  auth_to_local = \"RULE:[1:$1]s/a/\\\\b \\t/\"\n }\n",
			krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"RULE:[1:$1]s/a/\\b \t/"}}},
		{"groups of one name are joined, the last name counts", `[libdefaults]
 default_realm = R
[realms]
 R =
 {
  auth_to_local = A
 }
 R = {
  auth_to_local = B
  auth_to_local_names = {
   user = 1
   user = 2
   x = 5
  }
 }
[realms]
 R = {
  auth_to_local_names = {
   user = 3
   a/b = c d
  }
  auth_to_local = C
 }
`, krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"A", "B", "C"},
			AuthToLocalNames: map[string]string{"user": "3", "x": "5", "a/b": "c d"}}},
		{"final marks", "[libdefaults]*\n default_realm = R\n[realms]\n R* = {\n  auth_to_local* = A\n auth_to_local = B\n }*\n",
			krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"A", "B"}}},
		{"comments", "# c\n; d\n  # e\n[libdefaults] \n default_realm = R ; x\n", krb5.Config{DefaultRealm: "R ; x"}},
		{"no comment behind a value", "[libdefaults]\n default_realm = R\n[realms]\n R = {\n" +
			"  auth_to_local = RULE:a=b=c\n auth_to_local=#x\n auth_to_local=;y\n }\n",
			krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"RULE:a=b=c", "#x", ";y"}}},
		{"one line is no group", "[libdefaults]\n default_realm = R\n[realms]\n R = { auth_to_local = A }\n R = {\n auth_to_local = B\r\n }\n",
			krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"B"}}},
		{"white space", "[libdefaults]\n\tdefault_realm\t=\tR\t\n[realms]\n\tR = {\n\t\tauth_to_local = RULE:[1:$1]s/ / /g   \n}",
			krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"RULE:[1:$1]s/ / /g"}}},
	}
	for _, test := range tests {
		got, err := krb5.ParseConfig(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !reflect.DeepEqual(*got, test.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", test.name, *got, test.want)
		}
	}
}

func TestParseConfigRefused(t *testing.T) {
	tests := []struct {
		text  string
		line  int
		words string
	}{
		{"junk\n[libdefaults]\n", 1, "before the first section"},
		{" [libdefaults]\n", 1, "before the first section"},
		{"\uFEFF[libdefaults]\n", 1, "before the first section"},
		{"module /lib/x.so:y\n[libdefaults]\n", 1, "module"},
		{"[libdefaults\n", 1, "expected [section]"},
		{"[libdefaults]x\n", 1, "expected [section]"},
		{"[libdefaults]\n default_realm R\n", 2, "expected a name"},
		{"[libdefaults]\n default realm = R\n", 2, "expected a name"},
		{"[libdefaults]\n = x\n", 2, "expected a name"},
		{"[libdefaults]\n * = x\n", 2, "expected a name"},
		{"[libdefaults]\n}\n", 2, "closes nothing"},
		{"[realms]\n R = {\n[x]\n}\n", 3, "inside a group"},
		{"[realms]\n R =\n x = y\n}\n", 3, `expected "{"`},
		{"[realms]\n R = {\n", 2, "ends inside a group"},
		{"[realms]\n R = {\n } x\n", 3, "expected nothing after"},
		{"[libdefaults]\n default_realm = \"R\n", 2, "closing quotation mark"},
		{"[libdefaults]\n default_realm = \"R\" x\n", 2, "after the closing"},
		{"[libdefaults]\n default_realm = R\x00S\n", 2, "zero byte"},
		{"[libdefaults]\n default_realm = R\n[realms]\n R = {\n auth_to_local = {\n }\n }\n", 0, "Heimdal"},
		{"include /etc/krb5.conf\n", 1, "load it as a file"},
		{"includedir /etc/krb5.conf.d\n", 1, "load it as a file"},
		{"[x]\n" + strings.Repeat("a", 2100) + " = b\n", 2, "longer than"},
		{"[x]\n" + strings.Repeat("a = {\n", 17) + strings.Repeat("}\n", 17), 18, "no deeper than"},
		{"[x]\n" + strings.Repeat("# a comment\n", 100000), 0, "no more than 1048576 bytes"},
	}
	for _, test := range tests {
		got, err := krb5.ParseConfig(test.text)
		var fault *krb5.ConfigError
		if !errors.As(err, &fault) || fault.Line != test.line || !strings.Contains(fault.Msg, test.words) {
			t.Errorf("%.60q: %v; want line %d and %q", test.text, err, test.line, test.words)
		}
		if got != nil {
			t.Errorf("%.60q: a Config together with the error", test.text)
		}
	}
}

// writeFiles writes files to a new directory. DIR in a text is replaced by the
// directory's path.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadConfigIncludes(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"krb5.conf":        "includedir DIR/conf.d\n[libdefaults]\n default_realm = R\ninclude DIR/realms\n kdc_timesync = 1\n",
		"realms":           "[realms]\n R = {\n  auth_to_local = from-realms\n }\n",
		"conf.d/b.conf":    "[realms]\n R = {\n  auth_to_local = from-b\n }\n",
		"conf.d/a-1_x":     "[realms]\n R = {\n  auth_to_local = from-a\n }\n",
		"conf.d/.hid.conf": "junk",
		"conf.d/c.conf~":   "junk",
		"conf.d/d.rpmnew":  "junk",
		"conf.d/sub/x":     "junk",
	})
	got, err := krb5.LoadConfig(filepath.Join(dir, "krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := krb5.Config{DefaultRealm: "R", AuthToLocal: []string{"from-a", "from-b", "from-realms"}}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v, want %+v", *got, want)
	}
}

func TestLoadConfigRefused(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"loop":     "include DIR/loop\n",
		"relative": "include realms\n",
		"missing":  "[x]\ninclude DIR/none\n",
		"nodir":    "includedir DIR/none\n",
		"broken":   "include DIR/bad\n",
		"bad":      "[x]\ny\n",
		"device":   "include /dev/zero\n",
	})
	tests := []struct{ file, at, words string }{
		{"loop", "loop", "included by 11 files in a row"},
		{"relative", "relative:1", "absolute path"},
		{"missing", "none", "cannot be opened"},
		{"nodir", "nodir:1", "no such file"},
		{"broken", "bad:2", "expected a name"},
		{"device", "/dev/zero", "not a regular file"},
		{"", dir, "not a regular file"},
		{"absent", "absent", "cannot be opened"},
	}
	for _, test := range tests {
		got, err := krb5.LoadConfig(filepath.Join(dir, test.file))
		var fault *krb5.ConfigError
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), test.at+": ") || !strings.Contains(fault.Msg, test.words) {
			t.Errorf("%s: %v; want %q at %s", test.file, err, test.words, test.at)
		}
		if got != nil {
			t.Errorf("%s: a Config beside the error", test.file)
		}
	}
	if _, err := krb5.LoadConfig(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause is not kept: %v", err)
	}
}

func TestMITRules(t *testing.T) {
	config, err := krb5.ParseConfig(`[libdefaults]
 default_realm = R
[realms]
 R = {
  auth_to_local_names = {
   boss = alice
  }
  auth_to_local = RULE:[2:$1;$2](^.*;admin$)s/;admin$//
  auth_to_local = DEFAULT
 }
`)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := config.MITRules()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"boss@X": "alice", "joe/admin@X": "joe", "joe@R": "joe"} {
		if got, err := rules.ShortName(name); got != want || err != nil {
			t.Errorf("%s became %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := (&krb5.Config{}).MITRules(); err == nil {
		t.Error("the zero Config maps names")
	}
}
