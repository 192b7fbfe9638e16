package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// ksm is the CSV of kafka-security-manager. That tool was built with the classes of
// Kafka 2 and knows only the ACLs of Kafka 2.
//
// Source: kafka-security-manager's CsvAclParser; kafka.security.auth in Kafka 2.8.
var ksm = foreign{name: "ksm", maxBytes: maxListBytes, parse: parseKSM, refuse: refuseKSM, render: renderKSM}

// ksmColumns are the columns in the order in which they are written.
// kafka-security-manager before 0.4 does not have PatternType: every name is literal.
var ksmColumns = []string{"KafkaPrincipal", "ResourceType", "PatternType", "ResourceName", "Operation", "PermissionType", "Host"}

// otherSeparator matches a header of ksm with semicolons, as spreadsheets write it where a comma
// is the decimal point.
var otherSeparator = regexp.MustCompile(`^\s*"?\w+"?;`)

func parseKSM(p *cli.Problems, s *Set) {
	header := strings.Join(ksmColumns, ",")
	columns := cli.Columns{All: ksmColumns, Optional: []string{"PatternType"}, Times: "once", Expected: header}
	if otherSeparator.MatchString(p.Text) {
		columns.Separator = ';'
	}
	all := names(func(f field) string { return f.ksm })
	p.ReadCSV(strings.NewReader(p.Text), columns, func(c *csv.Reader, header, record []string) {
		b := unreadACL
		b.Pattern.PatternType = resource.Literal
		for i, text := range record {
			f := fields[slices.Index(all, header[i])]
			if found, ok := f.read(&b, text); !ok {
				line, column := c.FieldPos(i)
				p.Add(line, column, found, f.expected)
			}
		}
		s.ACLs = append(s.ACLs, b)
	}) // a string has no error
	if strings.Trim(p.Text, "\r\n") == "" {
		p.Add(1, 1, "no header", header)
	}
}

func refuseKSM([]acl.Binding) func(b acl.Binding) string {
	return func(b acl.Binding) string {
		switch {
		case b.Pattern.Type == resource.User:
			return "it knows no resource type User"
		case b.Entry.Operation > ops.IdempotentWrite:
			return "it knows no operation " + b.Entry.Operation.DisplayName()
		case strings.Contains(b.Pattern.Name+b.Entry.Principal+b.Entry.Host, "\r"):
			return "a carriage return in CSV is read as the end of a line"
		}
		return ""
	}
}

func renderKSM(list []acl.Binding) ([]byte, error) {
	records := [][]string{ksmColumns}
	for _, b := range list {
		records = append(records, []string{
			b.Entry.Principal, b.Pattern.Type.DisplayName(), b.Pattern.PatternType.String(), b.Pattern.Name,
			b.Entry.Operation.DisplayName(), b.Entry.Permission.DisplayName(), b.Entry.Host,
		})
	}
	var buf bytes.Buffer
	err := csv.NewWriter(&buf).WriteAll(records)
	return buf.Bytes(), err
}

// rpk is the output of "rpk security acl list --format json". It is written on one line,
// with Kafka's names for the values.
//
// Source: rpk's aclListOutput; the enumerations of franz-go's package kmsg, which it
// prints.
var rpk = foreign{name: "rpk", escapes: true, maxBytes: maxListBytes, parse: parseRPK, refuse: refuseRPK, render: renderRPK}

// maxListBytes is the size limit for a file of rpk or kafka-security-manager. It is
// enough for half a million ACLs.
const maxListBytes = 64 << 20

// rpkACL is an ACL as rpk prints it. Its keys are those of fields.
type rpkACL struct {
	Principal    string `json:"principal"`
	Host         string `json:"host"`
	ResourceType string `json:"resource_type"`
	ResourceName string `json:"resource_name"`
	PatternType  string `json:"resource_pattern_type"`
	Operation    string `json:"operation"`
	Permission   string `json:"permission"`
}

// rpkMessage is the key of a filter for its error.
const rpkMessage = "message"

func parseRPK(p *cli.Problems, s *Set) {
	j := lines.NewJSON(p.Text, 0)
	keys := names(func(f field) string { return f.rpk })
	readACL := func() *lines.Problem {
		r := recordReader{acl: unreadACL}
		wrong := j.Object(keys, nil, func(key string) *lines.Problem {
			text, offset, wrong := j.String()
			if wrong == nil {
				f := fields[slices.Index(keys, key)]
				if found, ok := r.read(f, text, func() (line, column int) { return p.Position(offset) }); !ok {
					p.AddAt(&lines.Problem{Offset: offset, Found: found, Expected: f.expected})
				}
			}
			return wrong
		})
		r.addTo(s, p.File)
		return wrong
	}
	// The filters of the request. If one failed, the list is incomplete.
	readFilter := func() *lines.Problem {
		return j.Object(append([]string{rpkMessage}, keys...), nil, func(key string) *lines.Problem {
			text, offset, wrong := j.String()
			if wrong == nil && key == rpkMessage && text != "" {
				wrong = &lines.Problem{Offset: offset, Found: "a filter that failed: " + enum.Quote(text), Expected: "a complete list"}
			}
			return wrong
		})
	}
	wrong := j.Object([]string{"matches"}, []string{"filters"}, func(key string) *lines.Problem {
		if key == "filters" {
			return j.Array(readFilter)
		}
		return j.ArrayOrNull(readACL)
	})
	if wrong == nil {
		wrong = j.End()
	}
	if wrong != nil {
		p.AddAt(wrong)
	}
}

func refuseRPK([]acl.Binding) func(b acl.Binding) string {
	return func(b acl.Binding) string {
		if b.Entry.Operation > ops.DescribeTokens {
			return "it knows no operation " + b.Entry.Operation.String()
		}
		return ""
	}
}

func renderRPK(list []acl.Binding) ([]byte, error) {
	matches := []rpkACL{}
	for _, b := range list {
		matches = append(matches, rpkACL{
			b.Entry.Principal, b.Entry.Host, b.Pattern.Type.String(), b.Pattern.Name, b.Pattern.PatternType.String(),
			b.Entry.Operation.String(), b.Entry.Permission.String(),
		})
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(map[string][]rpkACL{"matches": matches})
	return buf.Bytes(), err
}

// field is one of the seven fields of an ACL.
type field struct {
	noun     string
	rpk, ksm string // the key of rpk and the column of kafka-security-manager
	expected string
	set      func(b *acl.Binding, text string) error
	forget   func(b *acl.Binding) // makes the field UNKNOWN; nil for a text
	grows    bool                 // later releases have more values
}

var (
	hostField = field{"host", "host", "Host", "an address, * for all, or a network such as 10.0.0.0/8",
		parsed(func(b *acl.Binding) *string { return &b.Entry.Host }, asItIs), nil, false}
	nameField = field{"resource name", "resource_name", "ResourceName", "a name, or * for all",
		parsed(func(b *acl.Binding) *string { return &b.Pattern.Name }, asItIs), nil, false}

	// fields are in the order of rpk. Their values are Kafka's names.
	fields = []field{
		{"principal", "principal", "KafkaPrincipal", "Type:name, such as User:alice",
			parsed(func(b *acl.Binding) *string { return &b.Entry.Principal }, asItIs), nil, false},
		hostField,
		{"resource type", "resource_type", "ResourceType", "one of " + strings.Join(cli.DisplayNames(slices.Values(resource.Types())), ", "),
			parsed(func(b *acl.Binding) *resource.Type { return &b.Pattern.Type }, resource.ParseType),
			func(b *acl.Binding) { b.Pattern.Type = resource.Unknown }, true},
		nameField,
		{"pattern type", "resource_pattern_type", "PatternType", "LITERAL or PREFIXED",
			parsed(func(b *acl.Binding) *resource.PatternType { return &b.Pattern.PatternType }, parsePatternType),
			func(b *acl.Binding) { b.Pattern.PatternType = resource.PatternUnknown }, false},
		{"operation", "operation", "Operation", "one of " + strings.Join(cli.OperationNames(), ", "),
			parsed(func(b *acl.Binding) *ops.Operation { return &b.Entry.Operation }, ops.ParseOperation),
			func(b *acl.Binding) { b.Entry.Operation = ops.Unknown }, true},
		{"permission", "permission", "PermissionType", "ALLOW or DENY",
			parsed(func(b *acl.Binding) *acl.PermissionType { return &b.Entry.Permission }, acl.ParsePermissionType),
			func(b *acl.Binding) { b.Entry.Permission = acl.PermissionUnknown }, false},
	}
)

// parsed returns the set function of a field.
func parsed[T any](place func(b *acl.Binding) *T, parse func(text string) (T, error)) func(*acl.Binding, string) error {
	return func(b *acl.Binding, text string) (err error) {
		*place(b), err = parse(text)
		return err
	}
}

func asItIs(text string) (string, error) { return text, nil }

// parsePatternType ignores the case, unlike Kafka's parser.
func parsePatternType(text string) (resource.PatternType, error) {
	return resource.ParsePatternType(strings.ToUpper(text))
}

// names returns a name of each field.
func names(of func(f field) string) []string {
	var names []string
	for _, f := range fields {
		names = append(names, of(f))
	}
	return names
}

// unreadACL is an ACL before its fields are read. It is valid, so that each field can be
// checked alone, and it grants nothing.
var unreadACL = acl.Binding{
	Pattern: resource.LiteralPattern(resource.Topic, "unread"),
	Entry:   acl.Entry{Principal: principal.Anonymous.String(), Host: acl.WildcardHost, Operation: ops.All, Permission: acl.Deny},
}

// read reads the field of b from text. Its types are valid before and after. If the text is
// invalid, b does not change, and found describes the text. Every text is a name, a principal
// and a host: some release of Kafka stores it.
func (f field) read(b *acl.Binding, text string) (found string, ok bool) {
	c := *b
	if f.set(&c, text) != nil || c.ValidateTypes() != nil {
		return f.noun + " " + enum.Quote(text), false
	}
	*b = c
	return "", true
}

// recordReader reads an ACL of a tool that prints what a cluster has, which may be of a later
// release, or no Kafka: the ACLs of Redpanda can be about a SUBJECT of its schema registry.
type recordReader struct {
	acl          acl.Binding
	words        []string // that are not known
	line, column int      // of the first
	unset        []func(b *acl.Binding)
}

// read is field.read, and keeps a word that may be of a later release. at returns the position
// of the text.
func (r *recordReader) read(f field, text string, at func() (line, column int)) (found string, ok bool) {
	if found, ok = f.read(&r.acl, text); ok || f.forget == nil {
		return found, ok
	}
	if text != resource.Unknown.String() && (!f.grows || !lines.IsWord(text) || strings.EqualFold(text, resource.Any.String())) {
		return found, false
	}
	if len(r.words) == 0 {
		r.line, r.column = at()
	}
	r.words, r.unset = append(r.words, found), append(r.unset, f.forget)
	return "", true
}

// addTo adds the ACL to a set.
func (r *recordReader) addTo(s *Set, file string) {
	if len(r.words) == 0 {
		s.ACLs = append(s.ACLs, r.acl)
		return
	}
	for _, forget := range r.unset {
		forget(&r.acl)
	}
	s.Apart = append(s.Apart, Apart{r.acl, fmt.Sprintf("%s:%d:%d", file, r.line, r.column), r.words[0]})
}
