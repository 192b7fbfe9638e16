package ops

import (
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// metadataLog is the topic that holds the cluster's metadata. No client may create it.
const metadataLog = "__cluster_metadata"

// condition says when a step is asked or a guard applies. The zero condition is always
// true. Conditions on the resource are evaluated for each resource of the list.
type condition int8

const (
	always condition = iota
	fromFollower
	fromClient
	atController
	transactionalRecords
	withTransactionalID
	withoutTransactionalID
	twoPhaseCommit
	wantsClusterOperations
	groupKeys
	transactionKeys
	shareKeys
	unknownKeys
	withoutProtocol
	topologyInvalid
	saslSession
	ownerIsAnother
	channelForbidden
	tokensDisabled
	renewerNotUser
	tokenMissing
	tokenExpired
	tokenOfOthers
	unknownConfigs
	featureDisabled
	principalUnreadable
	embeddedNotForwardable
	embeddedUnreadable
	// The conditions from here on are on one resource of a list.
	topicMissing
	topicExists
	topicToCreate
	topicInvalid
	topicInternal
	topicIsMetadataLog
	topicRepeated
	topicIDUnknown
	groupTopicsNamed
	groupTopicsAll
	configUnsupported
	configRepeated
	configInvalid
	configOfOtherNode
	configTopicMissing
	tokenNotOwn
)

var conditionNames = enum.Names{
	always:                 "always",
	fromFollower:           "the request is from a follower (its replica id is not negative)",
	fromClient:             "the request is from a consumer",
	atController:           "the client sent the request to a controller",
	transactionalRecords:   "the records are transactional",
	withTransactionalID:    "the transactional id is not null (it may be empty)",
	withoutTransactionalID: "the transactional id is null",
	twoPhaseCommit:         "the transactional id is not null and two-phase commit is requested",
	wantsClusterOperations: "the request wants the authorized operations of the cluster",
	groupKeys:              "the keys are groups",
	transactionKeys:        "the keys are transactional ids",
	shareKeys:              "the keys are partitions of share groups",
	unknownKeys:            "the key type is unknown",
	withoutProtocol:        "the protocol type or name is missing",
	topologyInvalid:        "the topology has a topic that is internal to Kafka or has an invalid name",
	saslSession:            "the connection has completed authentication",
	ownerIsAnother:         "the owner is given and is not the caller",
	channelForbidden:       "the caller has authenticated with a token; or the request is not forwarded, and its connection is plaintext, or TLS without a client certificate",
	tokensDisabled:         "delegation tokens are disabled",
	renewerNotUser:         "a renewer has a principal type other than User",
	tokenMissing:           "the token does not exist",
	tokenExpired:           "the token has expired",
	tokenOfOthers:          "the caller is neither the owner nor a renewer of the token",
	unknownConfigs:         "a resource has a type that has no configuration",
	featureDisabled:        "the feature is disabled",
	principalUnreadable:    "the forwarded principal cannot be read",
	embeddedNotForwardable: "the API of the embedded request is never forwarded",
	embeddedUnreadable:     "the embedded request cannot be parsed",
	topicMissing:           "the topic does not exist",
	topicExists:            "the topic exists",
	topicToCreate:          "the topic does not exist, is requested by name, and is to be created automatically",
	topicInvalid:           "the name is not a valid topic name",
	topicInternal:          "the topic is internal to Kafka",
	topicIsMetadataLog:     "the topic is the cluster's metadata log",
	topicRepeated:          "the request has the topic more than once",
	topicIDUnknown:         "no topic has the id",
	groupTopicsNamed:       "the request names topics of the group",
	groupTopicsAll:         "the request is for every topic of the group",
	configUnsupported:      "the request cannot alter resources of this type",
	configRepeated:         "the request has the resource more than once",
	configInvalid:          "a configuration is repeated or has no value",
	configOfOtherNode:      "the resource names another node",
	configTopicMissing:     "the topic does not exist",
	tokenNotOwn:            "the caller is not the owner, the requester or a renewer of the token",
}

// String returns c in words.
func (c condition) String() string { return conditionNames.String("Condition", int(c)) }

// MarshalText returns c in words. A value without words is an error.
func (c condition) MarshalText() ([]byte, error) {
	return conditionNames.MarshalText("Condition", int(c))
}

// isOfItem reports whether c is a condition on one resource of a list.
func (c condition) isOfItem() bool { return c >= topicMissing }

// holds reports whether a condition on the request is true. It is a switch, not a table
// of functions, so that the request does not escape to the heap.
func (c condition) holds(r *Request) bool {
	switch c {
	case always, saslSession:
		return true
	case fromFollower:
		return r.Follower
	case fromClient:
		return !r.Follower
	case atController:
		return r.Endpoint == Controller
	case transactionalRecords:
		return r.TransactionalRecords
	case withTransactionalID:
		return r.TransactionalID != nil
	case withoutTransactionalID:
		return r.TransactionalID == nil
	case twoPhaseCommit:
		return r.TransactionalID != nil && r.TwoPhaseCommit
	case wantsClusterOperations:
		return r.IncludeClusterOperations
	case groupKeys:
		return r.KeyType == GroupKey
	case transactionKeys:
		return r.KeyType == TransactionKey
	case shareKeys:
		return r.KeyType == ShareKey
	case unknownKeys:
		return r.KeyType < GroupKey || r.KeyType > ShareKey
	case withoutProtocol:
		return r.NoProtocol
	case topologyInvalid:
		return r.hasInvalidTopology()
	case unknownConfigs:
		return r.hasUnknownConfig()
	case featureDisabled:
		return r.FeatureDisabled
	case principalUnreadable:
		return r.Embedded == nil || r.Embedded.Principal == ""
	case embeddedUnreadable:
		return r.Embedded == nil || r.Embedded.Request == nil
	case embeddedNotForwardable:
		return r.Embedded != nil && r.Embedded.Request != nil && !r.Embedded.Request.forwardable()
	default:
		return c.holdsForTokens(r)
	}
}

// holdsForTokens reports whether a condition of the delegation token APIs is true. An
// unknown condition counts as true, which is the safe side: the guard refuses, or the
// step asks.
func (c condition) holdsForTokens(r *Request) bool {
	switch c {
	case ownerIsAnother:
		return r.Owner != "" && r.Owner != r.Caller.Principal
	case channelForbidden:
		return !r.Caller.mayUseTokens(r.Forwarded)
	case tokensDisabled:
		return r.TokensDisabled
	case renewerNotUser:
		return r.hasForeignRenewer()
	case tokenMissing:
		return len(r.Tokens) == 0
	case tokenExpired:
		return len(r.Tokens) != 0 && r.Tokens[0].Expired
	case tokenOfOthers:
		return len(r.Tokens) == 0 || !r.Tokens[0].mayBeRenewedBy(r.Caller.Principal)
	default:
		return true
	}
}

// concerns reports whether c is a condition on the entries of list.
func (c condition) concerns(list nameSource) bool {
	switch {
	case c >= tokenNotOwn:
		return list == eachToken
	case c >= configUnsupported:
		return list == eachConfig
	case c >= groupTopicsNamed:
		return list == eachGroupTopic
	default:
		return list == eachTopic || list == eachGroupTopic || list == eachTransactionTopic
	}
}

// holdsFor reports whether c, a condition on a resource, is true for one entry of the
// response.
func (c condition) holdsFor(r *Request, it *Item) bool {
	if !c.concerns(it.list) {
		return false
	}
	switch c {
	case topicMissing:
		return !r.topic(it).Exists
	case topicExists:
		return r.topic(it).Exists
	case topicToCreate:
		return !r.topic(it).Exists && !it.ByID // mayHold checks that the request creates topics
	case topicInvalid:
		return !resource.ValidTopicName(r.name(it))
	case topicInternal:
		return resource.InternalTopic(r.name(it))
	case topicIsMetadataLog:
		return r.name(it) == metadataLog
	case topicRepeated:
		return it.flags&repeated != 0
	case topicIDUnknown:
		return it.ByID && r.name(it) == ""
	case groupTopicsNamed:
		return !r.Groups[it.Parent].AllTopics
	case groupTopicsAll:
		return r.Groups[it.Parent].AllTopics
	case configUnsupported:
		return !it.Config.isOne()
	case configRepeated:
		return it.flags&repeated != 0
	case configInvalid:
		return r.Resources[it.Index].Invalid
	case configOfOtherNode:
		return r.Resources[it.Index].OtherNode
	case configTopicMissing:
		return !r.Resources[it.Index].Exists
	default:
		return !r.Tokens[it.Index].isKnownTo(r.Caller.Principal)
	}
}
