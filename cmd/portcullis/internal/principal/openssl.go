package principal

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A distinguished name that is copied from openssl often is not the one that Kafka compares,
// which is RFC 2253 as Java prints it: the most specific attribute first, no spaces, values
// without quotation marks, and numbers for all but nine attributes.

// general are the types of attributes that come last in Java's order, and specific those that
// come first.
var (
	general  = []string{"C", "DC", "O", "ST", "L"}
	specific = []string{"CN", "UID", "EMAILADDRESS"}
)

// named are the types of attributes that Java prints by name; all others are numbers.
//
// Source: javax.security.auth.x500.X500Principal.getName with RFC2253.
var named = []string{"CN", "C", "O", "OU", "L", "ST", "STREET", "DC", "UID"}

// emailOID is the number of emailAddress, whose values are ASCII (tag 0x16).
const emailOID = "1.2.840.113549.1.9.1=#16"

// subjectPrefix is what openssl x509 -subject prints before the name.
var subjectPrefix = regexp.MustCompile(`^(?:subject|issuer) ?=\s*`)

// attribute matches one attribute and the separator after it. A separator in a value is
// escaped, or the value is in quotation marks.
var attribute = regexp.MustCompile(`^(\s*)([A-Za-z][A-Za-z0-9.]*)(\s*=\s*)("(?:\\.|[^"\\])*"\s*|(?:\\.|[^,;+\\"\n])*)(,|;|\+|$)`)

// hexRun matches bytes as openssl escapes those that are not ASCII.
var hexRun = regexp.MustCompile(`(?:\\[0-9A-Fa-f]{2})+`)

// part is an attribute of a name: its type, and the whole in Java's form.
type part struct{ typ, text string }

// openSSL is what is not as Java prints it in a name that is copied from openssl.
type openSSL struct {
	prefix bool   // it begins with what is not a part of the name
	form   string // "in openssl's order", if it is
	spaces bool   // it has spaces or quotation marks that Java does not print
	bytes  bool   // it has bytes in hexadecimal
	number string // the first type of attribute that Java prints as a number

	rdns    [][]part // in the order of the name
	unknown bool     // the name cannot be said in Java's form
}

// asOpenSSL returns a warning of what in a name is of openssl and not of Java, or "".
func asOpenSSL(dn string) string {
	rest := subjectPrefix.ReplaceAllString(dn, "")
	n := openSSL{prefix: rest != dn}
	rest = strings.TrimSpace(rest)
	read, old := n.parse, ""
	if after, ok := strings.CutPrefix(rest, "/"); ok {
		read, rest, old = n.parseOld, after, "in openssl's old form"
	}
	if !read(rest) {
		if !n.prefix {
			return "" // it may be anything
		}
		n = openSSL{prefix: true, unknown: true}
	}
	n.form = old
	if last := len(n.rdns) - 1; old == "" && last > 0 && hasType(n.rdns[0], general) && hasType(n.rdns[last], specific) {
		n.form = "in openssl's order"
	}
	return n.text()
}

func hasType(rdn []part, types []string) bool {
	return slices.ContainsFunc(rdn, func(p part) bool { return slices.Contains(types, strings.ToUpper(p.typ)) })
}

// parse reads a name of attributes with commas, semicolons or plus signs between them.
func (n *openSSL) parse(rest string) bool {
	for separator := ""; rest != ""; {
		found := attribute.FindStringSubmatch(rest)
		if found == nil {
			return false
		}
		value := strings.TrimSpace(found[4])
		quoted := strings.HasPrefix(value, `"`)
		n.spaces = n.spaces || found[1] != "" || found[3] != "=" || value != found[4] || quoted || found[5] == ";"
		if quoted {
			value = escapeValue(inQuotes.ReplaceAllString(value[1:len(value)-1], "$1"))
		}
		n.add(found[2], value, separator == "+")
		separator, rest = found[5], rest[len(found[0]):]
	}
	return len(n.rdns) > 0
}

// inQuotes matches an escaped character in quotation marks.
var inQuotes = regexp.MustCompile(`\\(["\\])`)

// parseOld reads a name such as C=DE/O=Acme/CN=alice. A part without a type belongs to the value
// before it.
func (n *openSSL) parseOld(rest string) bool {
	var parts [][2]string
	for text := range strings.SplitSeq(rest, "/") {
		switch typ, value, ok := strings.Cut(text, "="); {
		case ok:
			parts = append(parts, [2]string{typ, value})
		case len(parts) == 0:
			return false
		default:
			parts[len(parts)-1][1] += "/" + text
		}
	}
	for _, p := range parts {
		n.add(p[0], escapeValue(p[1]), false)
	}
	return true
}

// add appends an attribute: with a plus sign to the one before it, or as the next.
func (n *openSSL) add(typ, value string, plus bool) {
	value = hexRun.ReplaceAllStringFunc(value, func(run string) string {
		text, err := hex.DecodeString(strings.ReplaceAll(run, `\`, ""))
		if err != nil || !utf8.Valid(text) {
			return run
		}
		n.bytes = true
		return string(text)
	})
	text := typ + "=" + value
	upper := strings.ToUpper(typ)
	if !slices.Contains(named, upper) && (typ == "" || typ[0] < '0' || typ[0] > '9') {
		if n.number == "" {
			n.number = typ
		}
		// The length of a short value is one byte. The types of other values are not known.
		if n.unknown = n.unknown || upper != "EMAILADDRESS" || len(value) > 127 || strings.Contains(value, `\`); !n.unknown {
			text = emailOID + hex.EncodeToString(append([]byte{byte(len(value))}, value...))
		}
	}
	if last := len(n.rdns) - 1; plus && last >= 0 {
		n.rdns[last] = append(n.rdns[last], part{typ, text})
		return
	}
	n.rdns = append(n.rdns, []part{{typ, text}})
}

// escapeValue escapes a value as Java does.
func escapeValue(value string) string {
	var out strings.Builder
	for i, r := range value {
		if strings.ContainsRune(`,+"\<>;`, r) || i == 0 && r == '#' {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// text returns the warning, or "" if there is nothing to warn of.
func (n *openSSL) text() string {
	var what []string
	if n.prefix {
		what = append(what, "begins with what openssl prints before a name")
	}
	if n.number != "" {
		what = append(what, "has the attribute "+n.number+", for which Java prints a number and bytes")
	}
	if n.bytes {
		what = append(what, "has bytes in hexadecimal, for which Java prints characters")
	}
	if n.spaces {
		what = append(what, "has spaces, semicolons or quotation marks that Java does not print")
	}
	if n.form != "" {
		what = append(what, "is "+n.form+": Java prints the attributes in the other order, as openssl x509 -nameopt RFC2253 does")
	}
	if len(what) == 0 {
		return ""
	}
	text := "the name " + strings.Join(what, "; it ")
	if n.unknown {
		return text + ": --cert with the certificate maps the name that Kafka sees"
	}
	rdns := slices.Clone(n.rdns)
	if n.form != "" {
		slices.Reverse(rdns)
	}
	texts := make([]string, len(rdns))
	for i, rdn := range rdns {
		for j, p := range rdn {
			if j > 0 {
				texts[i] += "+"
			}
			texts[i] += p.text
		}
	}
	return text + ", and Kafka compares that: " + strconv.Quote(strings.Join(texts, ","))
}
