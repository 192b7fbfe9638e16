package principal_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/principal"
)

func TestKerberosLint(t *testing.T) {
	tests := []struct {
		rules []string
		want  []string // rule and check
	}{
		{[]string{"DEFAULT"}, nil},
		{[]string{"RULE:[1:$1@$0](.*@OTHER)s/@.*//", "RULE:[2:$1;$2](.*;host)s/;.*//", "DEFAULT"}, nil},
		{[]string{"RULE:[0:$0]", "RULE:[3:$1]", "DEFAULT"}, []string{"0 never-applies", "1 never-applies"}},
		{[]string{"RULE:[1:$2]", "RULE:[2:$](a)"}, []string{"0 always-fails", "1 always-fails"}},
		{[]string{"RULE:[1:$1@$0]", "RULE:[2:$1/$2](a.*)"}, []string{"0 always-fails", "1 always-fails"}},
		{[]string{"RULE:[1:$1](.*@EXAMPLE.COM)s/@.*//"}, []string{"0 never-matches"}},
		{[]string{"RULE:[1:$1-$0](admin)"}, []string{"0 never-matches"}},
		{[]string{"RULE:[1:$1-$0](admin-.*)"}, nil},
		{[]string{"RULE:[2:$1;$2]([a-z]+)"}, []string{"0 never-matches"}},
		{[]string{"RULE:[1:x$1]()"}, []string{"0 never-matches"}},
		{[]string{"RULE:[1:$1]()"}, nil},
		{[]string{"RULE:[2:$2](^.*;root)s/^.*$/root/"}, []string{"0 unusual-names"}},
		{[]string{"DEFAULT", "DEFAULT"}, []string{"1 unreachable"}},
		{[]string{"RULE:[1:$1]", "RULE:[1:$1](a)", "RULE:[2:$1](a)", "DEFAULT"}, []string{"0 cuts", "1 unreachable"}},
		{[]string{"RULE:[1:$1]", "RULE:[2:$1]", "DEFAULT"}, []string{"0 cuts", "1 cuts", "2 unreachable"}},
		{[]string{"RULE:[1:$1](.*)s/a/b/", "RULE:[1:$1](a.*)", "RULE:[2:$1](a.*)"}, []string{"0 cuts", "1 unreachable", "2 cuts"}},
		{[]string{"RULE:[1:$3]", "RULE:[2:$1]", "DEFAULT"}, []string{"0 always-fails", "1 cuts", "2 unreachable"}},
		{[]string{"RULE:[1:$1](a.*)s/a/b/", "RULE:[1:$1](a.*)/L", "DEFAULT"}, []string{"0 cuts", "1 unreachable"}},
		{[]string{"DEFAULT", `RULE:[1:$1@$0](.*@EXAMPLE\.COM)s/@.*//`}, []string{"1 unreachable"}},
		{[]string{"DEFAULT", "RULE:[1:$1@$0](.*@EXAMPLE.COM)s/@.*//"}, nil}, // EXAMPLE-COM is another realm
		{[]string{"DEFAULT", "RULE:[1:$1@$0](.*@.*EXAMPLE.COM)s/@.*//"}, nil},
		{[]string{"DEFAULT", "RULE:[1:$1@$0](.*@EXAMPLE)s/@.*//"}, nil},
		{[]string{"DEFAULT", "RULE:[1:$1@$0](.*@EXAMPLE.CO.)s/@.*//"}, nil},
		{[]string{"RULE:[1:$1@$0](.*@.*)s/@.*//"}, []string{"0 cuts"}}, // of any realm
		{[]string{"RULE:[1:$1@$0](.*@EXAMPLE[.]COM)s/@.*//"}, nil},
		{[]string{"RULE:[1:$1@$0](.*@EXAMPLE[.]COM)s/[-@].*//"}, []string{"0 cuts"}}, // alice-x
		{[]string{"RULE:[1:$1@$0](.*@EXAMPLE[.]COM)s/[0-9]*@.*//"}, []string{"0 cuts"}},
		{[]string{"RULE:[2:$1@$0](.*@EXAMPLE[.]COM)s/.*/service/"}, []string{"0 cuts"}},
		{[]string{"RULE:[1:$1@$0](.*@OTHER[.]COM)s/@.*//"}, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.rules), func(t *testing.T) {
			rules, err := principal.ParseKerberosRules(test.rules, "EXAMPLE.COM", 0)
			if err != nil {
				t.Errorf("%q: %v", test.rules, err)
				return
			}
			checkFindings(t, test.rules, rules, test.want)
		})
	}
}

func TestMITLint(t *testing.T) {
	tests := []struct {
		rules []string
		want  []string
	}{
		{nil, nil},
		// The example of MIT krb5's documentation: its third rule looks for the
		// separator of the second rule, but its own format does not produce it.
		{[]string{
			"RULE:[2:$1](johndoe)s/^.*$/guest/", "RULE:[2:$1;$2](^.*;admin$)s/;admin$//",
			"RULE:[2:$2](^.*;root)s/^.*$/root/", "DEFAULT",
		}, []string{"2 unusual-names"}},
		{[]string{"RULE:[0:$0]", "RULE:[3:$3]"}, []string{"0 never-applies"}},
		{[]string{"RULE:[1:x$1](a.*)"}, []string{"0 never-matches"}},
		{[]string{"RULE:[1:ü$1](a.*)", "RULE:[1:ü$1](ü.*)"}, []string{"0 never-matches", "1 cuts"}},
		{[]string{"RULE:", "DEFAULT", "RULE:[1:$1]"}, []string{"0 cuts", "1 unreachable", "2 unreachable"}},
		{[]string{"DEFAULT", "RULE:[2:$1/$0](.*/EXAMPLE.COM)"}, nil},
		{[]string{"DEFAULT", "RULE:[1:$1/$0](.*/EXAMPLE[.]COM)"}, nil}, // a component may be quoted
		{[]string{"DEFAULT", "RULE:[1:$0](EXAMPLE[.]COM)"}, []string{"1 unreachable"}},
		{[]string{"DEFAULT", "RULE:[2:$0](EXAMPLE[.]COM)"}, []string{"1 cuts"}}, // MIT's DEFAULT does not map most of those
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.rules), func(t *testing.T) {
			rules, err := principal.ParseMITRules(test.rules, "EXAMPLE.COM", nil)
			if err != nil {
				t.Errorf("%q: %v", test.rules, err)
				return
			}
			checkFindings(t, test.rules, rules, test.want)
		})
	}
}

func checkFindings(t *testing.T, list []string, rules *principal.KerberosRules, want []string) {
	t.Helper()
	var got []string
	for _, f := range rules.Lint() {
		got = append(got, strconv.Itoa(f.Rule)+" "+f.Check)
		assert.NotEqual(t, "", f.Msg, "%q: %v has no message", list, f)
	}
	assert.Equal(t, want, got, "%q:\n got %q\nwant %q", list, got, want)
}
