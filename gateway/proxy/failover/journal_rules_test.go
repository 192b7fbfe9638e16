package failover_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// logOf returns a log of partition 0 that holds these numbers.
func logOf(numbers ...int) (log []record) {
	for i, number := range numbers {
		log = append(log, record{offset: int64(i), value: valueOf("orders", 0, number)})
	}
	return log
}

func eventsOf(offsets ...int64) (events []event) {
	for _, offset := range offsets {
		events = append(events, event{number: int(offset), offset: offset, at: offset})
	}
	return events
}

// TestVerifyLog: each thing that can be wrong with a log is found, and nothing else is.
func TestVerifyLog(t *testing.T) {
	sound := logOf(0, 1, 2)
	for _, tt := range []struct {
		name    string
		log     []record
		acked   []event
		undone  []event
		unknown [][]event
		want    string // the beginning of each fault, with commas between
	}{
		{"all there", sound, eventsOf(0, 1, 2), nil, nil, ""},
		{"more than was acknowledged", sound, eventsOf(0, 2), nil, nil, ""},
		{"acknowledged without an offset", sound, []event{{number: 1, offset: -1}}, nil, nil, ""},
		{"lost", logOf(0, 1), eventsOf(0, 1, 2), nil, nil, "lost"},
		{"twice", logOf(0, 1, 2, 2), eventsOf(0, 1, 2), nil, nil, "duplicate,moved"},
		{"twice and never acknowledged", logOf(0, 1, 1), eventsOf(0), nil, nil, "duplicate"},
		{"out of order", logOf(0, 2, 1), eventsOf(0), nil, nil, "out of order"},
		{"another offset", logOf(0, 2), []event{{number: 2, offset: 2}}, nil, nil, "moved"},
		{"never sent", logOf(0, 1, 2, 3), eventsOf(0, 1, 2), nil, nil, "from nowhere"},
		{"of another topic", append(slices.Clone(sound), record{0, 3, "other/0/1", 0}), nil, nil, nil, "from nowhere"},
		{"of another partition", append(slices.Clone(sound), record{1, 0, valueOf("orders", 0, 1), 0}), nil, nil, nil, "from nowhere"},
		{"no number", append(slices.Clone(sound), record{0, 3, "orders/0/x", 0}), nil, nil, nil, "from nowhere"},
		{"given up and gone", logOf(0, 1), eventsOf(0, 1), []event{{number: 2}}, nil, ""},
		{"given up and there", sound, eventsOf(0, 1), []event{{number: 2}}, nil, "not undone"},
		{"unknown and whole", sound, eventsOf(0), nil, [][]event{{{number: 1}, {number: 2}}}, ""},
		{"unknown and gone", logOf(0), eventsOf(0), nil, [][]event{{{number: 1}, {number: 2}}}, ""},
		{"unknown and torn", logOf(0, 1), eventsOf(0), nil, [][]event{{{number: 1}, {number: 2}}}, "torn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &journal{topic: "orders", events: tt.acked, undone: tt.undone, unknown: tt.unknown, sent: [partitions]int{3}}
			assert.Equal(t, tt.want, kinds(j.verifyLog(tt.log)))
		})
	}
}

// kinds returns what kinds of faults there are.
func kinds(faults []string) string {
	var found []string
	for _, fault := range faults {
		kind, _, _ := strings.Cut(fault, ":")
		found = append(found, kind)
	}
	return strings.Join(found, ",")
}

// TestVerifyDeliveries: a consumer gets every record, and may get one again.
func TestVerifyDeliveries(t *testing.T) {
	log := logOf(0, 1, 2, 3)
	for _, tt := range []struct {
		name string
		got  []event
		want string
	}{
		{"all", eventsOf(0, 1, 2, 3), ""},
		{"some again", eventsOf(0, 1, 2, 1, 2, 3), ""},
		{"not the last", eventsOf(0, 1, 2), "not delivered"},
		{"none", nil, "not delivered"},
		{"one left out", eventsOf(0, 2, 3), "left out"},
		{"left out and delivered later", eventsOf(0, 1, 3, 2), "left out"},
		{"another record", []event{{number: 7, offset: 0}, {number: 1, offset: 1}}, "from nowhere,left out,not delivered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &journal{topic: "orders", events: tt.got}
			assert.Equal(t, tt.want, kinds(j.verifyDeliveries(log)))
		})
	}
}

// TestGap: the longest wait of any partition counts, up to the end of the time looked at.
func TestGap(t *testing.T) {
	j := &journal{}
	for p := range int32(partitions) {
		j.add(event{partition: p, at: 90}, event{partition: p, at: 200}, event{partition: p, at: 230})
	}
	assert.EqualValues(t, 100, j.gap(100, 250), "from the fault to the first event")
	assert.EqualValues(t, 30, j.gap(195, 240), "between events")
	assert.EqualValues(t, 770, j.gap(195, 1000), "up to the end")
	j.events = slices.DeleteFunc(j.events, func(e event) bool { return e.partition == 3 && e.at == 200 })
	assert.EqualValues(t, 130, j.gap(100, 250), "in one partition")
	p, found := j.idle(210)
	assert.False(t, found, p)
	j.events = slices.DeleteFunc(j.events, func(e event) bool { return e.partition == 3 && e.at == 230 })
	p, found = j.idle(210)
	assert.True(t, found)
	assert.Equal(t, 3, p)
}
