package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

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
// ask, about some topics or streams groups: of 200,000 partitions. Nothing else counts it, and a
// lane asks eight to one broker at a time. Questions about topics name so few that their answers
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

// cluster is what the proxy knows about the upstream, with the proxy's own client
// connection to it. It is safe for concurrent use.
type cluster struct {
	client *kgo.Client
	asks   *kgo.Client     // for the questions of clients, with smaller answers
	ctx    context.Context // until close
	cancel context.CancelFunc
	topics topics

	// missing is called with a known broker that has gone or does not answer.
	missing func(node int32, address string)

	mu      sync.RWMutex
	id      string           // of the upstream; "" if it has none
	brokers map[int32]broker // by node id
	down    map[int32]bool   // brokers that do not accept connections; some are not in brokers
}

// newClient returns a client of the upstream, which is not connected yet and connects by dial.
func (u *upstream) newClient(dial func(ctx context.Context, network, address string) (net.Conn, error), options ...kgo.Opt) (*kgo.Client, error) {
	now := u.now.Load()
	options = append([]kgo.Opt{
		kgo.SeedBrokers(now.Brokers...),
		kgo.Dialer(dial),
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

// newCluster returns what is not connected to the upstream yet, and knows no broker.
func newCluster(u *upstream) (*cluster, error) {
	client, err := u.newClient(u.connect)
	if err != nil {
		return nil, err
	}
	asks, err := u.newClient(u.connect, kgo.BrokerMaxReadBytes(maxClientAnswer), kgo.FetchMaxBytes(maxClientAnswer)) // which may not be more
	if err != nil {
		client.Close()
		return nil, err
	}
	c := &cluster{client: client, asks: asks, brokers: map[int32]broker{}, down: map[int32]bool{}, missing: func(int32, string) {}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// close ends what is asked of the upstream, and the connection. It may be called again.
func (c *cluster) close() {
	c.cancel()
	c.client.Close()
	c.asks.Close()
}

// refresh asks which brokers there are, and what each of them serves.
func (c *cluster) refresh(ctx context.Context) error {
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
		c.missing(node, b.address)
	}
	return nil
}

// ask asks all brokers in parallel which versions they serve, so that one that hangs
// does not delay the others, and returns those that answer. A broker that is down is
// known by its address only.
func (c *cluster) ask(ctx context.Context, all []kmsg.MetadataResponseBroker) map[int32]broker {
	answers := make([]*kmsg.ApiVersionsResponse, len(all))
	var asking sync.WaitGroup
	for i, b := range all {
		asking.Go(func() {
			versions, err := c.versions(ctx, b.NodeID)
			if err != nil {
				c.missing(b.NodeID, hostPort(b.Host, b.Port))
				return
			}
			answers[i] = versions
		})
	}
	asking.Wait()
	found := map[int32]broker{}
	for i, b := range all {
		if answers[i] != nil {
			found[b.NodeID] = broker{address: hostPort(b.Host, b.Port), versions: answers[i]}
		}
	}
	return found
}

// replace stores the id of the upstream, if there is one, and the brokers that answered with
// their versions. It removes and returns the brokers that are not among all of the upstream.
func (c *cluster) replace(id *string, found map[int32]broker, all []kmsg.MetadataResponseBroker) (gone map[int32]broker) {
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

// clusterID returns the id of the upstream, or "" if it is unknown.
func (c *cluster) clusterID() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.id
}

// setDown notes whether a broker accepts connections.
func (c *cluster) setDown(node int32, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if down {
		c.down[node] = true
	} else {
		delete(c.down, node)
	}
}

// countDown returns how many brokers are down.
func (c *cluster) countDown() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.down)
}

// isUp reports whether a broker is known that is not down.
func (c *cluster) isUp() bool {
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
func (c *cluster) versions(ctx context.Context, node int32) (*kmsg.ApiVersionsResponse, error) {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "portcullis", "1"
	response, err := request.RequestWith(ctx, c.client.Broker(int(node)))
	if err != nil {
		return nil, err
	}
	response.ApiKeys = slices.DeleteFunc(response.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool {
		key := ops.APIKey(k.ApiKey)
		_, refused := unserved[key]
		return refused || key == ops.SASLHandshakeKey || key == ops.SASLAuthenticateKey
	})
	// Clients log in at the proxy, regardless of the upstream.
	for _, r := range []kmsg.Request{kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()} {
		key := kmsg.NewApiVersionsResponseApiKey()
		key.ApiKey, key.MaxVersion = r.Key(), r.MaxVersion()
		response.ApiKeys = append(response.ApiKeys, key)
	}
	return response, kerr.ErrorForCode(response.ErrorCode)
}

// keepFresh refreshes until ctx is done.
func (c *cluster) keepFresh(ctx context.Context, report func(error)) {
	tick := time.NewTicker(refreshInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := c.refresh(ctx); err != nil && ctx.Err() == nil {
				report(err)
			}
		}
	}
}

// learn remembers the address of a broker that a response shows.
func (c *cluster) learn(node int32, host string, port int32) { c.know(node, hostPort(host, port)) }

// know remembers the address of a broker.
func (c *cluster) know(node int32, address string) {
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

// any returns the node id of a broker for a bootstrap connection, preferably of one
// that is up.
func (c *cluster) any() int32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ids := slices.Collect(maps.Keys(c.brokers))
	if up := slices.DeleteFunc(slices.Clone(ids), func(node int32) bool { return c.down[node] }); len(up) > 0 {
		ids = up
	}
	return ids[rand.IntN(len(ids))] // there is always one: see refresh
}

// nodes returns the node ids of the brokers.
func (c *cluster) nodes() []int32 {
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
func (c *cluster) served(node int32) (kmsg.ApiVersionsResponse, bool) {
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

func (c *cluster) address(node int32) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	b, ok := c.brokers[node]
	return b.address, ok
}

func hostPort(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
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
