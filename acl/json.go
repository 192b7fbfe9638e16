package acl

import (
	"bytes"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// MarshalJSON returns b as a JSON object of seven strings: resourceType, name,
// patternType, principal, host, operation, permission. A binding that
// [Binding.UnmarshalJSON] would not read back unchanged is an error: one that is not
// valid, or whose text is not valid UTF-8.
func (b Binding) MarshalJSON() ([]byte, error) {
	text, err := renderChecked(FormatJSON, b.Pattern, []Entry{b.Entry})
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// UnmarshalJSON parses a JSON object as [Binding.MarshalJSON] writes it: each key
// exactly once and no others, and each value a string that the parser of its type
// accepts. Like [Read] it accepts what some release of Kafka can have stored. The
// error is a [ParseErrors] with lines and columns in data. On error b is unchanged.
func (b *Binding) UnmarshalJSON(data []byte) error {
	text := string(data)
	read, problems := Binding{}, []problem(nil)
	if wrong := lines.CheckUTF8(text); wrong != nil {
		problems = append(problems, *wrong)
	} else {
		read, problems = readBinding(text)
	}
	if len(problems) == 0 {
		*b = read
		return nil
	}
	var list errorList
	for _, p := range problems {
		before := text[:p.Offset]
		column := p.Offset - strings.LastIndexByte(before, '\n')
		list.Add(&ParseError{Line: 1 + strings.Count(before, "\n"), Column: column, Found: p.Found, Expected: p.Expected})
	}
	return list.err()
}

func renderJSON(buf *bytes.Buffer, p resource.Pattern, entries []Entry) {
	for _, e := range entries {
		writeJSON(buf, lines.Binding{
			ResourceType: p.Type.String(), Name: p.Name, PatternType: p.PatternType.String(),
			Principal: e.Principal, Host: e.Host, Operation: e.Operation.String(), Permission: e.Permission.String(),
		})
		buf.WriteByte('\n')
	}
}

// writeJSON appends v to buf, and escapes characters that are not printable.
func writeJSON(buf *bytes.Buffer, v any) {
	text, err := lines.AppendObject(buf.AvailableBuffer(), v)
	if err != nil {
		panic(err) // v consists of strings only
	}
	buf.Write(text)
}

type jsonParser struct{}

func newJSONParser() lineParser { return jsonParser{} }

func (jsonParser) parseLine(f *findings, line string) {
	b, problems := readBinding(line)
	f.add(b, nil, problems)
}

// readBinding parses one object, with only white space around it.
func readBinding(text string) (Binding, []problem) {
	j := lines.NewJSON(text, 0)
	b, problems := standIn, []problem(nil)
	wrong := bindingJSON.read(j, &b, &problems)
	if wrong == nil {
		wrong = j.End()
	}
	if wrong != nil {
		problems = append(problems, *wrong)
	}
	return b, problems
}

// object describes the fields of a binding in a JSON object. All values are strings.
type object struct {
	keys   []string
	fields []field // the field of the key at the same index
}

var bindingJSON = func() object {
	var o object
	for f, row := range fields {
		o.keys, o.fields = append(o.keys, row.key), append(o.fields, field(f))
	}
	return o
}()

// read parses the fields of b from the next object. Errors in fields are added to
// problems; an error in the JSON is returned.
func (o object) read(j *lines.JSON, b *Binding, problems *[]problem) *problem {
	return j.Object(o.keys, nil, func(key string) *problem {
		text, offset, wrong := j.String()
		if wrong == nil {
			f := o.fields[slices.Index(o.keys, key)]
			*problems = append(*problems, b.setFields(fieldText{f, span{Text: text, Offset: offset}})...)
		}
		return wrong
	})
}
