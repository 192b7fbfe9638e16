package gateway

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestTaggedAddresses: if all addresses of a response are in tags and it has no tags,
// it is forwarded undecoded. Such a response must not contain an address. The rest of
// the responses is random.
func TestTaggedAddresses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	known := newLayouts()
	kinds := 0
	for i := range apis {
		key, a := ops.APIKey(i), apis[i].addresses
		if a == nil {
			continue
		}
		for version := a.from; version < requests[key].versions && a.tagged; version++ {
			kinds++
			k := kind{key, version, true}
			for range 20 {
				for addresses := range 2 {
					m := k.blank()
					v := reflect.ValueOf(m).Elem()
					fillRandomly(r, v, true)
					v.FieldByName("UnknownTags").SetZero()
					f := v.FieldByName("Brokers")
					if !f.IsValid() {
						f = v.FieldByName("NodeEndpoints")
					}
					f.Set(reflect.MakeSlice(f.Type(), addresses, addresses))
					tagged, err := known.checkReply(k, m.AppendTo(nil))
					if err != nil || tagged != (addresses > 0) {
						t.Fatalf("%v version %d with %d addresses: tagged: %t, %v", key, version, addresses, tagged, err)
					}
				}
			}
		}
	}
	if kinds != 12 {
		t.Errorf("%d kinds of responses, expected 12", kinds)
	}
}
