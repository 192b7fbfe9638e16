// Package wildcard tells the one principal that means everyone from those that only look like it.
package wildcard

import (
	"strings"

	"github.com/portcullis-authz/portcullis/principal"
)

// LooksLike reports whether text looks like [principal.Wildcard] but is not: its type or its name is an asterisk, perhaps
// quoted. An ACL with such a principal is for one principal, not for everyone.
func LooksLike(text string) bool {
	const quotesAndSpace = " \t\r\n\"'`" // shells and configuration files can leave these around an asterisk
	star := func(s string) bool { return strings.Trim(s, quotesAndSpace) == "*" }
	typ, name, _ := strings.Cut(text, ":")
	return text != principal.Wildcard && (star(typ) || star(name))
}
