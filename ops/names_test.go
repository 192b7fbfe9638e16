package ops_test

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wireName is one row of names.tsv: a code of one of Kafka's enumerations, and its name.
type wireName struct {
	kind     string
	Code     int
	Name     string // Kafka's
	Constant string
	Note     string
}

// enumeration says how the constants of one kind of names.tsv are generated.
type enumeration struct {
	kind   string
	first  int // the first code
	suffix string
	// The rest is for the template.
	Type    string
	Names   string // the variable with the names, if there is one
	Bits    bool   // the codes in names.tsv are the numbers of bits
	Kinds   string // what the constants are, for comments
	Source  string
	Text    bool   // Parse, FromCode and the methods for text are generated too
	Noun    string // for errors
	Example string // a name
	Unknown string // the constant for codes that Kafka does not define
	Display string // the Pascal case of Example, if there is DisplayName
	Fold    string // two spellings, if Parse ignores case and underscores
	Rows    []wireName
}

// generated lists the enumerations of each generated file.
var generated = map[string][]enumeration{
	"../ops/names.go": {
		{kind: "api", suffix: "Key", Type: "APIKey", Names: "apiNames", Kinds: "API keys. Keys 4 to 7 were removed in Kafka 4.0",
			Source: "Kafka 4.4.0, org.apache.kafka.common.protocol.ApiKeys"},
		{kind: "error", first: -1, Type: "ErrorCode", Names: "errorNames", Kinds: "error codes",
			Source: "Kafka 4.4.0, org.apache.kafka.common.protocol.Errors"},
		{kind: "operation", Type: "Operation", Names: "operationNames", Kinds: "operations", Source: "Kafka 4.2, AclOperation",
			Text: true, Noun: "operation", Example: "DESCRIBE_CONFIGS", Unknown: "Unknown", Display: "DescribeConfigs",
			Fold: `"DESCRIBE_CONFIGS", "DescribeConfigs"`},
		{kind: "key", suffix: "Key", Type: "KeyType", Kinds: "kinds of coordinator keys", Source: "Kafka 4.2, FindCoordinatorRequest.CoordinatorType"},
		{kind: "config", first: 1, suffix: "Config", Type: "ConfigType", Names: "configTypeNames", Bits: true,
			Kinds: "kinds of resources that have a configuration", Source: "Kafka 4.2, ConfigResource.Type"},
	},
	"../resource/names.go": {
		{kind: "type", Type: "Type", Names: "typeNames", Kinds: "resource types", Source: "Kafka 4.2, ResourceType",
			Text: true, Noun: "resource type", Example: "TRANSACTIONAL_ID", Unknown: "Unknown", Display: "TransactionalId",
			Fold: `"TRANSACTIONAL_ID", "TransactionalId"`},
		{kind: "pattern", Type: "PatternType", Names: "patternTypeNames", Kinds: "pattern types", Source: "Kafka 4.2, PatternType",
			Text: true, Noun: "pattern type", Example: "PREFIXED", Unknown: "PatternUnknown"},
	},
	"../acl/names.go": {
		{kind: "permission", Type: "PermissionType", Names: "permissionNames", Kinds: "permission types", Source: "Kafka 4.2, AclPermissionType",
			Text: true, Noun: "permission type", Example: "ALLOW", Unknown: "PermissionUnknown", Display: "Allow", Fold: `"ALLOW", "Allow"`},
	},
}

// readNames reads the rows of a kind in names.tsv. Their codes must be without gaps and in
// order.
func readNames(t *testing.T, kind string, first int) (rows []wireName) {
	t.Helper()
	text, err := os.ReadFile("names.tsv")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Equal(t, "kind\tcode\tname\tconstant\tnote", lines[0])
	for _, line := range lines[1:] {
		fields := strings.Split(line+"\t\t", "\t") // the last two columns may be missing
		if fields[0] != kind {
			continue
		}
		code, err := strconv.Atoi(fields[1])
		require.NoError(t, err, line)
		require.Equal(t, first+len(rows), code, line)
		rows = append(rows, wireName{fields[0], code, fields[2], fields[3], fields[4]})
	}
	return rows
}

// initialisms are words that do not have Pascal case in Go identifiers.
var initialisms = []string{"ACL", "API", "CRC", "ID", "SASL", "SCRAM", "ISR"}

// goName returns Kafka's name as a Go identifier: "CREATE_ACLS" becomes "CreateACLs".
func goName(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		switch single := strings.TrimSuffix(word, "S"); {
		case slices.Contains(initialisms, word):
			b.WriteString(word)
		case slices.Contains(initialisms, single):
			b.WriteString(single + "s")
		default:
			b.WriteString(word[:1] + strings.ToLower(word[1:]))
		}
	}
	return b.String()
}

var namesTemplate = template.Must(template.New("names").Parse(`
// Kafka's {{.Kinds}}.
//
// Source: {{.Source}}.
const (
{{- range .Rows}}
	{{.Constant}} {{$.Type}} = {{if $.Bits}}1 << {{end}}{{.Code}}{{with .Note}} // {{.}}{{end}}
{{- end}}
)

{{if eq .Names "errorNames" -}}
// {{.Names}} are Kafka's names of the {{.Kinds}}, indexed by the code plus 1: the first code is -1.
var {{.Names}} = enum.Names{
{{- range .Rows}}
	{{.Constant}} + 1: "{{.Name}}",
{{- end}}
}
{{- else if .Bits -}}
// {{.Names}} are Kafka's names, indexed by bit.
var {{.Names}} = enum.Names{
{{- range .Rows}}
	{{.Code}}: "{{.Name}}",
{{- end}}
}
{{- else if .Names -}}
// {{.Names}} are Kafka's names, indexed by code.
var {{.Names}} = enum.Names{
{{- range .Rows}}
	{{.Constant}}: "{{.Name}}",
{{- end}}
}
{{- end}}
{{if .Text}}
// {{.Type}}FromCode returns the {{.Noun}} with Kafka's wire code, or {{.Unknown}} for a code that
// Kafka does not define.
func {{.Type}}FromCode(code int8) {{.Type}} {
	if !{{.Names}}.Known(int(code)) {
		return {{.Unknown}}
	}
	return {{.Type}}(code)
}

// Parse{{.Type}} parses the name of a {{.Noun}}.
{{- if .Fold}} Case is ignored and underscores are optional:
// {{.Fold}}. White space is not trimmed.
{{- else}} It is case sensitive, unlike the parsers of the
// other enumerations, because Kafka's is (fromString).
{{- end}} [{{.Type}}.String] returns the
// canonical spelling. On error the result is {{.Unknown}}.
func Parse{{.Type}}(s string) ({{.Type}}, error) {
	code, err := {{.Names}}.{{if .Fold}}ParseFold{{else}}ParseExact{{end}}("{{.Noun}}", s)
	return {{.Type}}(code), err
}

// String returns Kafka's name, such as "{{.Example}}", or "{{.Type}}(99)" for an unknown value.
func (v {{.Type}}) String() string { return {{.Names}}.String("{{.Type}}", int(v)) }
{{if .Display}}
// DisplayName returns the name in Pascal case, such as "{{.Display}}", as in Kafka's audit log.
func (v {{.Type}}) DisplayName() string { return {{.Names}}.DisplayName("{{.Type}}", int(v)) }
{{end}}
// MarshalText returns Kafka's name. An unknown value is an error.
func (v {{.Type}}) MarshalText() ([]byte, error) { return {{.Names}}.MarshalText("{{.Type}}", int(v)) }

// UnmarshalText parses text as [Parse{{.Type}}] does. On error v is unchanged.
func (v *{{.Type}}) UnmarshalText(text []byte) error {
	parsed, err := Parse{{.Type}}(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}
{{end}}`))

// TestNames compares the generated files with names.tsv. With -update it writes them.
func TestNames(t *testing.T) {
	for file, enumerations := range generated {
		t.Run(file, func(t *testing.T) {
			var b bytes.Buffer
			fmt.Fprintf(&b, "// Code generated from ops/names.tsv by \"go test ./ops -run TestNames -update\". DO NOT EDIT.\n\npackage %s\n\n"+
				"import \"github.com/portcullis-authz/portcullis/internal/enum\"\n", strings.Split(file, "/")[1])
			for _, e := range enumerations {
				e.Rows = readNames(t, e.kind, e.first)
				for i := range e.Rows {
					if row := &e.Rows[i]; row.Constant == "" {
						row.Constant = goName(row.Name) + e.suffix
					}
				}
				require.NoError(t, namesTemplate.Execute(&b, e))
			}
			want, err := format.Source(b.Bytes())
			require.NoError(t, err, b.String())
			if *update {
				require.NoError(t, os.WriteFile(file, want, 0o644))
			}
			got, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(got), "run go test ./ops -run TestNames -update")
		})
	}
}
