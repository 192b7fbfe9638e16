package fuzz_test

import (
	"fmt"
	"go/ast"
	"go/scanner"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// copiedLines is how many lines of code make a copy. Shorter runs are idioms of Go.
const copiedLines = 8

// alike are the pairs of files whose functions may resemble each other, and why one function
// would not be better.
var alike = map[[2]string]string{
	{"gateway/apis.go", "gateway/apis.go"}:                     "rows of a table: messages of Kafka resemble each other, and kmsg has types of its own for the parts of each",
	{"gateway/denials_test.go", "gateway/denials_test.go"}:     "rows of a table, likewise",
	{"gateway/kmsgacl/create.go", "gateway/kmsgacl/delete.go"}: "kmsg has types of its own for the parts of each message, without methods for their fields",
	{"inspect/example_test.go", "inspect/example_test.go"}:     "an example in the documentation is read alone",
}

// TestCopiedCode looks for runs of lines that stand twice in the functions of all modules, those
// of tests too, generated files aside. Comments, names and values do not count: a copy with other
// names is a copy. Data does not count either, since rows of a table are alike.
func TestCopiedCode(t *testing.T) {
	var all []codeLine
	for _, file := range parseSources(t, "..", true, isGo) {
		if !ast.IsGenerated(file.File) {
			all = append(all, linesOfFunctions(t, file)...)
		}
	}
	require.Greater(t, len(all), 60_000, "lines were not read")
	used := map[[2]string]bool{}
	first := map[string]int{} // the last line of each run, by its text
	for end := range all {
		text, ok := textOfRun(all[max(0, end+1-copiedLines) : end+1])
		if !ok {
			continue
		}
		before, seen := first[text]
		if !seen {
			first[text] = end
			continue
		}
		if all[before].file == all[end].file && end-before < copiedLines {
			continue // a run that repeats itself line by line
		}
		pair := [2]string{all[before].file, all[end].file}
		if alike[pair] != "" {
			used[pair] = true
			continue
		}
		assert.Fail(t, "copied code", "%s:%d and %s:%d end %d lines that differ in names only: make them one, or say in %s why not",
			all[before].file, all[before].number, all[end].file, all[end].number, copiedLines, "alike")
	}
	for pair := range alike {
		assert.True(t, used[pair], "%s and %s are not alike any more", pair[0], pair[1])
	}
}

// codeLine is a line of a function: its tokens, without comments.
type codeLine struct {
	file   string
	number int
	tokens []codeToken
}

type codeToken struct {
	kind token.Token
	name string // of an identifier
}

// dataLines returns which lines of a function are within literals of composite types, apart from
// the functions in them.
func dataLines(file *sourceFile, f *ast.FuncDecl) map[int]bool {
	data := map[int]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.CompositeLit, *ast.FuncLit:
			_, isData := n.(*ast.CompositeLit)
			for line := file.line(n.Pos()) + 1; line < file.line(n.End()); line++ {
				data[line] = isData
			}
		}
		return true
	})
	return data
}

// linesOfFunctions returns the lines of the functions of a file that say more than a bracket.
func linesOfFunctions(t *testing.T, file *sourceFile) (lines []codeLine) {
	source, err := os.ReadFile(file.name)
	require.NoError(t, err)
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		text := source[file.set.Position(f.Pos()).Offset:file.set.Position(f.End()).Offset]
		set := token.NewFileSet()
		var tokens scanner.Scanner
		tokens.Init(set.AddFile(file.name, -1, len(text)), text, nil, 0)
		var line codeLine
		data := dataLines(file, f)
		end := func() {
			if len(line.tokens) > 2 && !data[line.number] {
				lines = append(lines, line)
			}
		}
		for {
			at, kind, name := tokens.Scan()
			if kind == token.EOF {
				break
			}
			if kind == token.SEMICOLON {
				continue
			}
			if number := file.line(f.Pos()) + set.Position(at).Line - 1; number != line.number {
				end()
				line = codeLine{file: strings.TrimPrefix(file.name, "../"), number: number}
			}
			line.tokens = append(line.tokens, codeToken{kind, name})
		}
		end()
	}
	return lines
}

// textOfRun returns the text of lines with their names numbered, so that it is the same for
// lines with other names. It returns false if the lines are not all of one file, or too few.
func textOfRun(lines []codeLine) (string, bool) {
	if len(lines) < copiedLines || lines[0].file != lines[len(lines)-1].file {
		return "", false
	}
	var text strings.Builder
	names := map[string]int{}
	for _, line := range lines {
		for _, token := range line.tokens {
			text.WriteString(token.kind.String())
			if token.name != "" && token.kind.IsLiteral() {
				if names[token.name] == 0 {
					names[token.name] = len(names) + 1
				}
				fmt.Fprint(&text, names[token.name])
			}
		}
		text.WriteByte('\n')
	}
	return text.String(), true
}
