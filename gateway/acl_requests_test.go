package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/ops"
)

// creationOf returns the request entry that creates an ACL.
func creationOf(b acl.Binding) kmsg.CreateACLsRequestCreation {
	return kmsg.CreateACLsRequestCreation{
		ResourceType: kmsg.ACLResourceType(b.Pattern.Type), ResourceName: b.Pattern.Name, ResourcePatternType: kmsg.ACLResourcePatternType(b.Pattern.PatternType),
		Principal: b.Entry.Principal, Host: b.Entry.Host, Operation: kmsg.ACLOperation(b.Entry.Operation), PermissionType: kmsg.ACLPermissionType(b.Entry.Permission),
	}
}

// describing is a request for all ACLs.
func describing(version int16) *kmsg.DescribeACLsRequest {
	m := kmsg.NewPtrDescribeACLsRequest()
	m.SetVersion(version)
	m.ResourceType, m.ResourcePatternType, m.Operation, m.PermissionType = 1, 1, 1, 1
	return m
}

// TestACLsAreServedFromTheStore creates, lists and deletes ACLs in every version, without
// the cluster.
func TestACLsAreServedFromTheStore(t *testing.T) {
	for version := int16(1); version <= 3; version++ {
		store := allowing(t, "Alter Cluster:kafka-cluster")
		conn := newGateway(t, gateway.Config{Store: store}).Conn(client("alice"))
		first, second := allow(t, "Read Topic:t"), allow(t, "Write Topic:t")
		m := kmsg.NewPtrCreateACLsRequest()
		m.SetVersion(version)
		broken := creationOf(first)
		broken.ResourceName = ""
		m.Creations = []kmsg.CreateACLsRequestCreation{creationOf(first), broken, creationOf(second), creationOf(first)}
		plan := decide(t, conn, m)
		created := answer[*kmsg.CreateACLsResponse](t, plan, m)
		codes := ""
		for _, r := range created.Results {
			codes += fmt.Sprint(r.ErrorCode, " ", r.ErrorMessage != nil, ", ")
		}
		if want := "0 false, 42 true, 0 false, 0 false, "; codes != want || len(plan.Forward()) != 0 {
			t.Errorf("version %d: created: %s, expected %s", version, codes, want)
		}
		if !store.Load().Has(first) || !store.Load().Has(second) || store.Load().Len() != 3 {
			t.Errorf("version %d: the store has %d ACLs", version, store.Load().Len())
		}

		d := describing(version)
		shown := answer[*kmsg.DescribeACLsResponse](t, decide(t, conn, d), d)
		bindings, err := kmsgacl.DescribeBindings(shown)
		if err != nil || len(bindings) != 3 || len(shown.Resources) != 2 {
			t.Errorf("version %d: shown %+v, %v", version, shown, err)
		}
		for _, b := range bindings {
			if !store.Load().Has(b) {
				t.Errorf("version %d: shows %v", version, b)
			}
		}

		x := kmsg.NewPtrDeleteACLsRequest()
		x.SetVersion(version)
		x.Filters = []kmsg.DeleteACLsRequestFilter{
			{ResourceType: 2, ResourceName: new("t"), ResourcePatternType: 1, Operation: 1, PermissionType: 1},
			{ResourceType: 77, ResourcePatternType: 1, Operation: 1, PermissionType: 1},
		}
		deleted := answer[*kmsg.DeleteACLsResponse](t, decide(t, conn, x), x)
		if len(deleted.Results) != 2 || len(deleted.Results[0].MatchingACLs) != 2 || deleted.Results[0].ErrorCode != 0 || deleted.Results[1].ErrorCode != 42 || deleted.Results[1].ErrorMessage == nil {
			t.Errorf("version %d: deleted %+v", version, deleted)
		}
		if store.Load().Len() != 1 {
			t.Errorf("version %d: the store has %d ACLs after", version, store.Load().Len())
		}
	}
}

// TestACLsAreAuthorized: a client without Alter changes nothing, and one without
// Describe sees nothing.
func TestACLsAreAuthorized(t *testing.T) {
	store := allowing(t, "Describe Topic:t")
	for version := int16(1); version <= 3; version++ {
		conn := newGateway(t, gateway.Config{Store: store}).Conn(client("alice"))
		m := kmsg.NewPtrCreateACLsRequest()
		m.SetVersion(version)
		m.Creations = []kmsg.CreateACLsRequestCreation{creationOf(allow(t, "All Topic:x")), creationOf(allow(t, "All Topic:y"))}
		r := answer[*kmsg.CreateACLsResponse](t, decide(t, conn, m), m)
		if len(r.Results) != 2 || r.Results[0].ErrorCode != 31 || r.Results[1].ErrorCode != 31 {
			t.Errorf("version %d: create: %+v", version, r)
		}
		x := kmsg.NewPtrDeleteACLsRequest()
		x.SetVersion(version)
		x.Filters = []kmsg.DeleteACLsRequestFilter{{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}}
		if r := answer[*kmsg.DeleteACLsResponse](t, decide(t, conn, x), x); len(r.Results) != 1 || r.Results[0].ErrorCode != 31 || len(r.Results[0].MatchingACLs) != 0 {
			t.Errorf("version %d: delete: %+v", version, r)
		}
		d := describing(version)
		shown := answer[*kmsg.DescribeACLsResponse](t, decide(t, conn, d), d)
		if shown.ErrorCode != 31 || len(shown.Resources) != 0 {
			t.Errorf("version %d: describe: %+v", version, shown)
		}
		if _, err := kmsgacl.DescribeBindings(shown); err == nil {
			t.Error("a refusal is read as a set of ACLs")
		}
	}
	if store.Load().Len() != 1 {
		t.Errorf("the store has %d ACLs", store.Load().Len())
	}
}

// TestACLHandling: ACLs that are only shown cannot be changed, not even by a super
// user; with ForwardACLs the cluster handles them.
func TestACLHandling(t *testing.T) {
	store := allowing(t)
	m := kmsg.NewPtrCreateACLsRequest()
	m.SetVersion(3)
	m.Creations = []kmsg.CreateACLsRequestCreation{creationOf(allow(t, "All Topic:x"))}
	x := kmsg.NewPtrDeleteACLsRequest()
	x.SetVersion(3)
	x.Filters = []kmsg.DeleteACLsRequestFilter{{ResourceType: 1, ResourcePatternType: 1, Operation: 1, PermissionType: 1}}

	shows := newGateway(t, gateway.Config{Store: store, ACLs: gateway.ShowACLs}).Conn(client("root"))
	if r := answer[*kmsg.CreateACLsResponse](t, decide(t, shows, m), m); r.Results[0].ErrorCode != int16(ops.PolicyViolation) {
		t.Errorf("create: %+v", r)
	}
	if r := answer[*kmsg.DeleteACLsResponse](t, decide(t, shows, x), x); r.Results[0].ErrorCode != int16(ops.PolicyViolation) {
		t.Errorf("delete: %+v", r)
	}
	d := describing(3)
	if r := answer[*kmsg.DescribeACLsResponse](t, decide(t, shows, d), d); r.ErrorCode != 0 {
		t.Errorf("describe: %+v", r)
	}
	forwards := newGateway(t, gateway.Config{Store: store, ACLs: gateway.ForwardACLs})
	for _, request := range []kmsg.Request{m, x, d} {
		if plan := decide(t, forwards.Conn(client("root")), request); len(plan.Forward()) != 1 || !plan.AsIs {
			t.Errorf("%T is not sent on: %+v", request, plan)
		}
		if plan := decide(t, forwards.Conn(client("alice")), request); len(plan.Forward()) != 0 {
			t.Errorf("%T of somebody else is sent on", request)
		}
	}
}

// TestTooManyACLs: the whole call is refused, as in Kafka.
func TestTooManyACLs(t *testing.T) {
	store := allowing(t)
	conn := newGateway(t, gateway.Config{Store: store}).Conn(client("root"))
	m := kmsg.NewPtrCreateACLsRequest()
	m.SetVersion(3)
	for i := range 10_001 {
		m.Creations = append(m.Creations, creationOf(allow(t, fmt.Sprint("Read Topic:t", i))))
	}
	r := answer[*kmsg.CreateACLsResponse](t, decide(t, conn, m), m)
	if len(r.Results) != 10_001 || r.Results[0].ErrorCode != int16(ops.PolicyViolation) || r.Results[0].ErrorMessage == nil || store.Load().Len() != 0 {
		t.Errorf("%d results, the first %+v; %d ACLs", len(r.Results), r.Results[0], store.Load().Len())
	}
}

// A broker closes the connection if an ACL or a filter has a part with code 0,
// regardless of the client. It answers requests with other unknown codes.
func TestUnknownPartsOfACLsClose(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t, "Alter Cluster:kafka-cluster", "Describe Cluster:kafka-cluster")})
	for name, parts := range map[string]struct {
		codes  [4]int8 // type, pattern type, operation, permission
		closes bool
	}{
		"known":              {[4]int8{2, 3, 3, 3}, false},
		"a later code":       {[4]int8{2, 3, 99, 3}, false},
		"unknown type":       {[4]int8{0, 3, 3, 3}, true},
		"unknown pattern":    {[4]int8{2, 0, 3, 3}, true},
		"unknown operation":  {[4]int8{2, 3, 0, 3}, true},
		"unknown permission": {[4]int8{2, 3, 3, 0}, true},
	} {
		describe := kmsg.NewPtrDescribeACLsRequest()
		describe.ResourceType, describe.ResourcePatternType = kmsg.ACLResourceType(parts.codes[0]), kmsg.ACLResourcePatternType(parts.codes[1])
		describe.Operation, describe.PermissionType = kmsg.ACLOperation(parts.codes[2]), kmsg.ACLPermissionType(parts.codes[3])
		creation := kmsg.NewCreateACLsRequestCreation()
		creation.ResourceType, creation.ResourcePatternType, creation.Operation, creation.PermissionType = describe.ResourceType, describe.ResourcePatternType, describe.Operation, describe.PermissionType
		creation.ResourceName, creation.Principal, creation.Host = "t", "User:zed", "*"
		create := kmsg.NewPtrCreateACLsRequest()
		create.Creations = append(create.Creations, creation)
		filter := kmsg.NewDeleteACLsRequestFilter()
		filter.ResourceType, filter.ResourcePatternType, filter.Operation, filter.PermissionType = describe.ResourceType, describe.ResourcePatternType, describe.Operation, describe.PermissionType
		remove := kmsg.NewPtrDeleteACLsRequest()
		remove.Filters = append(remove.Filters, filter)
		for _, m := range []kmsg.Request{describe, create, remove} {
			for _, who := range []string{"alice", "nobody"} {
				t.Run(fmt.Sprintf("%s, %s, %s", kmsg.NameForKey(m.Key()), name, who), func(t *testing.T) {
					m.SetVersion(3)
					_, err := g.Conn(client(who)).Request(frameOf(m))
					assert.Equal(t, parts.closes, err != nil, "error: %v", err)
				})
			}
		}
	}
}

// Refusals of topic creations, quotas and share sessions have Kafka's texts.
func TestWordsOfRefusals(t *testing.T) {
	g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g")})
	t.Run("the metadata log twice is a repetition", func(t *testing.T) {
		m := kmsg.NewPtrCreateTopicsRequest()
		m.SetVersion(7)
		for range 2 {
			m.Topics = append(m.Topics, kmsg.CreateTopicsRequestTopic{Topic: "__cluster_metadata"})
		}
		r := answer[*kmsg.CreateTopicsResponse](t, decide(t, g.Conn(client("alice")), m), m)
		require.Len(t, r.Topics, 1)
		assert.Equal(t, "Duplicate topic name.", *r.Topics[0].ErrorMessage)
	})
	t.Run("a topic that is named by id and may be described is named", func(t *testing.T) {
		g := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:mine"), Cluster: cluster{"mine", "secret"}})
		m := kmsg.NewPtrDeleteTopicsRequest()
		m.SetVersion(6)
		m.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: idOf("mine")}, {TopicID: idOf("secret")}}
		r := answer[*kmsg.DeleteTopicsResponse](t, decide(t, g.Conn(client("alice")), m), m)
		shown := map[[16]byte]*string{}
		for _, topic := range r.Topics {
			assert.Equal(t, int16(ops.TopicAuthorizationFailed), topic.ErrorCode)
			shown[topic.TopicID] = topic.Topic
		}
		assert.Equal(t, map[[16]byte]*string{idOf("mine"): new("mine"), idOf("secret"): nil}, shown)
	})
	t.Run("no quotas are null", func(t *testing.T) {
		m := kmsg.NewPtrDescribeClientQuotasRequest()
		r := answer[*kmsg.DescribeClientQuotasResponse](t, decide(t, g.Conn(client("alice")), m), m)
		assert.Equal(t, int16(ops.ClusterAuthorizationFailed), r.ErrorCode)
		assert.Nil(t, r.Entries)
	})
	t.Run("a heartbeat of a share group without a member is invalid before its topics", func(t *testing.T) {
		m := kmsg.NewPtrShareGroupHeartbeatRequest()
		m.SetVersion(1)
		m.GroupID, m.SubscribedTopicNames = "g", []string{"secret"}
		r := answer[*kmsg.ShareGroupHeartbeatResponse](t, decide(t, g.Conn(client("alice")), m), m)
		assert.Equal(t, int16(ops.InvalidRequest), r.ErrorCode)
		m.MemberID = "m"
		r = answer[*kmsg.ShareGroupHeartbeatResponse](t, decide(t, g.Conn(client("alice")), m), m)
		assert.Equal(t, int16(ops.TopicAuthorizationFailed), r.ErrorCode)
	})
	t.Run("a new share session acknowledges nothing", func(t *testing.T) {
		m := kmsg.NewPtrShareFetchRequest()
		m.SetVersion(1)
		m.GroupID, m.MemberID = new("g"), new("m")
		p := kmsg.NewShareFetchRequestTopicPartition()
		p.AcknowledgementBatches = []kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{{AcknowledgeTypes: []int8{1}}}
		m.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: idOf("secret"), Partitions: []kmsg.ShareFetchRequestTopicPartition{p}}}
		r := answer[*kmsg.ShareFetchResponse](t, decide(t, g.Conn(client("alice")), m), m)
		assert.Equal(t, int16(ops.InvalidRequest), r.ErrorCode)
	})
	t.Run("a heartbeat of a streams group names its member and its group", func(t *testing.T) {
		for _, ids := range [][2]string{{"", "g"}, {"m", ""}} {
			g := newGateway(t, gateway.Config{Store: allowing(t, "Read Group:g", "Read Group:")})
			m := kmsg.NewPtrStreamsGroupHeartbeatRequest()
			m.MemberID, m.Group = ids[0], ids[1]
			r := answer[*kmsg.StreamsGroupHeartbeatResponse](t, decide(t, g.Conn(client("alice")), m), m)
			assert.Equal(t, int16(ops.InvalidRequest), r.ErrorCode)
			assert.Contains(t, *r.ErrorMessage, "can't be empty.")
		}
	})
	for name, test := range map[string]struct {
		member string
		renews bool
		want   int16
	}{
		"a session that there is not":     {"m", false, 122},
		"a renewal that fetches, too":     {"m", true, 42},
		"a fetch without a member":        {"", false, 42},
		"a member whose name is too long": {strings.Repeat("m", 37), false, 42},
	} {
		t.Run(name, func(t *testing.T) {
			m := kmsg.NewPtrShareFetchRequest()
			m.SetVersion(2)
			m.GroupID, m.MemberID, m.ShareSessionEpoch, m.IsRenewAck, m.MaxBytes = new("g"), &test.member, 1, test.renews, 1
			r := answer[*kmsg.ShareFetchResponse](t, decide(t, g.Conn(client("alice")), m), m)
			assert.Equal(t, test.want, r.ErrorCode)
		})
	}
}

// TestCreationOfNetworks: a cluster with an older metadata version refuses networks, and the
// messages are Kafka's.
func TestCreationOfNetworks(t *testing.T) {
	const networks acl.MetadataVersion = 32 // 4.4-IV1
	const unsupported = "CIDR-based ACL host patterns require metadata version 4.4-IV1 or higher."
	type result struct {
		code ops.ErrorCode
		text string
	}
	for _, tt := range []struct {
		host string
		at   acl.MetadataVersion
		want result
	}{
		{host: "10.0.0.0/8"},
		{host: "10.0.0.0/8", at: networks},
		{host: "10.0.0.0/8", at: networks - 1, want: result{ops.UnsupportedVersion, unsupported}},
		{host: "10.0.0.0/33", at: networks - 1, want: result{ops.UnsupportedVersion, unsupported}},
		{host: "10.0.0.0/33", want: result{ops.InvalidRequest, "Invalid CIDR notation '10.0.0.0/33': Value [33] not in range [0,32]"}},
		{host: "::ffff:10.0.0.0/104", want: result{ops.InvalidRequest, "Invalid CIDR notation '::ffff:10.0.0.0/104': Could not parse [::ffff:10.0.0.0] - not an IPv6 address"}},
		{host: "10.0.0.1", at: 7},
		{host: "", at: 7, want: result{ops.InvalidRequest, "Host pattern cannot be null or empty"}},
	} {
		t.Run(fmt.Sprint(tt.host, " at ", tt.at), func(t *testing.T) {
			store := allowing(t, "Alter Cluster:kafka-cluster")
			conn := newGateway(t, gateway.Config{Store: store, MetadataVersion: tt.at}).Conn(client("alice"))
			b := allow(t, "Read Topic:t")
			b.Entry.Host = tt.host
			m := kmsg.NewPtrCreateACLsRequest()
			m.SetVersion(3)
			m.Creations = []kmsg.CreateACLsRequestCreation{creationOf(b)}
			created := answer[*kmsg.CreateACLsResponse](t, decide(t, conn, m), m)
			require.Len(t, created.Results, 1)
			got := result{code: ops.ErrorCode(created.Results[0].ErrorCode)}
			if text := created.Results[0].ErrorMessage; text != nil {
				got.text = *text
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.want.code == ops.None, store.Load().Has(b))
		})
	}
}

// TestTextsOfCreationAreBounded: a request of many invalid ACLs gets all codes, and texts
// until they take 64 KiB. A text that clients cannot read is absent.
func TestTextsOfCreationAreBounded(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Alter Cluster:kafka-cluster")}).Conn(client("alice"))
	b := allow(t, "Read Topic:t")
	m := kmsg.NewPtrCreateACLsRequest()
	m.SetVersion(3)
	b.Entry.Host = "/" + strings.Repeat("1", 20_000)
	m.Creations = append(m.Creations, creationOf(b))
	for range 5_000 {
		b.Entry.Host = "/"
		m.Creations = append(m.Creations, creationOf(b))
	}
	created := answer[*kmsg.CreateACLsResponse](t, decide(t, conn, m), m)
	texts, bytes := 0, 0
	for _, r := range created.Results {
		assert.Equal(t, int16(ops.InvalidRequest), r.ErrorCode)
		if r.ErrorMessage != nil {
			texts++
			bytes += len(*r.ErrorMessage)
		}
	}
	assert.Nil(t, created.Results[0].ErrorMessage)
	assert.Greater(t, texts, 1_000)
	assert.LessOrEqual(t, bytes, 64<<10)
}
