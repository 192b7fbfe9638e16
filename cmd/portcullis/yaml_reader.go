package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// yamlReader reads values from YAML nodes. Nodes have positions for errors, and aliases
// and repeated keys can be refused.
type yamlReader struct {
	*mistakes
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
	r.add(line, 1, "invalid YAML ("+strings.TrimPrefix(err.Error(), found[0])+")", "YAML")
}

// maxCountedColumn is the last column that is converted from characters, which the YAML
// parser counts, to bytes. Converting many columns far to the right would take long.
const maxCountedColumn = 4096

// at adds an error at a node.
func (r *yamlReader) at(n *yaml.Node, found, expected string) {
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
	r.add(n.Line, column, found, expected)
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
	known := slices.Concat(required, optional)
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		r.at(n, describeNode(n), "a mapping with the keys "+strings.Join(known, ", "))
		return nil
	}
	values := map[string]*yaml.Node{}
	ok := true
	for i := 0; i < len(n.Content) && !r.full(); i += 2 {
		key := n.Content[i]
		switch _, twice := values[key.Value]; {
		case !isText(key) || !slices.Contains(known, key.Value):
			r.at(key, "the key "+describeNode(key), "one of "+strings.Join(known, ", "))
			ok = false
		case twice:
			r.at(key, "the key "+describeNode(key)+" again", "each key once")
			ok = false
		}
		values[key.Value] = n.Content[i+1]
	}
	for _, key := range required {
		if values[key] == nil {
			r.at(n, "a mapping without "+key, "the keys "+strings.Join(required, ", "))
			ok = false
		}
	}
	if !ok {
		return nil
	}
	return values
}

// sequence returns the elements of a list.
func (r *yamlReader) sequence(n *yaml.Node) (elements []*yaml.Node, ok bool) {
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		r.at(n, describeNode(n), "a list")
		return nil, false
	}
	return n.Content, true
}

func isText(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" }

// text returns a string.
func (r *yamlReader) text(n *yaml.Node, expected string) (text string, ok bool) {
	if !isText(n) {
		r.at(n, describeNode(n), expected+" (in quotes, if YAML would read it as another type)")
		return "", false
	}
	return n.Value, true
}

// readWord reads a word of a vocabulary. If the node is missing, it uses otherwise.
func readWord[T comparable](r *yamlReader, n *yaml.Node, w vocabulary[T], otherwise string) (value T, ok bool) {
	if n == nil {
		return w.find(otherwise)
	}
	if isText(n) {
		value, ok = w.find(n.Value)
	}
	if !ok {
		r.at(n, describeNode(n), w.expected())
	}
	return value, ok
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

// expected lists the words.
func (w vocabulary[T]) expected() string {
	var all []string
	for _, row := range w {
		all = append(all, row.word)
	}
	return "one of " + strings.Join(all, ", ")
}
