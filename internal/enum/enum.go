// Package enum has the common parts of Kafka's small wire enumerations: a table of
// names indexed by wire code, printing that never fails, and parsing.
package enum

import (
	"fmt"
	"strconv"
	"strings"
)

// maxQuoted is the maximum number of bytes of rejected input that an error repeats:
// enough to recognise it, but too few to flood a log.
const maxQuoted = 64

// Names are the upper-case names of an enumeration, indexed by wire code.
type Names []string

// Known reports whether code has a name.
func (n Names) Known(code int) bool { return code >= 0 && code < len(n) }

// String returns the name of code, or "kind(code)" for a code without a name.
func (n Names) String(kind string, code int) string {
	if n.Known(code) {
		return n[code]
	}
	return kind + "(" + strconv.Itoa(code) + ")"
}

// DisplayName returns the Pascal-case form of the name of code
// ("DESCRIBE_CONFIGS" is "DescribeConfigs").
func (n Names) DisplayName(kind string, code int) string {
	if !n.Known(code) {
		return n.String(kind, code)
	}
	var b strings.Builder
	for word := range strings.SplitSeq(n[code], "_") {
		b.WriteString(word[:1])
		b.WriteString(strings.ToLower(word[1:]))
	}
	return b.String()
}

// ParseExact returns the code whose name is exactly s.
func (n Names) ParseExact(kind, s string) (int, error) {
	for code, name := range n {
		if s == name {
			return code, nil
		}
	}
	return 0, n.parseError(kind, s)
}

// ParseFold returns the code whose name is s. Case is ignored and underscores are
// optional: "DESCRIBE_CONFIGS", "describe_configs", "DescribeConfigs" and
// "describeconfigs" are the same operation. It accepts the spellings of Kafka's
// fromString (with underscores) and of its SecurityUtils (without).
func (n Names) ParseFold(kind, s string) (int, error) {
	upper := strings.ToUpper(s)
	for code, name := range n {
		if upper == name || upper == strings.ReplaceAll(name, "_", "") {
			return code, nil
		}
	}
	return 0, n.parseError(kind, s)
}

func (n Names) parseError(kind, s string) error {
	return fmt.Errorf("unknown %s %s: expected one of %s", kind, Quote(s), strings.Join(n, ", "))
}

// MarshalText returns the name of code. A code without a name is an error.
func (n Names) MarshalText(kind string, code int) ([]byte, error) {
	if !n.Known(code) {
		return nil, fmt.Errorf("%s has no name: Kafka does not define its code", n.String(kind, code))
	}
	return []byte(n[code]), nil
}

// Quote quotes s for an error text or a log line: control characters and quotation
// marks are escaped, and text longer than 64 bytes is truncated.
func Quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}
