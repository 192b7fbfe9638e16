package connect

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// Kind is which way a connector moves records. The zero Kind is not known.
type Kind int8

// The kinds of connectors.
const (
	Source Kind = 1 + iota // writes to topics
	Sink                   // reads topics
)

// ParseKind parses source or sink.
func ParseKind(text string) (Kind, error) {
	switch text {
	case "source":
		return Source, nil
	case "sink":
		return Sink, nil
	}
	return 0, fmt.Errorf("%q is no kind of connector: expected source or sink", lines.Cut(text, maxPrinted))
}

// String returns source, sink or unknown.
func (k Kind) String() string {
	switch k {
	case Source:
		return "source"
	case Sink:
		return "sink"
	}
	return "unknown"
}

// Connector is the configuration of a connector.
type Connector struct {
	Name  string
	Class string
	Kind  Kind
	Tasks int // tasks.max

	settings map[string]string
}

// maxTasks is how many tasks of one connector get a right of their own in a list. More are
// refused: the rights would be one with a prefix.
const maxTasks = 1000

// ErrUnknownKind says that neither the table of plugins nor the name of a class tells whether a
// connector is a source or a sink.
var ErrUnknownKind = errors.New("whether it is a source or a sink is not known")

// NewConnector returns the connector with these settings, which must not be changed afterwards.
// kind is what the plugin is; if it is zero, it is told from the class, and the error wraps
// ErrUnknownKind if that does not tell.
func NewConnector(settings map[string]string, kind Kind) (*Connector, error) {
	c := &Connector{Name: settings["name"], Class: trimJava(settings["connector.class"]), Kind: kind, Tasks: 1, settings: settings}
	var errs []error
	if c.Name == "" {
		errs = append(errs, errors.New("name is missing: the connector needs one"))
	}
	if c.Class == "" {
		errs = append(errs, errors.New("connector.class is missing: the connector needs one"))
	}
	if text, ok := settings["tasks.max"]; ok {
		n, err := strconv.Atoi(trimJava(text))
		if err != nil || n < 1 || n > maxTasks {
			errs = append(errs, fmt.Errorf("tasks.max: %q: expected a number from 1 to %d", lines.Cut(text, maxPrinted), maxTasks))
		} else {
			c.Tasks = n
		}
	}
	if c.Kind == 0 {
		c.Kind = c.kindByClass()
	}
	if c.Kind == 0 && c.Class != "" {
		errs = append(errs, fmt.Errorf("connector %q of class %q: %w", lines.Cut(c.Name, maxPrinted), lines.Cut(c.Class, maxPrinted), ErrUnknownKind))
	}
	if c.Kind == Sink && c.settings["topics"] != "" && c.settings["topics.regex"] != "" {
		errs = append(errs, errors.New("topics and topics.regex are both given: a sink has one of them"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}

// kindByClass tells the kind from the class: one of the table, or one whose name ends as the
// documentation of Connect has it.
func (c *Connector) kindByClass() Kind {
	name := c.Class[strings.LastIndexByte(c.Class, '.')+1:]
	if known := plugin(c.Class); known != nil {
		return known.kind
	}
	name = strings.TrimSuffix(name, "Connector")
	switch {
	case strings.HasSuffix(name, "Source"):
		return Source
	case strings.HasSuffix(name, "Sink"):
		return Sink
	}
	return 0
}

// The following settings decide what is needed.

func (c *Connector) offsetsTopic() string { return trimJava(c.settings["offsets.storage.topic"]) }

func (c *Connector) deadLetters() string {
	return trimJava(c.settings["errors.deadletterqueue.topic.name"])
}

// createsTopics reports whether a source lets its worker create topics (KIP-158).
//
// Source: SourceConnectorConfig.usesTopicCreation, which takes the prefix alone for a setting, too.
func (c *Connector) createsTopics() bool {
	for key := range c.settings {
		if strings.HasPrefix(key, "topic.creation.") {
			return true
		}
	}
	return false
}

// known is a row of the table of plugins.
type known struct {
	class   string
	kind    Kind
	setting string // of the topics that a source writes to; "" if none tells
	pattern resource.PatternType
	suffix  string // after the value of the setting
	source  string
}

//go:embed plugins.tsv
var pluginsText string

var plugins = parsePlugins(pluginsText)

// parsePlugins reads the table, which is part of the program: a mistake in it is a panic.
func parsePlugins(text string) []known {
	var list []known
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 6 {
			panic("plugins.tsv: " + line)
		}
		kind, err := ParseKind(fields[1])
		pattern := resource.Literal
		if fields[3] == "prefixed" {
			pattern = resource.Prefixed
		}
		if err != nil {
			panic("plugins.tsv: " + line)
		}
		list = append(list, known{class: fields[0], kind: kind, setting: fields[2], pattern: pattern, suffix: fields[4], source: fields[5]})
	}
	return list
}

// plugin returns the row of a class, which may be given without its package or without the word
// Connector at its end, as a worker takes it.
func plugin(class string) *known {
	i := slices.IndexFunc(plugins, func(k known) bool {
		short := k.class[strings.LastIndexByte(k.class, '.')+1:]
		return class == k.class || class == short || class == strings.TrimSuffix(short, "Connector")
	})
	if i < 0 {
		return nil
	}
	return &plugins[i]
}
