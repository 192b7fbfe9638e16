package connect

import (
	"errors"
	"strings"
)

// maxPrinted is how much of a text from a configuration is in a message, in bytes: enough for the
// usual names.
const maxPrinted = 200

// withPrefix returns the settings whose keys begin with a prefix, without it. The prefix alone is
// no setting.
//
// Source: AbstractConfig.originalsWithPrefix.
func withPrefix(settings map[string]string, prefix string) map[string]string {
	found := map[string]string{}
	for key, value := range settings {
		if rest, ok := strings.CutPrefix(key, prefix); ok && rest != "" {
			found[rest] = value
		}
	}
	return found
}

// trimJava removes what String.trim of Java removes: characters up to the space.
func trimJava(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// parseList parses the value of a setting that is a list.
//
// Source: ConfigDef.parseType and ConfigDef.ValidList, Kafka 4.4.0.
func parseList(value string) ([]string, error) {
	value = trimJava(value)
	if value == "" {
		return nil, nil
	}
	list := strings.Split(value, ",")
	for i := range list {
		if list[i] = trimSpaces(list[i]); list[i] == "" {
			return nil, errors.New("an entry of the list is empty: remove a comma")
		}
	}
	return list, nil
}

// trimSpaces removes what \s matches in a regular expression of Java.
func trimSpaces(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// isTrue parses a setting that is true or false, as Kafka does. Any other text is the default.
func isTrue(value string, byDefault bool) bool {
	switch strings.ToLower(trimJava(value)) {
	case "true":
		return true
	case "false":
		return false
	}
	return byDefault
}
