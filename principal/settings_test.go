package principal_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

// TestAllowEveryone: the value is trimmed as in Java.
func TestAllowEveryone(t *testing.T) {
	for value, want := range map[string]bool{
		"true": true, "TRUE": true, " true\t\r\n": true, "\x01true\x00": true,
		"": false, "yes": false, "1": false, "true;": false, "t rue": false,
		"\u00a0true": false, "true\u2003": false, "\u0085true": false,
	} {
		t.Run(value, func(t *testing.T) {
			s, err := principal.ParseSettings(map[string]string{"allow.everyone.if.no.acl.found": value}, "", 0)
			require.NoError(t, err)
			assert.Equal(t, want, s.AllowEveryoneIfNoACLs)
		})
	}
}
