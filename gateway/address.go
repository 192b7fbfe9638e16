package gateway

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// addresses says where a response has addresses of brokers or controllers.
type addresses struct {
	fields      []string // fields with addresses; "" is the response itself
	from        int16    // first version that has them
	controllers bool     // they are addresses of controllers
	// tagged says that the fields are tags of the response. A cluster usually omits
	// them: Produce and Fetch use them only to say that a leader has moved.
	tagged bool
}

// replaceIn replaces the addresses in a response, and reports whether it did.
func (a *addresses) replaceIn(resp kmsg.Response, g *Gateway) (changed bool) {
	of := Broker{NodeID: -1, Controller: a.controllers}
	if r, ok := resp.(*kmsg.DescribeClusterResponse); ok {
		of.Controller = r.EndpointType == controllerEndpoints
	}
	for _, field := range a.fields {
		v := reflect.ValueOf(resp).Elem()
		if field != "" {
			v = v.FieldByName(field)
		}
		changed = g.replaceAddresses(v, of) || changed
	}
	return changed
}

// controllerEndpoints is the endpoint type of DescribeCluster about controllers.
//
// Source: KIP-919.
const controllerEndpoints = 2

// replaceAddresses replaces the address in a structure, or the addresses in a list of
// structures. It removes list entries that are hidden. of is what is known about the
// broker so far: a controller's id comes first, the addresses of its listeners are in a
// list below it.
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
		return false // an error without a broker
	}
	was := of
	if was.Host = host.String(); port.CanInt() {
		was.Port = int32(port.Int())
	} else {
		was.Port = int32(port.Uint())
	}
	is := g.config.Address(was)
	if is.Host == "" && v.FieldByName("ErrorCode").IsValid() {
		gone := refusal{code: ops.CoordinatorNotAvailable}
		gone.blank(v)
		gone.set(v)
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

// errorCodeOf returns the error code of an entry, or 0 if it has no such field.
func errorCodeOf(v reflect.Value) int64 {
	if code := v.FieldByName("ErrorCode"); code.IsValid() {
		return code.Int()
	}
	return 0
}
