// Literals reports integer literals that stand for an API key or an error code of Kafka.
// Package ops has a constant for each: a number tells the reader nothing, and a search for
// the constant does not find it.
//
//	go run ./literals PACKAGES…        # -fix puts the constants in
//
// Generated files and tests are left alone: a captured row has Kafka's own numbers.
package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/singlechecker"
)

const opsPath = "github.com/portcullis-authz/portcullis/ops"

// typeNames are the types of package ops whose values have names.
var typeNames = []string{"APIKey", "ErrorCode"}

var analyzer = &analysis.Analyzer{
	Name: "literals",
	Doc:  "report integer literals that stand for an API key or an error code of Kafka",
	Run:  run,
}

func main() { singlechecker.Main(analyzer) }

func run(pass *analysis.Pass) (any, error) {
	ops := opsOf(pass.Pkg)
	if ops == nil {
		return nil, nil
	}
	for _, file := range pass.Files {
		if ast.IsGenerated(file) || strings.HasSuffix(pass.Fset.Position(file.FileStart).Filename, "_test.go") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if conversion, ok := n.(*ast.CallExpr); ok && len(conversion.Args) == 1 {
				// ops.APIKey(3): the literal has the type of the conversion.
				if name := namedType(pass.TypesInfo.TypeOf(conversion.Fun), ops); name != "" && isLiteral(conversion.Args[0]) {
					report(pass, ops, name, conversion, pass.TypesInfo.Types[conversion])
					return false
				}
			}
			e, ok := n.(ast.Expr)
			if !ok || !isLiteral(e) {
				return true
			}
			if name := namedType(pass.TypesInfo.TypeOf(e), ops); name != "" {
				report(pass, ops, name, e, pass.TypesInfo.Types[e])
			}
			return false
		})
	}
	return nil, nil
}

// opsOf returns package ops if pkg is it or imports it, and otherwise nil.
func opsOf(pkg *types.Package) *types.Package {
	if pkg.Path() == opsPath {
		return pkg
	}
	for _, imported := range pkg.Imports() {
		if imported.Path() == opsPath {
			return imported
		}
	}
	return nil
}

// isLiteral reports whether e is an integer literal, with a sign or without one.
func isLiteral(e ast.Expr) bool {
	if signed, ok := e.(*ast.UnaryExpr); ok && signed.Op == token.SUB {
		e = signed.X
	}
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Kind == token.INT
}

// namedType returns the name of t if it is one of typeNames, and otherwise "".
func namedType(t types.Type, ops *types.Package) string {
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Pkg() != ops {
		return ""
	}
	for _, name := range typeNames {
		if named.Obj().Name() == name {
			return name
		}
	}
	return ""
}

// report reports the literal e, and proposes the constant of ops that has its value.
func report(pass *analysis.Pass, ops *types.Package, typeName string, e ast.Expr, value types.TypeAndValue) {
	d := analysis.Diagnostic{Pos: e.Pos(), End: e.End(), Message: "integer literal for ops." + typeName + ": use the constant of package ops"}
	for _, name := range ops.Scope().Names() {
		c, ok := ops.Scope().Lookup(name).(*types.Const)
		if !ok || !c.Exported() || namedType(c.Type(), ops) != typeName || value.Value == nil || !constant.Compare(c.Val(), token.EQL, value.Value) {
			continue
		}
		text := name
		if pass.Pkg != ops {
			text = ops.Name() + "." + name
		}
		d.Message = "integer literal for " + ops.Name() + "." + name
		d.SuggestedFixes = []analysis.SuggestedFix{{
			Message:   "use " + text,
			TextEdits: []analysis.TextEdit{{Pos: e.Pos(), End: e.End(), NewText: []byte(text)}},
		}}
	}
	pass.Report(d)
}
