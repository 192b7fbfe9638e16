package protocol

import (
	_ "embed" // programs.tsv
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// client is a kind of client of Kafka, with what it needs: one whose needs follow from the
// requests that it sends, or a program around Kafka whose needs are known from elsewhere.
type client struct {
	name  string
	needs func() []need
	// Of a program: what it is, how its needs are known, and from where.
	description, tried, source string
}

// onlyRead is what a program has that was not tried.
const onlyRead = "read"

// provenance says how the needs of a program are known.
func (c *client) provenance() string {
	if c.tried == onlyRead {
		return "read, not tried"
	}
	return "tried: " + c.tried
}

// clients returns all kinds of clients.
func clients() []client {
	var list []client
	for _, c := range ops.Clients() {
		list = append(list, client{name: c.Name, needs: func() []need {
			var needs []need
			for _, g := range c.Needs() {
				needs = append(needs, need{ResourceType: g.Type, Name: g.Name, PatternType: patternOf(g.Name), Operation: g.Operation})
			}
			return needs
		}})
	}
	return append(list, programs...)
}

// patternOf returns the pattern type of the resources that a placeholder stands for.
func patternOf(name string) resource.PatternType {
	for _, f := range needNames {
		if f.standsFor == name {
			return f.pattern
		}
	}
	return resource.Literal
}

//go:embed programs.tsv
var programTable string

// programs are the programs around Kafka, in the order of the table.
var programs = func() []client {
	list, err := parsePrograms(programTable)
	if err != nil {
		panic(err) // the table is part of the program, and a test reads it
	}
	return list
}()

// parsePrograms reads the table of programs.
func parsePrograms(table string) (list []client, err error) {
	for line := range strings.Lines(table) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case len(fields) == 4:
			list = append(list, client{name: fields[0], description: fields[1], tried: fields[2], source: fields[3]})
		case len(fields) == 6 && fields[0] == "" && len(list) > 0:
			item, err := parseNeed(fields[1:])
			if err != nil {
				return nil, err
			}
			c := &list[len(list)-1]
			item.Source, item.Tried = c.source, c.provenance()
			before := c.needs
			c.needs = func() []need {
				if before == nil {
					return []need{item}
				}
				return append(before(), item)
			}
		default:
			return nil, fmt.Errorf("programs.tsv: %q: expected the four fields of a program, or an empty one and the five of a right", line)
		}
	}
	return list, nil
}

// parseNeed reads an operation, a resource type, a pattern type, a name and a condition.
func parseNeed(fields []string) (need, error) {
	var q question.Question
	patternType, err := resource.ParsePatternType(strings.ToUpper(fields[2]))
	if err != nil {
		return need{}, err
	}
	for i, part := range []string{question.Operation, question.ResourceType} {
		if expected := q.Set(part, fields[i]); expected != "" {
			return need{}, fmt.Errorf("programs.tsv: %q: expected %s", fields[i], expected)
		}
	}
	return need{ResourceType: q.Request.Type, Name: fields[3], PatternType: patternType, Operation: q.Request.Operation, When: fields[4]}, nil
}
