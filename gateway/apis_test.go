package gateway

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestAPIsNameFieldsThatExist: the table names message fields as text. If kmsg renames
// a field, this test must fail, and not an answer in production.
func TestAPIsNameFieldsThatExist(t *testing.T) {
	lists := 0
	for i := range apis {
		key, a := ops.APIKey(i), &apis[i]
		t.Run(key.String(), func(t *testing.T) {
			require.NotNil(t, kmsg.RequestForKey(int16(key)))
			request := reflect.TypeOf(kmsg.RequestForKey(int16(key))).Elem()
			response := reflect.TypeOf(kmsg.ResponseForKey(int16(key))).Elem()
			list := func(message reflect.Type, name string) {
				f, ok := message.FieldByName(name)
				if assert.True(t, ok, "%v has no field %s", message, name) {
					assert.Equal(t, reflect.Slice, f.Type.Kind(), "%v.%s", message, name)
				}
				lists++
			}
			if a.items != "" {
				list(response, a.items)
			}
			if a.refused != (refusedList{}) {
				list(request, a.refused.request)
				list(response, a.refused.response)
			}
			for name := range a.blanks {
				assert.True(t, hasField(response, name), "no structure in %v has a field %s", response, name)
			}
			if a.addresses == nil {
				return
			}
			for _, name := range a.addresses.fields {
				_, ok := response.FieldByName(name)
				assert.True(t, name == "" || ok, "%v has no field %s", response, name)
			}
		})
	}
	assert.GreaterOrEqual(t, lists, 64)
}

// hasField reports whether a structure in t, at any depth, has a field of that name.
func hasField(t reflect.Type, name string) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Pointer:
		return hasField(t.Elem(), name)
	case reflect.Struct:
		if _, ok := t.FieldByName(name); ok {
			return true
		}
		return slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return hasField(f.Type, name) })
	}
	return false
}

// TestAPIsAreOfTheProtocolTable: rows with settings for entries belong to APIs whose
// entries are decided separately.
func TestAPIsAreOfTheProtocolTable(t *testing.T) {
	rows := 0
	for i := range apis {
		key, a := ops.APIKey(i), &apis[i]
		if a.items == "" && a.repeated == 0 && !a.errorStands && !a.sentOnEmpty {
			continue
		}
		rows++
		row, ok := ops.Lookup(key)
		require.True(t, ok, "%v", key)
		assert.True(t, len(row.Items) > 0 || slices.ContainsFunc(row.Steps, func(s ops.Step) bool { return s.PerItem }), "%v decides nothing entry by entry", key)
	}
	assert.GreaterOrEqual(t, rows, 20)
}
