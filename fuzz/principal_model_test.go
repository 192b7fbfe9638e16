package fuzz_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/principal"
)

// replayX500Model holds the model's text of a name against Java's.
func replayX500Model(row []byte) (checks int, mismatches []string, err error) {
	var v struct {
		DER  []byte  `json:"der_base64"`
		Name *string `json:"rfc2253"`
	}
	if err := json.Unmarshal(row, &v); err != nil {
		return 0, nil, err
	}
	got, ok := refmodel.DistinguishedName(v.DER)
	if ok != (v.Name != nil) || ok && got != *v.Name {
		mismatches = mismatch("%x: the model prints %q, %t, Java %v", v.DER, got, ok, deref(v.Name))
	}
	return 1, mismatches, nil
}

// replayWireModel holds what the model writes and reads against Kafka.
func replayWireModel(row []byte) (checks int, mismatches []string, err error) {
	var v struct {
		Kind, Hex          string
		Type, Name         string
		TokenAuthenticated bool
		ErrorClass         string
	}
	if err := json.Unmarshal(row, &v); err != nil {
		return 0, nil, err
	}
	wire, err := hex.DecodeString(v.Hex)
	if err != nil {
		return 0, nil, err
	}
	want := principal.Principal{Type: v.Type, Name: v.Name, TokenAuthenticated: v.TokenAuthenticated}
	if v.Kind == "serialize" {
		checks++
		if got := refmodel.Wire(want); !bytes.Equal(got, wire) {
			mismatches = append(mismatches, fmt.Sprintf("%#v: the model writes %x, Kafka %x", want, got, wire))
		}
	}
	checks++
	if v.Hex == negativeTags { // captured of a release before 4.4, which refuses it, as the model does
		want, v.ErrorClass = principal.Principal{}, "of 4.4"
	}
	if got, ok := refmodel.ReadWire(wire); got != want || ok != (v.ErrorClass == "") {
		mismatches = append(mismatches, fmt.Sprintf("%x: the model reads %#v, %t, Kafka %#v %s", wire, got, ok, want, v.ErrorClass))
	}
	return checks, mismatches, nil
}

// replayKerberosModel holds what the model makes of rules and names against Kafka,
// where it knows: of ASCII text, and of patterns that Java and Go share. The checks
// are those.
func replayKerberosModel(row []byte) (checks int, mismatches []string, err error) {
	var r kerberosRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	if r.Kind != "" {
		return 0, nil, nil
	}
	list, realm := r.Rules, ""
	if list == nil {
		list = []string{defaultRules}
	}
	if r.DefaultRealm != nil {
		realm = *r.DefaultRealm
	}
	model, ok, known := refmodel.ReadKerberosRules(list, realm)
	if !known {
		return 0, nil, nil
	}
	if checks = 1; ok != (r.ErrorClass == nil) {
		return checks, mismatch("rules %q: the model accepts them: %t", list, ok), nil
	}
	for _, c := range r.Cases {
		text := strings.Join(list, "") + c.Principal
		if !refmodel.PatternsHold(text) || strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
			continue
		}
		checks++
		if got, refusal := model.ShortName(c.Principal); got != deref(c.Name) || (refusal == "") != (c.Name != nil) {
			mismatches = append(mismatches, fmt.Sprintf("rules %q: %q: the model says %q, %s, Kafka %q %s", list, c.Principal, got, refusal, deref(c.Name), deref(c.Error)))
		}
	}
	return checks, mismatches, nil
}
