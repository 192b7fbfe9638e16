package judge_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// uuid is the id of a topic, a member or a folder.
type uuid = [16]byte

// In a request that is not yet bound to a broker, "id:NAME" stands for the id of the
// topic NAME, and producerOfXO for the producer id of the open transaction. Each broker
// has its own.
const (
	idPrefix     = "id:"
	producerOfXO = 7_777_777
)

// clusterSymbol stands for the id of the cluster in an ApiVersions request.
const clusterSymbol = "id:cluster"

// fixedIDs are the ids that are the same on every broker.
var fixedIDs = map[string]uuid{
	"zero":     {},
	"metadata": {15: 1}, // of __cluster_metadata
	"unknown":  {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
}

// shortNames are those of topics whose names a symbol has no room for.
var shortNames = map[string]string{"offsets": "__consumer_offsets"}

// symbol returns the id that stands for the id of a topic.
func symbol(name string) (id uuid) {
	copy(id[:], idPrefix+name)
	return id
}

// symbolName returns what a symbol stands for.
func symbolName(id uuid) (string, bool) {
	text := strings.TrimRight(string(id[:]), "\x00")
	return strings.CutPrefix(text, idPrefix)
}

// bind replaces the symbols in a request by what a broker has for them.
func bind(v reflect.Value, ids map[string]uuid, producer int64) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			bind(v.Elem(), ids, producer)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				bind(v.Field(i), ids, producer)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			bind(v.Index(i), ids, producer)
		}
	case reflect.Array:
		if id, ok := v.Interface().(uuid); ok {
			if name, ok := symbolName(id); ok {
				v.Set(reflect.ValueOf(lookup(ids, name)))
			}
		}
	case reflect.Int64:
		if v.Int() == producerOfXO {
			v.SetInt(producer)
		}
	}
}

func lookup(ids map[string]uuid, name string) uuid {
	if id, ok := fixedIDs[name]; ok {
		return id
	}
	if long, ok := shortNames[name]; ok {
		name = long
	}
	if id, ok := ids[name]; ok {
		return id
	}
	return fixedIDs["unknown"]
}

// clone returns a deep copy of a request.
func clone(r kmsg.Request) kmsg.Request {
	c := kmsg.RequestForKey(r.Key())
	reflect.ValueOf(c).Elem().Set(deepCopy(reflect.ValueOf(r).Elem()))
	return c
}

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(deepCopy(v.Elem()))
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(deepCopy(v.Index(i)))
		}
		return c
	}
	return v
}

// asJSON returns a request as JSON can show it: with symbols for ids, and records as
// words.
func asJSON(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return asJSON(v.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
				fields[f.Name] = asJSON(v.Field(i))
			}
		}
		return fields
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return plainBytes(v.Bytes())
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, asJSON(v.Index(i)))
		}
		return list
	case reflect.Array:
		id := v.Interface().(uuid)
		if name, ok := symbolName(id); ok {
			return idPrefix + name
		}
		for name, fixed := range fixedIDs {
			if id == fixed {
				return idPrefix + name
			}
		}
		return "uuid:" + hex.EncodeToString(id[:])
	case reflect.String:
		if s := v.String(); utf8.ValidString(s) {
			return s
		}
		return bytesPrefix + hex.EncodeToString([]byte(v.String()))
	}
	if v.CanInt() { // the name of an enumeration's value, unless others have the same
		again := reflect.New(v.Type()).Elem()
		if err := fillText(again, fmt.Sprint(v.Interface())); err != nil || again.Int() != v.Int() {
			return v.Int()
		}
	}
	return v.Interface()
}

func plainBytes(b []byte) string {
	for name, records := range recordSets {
		if string(records) == string(b) {
			return name
		}
	}
	return "hex:" + hex.EncodeToString(b)
}

// recordSets are the record batches of Produce requests.
var recordSets = map[string][]byte{
	"one record":                batch(-1, -1, 0),
	"one record, idempotent":    batch(999, 0, 0),
	"one record, transactional": batch(999, 0, 0x10),
	"no records":                {},
}

// batch returns a record batch of one record.
func batch(producer int64, epoch int16, attributes int16) []byte {
	record := kmsg.Record{Value: []byte("v"), TimestampDelta64: 0}
	record.Length = int32(len(record.AppendTo(nil)) - 1)
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: attributes, FirstTimestamp: 1_700_000_000_000, MaxTimestamp: 1_700_000_000_000,
		ProducerID: producer, ProducerEpoch: epoch, FirstSequence: -1, NumRecords: 1, Records: record.AppendTo(nil),
	}
	if producer >= 0 {
		b.FirstSequence = 0
	}
	raw := b.AppendTo(nil)
	b.Length = int32(len(raw) - 12)
	raw = b.AppendTo(nil)
	b.CRC = int32(crc32c(raw[21:]))
	return b.AppendTo(nil)
}

// fill sets a request from the JSON of asJSON.
func fill(v reflect.Value, from any) error {
	if from == nil {
		v.SetZero()
		return nil
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), from)
	}
	switch from := from.(type) {
	case map[string]any:
		for name, value := range from {
			f := v.FieldByName(name)
			if !f.IsValid() {
				return fmt.Errorf("%v has no field %s", v.Type(), name)
			}
			if err := fill(f, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	case []any:
		v.Set(reflect.MakeSlice(v.Type(), len(from), len(from)))
		for i, value := range from {
			if d, ok := v.Index(i).Addr().Interface().(interface{ Default() }); ok {
				d.Default()
			}
			if err := fill(v.Index(i), value); err != nil {
				return err
			}
		}
		return nil
	case string:
		return fillText(v, from)
	case bool:
		v.SetBool(from)
		return nil
	case json.Number:
		return fillNumber(v, from)
	}
	return fmt.Errorf("unexpected %T", from)
}

func fillNumber(v reflect.Value, from json.Number) error {
	if v.CanFloat() {
		f, err := from.Float64()
		v.SetFloat(f)
		return err
	}
	if v.CanUint() {
		n, err := strconv.ParseUint(string(from), 10, 64)
		v.SetUint(n)
		return err
	}
	n, err := from.Int64()
	v.SetInt(n)
	return err
}

func fillText(v reflect.Value, from string) error {
	switch v.Kind() {
	case reflect.String:
		if text, ok := strings.CutPrefix(from, bytesPrefix); ok {
			b, err := hex.DecodeString(text)
			v.SetString(string(b))
			return err
		}
		v.SetString(from)
	case reflect.Array:
		if text, ok := strings.CutPrefix(from, "uuid:"); ok {
			var id uuid
			_, err := hex.Decode(id[:], []byte(text))
			v.Set(reflect.ValueOf(id))
			return err
		}
		v.Set(reflect.ValueOf(symbol(strings.TrimPrefix(from, idPrefix))))
	case reflect.Slice:
		records, ok := recordSets[from]
		if text, isHex := strings.CutPrefix(from, "hex:"); isHex {
			var err error
			if records, err = hex.DecodeString(text); err != nil {
				return err
			}
		} else if !ok {
			return fmt.Errorf("unknown records %q", from)
		}
		v.SetBytes(records)
	default: // an enumeration of kmsg
		if from == "UNKNOWN" {
			v.SetZero()
			return nil
		}
		u, ok := v.Addr().Interface().(interface{ UnmarshalText([]byte) error })
		if !ok {
			return fmt.Errorf("%q for a %v", from, v.Type())
		}
		return u.UnmarshalText([]byte(from))
	}
	return nil
}

// encode returns the frame of a request, with its size.
func encode(r kmsg.Request, version int16, correlation int32) []byte {
	r.SetVersion(version)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("judge")).AppendRequest(nil, r, correlation)
}

// decode reads the body of a response, which follows the correlation id.
func decode(r kmsg.Request, version int16, frame []byte) (kmsg.Response, error) {
	response := kmsg.ResponseForKey(r.Key())
	response.SetVersion(version)
	body := frame[4:]
	if response.IsFlexible() && r.Key() != apiVersionsKey {
		if len(body) == 0 || body[0] != 0 {
			return nil, fmt.Errorf("the header of the response has tags")
		}
		body = body[1:]
	}
	return response, response.ReadFrom(body)
}

const apiVersionsKey = 18

// bytesPrefix begins the JSON of a text that is not UTF-8, whose bytes follow in hex.
const bytesPrefix = "bytes:"

// What asJSON says of a request, fill reads.
func TestJSONOfRequests(t *testing.T) {
	n := 0
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		for seed := range uint64(20) {
			p := &pools{r: rand.New(rand.NewPCG(seed, uint64(key)))}
			if kmsg.RequestForKey(key) == nil {
				continue
			}
			r := p.request(key, kmsg.RequestForKey(key).MaxVersion())
			text, err := json.Marshal(asJSON(reflect.ValueOf(r)))
			if err != nil {
				t.Fatal(err)
			}
			decoder := json.NewDecoder(strings.NewReader(string(text)))
			decoder.UseNumber()
			var fields any
			if err := decoder.Decode(&fields); err != nil {
				t.Fatal(err)
			}
			again := kmsg.RequestForKey(key)
			again.SetVersion(r.GetVersion())
			if err := fill(reflect.ValueOf(again).Elem(), fields); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			bind(reflect.ValueOf(r), nil, 0)
			bind(reflect.ValueOf(again), nil, 0)
			if got, want := again.AppendTo(nil), r.AppendTo(nil); string(got) != string(want) {
				t.Fatalf("%s: read as %x, expected %x", text, got, want)
			}
			n++
		}
	}
	if n < 1500 {
		t.Errorf("%d requests, expected 1500 at least", n)
	}
}
