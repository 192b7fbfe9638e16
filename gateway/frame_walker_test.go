package gateway

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestDecodeUTF8 compares with Java 17's String(byte[], UTF_8): each row of the file
// has the bytes and the resulting string as UTF-8.
func TestDecodeUTF8(t *testing.T) {
	rows, err := os.ReadFile("testdata/java_utf8.tsv")
	require.NoError(t, err)
	count := 0
	for row := range strings.Lines(string(rows)) {
		in, want, _ := strings.Cut(strings.TrimSpace(row), "\t")
		text, err := hex.DecodeString(in)
		require.NoError(t, err)
		assert.Equal(t, want, hex.EncodeToString(appendUTF8(nil, text)), "of %s", in)
		count++
	}
	assert.Greater(t, count, 1_700)
}

// TestFramesThatKafkaReads: a frame that a broker answers does not close the
// connection. It is decided, and forwarded in the form that Kafka's own clients use.
// All rows were sent to a broker of Kafka 4.2.1, which answered them like the canonical
// frame.
func TestFramesThatKafkaReads(t *testing.T) {
	g, client := halfGateway(t, ops.Broker)
	const header, nullID = "0003000c00000007000163", "00000000000000000000000000000000"
	const name = "06746f706963"
	canonical := header + "00" + "02" + nullID + name + "00" + "0000" + "00"
	fetch := "0001000c0000000700016300" + "ffffffff" + "00000000" + "00000000" + "000003e8" + "00" + "00000000" + "ffffffff" + "010101"
	for _, tt := range []struct{ name, frame, sent string }{
		{"canonical", canonical, canonical},
		{"bytes after the message", canonical + "010203", canonical},
		{"length of a name in two bytes", header + "00" + "02" + nullID + "8600746f706963" + "00" + "0000" + "00", canonical},
		{"length of a list in five bytes", header + "00" + "8280808000" + nullID + name + "00" + "0000" + "00", canonical},
		{"length of a list with bits above the 32nd", header + "00" + "8280808070" + nullID + name + "00" + "0000" + "00", canonical},
		{"unknown tag", header + "00" + "02" + nullID + name + "00" + "0000" + "0105027879", canonical},
		{"unknown tags out of order", header + "00" + "02" + nullID + name + "00" + "0000" + "0207017805017a", canonical},
		{"unknown tag twice", header + "00" + "02" + nullID + name + "00" + "0000" + "0207017807017a", canonical},
		{"unknown tag of a topic", header + "00" + "02" + nullID + name + "0105027879" + "0000" + "00", canonical},
		{"unknown tag in the header", header + "0105027879" + "02" + nullID + name + "00" + "0000" + "00", canonical},
		{"number of tags in two bytes", header + "8000" + "02" + nullID + name + "00" + "0000" + "00", canonical},
		{"client id that is not UTF-8", "0003000c000000070001ff" + "00" + "02" + nullID + name + "00" + "0000" + "00",
			"0003000c000000070003efbfbd" + "00" + "02" + nullID + name + "00" + "0000" + "00"},
		{"client id of -2", "0003000c00000007fffe" + "00" + "02" + nullID + name + "00" + "0000" + "00" + "ff",
			"0003000c000000070000" + "00" + "02" + nullID + name + "00" + "0000" + "00"},
		{"list of -5 topics", "0003000100000007000163" + "fffffffb", "0003000400000007000163" + "ffffffff" + "00"},
		{"tag with the length of less", fetch + "010001" + "036162", fetch + "010003" + "036162"},
		{"tag with the length of more", fetch + "010005" + "036162" + "7878", fetch + "010003" + "036162"},
		{"tag twice", fetch + "02" + "0003036162" + "0003036364", fetch + "01" + "0003036364"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame, err := hex.DecodeString(tt.frame)
			require.NoError(t, err)
			came := slices.Clone(frame)
			plan, err := g.Conn(client).Request(frame)
			require.NoError(t, err)
			require.Len(t, plan.Forward(), 1)
			assert.Equal(t, came, frame, "the frame that came is changed")
			if tt.name == "list of -5 topics" {
				return // which is a request for all topics in a version that creates none
			}
			assert.Equal(t, tt.sent, hex.EncodeToString(plan.Forward()[0]))
		})
	}
}

// TestNameThatIsNotUTF8: the name is authorized, refused and answered as Kafka decodes
// it, so that no ACL for another name decides.
func TestNameThatIsNotUTF8(t *testing.T) {
	g, client := halfGateway(t, ops.Broker)
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(9)
	m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: new("topic\xff")}, kmsg.MetadataRequestTopic{Topic: new("topic")})
	plan, err := g.Conn(client).Request(kmsg.NewRequestFormatter().AppendRequest(nil, m, 5)[4:])
	require.NoError(t, err)
	require.Len(t, plan.Denied, 1)
	assert.Equal(t, "topic�", plan.Denied[0].Name)
	require.Len(t, plan.Forward(), 1)
	assert.NotContains(t, string(plan.Forward()[0]), "topic\xff")
	assert.NotContains(t, string(plan.Forward()[0]), "topic�", "it is refused")
}

// TestNameAndID: topics with both a name and an id, or with neither, are answered as by
// Kafka 4.2.1.
func TestNameAndID(t *testing.T) {
	g, client := halfGateway(t, ops.Broker)
	id, zero := [16]byte{1}, [16]byte{}
	topic, empty := new("topic"), new("")
	type entry struct {
		name *string
		id   [16]byte
	}
	metadata := func(version int16, entries ...entry) kmsg.Request {
		m := kmsg.NewPtrMetadataRequest()
		m.SetVersion(version)
		for _, e := range entries {
			m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: e.name, TopicID: e.id})
		}
		return m
	}
	deletion := func(entries ...entry) kmsg.Request {
		m := kmsg.NewPtrDeleteTopicsRequest()
		m.SetVersion(6)
		for _, e := range entries {
			m.Topics = append(m.Topics, kmsg.DeleteTopicsRequestTopic{Topic: e.name, TopicID: e.id})
		}
		return m
	}
	for _, tt := range []struct {
		name    string
		request kmsg.Request
		codes   []int16 // of the answer of the gateway
		sent    []entry // if it is sent on
	}{
		{"Metadata 10, name and id", metadata(10, entry{topic, id}, entry{topic, zero}), []int16{42, 42}, nil},
		{"Metadata 11, name and id", metadata(11, entry{topic, id}, entry{topic, zero}), []int16{42, 42}, nil},
		{"Metadata 10, neither", metadata(10, entry{nil, zero}, entry{topic, zero}), []int16{42, 42}, nil},
		{"Metadata 11, id alone", metadata(11, entry{nil, id}), []int16{42}, nil},
		{"Metadata 12, name and id", metadata(12, entry{topic, id}), nil, []entry{{nil, id}}},
		{"Metadata 12, empty name and id, as Java sends", metadata(12, entry{empty, id}), nil, []entry{{nil, id}}},
		{"Metadata 13, id and a name", metadata(13, entry{nil, id}, entry{topic, zero}), nil, []entry{{nil, id}}},
		{"Metadata 13, id and neither", metadata(13, entry{nil, id}, entry{nil, zero}), nil, []entry{{nil, id}}},
		{"Metadata 12, neither and a name", metadata(12, entry{nil, zero}, entry{topic, zero}), []int16{-1, -1}, nil},
		{"Metadata 13, neither", metadata(13, entry{nil, zero}), []int16{-1}, nil},
		{"DeleteTopics, name and id", deletion(entry{topic, id}), []int16{42}, nil},
		{"DeleteTopics, neither", deletion(entry{nil, zero}, entry{nil, zero}), []int16{42, 42}, nil},
		{"DeleteTopics, empty name and id", deletion(entry{empty, id}), []int16{42}, nil},
		{"DeleteTopics, name and id beside a name", deletion(entry{topic, id}, entry{topic, zero}), nil, []entry{{topic, zero}}},
		{"DeleteTopics, neither beside a hidden name", deletion(entry{nil, zero}, entry{new("hidden"), zero}), []int16{29, 42}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := g.Conn(client).Request(kmsg.NewRequestFormatter().AppendRequest(nil, tt.request, 5)[4:])
			require.NoError(t, err)
			if tt.codes != nil {
				require.Empty(t, plan.Forward())
				data, err := plan.Response()
				require.NoError(t, err)
				assert.Equal(t, tt.codes, topicCodes(t, tt.request, data))
				return
			}
			require.Len(t, plan.Forward(), 1)
			h, err := ParseHeader(plan.Forward()[0])
			require.NoError(t, err)
			sent, err := h.Request(plan.Forward()[0])
			require.NoError(t, err)
			var got []entry
			switch m := sent.(type) {
			case *kmsg.MetadataRequest:
				for _, topic := range m.Topics {
					got = append(got, entry{topic.Topic, topic.TopicID})
				}
			case *kmsg.DeleteTopicsRequest:
				for _, topic := range m.Topics {
					got = append(got, entry{topic.Topic, topic.TopicID})
				}
				reply := kmsg.NewPtrDeleteTopicsResponse()
				reply.SetVersion(6)
				reply.Topics = []kmsg.DeleteTopicsResponseTopic{{Topic: topic}}
				data, err := plan.Response(h.Response(reply))
				require.NoError(t, err)
				assert.Equal(t, []int16{0, 42}, topicCodes(t, tt.request, data), "what is refused is answered beside what the cluster answers")
			}
			assert.Equal(t, tt.sent, got)
		})
	}
}

// topicCodes returns the error codes of the topics in an answer, and the texts are Kafka's.
func topicCodes(t *testing.T, request kmsg.Request, answer []byte) (codes []int16) {
	t.Helper()
	resp := request.ResponseKind()
	body := answer[4:]
	if resp.IsFlexible() {
		body = body[1:]
	}
	require.NoError(t, resp.ReadFrom(body))
	switch r := resp.(type) {
	case *kmsg.MetadataResponse:
		assert.Empty(t, r.Brokers)
		assert.EqualValues(t, -1, r.ControllerID)
		for _, topic := range r.Topics {
			codes = append(codes, topic.ErrorCode)
			assert.NotNil(t, topic.Topic)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, topic := range r.Topics {
			codes = append(codes, topic.ErrorCode)
			if topic.ErrorCode == 42 {
				assert.Contains(t, []string{*bothText, *neitherText}, fmt.Sprint(*topic.ErrorMessage))
			}
		}
	}
	return codes
}
