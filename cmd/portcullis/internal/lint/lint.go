// Package lint has the command lint, which judges a whole set of ACLs.
package lint

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Flags are the flags of a command that looks for findings.
type Flags struct {
	ACLs           aclset.Flags
	principalTypes []string
}

// AddFlags adds the flags.
func (f *Flags) AddFlags(cmd *cobra.Command) {
	f.ACLs = aclset.AddFlags(cmd)
	cmd.Flags().StringArrayVar(&f.principalTypes, "principal-type", nil, "a `type` of principals that clients have; may be repeated (default User)")
}

// Find returns the findings, the most dangerous first.
func (f *Flags) Find(cmd *cobra.Command, n *snapshot.Snapshot) ([]inspect.Finding, error) {
	bar := cli.NewProgress(cmd.ErrOrStderr(), "looking", cli.LongWait)
	defer bar.Finish()
	return inspect.Lint(n, inspect.LintOptions{PrincipalTypes: f.principalTypes, Progress: bar.Set})
}

// command holds the flags of the command lint.
type command struct {
	Flags
	failOn, baseline *cli.Once
}

const asSARIF = "sarif"

// New returns the command lint.
func New() *cobra.Command {
	l := &command{}
	cmd := cli.Command(l.run, &cobra.Command{
		Use:   "lint --acls FILE",
		Short: "Find ACLs that are not what they seem",
		Long: `lint finds ACLs that have no effect, that match nobody, that allow more than they seem
to, or that Kafka and its documentation treat differently. Findings have one of three
levels, and the most dangerous come first:

  error    somebody may do what the ACLs seem not to allow, or seem to deny
  warning  somebody is refused, or an ACL is not what it seems
  note     nothing is decided differently from what the ACL says

A mistake in a DENY is an error: what it was written to deny is not denied. Findings with
the same cause are printed together, with a fix, the ACLs, and the other ACLs involved.

An ACL is marked removable if and only if removing it changes no decision. This holds
for each ACL alone: run lint again after a removal.

With --output json each line is an object: "code", "level", "acl" or "superUser" (what it
is about), "removable", "reason", "mend" (the fix) and "others" (the other ACLs involved).
With --output sarif it is a log of SARIF 2.1.0, as code scanning reads it.

As a gate: --baseline names a file with an earlier output of lint -o json. Its findings
are known: they are counted and not printed, except in SARIF, and do not fail. --fail-on
is the least level at which a new finding fails.

Exit status: 0 no new findings of that level, 1 findings, 2 bad input or usage.`,
		Example: `  portcullis lint --acls acls.txt --super-users 'User:admin' --principal-type User --principal-type Group
  portcullis lint --acls acls.txt -o json > known.jsonl
  portcullis lint --acls acls.txt --baseline known.jsonl --fail-on warning -o sarif > lint.sarif`,
	})
	l.AddFlags(cmd)
	l.failOn = cli.OnceFlag(cmd, "fail-on", levels[0], "least `level` of a finding for exit status 1: note, warning, error or none (never)", levels...)
	l.baseline = cli.OnceFlag(cmd, "baseline", "", "`file` with known findings, from an earlier run with --output json")
	cli.Must(cmd.MarkFlagFilename("baseline"))
	cli.AddOutput(cmd, moreFormats...)
	return cmd
}

// levels are the values of --fail-on.
var levels = []string{inspect.LevelNote.String(), inspect.LevelWarning.String(), inspect.LevelError.String(), never}

const never = "none"

// leastLevel returns the least level that fails.
func (l *command) leastLevel() (inspect.Level, error) {
	for i, name := range levels {
		if name == l.failOn.Text {
			return inspect.LevelNote + inspect.Level(i), nil
		}
	}
	return 0, cli.BadFlag("fail-on", l.failOn.Text, "note, warning, error or none")
}

func (l *command) run(cmd *cobra.Command, out *cli.Output) error {
	least, errLevel := l.leastLevel()
	if l.baseline.Given && l.baseline.Text == "" {
		errLevel = errors.Join(errLevel, cli.BadFlag("baseline", "", "a file, or - for standard input"))
	}
	config, err := l.ACLs.Check(out, errLevel, l.baseline.Text)
	if err != nil {
		return err
	}
	known, errBaseline := l.readBaseline(cmd)
	l.ACLs.KeepOrigins()
	n, err := l.ACLs.LoadAll(out, config, errBaseline)
	if err != nil {
		return err
	}
	findings, err := l.Find(cmd, n)
	if err != nil {
		return err
	}
	r := newResult(findings, known)
	switch {
	case out.Format == asSARIF:
		err = r.writeSARIF(out, l.ACLs.Source)
	case out.JSON:
		for _, f := range r.fresh {
			out.Encode(newFinding(f))
		}
	default:
		r.writeText(out)
	}
	if err != nil {
		return err
	}
	out.Summarize("ACLs: %d, %s\n", n.Len(), r.summary(l.baseline.Given))
	return cli.DeniedIf(r.most >= least)
}

// result is the findings, with those that the baseline knows.
type result struct {
	all, fresh []inspect.Finding
	known      map[key]bool  // the baseline
	most       inspect.Level // the greatest level of a new finding; 0 without one
}

func newResult(findings []inspect.Finding, known map[key]bool) *result {
	r := &result{all: findings, known: known}
	for _, f := range findings {
		if !known[keyOf(f)] {
			r.fresh = append(r.fresh, f)
			r.most = max(r.most, f.Level)
		}
	}
	return r
}

// summary counts the findings by level. With a baseline it also counts those that it knows,
// and those of it that are no more.
func (r *result) summary(hasBaseline bool) string {
	var count [inspect.LevelError + 1]int
	removable := make(map[acl.Binding]bool) // an ACL with several findings counts once
	for _, f := range r.fresh {
		count[f.Level]++
		if f.Removable {
			removable[f.Binding] = true
		}
	}
	text := fmt.Sprintf("findings: %d (errors: %d, warnings: %d, notes: %d), removable: %d",
		len(r.fresh), count[inspect.LevelError], count[inspect.LevelWarning], count[inspect.LevelNote], len(removable))
	if !hasBaseline {
		return text
	}
	still := make(map[key]bool)
	for _, f := range r.all {
		if k := keyOf(f); r.known[k] {
			still[k] = true
		}
	}
	return fmt.Sprintf("%s; of the baseline: still there: %d, gone: %d", text, len(still), len(r.known)-len(still))
}

// writeText prints the new findings. Neighbours with the same cause and the same fix are
// one.
func (r *result) writeText(out *cli.Output) {
	for i, f := range r.fresh {
		if i == 0 || !sameCause(f, r.fresh[i-1]) {
			fmt.Fprintf(out, "%v: %s: %s\n  fix: %s\n", f.Level, f.Code, f.Reason, f.Fix)
		}
		if f.SuperUser != "" {
			fmt.Fprintf(out, "  super user: %s\n", lines.Printable(f.SuperUser))
			continue
		}
		note := ""
		if f.Removable {
			note = " (removable)"
		}
		fmt.Fprintf(out, "  acl: %s%s\n", cli.ACLText(f.Binding), note)
		for _, o := range f.Others {
			fmt.Fprintf(out, "    other: %s\n", cli.ACLText(o))
		}
	}
}

func sameCause(a, b inspect.Finding) bool {
	return a.Level == b.Level && a.Code == b.Code && a.Reason == b.Reason && a.Fix == b.Fix
}

// finding is a finding in JSON.
type finding struct {
	Code      string        `json:"code"`
	Level     string        `json:"level"`
	ACL       *acl.Binding  `json:"acl,omitempty"`
	SuperUser string        `json:"superUser,omitempty"`
	Removable bool          `json:"removable"`
	Reason    string        `json:"reason"`
	Mend      string        `json:"mend"`
	Others    []acl.Binding `json:"others,omitempty"`
}

func newFinding(f inspect.Finding) finding {
	j := finding{Code: string(f.Code), Level: f.Level.String(), SuperUser: f.SuperUser, Removable: f.Removable, Reason: f.Reason, Mend: f.Fix, Others: f.Others}
	if f.SuperUser == "" {
		j.ACL = &f.Binding
	}
	return j
}

// subject returns what a finding is about, as text.
func subject(f inspect.Finding) string {
	if f.SuperUser != "" {
		return "super user " + lines.Printable(f.SuperUser)
	}
	return cli.ACLText(f.Binding)
}

// message returns the texts of a finding.
func message(f inspect.Finding) string {
	text := []string{subject(f), "Reason: " + f.Reason, "Fix: " + f.Fix}
	for _, o := range f.Others {
		text = append(text, "Other: "+cli.ACLText(o))
	}
	return strings.Join(text, "\n")
}
