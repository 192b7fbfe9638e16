package acl

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// The nodes in which Kafka stores ACLs. Each resource type has a node below them, and
// each resource a node below its type. Kafka reads "prefixed" in any case and writes it
// in lower case.
//
// Source: Kafka's ZkData (ZkAclStore, ExtendedAclStore).
const (
	literalPath  = "/kafka-acl/"
	extendedPath = "/kafka-acl-extended/"
	prefixed     = "prefixed"
)

// zooKeeperVersion is the only version of the document that ever existed.
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
	aclJSON      = object{
		[]string{"principal", "permissionType", "operation", "host"},
		[]field{principalField, permissionField, operationField, hostField},
	}
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

// nodePath returns the path of the node of p. For an invalid pattern it is the path of
// no ACL.
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

func (zooKeeperParser) parseLine(f *findings, line string) {
	// A name that contains " {" is cut too early here; the rest is then not a valid
	// document.
	path, document, ok := span{Text: line, Offset: 0}.Cut(" {")
	if !ok {
		f.problems = append(f.problems, *path.End().Problem("the end of the line",
			`a node's path, a space and its document, such as `+literalPath+`Topic/orders {"version":1,"acls":[]}`))
		return
	}
	document = span{Text: line[document.Offset-1:], Offset: document.Offset - 1}
	pattern, problems := readPath(path)
	if !slices.ContainsFunc(problems, func(p problem) bool { return !p.IsUnknownWord }) {
		addDocument(f, pattern, problems, document)
		return
	}
	f.problems = append(f.problems, problems...)
	addDocument(f, pattern, nil, document) // it may have more errors
}

// readPath returns a valid binding with the pattern of a node.
func readPath(path span) (Binding, []problem) {
	b := standIn
	patternType := span{Text: resource.Literal.String(), Offset: path.Offset}
	rest, ok := path.CutPrefix(literalPath)
	if !ok {
		rest, ok = cutExtended(path)
		patternType.Text = resource.Prefixed.String()
	}
	if !ok {
		return b, []problem{*path.Unlike("", "a path below "+literalPath+" or "+extendedPath+prefixed+"/")}
	}
	typ, name, ok := rest.Cut("/")
	typ = nameOf09(typ)
	if !ok || !isNodeOfType(typ.Text) {
		noun := ""
		_, err := resource.ParseType(typ.Text)
		unknown := ok && err != nil && resourceTypeField.mayBeUnknown(typ.Text)
		if unknown {
			noun = fields[resourceTypeField].noun
		}
		wrong := typ.Unlike(noun, "the node of a resource type, one of "+typeNodes()+", and a name below it")
		wrong.IsUnknownWord = unknown
		b.setFields(fieldText{patternTypeField, patternType}, fieldText{nameField, name})
		b.Pattern.Type = resource.Unknown
		return b, []problem{*wrong}
	}
	if wrong := findForbidden(name); wrong != nil {
		return b, []problem{*wrong}
	}
	return b, b.setFields(fieldText{patternTypeField, patternType}, fieldText{resourceTypeField, typ}, fieldText{nameField, name})
}

// cutExtended returns the part of path after the node of the prefixed patterns.
func cutExtended(path span) (span, bool) {
	rest, below := path.CutPrefix(extendedPath)
	patternType, rest, deeper := rest.Cut("/")
	return rest, below && deeper && strings.EqualFold(patternType.Text, prefixed)
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

// forbiddenRanges are the characters that a path in ZooKeeper must not contain. They
// include all characters beyond U+FFFF, because surrogates are forbidden.
//
// Source: ZooKeeper's PathUtils.validatePath.
var forbiddenRanges = []struct{ from, to rune }{
	{0x00, 0x1F}, {0x7F, 0x9F}, {0xD800, 0xF8FF}, {0xFFF0, utf8.MaxRune},
}

// findForbidden finds what prevents name from being the name of a node. Such a line
// cannot come from ZooKeeper.
func findForbidden(name span) *problem {
	const expected = "a name that is allowed in ZooKeeper: use the json format for other names"
	if name.Text == "" || name.Text == "." || name.Text == ".." {
		return name.Unlike("", expected)
	}
	i := strings.IndexFunc(name.Text, func(r rune) bool {
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
	r, _ := utf8.DecodeRuneInString(name.Text[i:])
	at := name.From(i)
	return at.Problem("the character "+strconv.QuoteRune(r)+" in a name", expected)
}

// addDocument adds the bindings of a node's document, with the pattern of on. unknown are the
// words of its path that are not known.
func addDocument(f *findings, on Binding, unknown []problem, document span) {
	j := lines.NewJSON(document.Text, document.Offset)
	found := false
	readACL := func() *problem {
		b := on
		found = true
		var problems []problem
		wrong := aclJSON.read(j, &b, &problems)
		if wrong == nil {
			f.add(b, unknown, problems)
		} else {
			f.problems = append(f.problems, problems...)
		}
		return wrong
	}
	wrong := j.Object(documentKeys, nil, func(key string) *problem {
		if key == "version" {
			return j.Number(zooKeeperVersion)
		}
		return j.Array(readACL)
	})
	if wrong == nil {
		wrong = j.End()
	}
	if wrong == nil && !found && len(unknown) > 0 {
		// No ACL shows that the node is of a later release, and not misspelt.
		misspelt := unknown[0]
		misspelt.IsUnknownWord = false
		wrong = &misspelt
	}
	if wrong != nil {
		f.problems = append(f.problems, *wrong)
	}
}
