package acl

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// The headings of kafka-acls. It prints ACLs that it adds like existing ones. Entries
// below a principal's heading repeat the principal.
//
// Source: Kafka's AclCommand.
const (
	currentHeading   = "Current ACLs for resource `"
	addingHeading    = "Adding ACLs for resource `"
	principalHeading = "ACLs for principal `"
)

// entryForm describes how a release prints an entry. Entries are parsed from both ends:
// all fields but the last may contain the separators.
type entryForm struct {
	prefix, suffix string
	// The fields from right to left, each with the separator before it. The rest is the
	// principal.
	fields  []separated
	example string
}

type separated struct {
	by    string
	field field
}

var (
	// Source: Kafka's AccessControlEntry.toString, since 2.4.
	entryForm24 = entryForm{"(principal=", ")", []separated{
		{", permissionType=", permissionField},
		{", operation=", operationField},
		{", host=", hostField},
	}, "(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)"}

	// Source: kafka.security.auth.Acl.toString, up to 2.3.
	entryForm09 = entryForm{"", "", []separated{
		{" from hosts: ", hostField},
		{" permission for operations: ", operationField},
		{" has ", permissionField},
	}, "User:alice has Allow permission for operations: Read from hosts: *"}
)

// The format of a resource in releases since 2.4.
//
// Source: Kafka's ResourcePattern.toString.
const (
	pattern24        = "ResourcePattern(resourceType="
	pattern24Example = pattern24 + "TOPIC, name=orders, patternType=LITERAL)"
)

// textParser parses the output of any release of kafka-acls. The zero textParser is
// before the first heading.
type textParser struct {
	headed   bool       // entries may follow
	unknown  []problem  // the words of the last heading that are not known
	resource Binding    // only its pattern is used: that of the last heading
	form     *entryForm // form of the entries below the last heading; nil if the heading is invalid
}

func newTextParser() lineParser { return &textParser{} }

func (p *textParser) parseLine(f *findings, line string) {
	text := span{Text: line, Offset: 0}
	if entry, ok := cutIndent(text); ok {
		p.addEntry(f, trimOneSpace(entry))
		return
	}
	// After any error in a heading, entries may follow. They are not reported.
	*p = textParser{headed: true, resource: standIn}
	if wrong := findControl(text); wrong != nil {
		f.problems = append(f.problems, *wrong)
		return
	}
	problems := p.heading(trimOneSpace(text))
	if slices.ContainsFunc(problems, func(p problem) bool { return !p.IsUnknownWord }) {
		f.problems = append(f.problems, problems...)
		return
	}
	for i := range problems {
		problems[i].Offset = 0 // the error is in the lines below
	}
	p.unknown = problems
}

// cutIndent returns an entry without its indentation: a tab and, before 4.1 in the
// first entry of a resource, also a space.
func cutIndent(line span) (span, bool) {
	indented := line
	if strings.HasPrefix(line.Text, " \t") {
		indented = line.From(1)
	}
	return indented.CutPrefix("\t")
}

// trimOneSpace removes the space that kafka-acls before 4.1 prints after headings and
// after the last entry of a resource.
func trimOneSpace(line span) span {
	line, _ = line.CutSuffix(" ")
	return line
}

// findControl finds the first control character. Kafka prints names unescaped. A name
// with a line break can therefore forge or break lines, and other control characters
// can deceive the reader of a dump.
func findControl(s span) *problem {
	i := strings.IndexFunc(s.Text, unicode.IsControl)
	if i < 0 {
		return nil
	}
	r, _ := utf8.DecodeRuneInString(s.Text[i:])
	at := s.From(i)
	return at.Problem("control character "+strconv.QuoteRune(r),
		"only printable text: use the json format for other names")
}

// heading parses a heading: the resource or principal of the entries below it.
func (p *textParser) heading(line span) []problem {
	if body, ok := line.CutPrefix(principalHeading); ok {
		p.headed = false // a resource must follow
		if wrong := missingEnd(body, "`"); wrong != nil {
			return []problem{*wrong}
		}
		return nil
	}
	body, ok := line.CutPrefix(currentHeading)
	if !ok {
		body, ok = line.CutPrefix(addingHeading)
	}
	if !ok {
		return []problem{*line.Unlike("", "a heading such as "+currentHeading+pattern24Example+
			"`: or, after a tab, an entry such as "+entryForm24.example)}
	}
	return p.resourceHeading(body)
}

// missingEnd returns the error for a line that does not end in suffix.
func missingEnd(s span, suffix string) *problem {
	if strings.HasSuffix(s.Text, suffix) {
		return nil
	}
	if trimmed := strings.TrimRight(s.Text, " "); strings.HasSuffix(trimmed, suffix) {
		spaces := s.From(len(trimmed))
		return spaces.Problem("more than one space at the end of the line", "at most one after "+strconv.Quote(suffix))
	}
	return s.End().Problem("the end of the line", strconv.Quote(suffix)+" before it")
}

// resourceHeading parses the text after the opening backquote.
func (p *textParser) resourceHeading(body span) []problem {
	p.form = &entryForm09
	since24 := strings.HasPrefix(body.Text, pattern24)
	if since24 {
		p.form = &entryForm24
	}
	if wrong := missingEnd(body, "`:"); wrong != nil {
		return []problem{*wrong}
	}
	name, _ := body.CutSuffix("`:")
	if since24 {
		return p.pattern24(name)
	}
	return p.pattern09(name)
}

// pattern24 parses "ResourcePattern(resourceType=TOPIC, name=orders,
// patternType=LITERAL)". The type is first and contains no comma, and the pattern type
// is last, so the name may contain anything.
func (p *textParser) pattern24(s span) []problem {
	inner, closed := s.CutSuffix(")")
	inner, _ = inner.CutPrefix(pattern24)
	inner, patternType, typed := inner.CutLast(", patternType=")
	typ, name, named := inner.Cut(", name=")
	if !closed || !typed || !named {
		return []problem{*s.Unlike("", "a resource such as "+pattern24Example)}
	}
	return p.resource.setFields(fieldText{resourceTypeField, typ}, fieldText{nameField, name}, fieldText{patternTypeField, patternType})
}

// pattern09 parses "Topic:orders", as releases before 2.0 print a resource, and
// "Topic:LITERAL:orders", as 2.0 to 2.3 do. Before 2.0 a name could begin with
// "LITERAL:" or "PREFIXED:", which had no meaning then. Such a name is parsed as the
// second form. No topic can have such a name.
//
// Source: kafka.security.auth.Resource.toString.
func (p *textParser) pattern09(s span) []problem {
	typ, name, ok := s.Cut(":")
	if !ok {
		return []problem{*s.Unlike("", "a resource such as "+pattern24Example+" or Topic:orders")}
	}
	typ = nameOf09(typ)
	patternType := span{Text: resource.Literal.String(), Offset: name.Offset}
	if before, after, ok := name.Cut(":"); ok && isSpecific(before.Text) {
		patternType, name = before, after
	}
	return p.resource.setFields(fieldText{resourceTypeField, typ}, fieldText{nameField, name}, fieldText{patternTypeField, patternType})
}

// nameOf09 returns the name that a resource type has since Kafka 0.10. In 0.9 a group was a
// "ConsumerGroup".
//
// Source: Kafka 0.9's kafka.security.auth.ResourceType.
func nameOf09(typ span) span {
	if typ.Text == "ConsumerGroup" {
		typ.Text = resource.Group.DisplayName()
	}
	return typ
}

func isSpecific(s string) bool {
	p, err := resource.ParsePatternType(s)
	return err == nil && p.IsSpecific()
}

// addEntry parses a line below a heading, without its indentation.
func (p *textParser) addEntry(f *findings, entry span) {
	if wrong := findControl(entry); wrong != nil {
		f.problems = append(f.problems, *wrong)
		return
	}
	if !p.headed {
		f.problems = append(f.problems, *entry.Problem("an entry before any resource",
			"a heading above it, such as "+currentHeading+pattern24Example+"`:"))
		*p = textParser{headed: true, resource: standIn} // report it only once
	}
	form := p.form
	if form == nil {
		form = formOf(entry)
	}
	b := p.resource
	texts, wrong := form.split(entry)
	if wrong != nil {
		f.problems = append(f.problems, *wrong)
		return
	}
	f.add(b, p.unknown, b.setFields(texts...))
}

func formOf(entry span) *entryForm {
	if strings.HasPrefix(entry.Text, entryForm24.prefix) {
		return &entryForm24
	}
	return &entryForm09
}

// split splits an entry into its fields.
func (f *entryForm) split(entry span) ([]fieldText, *problem) {
	rest, ok := entry.CutPrefix(f.prefix)
	if !ok {
		return nil, entry.Unlike("", "an entry such as "+f.example)
	}
	if wrong := missingEnd(rest, f.suffix); wrong != nil {
		return nil, wrong
	}
	rest, _ = rest.CutSuffix(f.suffix)
	texts := make([]fieldText, 0, len(f.fields)+1)
	for _, s := range f.fields {
		before, after, ok := rest.CutLast(s.by)
		if !ok {
			return nil, rest.Problem(enum.Quote(rest.Text)+" without "+strconv.Quote(s.by), "an entry such as "+f.example)
		}
		texts = append(texts, fieldText{s.field, after})
		rest = before
	}
	return append(texts, fieldText{principalField, rest}), nil
}

func renderText(buf *bytes.Buffer, p resource.Pattern, entries []Entry) {
	buf.WriteString(currentHeading + p.String() + "`:\n")
	for _, e := range entries {
		buf.WriteString("\t" + e.String() + "\n")
	}
	buf.WriteByte('\n')
}

func renderText3(buf *bytes.Buffer, p resource.Pattern, entries []Entry) {
	buf.WriteString(currentHeading + p.String() + "`: \n ")
	for i, e := range entries {
		if i > 0 {
			buf.WriteByte('\n')
		}
		buf.WriteString("\t" + e.String())
	}
	buf.WriteString(" \n\n")
}
