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
	e.out.Items = make([]Item, len(e.r.Topics))
	for i := range e.out.Items {
		t, it := &e.r.Topics[i], &e.out.Items[i]
		it.Type, it.list, it.Index, it.Parent = resource.Topic, eachTopic, int32(i), -1
		it.Name, it.ByID = t.Name, t.ByID
	}
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
		h := &holders[i]
		if self {
			items = append(items, Item{Type: entryTypes[holder], list: holder, Index: int32(i), Parent: -1, Name: h.Name})
		}
		for j := 0; topics && j < len(h.Topics); j++ {
			t := &h.Topics[j]
			items = append(items, Item{Type: resource.Topic, list: topic, Index: int32(j), Parent: int32(i), Name: t.Name, ByID: t.ByID})
		}
	}
	e.out.Items = items
}

// keyTypes are the resource types of the keys of FindCoordinator.
var keyTypes = [...]resource.Type{GroupKey: resource.Group, TransactionKey: resource.TransactionalID, ShareKey: resource.Unknown}

func (e *evaluation) listKeys() {
	if unknownKeys.holds(e.r) {
		return
	}
	e.out.Items = make([]Item, len(e.r.Keys))
	for i, key := range e.r.Keys {
		e.out.Items[i] = Item{Type: keyTypes[e.r.KeyType], list: eachKey, Index: int32(i), Parent: -1, Name: key}
	}
}

func (e *evaluation) listConfigs() {
	e.out.Items = make([]Item, len(e.r.Resources))
	for i := range e.r.Resources {
		c := &e.r.Resources[i]
		e.out.Items[i] = Item{Config: c.Type, list: eachConfig, Index: int32(i), Parent: -1, Name: c.Name}
	}
}

func (e *evaluation) listTokens() {
	e.out.Items = make([]Item, len(e.r.Tokens))
	for i := range e.r.Tokens {
		e.out.Items[i] = Item{Type: resource.DelegationToken, list: eachToken, Index: int32(i), Parent: -1, Name: e.r.Tokens[i].ID}
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
		t := e.r.topic(&e.out.Items[i])
		key := topic{name: t.Name}
		if t.ByID {
			key = topic{id: t.ID}
		}
		if j, ok := first[key]; ok {
			e.out.Items[i].repeated, e.out.Items[j].repeated = true, true
		} else {
			first[key] = i
		}
	}
}

// someItem reports whether a condition holds for an entry that passes so far.
func (e *evaluation) someItem(c Condition) bool {
	for i := range e.out.Items {
		if it := &e.out.Items[i]; it.Code == None && !it.gone && c.holdsFor(e.r, it) {
			return true
		}
	}
	return false
}

// askEach asks about the resource of each entry that passes so far.
func (e *evaluation) askEach(n int, s *Step) {
	entry, holderPasses := s.Name.entry(), true
	for i := 0; i < len(e.out.Items); i++ { // a failure of the whole request empties the list
		it := &e.out.Items[i]
		if it.Parent < 0 {
			holderPasses = it.passes()
		}
		switch {
		case it.list != entry || !holderPasses || !it.passes():
		case s.Configs != 0 && s.Configs&it.Config == 0:
		case s.When.isOfItem() && !s.When.holdsFor(e.r, it):
		case s.Combine == Fallback && it.passed.has(s.FallbackOf):
		case e.asksFor(s, it):
			it.passed |= 1 << (n - 1)
		case s.Combine == Sufficient:
		default:
			e.deny(&s.Denied, it)
		}
	}
}

// passes reports whether nothing has been held against the entry so far.
func (it *Item) passes() bool { return it.Code == None && !it.gone }

// asksFor asks a question about the resource of one entry.
func (e *evaluation) asksFor(s *Step, it *Item) bool {
	switch {
	case s.Type == resource.Cluster:
		return e.a.Allowed(s.Operation, s.Type, resource.ClusterName)
	case s.Name == eachTokenOwner:
		return e.a.Allowed(s.Operation, s.Type, e.r.Tokens[it.Index].Owner)
	case s.Name == eachMemberTopic:
		topics := e.r.Groups[it.Index].Topics
		for i := range topics {
			if !e.a.Allowed(s.Operation, s.Type, topics[i].Name) {
				return false
			}
		}
		return true
	default:
		return e.a.Allowed(s.Operation, s.Type, it.Name)
	}
}

// deny takes an effect on one entry.
func (e *evaluation) deny(f *Effect, it *Item) {
	scope := f.Scope
	if it.ByID {
		it.hides = it.hides || f.HidesName
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
		it.gone = true
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
			e.guardEach(g)
		case !g.When.holds(e.r):
		case g.Configs != 0:
			e.guardEach(g)
		default:
			e.refuse(&g.Effect)
		}
	}
}

func (e *evaluation) guardEach(g *Guard) {
	for i := 0; i < len(e.out.Items); i++ { // as in askEach
		it := &e.out.Items[i]
		if it.passes() && (g.Configs == 0 || g.Configs&it.Config != 0) && (!g.When.isOfItem() || g.When.holdsFor(e.r, it)) {
			e.deny(&g.Effect, it)
		}
	}
}
