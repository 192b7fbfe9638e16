package ops

import (
	"slices"

	"github.com/portcullis-authz/portcullis/resource"
)

// table is the protocol table: one row for each API key, in order of the keys. Rows are
// written out even where they look alike: each is compared with one handler of Kafka, and
// the next release may change one of them alone.
var table = slices.Concat(
	produceAPIs, consumerAPIs, groupAPIs, shareAPIs, transactionAPIs, topicAPIs,
	configAPIs, clusterAPIs, connectionAPIs, tokenAPIs, quorumAPIs, removedAPIs,
)

// rows holds the index in table of each API key, or -1 for a key without a row.
var rows = index(table)

// maxKey is the highest API key that the table can have. It bounds the size of rows;
// Kafka 4.4 has 95 keys.
const maxKey = 255

func index(table []API) [maxKey + 1]int16 {
	var rows [maxKey + 1]int16
	for k := range rows {
		rows[k] = int16(slices.IndexFunc(table, func(api API) bool { return int(api.Key) == k }))
	}
	return rows
}

// row returns the row of key, or nil. The row must not be changed.
func row(key APIKey) *API {
	if key < ProduceKey || key > maxKey || rows[key] < 0 {
		return nil
	}
	return &table[rows[key]]
}

// APIs returns the protocol table: a row for each API key of Kafka 4.4, and for the
// keys 4 to 7, which Kafka 4.0 removed, in order of the keys. The rows have the steps and
// guards of all releases; [APIsIn] returns those of one. The caller owns the rows.
func APIs() []API {
	var apis []API
	for key := range APIKey(maxKey + 1) {
		if api := row(key); api != nil {
			apis = append(apis, api.clone())
		}
	}
	return apis
}

// Lookup returns the row of an API key, and whether there is one. The caller owns the
// row.
func Lookup(key APIKey) (api API, ok bool) {
	if found := row(key); found != nil {
		return found.clone(), true
	}
	return API{}, false
}

// The places in a response where the error of a whole request can be, as in
// [API.Placement].
const (
	topLevel          = "the error code of the response"
	everyPartition    = "every partition of the request; the response has no error code of its own"
	topAndPartitions  = "the error code of the response, and every partition"
	perTopic          = "each topic"
	perGroup          = "each group"
	perResource       = "each resource"
	groupTopThenParts = "for the group: the error code of the response; for a topic: each of its partitions"
	neverAnError      = "nowhere: a denial is never an error"
)

// The functions below build rows, so that each row states only what is specific to it.

var (
	onBroker     = []Endpoint{Broker}
	onController = []Endpoint{Controller}
	onBoth       = []Endpoint{Broker, Controller}
)

// brokerAPI returns the row of a request to a broker that asks one question. If the
// question is about each resource of a list, the response has an entry for each.
func brokerAPI(key APIKey, minVersion, maxVersion int16, s step, handler, placement string) API {
	api := API{
		Key: key, MinVersion: minVersion, MaxVersion: maxVersion, Listeners: onBroker, Handlers: []string{handler},
		Documented: documents(s.Operation.on(s.Type)), Steps: []step{s}, Placement: placement,
	}
	if s.PerItem {
		api.Items = []itemList{{Of: s.Name}}
	}
	return api
}

// forwardedAPI returns the row of a request that a broker forwards to the controller, which
// asks for one operation on the cluster.
func forwardedAPI(key APIKey, minVersion, maxVersion int16, op Operation, handler, placement string) API {
	api := brokerAPI(key, minVersion, maxVersion, requireCluster(op).at(Controller), handler, placement)
	api.Listeners, api.Forwarded, api.Forwardable = onBoth, true, true
	return api
}

func (api API) guarded(guards ...guard) API { api.Guards = guards; return api }

// newer says that a version came with a release.
func (api API) newer(version int16, r Release) API {
	api.Newer = append(api.Newer, newerVersion{version, r})
	return api
}

// newIn says that the API came with a release.
func (api API) newIn(r Release) API { api.Since = r; return api }
func (api API) showsOperations(f operationField) API {
	api.OperationFields = []operationField{f}
	return api
}
func (api API) differs(differences ...string) API { api.Differences = differences; return api }
func (api API) notes(notes ...string) API         { api.Notes = notes; return api }

// documents lists the permissions in Kafka's documentation.
func documents(permissions ...Permission) []Permission { return permissions }

// on returns a permission on a resource type.
func (o Operation) on(t resource.Type) Permission { return Permission{o, t} }

// require returns a step whose denial fails the whole request with the error of the
// resource type.
func require(op Operation, t resource.Type, from nameSource, path string) step {
	return step{Operation: op, Type: t, Name: from, Path: path, Denied: effect{Scope: wholeRequest, Code: authorizationErrors[t]}}
}

// requireCluster returns the commonest step: an operation on the cluster.
func requireCluster(op Operation) step { return require(op, resource.Cluster, theCluster, "") }

// requireEach returns a step whose denial is an error of the resource's entry.
func requireEach(op Operation, t resource.Type, from nameSource, path string) step {
	s := require(op, t, from, path)
	s.PerItem, s.Denied.Scope = true, oneItem
	return s
}

func (s step) when(c condition) step        { s.When = c; return s }
func (s step) at(e Endpoint) step           { s.Endpoint = e; return s }
func (s step) of(c ConfigType) step         { s.Configs = c; return s }
func (s step) since(r Release) step         { s.Since = r; return s }
func (s step) note(text string) step        { s.Note = text; return s }
func (s step) denied(f effect) step         { s.Denied = f; return s }
func (s step) fallbackOf(n int) step        { s.Combine, s.FallbackOf = fallback, n; return s }
func (s step) versions(min, max int16) step { s.MinVersion, s.MaxVersion = min, max; return s }

// suffices returns s as a step for which an allow is enough and a denial is not an
// error.
func (s step) suffices() step {
	s.Combine, s.Denied = sufficient, effect{}
	return s
}

// leavesOut makes a denial omit the entry.
func (s step) leavesOut() step { s.Denied = effect{Scope: leftOut}; return s }

// quiet keeps denials out of the audit log.
func (s step) quiet() step { s.QuietDenial = true; return s }

// quietWhenAll keeps denials of a request for every topic out of the audit log.
func (s step) quietWhenAll() step { s.QuietWhenAll = true; return s }

// hidesName makes a denial withhold the name of a topic that was requested by id.
func (s step) hidesName() step { s.Denied.HidesName = true; return s }

// guardItem returns a guard on each entry.
func guardItem(after int, c condition, code ErrorCode) guard {
	return guard{After: after, When: c, Effect: effect{Scope: oneItem, Code: code}}
}

// guardRequest returns a guard on the whole request.
func guardRequest(after int, c condition, code ErrorCode) guard {
	return guard{After: after, When: c, Effect: effect{Scope: wholeRequest, Code: code}}
}
