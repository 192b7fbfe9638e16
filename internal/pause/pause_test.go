package pause

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

var (
	errDown  = errors.New("it is down")
	errStops = errors.New("the program stops")
)

// TestInsist counts the attempts and the pauses between them.
func TestInsist(t *testing.T) {
	for name, row := range map[string]struct {
		failures int           // before it succeeds
		stops    time.Duration // when the context ends; 0 is never
		pauses   []time.Duration
		takes    time.Duration
		want     []error
	}{
		"at once":         {},
		"after two":       {failures: 2, pauses: []time.Duration{100 * time.Millisecond, 200 * time.Millisecond}, takes: 300 * time.Millisecond},
		"long pauses":     {failures: 8, pauses: []time.Duration{1e8, 2e8, 4e8, 8e8, 16e8, 32e8, 5e9, 5e9}, takes: 16300 * time.Millisecond},
		"stopped":         {failures: 9, stops: 250 * time.Millisecond, pauses: []time.Duration{1e8, 2e8}, takes: 250 * time.Millisecond, want: []error{errStops, errDown}},
		"stopped at once": {failures: 9, stops: 1, takes: 1, want: []error{errStops, errDown}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if row.stops > 0 {
					time.AfterFunc(row.stops, func() { cancel(errStops) })
				}
				began, attempts := time.Now(), 0
				var pauses []time.Duration
				err := Insist(ctx, func(ctx context.Context) error {
					if attempts++; attempts > row.failures {
						return nil
					}
					if row.stops == 1 {
						<-ctx.Done()
					}
					return errDown
				}, func(err error, pause time.Duration) {
					assert.Equal(t, errDown, err)
					pauses = append(pauses, pause)
				})
				if row.want == nil {
					assert.NoError(t, err)
				}
				for _, want := range row.want {
					assert.ErrorIs(t, err, want)
				}
				assert.Equal(t, row.pauses, pauses)
				assert.Equal(t, row.takes, time.Since(began))
			})
		})
	}
}
