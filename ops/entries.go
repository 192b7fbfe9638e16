package ops

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
)

// list adds the entries of the response. At first all of them pass.
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
			e.listTopicSets(e.r.Groups, eachGroup, eachGroupTopic, true, l.WithTopics)
		case eachTransaction:
			e.listTopicSets(e.r.Transactions, eachTransaction, eachTransactionTopic, true, l.WithTopics)
		case eachTransactionTopic:
			e.listTopicSets(e.r.Transactions, eachTransaction, eachTransactionTopic, false, true)
		case eachKey:
			if !unknownKeys.holds(e.r) {
				e.listEach(eachKey, len(e.r.Keys), keyTypes[e.r.KeyType])
			}
		case eachConfig:
			e.listEach(eachConfig, len(e.r.Resources), resource.Unknown)
			for i := range e.r.Resources {
				e.out.Items[i].Config = e.r.Resources[i].Type
			}
		case eachToken:
			e.listEach(eachToken, len(e.r.Tokens), resource.DelegationToken)
		}
		break
	}
	for i := range e.api.Guards {
		if when := e.api.Guards[i].When; when == topicRepeated || when == configRepeated {
			e.markRepeated(when)
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

// listHolders adds an entry for each group or transaction, for each of its topics, or
// for both. The entry of a topic follows that of its group or transaction.
func (e *evaluation) listTopicSets(sets []TopicSet, parent, topic nameSource, self, topics bool) {
	size := len(sets)
	for i := range sets {
		size += len(sets[i].Topics)
	}
	items := make([]Item, 0, size)
	for i := range sets {
		if self {
			items = append(items, Item{Type: topicSetTypes[parent], list: parent, Index: int32(i), Parent: -1})
		}
		for j := 0; topics && j < len(sets[i].Topics); j++ {
			items = append(items, Item{Type: resource.Topic, list: topic, Index: int32(j), Parent: int32(i), ByID: sets[i].Topics[j].ByID})
		}
	}
	e.out.Items, e.mixed, e.hides = items, self && topics, self && topics
	e.someMissing, e.someByID = true, true
}

// keyTypes are the resource types of FindCoordinator's keys.
var keyTypes = [...]resource.Type{GroupKey: resource.Group, TransactionKey: resource.TransactionalID, ShareKey: resource.Unknown}

// listEach adds n entries for resources of one type.
func (e *evaluation) listEach(list nameSource, n int, t resource.Type) {
	e.out.Items = make([]Item, n)
	for i := range e.out.Items {
		e.out.Items[i] = Item{Type: t, list: list, Index: int32(i), Parent: -1}
	}
}

// markRepeated marks the topics, or the resources with a configuration, that occur more
// than once in the request. Only the APIs that refuse duplicates pay for it: four bytes
// per entry, because a request may have many.
func (e *evaluation) markRepeated(when condition) {
	order := make([]int32, 0, len(e.out.Items))
	for i := range e.out.Items {
		if when.concerns(e.out.Items[i].list) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(i, j int32) int { return e.compare(&e.out.Items[i], &e.out.Items[j]) })
	for n := 1; n < len(order); n++ {
		a, b := &e.out.Items[order[n-1]], &e.out.Items[order[n]]
		if e.compare(a, b) == 0 {
			a.flags |= repeated
			b.flags |= repeated
		}
	}
}

// compare orders entries by their resource: by the id of a topic that has one,
// otherwise by the name and the type of the configuration.
func (e *evaluation) compare(a, b *Item) int {
	switch {
	case a.ByID && b.ByID:
		x, y := e.r.topic(a).ID, e.r.topic(b).ID
		return bytes.Compare(x[:], y[:])
	case a.ByID:
		return 1
	case b.ByID:
		return -1
	}
	return cmp.Or(cmp.Compare(a.Config, b.Config), strings.Compare(e.r.name(a), e.r.name(b)))
}
