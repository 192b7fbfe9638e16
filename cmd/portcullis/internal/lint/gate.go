package lint

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
)

// Item is a finding of a command that looks for findings.
type Item struct {
	Code      string
	Level     inspect.Level
	Removable bool
	Reason    string
	Fix       string
	Kind      string   // what About is, such as acl
	About     string   // as text
	Others    []string // of the same kind
	File      string   // that has it, or ""
	JSON      any      // a line of the output
	// Identity is the part of JSON that is the same from run to run, as an object: the code and
	// what the finding is about. Texts and levels may change from release to release.
	Identity any
}

// Rule describes the findings with a code.
type Rule struct {
	Code, Summary string
	Level         inspect.Level
}

// Gate holds the flags of a command whose findings can fail a build: --fail-on, --baseline
// and --output.
type Gate struct {
	failOn, baseline *cli.Once
	least            inspect.Level
}

// AddGate adds the flags.
func AddGate(cmd *cobra.Command) *Gate {
	g := &Gate{
		failOn:   cli.OnceFlag(cmd, "fail-on", levels[0], "least `level` of a finding for exit status 1: note, warning, error or none (never)", levels...),
		baseline: cli.OnceFlag(cmd, "baseline", "", "`file` with known findings, from an earlier run with --output json"),
	}
	cli.Must(cmd.MarkFlagFilename("baseline"))
	cli.AddOutput(cmd, moreFormats...)
	return g
}

// levels are the values of --fail-on.
var levels = []string{inspect.LevelNote.String(), inspect.LevelWarning.String(), inspect.LevelError.String(), never}

const never = "none"

// Baseline returns the file of --baseline, or "".
func (g *Gate) Baseline() string { return g.baseline.Text }

// Check returns an error for each invalid flag.
func (g *Gate) Check() error {
	var errs cli.Errors
	for i, name := range levels {
		if name == g.failOn.Text {
			g.least = inspect.LevelNote + inspect.Level(i)
		}
	}
	if g.least == 0 {
		errs.Add(cli.BadFlag("fail-on", g.failOn.Text, "note, warning, error or none"))
	}
	if g.baseline.Given && g.baseline.Text == "" {
		errs.Add(cli.BadFlag("baseline", "", "a file, or - for standard input"))
	}
	return errs.Join()
}

// keyOf returns the identity of an item as text. It is the fingerprint's, too.
func keyOf(i Item) (string, error) {
	text, err := json.Marshal(i.Identity)
	return string(text), err
}

// Report prints the items that are not known, and counts them. summary begins the counts. The
// error says that a new finding has the level of --fail-on.
func (g *Gate) Report(out *cli.Output, summary string, rules []Rule, items []Item, known map[string]bool) error {
	r := &result{rules: rules, all: items, known: known}
	for _, i := range items {
		key, err := keyOf(i)
		if err != nil {
			return err
		}
		r.keys = append(r.keys, key)
		if !known[key] {
			r.fresh = append(r.fresh, i)
			r.most = max(r.most, i.Level)
		}
	}
	switch {
	case out.Format == asSARIF:
		if err := r.writeSARIF(out); err != nil {
			return err
		}
	case out.JSON:
		for _, i := range r.fresh {
			out.Encode(i.JSON)
		}
	default:
		r.writeText(out)
	}
	out.Summarize("%s, %s\n", summary, r.summary(g.baseline.Given))
	return cli.DeniedIf(r.most >= g.least)
}

// result is the findings, with those that the baseline knows.
type result struct {
	rules      []Rule
	all, fresh []Item
	keys       []string        // of all
	known      map[string]bool // the baseline
	most       inspect.Level   // the greatest level of a new finding; 0 without one
}

// summary counts the findings by level. With a baseline it also counts those that it knows,
// and those of it that are no more.
func (r *result) summary(hasBaseline bool) string {
	var count [inspect.LevelError + 1]int
	removable := make(map[string]bool) // what has several findings counts once
	for _, i := range r.fresh {
		count[i.Level]++
		if i.Removable {
			removable[i.About] = true
		}
	}
	text := fmt.Sprintf("findings: %d (errors: %d, warnings: %d, notes: %d), removable: %d",
		len(r.fresh), count[inspect.LevelError], count[inspect.LevelWarning], count[inspect.LevelNote], len(removable))
	if !hasBaseline {
		return text
	}
	still := make(map[string]bool)
	for _, key := range r.keys {
		if r.known[key] {
			still[key] = true
		}
	}
	return fmt.Sprintf("%s; of the baseline: still there: %d, gone: %d", text, len(still), len(r.known)-len(still))
}

// writeText prints the new findings. Neighbours with the same cause and the same fix are
// one.
func (r *result) writeText(out *cli.Output) {
	for n, i := range r.fresh {
		if n == 0 || !sameCause(i, r.fresh[n-1]) {
			fmt.Fprintf(out, "%v: %s: %s\n  fix: %s\n", i.Level, i.Code, i.Reason, i.Fix)
		}
		note := ""
		if i.Removable {
			note = " (removable)"
		}
		fmt.Fprintf(out, "  %s: %s%s\n", i.Kind, i.About, note)
		for _, o := range i.Others {
			fmt.Fprintf(out, "    other: %s\n", o)
		}
	}
}

func sameCause(a, b Item) bool {
	return a.Level == b.Level && a.Code == b.Code && a.Reason == b.Reason && a.Fix == b.Fix
}

// subject returns what an item is about. Of an ACL, the text says it.
func subject(i Item) string {
	if i.Kind == "acl" {
		return i.About
	}
	return i.Kind + " " + i.About
}

// message returns the texts of a finding.
func message(i Item) string {
	text := []string{subject(i), "Reason: " + i.Reason, "Fix: " + i.Fix}
	for _, o := range i.Others {
		text = append(text, "Other: "+o)
	}
	return strings.Join(text, "\n")
}
