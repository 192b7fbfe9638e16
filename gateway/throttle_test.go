package gateway

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// Every response of every version tells by its bytes for how long the connection is throttled,
// as kmsg reads it, or does not tell. It always tells if its version has the field and it has
// no tags.
func TestThrottledResponses(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	g := &Gateway{layouts: newLayouts()}
	compared, kinds, exact := 0, 0, 0
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		request := kmsg.RequestForKey(key)
		if request == nil {
			continue
		}
		for version := int16(0); version <= request.MaxVersion(); version++ {
			response := request.ResponseKind()
			if _, ok := response.(kmsg.SetThrottleResponse); !ok {
				continue
			}
			kinds++
			for range 20 {
				for _, tags := range []bool{false, true} {
					for _, millis := range []int32{0, 1, 1 << 30} {
						response := request.ResponseKind()
						fillRandomly(r, reflect.ValueOf(response).Elem(), tags)
						response.SetVersion(version)
						switch r := response.(type) { // without the fields that are tags
						case *kmsg.ProduceResponse:
							if !tags {
								r.Brokers = nil // they are sent when a leader has moved
							}
						case *kmsg.ApiVersionsResponse:
							if !tags {
								*r = kmsg.ApiVersionsResponse{Version: version, ErrorCode: r.ErrorCode, ApiKeys: r.ApiKeys, FinalizedFeaturesEpoch: -1}
							}
						}
						response.(kmsg.SetThrottleResponse).SetThrottle(millis)
						body := response.AppendTo(nil)
						again := request.ResponseKind()
						again.SetVersion(version)
						if again.ReadFrom(body) != nil {
							continue // what was drawn is no message
						}
						sent, _ := again.(kmsg.ThrottleResponse).Throttle()
						frame := []byte{0, 0, 0, 1}
						if response.IsFlexible() && ops.APIKey(key) != ops.APIVersionsKey {
							frame = append(frame, 0)
						}
						frame = append(frame, body...)
						plan := &Plan{Header: Header{Key: ops.APIKey(key), Version: version}, gateway: g}
						compared++
						_, has := throttlePlaces()[kind{ops.APIKey(key), version, true}]
						want := time.Duration(sent) * time.Millisecond
						got, known := plan.Throttled(0, frame, true)
						if !known && (tags || !has) {
							continue
						}
						if !assert.True(t, known) || !assert.Equal(t, want, got, "%s version %d, tags %t: %+v", kmsg.NameForKey(key), version, tags, response) {
							return
						}
						exact++
						told, longer := slices.Clone(frame), max(want, time.Duration(r.Int32N(5000))*time.Millisecond)
						assert.True(t, plan.Throttle(told, true, longer))
						got, _ = plan.Throttled(0, told, true)
						assert.Equal(t, longer, got, "%s version %d", kmsg.NameForKey(key), version)
						assert.LessOrEqual(t, differences(frame, told), 4, "%s version %d: the field alone changes", kmsg.NameForKey(key), version)
						if got, known := plan.Throttled(0, frame[:min(len(frame), ThrottleBytes)], len(frame) <= ThrottleBytes); known {
							assert.Equal(t, want, got, "%s version %d: its beginning", kmsg.NameForKey(key), version)
						}
					}
				}
			}
		}
	}
	t.Logf("%d responses of %d kinds compared, %d of them known", compared, kinds, exact)
	assert.Greater(t, exact, 20_000)
	assert.Greater(t, kinds, 200)
	assert.Greater(t, compared, 20_000)
}

// differences returns in how many bytes two frames differ.
func differences(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// What is no response at all tells nothing, and nothing panics.
func TestThrottledRubbish(t *testing.T) {
	g := &Gateway{layouts: newLayouts()}
	for key := ops.APIKey(0); key < 100; key++ {
		for _, frame := range [][]byte{nil, {0}, {0, 0, 0, 1}, {0, 0, 0, 1, 0}, {0, 0, 0, 1, 0xff}} {
			for _, whole := range []bool{false, true} {
				plan := &Plan{Header: Header{Key: key}, gateway: g}
				_, known := plan.Throttled(0, frame, whole)
				assert.False(t, known)
				assert.False(t, plan.Throttle(frame, whole, time.Second))
				assert.False(t, (&Plan{Header: Header{Key: key}}).Throttle(frame, whole, time.Second))
			}
		}
	}
}

func TestThrottledDoesNotAllocate(t *testing.T) {
	response := kmsg.NewPtrProduceResponse()
	response.Version = 9
	response.Topics = []kmsg.ProduceResponseTopic{{Topic: "orders", Partitions: make([]kmsg.ProduceResponseTopicPartition, 3)}}
	response.ThrottleMillis = 7
	frame := response.AppendTo([]byte{0, 0, 0, 1, 0})
	plan := &Plan{Header: Header{Key: ops.ProduceKey, Version: 9}, gateway: &Gateway{layouts: newLayouts()}}
	wait, known := plan.Throttled(0, frame, true)
	assert.True(t, known)
	assert.Equal(t, 7*time.Millisecond, wait)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = plan.Throttled(0, frame, true) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { plan.Throttle(frame, true, time.Second) }))
	assert.True(t, plan.Throttle(frame, true, 100*24*time.Hour))
	wait, _ = plan.Throttled(0, frame, true)
	assert.Equal(t, math.MaxInt32*time.Millisecond, wait, "as long as can be told")
}
