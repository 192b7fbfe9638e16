package gateway

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// cut splits a principal such as "User:bob" into its type and its name.
func cut(p string) (kind, name string) {
	kind, name, _ = strings.Cut(p, ":")
	return kind, name
}

// nameFields are the fields that name what an entry is about.
var nameFields = []string{"Topic", "Group", "GroupID", "Key", "TransactionalID", "ResourceName"}

// assign sets dst to src if the types fit; one of them may be a pointer.
func assign(dst, src reflect.Value) {
	switch {
	case !dst.IsValid() || !src.IsValid():
	case src.Type() == dst.Type():
		dst.Set(src)
	case dst.Kind() == reflect.Pointer && src.Type() == dst.Type().Elem():
		dst.Set(pointerTo(src))
	case src.Kind() == reflect.Pointer && src.Type().Elem() == dst.Type() && !src.IsNil():
		dst.Set(src.Elem())
	}
}

// errorCodeOf returns the error code of an entry, or 0 if it has no such field.
func errorCodeOf(v reflect.Value) int64 {
	if code := v.FieldByName("ErrorCode"); code.IsValid() {
		return code.Int()
	}
	return 0
}

// setCode sets the error code of an entry, and reports whether it has one.
func setCode(v reflect.Value, code ops.ErrorCode) bool {
	f := v.FieldByName("ErrorCode")
	if f.IsValid() {
		f.SetInt(int64(code))
	}
	return f.IsValid()
}

// sample gives every list one entry with default values, so that an error has a place, and
// the parts of ACLs and filters a code that is not UNKNOWN and selects no ACL of a case.
func sample(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if strings.HasPrefix(f.Type().Name(), "ACL") && f.CanInt() {
			f.SetInt(3)
		}
		if f.Kind() != reflect.Slice {
			continue
		}
		e := blankOf(f.Type().Elem())
		if e.Kind() == reflect.Struct {
			sample(e)
		}
		if e.Kind() == reflect.String {
			e.SetString("sample")
		}
		f.Set(reflect.Append(reflect.Zero(f.Type()), e))
	}
}

// notSendable is why a case cannot be sent in a version.
type notSendable string

func (n notSendable) Error() string { return string(n) }

// message returns the request of a case in a version.
func (c *wireCase) message(key ops.APIKey, version int16, data json.RawMessage) (kmsg.Request, error) {
	m := Header{Key: key, Version: version}.request()
	if m == nil {
		return nil, notSendable("kmsg does not have the version")
	}
	m.(message).Default()
	v := reflect.ValueOf(m).Elem()
	sample(v)
	q, err := cases.DecodeRequest(data)
	if err != nil {
		return nil, err
	}
	b := builder{c: c, key: key, version: version, v: v}
	for _, name := range []string{"Group", "GroupID"} {
		b.set(name, q.GroupID)
	}
	for _, name := range []string{"TransactionID", "TransactionalID"} {
		b.set(name, q.TransactionalID)
	}
	b.set("MemberID", "sample")
	b.set("ClientSoftwareName", "sample")
	b.set("ClientSoftwareVersion", "1")
	b.set("ReplicaID", int32(-1))
	if q.ReplicaID != nil {
		b.set("ReplicaID", *q.ReplicaID)
		if s := v.FieldByName("ReplicaState"); s.IsValid() {
			s.FieldByName("ID").SetInt(int64(*q.ReplicaID))
		}
	}
	if q.Acks != nil {
		b.set("Acks", *q.Acks)
	}
	b.set("IncludeAuthorizedOperations", q.IncludeAuthorizedOperations)
	b.set("IncludeClusterAuthorizedOperations", q.IncludeClusterAuthorizedOps)
	b.set("IncludeTopicAuthorizedOperations", q.IncludeTopicAuthorizedOps)
	b.set("AllowAutoTopicCreation", q.AllowAutoTopicCreation == nil || *q.AllowAutoTopicCreation)
	b.set("CoordinatorType", q.KeyType)
	b.set("CoordinatorKeys", q.Keys)
	b.set("TransactionalIDs", q.TransactionalIDs)
	b.set("SubscribedTopicNames", q.SubscribedTopicNames)
	b.set("SubscribedTopicRegex", q.SubscribedTopicRegex)
	if b.set("Groups", q.GroupIDs); len(q.GroupIDs) > 0 {
		b.set("GroupIDs", q.GroupIDs)
	}
	return m, b.special(m, &q)
}

// builder sets fields of a message by their names.
type builder struct {
	c       *wireCase
	key     ops.APIKey
	version int16
	v       reflect.Value
}

// set sets a field, if there is one that takes the value.
func (b *builder) set(name string, value any) { assign(b.v.FieldByName(name), reflect.ValueOf(value)) }

// special sets what needs more than a name.
func (b *builder) special(m kmsg.Request, q *cases.Request) error {
	switch m := m.(type) {
	case *kmsg.ProduceRequest:
		if q.Acks == nil {
			m.Acks = -1
		}
	case *kmsg.SyncGroupRequest:
		if m.ProtocolType, m.Protocol = new("consumer"), new("range"); cases.IsNull(q.ProtocolType) {
			m.ProtocolType = nil
		}
	case *kmsg.FindCoordinatorRequest:
		if m.Version < 4 {
			if len(q.Keys) > 1 {
				return notSendable("one key only below version 4")
			}
			m.CoordinatorKey = q.Keys[0]
		}
		if m.Version < 1 && q.KeyType != 0 {
			return notSendable("no type of keys in version 0")
		}
	case *kmsg.InitProducerIDRequest:
		if q.Enable2PC {
			return notSendable("kmsg has no two-phase commit")
		}
	case *kmsg.DescribeUserSCRAMCredentialsRequest:
		m.Users = nil
		for _, u := range q.Users {
			m.Users = append(m.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: u})
		}
	case *kmsg.CreateDelegationTokenRequest:
		m.OwnerPrincipalType, m.OwnerPrincipalName, m.Renewers = nil, nil, nil
		if q.Owner != "" {
			if m.Version < 3 {
				return notSendable("no owner below version 3")
			}
			kind, name := cut(q.Owner)
			m.OwnerPrincipalType, m.OwnerPrincipalName = &kind, &name
		}
		for _, r := range q.Renewers {
			kind, name := cut(r)
			m.Renewers = append(m.Renewers, kmsg.CreateDelegationTokenRequestRenewer{PrincipalType: kind, PrincipalName: name})
		}
	case *kmsg.StreamsGroupHeartbeatRequest:
		m.Topology = nil
		if q.Topology != nil {
			s := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
			s.SourceTopics, s.RepartitionSinkTopics = q.Topology.SourceTopics, q.Topology.RepartitionSinkTopics
			for _, name := range q.Topology.RepartitionSourceTopics {
				s.RepartitionSourceTopics = append(s.RepartitionSourceTopics, streamsTopic(name))
			}
			for _, name := range q.Topology.StateChangelogTopics {
				s.StateChangelogTopics = append(s.StateChangelogTopics, streamsTopic(name))
			}
			topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
			topology.Subtopologies = append(topology.Subtopologies, s)
			m.Topology = &topology
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		if m.Version < 1 && q.SubscribedTopicRegex != nil {
			return notSendable("no pattern in version 0")
		}
	case *kmsg.DescribeACLsRequest:
		m.ResourceType, m.ResourcePatternType, m.Operation, m.PermissionType = 1, 1, 1, 1
	case *kmsg.EnvelopeRequest:
		return b.envelope(m, q.Forwarded)
	}
	if f := b.v.FieldByName("Resources"); f.IsValid() && q.Resources != nil {
		f.SetLen(0)
		for _, r := range q.Resources {
			e := blankOf(f.Type().Elem())
			e.FieldByName("ResourceType").SetInt(configTypes[r.Type])
			e.FieldByName("ResourceName").SetString(r.Name)
			if configs := e.FieldByName("Configs"); configs.IsValid() && r.Invalid {
				configs.Set(reflect.Append(configs, blankOf(configs.Type().Elem())))
			}
			f.Set(reflect.Append(f, e))
		}
	}
	if err := b.groups(q); err != nil {
		return err
	}
	return b.topics(q)
}

// configTypes are the codes of the types of the cases' resources; what is not among
// them is no type.
var configTypes = map[string]int64{"TOPIC": 2, "BROKER": 4, "BROKER_LOGGER": 8, "CLIENT_METRICS": 16, "GROUP": 32}

func (b *builder) envelope(m *kmsg.EnvelopeRequest, f *cases.Forwarded) error {
	m.RequestPrincipal = []byte{9}
	if p, err := principal.Parse(f.Principal); err == nil {
		m.RequestPrincipal = wirePrincipal(p)
	}
	m.ClientHostAddress = []byte{127, 0, 0, 1}
	if f.ClientAddress != "" {
		m.ClientHostAddress = netip.MustParseAddr(f.ClientAddress).AsSlice()
	}
	m.RequestData = []byte{0, byte(f.APIKey), 0, byte(f.Version), 0, 0, 0, 1}
	if cases.IsNull(f.Request) || (Header{Key: ops.APIKey(f.APIKey), Version: f.Version}).request() == nil {
		return nil // a header and nothing else
	}
	inner, err := b.c.message(ops.APIKey(f.APIKey), f.Version, f.Request)
	if err != nil {
		return err
	}
	m.RequestData = new(kmsg.RequestFormatter).AppendRequest(nil, inner, 1)[4:]
	return nil
}

// wirePrincipal is the form of a principal in a forwarded request.
func wirePrincipal(p principal.Principal) []byte {
	data := []byte{0, 0, byte(len(p.Type) + 1)}
	data = append(data, p.Type...)
	data = append(data, byte(len(p.Name)+1))
	data = append(data, p.Name...)
	return append(data, 0, 0)
}

// topics sets the lists of topics.
func (b *builder) topics(q *cases.Request) error {
	if b.key == 24 {
		return b.transactions(q)
	}
	field := b.v.FieldByName("Topics")
	if names := b.v.FieldByName("TopicNames"); names.IsValid() && b.version < 6 {
		field = names
	}
	if !field.IsValid() || q.Topics == nil {
		return nil
	}
	topics, err := q.TopicList()
	if err != nil {
		return err
	}
	if topics == nil && b.key == 3 && b.version == 0 {
		topics = []cases.Topic{}
	}
	if topics != nil && len(topics) == 0 && b.key == 3 && b.c.Version == 0 && b.version > 0 {
		topics = nil // every topic
	}
	return b.setTopics(field, topics)
}

func (b *builder) setTopics(field reflect.Value, topics []cases.Topic) error {
	if topics == nil {
		field.SetZero()
		return nil
	}
	list := reflect.MakeSlice(field.Type(), 0, len(topics))
	for i, t := range topics {
		e := blankOf(field.Type().Elem())
		if e.Kind() == reflect.String {
			if t.TopicID != nil {
				return notSendable("no topic ids in the version")
			}
			e.SetString(t.Name)
			list = reflect.Append(list, e)
			continue
		}
		if err := b.nameTopic(e, &t); err != nil {
			return err
		}
		b.setPartitions(e, i, t.Transactional)
		list = reflect.Append(list, e)
	}
	field.Set(list)
	return nil
}

// idVersions are the first versions whose requests have topic ids, and whether they
// have nothing else then.
var idVersions = map[ops.APIKey]struct {
	from int16
	only bool
}{0: {13, true}, 1: {13, true}, 3: {12, false}, 8: {10, true}, 9: {10, true}, 20: {6, false}, 28: {6, true}, 78: {0, true}, 79: {0, true}}

func (b *builder) nameTopic(e reflect.Value, t *cases.Topic) error {
	ids, ok := idVersions[b.key]
	has := ok && b.version >= ids.from
	switch {
	case t.TopicID != nil && !has:
		return notSendable("no topic ids in the version")
	case t.TopicID != nil:
		e.FieldByName("TopicID").Set(reflect.ValueOf(idOf(*t.TopicID)))
	case has && ids.only:
		e.FieldByName("TopicID").Set(reflect.ValueOf(idOf(t.Name)))
	default:
		assign(e.FieldByName("Topic"), reflect.ValueOf(t.Name))
	}
	return nil
}

func (b *builder) setPartitions(topic reflect.Value, i int, transactional bool) {
	f := topic.FieldByName("Partitions")
	if !f.IsValid() {
		return
	}
	e := blankOf(f.Type().Elem())
	if e.Kind() == reflect.Int32 {
		e.SetInt(int64(i))
	} else {
		e.FieldByName("Partition").SetInt(int64(i))
		if records := e.FieldByName("Records"); records.IsValid() {
			batch := kmsg.RecordBatch{Length: 49, Magic: 2}
			if transactional {
				batch.Attributes = 1 << 4
			}
			records.SetBytes(batch.AppendTo(nil))
		}
	}
	f.Set(reflect.Append(reflect.Zero(f.Type()), e))
}

func (b *builder) transactions(q *cases.Request) error {
	if len(q.Transactions) > 0 {
		if b.version < 4 {
			return notSendable("no list of transactions below version 4")
		}
		f := b.v.FieldByName("Transactions")
		f.SetLen(0)
		for _, t := range q.Transactions {
			e := blankOf(f.Type().Elem())
			e.FieldByName("TransactionalID").SetString(t.TransactionalID)
			if err := b.setTopics(e.FieldByName("Topics"), t.Topics); err != nil {
				return err
			}
			f.Set(reflect.Append(f, e))
		}
		return nil
	}
	if b.version >= 4 {
		return notSendable("no single transaction from version 4")
	}
	topics, err := q.TopicList()
	if err != nil {
		return err
	}
	return b.setTopics(b.v.FieldByName("Topics"), topics)
}

// groups sets the lists of groups.
func (b *builder) groups(q *cases.Request) error {
	if q.Groups == nil {
		return nil
	}
	groups := q.Groups
	if b.key == 9 && b.version < 8 {
		if len(groups) > 1 {
			return notSendable("one group only below version 8")
		}
		b.set("Group", groups[0].GroupID)
		if groups[0].Topics == nil {
			if b.version < 2 {
				return notSendable("no request for every topic below version 2")
			}
			b.v.FieldByName("Topics").SetZero()
			return nil
		}
		return b.setTopics(b.v.FieldByName("Topics"), *groups[0].Topics)
	}
	f := b.v.FieldByName("Groups")
	f.SetLen(0)
	for _, g := range groups {
		e := blankOf(f.Type().Elem())
		if e.Kind() == reflect.String {
			e.SetString(g.GroupID)
		} else {
			for _, name := range []string{"Group", "GroupID"} {
				assign(e.FieldByName(name), reflect.ValueOf(g.GroupID))
			}
			var topics []cases.Topic
			if g.Topics != nil {
				topics = *g.Topics
			}
			if err := b.setTopics(e.FieldByName("Topics"), topics); err != nil {
				return err
			}
		}
		f.Set(reflect.Append(f, e))
	}
	return nil
}

// streamsTopic is an internal topic of a topology.
func streamsTopic(name string) kmsg.TopicInfo {
	return kmsg.TopicInfo{Topic: name}
}
