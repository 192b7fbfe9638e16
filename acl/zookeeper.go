package acl

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// The nodes under which Kafka keeps ACLs: each type of resource has a node below,
// each resource one below that. Kafka reads "prefixed" in any case and writes it
// in lower case.
//
// Source: Kafka's ZkData (ZkAclStore, ExtendedAclStore).
const (
	literalPath  = "/kafka-acl/"
	extendedPath = "/kafka-acl-extended/"
	prefixed     = "prefixed"
)

// zooKeeperVersion is the only version of the document that there ever was.
const zooKeeperVersion = "1"

// zooKeeperDocument is the content of a node. Its tags, and those of its ACLs,
// are the keys below, in that order.
//
// Source: Kafka's AclEntry.toJsonCompatibleMap.
type zooKeeperDocument struct {
	Version json.Number    `json:"version"`
	ACLs    []zooKeeperACL `json:"acls"`
}

type zooKeeperACL struct {
	Principal  string `json:"principal"`
	Permission string `json:"permissionType"`
	Operation  string `json:"operation"`
	Host       string `json:"host"`
}

var (
	documentKeys = []string{"version", "acls"}
	aclKeys      = []string{"principal", "permissionType", "operation", "host"}
	aclFields    = []field{principalField, permissionField, operationField, hostField}
)

func renderZooKeeper(buf *bytes.Buffer, p resource.Pattern, entries []Entry) {
	document := zooKeeperDocument{Version: zooKeeperVersion}
	for _, e := range entries {
		document.ACLs = append(document.ACLs, zooKeeperACL{e.Principal, e.Permission.DisplayName(), e.Operation.DisplayName(), e.Host})
	}
	buf.WriteString(nodePath(p) + " ")
	writeJSON(buf, document)
	buf.WriteByte('\n')
}

// nodePath returns the path of the node of p. That of a pattern that is not valid
// is the path of no ACL.
func nodePath(p resource.Pattern) string {
	switch p.PatternType {
	case resource.Literal:
		return literalPath + p.Type.DisplayName() + "/" + p.Name
	default:
		return extendedPath + strings.ToLower(p.PatternType.String()) + "/" + p.Type.DisplayName() + "/" + p.Name
	}
}

type zooKeeperParser struct{}

func newZooKeeperParser() lineParser { return zooKeeperParser{} }

func (zooKeeperParser) appendLine(dst []Binding, line string) ([]Binding, []problem) {
	// A name that holds " {" ends too early here; what follows is then no document.
	path, document, ok := span{line, 0}.cutFirst(" {")
	if !ok {
		return dst, []problem{{len(line), "the end of the line",
			`a node's path, a space and its document, such as ` + literalPath + `Topic/orders {"version":1,"acls":[]}`}}
	}
	document = span{line[document.offset-1:], document.offset - 1}
	pattern, problems := readPath(path)
	dst, wrong := appendDocument(dst, pattern, document)
	return dst, append(problems, wrong...)
}

// readPath returns a valid binding with the pattern of a node.
func readPath(path span) (Binding, []problem) {
	b := standIn
	patternType := span{resource.Literal.String(), path.offset}
	rest, ok := path.cutPrefix(literalPath)
	if !ok {
		var kind span
		rest, ok = path.cutPrefix(extendedPath)
		kind, rest, _ = rest.cutFirst("/")
		if !ok || !strings.EqualFold(kind.text, prefixed) {
			return b, []problem{{path.offset, enum.Quote(path.text),
				"a path below " + literalPath + " or " + extendedPath + prefixed + "/"}}
		}
		patternType.text = resource.Prefixed.String()
	}
	typ, name, ok := rest.cutFirst("/")
	if !ok || !isNodeOfType(typ.text) {
		return b, []problem{{typ.offset, enum.Quote(typ.text), "the node of a resource type, one of " + typeNodes() + ", and a name below it"}}
	}
	if wrong := findForbidden(name); wrong != nil {
		return b, []problem{*wrong}
	}
	return b, b.setFields(fieldText{patternTypeField, patternType}, fieldText{resourceTypeField, typ}, fieldText{nameField, name})
}

func isNodeOfType(node string) bool {
	t, err := resource.ParseType(node)
	return err == nil && t.DisplayName() == node
}

func typeNodes() string {
	var nodes []string
	for _, t := range resource.Types() {
		nodes = append(nodes, t.DisplayName())
	}
	return strings.Join(nodes, ", ")
}

// forbiddenRanges are the characters that no path of ZooKeeper may hold. All
// characters beyond U+FFFF are among them, since its surrogates are.
//
// Source: ZooKeeper's PathUtils.validatePath.
var forbiddenRanges = []struct{ from, to rune }{
	{0x00, 0x1F}, {0x7F, 0x9F}, {0xD800, 0xF8FF}, {0xFFF0, utf8.MaxRune},
}

// findForbidden finds what keeps name from being the name of a node. Such a line
// cannot come from ZooKeeper.
func findForbidden(name span) *problem {
	const expected = "a name that ZooKeeper can hold: the json format can hold any"
	if name.text == "." || name.text == ".." {
		return &problem{name.offset, enum.Quote(name.text), expected}
	}
	i := strings.IndexFunc(name.text, func(r rune) bool {
		for _, forbidden := range forbiddenRanges {
			if forbidden.from <= r && r <= forbidden.to {
				return true
			}
		}
		return r == '/'
	})
	if i < 0 {
		return nil
	}
	r, _ := utf8.DecodeRuneInString(name.text[i:])
	return &problem{name.offset + i, "the character " + strconv.QuoteRune(r) + " in a name", expected}
}

// appendDocument appends the bindings of a node's document to dst. on is a valid
// binding whose pattern they get.
func appendDocument(dst []Binding, on Binding, document span) ([]Binding, []problem) {
	t := newTokens(document)
	var problems []problem
	wrong := t.object(documentKeys, func(key int) *problem {
		if documentKeys[key] == "version" {
			return t.version()
		}
		return t.array(func() *problem {
			b := on
			wrong := t.object(aclKeys, func(key int) *problem {
				s, wrong := t.string("a JSON string")
				if wrong == nil {
					problems = append(problems, b.setFields(fieldText{aclFields[key], s})...)
				}
				return wrong
			})
			dst = append(dst, b)
			return wrong
		})
	})
	if wrong == nil {
		wrong = t.end()
	}
	if wrong != nil {
		problems = append(problems, *wrong)
	}
	return dst, problems
}

// version reads the version of a document.
func (t *tokens) version() *problem {
	const expected = "version " + zooKeeperVersion
	token, text, wrong := t.next(expected)
	if wrong == nil && token != json.Number(zooKeeperVersion) {
		wrong = &problem{text.offset, enum.Quote(text.text), expected}
	}
	return wrong
}

// array reads an array and calls element for each of its elements.
func (t *tokens) array(element func() *problem) *problem {
	if wrong := t.delim('[', "a JSON array"); wrong != nil {
		return wrong
	}
	for t.decoder.More() {
		if wrong := element(); wrong != nil {
			return wrong
		}
	}
	return t.delim(']', "an object, or a closing bracket")
}
