package judge_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// pools are the names that requests and ACLs of one round use. Names with the number of
// the round are used by requests that change something, so that rounds do not disturb
// each other.
type pools struct {
	round  int
	writes bool // for requests that change something
	r      *rand.Rand
}

// topics of the world, and names that no topic has.
var (
	worldTopics    = []string{"t", "t1", "t2", "ta", "secret", "a.b", "d1", "d2"}
	internalTopics = []string{"__consumer_offsets", "__transaction_state"}
	oddTopics      = []string{"missing", "", ".", "..", "bad/name", "é", "*x", "*", "\xff\xfe", strings.Repeat("x", 250), "__cluster_metadata"}
)

// destructive are the APIs that are not pointed at internal topics.
var destructive = []string{"DeleteTopics", "DeleteRecords", "CreatePartitions", "AlterPartitionAssignments", "AlterReplicaLogDirs"}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (p *pools) newTopic() string { return fmt.Sprintf("snew%d", p.round) }

func (p *pools) topic(api string) string {
	switch n := p.r.IntN(20); {
	case n < 13:
		return pick(p.r, worldTopics...)
	case n < 14 && !slices.Contains(destructive, api):
		return pick(p.r, internalTopics...)
	case n < 16:
		return p.newTopic()
	}
	return pick(p.r, oddTopics...)
}

func (p *pools) topicID() uuid {
	names := append(slices.Clone(worldTopics), "zero", "zero", "unknown", "unknown", "metadata", "offsets", p.newTopic())
	return symbol(pick(p.r, names...))
}

// groups returns the names of groups: those of the world, or of the round.
func (p *pools) groups() []string {
	if !p.writes {
		return []string{"g1", "gc", "gs", "gst", "gno", "", "g\xff"}
	}
	var names []string
	for _, prefix := range []string{"h1-", "hc-", "hs-", "hst-", "hno-", "h\xff-"} {
		names = append(names, prefix+strconv.Itoa(p.round))
	}
	return append(names, "")
}

func (p *pools) transactions() []string {
	if !p.writes {
		return []string{"xo", "x1", "xno", "", "x\xff"}
	}
	return []string{fmt.Sprintf("y1-%d", p.round), fmt.Sprintf("y2-%d", p.round), "", "é", fmt.Sprintf("y\xff-%d", p.round)}
}

// member is the id of the member that the groups of the world have.
const member = "AAAAAAAAAAAAAAAAAAAACQ"

// request returns a random request.
func (p *pools) request(key, version int16) kmsg.Request {
	r := kmsg.RequestForKey(key)
	r.SetVersion(version)
	g := &generator{pools: p, api: kmsg.NameForKey(key), version: version}
	g.fill(reflect.ValueOf(r).Elem())
	if tame := tamed[key]; tame != nil {
		tame(p, r)
	}
	return r
}

type generator struct {
	*pools
	api     string
	version int16
	depth   int
}

// fill sets all fields of a request, or of a part.
func (g *generator) fill(v reflect.Value) {
	if d, ok := v.Addr().Interface().(interface{ Default() }); ok {
		d.Default()
	}
	g.depth++
	defer func() { g.depth-- }()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "Version" || f.Name == "UnknownTags" {
			continue
		}
		g.field(f.Name, v.Field(i))
	}
}

func (g *generator) field(name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		g.fill(v)
	case reflect.Pointer:
		switch v.Type().Elem().Kind() {
		case reflect.String:
			if g.r.IntN(4) == 0 && name != "MemberID" && name != "GroupID" || name == "InstanceID" {
				v.SetZero()
				return
			}
			s := g.text(name)
			v.Set(reflect.ValueOf(&s))
		default:
			if g.r.IntN(3) > 0 {
				v.Set(reflect.New(v.Type().Elem()))
				g.fill(v.Elem())
			}
		}
	case reflect.Slice:
		g.list(name, v)
	case reflect.String:
		v.SetString(g.text(name))
	case reflect.Bool:
		v.SetBool(g.r.IntN(2) == 0)
	case reflect.Array:
		v.Set(reflect.ValueOf(g.id(name)))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if number, ok := numbers[name]; ok && g.r.IntN(8) > 0 {
			v.SetInt(pick(g.r, number...))
		}
	}
}

func (g *generator) id(name string) uuid {
	if name == "TopicID" {
		return g.topicID()
	}
	return fixedIDs["unknown"]
}

func (g *generator) list(name string, v reflect.Value) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if name == "Records" {
			v.SetBytes(recordSets[pick(g.r, "one record", "one record", "one record, idempotent", "one record, transactional", "no records")])
			return
		}
		v.SetBytes([]byte{})
		return
	}
	n := pick(g.r, 0, 1, 1, 1, 2, 2, 3)
	if g.depth == 1 && n == 0 && g.r.IntN(3) == 0 {
		v.SetZero() // null, where the version has it
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		if e := v.Index(i); e.Kind() == reflect.Struct {
			g.fill(e)
		} else {
			g.field(name, e)
		}
	}
}

// numbers are the values of fields that are numbers. Other fields keep their defaults.
var numbers = map[string][]int64{
	"Partition": {0, 0, 1, 2, -1}, "Partitions": {0, 0, 1, 7}, "Acks": {-1, -1, 1}, "TimeoutMillis": {1000, 5000}, "IsolationLevel": {0, 1},
	"ReplicaID": {-1, -1, -1, 1, -2}, "FetchOffset": {0, 1, 99}, "MaxBytes": {1 << 20}, "PartitionMaxBytes": {65536}, "CurrentLeaderEpoch": {-1, -1, 0, 9},
	"Timestamp": {-1, -2, 0, -3}, "MaxNumOffsets": {1}, "Generation": {-1, -1, 0, 5}, "Offset": {0, 1, 5}, "LeaderEpoch": {-1, 0, 3},
	"CoordinatorType": {0, 0, 1, 2, 9}, "SessionTimeoutMillis": {200}, "RebalanceTimeoutMillis": {200}, "NumPartitions": {1, 1, 2, -1, 0}, "ReplicationFactor": {1, 1, -1, 3},
	"TransactionTimeoutMillis": {60000, -1}, "ProducerID": {producerOfXO, 999, -1, 0}, "ProducerEpoch": {0, -1, 5}, "Count": {3, 4, 1}, "ElectionType": {0, 1},
	"MemberEpoch": {0, 0, 1, -1}, "ShareSessionEpoch": {0, 1, -1}, "MaxRecords": {10}, "BatchSize": {10}, "FirstOffset": {0}, "LastOffset": {0}, "AcknowledgeTypes": {1, 2},
	"StateEpoch": {0}, "StartOffset": {0, 1}, "EndpointType": {1, 1, 2}, "ResponsePartitionLimit": {2000, 1, 3}, "Mechanism": {1, 2, 0}, "Iterations": {4096, 1},
	"ResourceTypes": {2, 4, 8, 16, 32}, "DurationFilterMillis": {-1, 0}, "ProducerIDFilters": {producerOfXO, 999}, "Replicas": {1, 1, 9}, "MaxVersionLevel": {1, 0}, "UpgradeType": {1, 3},
	"NodeType": {1, 1, 2, 3, 0}, "TopologyEpoch": {0, 0, 0, 1, -1},
	"Epoch": {0, 1}, "ResourceType": {2, 2, 2, 4, 4, 8, 16, 32, 0, 99}, "Op": {0, 1, 2, 3}, "MatchType": {0, 1, 2},
}

// texts are the values of fields that are texts and no names of the world.
var texts = map[string][]string{
	"ServerAssignor": {"uniform", "bogus"}, "SubscribedTopicRegex": {"t.*", "t1|t2", "(", "", "secret"}, "SourceTopicRegex": {"t.*"}, "MemberID": {member, "", "zz"},
	"ProtocolType": {"consumer", ""}, "Protocol": {"range"}, "Reason": {"r"}, "StatesFilter": {"Stable", "Empty", "bogus"}, "TypesFilter": {"classic", "consumer", "share", "bogus"},
	"ClientSoftwareName": {"judge", "", "bad name!"}, "ClientSoftwareVersion": {"1"}, "ConfigNames": {"retention.ms", "cleanup.policy", "bogus"}, "Dir": {"/nowhere"}, "Metadata": {"m", ""},
	"EntityType": {"user", "client-id", "ip", "bogus"}, "Match": {"alice", "zz"}, "Feature": {"bogus", "metadata.version"}, "ClusterID": {"bogus"}, "StateFilters": {"Ongoing", "bogus", "Empty"},
	"SubtopologyID": {"0", "1"}, "ProcessID": {"p"}, "Value": {"3600000", "compact", ""}, "Rack": {""}, "RackID": {"r"}, "Host": {"127.0.0.1"}, "Mechanism": {"PLAIN", "bogus"},
	"TransactionalIDPattern": {"x.*", "(", ""}, "Users": {"alice"}, "Key": {"producer_byte_rate", "bogus"}, "Principal": {"User:zed", "bogus"}, "OwnerPrincipalName": {"alice"},
}

func (g *generator) text(name string) string {
	switch name {
	case "Topic", "TopicNames", "SubscribedTopicNames", "SourceTopics", "RepartitionSinkTopics", "SinkTopic":
		return g.topic(g.api)
	case "Group", "Groups", "GroupID", "GroupIDs":
		return pick(g.r, g.groups()...)
	case "TransactionID", "TransactionalID", "TransactionalIDs":
		return pick(g.r, g.transactions()...)
	case "CoordinatorKey", "CoordinatorKeys":
		return pick(g.r, append(append(g.groups(), g.transactions()...), "g1:ZiIip8qqToGz00gvZ2EL4Q:0", "bad", "é")...)
	case "Name":
		switch g.api {
		case "DescribeUserSCRAMCredentials":
			return pick(g.r, "alice", "bob", "zz", "")
		case "AlterUserSCRAMCredentials", "AlterClientQuotas":
			return pick(g.r, fmt.Sprintf("u1-%d", g.round), fmt.Sprintf("u2-%d", g.round), "")
		case "CreateTopics", "AlterConfigs", "IncrementalAlterConfigs":
			return pick(g.r, "retention.ms", "cleanup.policy", "bogus")
		}
		return pick(g.r, "range", "a")
	case "Type":
		return pick(g.r, "user", "client-id", "bogus")
	case "ResourceName":
		return g.resourceName()
	}
	if values, ok := texts[name]; ok {
		return pick(g.r, values...)
	}
	return pick(g.r, "a", "b", "")
}

func (g *generator) resourceName() string {
	switch g.api {
	case "CreateACLs", "DeleteACLs": // names that no request asks about
		return pick(g.r, fmt.Sprintf("zz%d", g.round), fmt.Sprintf("zy%d", g.round), "*", "", "kafka-cluster")
	}
	switch g.r.IntN(5) {
	case 0:
		return pick(g.r, "1", "", "x", "9")
	case 1:
		return pick(g.r, g.groups()...)
	}
	return g.topic(g.api)
}
