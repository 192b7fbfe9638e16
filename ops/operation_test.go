package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestOperationRoundTrip covers all 256 values.
func TestOperationRoundTrip(t *testing.T) {
	for code := -128; code <= 127; code++ {
		o := ops.Operation(code)
		known := code >= 0 && code <= 15
		text, err := o.MarshalText()
		if (err == nil) != known || o.IsKnown() != (known && code > 0) || ops.SetOf(o).Has(o) != known {
			t.Errorf("%v: text %q, %v, known %t", o, text, err, o.IsKnown())
		}
		if ops.Set(1<<16-1).Has(o) != known {
			t.Errorf("%v is in the full set: %t", o, !known)
		}
		if !known {
			if want := fmt.Sprintf("Operation(%d)", code); o.String() != want || ops.OperationFromCode(int8(code)) != ops.Unknown {
				t.Errorf("printed %q, want %q", o.String(), want)
			}
			continue
		}
		var back ops.Operation
		for _, s := range []string{o.String(), o.DisplayName(), strings.ToLower(o.String()), strings.ToUpper(o.DisplayName())} {
			if err := back.UnmarshalText([]byte(s)); err != nil || back != o {
				t.Errorf("%q: read as %v, %v", s, back, err)
			}
		}
		if err := back.UnmarshalText([]byte("describe-configs")); err == nil || back != o {
			t.Errorf("a wrong text changed %v to %v", o, back)
		}
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
		if ops.AllowedBy(o) != allowed || ops.DeniedBy(o) != denied {
			t.Errorf("%v allows %v and denies %v", o, slices.Collect(ops.AllowedBy(o).All()), slices.Collect(ops.DeniedBy(o).All()))
		}
	}
	if s := ops.AllowedBy(99) | ops.DeniedBy(-1); s != 0 {
		t.Errorf("no operation stands for %v", slices.Collect(s.All()))
	}
}

func TestSetIterates(t *testing.T) {
	s := ops.SetOf(ops.Write, ops.Read, ops.TwoPhaseCommit, 99, -1)
	if got := slices.Collect(s.All()); !slices.Equal(got, []ops.Operation{ops.Read, ops.Write, ops.TwoPhaseCommit}) || s.Len() != 3 {
		t.Errorf("got %v", got)
	}
	for o := range s.All() {
		if o != ops.Read {
			t.Errorf("went on to %v after the loop ended", o)
		}
		break
	}
}

// TestEveryTypeIsInTheTables: a new resource type must have supported operations.
func TestEveryTypeIsInTheTables(t *testing.T) {
	for _, typ := range resource.Types() {
		if ops.Supported(typ) == 0 {
			t.Errorf("%v supports nothing", typ)
		}
		if _, ok := ops.AuthorizationError(typ); ok != (typ != resource.User) {
			t.Errorf("%v has an error code: %t", typ, ok)
		}
	}
	if ops.Supported(resource.Any) != 0 || ops.Supported(99) != 0 {
		t.Error("a type that no resource has supports something")
	}
}

func TestAPIKeys(t *testing.T) {
	for key := ops.APIKey(0); key <= 92; key++ {
		if got, err := ops.ParseAPIKey(key.String()); err != nil || got != key || !key.IsKnown() {
			t.Errorf("%d: %v read as %d, %v", key, key, got, err)
		}
	}
	for _, key := range []ops.APIKey{-1, 93, 32767} {
		if key.IsKnown() || key.String() != fmt.Sprintf("APIKey(%d)", key) {
			t.Errorf("%v is known", key)
		}
	}
	if _, err := ops.ParseAPIKey("Nonsense"); err == nil {
		t.Error("nonsense has a key")
	}
	if got := ops.ErrorCode(9999).String(); got != "ErrorCode(9999)" {
		t.Errorf("got %s", got)
	}
}
