package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/portcullis-authz/portcullis/connect"
)

// answerKind is what a worker answers a request with. The zero answerKind is a value without
// configurations.
type answerKind int

const (
	answerPlain      answerKind = iota
	answerList                  // ["name", …], or {"name": {"info": …, "status": …}, …} with expand
	answerInfo                  // {"name": …, "config": {…}, "tasks": […], "type": …}
	answerConfig                // {"key": "value", …}
	answerTasks                 // [{"id": {…}, "config": {…}}, …]
	answerStatus                // with stack traces
	answerValidation            // {"name": …, "configs": [{"definition": {…}, "value": {…}}, …]}
)

var errAnswer = errors.New("the worker's answer is not the expected JSON")

// answer returns what the client may see of the worker's answer.
func (q *question) answer(ctx context.Context, status int, text []byte) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		if status >= http.StatusBadRequest { // a page of the HTTP server: nothing of it is shown
			return encode(map[string]any{"error_code": status, "message": http.StatusText(status)})
		}
		return nil, errAnswer
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errAnswer
	}
	m := &masker{secret: q.guard.c.Secret}
	m.all = q.target.answer == answerInfo && q.connector != "" && !q.holds(ReadConfig, q.connector)
	m.learn(q.body.config.texts())
	if status >= http.StatusBadRequest || q.target.answer == answerStatus && hasTrace(value) {
		value = q.withoutStored(ctx, m, status, value)
		return encode(m.anywhere(value))
	}
	value, err := q.filter(ctx, m, value)
	if err != nil {
		return nil, err
	}
	return encode(value)
}

// texts returns the values that are texts.
func (s settings) texts() map[string]string {
	config := map[string]string{}
	for key, value := range s {
		if value != nil {
			config[key] = *value
		}
	}
	return config
}

// filter masks an answer by its kind, and takes out of lists what the client may not see.
func (q *question) filter(ctx context.Context, m *masker, value any) (any, error) {
	object, isObject := value.(map[string]any)
	list, isList := value.([]any)
	switch q.target.answer {
	case answerList:
		return q.list(ctx, value)
	case answerInfo:
		if !isObject {
			return nil, errAnswer
		}
		m.config(object["config"])
	case answerConfig:
		if !isObject {
			return nil, errAnswer
		}
		m.config(value)
	case answerTasks:
		if !isList {
			return nil, errAnswer
		}
		for _, task := range list {
			object, ok := task.(map[string]any)
			if !ok {
				return nil, errAnswer
			}
			m.config(object["config"])
		}
	case answerValidation:
		if !isObject {
			return nil, errAnswer
		}
		return value, q.validation(m, object)
	}
	return value, nil
}

// list keeps of the list of connectors those that the client may see, and of each what it may.
func (q *question) list(ctx context.Context, value any) (any, error) {
	switch v := value.(type) {
	case []any:
		kept := []string{}
		for _, each := range v {
			name, ok := each.(string)
			if !ok {
				return nil, errAnswer
			}
			if slices.ContainsFunc(visible, func(op Operation) bool { return q.holds(op, name) }) {
				kept = append(kept, name)
			}
		}
		slices.Sort(kept) // the worker's order is that of a hash table
		return kept, nil
	case map[string]any:
		return v, q.expandedList(ctx, v)
	}
	return nil, errAnswer
}

// expandedList keeps the entries that the client may see. The stored configurations, whose secrets
// may be in stack traces, are read once for all of them.
func (q *question) expandedList(ctx context.Context, list map[string]any) error {
	var stored map[string]any
	for _, name := range slices.Collect(maps.Keys(list)) {
		parts, ok := list[name].(map[string]any)
		if !ok {
			return errAnswer
		}
		if stored == nil && hasTrace(parts["status"]) && q.holds(ReadStatus, name) {
			stored = q.storedList(ctx)
		}
		q.expanded(name, parts, stored)
		if len(parts) == 0 {
			delete(list, name)
		}
	}
	return nil
}

// storedList reads the list of connectors with their configurations; an empty one if that fails.
func (q *question) storedList(ctx context.Context) map[string]any {
	list := map[string]any{}
	status, text, err := q.guard.ask(ctx, http.MethodGet, "/connectors", "expand=info", nil)
	if err != nil || status != http.StatusOK || json.Unmarshal(text, &list) != nil {
		return map[string]any{}
	}
	return list
}

// learnEntry learns the secrets of a connector in a list. If it is not there, texts are not shown.
func (m *masker) learnEntry(list map[string]any, name string) {
	entry, _ := list[name].(map[string]any)
	info, _ := entry["info"].(map[string]any)
	values, ok := info["config"].(map[string]any)
	config := map[string]string{}
	for key, value := range values {
		text, isText := value.(string)
		config[key], ok = text, ok && (isText || value == nil)
	}
	m.learn(config)
	m.short = m.short || !ok
}

// expanded keeps the parts of an entry that the client may see.
func (q *question) expanded(name string, parts, stored map[string]any) {
	m := &masker{secret: q.guard.c.Secret}
	for part := range parts {
		switch {
		case part == "info" && q.holds(ReadConfig, name):
			info, _ := parts[part].(map[string]any)
			m.config(info["config"])
		case part == "status" && q.holds(ReadStatus, name):
			if hasTrace(parts[part]) {
				m.learnEntry(stored, name)
				parts[part] = m.anywhere(parts[part])
			}
		default: // also what later workers may add
			delete(parts, part)
		}
	}
}

// validation masks the answer to a validation. Values and messages of settings with a reference
// are those of the request: before Kafka 4.4 the worker answers with what the references stand for.
func (q *question) validation(m *masker, answer map[string]any) error {
	configs, ok := answer["configs"].([]any)
	if !ok {
		return errAnswer
	}
	resolves := false
	for _, value := range q.body.config.texts() {
		resolves = resolves || connect.HasReference(value)
	}
	secrets := map[string]bool{} // the settings that the plugin defines as such
	for _, each := range configs {
		config, _ := each.(map[string]any)
		if definition, _ := config["definition"].(map[string]any); definition["type"] == "PASSWORD" {
			key, _ := definition["name"].(string)
			secrets[key] = true
			m.add(q.body.config.get(key))
		}
	}
	m.order()
	for _, each := range configs {
		config, _ := each.(map[string]any)
		value, ok := config["value"].(map[string]any)
		if !ok {
			return errAnswer
		}
		key, _ := value["name"].(string)
		text, isText := value["value"].(string)
		given := q.body.config.get(key)
		if resolves && given != "" {
			text = given
		}
		isSecret := secrets[key] && connect.Secrets(anyPassword, text) != nil || m.isSecret(key, text)
		switch {
		case isSecret:
			value["value"] = Mask
		case isText:
			value["value"] = text
		}
		if resolves {
			value["errors"] = hidden(value["errors"])
			value["recommended_values"] = []any{}
		} else {
			value["errors"] = m.anywhere(value["errors"])
		}
	}
	return nil
}

// anyPassword is the key of a secret: what is defined as one is judged as if it were called so.
const anyPassword = "password"

// hidden returns a list of errors of the same length, without their texts.
func hidden(errors any) any {
	list, _ := errors.([]any)
	for i := range list {
		list[i] = "the value is refused; the message is not shown, because the configuration has references to secrets"
	}
	return list
}

// hasTrace reports whether a status has a stack trace or a message somewhere.
func hasTrace(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, hasTrace)
	case map[string]any:
		for key, each := range v {
			if text, isText := each.(string); isText && text != "" && isMessage(key) || hasTrace(each) {
				return true
			}
		}
	}
	return false
}

// withoutStored learns the secrets of the stored configuration, which an error or a stack trace may
// have. If that cannot be read, the texts are not shown.
func (q *question) withoutStored(ctx context.Context, m *masker, status int, value any) any {
	if q.connector == "" || status == http.StatusNotFound || q.target.route.body == bodyCreate {
		return value
	}
	q.learnStored(ctx, m, q.connector)
	return value
}

// learnStored reads the configuration of a connector from the worker, for the secrets in it.
func (q *question) learnStored(ctx context.Context, m *masker, name string) {
	status, text, err := q.guard.ask(ctx, http.MethodGet, (&target{route: configRoute, names: []string{name}}).write(), "", nil)
	var config map[string]string
	switch {
	case err == nil && status == http.StatusNotFound: // there are no secrets
	case err != nil || status != http.StatusOK || json.Unmarshal(text, &config) != nil:
		m.short = true
	default:
		m.learn(config)
	}
}

var configRoute = &routes[slices.IndexFunc(routes, func(r route) bool {
	return r.method == http.MethodGet && r.answer == answerConfig
})]
