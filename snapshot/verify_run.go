//go:build invariants

package snapshot

import (
	"fmt"
	"strings"
)

// verify returns an error that says what is wrong with the tree that u is, or nil.
func (u *run) verify() error {
	if len(u.parts) == 1 && u.waiting(0) == nil {
		return fmt.Errorf("a root of one part, of %d places", len(u.parts[0].places))
	}
	return u.verifyBetween(nil, nil)
}

// verifyBetween is verify for a tree of which no record may be before from or behind to;
// nil is no limit.
func (u *run) verifyBetween(from, to *record) error {
	within := func(r *record) error {
		if from != nil && compareRecords(r, from) < 0 || to != nil && compareRecords(r, to) >= 0 {
			return fmt.Errorf("%+v is not between %+v and %+v", r, from, to)
		}
		return nil
	}
	if n := len(u.places); n > u.width().most {
		return fmt.Errorf("a run of %d places", n)
	}
	for i, p := range u.places {
		switch {
		case !strings.HasPrefix(p.record.name, u.prefix):
			return fmt.Errorf("%+v in a run of the prefix %q", p.record, u.prefix)
		case p.order != orderOf(p.record, len(u.prefix)):
			return fmt.Errorf("%+v behind %q has the order %x", p.record, u.prefix, p.order)
		case i > 0 && u.places[i-1].compare(p) >= 0:
			return fmt.Errorf("%+v is not behind %+v", p.record, u.places[i-1].record)
		}
		if u.parts != nil {
			continue
		}
		if err := within(p.record); err != nil {
			return err
		}
	}
	if u.parts == nil {
		return nil
	}
	if len(u.parts) != len(u.places) || u.late != nil && len(u.late) != len(u.places) || (u.late != nil) != (u.parts[0].parts == nil) {
		return fmt.Errorf("%d parts in %d places, for %d of which something may wait", len(u.parts), len(u.places), len(u.late))
	}
	for i, part := range u.parts {
		from, to := from, to
		if i > 0 {
			from = u.places[i].record
		}
		if i+1 < len(u.places) {
			to = u.places[i+1].record
		}
		if len(part.places) == 0 || (part.parts == nil) != (u.parts[0].parts == nil) {
			return fmt.Errorf("a part of %d places, and of %d parts", len(part.places), len(part.parts))
		}
		if i > 0 && part.isSmall() && u.parts[i-1].isSmall() {
			return fmt.Errorf("parts of %d and %d places", len(u.parts[i-1].places), len(part.places))
		}
		if err := part.verifyBetween(from, to); err != nil {
			return err
		}
		if n := u.waiting(i).len(); n > part.lateFor() {
			return fmt.Errorf("%d revisions wait for %d places", n, len(part.places))
		}
		late, _ := u.waiting(i).list()
		for _, l := range late {
			if from != nil && compareRecords(l.record, from) < 0 || to != nil && compareRecords(l.record, to) >= 0 {
				return fmt.Errorf("%+v waits between %+v and %+v", l.record, from, to)
			}
		}
	}
	return nil
}
