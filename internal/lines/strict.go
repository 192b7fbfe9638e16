package lines

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// CheckKeys returns a problem if encoding/json has read text into a value of the type of value, a
// pointer, and dropped something without a word: a key that is there twice in an object, or in
// another case than in the type, or characters that are not valid. Offsets are in text. The text
// must be one that was decoded without an error and with DisallowUnknownFields.
func CheckKeys(text []byte, value any) *Problem {
	if wrong := CheckUTF8(string(text)); wrong != nil {
		return wrong
	}
	return NewJSON(string(text), 0).checkKeys(reflect.TypeOf(value).Elem())
}

// checkKeys reads a value of a type. The type is nil if it decodes itself.
func (j *JSON) checkKeys(of reflect.Type) *Problem {
	for of != nil && of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of != nil && reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		of = nil
	}
	token, text, offset, wrong := j.next()
	if wrong != nil {
		wrong.Expected = "a JSON value"
		return wrong
	}
	switch token {
	case json.Delim('['):
		for j.decoder.More() {
			if wrong := j.checkKeys(elementOf(of)); wrong != nil {
				return wrong
			}
		}
		return j.delim(']', "another element, or a closing bracket")
	case json.Delim('{'):
		return j.checkObject(of)
	}
	if _, ok := token.(string); ok {
		return findLoneSurrogate(text, offset)
	}
	return nil
}

// checkObject reads an object behind its opening brace.
func (j *JSON) checkObject(of reflect.Type) *Problem {
	seen := map[string]bool{}
	fields := fieldsOf(of)
	for j.decoder.More() {
		key, offset, wrong := j.String()
		if wrong != nil {
			return wrong
		}
		field, known := fields[key]
		switch {
		case seen[key]:
			return &Problem{Offset: offset, Found: "the key " + enum.Quote(key) + " again", Expected: "each key once"}
		case fields != nil && !known:
			return &Problem{Offset: offset, Found: "the key " + enum.Quote(key), Expected: "a key in the case in which it is documented"}
		case fields == nil:
			field = elementOf(of)
		}
		seen[key] = true
		if wrong := j.checkKeys(field); wrong != nil {
			return wrong
		}
	}
	return j.delim('}', "another key, or a closing brace")
}

// elementOf returns the type of the elements of a list or a map, or nil.
func elementOf(of reflect.Type) reflect.Type {
	if of != nil && (of.Kind() == reflect.Slice || of.Kind() == reflect.Map || of.Kind() == reflect.Array) {
		return of.Elem()
	}
	return nil
}

// fieldsOf returns the types of the fields of a struct by key, or nil for another type.
func fieldsOf(of reflect.Type) map[string]reflect.Type {
	if of == nil || of.Kind() != reflect.Struct {
		return nil
	}
	fields := map[string]reflect.Type{}
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		fields[name] = field.Type
	}
	return fields
}
