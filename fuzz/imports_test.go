package fuzz_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/portcullis-authz/portcullis/"

// mayImport is the direction of imports: what each package of the root module may
// import of this module, tests aside. Leaves import internal packages only.
var mayImport = map[string][]string{
	"internal/enum":       {},
	"internal/lines":      {"internal/enum"},
	"resource":            {"internal/enum"},
	"internal/javatext":   {},
	"internal/pause":      {},
	"internal/phash":      {},
	"internal/javaregex":  {"internal/enum", "internal/javatext"},
	"internal/javaprops":  {},
	"internal/configref":  {"internal/javaprops", "internal/javaregex", "internal/lines"},
	"internal/posixregex": {"internal/enum", "internal/javatext"},
	"principal":           {"internal/enum", "internal/javaregex", "internal/javatext", "internal/posixregex"},
	"internal/wildcard":   {"principal"},
	"ops":                 {"internal/enum", "resource"},
	"acl":                 {"internal/enum", "internal/lines", "internal/wildcard", "principal", "resource", "ops"},
	"snapshot":            {"internal/enum", "internal/phash", "principal", "resource", "ops", "acl"},
	"internal/unknownacl": {"resource", "ops", "acl"},
	"aclfile":             {"internal/enum", "acl", "snapshot"},
	"audit":               {"internal/enum", "internal/lines", "principal", "resource", "ops", "acl", "snapshot"},
	"audit/suggest":       {"principal", "resource", "ops", "acl", "snapshot", "audit"},
	"inspect":             {"internal/enum", "internal/lines", "internal/wildcard", "principal", "resource", "ops", "acl", "snapshot"},
	"quota":               {"internal/enum", "internal/lines", "acl"},
	"role":                {"internal/enum", "internal/lines", "principal", "resource", "ops", "acl", "internal/wildcard"},
	"connect":             {"internal/lines", "internal/javaregex", "resource", "ops", "inspect"},
	"principal/httpauth":  {"principal"},
	"connect/guard":       {"internal/lines", "principal/httpauth", "role", "connect"},
	"role/groups":         {"internal/enum", "internal/lines", "principal", "aclfile"},
	"fuzz":                {},

	// Tests alone import these.
	"internal/refmodel":   {"internal/lines", "principal", "resource", "ops", "acl"},
	"internal/gen":        {"internal/refmodel", "principal", "resource", "ops", "acl"},
	"internal/cases":      {"resource", "ops", "acl"},
	"internal/acltest":    {"internal/refmodel", "resource", "ops", "acl", "snapshot"},
	"internal/kafkatest":  {"resource", "ops", "acl"},
	"internal/javaoracle": {},
	"internal/kdctest":    {},
	"internal/logtest":    {},
	"internal/ldaptest":   {},
	"internal/release":    {},
	"internal/scramtest":  {},
	"internal/shrink":     {},
	"internal/tokentest":  {},

	// A command.
	"internal/kafkatest/judge": {"internal/kafkatest"},
}

// mayImportOthers is which packages outside the standard library a package may
// import, tests aside.
var mayImportOthers = map[string][]string{
	"internal/javatext":   {"golang.org/x/text/cases", "golang.org/x/text/language"},
	"snapshot":            {"github.com/google/btree"},
	"internal/gen":        {"pgregory.net/rapid"},
	"internal/acltest":    {"github.com/stretchr/testify/require"},
	"internal/javaoracle": {"github.com/stretchr/testify/require"},
	"internal/kdctest":    {"github.com/stretchr/testify/require"},
	"internal/scramtest":  {"github.com/stretchr/testify/require"},
	"internal/ldaptest":   {"github.com/stretchr/testify/require"},
}

// onlyUser names the one package that may import a package, tests aside: atomics
// are hard to get right, and stand in one place.
var onlyUser = map[string]string{"sync/atomic": "snapshot"}

// TestImportDirection reads the imports of every package of the root module.
func TestImportDirection(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if file != ".." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || isModule(file)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(file, ".."+string(filepath.Separator))))
		seen[pkg] = true
		allowed, ok := mayImport[pkg]
		assert.True(t, ok, "package %s is not in the table of this test", pkg)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if own, isOwn := strings.CutPrefix(imported, module); isOwn {
				assert.Contains(t, allowed, own, "%s imports %s", file, own)
			} else if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !slices.Contains(mayImportOthers[pkg], imported) {
				t.Errorf("%s imports %s", file, imported)
			}
			if user, one := onlyUser[imported]; one && user != pkg {
				t.Errorf("%s imports %s, which only %s may", file, imported, user)
			}
		}
		return nil
	})
	require.NoError(t, err)
	for pkg := range mayImport {
		t.Run(pkg, func(t *testing.T) {
			assert.True(t, seen[pkg], "package %s is in the table, but has no file", pkg)
		})
	}
}

// isModule reports whether dir is the root of a nested module.
func isModule(dir string) bool {
	matches, _ := filepath.Glob(path.Join(dir, "go.mod"))
	return dir != ".." && len(matches) > 0
}
