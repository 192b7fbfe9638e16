package failover_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
)

// partitions is how many partitions each topic has: two for each broker to lead.
const partitions = 6

// event is the acknowledgement of a record to its producer, or its delivery to a consumer.
type event struct {
	partition int32
	number    int   // of the record within the partition, from 0
	offset    int64 // -1 if the client does not know it
	at        int64 // in ms of Unix time
}

// record is a record as it stands in the log.
type record struct {
	partition int32
	offset    int64
	value     string
	at        int64 // in ms of Unix time; 0 if that is of no interest
}

// valueOf returns the value of a record: it says where the record belongs.
func valueOf(topic string, partition int32, number int) string {
	return fmt.Sprintf("%s/%d/%d", topic, partition, number)
}

// numberOf reads a value that valueOf made for a topic and a partition.
func numberOf(value, topic string, partition int32) (number int, ok bool) {
	rest, ok := strings.CutPrefix(value, topic+"/"+strconv.Itoa(int(partition))+"/")
	if !ok {
		return 0, false
	}
	number, err := strconv.Atoi(rest)
	return number, err == nil && number >= 0
}

// journal is what a client has done. It is safe for concurrent use.
type journal struct {
	way, client string
	topic       string
	group       string // of a consumer, else empty

	mu      sync.Mutex
	sent    [partitions]int // records handed to the producer: they may be in the log
	events  []event         // acknowledgements, or deliveries
	undone  []event         // records of transactions that were given up: they must not be seen
	unknown [][]event       // transactions of which the client does not know the end
	errors  []string        // that no client must see
	notes   []string        // errors that a client recovers from by itself, or by beginning anew
}

// String returns WAY CLIENT.
func (j *journal) String() string { return j.way + " " + j.client }

func (j *journal) send(partition int32) (number int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sent[partition]++
	return j.sent[partition] - 1
}

func (j *journal) add(events ...event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, events...)
}

func (j *journal) fail(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.errors = append(j.errors, fmt.Sprintf(format, args...))
}

// note notes an error that belongs to a fault, unless it is a refusal, which never does.
func (j *journal) note(what string, err error) {
	var code *kerr.Error
	if errors.As(err, &code) && strings.HasSuffix(code.Message, "AUTHORIZATION_FAILED") {
		j.fail("%s: %v", what, err)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, fmt.Sprintf("%s: %v", what, err))
}

// giveUp notes a transaction that was not committed.
func (j *journal) giveUp(events []event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.undone = append(j.undone, events...)
}

// doubt notes a transaction of which it is not known whether it was committed.
func (j *journal) doubt(events []event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unknown = append(j.unknown, events)
}

// problems returns the errors that the client has seen.
func (j *journal) problems() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.errors)
}

// copyOf returns the events that there are.
func (j *journal) copyOf() []event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}

// idle returns a partition without an event after a time, if there is one.
func (j *journal) idle(since int64) (partition int, found bool) {
	var busy [partitions]bool
	for _, e := range j.copyOf() {
		busy[e.partition] = busy[e.partition] || e.at > since
	}
	partition = slices.Index(busy[:], false)
	return partition, partition >= 0
}

// read takes the lines that Load.java prints.
func (j *journal) read(lines string) error {
	for line := range strings.Lines(lines) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if err := j.readLine(words); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}

func (j *journal) readLine(words []string) error {
	kind, words := words[0], words[1:]
	if kind == "broke" {
		j.fail("the client ended: %s", words[0])
		return nil
	}
	var numbers []int64
	for _, word := range words[:min(len(words), map[string]int{"sent": 2, "acked": 4, "failed": 2, "got": 3}[kind])] {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return err
		}
		numbers = append(numbers, n)
	}
	switch kind {
	case "sent":
		j.mu.Lock()
		defer j.mu.Unlock()
		j.sent[numbers[0]] = int(numbers[1])
	case "acked":
		j.add(event{int32(numbers[0]), int(numbers[1]), numbers[2], numbers[3]})
	case "failed":
		j.fail("record %d/%d failed: %s", numbers[0], numbers[1], words[2])
	case "got":
		j.got(record{partition: int32(numbers[0]), offset: numbers[1], value: words[3]}, numbers[2])
	default:
		return fmt.Errorf("unknown event %q", kind)
	}
	return nil
}

// got notes the delivery of a record.
func (j *journal) got(r record, at int64) {
	number, ok := numberOf(r.value, j.topic, r.partition)
	if !ok {
		j.fail("a record of another place was delivered from partition %d: %q", r.partition, r.value)
		return
	}
	j.add(event{r.partition, number, r.offset, at})
}

// verifyLog compares the log of a topic with what its producer knows, and returns what is
// wrong.
func (j *journal) verifyLog(log []record) (faults []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	places := map[event]int{} // how often a record is in the log, by partition and number
	offsets := map[event]int64{}
	last := map[int32]int{}
	for _, r := range log {
		number, ok := numberOf(r.value, j.topic, r.partition)
		if !ok || number >= j.sent[r.partition] {
			faults = append(faults, fmt.Sprintf("from nowhere: partition %d, offset %d: %q", r.partition, r.offset, r.value))
			continue
		}
		at := event{partition: r.partition, number: number}
		places[at]++
		before, later := last[r.partition]
		switch {
		case places[at] > 1:
			faults = append(faults, fmt.Sprintf("duplicate: record %d/%d at offsets %d and %d", r.partition, number, offsets[at], r.offset))
		case later && number < before:
			faults = append(faults, fmt.Sprintf("out of order: record %d/%d at offset %d is behind record %d", r.partition, number, r.offset, before))
		}
		offsets[at], last[r.partition] = r.offset, max(before, number)
	}
	for _, e := range j.events {
		at := event{partition: e.partition, number: e.number}
		switch offset := offsets[at]; {
		case places[at] == 0:
			faults = append(faults, fmt.Sprintf("lost: record %d/%d was acknowledged with offset %d", e.partition, e.number, e.offset))
		case e.offset >= 0 && e.offset != offset:
			faults = append(faults, fmt.Sprintf("moved: record %d/%d is at offset %d and was acknowledged with %d", e.partition, e.number, offset, e.offset))
		}
	}
	return append(faults, j.verifyTransactions(places)...)
}

// verifyTransactions returns what is wrong with transactions that were not committed.
func (j *journal) verifyTransactions(places map[event]int) (faults []string) {
	for _, e := range j.undone {
		if places[event{partition: e.partition, number: e.number}] > 0 {
			faults = append(faults, fmt.Sprintf("not undone: record %d/%d of a transaction that was given up", e.partition, e.number))
		}
	}
	for _, transaction := range j.unknown {
		there := 0
		for _, e := range transaction {
			there += places[event{partition: e.partition, number: e.number}]
		}
		if there != 0 && there != len(transaction) {
			faults = append(faults, fmt.Sprintf("torn: %d records of a transaction of %d, from %d/%d on", there, len(transaction), transaction[0].partition, transaction[0].number))
		}
	}
	return faults
}

// verifyDeliveries compares what a consumer was given with the log of the topic, and
// returns what is wrong. Records may be delivered again, but none may be left out.
func (j *journal) verifyDeliveries(log []record) (faults []string) {
	places := map[int32][]record{}
	for _, r := range log {
		places[r.partition] = append(places[r.partition], r)
	}
	next := map[int32]int{} // index into places
	for _, e := range j.copyOf() {
		there := places[e.partition]
		i, found := slices.BinarySearchFunc(there, e.offset, func(r record, offset int64) int { return int(r.offset - offset) })
		switch {
		case !found || there[i].value != valueOf(j.topic, e.partition, e.number):
			faults = append(faults, fmt.Sprintf("from nowhere: record %d/%d was delivered with offset %d", e.partition, e.number, e.offset))
		case i > next[e.partition]:
			faults = append(faults, fmt.Sprintf("left out: %d records of partition %d before offset %d", i-next[e.partition], e.partition, e.offset))
			next[e.partition] = i + 1
		case i == next[e.partition]:
			next[e.partition]++
		}
	}
	for partition, there := range places {
		if missing := len(there) - next[partition]; missing > 0 {
			faults = append(faults, fmt.Sprintf("not delivered: the last %d records of partition %d", missing, partition))
		}
	}
	return faults
}

// gap returns the longest time between two events of a partition, as far as it is between
// two times.
func (j *journal) gap(from, to int64) (longest int64) {
	last := [partitions]int64{}
	for p := range last {
		last[p] = from
	}
	events := j.copyOf()
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	for _, e := range events {
		if e.at > from && e.at <= to {
			longest = max(longest, e.at-last[e.partition])
			last[e.partition] = e.at
		}
	}
	for _, at := range last {
		longest = max(longest, to-at)
	}
	return longest
}
