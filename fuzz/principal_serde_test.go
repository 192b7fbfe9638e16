package fuzz_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/portcullis-authz/portcullis/principal"
)

// negativeTags is the one captured form with a number of tagged fields that Kafka 4.4 refuses:
// see principal-tags in docs/differences.md. TestKafkaSerde compares both releases.
const negativeTags = "0000055573657206616c69636500ffffffff0f"

// replayPrincipalSerde compares one principal's wire form with Kafka's, or one
// wire form's principal, or its refusal.
func replayPrincipalSerde(row []byte) (checks int, mismatches []string, err error) {
	var v struct {
		Kind               string  `json:"kind"`
		Hex                string  `json:"hex"`
		Type               *string `json:"type"`
		Name               *string `json:"name"`
		TokenAuthenticated bool    `json:"tokenAuthenticated"`
		ErrorClass         string  `json:"errorClass"`
		Error              *string `json:"error"`
	}
	decoder := json.NewDecoder(bytes.NewReader(row))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		return 0, nil, err
	}
	wire, err := hex.DecodeString(v.Hex)
	if err != nil {
		return 0, nil, err
	}
	if (v.Type == nil || v.Name == nil) == (v.ErrorClass == "") {
		return 0, nil, fmt.Errorf("a row has a principal or an error: %s", row)
	}
	var want principal.Principal
	if v.ErrorClass == "" {
		want = principal.Principal{Type: *v.Type, Name: *v.Name, TokenAuthenticated: v.TokenAuthenticated}
	}
	switch v.Kind {
	case "serialize":
		checks++
		if got, err := want.AppendWire(nil); err != nil || !bytes.Equal(got, wire) {
			mismatches = append(mismatches, fmt.Sprintf("%#v to the wire: %x, %v, Kafka writes %x", want, got, err, wire))
		}
	case "deserialize":
	default:
		return 0, nil, fmt.Errorf("unknown kind %q", v.Kind)
	}
	checks++
	if v.Hex == negativeTags { // captured of a release before 4.4, which refuses it, as ParseWire does
		want, v.ErrorClass = principal.Principal{}, "java.lang.RuntimeException"
	}
	got, gotErr := principal.ParseWire(wire)
	if got != want || (gotErr != nil) != (v.ErrorClass != "") {
		mismatches = append(mismatches, fmt.Sprintf("%x from the wire: %#v, %v, Kafka reads %#v %s", wire, got, gotErr, want, v.ErrorClass))
	}
	return checks, mismatches, nil
}
