package judge_test

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func crc32c(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// node is a decoded answer in a form that can be compared: a map of fields, a list, or
// the text of a value.
type node any

// reader turns answers of one broker into nodes.
type reader struct {
	ids    map[uuid]string // names of topics by their ids
	rename *strings.Replacer
}

// normal says what is not compared, and why. A rule applies to fields of a name in the
// answers of some APIs, or of all.
type normal struct {
	field  string
	apis   []string // none: all
	why    string
	become func(v any) any
}

// sign keeps of a number whether it is negative.
func sign(v any) any {
	if n := reflect.ValueOf(v); n.CanInt() && n.Int() >= 0 {
		return ">=0"
	}
	return v
}

// positive keeps of a number whether it is greater than zero.
func positive(v any) any {
	if n := reflect.ValueOf(v); n.CanInt() && n.Int() > 0 {
		return ">0"
	}
	return v
}

func nothing(any) any { return "-" }

var generated = regexp.MustCompile(`[0-9A-Za-z_-]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func withoutUUID(v any) any {
	if s, ok := v.(string); ok && generated.MatchString(s) {
		return "generated"
	}
	return v
}

var normals = []normal{
	{"ThrottleMillis", nil, "depends on the time", nothing},
	{"Port", nil, "the proxy shows its own ports", func(v any) any {
		if text := fmt.Sprint(v); text != "0" && text[0] != '-' {
			return "a port"
		}
		return v
	}},
	{"TopicID", []string{"CreateTopics"}, "each cluster makes its own", func(v any) any {
		if v != any(uuid{}) {
			return "made"
		}
		return v
	}},
	{"SessionID", []string{"Fetch"}, "random", func(v any) any {
		if v != int32(0) {
			return "random"
		}
		return v
	}},
	{"ProducerID", []string{"InitProducerID"}, "each broker counts by itself", sign},
	{"BaseOffset", []string{"Produce"}, "the logs of the two brokers may differ by then; the effects are compared", sign},
	{"LogStartOffset", []string{"Produce"}, "as BaseOffset", sign},
	{"LowWatermark", []string{"DeleteRecords"}, "as BaseOffset", sign},
	{"LogAppendTime", nil, "a time", sign},
	{"MemberID", []string{"JoinGroup", "SyncGroup", "ConsumerGroupHeartbeat"}, "random, if the broker made it", withoutUUID},
	{"MemberEpoch", []string{"ShareGroupHeartbeat"}, "the coordinator counts when it gets to it, which may be before or after the answer", positive},
	{"LeaderID", []string{"JoinGroup"}, "random, if the broker made it", withoutUUID},
	{"HighWatermark", []string{"DescribeQuorum"}, "the metadata log grows all the time", sign},
	{"LogEndOffset", []string{"DescribeQuorum"}, "the metadata log grows all the time", sign},
	{"LastFetchTimestamp", []string{"DescribeQuorum"}, "a time", sign},
	{"LastCaughtUpTimestamp", []string{"DescribeQuorum"}, "a time", sign},
	{"TotalBytes", []string{"DescribeLogDirs"}, "others use the disk", sign},
	{"UsableBytes", []string{"DescribeLogDirs"}, "others use the disk", sign},
	{"Size", []string{"DescribeLogDirs"}, "the metadata log grows all the time", sign},
	{"ClientInstanceID", nil, "random", nothing},
	{"FinalizedFeaturesEpoch", nil, "the offset of the metadata log, which grows all the time", sign},
}

func (r *reader) node(api string, v reflect.Value) node {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "null"
		}
		return r.node(api, v.Elem())
	case reflect.Struct:
		return r.fields(api, v)
	case reflect.Slice:
		if v.IsNil() {
			return "null"
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.Len() == 0 {
				return "empty"
			}
			return hex.EncodeToString(v.Bytes())
		}
		list := make([]node, 0, v.Len())
		for i := range v.Len() {
			list = append(list, r.node(api, v.Index(i)))
		}
		return list
	case reflect.Array:
		id := v.Interface().(uuid)
		if name, ok := r.ids[id]; ok {
			return idPrefix + name
		}
		return hex.EncodeToString(id[:])
	case reflect.String:
		b, _ := json.Marshal(r.rename.Replace(v.String()))
		return string(b)
	}
	return fmt.Sprint(v.Interface())
}

func (r *reader) fields(api string, v reflect.Value) node {
	if v.Type() == reflect.TypeFor[kmsg.Tags]() {
		return fmt.Sprint(v.Interface())
	}
	fields := map[string]node{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() || f.Name == "Version" {
			continue
		}
		value := v.Field(i)
		for _, n := range normals {
			if n.field == f.Name && (n.apis == nil || slices.Contains(n.apis, api)) && value.Kind() != reflect.Slice && value.Kind() != reflect.Struct {
				if changed := n.become(value.Interface()); changed != value.Interface() {
					fields[f.Name] = fmt.Sprint(changed)
				}
			}
		}
		if _, done := fields[f.Name]; !done {
			fields[f.Name] = r.node(api, value)
		}
	}
	return fields
}

// identities are the fields that say which entry of a list an entry is, in the order in
// which they are shown.
var identities = []string{
	"TopicID", "Topic", "SubtopologyID", "Partition", "Group", "GroupID", "CoordinatorKey", "Key", "TransactionalID", "ResourceType", "ResourceName", "ApiKey",
	"Feature", "User", "Name", "NodeID", "Dir", "MemberID", "ProducerID", "Principal", "EntityType", "ID",
	"Mechanism",
}

// identified reports whether an entry has an identity.
func identified(n node) bool {
	fields, ok := n.(map[string]node)
	return !ok || slices.ContainsFunc(identities, func(name string) bool { return fields[name] != nil })
}

// identity returns the text of an entry's identity.
func identity(n node) string {
	fields, ok := n.(map[string]node)
	if !ok {
		return fmt.Sprint(n)
	}
	var parts []string
	for _, name := range identities {
		value, ok := fields[name].(string)
		id, hasID := fields["TopicID"]
		if !ok || value == "null" || value == zeroID || value == `""` && name == "Topic" && hasID && id != zeroID {
			continue
		}
		parts = append(parts, strings.Trim(value, `"`))
	}
	if source, ok := fields["Source"].(map[string]node); ok { // of a global store
		return identity(source)
	}
	if len(parts) == 0 {
		return jsonOf(n)
	}
	return strings.Join(parts, "/")
}

var zeroID = strings.Repeat("0", 32)

func jsonOf(n node) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// shape returns the identities of a node and of all entries in it, in an order. Entries that
// come twice in a request, with other entries in them, are told apart by it.
func shape(n node) string {
	switch n := n.(type) {
	case []node:
		entries := make([]string, 0, len(n))
		for _, entry := range merged(n) {
			entries = append(entries, identity(entry)+shape(entry))
		}
		slices.Sort(entries)
		return "[" + strings.Join(entries, ",") + "]"
	case map[string]node:
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(n)) {
			b.WriteString(shape(n[name]))
		}
		return b.String()
	}
	return ""
}

// ordered returns a text of a node that is the same for all nodes that compare as equal: its
// lists are joined and put in an order.
func ordered(n node) string {
	switch n := n.(type) {
	case []node:
		n = merged(n)
		entries := make([]string, len(n))
		for i := range n {
			entries[i] = ordered(n[i])
		}
		slices.Sort(entries)
		return "[" + strings.Join(entries, ",") + "]"
	case map[string]node:
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(n)) {
			b.WriteString(name + ":" + ordered(n[name]) + ";")
		}
		return "{" + b.String() + "}"
	}
	return fmt.Sprint(n)
}

// difference is a place at which two answers differ.
type difference struct {
	Path  string `json:"path"`  // such as Topics[].Partitions[].ErrorCode; empty for the answer as a whole
	Entry string `json:"entry"` // such as "(t1) (0)"
	Kafka string `json:"kafka"`
	Ours  string `json:"portcullis"`
}

// compare returns the differences of two answers. The order of lists does not count:
// Kafka's is that of hash tables.
func compare(kafka, ours node) []difference {
	var found []difference
	k, o := shareTopics(kafka), shareTopics(ours)
	compareAt("", "", loadedInTime(kafka, o), loadedInTime(ours, k), &found)
	return found
}

// shareTopics returns the partitions in an answer to a share fetch, by topic and partition.
func shareTopics(answer node) map[string]bool {
	found := map[string]bool{}
	fields, _ := answer.(map[string]node)
	topics, _ := fields["Topics"].([]node)
	for _, topic := range topics {
		partitions, _ := topic.(map[string]node)["Partitions"].([]node)
		for _, p := range partitions {
			found[identity(topic)+" "+identity(p)] = true
		}
	}
	return found
}

// loadedInTime returns an answer to a share fetch without the partitions that the answer of
// the other broker does not have, unless they have an error that is not UNKNOWN_SERVER_ERROR.
// A broker loads the state of a partition in the background, which takes its time, and fails
// if other requests delete the group meanwhile. Other answers are returned as they are.
func loadedInTime(answer node, other map[string]bool) node {
	fields, _ := answer.(map[string]node)
	topics, isList := fields["Topics"].([]node)
	if fields["AcquisitionLockTimeoutMillis"] == nil || !isList {
		return answer
	}
	var kept []node
	for _, topic := range topics {
		fields := maps.Clone(topic.(map[string]node))
		partitions, _ := fields["Partitions"].([]node)
		partitions = slices.DeleteFunc(slices.Clone(partitions), func(n node) bool {
			p := n.(map[string]node)
			return !other[identity(topic)+" "+identity(n)] && p["AcknowledgeErrorCode"] == "0" && (p["ErrorCode"] == "0" || p["ErrorCode"] == "-1")
		})
		if len(partitions) > 0 {
			fields["Partitions"] = partitions
			kept = append(kept, fields)
		}
	}
	fields = maps.Clone(fields)
	fields["Topics"] = kept
	if len(kept) == 0 {
		fields["Topics"] = "null" // as a list that came empty
	}
	return fields
}

func compareAt(path, entry string, kafka, ours node, found *[]difference) {
	k, kafkaFields := kafka.(map[string]node)
	o, ourFields := ours.(map[string]node)
	if kafkaFields && ourFields {
		for _, name := range slices.Sorted(maps.Keys(k)) {
			compareAt(strings.TrimPrefix(path+"."+name, "."), entry, k[name], o[name], found)
		}
		return
	}
	kl, kafkaList := kafka.([]node)
	ol, ourList := ours.([]node)
	if kafkaList && (ourList || ours == "null" && len(kl) > 0) || ourList && kafka == "null" && len(ol) > 0 {
		compareLists(path+"[]", entry, merged(kl), merged(ol), found)
		return
	}
	if kt, ot := jsonOf(kafka), jsonOf(ours); kt != ot {
		*found = append(*found, difference{path, entry, short(kafka), short(ours)})
	}
}

func compareLists(path, entry string, kafka, ours []node, found *[]difference) {
	order := func(a, b node) int {
		return cmp.Or(strings.Compare(identity(a), identity(b)), strings.Compare(shape(a), shape(b)), strings.Compare(ordered(a), ordered(b)))
	}
	if path == "Results[]" && len(kafka) == len(ours) && !slices.ContainsFunc(slices.Concat(kafka, ours), identified) {
		for i := range kafka { // what became of the ACLs of the request, by their places
			compareAt(path, fmt.Sprintf("(%d)", i), kafka[i], ours[i], found)
		}
		return
	}
	kafka, ours = slices.SortedFunc(slices.Values(kafka), order), slices.SortedFunc(slices.Values(ours), order)
	for len(kafka) > 0 || len(ours) > 0 {
		switch {
		case len(ours) == 0 || len(kafka) > 0 && identity(kafka[0]) < identity(ours[0]):
			*found = append(*found, difference{path, at(entry, kafka[0]), hasEntry(kafka[0]), "lacks it"})
			kafka = kafka[1:]
		case len(kafka) == 0 || identity(ours[0]) < identity(kafka[0]):
			*found = append(*found, difference{path, at(entry, ours[0]), "lacks it", hasEntry(ours[0])})
			ours = ours[1:]
		default:
			compareAt(path, at(entry, kafka[0]), kafka[0], ours[0], found)
			kafka, ours = kafka[1:], ours[1:]
		}
	}
}

// merged joins entries of the same identity whose other fields are equal: clients read
// the partitions of a topic alike, however an answer groups them.
func merged(list []node) []node {
	byID := map[string]map[string]node{}
	var joined []node
	for _, n := range list {
		fields, ok := n.(map[string]node)
		parts, hasParts := fields["Partitions"].([]node)
		hasParts = hasParts || fields["Partitions"] == "null" // as kmsg reads a list without entries
		if !ok || !hasParts {
			joined = append(joined, n)
			continue
		}
		rest := maps.Clone(fields)
		delete(rest, "Partitions")
		key := jsonOf(rest)
		if first := byID[key]; first != nil {
			before, _ := first["Partitions"].([]node)
			if all := slices.Concat(before, parts); len(all) > 0 {
				first["Partitions"] = all
			}
			continue
		}
		byID[key] = maps.Clone(fields)
		joined = append(joined, byID[key])
	}
	return joined
}

func at(entry string, n node) string { return strings.TrimSpace(entry + " (" + identity(n) + ")") }

func hasEntry(n node) string {
	if fields, ok := n.(map[string]node); ok && fields["ErrorCode"] != nil {
		return fmt.Sprintf("has the entry (error %v)", fields["ErrorCode"])
	}
	return "has the entry"
}

func short(n node) string {
	text, ok := n.(string)
	if !ok {
		text = jsonOf(n)
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}
