package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/portcullis-authz/portcullis/gateway/internal/hostport"
	"github.com/portcullis-authz/portcullis/ops"
)

const (
	// upstreamTimeout limits how long the upstream may take to set up a connection, and
	// to answer a question of the proxy itself. It is less than the request timeouts of
	// clients (30 s), so that they get an error instead of no answer.
	upstreamTimeout = 10 * time.Second
	// refreshInterval is how often the proxy asks for the list of brokers. Brokers in
	// an answer to a client are known from that answer.
	refreshInterval = 30 * time.Second
)

// maxUpstreamAnswer is the size of the largest answer to a question of the proxy itself, such
// as all ACLs (about ten million) or all topics. It is the most that franz-go allows.
const maxUpstreamAnswer = 1 << 30

// maxClientAnswer is the size of the largest answer to a question that a client makes the proxy
// ask, about some topics or streams groups: of 200,000 partitions. Nothing else counts it: a
// lane bounds how many there are at a time. Questions about topics name so few that their answers
// are much smaller; if one is not, it is asked again in halves.
const maxClientAnswer = 8 << 20

// tooLarge reports whether an answer was not read because of its size.
func tooLarge(err error) bool {
	return err != nil && strings.Contains(err.Error(), "BrokerMaxReadBytes") // franz-go has no error for it
}

// broker is a broker of the upstream.
type broker struct {
	address string
	// versions is what it serves. It is nil for a broker that is known from an answer
	// to a client only; then that of another broker stands for it.
	versions *kmsg.ApiVersionsResponse
}

// Cluster is what is known about a Kafka cluster, the upstream: its brokers and what they
// serve, which of them are down, and the names and ids of its topics. It asks on a connection
// of its own, over franz-go, with the identity of the program, and shows nobody anything: what
// a client may see decides package gateway. [Cluster.Knowledge] is what the gateway is to be given.
//
// It is safe for concurrent use. Create it with [NewCluster] and close it after use; the zero
// Cluster is not usable.
type Cluster struct {
	upstream *upstream
	client   *kgo.Client
	asks     *kgo.Client // for the questions of clients, with smaller answers
	log      *slog.Logger
	ctx      context.Context // until Close
	cancel   context.CancelFunc
	topics   topics
	tokens   *Tokens // nil if clients have no delegation tokens
	watch    watch

	mu      sync.RWMutex
	id      string           // of the upstream; "" if it has none
	brokers map[int32]broker // by node id
	down    map[int32]bool   // brokers that do not accept connections; some are not in brokers
}

// NewCluster returns a Cluster that is not connected yet and knows no broker: call Refresh.
// log receives what happens to brokers; nil means slog.Default. The error lists what is wrong
// with config.
func NewCluster(config Upstream, log *slog.Logger) (*Cluster, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.Default()
	}
	c := &Cluster{upstream: newUpstream(config), log: log, brokers: map[int32]broker{}, down: map[int32]bool{}}
	var err error
	if c.client, err = c.NewClient(asItIs); err != nil {
		return nil, err
	}
	if c.asks, err = c.NewClient(asItIs, kgo.BrokerMaxReadBytes(maxClientAnswer), kgo.FetchMaxBytes(maxClientAnswer)); err != nil { // which may not be more
		c.client.Close()
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.topics.all.width = mostQuestions
	return c, nil
}

// NewClient returns another client of the same cluster with the same login, also after
// [Cluster.Replace]. It is not connected yet. wrap is called with each connection, and what it
// returns is used instead. The caller closes the client.
func (c *Cluster) NewClient(wrap func(net.Conn) net.Conn, options ...kgo.Opt) (*kgo.Client, error) {
	u := c.upstream
	now := u.now.Load()
	options = append([]kgo.Opt{
		kgo.SeedBrokers(now.Brokers...),
		kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := u.connect(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return wrap(raw), nil
		}),
		kgo.ClientID("portcullis"),
		kgo.MaxVersions(kversion.Stable()),
		kgo.RetryTimeout(upstreamTimeout),
		kgo.RequestRetries(2),
		// A broker that goes away during the first request of a connection is one of several.
		kgo.AlwaysRetryEOF(),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.BrokerMaxReadBytes(maxUpstreamAnswer),
	}, options...)
	if now.SASL != nil {
		options = append(options, kgo.SASL(u))
	}
	return kgo.NewClient(options...)
}

// Close ends what is asked of the upstream, and the connection of c. Logins under way end
// before the mechanism is closed (see [Upstream]). It may be called again, and does not wait.
func (c *Cluster) Close() {
	c.cancel()
	c.client.Close()
	c.asks.Close()
	if c.tokens != nil {
		c.tokens.client.Close()
	}
	c.upstream.close()
}

// Warnings returns what is unsafe about the connections to the cluster as they are now.
func (c *Cluster) Warnings() []string { return c.upstream.now.Load().Warnings() }

// CanReplace returns an error if Replace cannot put config in the place of what is there:
// whether there is TLS, and the mechanism of the login, cannot change.
func (c *Cluster) CanReplace(config Upstream) error { return c.upstream.accepts(config) }

// Replace replaces the certificates and the login of the program at the cluster, for connections that
// begin later. config.Brokers does not count. Call CanReplace before; calls of both must not
// overlap.
func (c *Cluster) Replace(config Upstream) {
	c.upstream.replace(config)
	if c.tokens != nil {
		c.tokens.forget()
	}
}

// Refresh asks which brokers there are, and what each of them serves. It takes ten seconds at
// the most, and fails if no broker answers; then what was known stays.
func (c *Cluster) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upstreamTimeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // none
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	found := c.ask(ctx, response.Brokers)
	if len(found) == 0 {
		return errors.New("no broker answers")
	}
	for node, b := range c.replace(response.ClusterID, found, response.Brokers) {
		c.Suspect(node, b.address)
	}
	return nil
}

// ask asks all brokers in parallel which versions they serve, so that one that hangs
// does not delay the others, and returns those that answer. A broker that is down is
// known by its address only.
func (c *Cluster) ask(ctx context.Context, all []kmsg.MetadataResponseBroker) map[int32]broker {
	answers := make([]*kmsg.ApiVersionsResponse, len(all))
	var asking sync.WaitGroup
	for i, b := range all {
		asking.Go(func() {
			versions, err := c.versions(ctx, b.NodeID)
			if err != nil {
				c.Suspect(b.NodeID, hostport.Join(b.Host, b.Port))
				return
			}
			answers[i] = versions
		})
	}
	asking.Wait()
	found := map[int32]broker{}
	for i, b := range all {
		if answers[i] != nil {
			found[b.NodeID] = broker{address: hostport.Join(b.Host, b.Port), versions: answers[i]}
		}
	}
	return found
}

// replace stores the id of the upstream, if there is one, and the brokers that answered with
// their versions. It removes and returns the brokers that are not among all of the upstream.
func (c *Cluster) replace(id *string, found map[int32]broker, all []kmsg.MetadataResponseBroker) (gone map[int32]broker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != nil {
		c.id = *id
	}
	maps.Copy(c.brokers, found)
	gone = map[int32]broker{}
	for node := range c.brokers {
		if !slices.ContainsFunc(all, func(b kmsg.MetadataResponseBroker) bool { return b.NodeID == node }) {
			gone[node] = c.brokers[node]
			delete(c.brokers, node)
		}
	}
	return gone
}

// ID returns the id of the upstream, or "" if it is unknown.
func (c *Cluster) ID() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.id
}

// setDown notes whether a broker accepts connections.
func (c *Cluster) setDown(node int32, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if down {
		c.down[node] = true
	} else {
		delete(c.down, node)
	}
}

// Down returns how many brokers do not accept connections, of those that were suspected.
func (c *Cluster) Down() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.down)
}

// isUp reports whether a broker is known that is not down.
func (c *Cluster) isUp() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for node := range c.brokers {
		if !c.down[node] {
			return true
		}
	}
	return false
}

// versions asks a broker what it serves.
func (c *Cluster) versions(ctx context.Context, node int32) (*kmsg.ApiVersionsResponse, error) {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "portcullis", "1"
	response, err := request.RequestWith(ctx, c.client.Broker(int(node)))
	if err != nil {
		return nil, err
	}
	all := slices.Clone(response.ApiKeys)
	response.ApiKeys = slices.DeleteFunc(response.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
		key := ops.APIKey(k.ApiKey)
		return c.refuses(key, all) != "" || key == ops.SASLHandshakeKey || key == ops.SASLAuthenticateKey
	})
	// Clients log in at the proxy, regardless of the upstream.
	for _, r := range []kmsg.Request{kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()} {
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MaxVersion = r.Key(), r.MaxVersion()
		response.ApiKeys = append(response.ApiKeys, key)
	}
	return response, kerr.ErrorForCode(response.ErrorCode)
}

// Run refreshes every 30 s until ctx is done, and looks after brokers that are suspected to be
// down ([Cluster.Suspect]); without it nobody does. Call it only once. When it returns, none
// of the goroutines that it started is left.
func (c *Cluster) Run(ctx context.Context) {
	c.watch.begin(ctx)
	defer c.watch.end()
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.Refresh(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("upstream does not answer", "reason", err.Error())
				c.SuspectAll()
			}
		}
	}
}

// know remembers the address of a broker.
func (c *Cluster) know(node int32, address string) {
	c.mu.RLock()
	known := c.brokers[node]
	c.mu.RUnlock()
	if known.address == address {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known = c.brokers[node]
	known.address = address
	c.brokers[node] = known
}

// Any returns the node id of a broker for a connection that may lead to any, preferably of one
// that is up; -1 if none is known.
func (c *Cluster) Any() int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids := slices.Collect(maps.Keys(c.brokers))
	if up := slices.DeleteFunc(slices.Clone(ids), func(node int32) bool { return c.down[node] }); len(up) > 0 {
		ids = up
	}
	if len(ids) == 0 {
		return -1
	}
	return ids[rand.IntN(len(ids))]
}

// Nodes returns the node ids of the known brokers, in order.
func (c *Cluster) Nodes() []int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []int32
	for node := range c.brokers {
		ids = append(ids, node)
	}
	slices.Sort(ids)
	return ids
}

// served returns what a broker serves. The copy shares its lists.
func (c *Cluster) served(node int32) (kmsg.ApiVersionsResponse, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if b := c.brokers[node]; b.versions != nil {
		return *b.versions, true
	}
	for _, b := range c.brokers {
		if b.versions != nil {
			return *b.versions, true
		}
	}
	return kmsg.ApiVersionsResponse{}, false
}

// Versions returns what each broker serves, of those that have said it, as clients are shown it:
// with the requests of a login, and without what is never served. The answers share their lists.
func (c *Cluster) Versions() map[int32]kmsg.ApiVersionsResponse {
	c.mu.RLock()
	defer c.mu.RUnlock()
	found := make(map[int32]kmsg.ApiVersionsResponse, len(c.brokers))
	for node, b := range c.brokers {
		if b.versions != nil {
			found[node] = *b.versions
		}
	}
	return found
}

// Address returns the address (host:port) of a broker, and whether it is known.
func (c *Cluster) Address(node int32) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	b, ok := c.brokers[node]
	return b.address, ok
}

// serverName returns config for a connection to address.
func serverName(config *tls.Config, address string) *tls.Config {
	if config.ServerName != "" {
		return config
	}
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address)
	return config
}
