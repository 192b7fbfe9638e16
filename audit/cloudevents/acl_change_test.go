package cloudevents_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit/cloudevents"
)

func TestAppendACLChange(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line, err := cloudevents.AppendACLChange([]byte("x"), when, "crn:///kafka=ID", map[string]string{"name": "a\u202e\nb"})
	require.NoError(t, err)
	assert.Equal(t, byte('x'), line[0])
	assert.NotContains(t, string(line), "\n")
	assert.NotContains(t, string(line), "\u202e")
	var got event.Event
	require.NoError(t, json.Unmarshal(line[1:], &got))
	require.NoError(t, got.Validate())
	assert.Equal(t, cloudevents.ACLChangeType, got.Type())
	assert.Equal(t, "crn:///kafka=ID", got.Source())
	assert.Equal(t, when, got.Time())
	var data map[string]string
	require.NoError(t, got.DataAs(&data))
	assert.Equal(t, map[string]string{"name": "a\u202e\nb"}, data)
	for source, data := range map[string]any{"": 1, "a b\x7f": 1, "crn:///kafka=ID": func() {}} {
		_, err := cloudevents.AppendACLChange(nil, when, source, data)
		assert.Error(t, err, "%q", source)
	}
}
