package ops

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
)

// Authorizer answers the two questions that evaluating a request asks. It must
// answer both for one principal (with its groups) at one address, and from one
// state of the ACLs if the answer is to be consistent.
type Authorizer interface {
	// Allowed reports whether the operation is allowed on the resource.
	Allowed(op Operation, t resource.Type, name string) bool
	// AllowedAny reports whether the operation is allowed on some resource of the
	// type (Kafka's authorizeByResourceType).
	AllowedAny(op Operation, t resource.Type) bool
}

// Request is what a Kafka request asks for, as far as authorization goes: what
// is on the wire, and the state that decides what an answer would reveal. Fields
// that an API does not use are ignored. The zero Request is of no version of
// Produce that Kafka serves and is refused.
type Request struct {
	Key      APIKey
	Version  int16
	Endpoint Endpoint
	Caller   Caller
	// Forwarded says that the request came to a controller in an Envelope.
	Forwarded bool

	// Topics are the topics that the request names, or, with AllTopics, every
	// topic there is.
	Topics []Topic
	// AllTopics says that the request is for every topic: Metadata with a null
	// list (or an empty one in version 0), DescribeTopicPartitions with an empty
	// one.
	AllTopics bool

	// Group is the group of a request that has one.
	Group string
	// Groups are the groups of a request for several, or for ListGroups every
	// group of the coordinator.
	Groups []Holder

	// TransactionalID is the transactional id of a request that has one, or nil.
	TransactionalID *string
	// Transactions are the transactional ids of a request for several, with the
	// topics that are in the transaction; for ListTransactions, every one of the
	// coordinator.
	Transactions []Holder

	KeyType KeyType  // of FindCoordinator
	Keys    []string // of FindCoordinator; one below version 4

	Resources []ConfigResource // of the requests about configurations

	// Subscribed are the topics that a group heartbeat names: those that the
	// member subscribes to, or all that its streams topology uses.
	Subscribed []string
	// Matched are the topics that match the pattern which a group heartbeat
	// subscribes to.
	Matched []string
	// NewTopics are the internal topics that the coordinator wants to create for
	// a streams group.
	NewTopics []string

	// Tokens are the delegation tokens that the request is about: the one to
	// renew or to expire (none if there is no such token), or those of the owners
	// to describe.
	Tokens   []Token
	Owner    string   // the owner of the token to create, such as "User:bob"; "" for the caller
	Renewers []string // of the token to create

	// Embedded is what an Envelope carries.
	Embedded *Embedded

	Follower                 bool // Fetch: the replica id is not negative
	TransactionalRecords     bool // Produce: a batch is transactional
	NoResponse               bool // Produce: acks is 0
	TwoPhaseCommit           bool // InitProducerId: enable2Pc
	AllowAutoCreate          bool // Metadata: allowAutoTopicCreation; implied below version 4
	AutoCreateDisabled       bool // the broker's auto.create.topics.enable is false
	IncludeClusterOperations bool // the KIP-430 flag for the cluster
	IncludeOperations        bool // the KIP-430 flag for topics or groups
	NoProtocol               bool // SyncGroup: the protocol type or name is null
	TokensDisabled           bool // delegation tokens are switched off
	FeatureDisabled          bool // the group protocol that the request belongs to is switched off
}

// Caller is who sent a request, as far as the delegation token APIs look at it;
// the authorizer knows the caller for all else.
type Caller struct {
	Principal          string // such as "User:alice"
	TokenAuthenticated bool
	Protocol           SecurityProtocol
}

// SecurityProtocol is Kafka's code of how a connection is secured. The zero
// SecurityProtocol is Plaintext, which no delegation token request is accepted on.
type SecurityProtocol int8

// The security protocols, with Kafka's codes.
const (
	Plaintext     SecurityProtocol = 0
	SSL           SecurityProtocol = 1
	SASLPlaintext SecurityProtocol = 2
	SASLSSL       SecurityProtocol = 3
)

// anonymous is the principal of a connection without a client certificate.
const anonymous = "User:ANONYMOUS"

// mayUseTokens reports whether the connection may create and manage delegation
// tokens at all. The connection of a forwarded request is the broker's and is not
// looked at.
//
// Source: KafkaApis.allowTokenRequests, ControllerApis.allowTokenRequests.
func (c Caller) mayUseTokens(forwarded bool) bool {
	switch {
	case c.TokenAuthenticated:
		return false
	case forwarded:
		return true
	case c.Protocol == SSL:
		return c.Principal != anonymous
	default:
		return c.Protocol == SASLPlaintext || c.Protocol == SASLSSL
	}
}

// Topic is a topic of a request, named or by id.
type Topic struct {
	Name string // of a topic by id: the name that the id resolves to, "" if none
	ID   [16]byte
	ByID bool // the request has the id, not the name
	// Exists says that the topic exists. Where that is not known it must be left
	// false for Metadata, so that creating the topic is asked about.
	Exists bool
}

// Holder is a group or a transactional id with topics.
type Holder struct {
	Name string
	// Topics are the topics that the request names for the group, or those that
	// the holder has in its state: topics with a committed offset, topics that the
	// members are assigned, topics in the transaction.
	Topics    []Topic
	AllTopics bool // the request is for every topic of the group
}

// KeyType is Kafka's code of what the keys of FindCoordinator are.
type KeyType int8

// The key types, with Kafka's codes.
const (
	GroupKey       KeyType = 0
	TransactionKey KeyType = 1
	ShareKey       KeyType = 2
)

// ConfigResource is a resource whose configuration is asked for or altered.
type ConfigResource struct {
	Type      ConfigType
	Name      string
	Exists    bool // of a topic
	OtherNode bool // of a broker: the name is not that of the broker asked
	Invalid   bool // a configuration to alter is named twice, or has no value
}

// Token is a delegation token. Principals are written "User:bob".
type Token struct {
	ID        string
	Owner     string
	Requester string // who created it, if not the owner
	Renewers  []string
	Expired   bool
}

// mayBeRenewedBy reports whether a principal may renew or expire t: not the
// requester of a token for somebody else.
func (t *Token) mayBeRenewedBy(principal string) bool {
	return principal != "" && (principal == t.Owner || slices.Contains(t.Renewers, principal))
}

// isKnownTo reports whether a principal may see t without any ACL.
func (t *Token) isKnownTo(principal string) bool {
	return t.mayBeRenewedBy(principal) || principal != "" && principal == t.Requester
}

// Embedded is the request that an Envelope carries, with the client it is from.
type Embedded struct {
	Principal     string // "" if it cannot be read
	ClientAddress string
	Request       *Request // nil if it cannot be parsed
}

// forwardable reports whether an Envelope may carry r.
func (r *Request) forwardable() bool {
	api := row(r.Key)
	return api != nil && api.Forwardable
}

// everyConfig are the types of resources that have a configuration.
const everyConfig = TopicConfig | BrokerConfig | BrokerLoggerConfig | ClientMetricsConfig | GroupConfig

// isOne reports whether t is exactly one of the types that have a configuration.
func (t ConfigType) isOne() bool { return t&everyConfig == t && t != 0 && t&(t-1) == 0 }

// hasUnknownConfig reports whether a resource of r has a type without
// configuration.
func (r *Request) hasUnknownConfig() bool {
	return slices.ContainsFunc(r.Resources, func(c ConfigResource) bool { return !c.Type.isOne() })
}

// hasInvalidTopology reports whether a topic that a streams group uses is internal to
// Kafka or has a name that no topic can have.
func (r *Request) hasInvalidTopology() bool {
	return slices.ContainsFunc(r.Subscribed, func(name string) bool { return InternalTopic(name) || !ValidTopicName(name) })
}

// hasForeignRenewer reports whether a renewer of the token to create has a
// principal type other than User.
func (r *Request) hasForeignRenewer() bool {
	return slices.ContainsFunc(r.Renewers, func(p string) bool { return !strings.HasPrefix(p, "User:") })
}

// createsTopics reports whether the broker creates a missing topic that the
// request names.
func (r *Request) createsTopics() bool {
	return !r.AutoCreateDisabled && (r.AllowAutoCreate || r.Version < 4)
}

// topic returns the topic of r that an entry of the response is about.
func (r *Request) topic(it *Item) *Topic {
	switch it.list {
	case eachGroupTopic:
		return &r.Groups[it.Parent].Topics[it.Index]
	case eachTransactionTopic:
		return &r.Transactions[it.Parent].Topics[it.Index]
	default:
		return &r.Topics[it.Index]
	}
}

// name returns the name of the resource that an entry of the response is about.
func (r *Request) name(it *Item) string {
	if it.list == eachTopic { // apart, so that the commonest case is inlined
		return r.Topics[it.Index].Name
	}
	return r.otherName(it)
}

// otherName is name for the lists other than that of the topics.
func (r *Request) otherName(it *Item) string {
	switch it.list {
	case eachGroup:
		return r.Groups[it.Index].Name
	case eachTransaction:
		return r.Transactions[it.Index].Name
	case eachKey:
		return r.Keys[it.Index]
	case eachConfig:
		return r.Resources[it.Index].Name
	case eachToken:
		return r.Tokens[it.Index].ID
	default:
		return r.topic(it).Name
	}
}

// NameOf returns the name of the resource that an entry of the response is about,
// or "" if the name must not be shown. The entry must be of an outcome of r.
func (r *Request) NameOf(it *Item) string {
	if it.NameWithheld {
		return ""
	}
	return r.name(it)
}
