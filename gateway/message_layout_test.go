package gateway

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fillRandomly sets every field of v, with arrays of up to two entries.
// Unknown tags are set only if tags is: a request with one is written anew.
func fillRandomly(r *rand.Rand, v reflect.Value, tags bool) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.String:
		v.SetString([]string{"", "a", "topic", "group-1"}[r.IntN(4)])
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(3), 3))
		for i := range v.Len() {
			fillRandomly(r, v.Index(i), tags)
		}
	case reflect.Pointer:
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillRandomly(r, v.Elem(), tags)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; name {
			case "Version":
			case "UnknownTags":
				if tags && r.IntN(8) == 0 {
					v.Field(i).Addr().Interface().(*kmsg.Tags).Set(1000+uint32(r.IntN(1000)), []byte("tag"))
				}
			default:
				fillRandomly(r, v.Field(i), tags)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(r.IntN(256)))
		}
	case reflect.Float64:
		v.SetFloat(r.Float64())
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(uint64(r.IntN(256)))
	default:
		v.SetInt(int64(r.IntN(256) - 128))
	}
}

// eachMessage calls f with a blank message of each key and version of kmsg.
func eachMessage(f func(message)) {
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		request := kmsg.RequestForKey(key)
		if request == nil {
			continue
		}
		for version := range request.MaxVersion() + 1 {
			for _, m := range []any{kmsg.RequestForKey(key), kmsg.RequestForKey(key).ResponseKind()} {
				m := m.(message)
				m.SetVersion(version)
				m.Default()
				f(m)
			}
		}
	}
}

// TestLayoutsAreThoseOfKmsg checks random messages of every kind and version: what
// kmsg encodes passes, to its last byte, and nothing shorter or longer does.
func TestLayoutsAreThoseOfKmsg(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	known := newLayouts()
	messages := 0
	eachMessage(func(m message) {
		messages++
		k := kindOf(m.(interface {
			message
			Key() int16
		}))
		if k.flexible() != m.IsFlexible() {
			t.Errorf("%T version %d: flexible: %t", m, m.GetVersion(), k.flexible())
		}
		check := func(data []byte) error {
			if !k.response {
				_, err := known.check(k, data, requestBudget(len(data)))
				return err
			}
			_, err := known.checkReply(k, data)
			return err
		}
		for range 20 {
			fillRandomly(r, reflect.ValueOf(m).Elem(), k.response)
			data := m.AppendTo(nil)
			if err := check(data); err != nil {
				t.Fatalf("%T version %d: %v\n%x", m, m.GetVersion(), err, data)
			}
			if err := m.ReadFrom(data); err != nil {
				t.Fatalf("%T version %d: kmsg: %v", m, m.GetVersion(), err)
			}
			if again := m.AppendTo(nil); !bytes.Equal(again, data) {
				t.Errorf("%T version %d: encoded anew it differs:\n%x\n%x", m, m.GetVersion(), data, again)
			}
			if err := check(append(bytes.Clone(data), 0)); err == nil {
				t.Errorf("%T version %d: a byte too many passes", m, m.GetVersion())
			}
			if err := check(data[:r.IntN(max(len(data), 1))]); err == nil && len(data) > 0 {
				t.Fatalf("%T version %d: a message cut short passes %x", m, m.GetVersion(), data)
			}
			m.Default()
		}
	})
	t.Logf("%d kinds of messages", messages)
	if messages != 734 {
		t.Errorf("%d kinds of messages, expected 734", messages)
	}
}
