//go:build !js

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/client"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const (
	// mostBytes limits one response of a broker. An ACL takes about a hundred bytes, so it is
	// more than two million ACLs: twice as many as the engine is measured with. A broker, or
	// whatever answers at its address, must not fill the memory.
	mostBytes = 256 << 20
	// retries is how often a request is sent again. A broker that restarts is replaced by
	// another one; a cluster that is down is reported, not waited for.
	retries = 3
	// dialTimeout is how long one broker may take to accept a connection.
	//
	// Source: Kafka's socket.connection.setup.timeout.ms.
	dialTimeout = 10 * time.Second
	// mostErrorText is how much of an error is shown. It may have text of a broker.
	mostErrorText = 1 << 10
	// mostIDText is how much of the id of a cluster is shown. Kafka's have 22 characters.
	mostIDText = 64
	// atOnce is how many brokers are asked at the same time.
	atOnce = 8
)

// Cluster is a connection to a cluster. It must be closed.
type Cluster struct {
	client  *kgo.Client
	servers string
	config  *client.Config
}

// Connect reads the properties and prepares the connection. It does not connect.
func (f *Flags) Connect() (*Cluster, error) {
	addresses, err := f.addresses()
	if err != nil {
		return nil, err
	}
	config, err := client.Read(&properties.Resolved{}, "", os.ReadFile)
	if f.config.Given && err == nil {
		config, err = client.ReadFile(f.config.Text, f.cmd.InOrStdin(), os.Getenv("KRB5_CONFIG"), properties.Resolve, os.ReadFile)
	}
	if err != nil {
		return nil, err
	}
	options := append(config.Options(), kgo.SeedBrokers(addresses...), kgo.ClientID("portcullis"), kgo.RequestRetries(retries), kgo.DialTimeout(dialTimeout),
		kgo.BrokerMaxReadBytes(mostBytes), kgo.RequestTimeoutOverhead(config.Timeout), kgo.RetryTimeout(config.Timeout), kgo.DisableClientMetrics())
	c, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	return &Cluster{c, f.servers.Text, config}, nil
}

// Close closes the connections.
func (c *Cluster) Close() { c.client.Close() }

// Principal returns who this client is to the cluster, or the zero principal if the brokers'
// rules decide that.
func (c *Cluster) Principal() principal.Principal { return c.config.Principal }

// State is what a cluster shows of itself.
type State struct {
	// Servers are the addresses that were given.
	Servers string
	// ID is the id of the cluster.
	ID string
	// Supported is the newest metadata version that one of the brokers supports, which shows
	// the release; Finalized is that of the cluster. With ZooKeeper they are zero.
	Supported, Finalized acl.MetadataVersion
	// Set has the ACLs. Those with codes of a later release are apart.
	formats.Set
}

// Semantics returns the semantics of the cluster's authorizer.
func (s *State) Semantics() snapshot.Semantics { return gateway.SemanticsOf(s.Supported) }

// Release returns the release of the brokers, such as "4.4".
func (s *State) Release() string {
	if s.Supported == 0 {
		return "with ZooKeeper, or before 3.3"
	}
	release, _, _ := strings.Cut(s.Supported.String(), "-")
	return release
}

// String describes the cluster in a line, without its ACLs.
func (s *State) String() string {
	text := "cluster " + lines.Printable(s.ID) + " at " + lines.Printable(s.Servers) + ", Kafka " + s.Release()
	if s.Finalized != 0 && s.Finalized != s.Supported {
		text += " with metadata version " + s.Finalized.String()
	}
	return text
}

// Read reads the release and all ACLs. It takes at most default.api.timeout.ms. An error
// names the next step.
func (c *Cluster) Read(ctx context.Context) (*State, error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	s := &State{Servers: c.servers}
	if _, err := c.describe(ctx, s); err != nil {
		return nil, c.explain(err)
	}
	request, err := kmsgacl.DescribeRequest(acl.AnyBinding)
	if err != nil {
		return nil, err
	}
	response, err := request.RequestWith(ctx, c.client)
	if err == nil {
		s.Set, err = bindings(response)
	}
	if err != nil {
		return nil, c.explain(err)
	}
	return s, nil
}

// limit ends a call after default.api.timeout.ms.
func (c *Cluster) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.config.Timeout)
}

// bindings returns the ACLs in a response.
func bindings(r *kmsg.DescribeACLsResponse) (s formats.Set, err error) {
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil { // explain knows what to do about it
		return s, err
	}
	s.ACLs, err = kmsgacl.DescribeBindings(r)
	later, ok := errors.AsType[*kmsgacl.UnknownError](err)
	if !ok {
		return s, err
	}
	for _, b := range later.ACLs {
		s.Apart = append(s.Apart, formats.Apart{ACL: b, Where: "the cluster", Word: unknownCode(b)})
	}
	return s, nil
}

// unknownCode says which part of an ACL has a code that is not known.
func unknownCode(b acl.Binding) string {
	switch {
	case b.Pattern.Type == resource.Unknown:
		return "resource type UNKNOWN"
	case b.Pattern.PatternType == resource.PatternUnknown:
		return "pattern type UNKNOWN"
	case b.Entry.Operation == ops.Unknown:
		return "operation UNKNOWN"
	}
	return "permission type UNKNOWN"
}

// describe fills in the id and the versions of the cluster, and returns its brokers. A broker
// that cannot be reached does not count, unless none can.
func (c *Cluster) describe(ctx context.Context, s *State) (brokers []int32, err error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	m, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	if m.ClusterID != nil {
		s.ID = lines.Cut(*m.ClusterID, mostIDText)
	}
	var mu sync.Mutex
	answered := false
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, b := range m.Brokers {
		brokers = append(brokers, b.NodeID)
		group.Go(func() error {
			versions := kmsg.NewPtrApiVersionsRequest()
			versions.ClientSoftwareName, versions.ClientSoftwareVersion = "portcullis", "1"
			response, err := c.client.Broker(int(b.NodeID)).Request(ctx, versions)
			if err != nil {
				return err
			}
			supported, finalized := gateway.MetadataVersions(response.(*kmsg.ApiVersionsResponse))
			mu.Lock()
			defer mu.Unlock()
			answered = true
			s.Supported, s.Finalized = max(s.Supported, supported), max(s.Finalized, finalized)
			return nil
		})
	}
	err = group.Wait()
	if answered {
		return brokers, nil
	}
	return brokers, err
}

// inForce calls seen with the ACLs that each of some brokers has in force, until one of the
// calls fails. The calls may overlap.
func (c *Cluster) inForce(ctx context.Context, brokers []int32, seen func(broker int32, acls []acl.Binding) error) error {
	var group errgroup.Group
	group.SetLimit(2) // a response can be large
	for _, b := range brokers {
		group.Go(func() error {
			request, err := kmsgacl.DescribeRequest(acl.AnyBinding)
			if err != nil {
				return err
			}
			response, err := c.client.Broker(int(b)).RetriableRequest(ctx, request)
			if err != nil {
				return fmt.Errorf("broker %d: %w", b, err)
			}
			list, err := bindings(response.(*kmsg.DescribeACLsResponse))
			if err != nil {
				return fmt.Errorf("broker %d: %w", b, err)
			}
			return seen(b, list.ACLs)
		})
	}
	return group.Wait()
}

// MayAlter reports whether the cluster lets this client alter ACLs, by its own word. known is
// false if the cluster does not say.
func (c *Cluster) MayAlter(ctx context.Context) (may, known bool, err error) {
	ctx, cancel := c.limit(ctx)
	defer cancel()
	request := kmsg.NewPtrDescribeClusterRequest()
	request.IncludeClusterAuthorizedOperations = true
	response, err := request.RequestWith(ctx, c.client)
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err != nil {
		return false, false, c.explain(err)
	}
	// A client that may not describe the cluster is told nothing.
	operations := response.ClusterAuthorizedOperations
	return operations&(1<<ops.Alter) != 0, operations > 0, nil
}

// explain adds the next step to an error.
func (c *Cluster) explain(err error) error {
	var step string
	eof := new(kgo.ErrFirstReadEOF)
	var dial *net.OpError
	switch {
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		step = c.grant()
	case errors.Is(err, kerr.SecurityDisabled):
		step = "the cluster has no authorizer, so that everyone may do everything: set authorizer.class.name at the brokers"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		step = "the listener does not have this sasl.mechanism: use one of its sasl.enabled.mechanisms in --command-config"
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		step = "the cluster refuses the login: check sasl.jaas.config in --command-config"
	case errors.Is(err, kerr.IllegalSaslState):
		step = "the listener has no SASL, or expects it: check security.protocol in --command-config"
	case strings.Contains(err.Error(), "large response size"): // franz-go has no type for it
		step = fmt.Sprintf("a response may have at most %d bytes; whatever is at this address may be no Kafka broker, or speak TLS: check security.protocol in --command-config", mostBytes)
	case errors.As(err, &eof), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		step = "the broker closed the connection: check that security.protocol in --command-config is that of the listener"
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "):
		step = "check security.protocol, ssl.truststore.location and ssl.keystore.location in --command-config"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		step = fmt.Sprintf("no answer within %v: check the address, and that security.protocol in --command-config is that of the listener; %s in it sets the time", c.config.Timeout, "default.api.timeout.ms")
	case errors.As(err, &dial):
		step = "no broker can be reached: check the address and that the brokers' advertised.listeners can be reached from here"
	}
	text := fmt.Sprintf("cluster at %s: %s", lines.Printable(c.servers), lines.Cut(err.Error(), mostErrorText))
	if step != "" {
		text += ": " + step
	}
	return errors.New(text)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// grant says how this client gets the right to read ACLs.
func (c *Cluster) grant() string {
	who := "User:NAME"
	if p := c.Principal(); !p.IsZero() {
		who = lines.Printable(p.String())
	}
	return "the client needs Describe on the cluster to read ACLs, and Alter to change them: kafka-acls --add --allow-principal " + who + " --operation Describe --cluster"
}
