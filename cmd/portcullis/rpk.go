package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
)

// rpkFormat is the output of "rpk security acl list --format json". It is written on one
// line, with Kafka's names for the values.
//
// Source: rpk's aclListOutput; the enumerations of franz-go's package kmsg, which it
// prints.
var rpkFormat = foreignFormat{
	name:     "rpk",
	escapes:  true,
	maxBytes: maxListBytes,
	parse:    parseRPK,
	refuse:   eachByItself(refuseRPK),
	render:   renderRPK,
}

// rpkACL is an ACL as rpk prints it. Its tags are rpkKeys.
type rpkACL struct {
	Principal    string `json:"principal"`
	Host         string `json:"host"`
	ResourceType string `json:"resource_type"`
	ResourceName string `json:"resource_name"`
	PatternType  string `json:"resource_pattern_type"`
	Operation    string `json:"operation"`
	Permission   string `json:"permission"`
}

// rpkKeys are the keys of an ACL, indexed by part.
var rpkKeys = []string{
	aclPrincipal:    "principal",
	aclHost:         "host",
	aclResourceType: "resource_type",
	aclResourceName: "resource_name",
	aclPatternType:  "resource_pattern_type",
	aclOperation:    "operation",
	aclPermission:   "permission",
}

// rpkMessage is the key of a filter for its error.
const rpkMessage = "message"

// rpkReader reads one list.
type rpkReader struct {
	*mistakes
	json  *lines.JSON
	place *place
	list  []acl.Binding
}

func parseRPK(text string, m *mistakes) []acl.Binding {
	r := &rpkReader{mistakes: m, json: lines.NewJSON(text, 0), place: &place{text: text}}
	wrong := r.json.Object([]string{"matches"}, []string{"filters"}, func(key string) *lines.Problem {
		if key == "filters" {
			return r.json.Array(r.readFilter)
		}
		return r.json.ArrayOrNull(r.readACL)
	})
	if wrong == nil {
		wrong = r.json.End()
	}
	if wrong != nil {
		m.problem(r.place, wrong)
	}
	return r.list
}

// readACL reads one ACL.
func (r *rpkReader) readACL() *lines.Problem {
	b := unreadACL
	wrong := r.json.Object(rpkKeys, nil, func(key string) *lines.Problem {
		text, offset, wrong := r.json.String()
		if wrong == nil {
			part := aclPart(slices.Index(rpkKeys, key))
			if found, expected, ok := part.set(&b, text); !ok {
				r.problem(r.place, &lines.Problem{Offset: offset, Found: found, Expected: expected})
			}
		}
		return wrong
	})
	r.list = append(r.list, b)
	return wrong
}

// readFilter reads one of the filters of the request. If one failed, the list is
// incomplete.
func (r *rpkReader) readFilter() *lines.Problem {
	return r.json.Object(append([]string{rpkMessage}, rpkKeys...), nil, func(key string) *lines.Problem {
		text, offset, wrong := r.json.String()
		if wrong == nil && key == rpkMessage && text != "" {
			wrong = &lines.Problem{Offset: offset, Found: "a filter that failed: " + enum.Quote(text), Expected: "a complete list"}
		}
		return wrong
	})
}

func refuseRPK(b acl.Binding) string {
	if b.Entry.Operation > ops.DescribeTokens {
		return "it knows no operation " + b.Entry.Operation.String()
	}
	return ""
}

func renderRPK(list []acl.Binding) ([]byte, error) {
	matches := []rpkACL{}
	for _, b := range list {
		matches = append(matches, rpkACL{
			b.Entry.Principal, b.Entry.Host, b.Pattern.Type.String(), b.Pattern.Name, b.Pattern.PatternType.String(),
			b.Entry.Operation.String(), b.Entry.Permission.String(),
		})
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Matches []rpkACL `json:"matches"`
	}{matches})
	return buf.Bytes(), err
}
