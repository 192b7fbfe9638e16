package ops

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
)

// Authorizer answers the two questions that the evaluation of a request asks. Both
// answers must be for one principal (with its groups) at one address. For consistent
// answers, both must use the same state of the ACLs.
type Authorizer interface {
	// Allowed reports whether the operation is allowed on the resource.
	Allowed(op Operation, t resource.Type, name string) bool
	// AllowedAny reports whether the operation is allowed on some resource of the type
	// (Kafka's authorizeByResourceType).
	AllowedAny(op Operation, t resource.Type) bool
}

// Request is the part of a Kafka request that matters for authorization: fields of the
// message, and the state that decides what a response would reveal. Fields that an API
// does not use are ignored. The zero Request is a Produce of a version that Kafka does
// not serve, and is refused.
type Request struct {
	Key      APIKey
	Version  int16
	Endpoint Endpoint
	// Release is that of the broker or controller that receives the request. A request of a
	// release that is none of the releases is refused.
	Release Release
	Caller  Caller
	// Forwarded says that the controller received the request in an Envelope.
	Forwarded bool

	// Topics are the topics in the request, or every existing topic if AllTopics is
	// set.
	Topics []Topic
	// AllTopics says that the request is for every topic: Metadata with a null list (or
	// an empty one in version 0), DescribeTopicPartitions with an empty one.
	AllTopics bool

	// Group is the group of a request that has a single group.
	Group string
	// Groups are the groups of a request for several. For ListGroups they are all
	// groups of the coordinator.
	Groups []TopicSet

	// TransactionalID is the transactional id of a request that has one, or nil.
	TransactionalID *string
	// Transactions are the transactional ids of a request for several, each with the
	// topics in its transaction. For ListTransactions they are all those of the
	// coordinator.
	Transactions []TopicSet

	KeyType KeyType  // of FindCoordinator
	Keys    []string // of FindCoordinator; one below version 4

	Resources []ConfigResource // of the requests about configurations

	// Subscribed are the topics in a group heartbeat: those that the member subscribes
	// to, or all that its streams topology uses.
	Subscribed []string
	// Matched are the topics that match the pattern in a group heartbeat.
	Matched []string
	// NewTopics are the internal topics that the coordinator wants to create for
	// a streams group.
	NewTopics []string

	// Tokens are the delegation tokens of the request: the one to renew or to expire
	// (none if it does not exist), or those of the owners to describe.
	Tokens   []Token
	Owner    string   // the owner of the token to create, such as "User:bob"; "" for the caller
	Renewers []string // of the token to create

	// Embedded is the content of an Envelope.
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
	TokensDisabled           bool // delegation tokens are disabled
	FeatureDisabled          bool // the group protocol of the request is disabled
}

// Caller is the client that sent a request. Only the delegation token APIs use it; for
// all else the authorizer knows the client.
type Caller struct {
	Principal          string // such as "User:alice"
	TokenAuthenticated bool
	Protocol           SecurityProtocol
}

// SecurityProtocol is the security of a connection, by Kafka's name. The zero
// SecurityProtocol is unknown; like Plaintext, it may send no request about delegation
// tokens.
type SecurityProtocol string

// The security protocols.
const (
	Plaintext     SecurityProtocol = "PLAINTEXT" // every client is User:ANONYMOUS
	SSL           SecurityProtocol = "SSL"       // clients are identified by their certificates
	SASLPlaintext SecurityProtocol = "SASL_PLAINTEXT"
	SASLSSL       SecurityProtocol = "SASL_SSL"
)

// anonymous is the principal of a connection without a client certificate.
const anonymous = "User:ANONYMOUS"

// mayUseTokens reports whether the connection may create and manage delegation tokens
// at all. The connection of a forwarded request is the broker's and does not count.
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

// Topic is a topic in a request, given by name or by id.
type Topic struct {
	Name string // for a topic by id: the name of the topic with that id, or ""
	ID   [16]byte
	ByID bool // the request has the id instead of the name
	// Exists says that the topic exists. If that is unknown, leave it false for
	// Metadata, so that Create is asked for.
	Exists bool
}

// Holder is a group or a transactional id with its topics.
type TopicSet struct {
	Name string
	// Topics are the topics of the group in the request, or those in the state of the
	// group or transaction: topics with a committed offset, topics assigned to members,
	// topics in the transaction.
	Topics    []Topic
	AllTopics bool // the request is for every topic of the group
}

// KeyType is Kafka's code for the kind of FindCoordinator's keys.
type KeyType int8

// ConfigResource is a resource whose configuration is read or changed.
type ConfigResource struct {
	Type      ConfigType
	Name      string
	Exists    bool // for a topic
	OtherNode bool // for a broker: the name is not that of the receiving broker
	Invalid   bool // a configuration to change is repeated, or has no value
}

// Token is a delegation token. Principals have the form "User:bob".
type Token struct {
	ID        string
	Owner     string
	Requester string // the principal that created it, if not the owner
	Renewers  []string
	Expired   bool
}

// mayBeRenewedBy reports whether a principal may renew or expire t. The requester of a
// token for another owner may not.
func (t *Token) mayBeRenewedBy(principal string) bool {
	return principal != "" && (principal == t.Owner || slices.Contains(t.Renewers, principal))
}

// isKnownTo reports whether a principal may see t without any ACL.
func (t *Token) isKnownTo(principal string) bool {
	return t.mayBeRenewedBy(principal) || principal != "" && principal == t.Requester
}

// Embedded is the request in an Envelope, with the client that sent it.
type Embedded struct {
	Principal     string // "" if it cannot be parsed
	ClientAddress string
	Request       *Request // nil if it cannot be parsed
}

// forwardable reports whether an Envelope may carry r.
func (r *Request) forwardable() bool {
	api := row(r.Key)
	return api != nil && api.Forwardable
}

// everyConfig are the kinds of resources that have a configuration.
const everyConfig = TopicConfig | BrokerConfig | BrokerLoggerConfig | ClientMetricsConfig | GroupConfig

// isOne reports whether t is a single kind.
func (t ConfigType) isOne() bool { return t&everyConfig == t && t != 0 && t&(t-1) == 0 }

// hasUnknownConfig reports whether a resource of r is of a kind that has no
// configuration.
func (r *Request) hasUnknownConfig() bool {
	return slices.ContainsFunc(r.Resources, func(c ConfigResource) bool { return !c.Type.isOne() })
}

// hasInvalidTopology reports whether a topic of a streams group is internal to Kafka or
// has an invalid name.
func (r *Request) hasInvalidTopology() bool {
	return slices.ContainsFunc(r.Subscribed, func(name string) bool { return resource.InternalTopic(name) || !resource.ValidTopicName(name) })
}

// hasForeignRenewer reports whether a renewer of the token to create has a
// principal type other than User.
func (r *Request) hasForeignRenewer() bool {
	return slices.ContainsFunc(r.Renewers, func(p string) bool { return !strings.HasPrefix(p, "User:") })
}

// createsTopics reports whether the broker creates missing topics for the request.
func (r *Request) createsTopics() bool {
	return !r.AutoCreateDisabled && (r.AllowAutoCreate || r.Version < 4)
}

// topic returns the topic of an entry of the response.
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

// name returns the name of the resource of an entry of the response.
func (r *Request) name(it *Item) string {
	if it.list == eachTopic { // handled here, so that the commonest case is inlined
		return r.Topics[it.Index].Name
	}
	return r.otherName(it)
}

// otherName is name for lists other than eachTopic.
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

// NameOf returns the name of the resource of an entry of the response, or "" if the
// name must not be shown. The entry must be from an outcome of r.
func (r *Request) NameOf(it *Item) string {
	if it.NameWithheld {
		return ""
	}
	return r.name(it)
}
