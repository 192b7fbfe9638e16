package gateway

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// query is a request in the form that authorization needs, with the message lists that
// its entries come from.
type query struct {
	ops.Request
	message    kmsg.Request
	reader     *reader
	unservable ops.ErrorCode                    // why nobody can be served, or None
	invalid    ops.ErrorCode                    // why the request is refused before authorization, or None
	rewritten  bool                             // the message differs from the frame, so the frame must not be forwarded
	apart      []kmsg.DeleteTopicsResponseTopic // refused before authorization and not in the message
	err        error                            // why the request is malformed, or nil
	bad        map[sharePartition]bool          // acknowledgements that Kafka refuses as invalid, before it checks rights
	said       int                              // bytes of error texts in the answer so far
	resources  []int32                          // positions of Resources sorted by resource, or nil if not computed yet
	logs       int                              // number of topics to create that are the metadata log; 0 if not computed yet
	// first is the first topic that the request identifies by id. It is also the memory
	// of Topics if there is only one topic, so that most produce requests need no
	// allocation.
	first [1]ops.Topic
	// named are the names of the other topics that the request or its response
	// identifies by id.
	named   map[[16]byte]string
	unknown bool // an id belongs to no topic that is known yet
}

// named returns a topic that the request names. It is assumed to exist: only the
// cluster knows that, and it answers only clients that may know it.
func named(name string) ops.Topic { return ops.Topic{Name: name, Exists: true} }

// identified returns a topic that is identified by its id.
func (q *query) identified(id [16]byte) ops.Topic {
	if f := q.first[0]; f.ByID && f.ID == id && f.Name != "" {
		return f
	}
	name, known := q.named[id]
	if !known {
		if found, ok := q.reader.cluster.TopicName(id); ok {
			name = found
		}
	}
	t := ops.Topic{ID: id, ByID: true, Name: name, Exists: true}
	switch {
	case known:
	case name == "":
		q.unknown = true
	case len(q.Topics) == 0 && !q.first[0].ByID:
		q.first[0] = t
	default:
		if q.named == nil {
			q.named = make(map[[16]byte]string, cap(q.Topics))
		}
		q.named[id] = name
	}
	return t
}

// topic returns a topic that the request identifies by id in the versions that need the names of
// ids, and by name in older versions.
func (q *query) topic(name string, id [16]byte) ops.Topic {
	if a := apiOf(q.Key); a.needs&TopicNames != 0 && q.Version >= a.needsFrom {
		return q.identified(id)
	}
	return named(name)
}

// nameOrID returns a topic that the request identifies by name, or by id if it has no
// name.
func (q *query) nameOrID(name *string, id [16]byte) ops.Topic {
	if name == nil {
		return q.identified(id)
	}
	return named(*name)
}

// topics reads a list of topics.
func topics[T any](topic func(*query, *T) ops.Topic) func(*query, []T) {
	return func(q *query, list []T) {
		if q.Topics = q.first[:0]; len(list) > len(q.first) {
			q.Topics = make([]ops.Topic, 0, len(list))
		}
		for i := range list {
			q.Topics = append(q.Topics, topic(q, &list[i]))
		}
	}
}

func topicsOf[T any](list []T, topic func(*T) ops.Topic) []ops.Topic {
	found := make([]ops.Topic, len(list))
	for i := range list {
		found[i] = topic(&list[i])
	}
	return found
}

// groups reads a list of group names.
func groups(q *query, names []string) { q.Groups = holders(names) }

// groupTopics reads a list of groups with topics.
func groupTopics[G, T any](group func(*G) (name string, topics []T), topic func(*query, *T) ops.Topic) func(*query, []G) {
	return func(q *query, list []G) {
		q.Groups = make([]ops.TopicSet, 0, len(list))
		for i := range list {
			name, topics := group(&list[i])
			q.Groups = append(q.Groups, ops.TopicSet{
				Name: name, AllTopics: topics == nil, Topics: topicsOf(topics, func(t *T) ops.Topic { return topic(q, t) }),
			})
		}
	}
}

func holders(names []string) []ops.TopicSet {
	found := make([]ops.TopicSet, len(names))
	for i := range names {
		found[i].Name = names[i]
	}
	return found
}

// resources reads a list of configured resources.
func resources[T any](resource func(*T) ops.ConfigResource) func(*query, []T) {
	return func(q *query, list []T) {
		q.Resources = make([]ops.ConfigResource, 0, len(list))
		for i := range list {
			q.Resources = append(q.Resources, resource(&list[i]))
		}
	}
}

// configResource returns a configured resource.
func configResource(t kmsg.ConfigResourceType, name string, invalid bool) ops.ConfigResource {
	return ops.ConfigResource{Name: name, Type: configType(t), Exists: true, Invalid: invalid}
}

// configType returns the type of a configured resource. 0 is not a type of Kafka's.
func configType(t kmsg.ConfigResourceType) ops.ConfigType { return ops.ConfigType(max(t, 0)) }

// reader turns requests into authorization questions.
type reader struct {
	cluster   Cluster
	tokens    Tokens // nil if clients have no delegation tokens
	layouts   *layouts
	endpoint  ops.Endpoint
	caller    ops.Caller
	forwarded bool
}

// read determines what a request asks for; q must be zero. It knows every request of
// the protocol table; it returns an error for any other. The message comes from a
// checked frame, so all of its strings are valid UTF-8. That matters because names are
// compared byte by byte here and by characters in Kafka.
func (r *reader) read(q *query, message kmsg.Request) error {
	q.message, q.reader = message, r
	q.Key, q.Version = ops.APIKey(message.Key()), message.GetVersion()
	q.Endpoint, q.Caller, q.Forwarded = r.endpoint, r.caller, r.forwarded
	a := apiOf(q.Key)
	entries := a.entriesIn(q.Version)
	if a.read == nil && entries == nil {
		return errUnknown
	}
	if a.read != nil {
		a.read(q, message)
	}
	if entries != nil && q.invalid == ops.None {
		entries.read(q, message)
	}
	return q.err
}

var errUnknownACL = errors.New("malformed: a part of an ACL or a filter is UNKNOWN")

// knownACL marks a request as malformed if an ACL or filter has a part with code 0
// (UNKNOWN). A broker closes the connection for it. Unknown higher codes are accepted
// here and refused after authorization.
//
// Source: Kafka's CreateAclsRequest, DescribeAclsRequest and DeleteAclsRequest.
func (q *query) knownACL(t kmsg.ACLResourceType, pattern kmsg.ACLResourcePatternType, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) {
	if t == 0 || pattern == 0 || op == 0 || permission == 0 {
		q.err = errUnknownACL
	}
}

// readProducer reads a request for a producer id. Versions with the field that asks for
// a two-phase transaction are refused, because kmsg does not have it.
func readProducer(q *query, m *kmsg.InitProducerIDRequest) {
	if q.TransactionalID = m.TransactionalID; m.Version >= twoPhaseCommitFrom {
		q.err = errUnknown
	}
}

// Offsets of fields in a record batch, in bytes.
//
// Source: Kafka's DefaultRecordBatch.
const (
	batchLength     = 8  // length of the rest of the batch
	batchMagic      = 16 // version of the format
	batchAttributes = 21
	batchHeader     = 61
)

// transactional is the attribute bit of a record batch that belongs to a transaction.
const transactional = 1 << 4

// hasTransactionalRecords reports whether the first batch of a partition is
// transactional.
//
// Source: Kafka's RequestUtils.hasTransactionalRecords.
func hasTransactionalRecords(m *kmsg.ProduceRequest) bool {
	for i := range m.Topics {
		for j := range m.Topics[i].Partitions {
			if isTransactional(m.Topics[i].Partitions[j].Records) {
				return true
			}
		}
	}
	return false
}

// isTransactional reports whether the first of some batches is transactional. A
// truncated batch, or one of an older format, counts as not transactional: the cluster,
// which reads it by the same rules, refuses it.
//
// Source: Kafka's ByteBufferLogInputStream.
func isTransactional(batches []byte) bool {
	if len(batches) < batchHeader {
		return false
	}
	end := int64(int32(binary.BigEndian.Uint32(batches[batchLength:]))) + batchLength + 4
	if end < batchHeader || end > int64(len(batches)) || int8(batches[batchMagic]) < 2 {
		return false
	}
	return binary.BigEndian.Uint16(batches[batchAttributes:])&transactional != 0
}
