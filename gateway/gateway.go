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
// says. Its answers should be as fresh as a broker's own metadata. It must be safe for
// concurrent use, and answer from memory: it is asked while requests wait.
type Cluster interface {
	// TopicName returns the name of the topic with the id, and whether there is one.
	TopicName(id [16]byte) (name string, ok bool)
	// HasTopic reports whether there is a topic of the name. It is asked about the
	// internal topics of a streams group: those that do not exist the cluster would
	// create, whoever asks for it. It is also asked where a refusal reads otherwise if
	// the topic is missing.
	HasTopic(name string) bool
	// Topics returns the names of all topics, in any order. It is asked where a group
	// member subscribes to a pattern. The slice is not changed.
	Topics() []string
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
	handling [len(requests)]handling // by API key
	seal     cipher.AEAD             // of cursors
}

// handling is what is done with the requests of an API, beside asking the questions of
// the protocol table. What is nil is not done.
type handling struct {
	serve     server // answers them instead of the cluster
	rewrite   rewriter
	filter    filter
	addresses *addresses
}

// handle fills the table of what is done with which requests.
func (g *Gateway) handle() {
	for key, serve := range aclServers {
		if g.config.ACLs != ForwardACLs {
			g.handling[key].serve = serve
		}
	}
	for key, serve := range credentialServers {
		if g.config.CredentialHandling != ForwardCredentials {
			g.handling[key].serve = serve
		}
	}
	for key, rewrite := range rewriters {
		g.handling[key].rewrite = rewrite
	}
	for key, filter := range filters {
		g.handling[key].filter = filter
	}
	for key, where := range addressed {
		if g.config.Address != nil {
			g.handling[key].addresses = where
		}
	}
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
	g := &Gateway{config: config, layouts: newLayouts(), versions: servedVersions(config.Endpoint), seal: newSeal()}
	g.handle()
	return g, nil
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
}
