package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestOperationRoundTrip covers all 256 values.
func TestOperationRoundTrip(t *testing.T) {
	for code := -128; code <= 127; code++ {
		o := ops.Operation(code)
		known := code >= 0 && code <= 15
		text, err := o.MarshalText()
		assert.Equal(t, known, err == nil, "%v: text %q, %v, known %t", o, text, err, o.IsKnown())
		assert.Equal(t, known && code > 0, o.IsKnown(), "%v: text %q, %v, known %t", o, text, err, o.IsKnown())
		assert.Equal(t, known, ops.SetOf(o).Has(o), "%v: text %q, %v, known %t", o, text, err, o.IsKnown())
		assert.Equal(t, known, ops.Set(1<<16-1).Has(o), "%v is in the full set", o)
		if !known {
			want := fmt.Sprintf("Operation(%d)", code)
			assert.Equal(t, want, o.String(), "printed %q, want %q", o.String(), want)
			assert.Equal(t, ops.Unknown, ops.OperationFromCode(int8(code)), "printed %q, want %q", o.String(), want)
			continue
		}
		var back ops.Operation
		for _, s := range []string{o.String(), o.DisplayName(), strings.ToLower(o.String()), strings.ToUpper(o.DisplayName())} {
			err := back.UnmarshalText([]byte(s))
			assert.NoError(t, err, "%q: read as %v, %v", s, back, err)
			assert.Equal(t, o, back, "%q: read as %v, %v", s, back, err)
		}
		err = back.UnmarshalText([]byte("describe-configs"))
		assert.Error(t, err, "a wrong text changed %v to %v", o, back)
		assert.Equal(t, o, back, "a wrong text changed %v to %v", o, back)
	}
}

// TestImplications has every operation that an ALLOW and a DENY cover.
func TestImplications(t *testing.T) {
	implied := map[ops.Operation]ops.Operation{
		ops.Read: ops.Describe, ops.Write: ops.Describe, ops.Delete: ops.Describe, ops.Alter: ops.Describe,
		ops.AlterConfigs: ops.DescribeConfigs,
	}
	for o := ops.Unknown; o <= ops.TwoPhaseCommit; o++ {
		allowed, denied := ops.SetOf(o), ops.SetOf(o)
		if other, ok := implied[o]; ok {
			allowed |= ops.SetOf(other)
		}
		if o == ops.All {
			allowed, denied = 1<<16-1, 1<<16-1
		}
		assert.Equal(t, allowed, ops.AllowedBy(o), "%v", o)
		assert.Equal(t, denied, ops.DeniedBy(o), "%v", o)
	}
	s := ops.AllowedBy(99) | ops.DeniedBy(-1)
	assert.Equal(t, ops.Set(0), s, "no operation stands for %v", slices.Collect(s.All()))
}

func TestSetIterates(t *testing.T) {
	s := ops.SetOf(ops.Write, ops.Read, ops.TwoPhaseCommit, 99, -1)
	got := slices.Collect(s.All())
	assert.Equal(t, []ops.Operation{ops.Read, ops.Write, ops.TwoPhaseCommit}, got)
	for o := range s.All() {
		assert.Equal(t, ops.Read, o, "went on to %v after the loop ended", o)
		break
	}
}

// TestEveryTypeIsInTheTables: a new resource type must have supported operations.
func TestEveryTypeIsInTheTables(t *testing.T) {
	for _, typ := range resource.Types() {
		assert.NotEqual(t, ops.Set(0), ops.Supported(typ), "%v supports nothing", typ)
	}
	assert.Equal(t, ops.Set(0), ops.Supported(resource.Any), "a type that no resource has supports something")
	assert.Equal(t, ops.Set(0), ops.Supported(99), "a type that no resource has supports something")
}

func TestAPIKeys(t *testing.T) {
	for key := ops.APIKey(0); key <= ops.UnregisterControllerKey; key++ {
		got, err := ops.ParseAPIKey(key.String())
		require.NoError(t, err, "%d: %v read as %d, %v", key, key, got, err)
		assert.Equal(t, key, got, "%d: %v read as %d, %v", key, key, got, err)
		_, known := ops.Lookup(key)
		assert.True(t, known, "%d has no row", key)
	}
	for _, key := range []ops.APIKey{-1, 95, 32767} {
		t.Run(fmt.Sprint(key), func(t *testing.T) {
			_, known := ops.Lookup(key)
			assert.False(t, known, "%v has a row", key)
			assert.Equal(t, fmt.Sprintf("APIKey(%d)", key), key.String(), "%v is known", key)
		})
	}
	_, err := ops.ParseAPIKey("Nonsense")
	assert.Error(t, err, "nonsense has a key")
	assert.Equal(t, "ErrorCode(9999)", ops.ErrorCode(9999).String())
}
