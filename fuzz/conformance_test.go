package fuzz_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// family is one kind of captured behaviour. rows and checks are how many there
// are in testdata: a replay that covers less has lost some.
type family struct {
	name   string
	replay func(row []byte) (checks int, mismatches []string, err error)
	rows   int
	checks int
}

var families = []family{
	{"authorize", replayAuthorize, 419, 2 * 21108},
	{"authorize_by_resource_type", replayAuthorizeByResourceType, 300, 2 * 7500},
	{"filter", replayFilter, 1000, 7601},
	{"parse", replayParse, 238, 238},
	{"acl_validation", replayACLValidation, 402, 402},
	{"ops_cases", replayOpsCases, 335, 1152},
}

// maxShown is how many mismatches of a family are printed.
const maxShown = 20

// TestConformance replays every row of every family. With PORTCULLIS_VECTORS set
// it replays the files of that folder instead, of which it knows no counts.
func TestConformance(t *testing.T) {
	dir, given := os.LookupEnv("PORTCULLIS_VECTORS")
	if !given {
		dir = "testdata"
	}
	files, err := vectorFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, f := range families {
		paths := files[f.name]
		delete(files, f.name)
		if given && paths == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			rows, checks := replayFiles(t, f, paths)
			total += rows
			if rows == 0 {
				t.Errorf("%s: no rows", f.name)
			}
			if !given && (rows != f.rows || checks != f.checks) {
				t.Errorf("%s: %d rows and %d checks replayed, expected %d and %d", f.name, rows, checks, f.rows, f.checks)
			}
		})
	}
	for name, paths := range files {
		t.Errorf("unknown family %q: %v", name, paths)
	}
	if total == 0 {
		t.Errorf("%s: nothing was replayed", dir)
	}
}

// vectorFiles lists the files of dir named FAMILY.*.jsonl or FAMILY.*.jsonl.gz, by
// family.
func vectorFiles(dir string) (map[string][]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]string)
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".jsonl.gz") {
			family, _, _ := strings.Cut(name, ".")
			files[family] = append(files[family], filepath.Join(dir, name))
		}
	}
	return files, nil
}

func replayFiles(t *testing.T, f family, paths []string) (rows, checks int) {
	t.Helper()
	mismatches := 0
	for _, path := range paths {
		err := eachRow(path, func(line int, row []byte) {
			rows++
			n, wrong, err := f.replay(row)
			if err != nil {
				t.Errorf("%s:%d: unreadable row: %v", path, line, err)
			}
			checks += n
			for _, m := range wrong {
				if mismatches++; mismatches <= maxShown {
					t.Errorf("%s:%d: %s", path, line, m)
				}
			}
		})
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	t.Logf("%s: %d rows, %d checks, %d mismatches", f.name, rows, checks, mismatches)
	return rows, checks
}

// eachRow calls use for every line of a file that is not blank. Lines are counted
// from 1.
func eachRow(path string, use func(line int, row []byte)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		row, err := lines.ReadBytes('\n')
		if row = bytes.TrimSpace(row); len(row) > 0 {
			use(n, row)
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// decodeStrict decodes one JSON value and refuses fields that v does not have: a
// field that nobody reads is behaviour that nobody checks.
func decodeStrict(row []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(row))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("text after the row")
	}
	return nil
}
