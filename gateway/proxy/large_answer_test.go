package proxy_test

import (
	"encoding/binary"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAnswersLargerThanTheirRoom: a request names one group thousands of times, and the
// cluster describes it each time, as Kafka does. The answer is larger than all room for answers,
// and is not read.
func TestAnswersLargerThanTheirRoom(t *testing.T) {
	const repeats, description = 5_000, 40_000
	name := strings.Repeat("g", 40)
	cluster := upstream(t, kfake.NumBrokers(1))
	ln := openPort(t) // a broker that describes groups
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					frame, err := gateway.ReadFrame(c, 64<<20)
					if err != nil {
						return
					}
					h, _ := gateway.ParseHeader(frame)
					m, err := h.Request(frame)
					if err != nil {
						return
					}
					if versions, ok := m.(*kmsg.ApiVersionsRequest); ok { // the fence of a new connection
						answer := h.Response(versions.ResponseKind())
						_, _ = c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...))
						continue
					}
					d, ok := m.(*kmsg.DescribeGroupsRequest)
					if !ok {
						return
					}
					group := kmsg.NewDescribeGroupsResponseGroup()
					group.Group = name
					member := kmsg.NewDescribeGroupsResponseGroupMember()
					member.ProtocolMetadata = make([]byte, description)
					group.Members = append(group.Members, member)
					r := kmsg.NewPtrDescribeGroupsResponse()
					r.Version, r.Groups = d.Version, []kmsg.DescribeGroupsResponseGroup{group}
					one := r.AppendTo(nil) // throttle, array of one, group, tags
					entry := one[5 : len(one)-1]
					count := binary.AppendUvarint(nil, uint64(len(d.Groups)+1))
					size := 4 + 1 + 4 + len(count) + len(d.Groups)*len(entry) + 1
					head := binary.BigEndian.AppendUint32(nil, uint32(size))
					head = binary.BigEndian.AppendUint32(head, uint32(h.CorrelationID))
					head = append(append(head, 0, 0, 0, 0, 0), count...)
					_, _ = c.Write(head)
					for range d.Groups {
						if _, err := c.Write(entry); err != nil {
							return
						}
					}
					_, _ = c.Write([]byte{0})
				}
			}()
		}
	}()
	p := start(t, cluster, proxy.Config{
		Store: store(t, "bob ALLOW DESCRIBE GROUP "+name), Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 16 * mebibyte},
	})
	p.SetBroker(0, ln.Addr().String())
	m := kmsg.NewPtrDescribeGroupsRequest()
	m.Version = 5
	for range repeats {
		m.Groups = append(m.Groups, name)
	}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, m, 7)
	w := dial(t, p.PortOf(0))
	w.login("bob", passwords["bob"])
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, most := heap(), int64(0)
	done := make(chan int64)
	go func() {
		w.write(frame)
		var size [4]byte
		_, _ = io.ReadFull(w, size[:])
		n, _ := io.CopyN(io.Discard, w, int64(binary.BigEndian.Uint32(size[:])))
		done <- n
	}()
	for waiting := true; waiting; {
		select {
		case n := <-done:
			t.Logf("a request of %d bytes, an answer of %d bytes: %d MiB at most, with a room of 8 MiB for answers", len(frame), n, most)
			waiting = false
		case <-time.After(5 * time.Millisecond):
			runtime.GC()
			most = max(most, int64(heap()-before)/mebibyte)
		}
	}
	assert.Less(t, most, int64(40))
}
