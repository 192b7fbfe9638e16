package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/inspect"
)

// badNames are ACLs whose names match nothing, from public questions and reports.
const badNames = "testdata/lint/names.txt"

// findingLines returns the lines of lint -o json.
func findingLines(t *testing.T, args ...string) []string {
	t.Helper()
	got := runWith("", append([]string{"lint", "-o", "json"}, args...)...)
	require.NotEqual(t, exitError, got.status, got.stderr)
	return strings.SplitAfter(strings.TrimSuffix(got.stdout, "\n"), "\n")
}

// Known findings do not fail, new ones do.
func TestLintBaseline(t *testing.T) {
	found := findingLines(t, "--acls", badNames)
	require.Len(t, found, 13)
	dir := t.TempDir()
	write := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600))
		return path
	}
	all, most, none := write("all", found...), write("most", found[1:]...), write("none")
	gone := write("gone", append([]string{`{"code":"old","superUser":"User:x","level":"fatal","reason":"","mend":""}` + "\n"}, found...)...)
	for _, test := range []struct {
		name, args string
		status     int
		lines      int
		summary    string
	}{
		{"all", "--baseline " + all, exitDone, 0, "findings: 0 (errors: 0, warnings: 0, notes: 0), removable: 0; of the baseline: still there: 13, gone: 0"},
		{"new", "--baseline " + most, exitDenied, 1, "findings: 1 (errors: 1, warnings: 0, notes: 0), removable: 0; of the baseline: still there: 12, gone: 0"},
		{"empty", "--baseline " + none, exitDenied, 13, "findings: 13 (errors: 1, warnings: 11, notes: 1), removable: 1; of the baseline: still there: 0, gone: 0"},
		{"gone", "--baseline " + gone, exitDone, 0, "findings: 0 (errors: 0, warnings: 0, notes: 0), removable: 0; of the baseline: still there: 13, gone: 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := runWith("", strings.Fields("lint -o json --acls "+badNames+" "+test.args)...)
			assert.Equal(t, test.status, got.status)
			assert.Equal(t, test.lines, strings.Count(got.stdout, "\n"))
			assert.Equal(t, "ACLs: 14, "+test.summary+"\n", got.stderr)
		})
	}
	wrong := write("wrong", "x\n", found[0], `{"code":"everyone"}`+"\n", `{"code":"x","acl":{"name":"x"}}`+"\n")
	const expected = " found a line that is no finding, expected a line of the output of portcullis lint -o json"
	refuse(t, "", []string{"lint", "--acls", badNames, "--baseline", wrong}, wrong+":1:1:"+expected, wrong+":3:1:"+expected, wrong+":4:1:"+expected)
	refuse(t, "", []string{"lint", "--acls", badNames, "--baseline", ""}, `portcullis: --baseline "": expected a file, or - for standard input`)
	refuse(t, "", []string{"lint", "--acls", "-", "--baseline", "-"}, "portcullis: standard input (-) can be read only once: use files for the other inputs")
	got := runWith(strings.Join(found, ""), "lint", "--acls", badNames, "--baseline", "-")
	assert.Equal(t, exitDone, got.status)
}

func TestLintFailOn(t *testing.T) {
	warnings := findingLines(t, "--acls", badNames)[0] // the only error
	baseline := file(t, "known", warnings)
	for _, test := range []struct {
		args   string
		status int
	}{
		{"", exitDenied}, {"--fail-on note", exitDenied}, {"--fail-on warning", exitDenied}, {"--fail-on error", exitDenied}, {"--fail-on none", exitDone},
		{"--fail-on error --baseline " + baseline, exitDone}, {"--fail-on warning --baseline " + baseline, exitDenied},
		{"--fail-on error --baseline " + baseline + " -o sarif", exitDone}, {"--fail-on warning -o sarif --baseline " + baseline, exitDenied},
	} {
		t.Run(test.args, func(t *testing.T) {
			assert.Equal(t, test.status, runWith("", strings.Fields("lint --acls "+badNames+" "+test.args)...).status)
		})
	}
	refuse(t, "", []string{"lint", "--acls", badNames, "--fail-on", "fatal"}, `portcullis: --fail-on "fatal": expected note, warning, error or none`)
}

// TestLintSARIF validates the output against the schema of SARIF 2.1.0, and reads it again.
func TestLintSARIF(t *testing.T) {
	found := findingLines(t, "--acls", badNames, "--super-users", "User:a,User:b")
	require.Len(t, found, 14)
	baseline := file(t, "known", found[0])
	absolute := file(t, "a b%.txt", readAll(t, acme+"acls.txt"))
	got := runWith(readAll(t, acme+"acls.txt"), "lint", "--acls", badNames, "--acls", "-", "--acls", absolute, "--super-users", "User:a,User:b", "--baseline", baseline, "-o", "sarif")
	require.Equal(t, exitDenied, got.status, got.stderr)
	report, err := sarif.FromString(got.stdout)
	require.NoError(t, err)
	require.NoError(t, report.Validate())
	assert.Equal(t, "2.1.0", report.Version)
	require.Len(t, report.Runs, 1)
	run := report.Runs[0]
	require.Len(t, run.Tool.Driver.Rules, len(inspect.Codes()))
	require.Len(t, run.Results, 28)
	prints, places, states, levels := map[string]bool{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, r := range run.Results {
		assert.Equal(t, *r.RuleID, *run.Tool.Driver.Rules[r.RuleIndex].ID)
		assert.Contains(t, *r.Message.Text, "\nFix: ")
		prints[r.PartialFingerprints["portcullisFinding/v1"]] = true
		states[*r.BaselineState]++
		levels[r.Level]++
		require.Len(t, r.Locations, 1)
		assert.NotEmpty(t, *r.Locations[0].LogicalLocations[0].FullyQualifiedName)
		if place := r.Locations[0].PhysicalLocation; place != nil {
			places[*place.ArtifactLocation.URI]++
		}
	}
	assert.Len(t, prints, 28)
	assert.Equal(t, map[string]int{"new": 27, "unchanged": 1}, states)
	assert.Equal(t, map[string]int{"error": 2, "warning": 22, "note": 4}, levels)
	// The ACLs of the last file are first on standard input, of which there is no place.
	assert.Equal(t, map[string]int{badNames: 13}, places)

	alone := runWith("", "lint", "--acls", absolute, "-o", "sarif")
	report, err = sarif.FromString(alone.stdout)
	require.NoError(t, err)
	require.NoError(t, report.Validate())
	first := report.Runs[0].Results[0]
	assert.Equal(t, "file://"+strings.ReplaceAll(strings.ReplaceAll(absolute, "%", "%25"), " ", "%20"), *first.Locations[0].PhysicalLocation.ArtifactLocation.URI)
	assert.Nil(t, first.BaselineState, "there is no baseline")

	empty := runWith("", "lint", "--acls", "-", "--allow-empty", "-o", "sarif")
	assert.Equal(t, exitDone, empty.status)
	report, err = sarif.FromString(empty.stdout)
	require.NoError(t, err)
	require.NoError(t, report.Validate())
	assert.Contains(t, empty.stdout, `"results": []`, "no results is the empty list, not an absent one")
}

// The schema that the test uses refuses what is not SARIF.
func TestSARIFSchemaRefuses(t *testing.T) {
	got := runWith("", "lint", "--acls", badNames, "-o", "sarif")
	var log map[string]any
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &log))
	for _, change := range []struct{ from, to string }{{`"level": "error"`, `"level": "fatal"`}, {`"text": `, `"words": `}, {`"kind": "fail"`, `"kind": "x"`}} {
		t.Run(change.to, func(t *testing.T) {
			require.Contains(t, got.stdout, change.from)
			report, err := sarif.FromString(strings.ReplaceAll(got.stdout, change.from, change.to))
			require.NoError(t, err)
			assert.Error(t, report.Validate())
		})
	}
}
