package ops

import (
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// nameSource says which resources of a request a step asks about. The zero
// nameSource is the cluster.
type nameSource int8

const (
	theCluster nameSource = iota
	anyResource
	theGroup
	theTransactionalID
	theOwner
	subscribedTopics
	matchedTopics
	newTopics
	// The sources from here on are lists whose resources can have their own entries in
	// the response.
	eachTopic
	eachGroup
	eachGroupTopic
	eachMemberTopic
	eachTransaction
	eachTransactionTopic
	eachKey
	eachConfig
	eachToken
	eachTokenOwner
)

var nameSourceNames = enum.Names{
	theCluster:           "the cluster",
	anyResource:          "any resource of the type",
	theGroup:             "the group",
	theTransactionalID:   "the transactional id",
	theOwner:             "the owner of the new token",
	subscribedTopics:     "all topics that the member subscribes to or its topology names",
	matchedTopics:        "each topic that matches the subscribed pattern",
	newTopics:            "all topics that the coordinator wants to create",
	eachTopic:            "each topic",
	eachGroup:            "each group",
	eachGroupTopic:       "each topic of each group",
	eachMemberTopic:      "the topics that the members of each group are assigned",
	eachTransaction:      "each transactional id",
	eachTransactionTopic: "each topic of each transaction",
	eachKey:              "each key",
	eachConfig:           "each resource",
	eachToken:            "each token",
	eachTokenOwner:       "the owner of each token",
}

// The methods are like those of condition: what they share is in enum.Names.

// String returns a description of n, such as "each topic of each group".
func (n nameSource) String() string { return nameSourceNames.String("NameSource", int(n)) }

// MarshalText returns the description of n. A value without one is an error.
func (n nameSource) MarshalText() ([]byte, error) {
	return nameSourceNames.MarshalText("NameSource", int(n))
}

// entry returns the list of entries that the verdict on n applies to. For the topics of
// group members it is the groups, for token owners it is the tokens, otherwise it is n.
func (n nameSource) entry() nameSource {
	switch n {
	case eachMemberTopic:
		return eachGroup
	case eachTokenOwner:
		return eachToken
	default:
		return n
	}
}

// isList reports whether the resources of n can have entries in the response.
func (n nameSource) isList() bool { return n >= eachTopic && nameSourceNames.Known(int(n)) }

// holderTypes are the resource types of the lists whose resources have topics.
var topicSetTypes = [...]resource.Type{
	eachGroup:       resource.Group,
	eachTransaction: resource.TransactionalID,
}
