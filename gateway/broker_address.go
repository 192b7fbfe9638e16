package gateway

import (
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// addresses says where a response has addresses of brokers or controllers.
type addresses struct {
	// replace replaces them, and reports whether it changed any. It removes entries of
	// lists that are hidden. The error is that of Config.Address.
	replace func(*Gateway, kmsg.Response) (changed bool, err error)
	from    int16 // first version that has them
	// tagged says that they are in tags of the response. A cluster usually omits them:
	// Produce and Fetch use them only to say that a leader has moved.
	tagged bool
}

// brokersIn returns an addresses.replace for a list of brokers. broker returns the id of
// one and the places of its host and port.
func brokersIn[R kmsg.Response, B any](list func(R) *[]B, broker func(*B) (int32, *string, *int32)) func(*Gateway, kmsg.Response) (bool, error) {
	return func(g *Gateway, resp kmsg.Response) (bool, error) { return replaceIn(g, list(resp.(R)), false, broker) }
}

// controllersIn is brokersIn for controllers.
func controllersIn[R kmsg.Response, B any](list func(R) *[]B, controller func(*B) (int32, *string, *uint16)) func(*Gateway, kmsg.Response) (bool, error) {
	return func(g *Gateway, resp kmsg.Response) (bool, error) {
		return replaceIn(g, list(resp.(R)), true, controller)
	}
}

// replaceIn replaces the addresses in a list, and removes those that are hidden.
func replaceIn[B any, P int32 | uint16](g *Gateway, list *[]B, controllers bool, at func(*B) (int32, *string, *P)) (changed bool, err error) {
	shown := make([]B, 0, len(*list))
	for i := range *list {
		id, host, port := at(&(*list)[i])
		did, err := replaceAddress(g, Broker{NodeID: id, Controller: controllers}, host, port)
		if err != nil {
			return false, err
		}
		changed = changed || did
		if *host != "" {
			shown = append(shown, (*list)[i])
		}
	}
	*list = shown
	return changed, nil
}

// replaceAddress replaces an address, unless it is empty because the cluster has no
// broker to name.
func replaceAddress[P int32 | uint16](g *Gateway, of Broker, host *string, port *P) (changed bool, err error) {
	if *host == "" {
		return false, nil
	}
	was := of
	was.Host, was.Port = *host, int32(*port)
	is, err := g.config.Address(was)
	switch {
	case err != nil:
		return false, fmt.Errorf("the address of node %d: %w", of.NodeID, err)
	case is.Host != "" && (is.Port < 0 || is.Port > math.MaxUint16):
		return false, fmt.Errorf("the address of node %d: Config.Address returns port %d, expected 0 to 65535", of.NodeID, is.Port)
	}
	*host, *port = is.Host, P(is.Port)
	return is != was, nil
}

// replaceCoordinators replaces the addresses in a FindCoordinator response. A
// coordinator that is hidden is not available.
func replaceCoordinators(g *Gateway, resp kmsg.Response) (changed bool, err error) {
	r := resp.(*kmsg.FindCoordinatorResponse)
	changed, err = replaceCoordinator(g, &r.NodeID, &r.Host, &r.Port, &r.ErrorCode)
	if err != nil {
		return false, err
	}
	shown := make([]kmsg.FindCoordinatorResponseCoordinator, 0, len(r.Coordinators))
	for i := range r.Coordinators {
		c := &r.Coordinators[i]
		did, err := replaceCoordinator(g, &c.NodeID, &c.Host, &c.Port, &c.ErrorCode)
		if err != nil {
			return false, err
		}
		changed = changed || did
		if c.Host != "" || c.ErrorCode != 0 {
			shown = append(shown, *c)
		}
	}
	r.Coordinators = shown
	return changed, nil
}

func replaceCoordinator(g *Gateway, id *int32, host *string, port *int32, code *int16) (changed bool, err error) {
	had := *host != ""
	changed, err = replaceAddress(g, Broker{NodeID: *id}, host, port)
	if err == nil && had && *host == "" {
		*id, *port, *code = -1, -1, int16(ops.CoordinatorNotAvailable)
	}
	return changed, err
}

// controllerEndpoints is the endpoint type of DescribeCluster about controllers.
//
// Source: KIP-919.
const controllerEndpoints = 2

// replaceCluster replaces the addresses in a DescribeCluster response.
func replaceCluster(g *Gateway, resp kmsg.Response) (changed bool, err error) {
	r := resp.(*kmsg.DescribeClusterResponse)
	return replaceIn(g, &r.Brokers, r.EndpointType == controllerEndpoints, func(b *kmsg.DescribeClusterResponseBroker) (int32, *string, *int32) {
		return b.NodeID, &b.Host, &b.Port
	})
}

// replaceQuorum replaces the addresses of the listeners of each controller in a
// DescribeQuorum response.
func replaceQuorum(g *Gateway, resp kmsg.Response) (changed bool, err error) {
	r := resp.(*kmsg.DescribeQuorumResponse)
	for i := range r.Nodes {
		node := &r.Nodes[i]
		did, err := replaceIn(g, &node.Listeners, true, func(l *kmsg.DescribeQuorumResponseNodeListener) (int32, *string, *uint16) {
			return node.NodeID, &l.Host, &l.Port
		})
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	return changed, nil
}

// replaceLeader replaces the address in an UpdateRaftVoter response.
func replaceLeader(g *Gateway, resp kmsg.Response) (changed bool, err error) {
	leader := &resp.(*kmsg.UpdateRaftVoterResponse).CurrentLeader
	return replaceAddress(g, Broker{NodeID: leader.LeaderID, Controller: true}, &leader.Host, &leader.Port)
}
