package guard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// bodyKind is what a request has as its body. The zero bodyKind is none.
type bodyKind int

const (
	bodyNone     bodyKind = iota
	bodyCreate            // {"name": …, "config": {…}, "initial_state": …}
	bodyConfig            // {"key": "value", …} of the connector of the path
	bodyValidate          // the same, of a connector that may not be there
	bodyOffsets           // {"offsets": [{"partition": {…}, "offset": {…}}]}
	bodyLevel             // {"level": "DEBUG"}
)

// DefaultMaxBody is how many bytes the body of a request may have, unless Config says otherwise:
// far above a configuration of a connector, and what a record in the topic of configurations holds
// by default.
const DefaultMaxBody = 1 << 20

// settings is a configuration. A nil value removes the key, in a PATCH.
type settings map[string]*string

// UnmarshalJSON reads values as Jackson reads them into a Map<String, String>: numbers and truth
// values become texts.
func (s *settings) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return errors.New("expected an object of settings")
	}
	if raw == nil { // null
		*s = nil
		return nil
	}
	*s = make(settings, len(raw))
	for key, value := range raw {
		switch {
		case string(value) == "null":
			(*s)[key] = nil
		case value[0] == '"':
			var decoded string
			if err := json.Unmarshal(value, &decoded); err != nil {
				return err
			}
			(*s)[key] = &decoded
		case value[0] == '{' || value[0] == '[':
			return fmt.Errorf("the setting %s: expected a text", lines.Printable(lines.Cut(key, maxNameBytes)))
		default:
			decoded := string(value)
			(*s)[key] = &decoded
		}
	}
	return nil
}

// get returns a value, or "".
func (s settings) get(key string) string {
	if value := s[key]; value != nil {
		return *value
	}
	return ""
}

type createRequest struct {
	Name         string   `json:"name"`
	Config       settings `json:"config"`
	InitialState string   `json:"initial_state,omitempty"`
}

type levelRequest struct {
	Level string `json:"level"`
}

type offsetsRequest struct {
	Offsets []struct {
		Partition map[string]any `json:"partition"`
		Offset    map[string]any `json:"offset"`
	} `json:"offsets"`
}

// body is what was read.
type body struct {
	connector string   // that it names
	config    settings // that it has
	text      []byte   // as it is sent on
}

// Settings of a connector.
const (
	nameKey  = "name"
	levelKey = "level"
)

// readBody reads, checks and writes anew the body of a request. A name is that which a worker makes
// of it.
//
// Source: ConnectorsResource.createConnector, checkAndPutConnectorConfigName.
func readBody(t *target, r *http.Request, limit int64) (b body, status int, err error) {
	if t.body == bodyNone {
		return body{}, 0, nil // and none is sent on
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return body{}, http.StatusBadRequest, errors.New("the body could not be read")
	}
	if int64(len(text)) > limit {
		return body{}, http.StatusRequestEntityTooLarge, fmt.Errorf("expected a body of no more than %d bytes", limit)
	}
	if err = t.parseBody(text, &b); err != nil {
		return body{}, http.StatusBadRequest, err
	}
	return b, 0, nil
}

func (t *target) parseBody(text []byte, b *body) (err error) {
	b.connector = t.connector
	var value any
	switch t.body {
	case bodyCreate:
		var request createRequest
		if err = decode(text, &request); err != nil {
			return err
		}
		request.Name = trimJava(request.Name)
		b.connector, b.config = request.Name, request.Config
		if request.Config == nil {
			return errors.New("expected the configuration of a connector in the field config")
		}
		value = &request
	case bodyConfig, bodyValidate:
		if err = decode(text, &b.config); err != nil {
			return err
		}
		if b.config == nil {
			return errors.New("expected an object of settings")
		}
		if t.body == bodyValidate {
			b.connector = b.config.get(nameKey)
		}
		value = b.config
	case bodyOffsets:
		var request offsetsRequest
		value, err = &request, decode(text, &request)
	case bodyLevel:
		var request levelRequest
		value, err = &request, decode(text, &request)
	}
	if err == nil && b.config != nil {
		err = b.check()
	}
	if err == nil {
		b.text, err = encode(value)
	}
	return err
}

// check returns an error if a configuration is for another connector, or has a masked value.
func (b *body) check() error {
	if err := CheckName(b.connector); err != nil {
		return fmt.Errorf("the name of the connector: %w", err)
	}
	if name, given := b.config[nameKey]; given && (name == nil || *name != b.connector) {
		return errors.New("the configuration has another name than the connector")
	}
	for key, value := range b.config {
		if value != nil && strings.Contains(*value, Mask) {
			return fmt.Errorf("the setting %s has the masked value of an earlier answer: give the value, or a reference such as ${file:/path:key}, or change the others by PATCH without it",
				lines.Printable(lines.Cut(key, maxNameBytes)))
		}
	}
	return nil
}

// trimJava removes what String.trim of Java removes.
func trimJava(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// decode reads one JSON value. Keys that are repeated, or in another case, and text that is not
// UTF-8 are errors: a worker could read something else.
func decode(text []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(value); err != nil {
		return errors.New("the body is not the expected JSON: " + lines.Escape(lines.Cut(err.Error(), maxNameBytes)))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("expected nothing after the JSON value")
	}
	if wrong := lines.CheckKeys(text, value); wrong != nil {
		return fmt.Errorf("found %s at byte %d, expected %s", lines.Escape(lines.Cut(wrong.Found, maxNameBytes)), wrong.Offset, wrong.Expected)
	}
	return nil
}

// encode writes a value without the escapes for HTML.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return b.Bytes(), err
}
