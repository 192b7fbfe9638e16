package main

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// ksmFormat is the CSV of kafka-security-manager. That tool was built with the classes
// of Kafka 2 and knows only the ACLs of Kafka 2.
//
// Source: kafka-security-manager's CsvAclParser; kafka.security.auth in Kafka 2.8.
var ksmFormat = foreignFormat{
	name:     "ksm",
	maxBytes: maxListBytes,
	parse:    parseKSM,
	refuse:   eachByItself(refuseKSM),
	render:   renderKSM,
}

// maxListBytes is the size limit for a file of rpk or kafka-security-manager. It is
// enough for half a million ACLs.
const maxListBytes = 64 << 20

// ksmColumns are the columns in the order in which they are written.
var ksmColumns = []struct {
	name string
	part aclPart
}{
	{"KafkaPrincipal", aclPrincipal},
	{"ResourceType", aclResourceType},
	{ksmPatternType, aclPatternType},
	{"ResourceName", aclResourceName},
	{"Operation", aclOperation},
	{"PermissionType", aclPermission},
	{"Host", aclHost},
}

// ksmPatternType is the column that kafka-security-manager before 0.4 does not have.
// Without it every name is literal.
const ksmPatternType = "PatternType"

func ksmHeader() (names []string) {
	for _, c := range ksmColumns {
		names = append(names, c.name)
	}
	return names
}

func parseKSM(text string, m *mistakes) (list []acl.Binding) {
	c := csv.NewReader(strings.NewReader(text))
	header, err := m.nextRecord(c)
	if err != nil { // io.EOF: a string has no other
		m.add(1, 1, "no header", strings.Join(ksmHeader(), ","))
	}
	if header == nil {
		return nil
	}
	parts, ok := ksmParts(c, header, m)
	if !ok {
		return nil
	}
	for !m.full() {
		record, err := m.nextRecord(c)
		if err != nil {
			break
		}
		b := unreadACL
		b.Pattern.PatternType = resource.Literal
		for i, text := range record {
			if found, expected, ok := parts[i].set(&b, text); !ok {
				line, column := c.FieldPos(i)
				m.add(line, column, found, expected)
			}
		}
		if record != nil {
			list = append(list, b)
		}
	}
	return list
}

// ksmParts returns the part of an ACL in each column.
func ksmParts(c *csv.Reader, header []string, m *mistakes) (parts []aclPart, ok bool) {
	names := ksmHeader()
	for i, name := range header {
		at := slices.Index(names, name)
		if at < 0 || slices.Contains(header[:i], name) {
			line, column := c.FieldPos(i)
			m.add(line, column, "the column "+enum.Quote(name), "each of "+strings.Join(names, ", ")+" once")
			continue
		}
		parts = append(parts, ksmColumns[at].part)
	}
	for _, name := range names {
		if name != ksmPatternType && !slices.Contains(header, name) {
			m.add(1, 1, "a header without "+name, strings.Join(names, ","))
		}
	}
	return parts, len(parts) == len(header) && len(m.list) == 0
}

func refuseKSM(b acl.Binding) string {
	switch {
	case b.Pattern.Type == resource.User:
		return "it knows no resource type User"
	case b.Entry.Operation > ops.IdempotentWrite:
		return "it knows no operation " + b.Entry.Operation.DisplayName()
	case strings.Contains(b.Pattern.Name+b.Entry.Principal+b.Entry.Host, "\r"):
		return "a carriage return in CSV is read as the end of a line"
	}
	return ""
}

func renderKSM(list []acl.Binding) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	records := [][]string{ksmHeader()}
	for _, b := range list {
		records = append(records, []string{
			b.Entry.Principal, b.Pattern.Type.DisplayName(), b.Pattern.PatternType.String(), b.Pattern.Name,
			b.Entry.Operation.DisplayName(), b.Entry.Permission.DisplayName(), b.Entry.Host,
		})
	}
	err := w.WriteAll(records)
	return buf.Bytes(), err
}
