package fuzz_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestArchitecture compares the picture in ARCHITECTURE.md with the code: each arrow is an
// import, and each import between two boxes is an arrow or follows from several.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	require.NoError(t, err)
	_, picture, _ := strings.Cut(string(text), "```mermaid\n")
	picture, _, _ = strings.Cut(picture, "```")
	folders := map[string]string{} // by the name of a box
	for _, box := range regexp.MustCompile(`(\w+)\[([\w/]+)`).FindAllStringSubmatch(picture, -1) {
		folders[box[1]] = box[2]
	}
	drawn := map[string][]string{} // by folder
	arrows := 0
	for _, arrow := range regexp.MustCompile(`(?m)^ *(\w+)(?:\[.*?\])? --> (\w+)`).FindAllStringSubmatch(picture, -1) {
		arrows++
		require.Contains(t, folders, arrow[1])
		require.Contains(t, folders, arrow[2])
		drawn[folders[arrow[1]]] = append(drawn[folders[arrow[1]]], folders[arrow[2]])
	}
	require.GreaterOrEqual(t, arrows, 20, "the picture was not read")

	imports := importsOfBoxes(t, folders)
	for from, all := range drawn {
		for _, to := range all {
			assert.True(t, imports[[2]string{from, to}], "%s does not import %s: take the arrow out of ARCHITECTURE.md", from, to)
		}
	}
	for pair := range imports {
		assert.True(t, reaches(drawn, pair[0], pair[1]), "%s imports %s: draw the arrow in ARCHITECTURE.md", pair[0], pair[1])
	}
}

// importsOfBoxes returns which folders import which. A file belongs to the innermost folder that
// has a box; without one, it does not count.
func importsOfBoxes(t *testing.T, folders map[string]string) map[[2]string]bool {
	boxOf := func(folder string) string {
		for ; folder != "."; folder = filepath.Dir(folder) {
			for _, box := range folders {
				if folder == box {
					return box
				}
			}
			if !strings.HasPrefix(folder, "cmd/") {
				return "" // the other boxes are packages; that of the command has many
			}
		}
		return ""
	}
	imports := map[[2]string]bool{}
	for _, file := range parseSources(t, "..", true, isSource) {
		from := boxOf(filepath.ToSlash(strings.TrimPrefix(filepath.Dir(file.name), "../")))
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			folder, own := strings.CutPrefix(path, module)
			if to := boxOf(folder); own && from != "" && to != "" && from != to {
				imports[[2]string{from, to}] = true
			}
		}
	}
	return imports
}

// reaches reports whether arrows lead from one folder to another.
func reaches(arrows map[string][]string, from, to string) bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range arrows[queue[0]] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return from != to && seen[to]
}
