package connectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/connect"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// maxConnectorsBytes is the size limit for a file of connectors: 20,000 of 3 kB.
const maxConnectorsBytes = 64 << 20

// readConnectors returns the configurations in a file: a connector as it is posted to a worker,
// {"name": …, "config": {…}}, or its configuration alone; a list of these; the answer of
// GET /connectors?expand=info; or a properties file, as a standalone worker takes it.
func readConnectors(file string, stdin io.Reader) ([]map[string]string, error) {
	text, err := cli.ReadFile(file, stdin, func(r io.Reader) ([]byte, error) {
		text, err := io.ReadAll(io.LimitReader(r, maxConnectorsBytes+1))
		if err == nil && len(text) > maxConnectorsBytes {
			err = fmt.Errorf("%s: expected no more than %d bytes", cli.FileName(file), maxConnectorsBytes)
		}
		return text, err
	})
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\uFEFF")))
	if len(text) == 0 {
		return nil, fmt.Errorf("%s: the file is empty: expected the configuration of a connector, in JSON or as properties", cli.FileName(file))
	}
	if text[0] != '{' && text[0] != '[' {
		settings, err := properties.Read(cli.StandardInput, bytes.NewReader(text))
		return []map[string]string{settings}, err
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err = decoder.Decode(&value); err == nil && decoder.More() {
		err = errors.New("more than one JSON value: put them into a list")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.FileName(file), err)
	}
	list, err := configurations(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.FileName(file), err)
	}
	return list, nil
}

// configurations finds the configurations in a JSON value.
func configurations(value any) ([]map[string]string, error) {
	switch v := value.(type) {
	case []any:
		var list []map[string]string
		for i, item := range v {
			more, err := configurations(item)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			list = append(list, more...)
		}
		return list, nil
	case map[string]any:
		if config, ok := v["config"].(map[string]any); ok {
			settings, err := settingsOf(config)
			if name, ok := v["name"].(string); ok && err == nil {
				settings["name"] = name
			}
			return []map[string]string{settings}, err
		}
		if _, ok := v["connector.class"]; ok {
			settings, err := settingsOf(v)
			return []map[string]string{settings}, err
		}
		var list []map[string]string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			entry, _ := v[name].(map[string]any)
			info, ok := entry["info"].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s: expected the configuration of a connector, with connector.class, or the answer of GET /connectors?expand=info", quote(name))
			}
			more, err := configurations(info)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", quote(name), err)
			}
			list = append(list, more...)
		}
		return list, nil
	}
	return nil, errors.New("expected an object with the configuration of a connector, or a list of them")
}

// settingsOf returns settings as a worker takes them: numbers and truth values as their text,
// and no null.
func settingsOf(object map[string]any) (map[string]string, error) {
	settings := make(map[string]string, len(object))
	for key, value := range object {
		switch v := value.(type) {
		case nil:
		case string:
			settings[key] = v
		case json.Number:
			settings[key] = v.String()
		case bool:
			settings[key] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s: expected a text, a number, true or false", quote(key))
		}
	}
	return settings, nil
}

// maxPrinted is how much of a text from a configuration is printed, in bytes.
const maxPrinted = 200

func quote(text string) string { return `"` + lines.Escape(lines.Cut(text, maxPrinted)) + `"` }

// named splits the value of a flag into a name and what it is given, at the first or, for names
// that may contain the separator, the last one.
func named(flag, text, expected string) (name, value string, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return "", "", cli.BadFlag(flag, text, expected)
	}
	return name, value, nil
}

// kinds parses the values of --kind.
func kinds(values []string) (map[string]connect.Kind, error) {
	var errs cli.Errors
	parsed := map[string]connect.Kind{}
	for _, text := range values {
		name, value, err := named("kind", text, "NAME=source or NAME=sink")
		if err != nil {
			errs.Add(err)
			continue
		}
		kind, err := connect.ParseKind(value)
		errs.AddOf("--kind", err)
		parsed[name] = kind
	}
	return parsed, errs.Join()
}
