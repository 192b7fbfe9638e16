package fuzz_test

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These tests read the source of all modules, as a reader would meet it.

// mostExportedNames bounds what a reader of the five core packages has to know.
const mostExportedNames = 299

// TestExportedNames counts the exported constants, variables, types, functions and methods of
// the core packages, with those of interfaces. The constants of generated files do not count:
// they are the numbers of Kafka's protocol.
func TestExportedNames(t *testing.T) {
	total := 0
	for _, dir := range []string{"resource", "principal", "ops", "acl", "snapshot"} {
		var names []string
		for _, file := range parseSources(t, filepath.Join("..", dir), false, isSource) {
			names = append(names, exportedNames(file.File)...)
		}
		assert.NotEmpty(t, names, dir)
		t.Logf("%s: %d exported names: %s", dir, len(names), strings.Join(names, " "))
		total += len(names)
	}
	t.Logf("%d exported names", total)
	assert.LessOrEqual(t, total, mostExportedNames, "too many exported names; go test -v lists them")
}

// exportedNames returns the exported names that a file declares.
func exportedNames(file *ast.File) (names []string) {
	add := func(of string, ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() && (of == "" || ast.IsExported(of)) {
				names = append(names, strings.TrimPrefix(of+"."+id.Name, "."))
			}
		}
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			add(receiverOf(f), f.Name)
			continue
		}
		for _, spec := range decl.(*ast.GenDecl).Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				if !ast.IsGenerated(file) {
					add("", s.Names...)
				}
			case *ast.TypeSpec:
				add("", s.Name)
				if i, ok := s.Type.(*ast.InterfaceType); ok {
					for _, method := range i.Methods.List {
						add(s.Name.Name, method.Names...)
					}
				}
			}
		}
	}
	return names
}

// receiverOf returns the name of the type that f is a method of, or "".
func receiverOf(f *ast.FuncDecl) (name string) {
	if f.Recv != nil {
		ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && name == "" {
				name = id.Name
			}
			return name == ""
		})
	}
	return name
}

// Functions are at most longestFunction lines. A longer one says why in its comment, with the
// words of longReason.
const (
	longestFunction = 60
	longReason      = "is long because"
)

// TestLongFunctions looks at the functions of all modules, tests aside.
func TestLongFunctions(t *testing.T) {
	functions, long := 0, 0
	for _, file := range parseSources(t, "..", true, isSource) {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			functions++
			if lines := file.line(f.End()) - file.line(f.Pos()) + 1; lines > longestFunction {
				long++
				comment := strings.Join(strings.Fields(f.Doc.Text()), " ")
				assert.Contains(t, comment, longReason, "%s: %s has %d lines: split it, or say why not", file.name, f.Name.Name, lines)
			}
		}
	}
	t.Logf("%d functions, %d of them above %d lines", functions, long, longestFunction)
	assert.Greater(t, functions, 2000, "functions were not looked at")
}

// TestMutantRows looks whether each pattern of each row of .ci/mutants-expected has a file:
// .ci/mutants would pass over one that is gone.
func TestMutantRows(t *testing.T) {
	file, err := os.Open(filepath.Join("..", ".ci", "mutants-expected"))
	require.NoError(t, err)
	defer file.Close()
	rows := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		rows++
		t.Run(fields[0], func(t *testing.T) {
			require.Greater(t, len(fields), 6, "a row has a name, a package, three numbers and tests, and files")
			for _, pattern := range fields[6:] {
				matches, err := filepath.Glob(filepath.Join("..", fields[1], pattern))
				require.NoError(t, err)
				assert.NotEmpty(t, matches, "no file of %s is %s", fields[1], pattern)
			}
		})
	}
	assert.GreaterOrEqual(t, rows, 21, "rows")
}

// sourceFile is a parsed file.
type sourceFile struct {
	*ast.File
	name string
	set  *token.FileSet
}

func (f *sourceFile) line(at token.Pos) int { return f.set.Position(at).Line }

func isGo(path string) bool     { return strings.HasSuffix(path, ".go") }
func isSource(path string) bool { return isGo(path) && !strings.HasSuffix(path, "_test.go") }

// parseSources parses the files of a folder that are wanted; if deep is set, also those of the
// folders in it.
func parseSources(t *testing.T, dir string, deep bool, wanted func(path string) bool) (files []*sourceFile) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && (!deep || entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || !wanted(path):
			return nil
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		files = append(files, &sourceFile{parsed, path, set})
		return err
	}))
	return files
}
