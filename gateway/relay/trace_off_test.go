package relay

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestTracesCostNothing: without a Tracer, and for a request that is not sampled, the steps of a
// request allocate nothing.
func TestTracesCostNothing(t *testing.T) {
	for name, config := range map[string]Client{"none": {}, "not sampled": {Tracer: noTraces{}}} {
		t.Run(name, func(t *testing.T) {
			c := &Conn{config: config}
			assert.Zero(t, testing.AllocsPerRun(1000, func() {
				c.trace = c.newTrace()
				c.trace.turn(gateway.Header{}, c.subject)
				c.trace.decided()
				c.sent()
				c.trace.heard()
				c.finished(nil)
			}))
			assert.Nil(t, c.trace)
		})
	}
}

// noTraces samples nothing.
type noTraces struct{}

func (noTraces) Sampled() bool   { return false }
func (noTraces) Finished(*Trace) { panic("it was not sampled") }
