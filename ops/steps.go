package ops

import "github.com/portcullis-authz/portcullis/resource"

// step asks the questions of step n.
func (e *evaluation) step(n int) {
	s := &e.api.Steps[n-1]
	if !e.reaches(s.Endpoint, s.MinVersion, s.MaxVersion) || !e.release.inForce(s.Since, 0) || s.Combine == fallback && e.passed.has(s.FallbackOf) {
		return
	}
	if s.When.isOfItem() {
		if !e.mayHold(s.When) {
			return
		}
	} else if !s.When.holds(e.r) {
		return
	}
	e.begin(n, s)
	switch {
	case s.Name.isList():
		e.askEach(n, s)
	case s.Name == subscribedTopics:
		e.askAll(s, e.r.Subscribed)
	case s.Name == matchedTopics:
		e.askMatched(s)
	case s.Name == newTopics:
		e.askNewTopics(s)
	case s.When.isOfItem() && !e.someItem(s.When):
	default:
		e.askOnce(n, s)
	}
}

// askOnce asks a question about one resource.
func (e *evaluation) askOnce(n int, s *step) {
	allowed := e.asksOne(s)
	if allowed {
		e.passed |= 1 << (n - 1)
	}
	denied := !allowed && s.Combine != sufficient
	switch {
	case s.Denied.Scope == fieldWithheld:
		e.out.HasClusterOperations = true
		if !denied {
			e.out.ClusterOperations = e.operations(resource.Cluster, resource.ClusterName)
		}
	case denied:
		e.refuse(&s.Denied)
	}
}

// asksOne asks about the resource that s selects. A missing name is denied without
// asking.
func (e *evaluation) asksOne(s *step) bool {
	switch s.Name {
	case theCluster:
		return e.a.Allowed(s.Operation, s.Type, resource.ClusterName)
	case anyResource:
		return e.a.AllowedAny(s.Operation, s.Type)
	case theGroup:
		return e.a.Allowed(s.Operation, s.Type, e.r.Group)
	case theTransactionalID:
		return e.r.TransactionalID != nil && e.a.Allowed(s.Operation, s.Type, *e.r.TransactionalID)
	case theOwner:
		return e.a.Allowed(s.Operation, s.Type, e.r.Owner)
	default:
		return false
	}
}

// refuse applies an effect to the request as a whole.
func (e *evaluation) refuse(f *effect) {
	switch {
	case f.Scope == ignored:
	case f.Scope == oneItem && e.r.Version >= f.WholeBelow:
		for i := range e.out.Items {
			if e.out.Items[i].Code == None {
				e.out.Items[i].Code = f.Code
			}
		}
	case f.Scope == emptyResponse:
		e.fail(f.Code)
		e.out.Empty = true
		if e.r.Version < f.CodeFrom {
			e.out.Error = None
		}
	default:
		e.fail(f.Code)
	}
}

// fail fails the whole request. The table has no effect without a code; fail closed if
// one appears.
func (e *evaluation) fail(code ErrorCode) {
	if code == None {
		code = UnknownServerError
	}
	e.over = true
	e.out.Error = code
	e.out.Items = nil
}

// askAll asks about names, all of which must be allowed.
func (e *evaluation) askAll(s *step, names []string) {
	for _, name := range names {
		if !e.a.Allowed(s.Operation, s.Type, name) && s.Combine != sufficient {
			e.refuse(&s.Denied)
			return
		}
	}
}

// askMatched asks which topics a subscribed pattern may match.
func (e *evaluation) askMatched(s *step) {
	e.out.Matched = make([]string, 0, len(e.r.Matched))
	for _, name := range e.r.Matched {
		switch {
		case e.a.Allowed(s.Operation, s.Type, name) || s.Combine == sufficient || s.Denied.Scope == ignored:
			e.out.Matched = append(e.out.Matched, name)
		case s.Denied.Scope != leftOut:
			e.fail(s.Denied.Code)
			return
		}
	}
}

// askNewTopics asks for Create on the topics of a streams group. Without any one of
// them, none is created.
func (e *evaluation) askNewTopics(s *step) {
	for _, name := range e.r.NewTopics {
		if !e.a.Allowed(s.Operation, s.Type, name) {
			e.out.CannotCreate = append(e.out.CannotCreate, name)
		}
	}
}

// operations returns the operations that the caller may perform on a resource, among
// those that its type supports.
func (e *evaluation) operations(t resource.Type, name string) Set {
	var allowed Set
	e.beginOperations()
	for op := range Supported(t).All() {
		if e.a.Allowed(op, t, name) {
			allowed |= SetOf(op)
		}
	}
	return allowed
}

// someItem reports whether a condition is true for an entry that has passed so far.
func (e *evaluation) someItem(c condition) bool {
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
func (e *evaluation) askEach(n int, s *step) {
	var parent *Item
	special := e.mixed || s.Configs != 0 || s.When.isOfItem() || s.Combine == fallback
	ownName := s.Type != resource.Cluster && s.Name.entry() == s.Name
	a, op, t, list := e.a, s.Operation, s.Type, s.Name.entry()
	items := e.out.Items
	for i := range items {
		it := &items[i]
		if it.Parent < 0 {
			parent = it
		}
		if it.list != list || !it.passes() || special && !e.concerns(s, it, parent) {
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
		} else if s.Combine != sufficient {
			e.deny(&s.Denied, it)
		}
		if e.over {
			return
		}
	}
}

// concerns reports whether a step applies to an entry that has passed so far. parent is
// the group or transaction that the entry belongs to, if it is another entry.
func (e *evaluation) concerns(s *step, it, parent *Item) bool {
	switch {
	case s.Configs != 0 && s.Configs&it.Config == 0:
		return false
	case s.Combine == fallback && it.passed.has(s.FallbackOf):
		return false
	case s.When.isOfItem() && !s.When.holdsFor(e.r, it):
		return false
	default:
		return parent == nil || parent.passes()
	}
}

// passes reports whether the entry has passed so far.
func (it *Item) passes() bool { return it.Code == None && it.flags&gone == 0 }

// asksFor asks a question that an entry depends on and that is not about the entry's
// own name.
func (e *evaluation) asksFor(s *step, it *Item) bool {
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
func (e *evaluation) deny(f *effect, it *Item) {
	scope := f.Scope
	if it.ByID {
		if f.HidesName {
			it.flags |= hidesName
			e.hides = true
		}
		if f.WhenByID != 0 {
			scope = f.WhenByID
		}
	}
	if e.r.AllTopics && f.WhenAll != 0 {
		scope = f.WhenAll
	}
	switch {
	case scope == ignored:
	case scope == leftOut:
		it.flags |= gone
		e.hides = true
		e.filtered++
	case f.Code == None:
		e.fail(None)
	case scope == fieldWithheld:
		it.ConfigCode = f.Code
	case scope == oneItem && e.r.Version >= f.WholeBelow:
		it.Code = f.Code
	default:
		e.fail(f.Code)
	}
}

// guard applies the guards that come after step n.
func (e *evaluation) guard(n int) {
	for i := range e.api.Guards {
		g := &e.api.Guards[i]
		if g.After != n || e.over || !e.reaches(g.Endpoint, g.MinVersion, g.MaxVersion) || !e.release.inForce(g.Since, g.Until) {
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

func (e *evaluation) guardEach(g *guard) {
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
