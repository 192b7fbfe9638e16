package ops

import (
	"slices"

	"github.com/portcullis-authz/portcullis/resource"
)

// table is the protocol table: one row for each API key, in order of the keys.
var table = slices.Concat(
	produceAPIs, consumerAPIs, groupAPIs, shareAPIs, transactionAPIs, topicAPIs,
	configAPIs, clusterAPIs, connectionAPIs, tokenAPIs, quorumAPIs, removedAPIs,
)

// rows holds the index in table of each API key, or -1 for a key without a row.
var rows = index(table)

// maxKey is the highest API key that the table can have. It bounds the size of rows;
// Kafka 4.2 has 93 keys.
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

// APIs returns the protocol table: a row for each API key of Kafka 4.2, and for the
// keys 4 to 7, which Kafka 4.0 removed, in order of the keys. The caller owns the rows.
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

// The functions below build rows, so that each row states only what is specific to it.

var (
	onBroker     = []Endpoint{Broker}
	onController = []Endpoint{Controller}
	onBoth       = []Endpoint{Broker, Controller}
)

// documents lists the permissions in Kafka's documentation.
func documents(permissions ...Permission) []Permission { return permissions }

// on returns a permission on a resource type.
func (o Operation) on(t resource.Type) Permission { return Permission{o, t} }

// require returns a step whose denial fails the whole request with the error of the
// resource type.
func require(op Operation, t resource.Type, from NameSource, path string) Step {
	return Step{Operation: op, Type: t, Name: from, Path: path, Denied: Effect{Scope: WholeRequest, Code: authorizationErrors[t]}}
}

// requireCluster returns the commonest step: an operation on the cluster.
func requireCluster(op Operation) Step { return require(op, resource.Cluster, theCluster, "") }

// requireEach returns a step whose denial is an error of the resource's entry.
func requireEach(op Operation, t resource.Type, from NameSource, path string) Step {
	s := require(op, t, from, path)
	s.PerItem, s.Denied.Scope = true, OneItem
	return s
}

func (s Step) when(c Condition) Step        { s.When = c; return s }
func (s Step) at(e Endpoint) Step           { s.Endpoint = e; return s }
func (s Step) of(c ConfigType) Step         { s.Configs = c; return s }
func (s Step) since(v string) Step          { s.Since = v; return s }
func (s Step) note(text string) Step        { s.Note = text; return s }
func (s Step) denied(f Effect) Step         { s.Denied = f; return s }
func (s Step) fallbackOf(n int) Step        { s.Combine, s.FallbackOf = Fallback, n; return s }
func (s Step) versions(min, max int16) Step { s.MinVersion, s.MaxVersion = min, max; return s }

// suffices returns s as a step for which an allow is enough and a denial is not an
// error.
func (s Step) suffices() Step {
	s.Combine, s.Denied = Sufficient, Effect{}
	return s
}

// leavesOut makes a denial omit the entry.
func (s Step) leavesOut() Step { s.Denied = Effect{Scope: LeftOut}; return s }

// quiet keeps denials out of the audit log.
func (s Step) quiet() Step { s.QuietDenial = true; return s }

// quietWhenAll keeps denials of a request for every topic out of the audit log.
func (s Step) quietWhenAll() Step { s.QuietWhenAll = true; return s }

// hidesName makes a denial withhold the name of a topic that was requested by id.
func (s Step) hidesName() Step { s.Denied.HidesName = true; return s }

// guardItem returns a guard on each entry.
func guardItem(after int, c Condition, code ErrorCode) Guard {
	return Guard{After: after, When: c, Effect: Effect{Scope: OneItem, Code: code}}
}

// guardRequest returns a guard on the whole request.
func guardRequest(after int, c Condition, code ErrorCode) Guard {
	return Guard{After: after, When: c, Effect: Effect{Scope: WholeRequest, Code: code}}
}
