package fuzz_test

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/principal"
)

// replayX500 compares the text of one encoded name with what Java printed.
func replayX500(row []byte) (checks int, mismatches []string, err error) {
	var v struct {
		Note       string  `json:"note"`
		DER        []byte  `json:"der_base64"`
		Name       *string `json:"rfc2253"`
		ErrorClass string  `json:"errorClass"`
		Error      *string `json:"error"`
		Cause      *string `json:"cause"`
		Reencoded  bool    `json:"javaReencodesDifferently"`
	}
	if err := decodeStrict(row, &v); err != nil {
		return 0, nil, err
	}
	if (v.Name == nil) == (v.ErrorClass == "") {
		return 0, nil, fmt.Errorf("a row has a name or an error: %s", row)
	}
	got, gotErr := principal.DistinguishedName(v.DER)
	switch {
	case v.Name == nil && gotErr == nil:
		mismatches = append(mismatches, fmt.Sprintf("%s %x: %q, Java refuses: %s", v.Note, v.DER, got, v.ErrorClass))
	case v.Name != nil && (gotErr != nil || got != *v.Name):
		mismatches = append(mismatches, fmt.Sprintf("%s %x: %q, %v, Java prints %q", v.Note, v.DER, got, gotErr, *v.Name))
	case gotErr != nil && got != "":
		mismatches = append(mismatches, fmt.Sprintf("%s %x: refused, but left %q", v.Note, v.DER, got))
	}
	return 1, mismatches, nil
}
