package ops

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// API is one row of the protocol table: what Kafka checks when it is sent one
// kind of request, in which order, and what a denial does to the response. The
// zero API serves no version and so refuses every request.
//
// Source of every row: the request handlers of Kafka 4.2.1 that Handlers names;
// for the keys that 4.0 removed, those of the last release that had them.
type API struct {
	Key        APIKey `json:"key"`
	MinVersion int16  `json:"minVersion"`
	MaxVersion int16  `json:"maxVersion"` // of Kafka 4.2.1, or of the last release that had the API
	RemovedIn  string `json:"removedIn,omitzero"`
	// Listeners are the endpoints that accept the request; a broker of the
	// ZooKeeper era counts as a broker.
	Listeners   []Endpoint   `json:"listeners"`
	Forwarded   bool         `json:"forwarded,omitzero"`   // a broker passes it on to the controller
	Forwardable bool         `json:"forwardable,omitzero"` // an Envelope may carry it
	Handlers    []string     `json:"handlers,omitzero"`
	Documented  []Permission `json:"documented"`      // what Kafka's documentation lists
	Items       []ItemList   `json:"items,omitzero"`  // what the response has an entry for
	Steps       []Step       `json:"steps"`           // the checks, in order
	Guards      []Guard      `json:"guards,omitzero"` // errors that are no question to the authorizer
	// OperationFields are the authorized-operations fields of KIP-430 that the
	// entries of the response carry. The field of the cluster belongs to a step.
	OperationFields []OperationField `json:"operationFields,omitzero"`
	// AllOrNothing is the error of every entry that would have passed when
	// another entry (of the same transaction) fails; None if entries stand alone.
	AllOrNothing ErrorCode `json:"allOrNothing,omitzero"`
	// MayBeSilent says that a request can ask for no response (Produce with
	// acks=0): any error then closes the connection.
	MayBeSilent bool     `json:"mayBeSilent,omitzero"`
	Placement   string   `json:"placement"`            // where the error of a whole request stands in the response
	Differences []string `json:"differences,omitzero"` // where the documentation says something else
	Notes       []string `json:"notes,omitzero"`
}

// Permission is an operation on a resource type.
type Permission struct {
	Operation Operation     `json:"operation"`
	Type      resource.Type `json:"type"`
}

// String returns the permission as "Read on Topic".
func (p Permission) String() string { return p.Operation.DisplayName() + " on " + p.Type.DisplayName() }

// ItemList says that the response has an entry for each resource of a list of
// the request. At most one list of a row applies to a request.
type ItemList struct {
	Of         NameSource `json:"of"`
	WithTopics bool       `json:"withTopics,omitzero"` // also an entry for each topic of a group or a transaction that passes
	Endpoint   Endpoint   `json:"endpoint,omitzero"`   // 0: at both
	MinVersion int16      `json:"minVersion,omitzero"`
	MaxVersion int16      `json:"maxVersion,omitzero"` // 0: up to the newest
}

// Step is one question to the authorizer, or one for each resource of a list.
// The zero Step asks for an unknown operation, and its denial fails the whole
// request.
type Step struct {
	Operation  Operation     `json:"operation"`
	Type       resource.Type `json:"type"`
	Name       NameSource    `json:"name"`
	Path       string        `json:"path,omitzero"` // where the name stands in the request, in the field names of Kafka's schema
	When       Condition     `json:"when,omitzero"`
	Configs    ConfigType    `json:"configs,omitzero"`  // only resources of these types, of a request about configurations
	Endpoint   Endpoint      `json:"endpoint,omitzero"` // 0: at both
	MinVersion int16         `json:"minVersion,omitzero"`
	MaxVersion int16         `json:"maxVersion,omitzero"` // 0: up to the newest
	Combine    Combine       `json:"combine"`
	FallbackOf int           `json:"fallbackOf,omitzero"` // with Fallback: the number of the step, from 1, whose denial leads here
	// PerItem says that the verdict is for each resource by itself; otherwise one
	// denial is a denial of the step.
	PerItem bool   `json:"perItem,omitzero"`
	Denied  Effect `json:"denied,omitzero"`
	// QuietDenial says that Kafka keeps a denial out of its audit log (logIfDenied
	// is false): the question only finds out what to show, or which one comes next.
	QuietDenial bool `json:"quietDenial,omitzero"`
	// QuietWhenAll is QuietDenial in a request for every topic.
	QuietWhenAll bool   `json:"quietWhenAll,omitzero"`
	Since        string `json:"since,omitzero"` // the first release that asks
	Note         string `json:"note,omitzero"`
}

// Combine says how a step stands to the others.
type Combine int8

// The ways to combine.
const (
	Required   Combine = 0 // a denial takes its effect
	Sufficient Combine = 1 // an allow is enough; a denial has no effect but to lead to the fallbacks of this step
	Fallback   Combine = 2 // asked where the step it is a fallback of did not allow
)

var combineNames = enum.Names{"REQUIRED", "SUFFICIENT", "FALLBACK"}

// String returns the name of c, such as "SUFFICIENT".
func (c Combine) String() string { return combineNames.String("Combine", int(c)) }

// MarshalText returns the name of c. A value without a name is an error.
func (c Combine) MarshalText() ([]byte, error) { return combineNames.MarshalText("Combine", int(c)) }

// Effect is what a denial, or a guard, does to the response. The zero Effect, as
// any without a code that needs one, fails the whole request with
// UNKNOWN_SERVER_ERROR; the table has it only where a denial has no effect.
type Effect struct {
	Scope Scope     `json:"scope"`
	Code  ErrorCode `json:"code,omitzero"`
	// CodeFrom is the first version of the response that can carry the code.
	CodeFrom int16 `json:"codeFrom,omitzero"`
	// WholeBelow is the version below which the request names one resource only,
	// so that its error is that of the whole request.
	WholeBelow int16 `json:"wholeBelow,omitzero"`
	// WhenAll is the scope instead, if it is not 0, in a request for every topic.
	WhenAll Scope `json:"whenAll,omitzero"`
	// WhenByID is the scope instead, if it is not 0, for a topic named by its id.
	WhenByID Scope `json:"whenById,omitzero"`
	// HidesName withholds the name of a topic that the request names by its id
	// from an entry that carries an error.
	HidesName bool `json:"hidesName,omitzero"`
}

// Scope is how much of the response an effect touches.
type Scope int8

// The scopes.
const (
	WholeRequest  Scope = 0 // the request fails
	OneItem       Scope = 1 // the entry of the resource carries the error
	LeftOut       Scope = 2 // the entry is left out without an error
	EmptyResponse Scope = 3 // the response is empty, with the error where it has a field for it
	FieldWithheld Scope = 4 // the request succeeds, one field of the response is withheld
	Ignored       Scope = 5 // nothing by itself
)

var scopeNames = enum.Names{"WHOLE_REQUEST", "ONE_ITEM", "LEFT_OUT", "EMPTY_RESPONSE", "FIELD_WITHHELD", "IGNORED"}

// String returns the name of s, such as "ONE_ITEM".
func (s Scope) String() string { return scopeNames.String("Scope", int(s)) }

// MarshalText returns the name of s. A value without a name is an error.
func (s Scope) MarshalText() ([]byte, error) { return scopeNames.MarshalText("Scope", int(s)) }

// Guard is an error that depends on no ACL but on the request, the connection or
// what exists. It is in the table because its place among the steps decides who
// may see it.
type Guard struct {
	After      int        `json:"after,omitzero"` // the number of the step it comes after; 0: before any step
	When       Condition  `json:"when,omitzero"`
	Configs    ConfigType `json:"configs,omitzero"`
	Endpoint   Endpoint   `json:"endpoint,omitzero"`
	MinVersion int16      `json:"minVersion,omitzero"`
	MaxVersion int16      `json:"maxVersion,omitzero"`
	Effect     Effect     `json:"effect,omitzero"`
}

// OperationField is an authorized-operations field (KIP-430) of the entries of a
// resource type.
type OperationField struct {
	Type       resource.Type `json:"type"`
	MinVersion int16         `json:"minVersion,omitzero"`
	Always     bool          `json:"always,omitzero"` // no flag of the request asks for it
}

// Endpoint is the kind of listener that a request arrives at. The zero Endpoint
// is neither; a request that arrives there is refused.
type Endpoint int8

// The endpoints.
const (
	Broker     Endpoint = 1
	Controller Endpoint = 2
)

var endpointNames = enum.Names{"UNKNOWN", "BROKER", "CONTROLLER"}

// String returns the name of e, such as "BROKER".
func (e Endpoint) String() string { return endpointNames.String("Endpoint", int(e)) }

// MarshalText returns the name of e. A value without a name is an error.
func (e Endpoint) MarshalText() ([]byte, error) { return endpointNames.MarshalText("Endpoint", int(e)) }

// ConfigType is Kafka's code of a kind of resource that has a configuration
// (ConfigResource.Type). Kafka numbers them as bits, so that a set of them is a
// ConfigType too.
type ConfigType uint8

// The kinds of resources that have a configuration, with Kafka's codes.
const (
	TopicConfig         ConfigType = 2
	BrokerConfig        ConfigType = 4
	BrokerLoggerConfig  ConfigType = 8
	ClientMetricsConfig ConfigType = 16
	GroupConfig         ConfigType = 32
)

// configTypeNames are the names of the config types, by bit.
var configTypeNames = [...]string{1: "TOPIC", 2: "BROKER", 3: "BROKER_LOGGER", 4: "CLIENT_METRICS", 5: "GROUP"}

// String returns Kafka's name of t, such as "BROKER_LOGGER", or of a set the
// names joined with commas, or "ConfigType(n)" for a value that has other bits.
func (t ConfigType) String() string {
	var names []string
	for bit, name := range configTypeNames {
		if name != "" && t>>bit&1 != 0 {
			names = append(names, name)
			t &^= 1 << bit
		}
	}
	if t != 0 || names == nil {
		names = append(names, "ConfigType("+strconv.Itoa(int(t))+")")
	}
	return strings.Join(names, ", ")
}

// MarshalText returns the name of t, or the names of the set t.
func (t ConfigType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalJSON returns the row as a JSON object, with the name of its API.
func (api API) MarshalJSON() ([]byte, error) {
	type plain API
	return json.Marshal(struct {
		Name string `json:"name"`
		plain
	}{api.Key.String(), plain(api)})
}

// clone returns a copy of api that shares no memory with it.
func (api *API) clone() API {
	c := *api
	c.Listeners = slices.Clone(api.Listeners)
	c.Handlers = slices.Clone(api.Handlers)
	c.Documented = slices.Clone(api.Documented)
	c.Items = slices.Clone(api.Items)
	c.Steps = slices.Clone(api.Steps)
	c.Guards = slices.Clone(api.Guards)
	c.OperationFields = slices.Clone(api.OperationFields)
	c.Differences = slices.Clone(api.Differences)
	c.Notes = slices.Clone(api.Notes)
	return c
}
