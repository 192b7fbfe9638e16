package lines

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// JSON reads JSON text token by token with the position of each token. Decoding into a
// struct with encoding/json would accept repeated keys and keys in another case, and
// would replace invalid characters by U+FFFD.
type JSON struct {
	decoder *json.Decoder
	text    string
	offset  int // offset of text in its line
}

// NewJSON returns a reader of text, which must be valid UTF-8 and begins at offset of
// its line.
func NewJSON(text string, offset int) *JSON {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return &JSON{d, text, offset}
}

// Object reads an object that has each of the required keys once, each of the optional
// ones at most once, in any order, and no other key. It calls value for each value.
func (j *JSON) Object(required, optional []string, value func(key string) *Problem) *Problem {
	if wrong := j.delim('{', "a JSON object"); wrong != nil {
		return wrong
	}
	missing, left := slices.Clone(required), slices.Clone(optional)
	for {
		token, text, offset, wrong := j.next()
		if wrong == nil && token == json.Delim('}') && len(missing) == 0 {
			return nil
		}
		key, isString := token.(string)
		switch {
		case wrong != nil:
		case !isString:
			wrong = &Problem{Offset: offset, Found: enum.Quote(text)}
		case !remove(&missing, key) && !remove(&left, key):
			wrong = &Problem{Offset: offset, Found: "the key " + enum.Quote(key)}
		}
		if wrong != nil {
			wrong.Expected = expectKeys(missing, left)
			return wrong
		}
		if wrong := value(key); wrong != nil {
			return wrong
		}
	}
}

// remove removes key from keys, and reports whether it was in keys.
func remove(keys *[]string, key string) bool {
	i := slices.Index(*keys, key)
	if i >= 0 {
		*keys = slices.Delete(*keys, i, i+1)
	}
	return i >= 0
}

// expectKeys describes what may follow in an object.
func expectKeys(missing, left []string) string {
	var expected []string
	for _, key := range slices.Concat(missing, left) {
		expected = append(expected, strconv.Quote(key))
	}
	switch {
	case len(expected) == 0:
		return "a closing brace without a comma before it"
	case len(missing) == 0:
		expected = append(expected, "a closing brace")
	}
	return "the key " + strings.Join(expected, " or ")
}

// Array reads an array and calls element for each of its elements.
func (j *JSON) Array(element func() *Problem) *Problem {
	if wrong := j.delim('[', "a JSON array"); wrong != nil {
		return wrong
	}
	for j.decoder.More() {
		if wrong := element(); wrong != nil {
			return wrong
		}
	}
	return j.delim(']', "another element, or a closing bracket")
}

// ArrayOrNull is Array, except that it also accepts null, which some writers use for an
// empty array.
func (j *JSON) ArrayOrNull(element func() *Problem) *Problem {
	if rest, _ := j.rest(" \t\r\n,:"); strings.HasPrefix(rest, "n") {
		return j.token(nil, "a JSON array or null")
	}
	return j.Array(element)
}

// String reads a string, and returns it with the offset of its text.
func (j *JSON) String() (value string, offset int, wrong *Problem) {
	token, text, offset, wrong := j.next()
	value, ok := token.(string)
	switch {
	case wrong != nil:
	case !ok:
		wrong = &Problem{Offset: offset, Found: enum.Quote(text)}
	default:
		return value, offset, findLoneSurrogate(text, offset)
	}
	wrong.Expected = "a JSON string"
	return "", offset, wrong
}

// Bool reads true or false.
func (j *JSON) Bool() (bool, *Problem) {
	token, text, offset, wrong := j.next()
	value, ok := token.(bool)
	if wrong == nil && !ok {
		wrong = &Problem{Offset: offset, Found: enum.Quote(text)}
	}
	if wrong != nil {
		wrong.Expected = "true or false"
	}
	return value, wrong
}

// Skip skips a value of any kind.
func (j *JSON) Skip() *Problem {
	for depth := 0; ; {
		token, _, _, wrong := j.next()
		if wrong != nil {
			wrong.Expected = "a JSON value"
			return wrong
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}

// Number reads a number whose text must be want.
func (j *JSON) Number(want string) *Problem {
	return j.token(json.Number(want), "the number "+want)
}

// End returns a problem unless only white space follows.
func (j *JSON) End() *Problem {
	rest, offset := j.rest(" \t\r\n")
	if rest == "" {
		return nil
	}
	return &Problem{Offset: offset, Found: enum.Quote(rest), Expected: "nothing more on this line"}
}

// delim reads one of the delimiters []{}.
func (j *JSON) delim(want json.Delim, expected string) *Problem { return j.token(want, expected) }

// token reads a token that equals want.
func (j *JSON) token(want json.Token, expected string) *Problem {
	token, text, offset, wrong := j.next()
	if wrong == nil && token != want {
		wrong = &Problem{Offset: offset, Found: enum.Quote(text)}
	}
	if wrong != nil {
		wrong.Expected = expected
	}
	return wrong
}

// next returns the next token, its text and its offset, or a problem whose Expected the
// caller must set.
func (j *JSON) next() (token json.Token, text string, offset int, wrong *Problem) {
	rest, offset := j.rest(" \t\r\n,:")
	token, err := j.decoder.Token()
	switch {
	case rest == "":
		return nil, "", offset, &Problem{Offset: offset, Found: "the end of the JSON text"}
	case err != nil:
		return nil, "", offset, &Problem{Offset: offset, Found: enum.Quote(rest) + " (not valid JSON)"}
	}
	return token, rest[:j.offset+int(j.decoder.InputOffset())-offset], offset, nil
}

// rest returns the unread text after any characters of skip, and its offset.
func (j *JSON) rest(skip string) (string, int) {
	rest := strings.TrimLeft(j.text[j.decoder.InputOffset():], skip)
	return rest, j.offset + len(j.text) - len(rest)
}

// findLoneSurrogate finds an escape of half a UTF-16 pair in the text of a JSON string
// that begins at offset. It is not a character, and encoding/json reads it as U+FFFD,
// so two different names would become equal.
func findLoneSurrogate(literal string, offset int) *Problem {
	for i := 0; i < len(literal); i++ {
		if literal[i] != '\\' {
			continue
		}
		first, ok := escapedUnit(literal[i:])
		switch {
		case !ok:
			i++ // skips the escaped character, which may be a backslash
		case !utf16.IsSurrogate(first):
			i += len(`u0000`)
		default:
			second, _ := escapedUnit(literal[i+len(`\u0000`):])
			if utf16.DecodeRune(first, second) == utf8.RuneError {
				return &Problem{Offset: offset + i, Found: literal[i : i+len(`\u0000`)], Expected: "both halves of the UTF-16 pair of a character"}
			}
			i += len(`u0000\u0000`)
		}
	}
	return nil
}

// escapedUnit returns the UTF-16 unit of a \uXXXX escape at the beginning of s, which
// must be part of valid JSON.
func escapedUnit(s string) (rune, bool) {
	if !strings.HasPrefix(s, `\u`) {
		return 0, false
	}
	unit, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(unit), err == nil
}

// Binding is an ACL as a JSON object.
type Binding struct {
	ResourceType string `json:"resourceType"`
	Name         string `json:"name"`
	PatternType  string `json:"patternType"`
	Principal    string `json:"principal"`
	Host         string `json:"host"`
	Operation    string `json:"operation"`
	Permission   string `json:"permission"`
}
