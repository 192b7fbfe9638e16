package fuzz_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
)

// family is one kind of captured behaviour. rows, checks and refused are how many
// there are in testdata: a replay that covers less has lost some.
type family struct {
	name    string
	replay  func(row []byte) (replayed, error)
	rows    int
	checks  int
	refused int
}

// replayed is what came of one row, or of more. The error that comes beside it is
// about a row that cannot be read.
type replayed struct {
	checks     int
	refused    int // rows that are refused for a construct of a documented list
	mismatches []string
}

// plain adapts the replay of a family in which nothing is refused.
func plain(replay func([]byte) (int, []string, error)) func([]byte) (replayed, error) {
	return func(row []byte) (r replayed, err error) {
		r.checks, r.mismatches, err = replay(row)
		return r, err
	}
}

var families = []family{
	{"authorize", plain(replayAuthorize), 419, 2 * 21108, 0},
	{"authorize_by_resource_type", plain(replayAuthorizeByResourceType), 300, 2 * 7500, 0},
	{"audit", plain(replayAudit), 60, 2 * 1499, 0},
	{"filter", plain(replayFilter), 1000, 7601, 0},
	{"parse", plain(replayParse), 238, 238, 0},
	{"acl_validation", plain(replayACLValidation), 402, 402, 0},
	{"x500", plain(replayX500), 220, 220, 0},
	{"ssl_mapping", replaySSLMapping, 579, 5878, 104},
	{"kerberos", plain(replayKerberos), 631, 5515 + 52, 0},
	{"principal_serde", plain(replayPrincipalSerde), 212, 352, 0},
	{"ops_cases", plain(replayOpsCases), 356, 1216, 0},
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
	require.NoError(t, err)
	total := 0
	for _, f := range families {
		paths := files[f.name]
		delete(files, f.name)
		if given && paths == nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			rows, r := replayFiles(t, f, paths)
			total += rows
			assert.NotEqual(t, 0, rows, "%s: no rows", f.name)
			if !given && (rows != f.rows || r.checks != f.checks || r.refused != f.refused) {
				t.Errorf("%s: %d rows, %d checks and %d refused, expected %d, %d and %d", f.name, rows, r.checks, r.refused, f.rows, f.checks, f.refused)
			}
		})
	}
	for name, paths := range files {
		t.Errorf("unknown family %q: %v", name, paths)
	}
	assert.NotEqual(t, 0, total, "%s: nothing was replayed", dir)
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

func replayFiles(t *testing.T, f family, paths []string) (rows int, all replayed) {
	t.Helper()
	mismatches := 0
	for _, path := range paths {
		err := cases.Rows(path, func(line int, row []byte) {
			rows++
			r, err := f.replay(row)
			assert.NoError(t, err, "%s:%d: unreadable row: %v", path, line, err)
			all.checks += r.checks
			all.refused += r.refused
			for _, m := range r.mismatches {
				mismatches++
				assert.Greater(t, mismatches, maxShown, "%s:%d: %s", path, line, m)
			}
		})
		assert.NoError(t, err, path)
	}
	refused := ""
	if all.refused > 0 {
		refused = fmt.Sprintf(", %d rows refused for a documented construct", all.refused)
	}
	t.Logf("%s: %d rows, %d checks, %d mismatches%s", f.name, rows, all.checks, mismatches, refused)
	return rows, all
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
