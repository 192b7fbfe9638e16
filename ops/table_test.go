package ops_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func TestTableIsWhole(t *testing.T) {
	apis := ops.APIs()
	require.Len(t, apis, 95)
	steps, different := 0, 0
	for i, api := range apis {
		assert.Equal(t, i, int(api.Key), "row %d is of API %d", i, api.Key)
		require.LessOrEqual(t, api.MinVersion, api.MaxVersion, "%v: incomplete: %+v", api.Key, api)
		require.NotEmpty(t, api.Listeners, "%v: incomplete: %+v", api.Key, api)
		require.NotEmpty(t, api.Handlers, "%v: incomplete: %+v", api.Key, api)
		assert.NotEqual(t, "", api.Placement, "%v: incomplete: %+v", api.Key, api)
		if api.Forwarded && !api.Forwardable {
			t.Errorf("%v: forwarded, but no envelope may carry it", api.Key)
		}
		assert.LessOrEqual(t, len(api.Steps), 16, "%v: %d steps, more than a set of steps holds", api.Key, len(api.Steps))
		for n := range api.Steps {
			checkStep(t, &api, n)
		}
		for _, g := range api.Guards {
			require.GreaterOrEqual(t, g.After, 0, "%v: guard %+v", api.Key, g)
			require.LessOrEqual(t, g.After, len(api.Steps), "%v: guard %+v", api.Key, g)
			assert.NotEqual(t, ops.None, g.Effect.Code, "%v: guard %+v", api.Key, g)
		}
		steps += len(api.Steps)
		if len(api.Differences) > 0 {
			different++
		}
	}
	assert.Equal(t, 144, steps)
	assert.Equal(t, 36, different, "APIs that are not as documented")
}

func checkStep(t *testing.T, api *ops.API, n int) {
	s := &api.Steps[n]
	fail := func(text string) { t.Errorf("%v step %d: %s: %+v", api.Key, n+1, text, s) }
	if !s.Type.IsConcrete() || !s.Operation.IsKnown() {
		fail("asks about nothing")
	}
	// Kafka's own tables lack one pair that Kafka asks for.
	deleteCluster := s.Operation == ops.Delete && s.Type == resource.Cluster
	if !ops.Supported(s.Type).Has(s.Operation) && !deleteCluster {
		fail("the type does not support the operation")
	}
	if (s.Combine == ops.Fallback) != (s.FallbackOf != 0) {
		fail("a fallback needs a step it is the fallback of")
	}
	if s.Combine == ops.Fallback && (s.FallbackOf > n || api.Steps[s.FallbackOf-1].Combine != ops.Sufficient) {
		fail("a fallback is of an earlier step that suffices")
	}
	if s.Combine == ops.Fallback && s.When != api.Steps[s.FallbackOf-1].When {
		fail("a fallback has the condition of the step it is the fallback of")
	}
	if s.Combine == ops.Sufficient && s.Denied != (ops.Effect{}) {
		fail("a step that suffices has no effect")
	}
	if s.Combine == ops.Sufficient && !slices.ContainsFunc(api.Steps, func(f ops.Step) bool { return f.FallbackOf == n+1 }) {
		fail("a step that suffices needs a fallback")
	}
	wantsCode := s.Combine != ops.Sufficient && s.Denied.Scope != ops.LeftOut && s.Denied.Scope != ops.FieldWithheld
	if wantsCode && s.Denied.Code == ops.None {
		fail("a denial without a code")
	}
}

func TestRowsAreTheCallers(t *testing.T) {
	api, ok := ops.Lookup(3)
	require.True(t, ok, "no row for Metadata")
	api.Steps[0].Operation = ops.Unknown
	api.Listeners[0] = 0
	ops.APIs()[3].Steps[0].Denied.Code = ops.None
	again, _ := ops.Lookup(3)
	assert.Equal(t, ops.Describe, again.Steps[0].Operation, "the table was changed through a row")
	assert.Equal(t, ops.Broker, again.Listeners[0], "the table was changed through a row")
	assert.Equal(t, ops.TopicAuthorizationFailed, again.Steps[0].Denied.Code, "the table was changed through a row")
	api, ok = ops.Lookup(95)
	require.False(t, ok, "a row for API 95")
	assert.Nil(t, api.Steps, "a row for API 95")
}

// TestEveryCodeIsNamed checks all codes: those that Kafka defines have Kafka's name,
// other codes have none, and the table uses only codes with a name.
func TestEveryCodeIsNamed(t *testing.T) {
	given := map[ops.ErrorCode]bool{ops.None: true, ops.UnsupportedVersion: true, ops.PolicyViolation: true}
	for _, api := range ops.APIs() {
		given[api.AllOrNothing] = true
		for _, s := range api.Steps {
			given[s.Denied.Code] = true
		}
		for _, g := range api.Guards {
			given[g.Effect.Code] = true
		}
	}
	codes := readNames(t, "error", -1)
	names := map[ops.ErrorCode]string{}
	for _, row := range codes {
		names[ops.ErrorCode(row.Code)] = row.Name
	}
	for c := ops.ErrorCode(-1000); c < 1000; c++ {
		text, err := c.MarshalText()
		if name, known := names[c]; known {
			assert.NoError(t, err)
			assert.Equal(t, name, string(text))
			assert.Equal(t, name, c.String())
			continue
		}
		assert.Error(t, err)
		assert.Equal(t, fmt.Sprintf("ErrorCode(%d)", c), c.String())
		assert.False(t, given[c], "the table gives %v", c)
	}
}

func TestEnumsOfTheTablePrint(t *testing.T) {
	type enum interface {
		String() string
		MarshalText() ([]byte, error)
	}
	for v := -128; v < 128; v++ {
		for _, e := range []enum{ops.Combine(v), ops.Scope(v), ops.Endpoint(v), ops.Condition(v), ops.NameSource(v)} {
			text, err := e.MarshalText()
			if (err == nil) == strings.Contains(e.String(), "(") && !strings.Contains(e.String(), " ") {
				t.Errorf("%T(%d): %q, %v", e, v, e, err)
			}
			if err == nil && string(text) != e.String() {
				t.Errorf("%T(%d): %q and %q", e, v, text, e)
			}
		}
	}
	for set, want := range map[ops.ConfigType]string{
		0: "ConfigType(0)", 2: "TOPIC", 12: "BROKER, BROKER_LOGGER", 62: "TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP", 65: "ConfigType(65)", 3: "TOPIC, ConfigType(1)",
	} {
		t.Run(want, func(t *testing.T) {
			assert.Equal(t, want, set.String(), "ConfigType %d", uint8(set))
		})
	}
}

// TestMarkdownOfAnyRow renders rows that are not in the table.
func TestMarkdownOfAnyRow(t *testing.T) {
	row := ops.API{Key: 999, Steps: []ops.Step{{Combine: 9, Denied: ops.Effect{Scope: 99, WhenAll: -1}, FallbackOf: -3}}, Guards: []ops.Guard{{After: 7, When: -1}}}
	assert.Contains(t, string(ops.AppendMarkdown(nil, row, ops.API{})), "Scope(99)")
	_, err := json.Marshal(row)
	assert.Error(t, err, "a row with unknown values has JSON")
}
