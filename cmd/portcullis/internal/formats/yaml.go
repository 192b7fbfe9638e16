package formats

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/enum"
)

// yamlReader reads values from YAML nodes. Nodes have positions for errors, and aliases
// and repeated keys can be refused. A function that gets no node returns no value, and
// adds no error.
type yamlReader struct {
	*cli.Problems
	lines []string
}

// syntaxLine matches the line number in an error of the YAML parser, which reports it
// only in the text.
var syntaxLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)

// addSyntax adds an error of the YAML parser.
func (r *yamlReader) addSyntax(err error) {
	found := syntaxLine.FindStringSubmatch(err.Error())
	line, errLine := strconv.Atoi(found[1])
	if errLine != nil {
		line = 1
	}
	r.Add(line, 1, "invalid YAML ("+strings.TrimPrefix(err.Error(), found[0])+")", "YAML")
}

// maxCountedColumn is the last column that is converted from characters, which the YAML
// parser counts, to bytes. Converting many columns far to the right would take long.
const maxCountedColumn = 4096

// addAt adds an error at a node. Without found it describes the node.
func (r *yamlReader) addAt(n *yaml.Node, found, expected string) {
	if found == "" {
		found = describeNode(n)
	}
	column := n.Column // in characters
	if n.Line > 0 && n.Line <= len(r.lines) && column <= maxCountedColumn {
		counted := 0
		for i := range r.lines[n.Line-1] + " " { // the column may be one past the end of the line
			if counted++; counted == n.Column {
				column = i + 1
				break
			}
		}
	}
	r.Add(n.Line, column, found, expected)
}

// describeNode describes a node for an error.
func describeNode(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		return "the alias " + enum.Quote("*"+n.Value)
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.ShortTag() != "!!str":
		return enum.Quote(n.Value) + " (" + n.ShortTag() + ")"
	}
	return enum.Quote(n.Value)
}

// mapping reads a mapping that has each required key once, each optional key at most
// once, and no other key. Otherwise it returns nil.
func (r *yamlReader) mapping(n *yaml.Node, required, optional []string) map[string]*yaml.Node {
	if n == nil {
		return nil
	}
	known := slices.Concat(required, optional)
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		r.addAt(n, "", "a mapping with the keys "+strings.Join(known, ", "))
		return nil
	}
	before := len(r.List)
	values := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content) && !r.Full(); i += 2 {
		key := n.Content[i]
		switch _, twice := values[key.Value]; {
		case !isText(key) || !slices.Contains(known, key.Value):
			r.addAt(key, "the key "+describeNode(key), "one of "+strings.Join(known, ", "))
		case twice:
			r.addAt(key, "the key "+describeNode(key)+" again", "each key once")
		}
		values[key.Value] = n.Content[i+1]
	}
	for _, key := range required {
		if values[key] == nil {
			r.addAt(n, "a mapping without "+key, "the keys "+strings.Join(required, ", "))
		}
	}
	if len(r.List) > before || r.Full() {
		return nil
	}
	return values
}

// sequence returns the elements of a list, up to the limit of errors.
func (r *yamlReader) sequence(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil || r.Full():
		return nil
	case n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq":
		r.addAt(n, "", "a list")
		return nil
	}
	return n.Content
}

func isText(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" }

// text returns a string.
func (r *yamlReader) text(n *yaml.Node, expected string) (text string, ok bool) {
	switch {
	case n == nil:
		return "", false
	case !isText(n):
		r.addAt(n, "", expected+" (in quotes, if YAML would read it as another type)")
		return "", false
	}
	return n.Value, true
}

// vocabulary lists the words of another tool for values, in that tool's order.
type vocabulary[T comparable] []struct {
	word  string
	value T
}

// find returns the value of a word.
func (w vocabulary[T]) find(word string) (value T, ok bool) {
	for _, row := range w {
		if row.word == word {
			return row.value, true
		}
	}
	return value, false
}

// word returns the word for a value, or "".
func (w vocabulary[T]) word(value T) string {
	for _, row := range w {
		if row.value == value {
			return row.word
		}
	}
	return ""
}

// read reads a word. If the node is missing, it returns the value of otherwise.
func (w vocabulary[T]) read(r *yamlReader, n *yaml.Node, otherwise string) (value T) {
	if n == nil {
		value, _ = w.find(otherwise)
		return value
	}
	value, ok := w.find(n.Value)
	if !ok || !isText(n) {
		var words []string
		for _, row := range w {
			words = append(words, row.word)
		}
		r.addAt(n, "", "one of "+strings.Join(words, ", "))
	}
	return value
}
