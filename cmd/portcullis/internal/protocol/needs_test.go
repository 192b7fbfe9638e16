package protocol

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// isPlaceholder matches the names that stand for others. Those of a program's own resources do
// not look so.
var isPlaceholder = regexp.MustCompile(`^(User:)?[A-Z]+(-[A-Z]+)*$`)

// Every name in the needs of a client can be replaced by a flag, or is one that it really has.
func TestNeedNamesAreThoseOfTheClients(t *testing.T) {
	needed := map[string]bool{}
	for _, c := range clients() {
		for _, g := range c.needs() {
			if isPlaceholder.MatchString(g.Name) {
				needed[g.Name] = true
				assert.Equal(t, patternOf(g.Name), g.PatternType, "%s: %s", c.name, g.Name)
			}
		}
	}
	named := map[string]bool{}
	for _, f := range needNames {
		named[f.standsFor] = true
	}
	assert.Equal(t, needed, named)
}

// Every right in the table is one that Kafka knows and could be an ACL, is there once, and has a
// source.
func TestPrograms(t *testing.T) {
	rights := 0
	for _, c := range programs {
		assert.NotEmpty(t, c.description, c.name)
		assert.NotEmpty(t, c.tried, c.name)
		for source := range strings.SplitSeq(c.source, " ") {
			assert.Regexp(t, "^https://[^ ]+$", source, c.name)
		}
		seen := map[need]bool{}
		for _, n := range c.needs() {
			rights++
			assert.False(t, seen[n], "%s: %v", c.name, n)
			seen[n] = true
			assert.True(t, n.Operation == ops.All || ops.Supported(n.ResourceType).Has(n.Operation), "%s: %v", c.name, n)
			b := acl.Binding{Pattern: resource.Pattern{Type: n.ResourceType, PatternType: n.PatternType, Name: n.Name},
				Entry: acl.Entry{Principal: "User:a", Host: "*", Operation: n.Operation, Permission: acl.Allow}}
			assert.NoError(t, b.ValidateNew(0), "%s: %v", c.name, n)
		}
	}
	assert.Len(t, programs, 10)
	assert.Equal(t, 60, rights)
}

func TestParseProgramsRefuses(t *testing.T) {
	const program = "p\tdoes\tread\thttps://a\n"
	for _, table := range []string{"p\n", "\tRead\tTopic\tliteral\tT\t\n", program + "\tReed\tTopic\tliteral\tT\t\n", program + "\tRead\tTopics\tliteral\tT\t\n",
		program + "\tRead\tTopic\tmost\tT\t\n", program + "\tRead\tTopic\tliteral\tT\n"} {
		t.Run(table, func(t *testing.T) {
			list, err := parsePrograms(table)
			require.Error(t, err)
			assert.Nil(t, list)
		})
	}
}
