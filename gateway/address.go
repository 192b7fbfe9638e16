package gateway

import (
	"reflect"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// addressed are the responses that say where a broker or a controller is: the field
// that has the addresses, "" for the response itself, and the first version that has it.
var addressed = map[ops.APIKey]struct {
	fields []string
	from   int16
}{
	0: {[]string{"Brokers"}, 10}, 1: {[]string{"Brokers"}, 16}, 3: {[]string{"Brokers"}, 0},
	10: {[]string{"", "Coordinators"}, 0}, 60: {[]string{"Brokers"}, 0},
	78: {[]string{"NodeEndpoints"}, 0}, 79: {[]string{"NodeEndpoints"}, 0},
	52: {[]string{"NodeEndpoints"}, 1}, 53: {[]string{"NodeEndpoints"}, 1}, 54: {[]string{"NodeEndpoints"}, 1},
	59: {[]string{"NodeEndpoints"}, 1}, 55: {[]string{"Nodes"}, 2}, 82: {[]string{"CurrentLeader"}, 0},
}

// addresses returns what replaces the addresses in the responses to a request, or nil
// if there are none.
func (g *Gateway) addresses(h Header) change {
	where, ok := addressed[h.Key]
	if !ok || h.Version < where.from || g.config.Address == nil {
		return nil
	}
	return func(resp kmsg.Response) (changed bool, err error) {
		for _, field := range where.fields {
			v := reflect.ValueOf(resp).Elem()
			if field != "" {
				v = v.FieldByName(field)
			}
			changed = g.replaceAddresses(v, -1) || changed
		}
		return changed, nil
	}
}

// replaceAddresses replaces the address in a structure, or those in a list of them. A
// controller has its number and, below it, the addresses of its listeners.
func (g *Gateway) replaceAddresses(v reflect.Value, node int32) (changed bool) {
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			changed = g.replaceAddresses(v.Index(i), node) || changed
		}
		return changed
	}
	for _, name := range []string{"NodeID", "LeaderID"} {
		if id := v.FieldByName(name); id.IsValid() {
			node = int32(id.Int())
		}
	}
	if listeners := v.FieldByName("Listeners"); listeners.IsValid() {
		return g.replaceAddresses(listeners, node)
	}
	host, port := v.FieldByName("Host"), v.FieldByName("Port")
	if host.String() == "" {
		return false // there is no broker, but an error
	}
	was := Broker{NodeID: node, Host: host.String()}
	if port.CanInt() {
		was.Port = int32(port.Int())
	} else {
		was.Port = int32(port.Uint())
	}
	is := g.config.Address(was)
	host.SetString(is.Host)
	if port.CanInt() {
		port.SetInt(int64(is.Port))
	} else {
		port.SetUint(uint64(uint16(is.Port)))
	}
	return is != was
}
