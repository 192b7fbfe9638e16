package gateway

import (
	"reflect"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// addressed are the responses that say where a broker or a controller is: the fields
// that have the addresses, "" for the response itself, and the first version with them.
var addressed = map[ops.APIKey]struct {
	fields      []string
	from        int16
	controllers bool // whose addresses they are
}{
	0: {[]string{"Brokers"}, 10, false}, 1: {[]string{"Brokers"}, 16, false}, 3: {[]string{"Brokers"}, 0, false},
	10: {[]string{"", "Coordinators"}, 0, false}, 60: {[]string{"Brokers"}, 0, false},
	78: {[]string{"NodeEndpoints"}, 0, false}, 79: {[]string{"NodeEndpoints"}, 0, false},
	52: {[]string{"NodeEndpoints"}, 1, true}, 53: {[]string{"NodeEndpoints"}, 1, true}, 54: {[]string{"NodeEndpoints"}, 1, true},
	55: {[]string{"Nodes"}, 2, true}, 59: {[]string{"NodeEndpoints"}, 1, true}, 82: {[]string{"CurrentLeader"}, 0, true},
}

// coordinatorNotAvailable is Kafka's answer where there is no coordinator to name.
const coordinatorNotAvailable ops.ErrorCode = 15

// addresses returns what replaces the addresses in the responses to a request, or nil
// if there are none.
func (g *Gateway) addresses(h Header) change {
	where, ok := addressed[h.Key]
	if !ok || h.Version < where.from || g.config.Address == nil {
		return nil
	}
	return func(resp kmsg.Response) (changed bool, err error) {
		of := Broker{NodeID: -1, Controller: where.controllers}
		if r, ok := resp.(*kmsg.DescribeClusterResponse); ok {
			of.Controller = r.EndpointType == controllerEndpoints
		}
		for _, field := range where.fields {
			v := reflect.ValueOf(resp).Elem()
			if field != "" {
				v = v.FieldByName(field)
			}
			changed = g.replaceAddresses(v, of) || changed
		}
		return changed, nil
	}
}

// controllerEndpoints is the endpoint type of DescribeCluster about controllers.
//
// Source: KIP-919.
const controllerEndpoints = 2

// replaceAddresses replaces the address in a structure, or those in a list of them, of
// which it takes out what is hidden. of is what is known of the broker so far: a
// controller has its number and, below it, the addresses of its listeners.
func (g *Gateway) replaceAddresses(v reflect.Value, of Broker) (changed bool) {
	if v.Kind() == reflect.Slice {
		shown := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			changed = g.replaceAddresses(v.Index(i), of) || changed
			if host := v.Index(i).FieldByName("Host"); !host.IsValid() || host.String() != "" || errorCodeOf(v.Index(i)) != 0 {
				shown = reflect.Append(shown, v.Index(i))
			}
		}
		if v.Len() != shown.Len() {
			v.Set(shown)
		}
		return changed
	}
	for _, name := range []string{"NodeID", "LeaderID"} {
		if id := v.FieldByName(name); id.IsValid() {
			of.NodeID = int32(id.Int())
		}
	}
	if listeners := v.FieldByName("Listeners"); listeners.IsValid() {
		return g.replaceAddresses(listeners, of)
	}
	host, port := v.FieldByName("Host"), v.FieldByName("Port")
	if host.String() == "" {
		return false // there is no broker, but an error
	}
	was := of
	if was.Host = host.String(); port.CanInt() {
		was.Port = int32(port.Int())
	} else {
		was.Port = int32(port.Uint())
	}
	is := g.config.Address(was)
	if is.Host == "" && v.FieldByName("ErrorCode").IsValid() {
		blank(v)
		setError(v, coordinatorNotAvailable)
		is.Port = -1
	}
	host.SetString(is.Host)
	if port.CanInt() {
		port.SetInt(int64(is.Port))
	} else {
		port.SetUint(uint64(uint16(is.Port)))
	}
	return is != was
}

// errorCodeOf returns the error code of an entry, or 0 if it has none.
func errorCodeOf(v reflect.Value) int64 {
	if code := v.FieldByName("ErrorCode"); code.IsValid() {
		return code.Int()
	}
	return 0
}
