package formats

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/resource"
)

// kafkaUI is the CSV that UI for Apache Kafka (provectus, kafbat) exports. It is only read: the
// tool writes no quotation marks, so that most names with a comma cannot be written.
//
// Source: kafka-ui's AclCsv.createAclString.
var kafkaUI = foreign{name: "kafka-ui", maxBytes: maxListBytes, parse: parseKafkaUI}

// kafkaUIColumns are the columns, by their index in fields.
var kafkaUIColumns = []struct {
	name  string
	field int
}{{"Principal", 0}, {"ResourceType", 2}, {"PatternType", 4}, {"ResourceName", 3}, {"Operation", 5}, {"PermissionType", 6}, {"Host", 1}}

// The places of the columns around which a line is divided.
const (
	typeColumn = 1
	afterName  = 3 // columns after the name
)

func parseKafkaUI(p *cli.Problems, s *Set) {
	var header []string
	for _, column := range kafkaUIColumns {
		header = append(header, column.name)
	}
	expected := strings.Join(header, ",")
	number := 0
	for line := range strings.Lines(p.Text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.EqualFold(strings.ReplaceAll(line, " ", ""), expected) {
			continue
		}
		texts, wrong := splitKafkaUI(line)
		if wrong != "" {
			p.Add(number, 1, wrong, expected+", where no other part of the line is a resource type and a pattern type")
			continue
		}
		r, column := recordReader{acl: unreadACL}, 1
		for i, text := range texts {
			f := fields[kafkaUIColumns[i].field]
			if found, ok := r.read(f, text, func() (int, int) { return number, column }); !ok {
				p.Add(number, column, found, f.expected)
			}
			column += len(text) + 1
		}
		r.addTo(s, p.File)
	}
}

// splitKafkaUI splits a line into its columns. Principals and names can have commas. A line is
// refused if it has more than one place with a resource type and a pattern type.
func splitKafkaUI(line string) (columns []string, wrong string) {
	parts := strings.Split(line, ",")
	at := 0
	for i := typeColumn; i+2+afterName < len(parts); i++ {
		if !isType(parts[i]) || !isPatternType(parts[i+1]) {
			continue
		}
		if at > 0 {
			return nil, "more than one resource type with a pattern type"
		}
		at = i
	}
	if at == 0 {
		if len(parts) != len(kafkaUIColumns) {
			return nil, fmt.Sprintf("%d columns", len(parts))
		}
		return parts, "" // one of them is a word that is not known
	}
	end := len(parts) - afterName
	columns = []string{strings.Join(parts[:at], ","), parts[at], parts[at+1], strings.Join(parts[at+2:end], ",")}
	return append(columns, parts[end:]...), ""
}

func isType(text string) bool {
	t, err := resource.ParseType(text)
	return err == nil && t.IsConcrete()
}

func isPatternType(text string) bool {
	p, err := resource.ParsePatternType(text)
	return err == nil && p.IsSpecific()
}
