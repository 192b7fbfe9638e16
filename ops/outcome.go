package ops

import "github.com/portcullis-authz/portcullis/resource"

// Outcome is what authorization makes of the response to a request. The zero
// Outcome is that of a request which passes and whose response has no entries.
type Outcome struct {
	// Error is the error of the whole request, or None. It is set too where no
	// response is sent.
	Error ErrorCode
	// CloseConnection says that Kafka sends no response but closes the
	// connection: the API, its version or the endpoint is not one it serves, or
	// the request wants no response and something in it failed.
	CloseConnection bool
	// Empty says that the response is to be empty, whether or not Error is set.
	Empty bool
	// Items are the entries of the response in the order of the request; empty if
	// the whole request fails. Where each entry stands in a response is up to the
	// API: Kafka copies the code of a topic onto each of its partitions.
	Items []Item
	// Filtered are the entries that must not appear in the response in any way.
	Filtered []Item
	// Create are the topics that the broker goes on to create, CannotCreate those
	// that keep a streams group's internal topics from being created.
	Create       []string
	CannotCreate []string
	// Matched are the topics that a subscribed pattern may resolve to.
	Matched []string
	// ClusterOperations is the KIP-430 field of the cluster, which the request
	// asked for if HasClusterOperations; it is empty when it is withheld.
	ClusterOperations    Set
	HasClusterOperations bool
	// Inner is the outcome of the request that an Envelope carries, by
	// [EvaluateEnvelope].
	Inner *Outcome
}

// Item is one entry of a response; [Request.NameOf] names the resource that it is
// about. The zero Item is the entry of the first topic of the request, and passed.
//
// It is 24 bytes without pointers, since making the entries is half of what
// evaluating a request of hundreds of topics costs; a test holds it.
type Item struct {
	// Index is the position in the list of the request that the entry is of. For
	// a topic of a group or a transaction, Parent is the position of that one in
	// its list, and Index the position within; otherwise Parent is -1.
	Index  int32
	Parent int32
	// Code is None if authorization passed; errors that have nothing to do with it
	// may still follow.
	Code ErrorCode
	// ConfigCode is the error that stands for the configuration of a created topic
	// when that is withheld.
	ConfigCode ErrorCode
	// Operations is the KIP-430 field, which the entry has if HasOperations.
	Operations Set
	passed     stepSet // the steps that allowed it, where a later step looks at that

	Type          resource.Type // of the entry; Unknown for a share key or a configuration
	Config        ConfigType    // what the configuration belongs to, or 0
	list          NameSource
	marks         itemMarks
	HasOperations bool
	ByID          bool // the request names the topic by its id
	NameWithheld  bool // the name of the topic must not be shown beside the error
}

// itemMarks is what the evaluation notes on an entry.
type itemMarks uint8

const (
	hidesName itemMarks = 1 << iota // a denied step hides the name
	repeated                        // another entry is of the same resource
	gone                            // filtered
)

// Passes reports whether nothing of the request was refused, withheld or left
// out.
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

// refused returns the outcome of a request that Kafka does not serve. Kafka
// closes the connection on it; only ApiVersions is answered, so that a client can
// learn which versions there are.
//
// Source: Kafka's RequestContext.parseRequest.
func refused(key APIKey) Outcome {
	return Outcome{Error: UnsupportedVersion, CloseConnection: key != APIVersionsKey}
}
