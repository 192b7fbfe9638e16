package ops_test

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// protocolName is one row of names.tsv: an API key or an error code, and Kafka's name of it.
type protocolName struct {
	kind string
	code int
	name string
}

// readNames reads names.tsv, Kafka's names of API keys and error codes.
func readNames(t *testing.T) (apis, errors []protocolName) {
	t.Helper()
	text, err := os.ReadFile("names.tsv")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Equal(t, "kind\tcode\tname", lines[0])
	for _, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		require.Len(t, fields, 3, line)
		code, err := strconv.Atoi(fields[1])
		require.NoError(t, err, line)
		row := protocolName{fields[0], code, fields[2]}
		switch row.kind {
		case "api":
			require.Equal(t, len(apis), code, "API keys are without gaps and in order")
			apis = append(apis, row)
		case "error":
			require.Equal(t, len(errors)-1, code, "error codes are without gaps, in order and begin with -1")
			errors = append(errors, row)
		default:
			require.Fail(t, "unknown kind", line)
		}
	}
	return apis, errors
}

// initialisms are words that do not have Pascal case in Go identifiers.
var initialisms = map[string]string{
	"ACL": "ACL", "ACLS": "ACLs", "API": "API", "CRC": "CRC", "ID": "ID", "IDS": "IDs", "SASL": "SASL", "SCRAM": "SCRAM", "ISR": "ISR",
}

// goName returns Kafka's name as a Go identifier: "CREATE_ACLS" becomes "CreateACLs".
func goName(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if special, ok := initialisms[word]; ok {
			b.WriteString(special)
			continue
		}
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

// TestNames compares names.go with names.tsv. With -update it writes names.go.
func TestNames(t *testing.T) {
	apis, errors := readNames(t)
	var b bytes.Buffer
	b.WriteString(`// Code generated from names.tsv by "go test ./ops -run TestNames -update". DO NOT EDIT.

package ops

import "github.com/portcullis-authz/portcullis/internal/enum"

// Kafka's API keys. Keys 4 to 7 were removed in Kafka 4.0.
//
// Source: Kafka 4.2.1, org.apache.kafka.common.protocol.ApiKeys.
const (
`)
	for _, row := range apis {
		fmt.Fprintf(&b, "%sKey APIKey = %d\n", goName(row.name), row.code)
	}
	b.WriteString(")\n\n// apiNames are Kafka's names of the API keys, indexed by key.\nvar apiNames = enum.Names{\n")
	for _, row := range apis {
		fmt.Fprintf(&b, "%sKey: %q,\n", goName(row.name), row.name)
	}
	b.WriteString(`}

// Kafka's error codes.
//
// Source: Kafka 4.2.1, org.apache.kafka.common.protocol.Errors.
const (
`)
	for _, row := range errors {
		fmt.Fprintf(&b, "%s ErrorCode = %d\n", goName(row.name), row.code)
	}
	b.WriteString(")\n\n// errorNames are Kafka's names of the error codes, indexed by the code plus 1: the first code is -1.\nvar errorNames = enum.Names{\n")
	for _, row := range errors {
		fmt.Fprintf(&b, "%s + 1: %q,\n", goName(row.name), row.name)
	}
	b.WriteString("}\n")
	want, err := format.Source(b.Bytes())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("names.go", want, 0o644))
	}
	got, err := os.ReadFile("names.go")
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go test ./ops -run TestNames -update")
}
