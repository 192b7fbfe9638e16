package ops

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// API is one row of the protocol table: what Kafka checks for one kind of request, in
// which order, and how a denial changes the response. The zero API serves no version
// and therefore refuses every request.
//
// Source of every row: the request handlers of Kafka 4.2.1 and 4.4.0 listed in Handlers;
// for the keys that 4.0 removed, those of the last release that had them.
type API struct {
	Key        APIKey `json:"key"`
	MinVersion int16  `json:"minVersion"`
	MaxVersion int16  `json:"maxVersion"` // in the newest release, or in the last release that had the API
	RemovedIn  string `json:"removedIn,omitzero"`
	// Since is the first release that has the API, if that is newer than 4.2. Newer are
	// the versions that came after 4.2.
	Since Release        `json:"since,omitzero"`
	Newer []newerVersion `json:"newer,omitzero"`
	// Listeners are the endpoints that accept the request. A broker of the ZooKeeper
	// era counts as a broker.
	Listeners   []Endpoint   `json:"listeners"`
	Forwarded   bool         `json:"forwarded,omitzero"`   // a broker forwards it to the controller
	Forwardable bool         `json:"forwardable,omitzero"` // an Envelope may carry it
	Handlers    []string     `json:"handlers,omitzero"`
	Documented  []Permission `json:"documented"`      // what Kafka's documentation lists
	Items       []itemList   `json:"items,omitzero"`  // the lists with an entry in the response for each resource
	Steps       []step       `json:"steps"`           // the checks, in order
	Guards      []guard      `json:"guards,omitzero"` // errors that do not depend on the authorizer
	// OperationFields are the KIP-430 fields (authorized operations) of the entries of
	// the response. The cluster's field belongs to a step.
	OperationFields []operationField `json:"operationFields,omitzero"`
	// AllOrNothing is the error of the entries that would have passed if another entry
	// (of the same transaction) fails. It is None if entries are independent.
	AllOrNothing ErrorCode `json:"allOrNothing,omitzero"`
	// MayBeSilent says that a request can ask for no response (Produce with acks=0).
	// Then any error closes the connection.
	MayBeSilent bool     `json:"mayBeSilent,omitzero"`
	Placement   string   `json:"placement"`            // where the response has the error of a whole request
	Differences []string `json:"differences,omitzero"` // how Kafka differs from its documentation
	Notes       []string `json:"notes,omitzero"`
}

// Permission is an operation on a resource type.
type Permission struct {
	Operation Operation     `json:"operation"`
	Type      resource.Type `json:"type"`
}

// String returns the permission as "Read on Topic".
func (p Permission) String() string { return p.Operation.DisplayName() + " on " + p.Type.DisplayName() }

// itemList says that the response has an entry for each resource of a list in the
// request. At most one itemList of a row applies to a request.
type itemList struct {
	Of         nameSource `json:"of"`
	WithTopics bool       `json:"withTopics,omitzero"` // also an entry for each topic of a group or a transaction that passes
	Endpoint   Endpoint   `json:"endpoint,omitzero"`   // 0: both
	MinVersion int16      `json:"minVersion,omitzero"`
	MaxVersion int16      `json:"maxVersion,omitzero"` // 0: up to the newest
}

// step asks the authorizer about one resource, or about each resource of a list. The
// zero step asks about an unknown operation, and its denial fails the whole request.
type step struct {
	Operation  Operation     `json:"operation"`
	Type       resource.Type `json:"type"`
	Name       nameSource    `json:"name"`
	Path       string        `json:"path,omitzero"` // where the name is in the request, in the field names of Kafka's schema
	When       condition     `json:"when,omitzero"`
	Configs    ConfigType    `json:"configs,omitzero"`  // only resources of these types, in a request about configurations
	Endpoint   Endpoint      `json:"endpoint,omitzero"` // 0: both
	MinVersion int16         `json:"minVersion,omitzero"`
	MaxVersion int16         `json:"maxVersion,omitzero"` // 0: up to the newest
	Combine    combine       `json:"combine"`
	FallbackOf int           `json:"fallbackOf,omitzero"` // for a fallback: the number of the step, from 1, whose denial leads to this one
	// PerItem says that each resource has its own verdict. Otherwise one denial denies
	// the step.
	PerItem bool   `json:"perItem,omitzero"`
	Denied  effect `json:"denied,omitzero"`
	// QuietDenial says that Kafka does not write a denial to its audit log (logIfDenied
	// is false), because the question only decides what to show or which question is
	// next.
	QuietDenial bool `json:"quietDenial,omitzero"`
	// QuietWhenAll is QuietDenial for a request for every topic.
	QuietWhenAll bool    `json:"quietWhenAll,omitzero"`
	Since        Release `json:"since,omitzero"` // the first release that asks this
	Note         string  `json:"note,omitzero"`
}

// combine says how the verdict of a step is combined with those of other steps.
type combine int8

// The values of combine.
const (
	required   combine = 0 // a denial has its effect
	sufficient combine = 1 // an allow is enough; the only effect of a denial is that the fallbacks of this step are asked
	fallback   combine = 2 // asked if the step in FallbackOf did not allow
)

var combineNames = enum.Names{"REQUIRED", "SUFFICIENT", "FALLBACK"}

// String returns the name of c, such as "SUFFICIENT".
func (c combine) String() string { return combineNames.String("Combine", int(c)) }

// MarshalText returns the name of c. A value without a name is an error.
func (c combine) MarshalText() ([]byte, error) { return combineNames.MarshalText("Combine", int(c)) }

// effect is how a denial or a guard changes the response. The zero effect fails the
// whole request with UNKNOWN_SERVER_ERROR, and so does any effect that needs a code but
// has none. The table uses it only where a denial has no effect.
type effect struct {
	Scope scope     `json:"scope"`
	Code  ErrorCode `json:"code,omitzero"`
	// CodeFrom is the first version of the response that can carry the code.
	CodeFrom int16 `json:"codeFrom,omitzero"`
	// WholeBelow is the version below which the request has only one resource, so that
	// its error is that of the whole request.
	WholeBelow int16 `json:"wholeBelow,omitzero"`
	// WhenAll replaces Scope, unless it is 0, in a request for every topic.
	WhenAll scope `json:"whenAll,omitzero"`
	// WhenByID replaces Scope, unless it is 0, for a topic requested by id.
	WhenByID scope `json:"whenById,omitzero"`
	// HidesName removes the name of a topic that was requested by id from an entry with
	// an error.
	HidesName bool `json:"hidesName,omitzero"`
}

// scope is the part of the response that an effect changes.
type scope int8

// The scopes.
const (
	wholeRequest  scope = 0 // the request fails
	oneItem       scope = 1 // the entry of the resource has the error
	leftOut       scope = 2 // the entry is omitted without an error
	emptyResponse scope = 3 // the response is empty, with the error if it has a field for it
	fieldWithheld scope = 4 // the request succeeds, but one field of the response is withheld
	ignored       scope = 5 // no effect
)

var scopeNames = enum.Names{"WHOLE_REQUEST", "ONE_ITEM", "LEFT_OUT", "EMPTY_RESPONSE", "FIELD_WITHHELD", "IGNORED"}

// String returns the name of s, such as "ONE_ITEM".
func (s scope) String() string { return scopeNames.String("Scope", int(s)) }

// MarshalText returns the name of s. A value without a name is an error.
func (s scope) MarshalText() ([]byte, error) { return scopeNames.MarshalText("Scope", int(s)) }

// guard is an error that depends not on ACLs but on the request, the connection or what
// exists. The table includes guards because their position among the steps determines
// who can see the error.
type guard struct {
	After      int        `json:"after,omitzero"` // the number of the preceding step; 0: before any step
	When       condition  `json:"when,omitzero"`
	Configs    ConfigType `json:"configs,omitzero"`
	Endpoint   Endpoint   `json:"endpoint,omitzero"`
	MinVersion int16      `json:"minVersion,omitzero"`
	MaxVersion int16      `json:"maxVersion,omitzero"`
	Since      Release    `json:"since,omitzero"` // the first release with the guard at this place
	Until      Release    `json:"until,omitzero"` // the last release with it; 0: the newest
	Effect     effect     `json:"effect,omitzero"`
}

// operationField is a KIP-430 field (authorized operations) of the entries of a
// resource type.
type operationField struct {
	Type       resource.Type `json:"type"`
	MinVersion int16         `json:"minVersion,omitzero"`
	Always     bool          `json:"always,omitzero"` // shown without a flag in the request
}

// Endpoint is the kind of listener that receives a request. The zero Endpoint is
// neither broker nor controller; a request to it is refused.
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

// ConfigType is Kafka's code for a kind of resource that has a configuration
// (ConfigResource.Type). The codes are single bits, so a ConfigType can also be a set
// of kinds.
type ConfigType uint8

// String returns Kafka's name of t, such as "BROKER_LOGGER". For a set it returns the
// names joined with commas, and for a value with other bits "ConfigType(n)".
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

// MarshalJSON returns the row as a JSON object that includes the name of the API.
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
	c.Newer = slices.Clone(api.Newer)
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
