package fuzz_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// parseRow holds the fields of every kind of row about names and texts.
type parseRow struct {
	Kind       string  `json:"kind"`
	Since      string  `json:"since"`
	Note       string  `json:"note"`
	Input      *string `json:"input"`
	ErrorClass string  `json:"errorClass"`
	Error      *string `json:"error"`

	Principal *struct{ Type, Name, ToString string } `json:"principal"`

	Enum        string `json:"enum"`
	Name        string `json:"name"`
	Code        int8   `json:"code"`
	IsUnknown   bool   `json:"isUnknown"`
	IsSpecific  bool   `json:"isSpecific"`
	DisplayName string `json:"displayName"`

	ResourceType      string
	AclOperation      string
	AclPermissionType string
	PatternType       string
	UtilsResourceType string `json:"SecurityUtils.resourceType"`
	UtilsOperation    string `json:"SecurityUtils.operation"`
	UtilsPermission   string `json:"SecurityUtils.permissionType"`

	SuperUsers    []string `json:"superUsers"`
	DefaultResult string   `json:"defaultResult"`

	Bytes       string `json:"bytes"`
	ScopeID     *int   `json:"scopeId"`
	HostAddress string `json:"hostAddress"`

	ID ops.APIKey `json:"id"`
}

func replayParse(row []byte) (checks int, mismatches []string, err error) {
	var r parseRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	return replayKind(r.Kind, map[string]func() []string{
		"principal":                 r.replayPrincipal,
		"enum":                      r.replayEnum,
		"fromCode":                  r.replayFromCode,
		"fromString":                r.replayFromString,
		"superUsers":                r.replaySuperUsers,
		"allowEveryoneIfNoAclFound": r.replayAllowEveryone,
		"hostAddress":               r.replayHostAddress,
		"apiKey":                    r.replayAPIKey,
	})
}

// replayKind replays a row whose kind says how.
func replayKind(kind string, by map[string]func() []string) (checks int, mismatches []string, err error) {
	replay, ok := by[kind]
	if !ok {
		return 0, nil, fmt.Errorf("unknown kind %q", kind)
	}
	return 1, replay(), nil
}

// input is the text of the row. Kafka's null has no text here: the empty one
// stands for it, and Kafka treats the two alike in all rows.
func (r parseRow) input() string {
	if r.Input == nil {
		return ""
	}
	return *r.Input
}

func (r parseRow) replayPrincipal() []string {
	p, err := principal.Parse(r.input())
	if (err != nil) != (r.ErrorClass != "") {
		return mismatch("%q: error %v, want %q", r.input(), err, r.ErrorClass)
	}
	if err == nil && (p.Type != r.Principal.Type || p.Name != r.Principal.Name || p.String() != r.Principal.ToString) {
		return mismatch("%q: got %+v, want %+v", r.input(), p, *r.Principal)
	}
	return nil
}

// enumValue is what the enumerations have in common.
type enumValue struct {
	name, display string
	unknown       bool
}

// enumOf reads a code of one of Kafka's enumerations.
func enumOf(enum string, code int8) (v enumValue, ok bool) {
	switch enum {
	case "ResourceType":
		e := resource.TypeFromCode(code)
		return enumValue{e.String(), e.DisplayName(), e == resource.Unknown}, true
	case "AclOperation":
		e := ops.OperationFromCode(code)
		return enumValue{e.String(), e.DisplayName(), e == ops.Unknown}, true
	case "AclPermissionType":
		e := acl.PermissionTypeFromCode(code)
		return enumValue{e.String(), e.DisplayName(), e == acl.PermissionUnknown}, true
	case "PatternType":
		e := resource.PatternTypeFromCode(code)
		return enumValue{e.String(), "", e == resource.PatternUnknown}, true
	}
	return enumValue{}, false
}

func (r parseRow) replayEnum() []string {
	got, ok := enumOf(r.Enum, r.Code)
	want := enumValue{r.Name, r.DisplayName, r.IsUnknown}
	if !ok || got != want {
		return mismatch("%s %d: got %+v, want %+v", r.Enum, r.Code, got, want)
	}
	if r.Enum == "PatternType" && resource.PatternType(r.Code).IsSpecific() != r.IsSpecific {
		return mismatch("%s: specific: want %t", r.Name, r.IsSpecific)
	}
	return nil
}

func (r parseRow) replayFromCode() (mismatches []string) {
	for enum, want := range map[string]string{"ResourceType": r.ResourceType, "AclOperation": r.AclOperation,
		"AclPermissionType": r.AclPermissionType, "PatternType": r.PatternType} {
		if got, _ := enumOf(enum, r.Code); got.name != want {
			mismatches = append(mismatches, fmt.Sprintf("%s %d: got %s, want %s", enum, r.Code, got.name, want))
		}
	}
	return mismatches
}

// replayFromString holds the parsers to the union of the spellings that Kafka's
// two look-ups take. What neither takes is Unknown and, unless it spells UNKNOWN
// itself, an error.
func (r parseRow) replayFromString() (mismatches []string) {
	either := func(a, b string) string {
		if a != "UNKNOWN" {
			return a
		}
		return b
	}
	compare := func(enum string, got fmt.Stringer, err error, want string) {
		if got.String() != want || (err != nil) == (want != "UNKNOWN") && r.input() != "UNKNOWN" && r.input() != "Unknown" {
			mismatches = append(mismatches, fmt.Sprintf("%s %q: got %v (%v), want %s", enum, r.input(), got, err, want))
		}
	}
	t, err := resource.ParseType(r.input())
	compare("ResourceType", t, err, either(r.ResourceType, r.UtilsResourceType))
	o, err := ops.ParseOperation(r.input())
	compare("AclOperation", o, err, either(r.AclOperation, r.UtilsOperation))
	p, err := acl.ParsePermissionType(r.input())
	compare("AclPermissionType", p, err, either(r.AclPermissionType, r.UtilsPermission))
	pt, err := resource.ParsePatternType(r.input())
	compare("PatternType", pt, err, r.PatternType)
	return mismatches
}

func (r parseRow) replaySuperUsers() []string {
	config, err := principal.ParseSettings(map[string]string{"super.users": r.input()}, "", 0)
	if (err != nil) != (r.ErrorClass != "") {
		return mismatch("%q: error %v, want %q", r.input(), err, r.ErrorClass)
	}
	var got []string
	for _, p := range config.SuperUsers {
		got = append(got, p.String())
	}
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, r.SuperUsers) {
		return mismatch("%q: got %q, want %q", r.input(), got, r.SuperUsers)
	}
	return nil
}

func (r parseRow) replayAllowEveryone() []string {
	config, err := principal.ParseSettings(map[string]string{"allow.everyone.if.no.acl.found": r.input()}, "", 0)
	if err != nil || config.AllowEveryoneIfNoACLs != (r.DefaultResult == "ALLOWED") {
		return mismatch("%q: got %t (%v), want %s", r.input(), config.AllowEveryoneIfNoACLs, err, r.DefaultResult)
	}
	return nil
}

func (r parseRow) replayHostAddress() (mismatches []string) {
	raw, err := hex.DecodeString(r.Bytes)
	addr, ok := netip.AddrFromSlice(raw)
	if err != nil || !ok {
		return mismatch("no address: %q", r.Bytes)
	}
	if r.ScopeID != nil {
		addr = addr.WithZone(strconv.Itoa(*r.ScopeID))
	}
	if got := acl.HostAddress(addr); got != r.HostAddress {
		mismatches = mismatch("%v: got %s, want %s", addr, got, r.HostAddress)
	}
	if r.Input != nil {
		if parsed, err := netip.ParseAddr(*r.Input); err != nil || parsed.Unmap() != addr.Unmap() {
			mismatches = append(mismatches, fmt.Sprintf("%q: read as %v (%v), want %v", *r.Input, parsed, err, addr))
		}
	}
	return mismatches
}

func (r parseRow) replayAPIKey() []string {
	key, err := ops.ParseAPIKey(r.Name)
	if err != nil || key != r.ID {
		return mismatch("%q: got %d (%v), want %d", r.Name, key, err, r.ID)
	}
	const renamed = 74 // ListClientMetricsResources when the rows were captured
	if r.ID != renamed && r.ID.String() != r.Name {
		return mismatch("key %d: got %v, want %s", r.ID, r.ID, r.Name)
	}
	return nil
}
