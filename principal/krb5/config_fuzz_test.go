package krb5_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// FuzzParseConfig parses any text. An accepted configuration can be written down and
// parses to the same Config. A rejected one returns no Config and the position of the
// error.
func FuzzParseConfig(f *testing.F) {
	f.Add("[libdefaults]\ndefault_realm = R\n[realms]\nR = {\nauth_to_local = RULE:[1:$1]\nauth_to_local_names = {\na/b = c d\n}\n}\n")
	f.Add("[libdefaults]*\n default_realm = \"R\\\\\"\n# c\n; d\n[realms]\n R* =\n {\n auth_to_local = \"x \\t\\n\"\n }*\n")
	f.Add("include /etc/krb5.conf\n[x]\n a = {\n}\n")
	f.Add("[x\n}\n = {\n\"\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := krb5.ParseConfig(text)
		if err != nil {
			var fault *krb5.ConfigError
			if config != nil || !errors.As(err, &fault) || fault.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("error %v together with %v", err, config)
			}
			return
		}
		if len(config.AuthToLocal) == 0 && config.AuthToLocalNames == nil {
			return // not every realm can be the name of a group
		}
		again, err := krb5.ParseConfig(render(config))
		if err != nil {
			// Escapes make a line longer.
			var fault *krb5.ConfigError
			if errors.As(err, &fault) && strings.Contains(fault.Msg, "longer than") {
				return
			}
			t.Fatalf("%q is refused: %v", render(config), err)
		}
		if !reflect.DeepEqual(config, again) {
			t.Fatalf("%+v was parsed from %q, but its written form parses to %+v", config, text, again)
		}
		if rules, err := config.MITRules(); (rules == nil) != (err != nil) {
			t.Fatalf("error %v together with %v", err, rules)
		}
	})
}

// quoter escapes a value for quotation marks. A tab needs no escape there.
var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func render(c *krb5.Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[libdefaults]\n default_realm = \"%s\"\n[realms]\n %s = {\n", quoter.Replace(c.DefaultRealm), c.DefaultRealm)
	for _, rule := range c.AuthToLocal {
		fmt.Fprintf(&b, "  auth_to_local = \"%s\"\n", quoter.Replace(rule))
	}
	if c.AuthToLocalNames != nil {
		b.WriteString("  auth_to_local_names = {\n")
		for name, short := range c.AuthToLocalNames {
			fmt.Fprintf(&b, "   %s = \"%s\"\n", name, quoter.Replace(short))
		}
		b.WriteString("  }\n")
	}
	return b.String() + " }\n"
}
