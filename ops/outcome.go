package ops

import "github.com/portcullis-authz/portcullis/resource"

// Outcome is the authorized response to a request. The zero Outcome is a request that
// passes and whose response has no entries.
type Outcome struct {
	// Error is the error of the whole request, or None. It is also set if no response
	// is sent.
	Error ErrorCode
	// CloseConnection says that Kafka closes the connection without a response: it does
	// not serve the API, its version or the endpoint, or something failed in a request
	// that wants no response.
	CloseConnection bool
	// Empty says that the response must be empty, whether or not Error is set.
	Empty bool
	// Items are the entries of the response in the order of the request. There are none
	// if the whole request fails. Each API has its own place for an entry: Kafka copies
	// the code of a topic to each of its partitions, for example.
	Items []Item
	// Filtered are the entries that must not appear in the response at all.
	Filtered []Item
	// Create are the topics that the broker will create. CannotCreate are the topics
	// that prevent the creation of a streams group's internal topics.
	Create       []string
	CannotCreate []string
	// Matched are the topics that a subscribed pattern may match.
	Matched []string
	// ClusterOperations is the cluster's KIP-430 field. HasClusterOperations says that
	// the request asked for it. ClusterOperations is empty if it is withheld.
	ClusterOperations    Set
	HasClusterOperations bool
	// Inner is the outcome of the request embedded in an Envelope, from
	// [EvaluateEnvelope].
	Inner *Outcome
}

// Item is one entry of a response; [Request.NameOf] returns the name of its resource.
// The zero Item is the entry of the first topic of the request, and passed.
//
// It has 24 bytes and no pointers, because creating the entries is half the cost of
// evaluating a request with hundreds of topics. A test checks the size.
type Item struct {
	// Index is the position of the resource in its list of the request. For a topic of
	// a group or a transaction, Parent is the position of the group or transaction in
	// its list, and Index that of the topic within it. Otherwise Parent is -1.
	Index  int32
	Parent int32
	// Code is None if authorization passed. Errors unrelated to authorization may still
	// follow.
	Code ErrorCode
	// ConfigCode is the error that replaces the configuration of a created topic if
	// that is withheld.
	ConfigCode ErrorCode
	// Operations is the KIP-430 field. HasOperations says that the entry has it.
	Operations Set
	passed     stepSet // the steps that allowed it, if a later step needs to know

	Type          resource.Type // Unknown for a share key or a configuration
	Config        ConfigType    // the kind of the configured resource, or 0
	list          nameSource
	flags         itemFlags
	HasOperations bool
	ByID          bool // the request has the id of the topic
	NameWithheld  bool // the name of the topic must not be shown with the error
}

// itemMarks are flags that the evaluation sets on an entry.
type itemFlags uint8

const (
	hidesName itemFlags = 1 << iota // a denied step hides the name
	repeated                        // another entry has the same resource
	gone                            // filtered
)

// Passes reports whether no part of the request was refused, withheld or omitted.
func (o *Outcome) Passes() bool {
	if o.Error != None || o.CloseConnection || o.Empty || len(o.Filtered) != 0 || len(o.CannotCreate) != 0 {
		return false
	}
	for i := range o.Items {
		if o.Items[i].Code != None || o.Items[i].ConfigCode != None {
			return false
		}
	}
	return o.Inner == nil || o.Inner.Passes()
}

// refused returns the outcome of a request that Kafka does not serve. Kafka closes the
// connection, but answers ApiVersions, so that a client can learn the supported
// versions.
//
// Source: Kafka's RequestContext.parseRequest.
func refused(key APIKey) Outcome {
	return Outcome{Error: UnsupportedVersion, CloseConnection: key != APIVersionsKey}
}
