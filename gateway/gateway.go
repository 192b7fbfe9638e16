package gateway

import (
	"crypto/cipher"
	"errors"
	"fmt"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Config configures a Gateway. Only Store is required.
type Config struct {
	// Store holds the ACLs.
	Store *snapshot.Store
	// ACLs says how DescribeAcls, CreateAcls and DeleteAcls are handled.
	ACLs ACLHandling
	// MetadataVersion, if it is not zero, makes CreateAcls answer as a cluster with this
	// metadata version does: before 4.4-IV1 a network is UNSUPPORTED_VERSION.
	// It has no effect unless ACLs is ServeACLs.
	MetadataVersion acl.MetadataVersion
	// CredentialHandling says how DescribeUserScramCredentials and
	// AlterUserScramCredentials are handled.
	CredentialHandling CredentialHandling
	// Credentials returns the SCRAM credentials that clients log in with, by user;
	// ShowCredentials shows them. It is called for each request that asks for them, from
	// several goroutines at once; the map is only read. Nil means none.
	Credentials func() map[string][]Credential
	// Cluster provides what authorization needs and requests do not contain. Versions of APIs
	// that need what it does not provide are refused, and ApiVersions does not offer them, so
	// that clients use older ones: see [Facts]. Nil provides nothing, as NoCluster does.
	// Client.Cluster replaces it for one connection.
	Cluster Cluster
	// Address returns where clients find a broker. It replaces the addresses in
	// Metadata, FindCoordinator, DescribeCluster and all other responses that contain
	// one. An address without a host hides the broker: it is removed from every list,
	// and FindCoordinator answers COORDINATOR_NOT_AVAILABLE. With nil the addresses
	// stay unchanged, so that clients may bypass the gateway. An error, and a port above
	// 65535, become the error of [Plan.Response]: the client sees nothing of the response,
	// and the connection is to be closed. Response calls Address, from as many goroutines at
	// once as there are connections.
	Address func(Broker) (Broker, error)
	// NoAutoCreate says that the cluster does not create topics automatically
	// (auto.create.topics.enable=false). Then a client does not need Create to learn
	// that a topic is missing, and the gateway tells the cluster not to create any.
	NoAutoCreate bool
	// Audit receives the decisions that take effect, in the goroutines that call Forward and
	// Response of the plans: denials, and with a Level of DEBUG or lower also allows. Nil means
	// nobody; then no events are made. A request that is decided again reports only the
	// decisions of the plan that is used, and each question once. What is decided about when the
	// request is sent is reported by Forward, and what is decided about the response by
	// Response.
	//
	// A request has at most a few events for each of its entries and for each entry of
	// its response; Client.Events limits them. Names and client ids are cut at 4,096
	// bytes, and invalid UTF-8 in them is replaced by U+FFFD. For an Envelope that is itself
	// allowed, the events are about the principal and the request inside it.
	//
	// An allow that the Handler cannot record is denied: nothing is sent or shown, and
	// Response returns an error. A denial stands.
	Audit *audit.Auditor
	// Endpoint is what the gateway protects: brokers, which is also the meaning of 0,
	// or controllers.
	Endpoint ops.Endpoint
}

// Cluster provides facts about the cluster that authorization depends on and requests
// do not contain. It must be safe for concurrent use. The gateway asks it nothing for a
// client that is refused regardless of the answer. So neither work nor timing reveals
// anything to a client without rights.
type Cluster interface {
	// Provides returns which of the questions below the Cluster answers. It always returns the
	// same, and is called when a connection begins.
	Provides() Facts
	// TopicName returns the name of the topic with this id, and whether it is known. It
	// must answer from memory: it is called for each topic of most requests.
	TopicName(id [16]byte) (name string, ok bool)
	// FindTopics asks the cluster for the topics of ids that TopicName does not know.
	// Afterwards TopicName knows those that exist. A client may send any number of ids
	// that belong to no topic. The Cluster must limit how often it asks, by making the
	// client wait, and must limit that wait. Ids that are not found in time are
	// answered as unknown, and clients retry.
	FindTopics(ids [][16]byte)
	// LearnTopic receives the id and the name of a topic that a response of the cluster
	// contains. Clients use a new topic immediately.
	LearnTopic(id [16]byte, name string)
	// MissingTopics returns which of the topics do not exist now: it asks a broker
	// after it was called. If certain is false, any of the topics may be missing. It is
	// called where a missing topic needs another right, or changes the error of a
	// refusal. The client may describe all of the topics.
	MissingTopics(names []string) (missing []string, certain bool)
	// Topics returns the names of all topics, in any order, and a version number that
	// changes with them. The names should be at most a few seconds old; the caller does
	// not change them. ok is false if they are unknown. It is called when a group
	// member subscribes to a pattern, and again in the turn of the client if there are turns
	// (see Client.Turn). Then it should answer from memory, with what it returned before or
	// something newer: the client's other connections wait as well.
	Topics() (names []string, version uint64, ok bool)
	// StreamsTopology returns the current topics of a streams group: its source topics,
	// and the internal topics, which the coordinator creates if they are missing. A
	// code other than None says why they are unknown. A group that does not exist has
	// no topics. The client has Read on the group.
	StreamsTopology(group string) (sources, internal []string, code ops.ErrorCode)
}

// Facts is a set of what a Cluster provides. The zero Facts is nothing.
type Facts uint8

// The facts, and what is not served without them.
const (
	// TopicNames are the names of topic ids: TopicName, and FindTopics if not all of them are in
	// memory. Without them topics are identified by name only: Produce and Fetch up to
	// version 12, Metadata up to 11, OffsetCommit and OffsetFetch up to 9, DeleteTopics and
	// TxnOffsetCommit up to 5, and no share consumers (ShareFetch, ShareAcknowledge).
	TopicNames Facts = 1 << iota
	// TopicLists are the names of all topics: Topics. Without them consumers cannot subscribe to
	// patterns that the broker resolves: ConsumerGroupHeartbeat 0 only.
	TopicLists
	// StreamsTopologies are the topics of streams groups, and which topics exist: StreamsTopology
	// and MissingTopics. Without them there is no StreamsGroupHeartbeat.
	StreamsTopologies
	// AllFacts is all of them.
	AllFacts = TopicNames | TopicLists | StreamsTopologies
)

// NoCluster is a Cluster that knows nothing. Embed it in a Cluster that knows only some
// things, and say which in Provides.
type NoCluster struct{}

var _ Cluster = NoCluster{}

// Provides returns the zero Facts.
func (NoCluster) Provides() Facts { return 0 }

// TopicName knows no topic.
func (NoCluster) TopicName([16]byte) (string, bool) { return "", false }

// FindTopics finds nothing.
func (NoCluster) FindTopics([][16]byte) {}

// LearnTopic does nothing.
func (NoCluster) LearnTopic([16]byte, string) {}

// MissingTopics is never certain.
func (NoCluster) MissingTopics([]string) (missing []string, certain bool) { return nil, false }

// Topics does not know the topics.
func (NoCluster) Topics() (names []string, version uint64, ok bool) { return nil, 0, false }

// StreamsTopology does not know the group: COORDINATOR_NOT_AVAILABLE.
func (NoCluster) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, nil, ops.CoordinatorNotAvailable
}

// Broker is a broker or a controller in a response. The zero Broker is hidden.
type Broker struct {
	NodeID     int32
	Host       string
	Port       int32
	Controller bool // a controller of the quorum, as in DescribeQuorum
}

// ACLHandling says how requests that list and change ACLs are handled. The zero
// ACLHandling is ServeACLs. With every value, a client that may not describe or alter
// the cluster is refused.
type ACLHandling int8

const (
	// ServeACLs answers them from the store and changes the store. They never reach the
	// cluster. If the store follows a source ([snapshot.Store.Follow]), such as a file, the two
	// that change ACLs are refused as by ShowACLs: the next change of the file would drop what
	// clients created.
	ServeACLs ACLHandling = iota
	// ShowACLs answers DescribeAcls from the store, and refuses the other two with
	// POLICY_VIOLATION. Use it if the store follows a file.
	ShowACLs
	// ForwardACLs forwards them to the cluster. Use it if the store mirrors the ACLs of
	// the cluster, and only then: what clients create there must come into force here.
	ForwardACLs
)

// Gateway decides the requests of any number of connections. It is safe for
// concurrent use by any number of goroutines.
type Gateway struct {
	config   Config
	layouts  *layouts
	versions map[ops.APIKey]versionRange
	seal     cipher.AEAD // for cursors
}

// Store returns the store of ACLs of the configuration.
func (g *Gateway) Store() *snapshot.Store { return g.config.Store }

// serverOf returns the server that answers requests of key instead of the cluster, or
// nil.
func (g *Gateway) serverOf(key ops.APIKey) server {
	switch a := apiOf(key); {
	case a.serveACLs != nil && g.config.ACLs != ForwardACLs:
		return a.serveACLs
	case a.serveCredentials != nil && g.config.CredentialHandling != ForwardCredentials:
		return a.serveCredentials
	}
	return nil
}

// New returns a gateway. It returns an error if config has no store, or an unknown
// endpoint, ACLHandling or CredentialHandling.
func New(config Config) (*Gateway, error) {
	if config.Store == nil {
		return nil, errors.New("gateway: the configuration has no store of ACLs")
	}
	if config.Endpoint == 0 {
		config.Endpoint = ops.Broker
	}
	if config.Endpoint != ops.Broker && config.Endpoint != ops.Controller {
		return nil, fmt.Errorf("gateway: unknown endpoint %v: expected a broker or a controller", config.Endpoint)
	}
	if config.ACLs < ServeACLs || config.ACLs > ForwardACLs {
		return nil, fmt.Errorf("gateway: unknown ACLHandling(%d)", config.ACLs)
	}
	if h := config.CredentialHandling; h < ShowCredentials || h > ForwardCredentials {
		return nil, fmt.Errorf("gateway: unknown CredentialHandling(%d)", h)
	}
	return &Gateway{config: config, layouts: newLayouts(), versions: servedVersions(config.Endpoint), seal: newSeal()}, nil
}

// Client is the peer of a connection.
type Client struct {
	// Subject is the principal and the address of the peer. The zero Subject is an
	// unauthenticated peer: only its ApiVersions, SaslHandshake and SaslAuthenticate
	// requests are accepted, and [Conn.Request] returns an error for any other. A
	// Subject without a principal or without an address counts as the zero Subject.
	Subject snapshot.Subject
	// Protocol and TokenAuthenticated describe how the connection is secured. The
	// delegation token APIs depend on them.
	Protocol           ops.SecurityProtocol
	TokenAuthenticated bool
	// Cluster, if not nil, replaces Config.Cluster for this connection. It can ask the
	// broker that the connection leads to, and limit what one client may ask.
	Cluster Cluster
	// Tokens, if not nil, lets the client have delegation tokens of the cluster. The cluster must
	// serve version 3 of CreateDelegationToken and DescribeDelegationToken (Kafka 3.3). With nil the
	// requests about tokens are answered as by a cluster with tokens disabled.
	Tokens Tokens
	// Before, if not nil, is the connection's Conn before the peer authenticated again.
	// If the principal is the same, the new Conn keeps its sessions, its group members
	// and its Keep.
	Before *Conn
	// Keep, if not nil, limits the memory that the connection holds between requests: for
	// its share session and for the subscriptions of its group members. It is called when
	// that changes, with the new number of bytes, and reports whether they are granted. It
	// must grant fewer bytes than before. A session or subscription that is not granted is
	// refused with SHARE_SESSION_LIMIT_REACHED or COORDINATOR_LOAD_IN_PROGRESS, so that the
	// client tries again. Without Keep, a connection holds less than 2 MiB.
	Keep func(bytes int) bool
	// Events, if not nil, is asked before events are passed to Config.Audit. It returns how many
	// of a number of events of one request to pass; the others are dropped. Denials come
	// before allows.
	Events func(events int) int
	// Turn, if not nil, is called by [Conn.Request] for a request of a few bytes that takes
	// time or memory by what the cluster has: a heartbeat of a consumer group whose pattern
	// is to be read, and matched with all topics, or one of a streams group whose topology has more
	// than 1,000 topics. It waits until it is the turn of the client, calls decide once, and
	// returns true; or it returns false, and Request returns an error. With one turn at a
	// time for a principal, a principal occupies one core at the most, over any number of
	// connections. Without Turn, each connection may match patterns 16 times at once and
	// then once a second, at up to 0.3 s of a core each, and hold the topology of a group
	// while it asks the cluster about its topics: then limit the connections of a principal.
	// decide may ask the Cluster, and calls nothing else of the Client.
	Turn func(decide func()) bool
}
