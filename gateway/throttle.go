package gateway

import (
	"bytes"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// Throttled returns for how long the cluster reads nothing more of the connection after an
// answer: the client has used up a quota. What is sent on in that time waits at the cluster,
// and was decided before. begins is the beginning of a response to the frame of [Plan.Forward]
// at index i, from its correlation id on, with at least [ThrottleBytes] of it if it has so
// many. whole says that it is the whole response. known is false if that does not tell, for
// example because the version has no such field. Throttled does not allocate.
//
// Source: KIP-219.
func (p *Plan) Throttled(i int, begins []byte, whole bool) (wait time.Duration, known bool) {
	k := kind{p.Header.Key, p.version(i), true}
	if p.instead != nil {
		k.key = ops.MetadataKey // which was sent in its place
	}
	var l *layouts // the zero Plan has none
	if p.gateway != nil {
		l = p.gateway.layouts
	}
	return l.throttleOf(k, begins, whole)
}

// ThrottledVersions is [Plan.Throttled] for a whole response to an ApiVersions request of a
// version that a program sends itself.
func ThrottledVersions(version int16, response []byte) (wait time.Duration, known bool) {
	return (*layouts)(nil).throttleOf(kind{ops.APIVersionsKey, version, true}, response, true)
}

// Throttle writes into an answer for how long the client is throttled, in whole milliseconds, unless it
// says already that it is for longer. begins and whole are as for [Plan.Throttled], of the answer to the
// client. It returns false, and changes nothing, if the place is not known or the version has none. The
// client is throttled all the same if it is not read: it cannot tell why it waits. Throttle does not
// allocate.
//
// Source: KIP-219.
func (p *Plan) Throttle(begins []byte, whole bool, wait time.Duration) bool {
	var l *layouts
	if p.gateway != nil {
		l = p.gateway.layouts
	}
	field, ok := l.throttleField(kind{p.Header.Key, p.Header.Version, true}, begins, whole)
	if !ok {
		return false
	}
	if ms := min(wait.Milliseconds(), math.MaxInt32); ms > int64(int32(binary.BigEndian.Uint32(field))) {
		binary.BigEndian.PutUint32(field, uint32(ms))
	}
	return true
}

func (l *layouts) throttleOf(k kind, begins []byte, whole bool) (wait time.Duration, known bool) {
	field, known := l.throttleField(k, begins, whole)
	if !known {
		return 0, false
	}
	return max(0, time.Duration(int32(binary.BigEndian.Uint32(field)))*time.Millisecond), true
}

// throttleField returns the four bytes of a response that have its time of throttling.
func (l *layouts) throttleField(k kind, begins []byte, whole bool) (field []byte, known bool) {
	place, ok := throttlePlaces()[k]
	const correlation = 4
	if !ok || len(begins) < correlation {
		return nil, false
	}
	body := begins[correlation:]
	if k.flexible() && k.key != ops.APIVersionsKey {
		if len(body) == 0 || body[0] != 0 {
			return nil, false // the header has tags, which Kafka does not write
		}
		body = body[1:]
	}
	at := place.at
	if place.fromEnd {
		if !whole {
			return nil, false
		}
		if place.tagged { // what is at the end may be in a tag
			if l == nil {
				return nil, false
			}
			if tagged, err := l.checkReply(k, body); tagged || err != nil {
				return nil, false
			}
		}
		at = len(body) - place.at
	}
	if at < 0 || at+4 > len(body) {
		return nil, false
	}
	return body[at : at+4], true
}

// ThrottleBytes is how much of a response [Plan.Throttled] needs: its correlation id, a tag
// section, the longest error code and time before the field, and the field.
const ThrottleBytes = 4 + 1 + 2 + 8 + 4

// throttlePlace is where a response has its time of throttling.
type throttlePlace struct {
	at      int  // in bytes from the beginning of the body, or from its end
	fromEnd bool // a list of any length comes before
	tagged  bool // a section of tags comes behind
}

// listsBefore are the responses with a list before their time of throttling. In all others it
// is behind fields of a fixed size, if there are any; a test compares them all.
var listsBefore = map[ops.APIKey]bool{ops.ProduceKey: true, ops.APIVersionsKey: true, ops.DescribeDelegationTokenKey: true, ops.CreateDelegationTokenKey: true}

// throttlePlaces returns the place in the response of each kind that has one.
var throttlePlaces = sync.OnceValue(func() map[kind]throttlePlace {
	const mark = 0x5a5b5c5d
	places := map[kind]throttlePlace{}
	for key := int16(0); key <= kmsg.MaxKey; key++ {
		request := kmsg.RequestForKey(key)
		if request == nil {
			continue
		}
		for version := int16(0); version <= request.MaxVersion(); version++ {
			response := request.ResponseKind()
			response.SetVersion(version)
			throttled, ok := response.(kmsg.SetThrottleResponse)
			if !ok {
				continue
			}
			throttled.SetThrottle(mark)
			body := response.AppendTo(nil)
			at := bytes.Index(body, binary.BigEndian.AppendUint32(nil, mark))
			if at < 0 {
				continue // this version does not have it
			}
			place := throttlePlace{at: at}
			if listsBefore[ops.APIKey(key)] {
				place = throttlePlace{at: len(body) - at, fromEnd: true, tagged: response.IsFlexible()}
			}
			places[kind{ops.APIKey(key), version, true}] = place
		}
	}
	return places
})
