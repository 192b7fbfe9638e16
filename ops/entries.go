package ops

import "github.com/portcullis-authz/portcullis/resource"

// list makes the entries of the response, all of which pass as yet.
func (e *evaluation) list() {
	for i := range e.api.Items {
		l := &e.api.Items[i]
		if !e.reaches(l.Endpoint, l.MinVersion, l.MaxVersion) {
			continue
		}
		switch l.Of {
		case eachTopic:
			e.listTopics()
		case eachGroup:
			e.listHolders(e.r.Groups, eachGroup, eachGroupTopic, true, l.WithTopics)
		case eachTransaction:
			e.listHolders(e.r.Transactions, eachTransaction, eachTransactionTopic, true, l.WithTopics)
		case eachTransactionTopic:
			e.listHolders(e.r.Transactions, eachTransaction, eachTransactionTopic, false, true)
		case eachKey:
			e.listKeys()
		case eachConfig:
			e.listConfigs()
		case eachToken:
			e.listTokens()
		}
		break
	}
	for i := range e.api.Guards {
		if e.api.Guards[i].When == topicRepeated {
			e.markRepeated()
		}
	}
}

func (e *evaluation) listTopics() {
	items := make([]Item, len(e.r.Topics))
	missing, byID := false, false
	for i := range items {
		t, it := &e.r.Topics[i], &items[i]
		it.Type, it.list, it.Index, it.Parent = resource.Topic, eachTopic, int32(i), -1
		it.ByID = t.ByID
		missing, byID = missing || !t.Exists, byID || t.ByID
	}
	e.out.Items, e.someMissing, e.someByID = items, missing, byID
}

// listHolders makes an entry for each group or transaction, for each of its
// topics, or for both; an entry of a topic follows that of its holder.
func (e *evaluation) listHolders(holders []Holder, holder, topic NameSource, self, topics bool) {
	size := len(holders)
	for i := range holders {
		size += len(holders[i].Topics)
	}
	items := make([]Item, 0, size)
	for i := range holders {
		if self {
			items = append(items, Item{Type: holderTypes[holder], list: holder, Index: int32(i), Parent: -1})
		}
		for j := 0; topics && j < len(holders[i].Topics); j++ {
			items = append(items, Item{Type: resource.Topic, list: topic, Index: int32(j), Parent: int32(i), ByID: holders[i].Topics[j].ByID})
		}
	}
	e.out.Items, e.mixed, e.untidy = items, self && topics, self && topics
	e.someMissing, e.someByID = true, true
}

// keyTypes are the resource types of the keys of FindCoordinator.
var keyTypes = [...]resource.Type{GroupKey: resource.Group, TransactionKey: resource.TransactionalID, ShareKey: resource.Unknown}

func (e *evaluation) listKeys() {
	if unknownKeys.holds(e.r) {
		return
	}
	e.out.Items = make([]Item, len(e.r.Keys))
	for i := range e.r.Keys {
		e.out.Items[i] = Item{Type: keyTypes[e.r.KeyType], list: eachKey, Index: int32(i), Parent: -1}
	}
}

func (e *evaluation) listConfigs() {
	e.out.Items = make([]Item, len(e.r.Resources))
	for i := range e.r.Resources {
		c := &e.r.Resources[i]
		e.out.Items[i] = Item{Config: c.Type, list: eachConfig, Index: int32(i), Parent: -1}
	}
}

func (e *evaluation) listTokens() {
	e.out.Items = make([]Item, len(e.r.Tokens))
	for i := range e.r.Tokens {
		e.out.Items[i] = Item{Type: resource.DelegationToken, list: eachToken, Index: int32(i), Parent: -1}
	}
}

// markRepeated marks the topics that the request has more than once. Only the
// APIs that refuse such topics pay for the map.
func (e *evaluation) markRepeated() {
	type topic struct {
		name string
		id   [16]byte
	}
	first := make(map[topic]int, len(e.out.Items))
	for i := range e.out.Items {
		if !topicRepeated.concerns(e.out.Items[i].list) {
			continue
		}
		t := e.r.topic(&e.out.Items[i])
		key := topic{name: t.Name}
		if t.ByID {
			key = topic{id: t.ID}
		}
		if j, ok := first[key]; ok {
			e.out.Items[i].marks |= repeated
			e.out.Items[j].marks |= repeated
		} else {
			first[key] = i
		}
	}
}

// someItem reports whether a condition holds for an entry that passes so far.
func (e *evaluation) someItem(c Condition) bool {
	for i := range e.out.Items {
		if it := &e.out.Items[i]; it.passes() && c.holdsFor(e.r, it) {
			return true
		}
	}
	return false
}

// askEach asks about the resource of each entry that passes so far. A step that
// concerns every entry, and asks about its own name, goes the short way through
// the loop: Produce and Metadata name hundreds of topics.
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

// concerns reports whether a step asks about an entry that passes so far, which
// belongs to holder if that is another entry.
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

// passes reports whether nothing has been held against the entry so far.
func (it *Item) passes() bool { return it.Code == None && it.marks&gone == 0 }

// asksFor asks a question that one entry depends on and that is not about its own
// name.
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

// deny takes an effect on one entry.
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

// guard takes the effects of the guards that come after step n.
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
