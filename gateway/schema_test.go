package gateway

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

//go:embed testdata/response-schemas.tsv
var responseSchemas string

// schemaLine is the schema of a response in one version.
type schemaLine struct {
	headerTags bool
	fields     string
}

var schemas = sync.OnceValue(func() map[kind]schemaLine {
	known := map[kind]schemaLine{}
	for line := range strings.Lines(responseSchemas) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) != 4 {
			continue
		}
		key, _ := strconv.Atoi(cells[0])
		version, _ := strconv.Atoi(cells[1])
		known[kind{ops.APIKey(key), int16(version), true}] = schemaLine{cells[2] == "1", cells[3]}
	}
	return known
})

// bySchema reads a complete answer by Kafka's own schema, and returns what is wrong
// with it, or "". Null is an error unless the schema allows it. For records it is
// always an error: Kafka's schema allows it, but its brokers never send it, and clients
// fail on it.
func bySchema(k kind, answer []byte) (problem string) {
	s, known := schemas()[k]
	if !known {
		return ""
	}
	r := &schemaReader{data: answer[4:], schema: s.fields}
	defer func() {
		if p := recover(); p != nil {
			problem = fmt.Sprintf("%v version %d: %v: %v", k.key, k.version, strings.Join(r.path, "."), p)
		}
	}()
	if s.headerTags {
		r.tags(nil)
	}
	r.value()
	if len(r.data) > 0 {
		panic(fmt.Sprintf("%d bytes follow", len(r.data)))
	}
	return ""
}

// schemaReader reads a value by the next schema. It panics with the problem.
type schemaReader struct {
	data   []byte
	schema string
	path   []string
}

func (r *schemaReader) bytes(n int) []byte {
	if n > len(r.data) {
		panic("the answer ends early")
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *schemaReader) uvarint() int {
	n, size := binary.Uvarint(r.data)
	if size <= 0 {
		panic("the answer ends early")
	}
	r.bytes(size)
	return int(n)
}

// skip takes a text from the schema, if that comes next.
func (r *schemaReader) skip(text string) bool {
	rest, ok := strings.CutPrefix(r.schema, text)
	r.schema = rest
	return ok
}

func (r *schemaReader) value() {
	nullable := r.skip("?")
	switch {
	case strings.HasPrefix(r.schema, "c["), strings.HasPrefix(r.schema, "["):
		r.array(nullable)
	case r.skip("{"):
		r.structure(nullable)
	default:
		r.primitive()
	}
}

func (r *schemaReader) array(nullable bool) {
	compact := r.skip("c")
	r.skip("[")
	n := 0
	if compact {
		n = r.uvarint() - 1
	} else {
		n = int(int32(binary.BigEndian.Uint32(r.bytes(4))))
	}
	if n < 0 && !nullable {
		panic("an array is null that must not be")
	}
	elem := r.schema
	for range n {
		r.schema = elem
		r.value()
	}
	r.schema = elem
	r.ignore()
	r.skip("]")
}

// ignore takes a type from the schema.
func (r *schemaReader) ignore() {
	depth, i := 0, 0
	for ; i < len(r.schema); i++ {
		c := r.schema[i]
		if strings.IndexByte("[{<", c) >= 0 {
			depth++
		}
		if strings.IndexByte("]}>", c) >= 0 {
			if depth--; depth < 0 {
				break
			}
		}
		if depth == 0 && (c == ' ' || c == ';') {
			break
		}
	}
	r.schema = r.schema[i:]
}

func (r *schemaReader) structure(nullable bool) {
	if nullable && int8(r.bytes(1)[0]) < 0 {
		r.schema = "{" + r.schema
		r.ignore()
		return
	}
	for !r.skip("}") {
		name, rest, _ := strings.Cut(r.schema, "=")
		r.schema = rest
		r.path = append(r.path, name)
		if r.skip("<") {
			r.tagged()
		} else {
			r.value()
		}
		r.path = r.path[:len(r.path)-1]
		r.skip(" ")
	}
}

// tagged reads the tags whose schemas come next.
func (r *schemaReader) tagged() {
	known := map[int]string{}
	for !r.skip(">") {
		tag, rest, _ := strings.Cut(r.schema, ":")
		r.schema = rest
		n, _ := strconv.Atoi(tag)
		known[n] = rest
		r.ignore()
		r.skip(";")
	}
	after := r.schema
	r.tags(known)
	r.schema = after
}

func (r *schemaReader) tags(known map[int]string) {
	for range r.uvarint() {
		tag, size := r.uvarint(), 0
		size = r.uvarint()
		value := schemaReader{data: r.bytes(size), path: r.path}
		if value.schema = known[tag]; value.schema != "" {
			value.value()
			if len(value.data) > 0 {
				panic(fmt.Sprintf("%d bytes follow tag %d", len(value.data), tag))
			}
		}
	}
}

var fixedSizes = map[string]int{"boolean": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "int64": 8, "float64": 8, "uuid": 16}

func (r *schemaReader) primitive() {
	before := r.schema
	r.ignore()
	name := before[:len(before)-len(r.schema)]
	if size, ok := fixedSizes[name]; ok {
		r.bytes(size)
		return
	}
	nullable := strings.HasSuffix(name, "?") && !strings.Contains(name, "records")
	n := 0
	switch base := strings.TrimSuffix(name, "?"); base {
	case "compact_string", "compact_nullable_string", "compact_bytes", "compact_nullable_bytes", "compact_records", "compact_nullable_records":
		n = r.uvarint() - 1
	case "string", "nullable_string":
		n = int(int16(binary.BigEndian.Uint16(r.bytes(2))))
	case "bytes", "nullable_bytes", "records", "nullable_records":
		n = int(int32(binary.BigEndian.Uint32(r.bytes(4))))
	default:
		panic("no type " + name)
	}
	if n < 0 && !nullable {
		panic(name + " is null and must not be")
	}
	r.bytes(max(n, 0))
}

// TestNoRefusalHoldsAForbiddenNull checks every answer that the gateway makes without
// the cluster against Kafka's schemas, in every version.
func TestNoRefusalHoldsAForbiddenNull(t *testing.T) {
	answers := 0
	for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
		g, client := halfGateway(t, endpoint)
		for _, who := range []string{"nobody", "half"} {
			client := client
			if who == "nobody" {
				client.Subject.Principal = principal.User("nobody")
			}
			for k := range schemas() {
				m := kmsg.RequestForKey(int16(k.key))
				if m == nil || k.version > m.MaxVersion() {
					continue
				}
				m.SetVersion(k.version)
				m.(message).Default()
				plan, err := g.Conn(client).Request(sampleFrame(m))
				if err != nil || len(plan.Forward()) > 0 || plan.Silent {
					continue
				}
				answer, err := plan.Response()
				require.NoError(t, err)
				answers++
				assert.Empty(t, bySchema(k, answer), who)
			}
		}
	}
	t.Logf("%d answers", answers)
	assert.Equal(t, 593, answers)
}

// TestTheSchemaCheckFindsNulls: the check that the other tests rely on rejects
// forbidden nulls and accepts allowed ones.
func TestTheSchemaCheckFindsNulls(t *testing.T) {
	fetch := func(change func(*kmsg.FetchResponseTopicPartition)) []byte {
		r := kmsg.NewPtrFetchResponse()
		r.Version = 12
		p := kmsg.NewFetchResponseTopicPartition()
		p.RecordBatches = []byte{}
		change(&p)
		r.Topics = []kmsg.FetchResponseTopic{{Topic: "t", Partitions: []kmsg.FetchResponseTopicPartition{p}}}
		return Header{}.Response(r)
	}
	of := kind{1, 12, true}
	assert.Empty(t, bySchema(of, fetch(func(*kmsg.FetchResponseTopicPartition) {})), "aborted transactions may be null")
	assert.Contains(t, bySchema(of, fetch(func(p *kmsg.FetchResponseTopicPartition) { p.RecordBatches = nil })), "responses.partitions.records")
	describe := kmsg.NewPtrStreamsGroupDescribeResponse()
	describe.Groups = []kmsg.StreamsGroupDescribeResponseGroup{kmsg.NewStreamsGroupDescribeResponseGroup()}
	answer := Header{}.Response(describe)
	assert.Empty(t, bySchema(kind{89, 0, true}, answer))
	assert.NotEmpty(t, bySchema(kind{89, 0, true}, answer[:len(answer)-1]), "an answer that is cut short")
	assert.NotEmpty(t, bySchema(kind{89, 0, true}, append(answer, 0)), "a byte too many")
}

// TestRefusedPartitionsHoldNoNullRecords: a partition is refused with records that are
// empty, in every response that has records.
func TestRefusedPartitionsHoldNoNullRecords(t *testing.T) {
	for key, version := range map[ops.APIKey]int16{ops.FetchKey: 12, ops.ShareFetchKey: 1} {
		t.Run(key.String(), func(t *testing.T) {
			m := kind{key, version, false}.blank().(kmsg.Request)
			sample(reflect.ValueOf(m).Elem())
			resp := m.ResponseKind()
			apiOf(key).entries.refuseAll(&refusal{query: &query{message: m}, code: 29}, m, resp)
			assert.Empty(t, bySchema(kind{key, version, true}, Header{}.Response(resp)))
		})
	}
}
