package connect

import (
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// quote returns a text from a configuration for a message: escaped, cut, in quotes.
func quote(text string) string {
	return `"` + lines.Escape(lines.Cut(text, maxPrinted)) + `"`
}

// simpleExpression returns patterns that cover exactly the topics that a regular expression
// matches: alternatives that are names, or a beginning of names and .* after it. What else there
// is in regular expressions has no patterns, and ok is false.
func simpleExpression(expression string) (patterns []resource.Pattern, ok bool) {
	if inner, whole := strings.CutPrefix(expression, "("); whole && strings.HasSuffix(inner, ")") {
		expression = strings.TrimSuffix(inner, ")")
	}
	for alternative := range strings.SplitSeq(expression, "|") {
		p := resource.Pattern{Type: resource.Topic, PatternType: resource.Literal}
		if alternative == ".*" { // LITERAL "*" is all topics
			p.Name = "*"
			patterns, ok = append(patterns, p), true
			continue
		}
		if begin, any := strings.CutSuffix(alternative, ".*"); any {
			p.PatternType, alternative = resource.Prefixed, begin
		}
		if p.Name, ok = literalText(alternative); !ok || p.Name == "" {
			return nil, false
		}
		patterns = append(patterns, p)
	}
	return patterns, true
}

// literalText returns the text that a regular expression matches, if it has no other.
func literalText(expression string) (text string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
			b.WriteByte(c)
		case c == '\\' && i+1 < len(expression) && (expression[i+1] == '.' || expression[i+1] == '-'):
			i++
			b.WriteByte(expression[i])
		case strings.HasPrefix(expression[i:], "[.]"):
			i += len("[.]") - 1
			b.WriteByte('.')
		default:
			return "", false
		}
	}
	return b.String(), true
}
