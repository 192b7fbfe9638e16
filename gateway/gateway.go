package gateway

import (
	"crypto/cipher"
	"errors"
	"fmt"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Config says what a Gateway decides by. Only Store is required.
type Config struct {
	// Store holds the ACLs.
	Store *snapshot.Store
	// ACLs says what becomes of DescribeAcls, CreateAcls and DeleteAcls.
	ACLs ACLHandling
	// CredentialHandling says what becomes of DescribeUserScramCredentials and
	// AlterUserScramCredentials.
	CredentialHandling CredentialHandling
	// Credentials are the SCRAM credentials that clients log in with, by user, which
	// ShowCredentials shows. It must not be changed any more.
	Credentials map[string][]Credential
	// Cluster knows what a request does not say. Without it no topic id is known, so
	// that every topic that a request names by id is refused, and no topic exists.
	// Client.Cluster replaces it for a connection.
	Cluster Cluster
	// Address returns where clients find a broker: it replaces the addresses in
	// Metadata, FindCoordinator, DescribeCluster and wherever else a response shows
	// one. One without a host hides the broker: it is left out of every list, and is
	// COORDINATOR_NOT_AVAILABLE in FindCoordinator. Nil leaves all as they are, so that
	// clients may go past the gateway. It is called by [Plan.Response] and must be safe
	// for concurrent use.
	Address func(Broker) Broker
	// NoAutoCreate says that the cluster creates no topics that are only named, as its
	// auto.create.topics.enable does. No client then needs Create to be told that a
	// topic is missing, and the cluster is told to create none.
	NoAutoCreate bool
	// Endpoint is what the gateway stands in front of: brokers, which is what 0
	// means, or controllers.
	Endpoint ops.Endpoint
}

// Cluster knows about the cluster what authorization depends on and no request
// says. It must be safe for concurrent use. The gateway asks nothing of it for a client
// that is refused without the answer, so that neither work nor time shows what there is
// to a client without rights.
type Cluster interface {
	// TopicName returns the name of the topic with the id, and whether it is known. It
	// answers from memory: it is asked for each topic of most requests.
	TopicName(id [16]byte) (name string, ok bool)
	// FindTopics asks the cluster for topics with ids that TopicName does not know.
	// Afterwards TopicName knows those that there are. A client may send any number of
	// ids that are no topic's: the Cluster bounds how often it asks, by making the client
	// wait, and how long that is. Ids that are not found in time are answered as unknown,
	// on which clients try again.
	FindTopics(ids [][16]byte)
	// LearnTopic is told the id and the name of a topic that a response of the cluster
	// shows. Clients use a new topic at once.
	LearnTopic(id [16]byte, name string)
	// MissingTopics returns which of some topics do not exist, as of now: it asks a broker
	// after it was called. If certain is false, any of the topics may be missing. It is
	// asked where another right is needed if a topic is missing, and where a refusal reads
	// otherwise; the client may describe all of the topics.
	MissingTopics(names []string) (missing []string, certain bool)
	// Topics returns the names of all topics, in any order, with a number that changes
	// with them. The names should be no older than a few seconds. They are not changed. It
	// is false if they are not known. It is asked where a group member subscribes to a
	// pattern.
	Topics() (names []string, version uint64, ok bool)
	// StreamsTopology returns the topics of a streams group as of now: those that it reads
	// and the internal ones, which the coordinator creates where they are missing. A code
	// other than None says why they are not known. A group that does not exist has none.
	// The client may read the group.
	StreamsTopology(group string) (sources, internal []string, code ops.ErrorCode)
}

// NoCluster is a Cluster that knows nothing. A Cluster that knows only some things embeds
// it: what it does not know is refused.
type NoCluster struct{}

var _ Cluster = NoCluster{}

// TopicName knows no topic.
func (NoCluster) TopicName([16]byte) (string, bool) { return "", false }

// FindTopics finds nothing.
func (NoCluster) FindTopics([][16]byte) {}

// LearnTopic forgets the topic.
func (NoCluster) LearnTopic([16]byte, string) {}

// MissingTopics is not certain of anything.
func (NoCluster) MissingTopics([]string) (missing []string, certain bool) { return nil, false }

// Topics does not know the topics.
func (NoCluster) Topics() (names []string, version uint64, ok bool) { return nil, 0, false }

// StreamsTopology does not know the group: COORDINATOR_NOT_AVAILABLE.
func (NoCluster) StreamsTopology(string) (sources, internal []string, code ops.ErrorCode) {
	return nil, nil, ops.CoordinatorNotAvailable
}

// Broker is where a response says that a broker is, or a controller. The zero Broker is
// hidden.
type Broker struct {
	NodeID     int32
	Host       string
	Port       int32
	Controller bool // a controller of the quorum, as in DescribeQuorum
}

// ACLHandling says what becomes of the requests that list and change ACLs. The zero
// ACLHandling is ServeACLs. Whatever it is, who may not describe or alter the cluster
// is refused.
type ACLHandling int8

const (
	// ServeACLs answers them from the store and changes the store. They never reach
	// the cluster.
	ServeACLs ACLHandling = iota
	// ShowACLs answers DescribeAcls from the store, and refuses the others with
	// POLICY_VIOLATION: for stores that follow a file.
	ShowACLs
	// ForwardACLs sends them to the cluster: for stores that mirror those of the
	// cluster.
	ForwardACLs
)

// Gateway decides the requests of any number of connections. It is safe for
// concurrent use by any number of goroutines.
type Gateway struct {
	config   Config
	layouts  *layouts
	versions map[ops.APIKey]versionRange
	seal     cipher.AEAD // of cursors
}

// serverOf returns what answers requests of key instead of the cluster, or nil.
func (g *Gateway) serverOf(key ops.APIKey) server {
	switch a := apiOf(key); {
	case a.serveACLs != nil && g.config.ACLs != ForwardACLs:
		return a.serveACLs
	case a.serveCredentials != nil && g.config.CredentialHandling != ForwardCredentials:
		return a.serveCredentials
	}
	return nil
}

// New returns a gateway. It is an error if config has no store, or an endpoint, an
// ACLHandling or a CredentialHandling that is none.
func New(config Config) (*Gateway, error) {
	if config.Store == nil {
		return nil, errors.New("gateway: the configuration has no store of ACLs")
	}
	if config.Endpoint == 0 {
		config.Endpoint = ops.Broker
	}
	if config.Endpoint != ops.Broker && config.Endpoint != ops.Controller {
		return nil, fmt.Errorf("gateway: %v is no endpoint: expected a broker or a controller", config.Endpoint)
	}
	if config.ACLs < ServeACLs || config.ACLs > ForwardACLs {
		return nil, fmt.Errorf("gateway: ACLHandling(%d) is none", config.ACLs)
	}
	if h := config.CredentialHandling; h < ShowCredentials || h > ForwardCredentials {
		return nil, fmt.Errorf("gateway: CredentialHandling(%d) is none", h)
	}
	return &Gateway{config: config, layouts: newLayouts(), versions: servedVersions(config.Endpoint), seal: newSeal()}, nil
}

// Client is the peer of a connection.
type Client struct {
	// Subject is who sends the requests, and from where. The zero Subject is of a peer
	// that is not authenticated yet: of its requests only ApiVersions, SaslHandshake and
	// SaslAuthenticate are taken, and any other is an error of [Conn.Request]. A Subject
	// without a principal or without an address counts as the zero Subject.
	Subject snapshot.Subject
	// Protocol and TokenAuthenticated say how the connection is secured, which the
	// delegation token APIs look at.
	Protocol           ops.SecurityProtocol
	TokenAuthenticated bool
	// Cluster, if not nil, is asked for this connection in place of that of Config: it
	// can ask the broker that the connection leads to, and bound what one client asks.
	Cluster Cluster
	// Before, if not nil, is the Conn of the connection until the peer authenticated
	// again. What it remembers of sessions and of members of groups goes on if the peer is
	// the same principal.
	Before *Conn
}
