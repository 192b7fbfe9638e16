package fuzz_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"testing"

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
	decoder := json.NewDecoder(bytes.NewReader(row))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
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

func TestX500Vectors(t *testing.T) {
	replayFile(t, "x500", replayX500, 220, 220)
}

// replayFile replays a family of vectors from testdata and checks that it held as
// many rows and checks as it should.
func replayFile(t *testing.T, family string, replay func([]byte) (int, []string, error), rows, checks int) {
	t.Helper()
	file, err := os.Open("testdata/" + family + ".shared.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<24)
	gotRows, gotChecks := 0, 0
	for ; lines.Scan(); gotRows++ {
		n, mismatches, err := replay(lines.Bytes())
		if err != nil {
			t.Fatalf("row %d: %v", gotRows, err)
		}
		gotChecks += n
		for _, m := range mismatches {
			t.Errorf("row %d: %s", gotRows, m)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if gotRows != rows || gotChecks != checks {
		t.Errorf("%d rows, %d checks; want %d and %d", gotRows, gotChecks, rows, checks)
	}
}
