package acl

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// bindingObject is a binding in JSON. Its tags are the keys of fields, in that
// order.
type bindingObject struct {
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	PatternType  string `json:"patternType"`
	Principal    string `json:"principal"`
	Host         string `json:"host"`
	Operation    string `json:"operation"`
	Permission   string `json:"permission"`
}

// MarshalJSON returns b as a JSON object of seven strings: resourceType, name,
// patternType, principal, host, operation, permission. What
// [Binding.UnmarshalJSON] would not read back as b is an error: a binding that is
// not valid, and text that is not valid UTF-8.
func (b Binding) MarshalJSON() ([]byte, error) {
	text, err := renderChecked(FormatJSON, b.Pattern, []Entry{b.Entry})
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// UnmarshalJSON sets b to the binding in a JSON object of the shape of
// [Binding.MarshalJSON]: each key once and no other, each value a string that the
// parser of its type accepts. The binding must pass [Binding.Validate]. The error
// is a [ParseErrors] with lines and columns of data. On error b is unchanged.
func (b *Binding) UnmarshalJSON(data []byte) error {
	text := string(data)
	problems := findInvalidUTF8(text)
	if len(problems) == 0 {
		var read Binding
		if read, problems = readBinding(text); len(problems) == 0 {
			*b = read
			return nil
		}
	}
	var list errorList
	for _, p := range problems {
		before := text[:p.offset]
		p.offset -= strings.LastIndexByte(before, '\n') + 1
		list.add(1+strings.Count(before, "\n"), p)
	}
	return list.err()
}

func renderJSON(buf *bytes.Buffer, p resource.Pattern, entries []Entry) {
	for _, e := range entries {
		writeJSON(buf, bindingObject{
			p.Type.String(), p.Name, p.PatternType.String(),
			e.Principal, e.Host, e.Operation.String(), e.Permission.String(),
		})
		buf.WriteByte('\n')
	}
}

// writeJSON appends v to buf with no more escapes than JSON needs.
func writeJSON(buf *bytes.Buffer, v any) {
	encoder := json.NewEncoder(buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // v is made of strings only
	}
	buf.Truncate(buf.Len() - len("\n"))
}

type jsonParser struct{}

func newJSONParser() lineParser { return jsonParser{} }

func (jsonParser) appendLine(dst []Binding, line string) ([]Binding, []problem) {
	b, problems := readBinding(line)
	return append(dst, b), problems
}

// readBinding reads one object, with nothing but white space around it.
func readBinding(text string) (Binding, []problem) {
	t := newTokens(span{text, 0})
	b, problems := standIn, []problem(nil)
	wrong := t.object(bindingKeys, func(i int) *problem {
		s, wrong := t.string("a JSON string")
		if wrong == nil {
			problems = append(problems, b.setFields(fieldText{field(i), s})...)
		}
		return wrong
	})
	if wrong == nil {
		wrong = t.end()
	}
	if wrong != nil {
		problems = append(problems, *wrong)
	}
	return b, problems
}

var bindingKeys = func() []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}()

// tokens reads JSON text token by token and knows where each stands.
// encoding/json's own decoding into a struct would take repeated keys and keys of
// another case, and would put U+FFFD for what is no character.
type tokens struct {
	decoder *json.Decoder
	text    span
}

func newTokens(text span) *tokens {
	d := json.NewDecoder(strings.NewReader(text.text))
	d.UseNumber()
	return &tokens{d, text}
}

// next returns the next token and its text, or a problem that says what was
// expected.
func (t *tokens) next(expected string) (json.Token, span, *problem) {
	rest := t.rest(" \t\r\n,:")
	token, err := t.decoder.Token()
	switch {
	case rest.text == "":
		return nil, rest, &problem{rest.offset, "the end of the JSON text", expected}
	case err != nil:
		return nil, rest, &problem{rest.offset, enum.Quote(rest.text) + " (" + err.Error() + ")", expected}
	}
	return token, span{rest.text[:t.read()-rest.offset], rest.offset}, nil
}

// read returns the offset of what is not read yet.
func (t *tokens) read() int { return t.text.offset + int(t.decoder.InputOffset()) }

// rest returns what is not read yet, without the characters of skip before it.
func (t *tokens) rest(skip string) span {
	_, rest := t.text.cut(int(t.decoder.InputOffset()), 0)
	trimmed := strings.TrimLeft(rest.text, skip)
	_, rest = rest.cut(len(rest.text)-len(trimmed), 0)
	return rest
}

// end says what is wrong if anything but white space follows.
func (t *tokens) end() *problem {
	rest := t.rest(" \t\r\n")
	if rest.text == "" {
		return nil
	}
	return &problem{rest.offset, enum.Quote(rest.text), "nothing more on this line"}
}

// delim reads one of the delimiters []{}.
func (t *tokens) delim(want json.Delim, expected string) *problem {
	token, text, wrong := t.next(expected)
	if wrong == nil && token != want {
		wrong = &problem{text.offset, enum.Quote(text.text), expected}
	}
	return wrong
}

// string reads a string. The span holds its value, and where its text begins.
func (t *tokens) string(expected string) (span, *problem) {
	token, text, wrong := t.next(expected)
	if wrong != nil {
		return span{}, wrong
	}
	s, ok := token.(string)
	if !ok {
		return span{}, &problem{text.offset, enum.Quote(text.text), expected}
	}
	return span{s, text.offset}, findLoneSurrogate(text)
}

// object reads an object that has each of the keys once, in any order, and no
// other. It calls value for the value of each, with the index of the key.
func (t *tokens) object(keys []string, value func(key int) *problem) *problem {
	if wrong := t.delim('{', "a JSON object"); wrong != nil {
		return wrong
	}
	seen := make([]bool, len(keys))
	for range keys {
		expected := expectKeys(keys, seen)
		name, wrong := t.string(expected)
		if wrong != nil {
			return wrong
		}
		i := slices.Index(keys, name.text)
		if i < 0 || seen[i] {
			return &problem{name.offset, "the key " + enum.Quote(name.text), expected}
		}
		seen[i] = true
		if wrong := value(i); wrong != nil {
			return wrong
		}
	}
	return t.delim('}', "a closing brace")
}

// expectKeys names the keys that are not seen yet.
func expectKeys(keys []string, seen []bool) string {
	var missing []string
	for i, key := range keys {
		if !seen[i] {
			missing = append(missing, strconv.Quote(key))
		}
	}
	return "the key " + strings.Join(missing, " or ")
}

// findLoneSurrogate finds an escape of half a UTF-16 pair in the text of a JSON
// string. It stands for no character, and encoding/json reads it as U+FFFD: two
// names would become one.
func findLoneSurrogate(literal span) *problem {
	for i := 0; i < len(literal.text); i++ {
		if literal.text[i] != '\\' {
			continue
		}
		first, ok := escapedUnit(literal.text[i:])
		switch {
		case !ok:
			i++ // the escaped character, which may be a backslash
		case !utf16.IsSurrogate(first):
			i += len(`u0000`)
		default:
			second, _ := escapedUnit(literal.text[i+len(`\u0000`):])
			if utf16.DecodeRune(first, second) == utf8.RuneError {
				return &problem{literal.offset + i, literal.text[i : i+len(`\u0000`)],
					"both halves of the UTF-16 pair of a character"}
			}
			i += len(`u0000\u0000`)
		}
	}
	return nil
}

// escapedUnit returns the UTF-16 unit of a \uXXXX escape at the beginning of s,
// which is a part of valid JSON.
func escapedUnit(s string) (rune, bool) {
	if !strings.HasPrefix(s, `\u`) {
		return 0, false
	}
	unit, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(unit), err == nil
}
