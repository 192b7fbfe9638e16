package gateway

import (
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestTransactionalRecords compares with kmsg's reading of a batch, for batches that
// are complete, truncated, of every magic, or have a wrong length.
func TestTransactionalRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	answers := map[bool]int{}
	for range 100_000 {
		records := make([]byte, r.IntN(5))
		batch := kmsg.RecordBatch{Magic: int8(r.IntN(8) - 2), Attributes: int16(r.Uint32()), Length: int32(49 + len(records)), Records: records}
		switch r.IntN(8) {
		case 0:
			batch.Length += int32(r.IntN(9) - 4)
		case 1:
			batch.Length = int32(r.Uint32())
		}
		data := append(batch.AppendTo(nil), make([]byte, r.IntN(5))...) // the next batch
		data = data[:len(data)-r.IntN(9)]
		want := batch.ReadFrom(data) == nil && batch.Magic >= 2 && batch.Attributes&(1<<4) != 0
		if got := isTransactional(data); got != want {
			t.Fatalf("%x: %t, expected %t", data, got, want)
		}
		answers[want]++
	}
	if isTransactional(nil) || answers[true] < 1000 || answers[false] < 1000 {
		t.Errorf("the answers are %v", answers)
	}
}
