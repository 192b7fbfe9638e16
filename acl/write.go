package acl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// Write writes bindings to w in a format other than FormatAuto, in the order given.
// Adjacent bindings with the same pattern share a heading. FormatZooKeeper, which has
// one line per resource, is written in the order of [comparePatterns].
//
// All output is read back before any of it is written to w. If a binding would not be
// read back unchanged, because it is not valid or the format cannot represent its text,
// nothing is written. The error then names each such binding (up to 10,000).
// An error of w is returned unchanged. Memory grows with the size of the output.
func Write(w io.Writer, format Format, bindings iter.Seq[Binding]) error {
	c, err := codecOf(format)
	if err != nil {
		return err
	}
	list := slices.Collect(bindings)
	if c.onePlace {
		slices.SortStableFunc(list, func(a, b Binding) int { return comparePatterns(a.Pattern, b.Pattern) })
	}
	var buf bytes.Buffer
	for p, entries := range resources(list) {
		c.render(&buf, p, entries)
	}
	if err := readBack(buf.Bytes(), format, list); err != nil {
		return cmp.Or(refusal(list, format), err)
	}
	_, err = w.Write(buf.Bytes())
	return err
}

// resources yields each run of adjacent bindings in list with the same pattern. The
// entries are valid until the next iteration.
func resources(list []Binding) iter.Seq2[resource.Pattern, []Entry] {
	return func(yield func(resource.Pattern, []Entry) bool) {
		var entries []Entry
		for i, b := range list {
			entries = append(entries, b.Entry)
			if i+1 < len(list) && list[i+1].Pattern == b.Pattern {
				continue
			}
			if !yield(b.Pattern, entries) {
				return
			}
			entries = entries[:0]
		}
	}
}

// readBack returns an error unless text reads back as exactly the bindings in want.
func readBack(text []byte, format Format, want []Binding) error {
	got, err := Read(bytes.NewReader(text), "", format)
	var wrong ParseErrors
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("reading it back finds %s, expected %s", wrong[0].Found, wrong[0].Expected)
	case err == nil && !slices.Equal(got, want):
		return errors.New("it would be read back as another binding")
	}
	return err
}

// renderChecked returns the ACLs of one resource as text that reads back unchanged.
func renderChecked(format Format, p resource.Pattern, entries []Entry) ([]byte, error) {
	var buf bytes.Buffer
	codecs[format].render(&buf, p, entries)
	want := make([]Binding, len(entries))
	for i, e := range entries {
		want[i] = Binding{p, e}
	}
	if err := readBack(buf.Bytes(), format, want); err != nil {
		return nil, fmt.Errorf("acl: %s cannot be written as %v: %w", describe(p, entries), format, err)
	}
	return buf.Bytes(), nil
}

// refusal returns an error that names the bindings of list that the format cannot
// represent, in the order of list. If each of them alone can be represented, it names
// the resources whose line is too long with all their bindings. It returns nil if every
// resource could be written.
func refusal(list []Binding, format Format) error {
	var refused []error
	check := func(p resource.Pattern, entries []Entry) {
		if len(refused) == lines.MaxErrors {
			return
		}
		if _, err := renderChecked(format, p, entries); err != nil {
			refused = append(refused, err)
		}
	}
	for _, b := range list {
		check(b.Pattern, []Entry{b.Entry})
	}
	if len(refused) == 0 {
		for p, entries := range resources(list) {
			check(p, entries)
		}
	}
	return errors.Join(refused...)
}

func describe(p resource.Pattern, entries []Entry) string {
	on := fmt.Sprintf("%v %s (%v)", p.Type, enum.Quote(p.Name), p.PatternType)
	if len(entries) > 1 {
		return fmt.Sprintf("the %d bindings of %s", len(entries), on)
	}
	e := entries[0]
	return fmt.Sprintf("the binding of %s, %v %v for %s from host %s", on, e.Permission, e.Operation,
		enum.Quote(e.Principal), enum.Quote(e.Host))
}
