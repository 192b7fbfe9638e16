package auditlog

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkFile writes events to a file, in each format. With block the time is that of the
// slower of the two: to hand an event over, and to write it.
func BenchmarkFile(b *testing.B) {
	for _, format := range []string{JSON, OCSF, CloudEvents} {
		b.Run(format, func(b *testing.B) {
			to, err := OpenFile(filepath.Join(b.TempDir(), "audit.log"), Rotation{MiB: 100, Keep: 2})
			require.NoError(b, err)
			encode, err := EncoderOf(format, "/portcullis")
			require.NoError(b, err)
			l, err := New(to, encode, Block, slog.New(slog.DiscardHandler))
			require.NoError(b, err)
			e := numbered(1)
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Handle(e); err != nil {
					b.Fatal(err)
				}
			}
			require.NoError(b, l.Close(time.Minute))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
