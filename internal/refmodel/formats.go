package refmodel

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// The words of the formats, indexed by wire code.
var (
	typeWords        = []string{"", "", "TOPIC", "GROUP", "CLUSTER", "TRANSACTIONAL_ID", "DELEGATION_TOKEN", "USER"}
	patternTypeWords = []string{"", "", "", "LITERAL", "PREFIXED"}
	permissionWords  = []string{"", "", "DENY", "ALLOW"}
	operationWords   = []string{"", "", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS",
		"ALTER_CONFIGS", "IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT"}
)

// code returns the index of a word, in any case, with or without its underscores, or 0.
func code(words []string, text string) int {
	upper := strings.Map(unicode.ToUpper, text)
	for i, word := range words {
		if word != "" && (upper == word || upper == strings.ReplaceAll(word, "_", "")) {
			return i
		}
	}
	return 0
}

// The grammar of the JSON that the formats use.
const (
	jsonSpace  = `[ \t\r\n]*`
	jsonString = `"(?:[^"\\\x00-\x1F]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"`
	jsonMember = jsonSpace + jsonString + jsonSpace + `:` + jsonSpace + jsonString + jsonSpace
	jsonObject = `\{` + jsonMember + `(?:,` + jsonMember + `)*\}`
	jsonArray  = `\[` + jsonSpace + `(?:` + jsonObject + jsonSpace + `(?:,` + jsonSpace + jsonObject + jsonSpace + `)*)?\]`
)

var (
	aString      = regexp.MustCompile(jsonString)
	anObject     = regexp.MustCompile(jsonObject)
	oneObject    = regexp.MustCompile(`^` + jsonSpace + jsonObject + jsonSpace + `$`)
	document     = regexp.MustCompile(`^` + jsonSpace + `\{` + documentMember + `,` + documentMember + `\}` + jsonSpace + `$`)
	literalNode  = regexp.MustCompile(`^/kafka-acl/([^/]*)/(` + nodeName + `)$`)
	prefixedNode = regexp.MustCompile(`^/kafka-acl-extended/(?i:prefixed)/([^/]*)/(` + nodeName + `)$`)
)

const (
	documentMember = jsonSpace + `(` + jsonString + `)` + jsonSpace + `:` + jsonSpace + `(1|` + jsonArray + `)` + jsonSpace
	// nodeName excludes the characters that ZooKeeper's PathUtils.validatePath refuses.
	nodeName = `[^/\x00-\x1F\x7F-\x{9F}\x{E000}-\x{F8FF}\x{FFF0}-\x{10FFFF}]+`
)

// ReadJSON returns the ACLs in a file of JSON lines. ok is false if anything in it is
// wrong.
func ReadJSON(input string) (list []acl.Binding, ok bool) {
	return readLines(input, func(line string) ([]acl.Binding, bool) {
		if !oneObject.MatchString(line) {
			return nil, false
		}
		values, ok := members(line, "resourceType", "name", "patternType", "principal", "host", "operation", "permission")
		if !ok {
			return nil, false
		}
		p := resource.Pattern{
			Type:        resource.Type(code(typeWords, values["resourceType"])),
			PatternType: resource.PatternType(max(0, slices.Index(patternTypeWords, values["patternType"]))),
			Name:        values["name"],
		}
		b, ok := binding(p, values)
		return []acl.Binding{b}, ok && values["patternType"] != ""
	})
}

// ReadZooKeeper returns the ACLs in a file with a ZooKeeper node on each line. ok is
// false if anything in it is wrong.
func ReadZooKeeper(input string) (list []acl.Binding, ok bool) {
	return readLines(input, func(line string) (on []acl.Binding, ok bool) {
		path, content, ok := strings.Cut(line, " {")
		if !ok {
			return nil, false
		}
		p := resource.Pattern{PatternType: resource.Literal}
		parts := literalNode.FindStringSubmatch(path)
		if parts == nil {
			p.PatternType = resource.Prefixed
			if parts = prefixedNode.FindStringSubmatch(path); parts == nil {
				return nil, false
			}
		}
		p.Type, p.Name = resource.Type(slices.Index(nodeWords(), parts[1])), parts[2]
		if p.Type > resource.User {
			p.Type = resource.Group // of Kafka 0.9
		}
		member := document.FindStringSubmatch("{" + content)
		if p.Type < resource.Topic || !NodeHolds(p.Name) || member == nil {
			return nil, false
		}
		values := map[string]string{unquote(member[1]): member[2], unquote(member[3]): member[4]}
		if values["version"] != "1" || !strings.HasPrefix(values["acls"], "[") || loneSurrogate(member[1]+member[3]) {
			return nil, false
		}
		for _, object := range anObject.FindAllString(values["acls"], -1) {
			fields, ok := members(object, "principal", "permissionType", "operation", "host")
			if !ok {
				return nil, false
			}
			fields["permission"] = fields["permissionType"]
			b, ok := binding(p, fields)
			if !ok {
				return nil, false
			}
			on = append(on, b)
		}
		return on, true
	})
}

// NodeHolds reports whether a ZooKeeper node can have the name.
func NodeHolds(name string) bool {
	return literalNode.MatchString("/kafka-acl/Topic/"+name) && name != "." && name != ".."
}

// nodeWords are the names of the nodes of resource types: "TransactionalId".
func nodeWords() (words []string) {
	for _, word := range typeWords {
		camel := ""
		for _, part := range strings.Split(word, "_") {
			if part != "" {
				camel += part[:1] + strings.ToLower(part[1:])
			}
		}
		words = append(words, camel)
	}
	words[0], words[1] = "/", "/" // no node has these names
	return append(words, "ConsumerGroup")
}

// readLines reads the lines that are not blank.
func readLines(input string, read func(line string) ([]acl.Binding, bool)) (list []acl.Binding, ok bool) {
	for i, line := range strings.Split(input, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if len(line) > lines.MaxBytes {
			return nil, false
		}
		if i == 0 {
			line = strings.TrimPrefix(line, "\uFEFF")
		}
		if strings.Trim(line, " \t") == "" {
			continue
		}
		found, ok := read(line)
		if !ok || !utf8.ValidString(line) {
			return nil, false
		}
		list = append(list, found...)
	}
	return list, true
}

// members returns the members of an object that has each key exactly once, and no
// other.
func members(object string, keys ...string) (values map[string]string, ok bool) {
	texts := aString.FindAllString(object, -1)
	if len(texts) != 2*len(keys) || loneSurrogate(object) {
		return nil, false
	}
	values = map[string]string{}
	for i := 0; i < len(texts); i += 2 {
		key := unquote(texts[i])
		if !slices.Contains(keys, key) {
			return nil, false
		}
		values[key] = unquote(texts[i+1])
	}
	return values, len(values) == len(keys)
}

func unquote(literal string) (text string) {
	if json.Unmarshal([]byte(literal), &text) != nil {
		panic("the grammar accepts what encoding/json does not: " + literal)
	}
	return text
}

// escapes finds escapes. Consecutive escapes of units are one match, so that pairs stay
// together.
var escapes = regexp.MustCompile(`(?:\\u[0-9A-Fa-f]{4})+|\\.`)

// loneSurrogate reports whether an escape in JSON text is half of a character.
func loneSurrogate(text string) bool {
	for _, run := range escapes.FindAllString(text, -1) {
		if !strings.HasPrefix(run, `\u`) {
			continue
		}
		var units []uint16
		for i := 0; i < len(run); i += len(`\u0000`) {
			var unit uint16
			for _, digit := range strings.ToLower(run[i+2 : i+6]) {
				unit = unit<<4 | uint16(strings.IndexRune("0123456789abcdef", digit))
			}
			units = append(units, unit)
		}
		if !slices.Equal(utf16.Encode(utf16.Decode(units)), units) {
			return true
		}
	}
	return false
}

// binding builds an ACL, and reports whether Kafka can have stored it.
func binding(p resource.Pattern, fields map[string]string) (acl.Binding, bool) {
	e := acl.Entry{
		Principal:  fields["principal"],
		Host:       fields["host"],
		Operation:  ops.Operation(code(operationWords, fields["operation"])),
		Permission: acl.PermissionType(code(permissionWords, fields["permission"])),
	}
	ok := p.Type != 0 && p.PatternType != 0 && e.Operation != 0 && e.Permission != 0
	return acl.Binding{Pattern: p, Entry: e}, ok
}
