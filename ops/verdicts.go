package ops

import "github.com/portcullis-authz/portcullis/resource"

// someItem reports whether a condition is true for an entry that has passed so far.
func (e *evaluation) someItem(c Condition) bool {
	for i := range e.out.Items {
		if it := &e.out.Items[i]; it.passes() && c.holdsFor(e.r, it) {
			return true
		}
	}
	return false
}

// askEach asks about the resource of each entry that has passed so far. A step that
// applies to every entry and asks about the entry's own name takes a fast path, because
// Produce and Metadata have hundreds of topics.
func (e *evaluation) askEach(n int, s *Step) {
	var holder *Item
	special := e.mixed || s.Configs != 0 || s.When.isOfItem() || s.Combine == Fallback
	ownName := s.Type != resource.Cluster && s.Name.entry() == s.Name
	a, op, t, list := e.a, s.Operation, s.Type, s.Name.entry()
	items := e.out.Items
	for i := range items {
		it := &items[i]
		if it.Parent < 0 {
			holder = it
		}
		if it.list != list || !it.passes() || special && !e.concerns(s, it, holder) {
			continue
		}
		var allowed bool
		if ownName {
			allowed = a.Allowed(op, t, e.r.name(it))
		} else {
			allowed = e.asksFor(s, it)
		}
		if allowed {
			it.passed |= 1 << (n - 1)
		} else if s.Combine != Sufficient {
			e.deny(&s.Denied, it)
		}
		if e.over {
			return
		}
	}
}

// concerns reports whether a step applies to an entry that has passed so far. holder is
// the group or transaction that the entry belongs to, if it is another entry.
func (e *evaluation) concerns(s *Step, it, holder *Item) bool {
	switch {
	case s.Configs != 0 && s.Configs&it.Config == 0:
		return false
	case s.Combine == Fallback && it.passed.has(s.FallbackOf):
		return false
	case s.When.isOfItem() && !s.When.holdsFor(e.r, it):
		return false
	default:
		return holder == nil || holder.passes()
	}
}

// passes reports whether the entry has passed so far.
func (it *Item) passes() bool { return it.Code == None && it.marks&gone == 0 }

// asksFor asks a question that an entry depends on and that is not about the entry's
// own name.
func (e *evaluation) asksFor(s *Step, it *Item) bool {
	switch {
	case s.Type == resource.Cluster:
		return e.a.Allowed(s.Operation, s.Type, resource.ClusterName)
	case s.Name == eachTokenOwner:
		return e.a.Allowed(s.Operation, s.Type, e.r.Tokens[it.Index].Owner)
	default: // eachMemberTopic
		topics := e.r.Groups[it.Index].Topics
		for i := range topics {
			if !e.a.Allowed(s.Operation, s.Type, topics[i].Name) {
				return false
			}
		}
		return true
	}
}

// deny applies an effect to one entry.
func (e *evaluation) deny(f *Effect, it *Item) {
	scope := f.Scope
	if it.ByID {
		if f.HidesName {
			it.marks |= hidesName
			e.untidy = true
		}
		if f.WhenByID != 0 {
			scope = f.WhenByID
		}
	}
	if e.r.AllTopics && f.WhenAll != 0 {
		scope = f.WhenAll
	}
	switch {
	case scope == Ignored:
	case scope == LeftOut:
		it.marks |= gone
		e.untidy = true
		e.filtered++
	case f.Code == None:
		e.fail(None)
	case scope == FieldWithheld:
		it.ConfigCode = f.Code
	case scope == OneItem && e.r.Version >= f.WholeBelow:
		it.Code = f.Code
	default:
		e.fail(f.Code)
	}
}

// guard applies the guards that come after step n.
func (e *evaluation) guard(n int) {
	for i := range e.api.Guards {
		g := &e.api.Guards[i]
		if g.After != n || e.over || !e.reaches(g.Endpoint, g.MinVersion, g.MaxVersion) {
			continue
		}
		switch {
		case g.When.isOfItem():
			if e.mayHold(g.When) {
				e.guardEach(g)
			}
		case !g.When.holds(e.r):
		case g.Configs != 0:
			e.guardEach(g)
		default:
			e.refuse(&g.Effect)
		}
	}
}

func (e *evaluation) guardEach(g *Guard) {
	items := e.out.Items
	for i := range items {
		if e.over {
			return
		}
		it := &items[i]
		if it.passes() && (g.Configs == 0 || g.Configs&it.Config != 0) && (!g.When.isOfItem() || g.When.holdsFor(e.r, it)) {
			e.deny(&g.Effect, it)
		}
	}
}
