package javaprops_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/javaprops"
)

// Package cmd/portcullis/internal/properties and TestKafkaConfigReferences compare the parser
// with Java. These tests are about what Java does not have.
func TestParse(t *testing.T) {
	got, err := javaprops.Parse("é\\u00e9 = 😀\\\n   x\nempty")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"éé": "😀x", "empty": ""}, got)
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a=b\r\n😀=é\\u12":      "2:4: found a backslash and u without a character, expected ",
		"a=b\rc=\\ud83d":       "2:3: found a backslash",
		"a=b\\\n  \\ude00x\n#": "2:3: found a backslash",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := javaprops.Parse(text)
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "u12")
			assert.Nil(t, got)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a=b\\\n  c\r\n#d\n\\u00e9:\\")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := javaprops.Parse(text)
		if err != nil {
			assert.Nil(t, got)
			return
		}
		// Nothing but the end of a text ends its last entry.
		again, err := javaprops.Parse(text + "\n")
		require.NoError(t, err)
		if !strings.HasSuffix(text, `\`) && !strings.HasSuffix(text, "\r") {
			delete(got, "")
			delete(again, "")
			assert.Equal(t, got, again)
		}
	})
}
