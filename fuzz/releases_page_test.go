package fuzz_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updatePages = flag.Bool("update", false, "write the figures in docs/kafka-releases.md")

const (
	releasesPage    = "../docs/kafka-releases.md"
	releasesResults = "../gateway/proxy/judge/testdata/results.json"
	figuresBegin    = "<!-- Figures of gateway/proxy/judge/testdata/results.json: go test ./fuzz -run TestReleasesPage -update -->\n"
	figuresEnd      = "<!-- End of the figures. -->\n"
)

// TestReleasesPage holds that docs/kafka-releases.md has the figures of the last comparison
// with each release, that the README's first lines name these releases, and that the page's
// commands print what it says.
func TestReleasesPage(t *testing.T) {
	text, err := os.ReadFile(releasesResults)
	require.NoError(t, err)
	var results []struct {
		Kafka       string
		Requests    int
		Differences int
		Parts       map[string]struct {
			Counts map[string]int
			Failed bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &results))
	require.NotEmpty(t, results)
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(readme), "\n## ")

	var b strings.Builder
	columns := []struct{ name, part, count string }{
		{"verdicts of its authorizer", "engine", "verdicts"}, {"mapping rules with names", "engine", "rules with names"}, {"distinguished names", "engine", "distinguished names"},
		{"lines of kafka-acls", "engine", "lines of kafka-acls"}, {"runs of clients", "clients", "runs of clients"},
	}
	b.WriteString("\n| Kafka | requests on the wire |")
	for _, c := range columns {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n| --- | ---: |" + strings.Repeat(" ---: |", len(columns)) + "\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %d |", r.Kafka, r.Requests)
		assert.Zero(t, r.Differences, r.Kafka)
		for _, c := range columns {
			part := r.Parts[c.part]
			assert.False(t, part.Failed, "%s %s", r.Kafka, c.part)
			assert.Positive(t, part.Counts[c.count], "%s %s", r.Kafka, c.name)
			fmt.Fprintf(&b, " %d |", part.Counts[c.count])
		}
		b.WriteString("\n")
		parts := strings.Split(r.Kafka, ".")
		assert.Contains(t, first, strings.Join(parts[:2], "."), "the first lines of the README do not name Kafka %s", r.Kafka)
	}
	b.WriteString("\n")

	page, err := os.ReadFile(releasesPage)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), figuresBegin)
	require.True(t, ok, "the page has no place for the figures")
	figures, after, ok := strings.Cut(rest, figuresEnd)
	require.True(t, ok, "the page has no end of the figures")
	if *updatePages {
		require.NoError(t, os.WriteFile(releasesPage, []byte(before+figuresBegin+b.String()+figuresEnd+after), 0o644))
		figures = b.String()
	}
	assert.Equal(t, b.String(), figures, "run go test ./fuzz -run TestReleasesPage -update")
	assert.Contains(t, first, "docs/kafka-releases.md")

	root, err := filepath.Abs("..")
	require.NoError(t, err)
	var blocks []string
	for _, m := range fenced.FindAllStringSubmatch(string(page), -1) {
		if m[1] == "console" {
			blocks = append(blocks, m[2])
		}
	}
	assert.Equal(t, 2, runConsole(t, root, blocks))
}
