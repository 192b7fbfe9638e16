package gateway

import (
	"encoding/binary"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// versionRange is the versions of an API that the gateway serves.
type versionRange struct{ min, max int16 }

// twoPhaseCommitFrom is the first version of InitProducerId with the field that asks for
// a two-phase transaction.
//
// Source: KIP-939.
const twoPhaseCommitFrom = 6

// servedVersions returns, for every API of an endpoint, the versions that both the
// protocol table and kmsg know.
func servedVersions(endpoint ops.Endpoint) map[ops.APIKey]versionRange {
	served := make(map[ops.APIKey]versionRange)
	for _, api := range ops.APIs() {
		request := kmsg.RequestForKey(int16(api.Key))
		if request == nil || !slices.Contains(api.Listeners, endpoint) {
			continue
		}
		r := versionRange{api.MinVersion, min(api.MaxVersion, request.MaxVersion())}
		if api.Key == ops.InitProducerIDKey {
			r.max = min(r.max, twoPhaseCommitFrom-1)
		}
		if r.min <= r.max {
			served[api.Key] = r
		}
	}
	return served
}

// patternFrom is the first version of ConsumerGroupHeartbeat with the pattern of a subscription.
//
// Source: KIP-848, Kafka's ConsumerGroupHeartbeatRequest.
const patternFrom = 1

// served returns the versions of an API that the connection serves, and whether there are any:
// those that the gateway serves, without those that need what the Cluster does not provide.
func (c *Conn) served(key ops.APIKey) (served versionRange, ok bool) {
	served, ok = c.gateway.versions[key]
	if a := apiOf(key); a.needs&^c.facts != 0 {
		served.max = min(served.max, a.needsFrom-1)
	}
	return served, ok && served.min <= served.max
}

// serves reports whether the connection serves the API and version of a request.
func (c *Conn) serves(h Header) bool {
	served, ok := c.served(h.Key)
	return ok && h.Version >= served.min && h.Version <= served.max
}

// trimVersions removes the APIs and versions that the gateway would refuse from the
// cluster's answer, and adds those that it answers itself.
func (p *Plan) trimVersions(r *kmsg.ApiVersionsResponse) {
	shown := make([]kmsg.ApiVersionsResponseApiKey, 0, len(r.ApiKeys))
	for _, k := range r.ApiKeys {
		key := ops.APIKey(k.ApiKey)
		served, ok := p.conn.served(key)
		if !ok || p.gateway.serverOf(key) != nil {
			continue
		}
		k.MaxVersion = min(k.MaxVersion, served.max)
		lowest := max(k.MinVersion, served.min)
		if lowest > k.MaxVersion {
			continue
		}
		// librdkafka assumes that a broker whose oldest version of Produce is not 0
		// cannot compress. So Kafka advertises 0, although it serves only 3 and newer
		// (KAFKA-18659).
		if key != ops.ProduceKey {
			k.MinVersion = lowest
		}
		shown = append(shown, k)
	}
	for key, served := range p.gateway.versions {
		if p.gateway.serverOf(key) != nil && r.ErrorCode == 0 {
			k := kmsg.NewApiVersionsResponseApiKey()
			k.ApiKey, k.MinVersion, k.MaxVersion = int16(key), served.min, served.max
			shown = append(shown, k)
		}
	}
	slices.SortFunc(shown, func(a, b kmsg.ApiVersionsResponseApiKey) int { return int(a.ApiKey) - int(b.ApiKey) })
	r.ApiKeys = shown
	if r.Version < versionOfZeroFeatures {
		r.SupportedFeatures = slices.DeleteFunc(r.SupportedFeatures, func(f kmsg.ApiVersionsResponseSupportedFeature) bool { return f.MinVersion == 0 })
	}
}

// versionOfZeroFeatures is the first version of ApiVersions with features whose lowest
// version is 0. Java clients before 3.8 cannot read them.
//
// Source: KAFKA-17492.
const versionOfZeroFeatures = 4

// software is the allowed form of a client's software name and version.
//
// Source: KIP-511; Kafka's ApiVersionsRequest.
var software = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

// expectedFrom is the first version of ApiVersions in which a client says which cluster and
// which broker it expects.
//
// Source: KIP-1242.
const expectedFrom = 5

// readVersions refuses a client that does not identify its software, or that says only one
// of the cluster and the broker that it expects, as Kafka does.
//
// Source: Kafka's ApiVersionsRequest.isValid.
func readVersions(q *query, m *kmsg.ApiVersionsRequest) {
	switch {
	case m.Version >= 3 && (!software.MatchString(m.ClientSoftwareName) || !software.MatchString(m.ClientSoftwareVersion)),
		m.Version >= expectedFrom && (m.ClusterID == nil) != (m.NodeID == noNode):
		q.unservable = ops.InvalidRequest
	}
}

// noNode is the node id in an ApiVersions request of a client that expects no broker.
const noNode = -1

// rewriteVersions removes the cluster and the broker that a client expects. The gateway does
// not know which broker the client believes to be connected to, and the answer
// REBOOTSTRAP_REQUIRED of another one makes the client start anew.
func rewriteVersions(p *Plan, _ *ops.Outcome) (changed bool, err error) {
	m := p.query.message.(*kmsg.ApiVersionsRequest)
	changed = m.ClusterID != nil || m.NodeID != noNode
	m.ClusterID, m.NodeID = nil, noNode
	return changed, nil
}

// unknownApiVersions answers an ApiVersions request whose version is not served. The
// answer has version 0 and lists the served versions, so that the client can retry.
//
// Source: KIP-511; Kafka's ApiVersionsRequest.getErrorResponse.
func (g *Gateway) unknownApiVersions() kmsg.Response {
	r := kmsg.NewPtrApiVersionsResponse()
	r.ErrorCode = int16(ops.UnsupportedVersion)
	served := g.versions[ops.APIVersionsKey]
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = int16(ops.APIVersionsKey), served.min, served.max
	r.ApiKeys = append(r.ApiKeys, k)
	return r
}

// isVersionRefusal reports whether a response, which then has version 0, says that the
// cluster does not know the requested version of ApiVersions.
func isVersionRefusal(h Header, reply []byte) bool {
	return h.Key == ops.APIVersionsKey && len(reply) >= 6 && ops.ErrorCode(binary.BigEndian.Uint16(reply[4:])) == ops.UnsupportedVersion
}
