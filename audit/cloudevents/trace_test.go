package cloudevents_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/audit/cloudevents"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// kept keeps events.
type kept struct{ events []audit.Event }

func (k *kept) Handle(e *audit.Event) error {
	k.events = append(k.events, *e)
	return nil
}

// Package audit reads what this package writes.
func TestTraceOfCloudEvents(t *testing.T) {
	var out bytes.Buffer
	var k kept
	decisions(t, cloudevents.NewWriter(&out, cluster))
	decisions(t, &k)
	require.Len(t, k.events, 4)
	for _, format := range []audit.TraceFormat{audit.TraceAuto, audit.TraceCloudEvents} {
		i := 0
		for r, err := range audit.ReadTrace(bytes.NewReader(out.Bytes()), "log", format) {
			require.NoError(t, err)
			e := k.events[i]
			assert.Equal(t, audit.Record{
				Subject: e.Subject, Request: e.Request, ByType: e.ByType, Allowed: e.Decision.Allowed(),
				SuperUser: e.Decision.Reason() == snapshot.SuperUser, Line: i + 1,
			}, r)
			i++
		}
		assert.Len(t, k.events, i)
	}
}
