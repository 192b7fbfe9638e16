package roleformats

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Limits of a file of Terraform. Its parser is recursive: 100 open brackets, or 10,000 of the
// operators that nest without one, take less than 100 MB of stack.
const (
	maxHCLBytes  = 4 << 20
	maxHCLDepth  = 100
	maxHCLNested = 10_000
)

func readHCL(text []byte, options Options, into *Set) error {
	if len(text) > maxHCLBytes {
		return fmt.Errorf("expected no more than %d bytes", maxHCLBytes)
	}
	if place := tooNested(text); place != "" {
		into.refuse(place, "found an expression that is nested too deeply, expected less than %d brackets", maxHCLDepth)
		return nil
	}
	file, problems := hclsyntax.ParseConfig(text, "", hcl.InitialPos)
	for _, d := range problems {
		into.refuse(positionOf(d.Subject), "%s", lines.OnOneLine(lines.Cut(d.Summary+": "+d.Detail, maxShown)))
	}
	if problems.HasErrors() {
		return nil
	}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		place := positionOf(&block.TypeRange)
		isOurs := block.Type == "resource" && len(block.Labels) == 2 && slices.Contains([]string{tfRoleBinding, tfACL}, block.Labels[0])
		switch {
		case isOurs:
			into.addHCL(block, options)
		case block.Type == "module":
			into.refuse(place, "found a module, which may have role bindings: read the output of terraform show -json with --from terraform")
		default:
			into.Skipped++
		}
	}
	return nil
}

// tooNested returns where a text is nested too deeply for the parser, or "". The scanner itself
// is not recursive.
func tooNested(text []byte) string {
	tokens, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos) // the parser reports the same problems
	depth, nested := 0, 0
	for i := range tokens {
		switch tokens[i].Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			depth--
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			nested++
		}
		if depth > maxHCLDepth || nested > maxHCLNested {
			return positionOf(&tokens[i].Range)
		}
	}
	return ""
}

func positionOf(r *hcl.Range) string {
	if r == nil {
		return "1:1"
	}
	return fmt.Sprintf("%d:%d", r.Start.Line, r.Start.Column)
}

// ignoredBlocks say nothing about access.
var ignoredBlocks = []string{"rest_endpoint", "credentials", "timeouts", "lifecycle"}

// addHCL adds the binding or the ACL of a block.
func (s *Set) addHCL(block *hclsyntax.Block, options Options) {
	a := attributes{set: s, place: positionOf(&block.TypeRange), texts: map[string]string{}, blocks: map[string]bool{}}
	before := len(s.problems)
	names := make([]string, 0, len(block.Body.Attributes))
	for name := range block.Body.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		at := block.Body.Attributes[name]
		switch {
		case name == "depends_on" || name == "provider" || slices.Contains(tfIgnored[block.Labels[0]], name):
		case !slices.Contains(tfWanted[block.Labels[0]], name):
			s.refuse(positionOf(&at.NameRange), "found %s, expected a resource that stands for itself: read the output of terraform show -json with --from terraform", shown(name))
		default:
			a.texts[name] = s.textOf(at.Expr)
		}
	}
	for _, inner := range block.Body.Blocks {
		id := inner.Body.Attributes["id"]
		switch {
		case inner.Type == "kafka_cluster" && id != nil && len(inner.Body.Attributes) == 1 && len(inner.Body.Blocks) == 0 && a.texts[inner.Type] == "":
			a.texts[inner.Type] = s.textOf(id.Expr)
		case !slices.Contains(ignoredBlocks, inner.Type):
			s.refuse(positionOf(&inner.TypeRange), "found the block %s, which this version does not know", shown(inner.Type))
		}
	}
	if len(s.problems) == before {
		a.add(block.Labels[0], options)
	}
}

// textOf returns a text that refers to nothing, or refuses it. Nothing else is evaluated:
// loops in loops take any time.
func (s *Set) textOf(expr hclsyntax.Expression) string {
	r := expr.Range()
	template, ok := expr.(*hclsyntax.TemplateExpr)
	isLiteral := func(part hclsyntax.Expression) bool { _, literal := part.(*hclsyntax.LiteralValueExpr); return literal }
	if !ok || slices.ContainsFunc(template.Parts, func(part hclsyntax.Expression) bool { return !isLiteral(part) }) {
		s.refuse(positionOf(&r), "found an expression, expected a text without variables, functions and references: read the output of terraform show -json with --from terraform")
		return ""
	}
	value, problems := template.Value(nil)
	if problems.HasErrors() || value.IsNull() || value.Type() != cty.String {
		s.refuse(positionOf(&r), "expected a text")
		return ""
	}
	return value.AsString()
}
