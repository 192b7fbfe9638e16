package guard

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/connect"
)

// Mask stands for a value that is not shown. It is no text that somebody would choose.
const Mask = "<masked by portcullis>"

// shortSecret is the length in bytes below which a secret is not looked for in other texts: it
// would be found everywhere. Texts that could have it are masked as a whole.
const shortSecret = 4

// masker masks what a client may not see.
type masker struct {
	all    bool                         // every value of a configuration
	secret func(key, value string) bool // in addition to those that the guard knows
	texts  []string                     // secrets that may be in other texts, longest first
	short  bool                         // some are too short to look for
}

// learn adds the secrets of a configuration to those that are masked in other texts.
func (m *masker) learn(config map[string]string) {
	for key, value := range config {
		found := connect.Secrets(key, value)
		if len(found) > 0 || m.isSecret(key, value) {
			found = append(found, value)
		}
		for _, text := range found {
			m.add(text)
		}
		if m.all && !connect.HasReference(value) && len(value) >= shortSecret {
			m.add(value) // "1" and the like would hide every message
		}
	}
	m.order()
}

// add adds a secret.
func (m *masker) add(text string) {
	if len(text) >= shortSecret {
		m.texts = append(m.texts, text)
	} else if text != "" {
		m.short = true
	}
}

// order puts longer secrets first: one may be a part of another.
func (m *masker) order() {
	slices.SortFunc(m.texts, func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	m.texts = slices.Compact(m.texts)
}

func (m *masker) isSecret(key, value string) bool {
	return connect.Secrets(key, value) != nil || m.secret != nil && value != "" && m.secret(key, value)
}

// value returns the value of a setting as a client may see it.
func (m *masker) value(key, value string) string {
	if value != "" && (m.all && key != nameKey || m.isSecret(key, value)) {
		return Mask
	}
	return value
}

// text returns a text, such as a stack trace, without the secrets in it.
func (m *masker) text(text string) string {
	for _, secret := range m.texts {
		text = strings.ReplaceAll(text, secret, Mask)
	}
	return text
}

// anywhere masks the texts in a JSON value, keys aside.
func (m *masker) anywhere(value any) any {
	switch v := value.(type) {
	case string:
		return m.text(v)
	case []any:
		for i := range v {
			v[i] = m.anywhere(v[i])
		}
	case map[string]any:
		for key := range v {
			if text, isText := v[key].(string); isText && text != "" && m.short && isMessage(key) {
				v[key] = Mask
				continue
			}
			v[key] = m.anywhere(v[key])
		}
	}
	return value
}

// isMessage reports whether a field of an answer has text that may contain anything: a stack trace
// or a message.
func isMessage(key string) bool { return key == "trace" || key == "msg" || key == "message" }

// config masks the values of a configuration in place. A value that is no text is masked too.
func (m *masker) config(value any) {
	config, _ := value.(map[string]any)
	for key, v := range config {
		text, isText := v.(string)
		if isText {
			config[key] = m.value(key, text)
		} else if v != nil {
			config[key] = Mask
		}
	}
}
