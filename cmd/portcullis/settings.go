package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/principal"
)

// listenerPrefix begins the keys for one listener. The listener's name in lower case, a
// dot and the key follow.
//
// Source: Kafka's ListenerName.configPrefix.
const listenerPrefix = "listener.name."

// settings reads the rules of one kind from --properties. It does not parse the rules of
// the other kind, so that errors in them do not matter. It also returns warnings.
func (p *principalCommand) settings(stdin io.Reader, key, realm string) (principal.Settings, []string, error) {
	file := fileName(p.properties.text)
	properties, err := readFile(p.properties.text, stdin, func(r io.Reader) (map[string]string, error) { return readProperties(r, file) })
	if err != nil {
		return principal.Settings{}, nil, err
	}
	own := listenerPrefix + strings.ToLower(p.listener.text) + "."
	var warnings []string
	for _, k := range slices.Sorted(maps.Keys(properties)) {
		if !p.listener.given && strings.HasPrefix(k, listenerPrefix) && strings.HasSuffix(k, "."+key) {
			warnings = append(warnings, fmt.Sprintf("%s: %s has other rules for one listener: --listener uses them", file, printable(k)))
		}
	}
	asked := map[string]string{}
	for _, k := range []string{key, "principal.builder.class"} {
		value, ok := properties[own+k]
		if !ok || !p.listener.given {
			value, ok = properties[k]
		}
		if ok {
			asked[k] = value
		}
	}
	if isUTF8Twice(asked[key]) {
		warnings = append(warnings, fmt.Sprintf(`%s: %s seems to be UTF-8, but Kafka reads ISO 8859-1: write characters beyond ASCII as \uXXXX`, file, key))
	}
	settings, more, err := parseRules(file, func(backtracking *principal.Backtracking) (principal.Settings, error) {
		return principal.ParseSettings(asked, principal.SettingsOptions{DefaultRealm: realm, Backtracking: backtracking})
	})
	return settings, append(warnings, more...), err
}

// isUTF8Twice reports whether the characters of s, taken as bytes, are UTF-8 with
// characters outside ASCII.
func isUTF8Twice(s string) bool {
	bytes := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return false
		}
		bytes = append(bytes, byte(r))
	}
	return len(bytes) < len(s) && utf8.Valid(bytes)
}
