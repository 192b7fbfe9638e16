package playground

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/program"
)

func TestRun(t *testing.T) {
	acls := "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL)`:\n\t(principal=User:a, host=*, operation=READ, permissionType=ALLOW)\n"
	for _, test := range []struct {
		name, args, input string
		status            int
		stdout, stderr    string
	}{
		{"allowed", "check --acls=- --principal=User:a --operation=Read --topic=t", acls, program.ExitDone, "allowed: User:a from 127.0.0.1, Read on Topic t\n", ""},
		{"denied", "check --acls=- --principal=User:b --operation=Read --topic=t", acls, program.ExitDenied, "denied: User:b", ""},
		{"no ACL", "lint --acls=-", "", program.ExitError, "", "portcullis: standard input has no ACL"},
		{"a command that it does not have", "proxy", "", program.ExitError, "", `unknown command "proxy"`},
		{"too much text", "lint --acls=-", strings.Repeat("\n", MaxInput+1), program.ExitError, "", "the page takes at most"},
		{"too long a flag", "lint --acls=- --super-users=" + strings.Repeat("u", MaxArgs), acls, program.ExitError, "", "the page takes at most"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Run(strings.Fields(test.args), []byte(test.input))
			assert.Equal(t, test.status, got.Status, got)
			assert.Contains(t, got.Stdout, test.stdout)
			assert.Contains(t, got.Stderr, test.stderr)
		})
	}
}

func TestLongOutputIsCut(t *testing.T) {
	var c cut
	for range 2 {
		n, err := c.Write([]byte(strings.Repeat("é", MaxOutput/3)))
		require.NoError(t, err)
		require.Equal(t, MaxOutput/3*2, n)
	}
	text := c.text()
	assert.LessOrEqual(t, len(text), MaxOutput+100)
	assert.True(t, strings.HasSuffix(text, "more bytes are not shown: use the command\n"), text[len(text)-100:])
}

func TestLimitMemory(t *testing.T) {
	head := "\x00asm\x01\x00\x00\x00"
	for _, test := range []struct{ name, module, want string }{
		{"a section before and after", head + "\x01\x02ab\x05\x03\x01\x00\x07\x0a\x01z", head + "\x01\x02ab\x05\x06\x01\x01\x07\x80\x80\x01\x0a\x01z"},
		{"no memory", head + "\x01\x02ab", ""},
		{"a maximum", head + "\x05\x04\x01\x01\x07\x09", ""},
		{"two memories", head + "\x05\x05\x02\x00\x07\x00\x07", ""},
		{"a section beyond the end", head + "\x01\x09ab", ""},
		{"half a section", head + "\x01", ""},
		{"empty", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := limitMemory([]byte(test.module))
			if test.want == "" {
				require.ErrorIs(t, err, errModule)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, string(got))
		})
	}
}
