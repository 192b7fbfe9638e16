package gateway_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

func TestReadFrame(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 10_000)
	for _, tt := range []struct {
		name   string
		stream []byte
		limit  int
		want   []byte
		err    string
	}{
		{"empty", []byte{0, 0, 0, 0}, 10, []byte{}, ""},
		{"short", []byte{0, 0, 0, 2, 'a', 'b', 'c'}, 2, []byte("ab"), ""},
		{"long", gateway.AppendFrame(nil, long), len(long), long, ""},
		{"none", nil, 10, nil, "EOF"},
		{"half a length", []byte{0, 0}, 10, nil, "unexpected EOF"},
		{"cut short", []byte{0, 0, 0, 2, 'a'}, 10, nil, "unexpected EOF"},
		{"cut before it begins", []byte{0, 0, 0, 2}, 10, nil, "unexpected EOF"},
		{"too long", []byte{0, 0, 0, 11}, 10, nil, "gateway: a frame of 11 bytes: expected 0 to 10"},
		{"negative", []byte{0xff, 0xff, 0xff, 0xff}, 10, nil, "gateway: a frame of -1 bytes: expected 0 to 10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(tt.stream), iotest.OneByteReader(bytes.NewReader(tt.stream)), iotest.DataErrReader(bytes.NewReader(tt.stream))} {
				got, err := gateway.ReadFrame(r, tt.limit)
				if !bytes.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("%d bytes, %v; expected %d bytes, %s", len(got), err, len(tt.want), tt.err)
				}
			}
		})
	}
}

// TestReadFrameMakesNoRoomAhead: an announced length allocates no memory.
func TestReadFrameMakesNoRoomAhead(t *testing.T) {
	stream := append([]byte{6, 0, 0, 0}, make([]byte, 1000)...) // 96 MiB promised
	if took := memory(func() { gateway.ReadFrame(bytes.NewReader(stream), gateway.DefaultMaxFrame) }); took > 1<<17 {
		t.Errorf("it took %d bytes", took)
	}
}

// memory returns how many bytes f allocates.
func memory(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileFrames: frames with false lengths and counts are refused immediately, with
// little memory, and the error says what is wrong and where.
func TestHostileFrames(t *testing.T) {
	conn := newGateway(t, gateway.Config{}).Conn(client("alice"))
	metadata9 := []byte{0, 3, 0, 9, 0, 0, 0, 1, 0, 1, 'c', 0}
	metadata1 := []byte{0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff}
	fetch12 := append([]byte{0, 1, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0}, append(make([]byte, 25), 1, 1, 1)...)
	fetch15 := append([]byte{0, 1, 0, 15, 0, 0, 0, 1, 0xff, 0xff, 0}, append(make([]byte, 21), 1, 1, 1)...)
	_, _ = conn.Request(append(slices.Clone(fetch12), 1, 1, 1, 0)) // so that the layouts are known
	produce9 := []byte{0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 'c', 0, 0, 0, 1, 0, 0, 0, 9}
	for _, tt := range []struct {
		name  string
		frame []byte
		says  string
	}{
		{"nothing", nil, "hold no header"},
		{"half a header", []byte{0, 3, 0, 9}, "hold no header"},
		{"no client id", []byte{0, 3, 0, 9, 0, 0, 0, 1}, "expected 2 bytes, 0 are left"},
		{"a client id longer than the frame", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0x7f, 0xff}, "expected 32767 bytes, 0 are left"},
		{"an end after the client id", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xfe}, "expected 1 bytes, 0 are left"},
		{"four billion tags in the header", []byte{0, 3, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}, "4294967295 tags in 0 bytes"},
		{"two billion topics", append(slices.Clone(metadata1), 0x7f, 0xff, 0xff, 0xff), "an array of 2147483647 entries"},
		{"topics by the byte", append(append(slices.Clone(metadata1), 0, 0x10, 0, 0), make([]byte, 1<<20)...), "an array of 1048576 entries: expected at most 1000000"},
		{"four billion compact topics", append(slices.Clone(metadata9), 0xff, 0xff, 0xff, 0xff, 0x07), "an array of 2147483646 entries"},
		{"four billion tags", append(slices.Clone(metadata9), 0, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f), "4294967295 tags"},
		{"a tag longer than the frame", append(slices.Clone(metadata9), 0, 1, 1, 1, 1, 0x80, 1, 0xff, 0x7f), "expected 16383 bytes, 0 are left"},
		{"many tags in a tag", append(slices.Clone(fetch15), 1, 1, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0x0f), "33554431 tags in"},
		{"more entries than Kafka reads", append(append(slices.Clone(metadata1), 0, 0x0f, 0x42, 0x41), make([]byte, 2_000_002)...), "an array of 1000001 entries"},
		{"more tags than Kafka reads", append(append(slices.Clone(metadata9), 0, 1, 1, 1, 0x91, 0x4e), make([]byte, 20_002)...), "10001 tags"},
		{"a string longer than Kafka reads", append(append(slices.Clone(metadata9), 2, 0x81, 0x80, 2), make([]byte, 32_800)...), "a string of 32768 bytes"},
		{"a number of six bytes", append(slices.Clone(metadata9), 0x82, 0x80, 0x80, 0x80, 0x80, 0), "a number of more than 5 bytes"},
		{"a group that is null", []byte{0, 12, 0, 0, 0, 0, 0, 1, 0, 1, 'c', 0xff, 0xff, 0, 0, 0, 0, 0, 1, 'm'}, "a string of -1 bytes"},
		{"a number without an end", append(slices.Clone(metadata9), 0x80), "expected 1 bytes, 0 are left"},
		{"records longer than the frame", append(slices.Clone(produce9), 2, 2, 't', 2, 0, 0, 0, 0, 0xff, 0xff, 0x7f, 0, 0, 0, 0), "expected 2097150 bytes"},
		{"a key that nobody knows", []byte{0, 200, 0, 0, 0, 0, 0, 1, 0xff, 0xff}, "unknown API or version"},
		{"a negative key", []byte{0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff}, "unknown API or version"},
		{"a version that nobody knows", []byte{0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff}, "unknown API or version"},
		{"a version that is too old", []byte{0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0}, "unknown API or version"},
		{"a key after Kafka 4.4", append([]byte{0, 95, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0}, 0, 0, 0, 1, 0), "unknown API or version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			took := memory(func() {
				plan, err := conn.Request(tt.frame)
				e, ok := errors.AsType[*gateway.FrameError](err)
				if !ok || plan != nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v beside %v, expected %q", err, plan, tt.says)
				}
				if ok && len(tt.frame) >= 8 && (e.Header.Key != 0) != (tt.frame[1] != 0) {
					t.Errorf("the error is about %v", e.Header.Key)
				}
			})
			if took > 1<<20 {
				t.Errorf("it took %d bytes", took)
			}
		})
	}
}

// TestClientIDs: each request has its own, whatever was sent before on the connection.
func TestClientIDs(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "All Group:g")}).Conn(client("alice"))
	for _, version := range []int16{0, 4} {
		m := kmsg.NewPtrHeartbeatRequest()
		m.SetVersion(version)
		m.Group = "g"
		for _, id := range []string{"a", "a", "b", "", "ab", "a"} {
			plan, err := conn.Request(kmsg.NewRequestFormatter(kmsg.FormatterClientID(id)).AppendRequest(nil, m, 9)[4:])
			if err != nil || plan.Header.ClientID != id {
				t.Errorf("%q is read as %q, %v", id, plan.Header.ClientID, err)
			}
		}
		plan, err := conn.Request(kmsg.NewRequestFormatter().AppendRequest(nil, m, 9)[4:])
		if err != nil || plan.Header.ClientID != "" {
			t.Errorf("none is read as %q, %v", plan.Header.ClientID, err)
		}
	}
}

// TestDecodedSizeIsLimited: a list of minimal entries that needs much more memory than
// its frame is refused before it is decoded.
func TestDecodedSizeIsLimited(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    []byte
		entry   []byte
		entries int
		tail    []byte
		says    string
	}{
		{"Metadata", []byte{0, 3, 0, 9}, []byte{1, 0}, 1_000_000, []byte{1, 0, 0, 0}, "may use more memory than its size"},
		{"FindCoordinator", []byte{0, 10, 0, 4}, []byte{1}, 1_000_000, []byte{0}, "may use more memory than its size"},
		{"DescribeGroups", []byte{0, 15, 0, 5}, []byte{1}, 1_000_000, []byte{0, 0}, "may use more memory than its size"},
		{"FindCoordinator of 6,500,000 keys", []byte{0, 10, 0, 4}, []byte{1}, 6_500_000, []byte{0}, "an array of 6500000 entries"},
		{"DescribeGroups of 6,500,000 groups", []byte{0, 15, 0, 5}, []byte{1}, 6_500_000, []byte{0, 0}, "an array of 6500000 entries"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := append(slices.Clone(tt.kind), 0, 0, 0, 1, 0xff, 0xff, 0)
			if tt.kind[1] == 10 {
				frame = append(frame, 0) // the type of the keys
			}
			frame = binary.AppendUvarint(frame, uint64(tt.entries)+1)
			frame = append(append(frame, bytes.Repeat(tt.entry, tt.entries)...), tt.tail...)
			conn := newGateway(t, gateway.Config{}).Conn(client("alice"))
			took := memory(func() {
				if _, err := conn.Request(frame); err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v", err)
				}
			})
			if took > 1<<20 {
				t.Errorf("it took %d bytes", took)
			}
		})
	}
}

// TestRepliesThatDoNotFit: the cluster must answer this request, with one reply for
// each forwarded frame.
func TestRepliesThatDoNotFit(t *testing.T) {
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(9)
	for name, replies := range map[string][][]byte{
		"none":               nil,
		"two":                {{0, 0, 0, 9}, {0, 0, 0, 9}},
		"of another request": {{0, 0, 0, 8, 0}},
		"empty":              {nil},
		"cut short":          {{0, 0, 0, 9, 0, 0}},
		"without tags":       {{0, 0, 0, 9}},
	} {
		plan := decide(t, newGateway(t, gateway.Config{}).Conn(client("alice")), m)
		if data, err := plan.Response(replies...); err == nil || data != nil {
			t.Errorf("%s: %x", name, data)
		}
	}
}

func TestZeroValuesServeNothing(t *testing.T) {
	var conn gateway.Conn
	if plan, err := conn.Request(frameOf(kmsg.NewPtrHeartbeatRequest())); err == nil || plan != nil {
		t.Error("a connection of no gateway serves a request")
	}
	var plan gateway.Plan
	if data, err := plan.Response(); data != nil || err != nil {
		t.Errorf("a plan of no request answers %x, %v", data, err)
	}
	nobody := newGateway(t, gateway.Config{Store: allowing(t, "All Group:g")}).Conn(gateway.Client{})
	m := kmsg.NewPtrHeartbeatRequest()
	m.Group = "g"
	if plan, err := nobody.Request(frameOf(m)); err == nil || plan != nil {
		t.Errorf("nobody is served: %+v", plan)
	}
}

func TestNewRefuses(t *testing.T) {
	store := allowing(t)
	for _, config := range []gateway.Config{{}, {Store: store, Endpoint: 3}, {Store: store, Endpoint: -1}, {Store: store, ACLs: 3}, {Store: store, ACLs: -1}} {
		if g, err := gateway.New(config); err == nil || g != nil {
			t.Errorf("%+v makes a gateway", config)
		}
	}
}
