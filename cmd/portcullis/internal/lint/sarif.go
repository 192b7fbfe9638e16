//go:build !js

package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path/filepath"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// moreFormats are those of --output in addition to text and JSON.
var moreFormats = []string{asSARIF}

// fingerprint is the name of the fingerprint of a finding: the hash of its code and of what
// it is about. Code scanning recognizes a finding by it from run to run.
const fingerprint = "portcullisFinding/v1"

// writeSARIF writes all findings as a SARIF log. With a baseline each finding says whether
// it is new.
//
// Source: SARIF 2.1.0 (OASIS Standard).
func (r *result) writeSARIF(out *cli.Output) error {
	run := sarif.NewRunWithInformationURI("portcullis", "https://github.com/portcullis-authz/portcullis")
	run.Tool.Driver.WithVersion(cli.Version())
	index := make(map[string]int)
	for i, rule := range r.rules {
		index[rule.Code] = i
		run.AddRule(rule.Code).WithDescription(rule.Summary).WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(rule.Level.String()))
	}
	for n, i := range r.all {
		result := sarif.NewRuleResult(i.Code).WithRuleIndex(index[i.Code]).WithLevel(i.Level.String()).WithMessage(sarif.NewTextMessage(message(i)))
		sum := sha256.Sum256([]byte(r.keys[n]))
		result.PartialFingerprints = map[string]string{fingerprint: hex.EncodeToString(sum[:])}
		if r.known != nil {
			result.WithBaselineState(map[bool]string{true: "unchanged", false: "new"}[r.known[r.keys[n]]])
		}
		run.AddResult(result.AddLocation(location(i)))
	}
	if err := sarif.NewReport().AddRun(run).PrettyWrite(out); err != nil {
		return err
	}
	return out.WriteByte('\n')
}

// location returns what a finding is about and, unless it is from standard input or a cluster,
// its file.
func location(i Item) *sarif.Location {
	l := sarif.NewLocation().AddLogicalLocation(sarif.NewLogicalLocation().WithKind("resource").WithFullyQualifiedName(subject(i)))
	if file := i.File; file != "" && file != cli.StandardInput {
		uri := &url.URL{Path: filepath.ToSlash(file)}
		if filepath.IsAbs(file) {
			uri.Scheme = "file"
		}
		l.WithPhysicalLocation(sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri.String())))
	}
	return l
}
