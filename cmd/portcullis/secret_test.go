//go:build unix

package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every flag that names a secret is checked.
func TestExposedSecretsAreRefused(t *testing.T) {
	secret := file(t, "secret", "alice:secret\n")
	acls := file(t, "acls.txt", "")
	for flag, more := range map[string]string{
		"users": "", "tls-key": "--tls-cert none", "keytab": "--krb5-conf none", "upstream-password-file": "--upstream-user u",
	} {
		for mode, refused := range map[os.FileMode]bool{0o600: false, 0o644: true} {
			t.Run(flag+" "+mode.String(), func(t *testing.T) {
				require.NoError(t, os.Chmod(secret, mode))
				args := strings.Fields("proxy --upstream 127.0.0.1:1 --acls " + acls + " --listen nonsense " + more + " --" + flag + " " + secret)
				text := "--" + flag + ": everybody on this machine can read or write " + secret
				assert.Equal(t, refused, strings.Contains(runWith("", args...).stderr, text))
				assert.NotContains(t, runWith("", append(args, "--allow-readable-secrets")...).stderr, text)
			})
		}
	}
}
