package relay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestUpstreamGoneWithinAResponse: the answer before it is complete, and must neither
// wait for it nor be lost with it. Of those behind it the client sees nothing: it would
// take them for the rest.
func TestUpstreamGoneWithinAResponse(t *testing.T) {
	first := reply(1, 100)
	for _, size := range []int{100, 2 * bufferBytes} {
		second := reply(2, size)
		for _, came := range []int{0, 1, 4, 7, 8, 90} {
			t.Run(fmt.Sprintf("%d of %d bytes", came, size), func(t *testing.T) {
				client, broker, written := serving(t, 1, 2, 3)
				go io.Copy(io.Discard, broker) // the requests
				if _, err := broker.Write(append(first[:len(first):len(first)], second[:came]...)); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(first))
				if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, first) {
					t.Fatalf("the answer before it: %x, %v", got, err)
				}
				_ = broker.Close()
				rest, err := io.ReadAll(client)
				if err != nil || !bytes.HasPrefix(second, rest) || len(rest) > came {
					t.Errorf("after it: %x, %v", rest, err)
				}
				if err := <-written; err == nil {
					t.Error("no error")
				}
			})
		}
	}
}

// TestAnswerBeforeAJoinedOne: an answer is not kept back because the first of several
// responses that make up the next one has come.
func TestAnswerBeforeAJoinedOne(t *testing.T) {
	first := reply(1, 100)
	client, broker, written := serving(t, 1, inTwo)
	go io.Copy(io.Discard, broker) // the requests
	if _, err := broker.Write(append(first[:len(first):len(first)], reply(2, 100)...)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(first))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, first) {
		t.Fatalf("the answer before it: %x, %v", got, err)
	}
	_ = broker.Close()
	if rest, err := io.ReadAll(client); err != nil || len(rest) > 0 {
		t.Errorf("after it: %x, %v", rest, err)
	}
	if err := <-written; err == nil {
		t.Error("no error")
	}
}

// TestNextRequestWaitsForTheWholeResponse: a broker takes no request while it still sends
// a response, which can be as slow as the client that reads it.
func TestNextRequestWaitsForTheWholeResponse(t *testing.T) {
	client, broker, _ := serving(t, 1, 2)
	response := reply(1, 4*bufferBytes)
	half := len(response) / 2
	read := make(chan int32)
	go func() {
		for {
			frame, err := gateway.ReadFrame(broker, 1<<20)
			if err != nil {
				close(read)
				return
			}
			read <- int32(binary.BigEndian.Uint32(frame[4:]))
		}
	}()
	require.EqualValues(t, 1, <-read)
	go broker.Write(response[:half])
	_, err := io.ReadFull(client, make([]byte, half/2))
	require.NoError(t, err)
	select {
	case id := <-read:
		t.Fatalf("request %d is sent before the response to the one before has come", id)
	case <-time.After(100 * time.Millisecond):
	}
	go io.Copy(io.Discard, client)
	_, err = broker.Write(response[half:])
	require.NoError(t, err)
	require.EqualValues(t, 2, <-read)
}

// reply is a response of a broker, with its size: to a Heartbeat of version 3, not throttled.
func reply(correlation int32, size int) []byte {
	frame := binary.BigEndian.AppendUint32(nil, uint32(correlation))
	frame = append(frame, 0, 0, 0, 0) // throttle_time_ms
	return gateway.AppendFrame(nil, append(frame, bytes.Repeat([]byte{byte(correlation)}, size-8)...))
}

// forwarding replaces the frames that a plan forwards. Only a test may do that: a gateway
// forwards nothing that it has not decided.
func forwarding(p *gateway.Plan, frames ...[]byte) *gateway.Plan {
	*(*[][]byte)(reflect.ValueOf(p).Elem().FieldByName("frames").Addr().UnsafePointer()) = frames
	return p
}

// inTwo is the correlation id of a request that is sent on as two.
const inTwo = 2000

// asTheyCome is a decider by which every request is sent on and its response is not
// looked at.
type asTheyCome struct{}

func (asTheyCome) Request(frame []byte) (*gateway.Plan, error) {
	h, err := gateway.ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	if h.CorrelationID == inTwo {
		return forwarding(&gateway.Plan{Header: h}, frame, frame), nil
	}
	return forwarding(&gateway.Plan{Header: h, AsIs: true}, frame), nil
}

// serving gives requests their turn, which all have come already, and returns the other
// sides of their connection, and why it ends.
func serving(t *testing.T, ids ...int32) (client, broker net.Conn, ended <-chan error) {
	t.Helper()
	r, err := New(new(Cluster), Limits{Pipelined: len(ids), Frame: time.Minute, FrameBytes: 1 << 10, FramesBytes: 1 << 20})
	require.NoError(t, err)
	client, inner := net.Pipe()
	broker, upstream := net.Pipe()
	for _, end := range []net.Conn{client, broker} {
		_ = end.SetDeadline(time.Now().Add(20 * time.Second))
	}
	c := r.newConn(inner)
	c.config = Client{Node: 1, Login: Known{}}
	c.tenant = new(Tenant)
	c.writer.to = inner
	c.decide = asTheyCome{}
	c.upstream = &upstreamConn{Conn: upstream, reader: lentReader{from: upstream}}
	t.Cleanup(c.kill)
	for _, id := range ids {
		m := kmsg.NewPtrHeartbeatRequest()
		m.Version = 3
		c.ahead.requests <- request{frame: kmsg.NewRequestFormatter().AppendRequest(nil, m, id)[4:]}
	}
	close(c.ahead.requests)
	failed := make(chan error, 1)
	go func() {
		err := c.turns(t.Context())
		c.kill()
		failed <- err
	}()
	return client, broker, failed
}
