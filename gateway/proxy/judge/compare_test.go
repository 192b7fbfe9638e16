package judge_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// shared returns an answer to a share fetch with one partition for each error code.
func shared(codes ...int16) node {
	r := kmsg.NewPtrShareFetchResponse()
	topic := kmsg.NewShareFetchResponseTopic()
	for i, code := range codes {
		p := kmsg.NewShareFetchResponseTopicPartition()
		p.Partition, p.ErrorCode = int32(i), code
		topic.Partitions = append(topic.Partitions, p)
	}
	if len(codes) > 0 {
		r.Topics = append(r.Topics, topic)
	}
	return (&reader{rename: strings.NewReplacer()}).node("ShareFetch", reflect.ValueOf(r))
}

// Partitions of a share fetch that only one broker has loaded are no difference. All else is.
func TestCompareShareFetch(t *testing.T) {
	for _, tt := range []struct {
		name        string
		kafka, ours node
		differences int
	}{
		{"equal", shared(0, 29), shared(0, 29), 0},
		{"loaded by Kafka alone", shared(0), shared(), 0},
		{"loaded here alone", shared(), shared(0), 0},
		{"failed to load at one", shared(-1), shared(), 0},
		{"one of two loaded", shared(0, 0), shared(0), 0},
		{"refused by Kafka alone", shared(29), shared(0), 1},
		{"refused here alone", shared(0), shared(29), 1},
		{"a refusal is left out", shared(0, 29), shared(0), 1},
		{"a refusal of nothing", shared(), shared(29), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Len(t, compare(tt.kafka, tt.ours), tt.differences)
		})
	}
}

// Groups that come twice are matched by their topics, whatever errors these have.
func TestCompareDuplicates(t *testing.T) {
	groups := func(first, second int16) node {
		r := kmsg.NewPtrOffsetFetchResponse()
		for topic, code := range map[string]int16{"a": first, "b": second} {
			g, of, p := kmsg.NewOffsetFetchResponseGroup(), kmsg.NewOffsetFetchResponseGroupTopic(), kmsg.NewOffsetFetchResponseGroupTopicPartition()
			of.Topic, p.ErrorCode = topic, code
			of.Partitions = append(of.Partitions, p)
			g.Topics = append(g.Topics, of)
			r.Groups = append(r.Groups, g)
		}
		return (&reader{rename: strings.NewReplacer()}).node("OffsetFetch", reflect.ValueOf(r))
	}
	assert.Empty(t, compare(groups(29, 0), groups(29, 0)))
	differences := compare(groups(29, 0), groups(0, 29))
	assert.Len(t, differences, 2)
	for _, d := range differences {
		assert.Equal(t, "Groups[].Topics[].Partitions[].ErrorCode", d.Path)
	}
}
