//go:build !js

package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"path/filepath"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
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
func (r *result) writeSARIF(out *cli.Output, source *aclset.Source) error {
	run := sarif.NewRunWithInformationURI("portcullis", "https://github.com/portcullis-authz/portcullis")
	run.Tool.Driver.WithVersion(cli.Version())
	index := make(map[inspect.Code]int)
	for i, code := range inspect.Codes() {
		index[code] = i
		rule := run.AddRule(string(code)).WithDescription(code.Summary())
		rule.WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(code.Level().String()))
	}
	for _, f := range r.all {
		result := sarif.NewRuleResult(string(f.Code)).WithRuleIndex(index[f.Code]).WithLevel(f.Level.String()).WithMessage(sarif.NewTextMessage(message(f)))
		identity, err := json.Marshal(finding{Code: string(f.Code), ACL: newFinding(f).ACL, SuperUser: f.SuperUser})
		if err != nil {
			return err
		}
		sum := sha256.Sum256(identity)
		result.PartialFingerprints = map[string]string{fingerprint: hex.EncodeToString(sum[:])}
		if r.known != nil {
			result.WithBaselineState(map[bool]string{true: "unchanged", false: "new"}[r.known[keyOf(f)]])
		}
		run.AddResult(result.AddLocation(location(f, source)))
	}
	if err := sarif.NewReport().AddRun(run).PrettyWrite(out); err != nil {
		return err
	}
	return out.WriteByte('\n')
}

// location returns the ACL and, unless it is from standard input or a cluster, its file.
func location(f inspect.Finding, source *aclset.Source) *sarif.Location {
	l := sarif.NewLocation().AddLogicalLocation(sarif.NewLogicalLocation().WithKind("resource").WithFullyQualifiedName(subject(f)))
	if file := source.Origin(f.Binding); file != "" && file != cli.StandardInput {
		uri := &url.URL{Path: filepath.ToSlash(file)}
		if filepath.IsAbs(file) {
			uri.Scheme = "file"
		}
		l.WithPhysicalLocation(sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri.String())))
	}
	return l
}
