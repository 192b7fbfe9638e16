package lint

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// key identifies a finding from run to run: its code and what it is about. Its texts and its
// level may change from release to release.
type key struct {
	code      inspect.Code
	binding   acl.Binding
	superUser string
}

func keyOf(f inspect.Finding) key { return key{f.Code, f.Binding, f.SuperUser} }

// readBaseline returns the findings of --baseline, or none without it.
func (l *command) readBaseline(cmd *cobra.Command) (map[key]bool, error) {
	if !l.baseline.Given {
		return nil, nil
	}
	return cli.ReadFile(l.baseline.Text, cmd.InOrStdin(), func(r io.Reader) (map[key]bool, error) {
		return readBaseline(r, cli.FileName(l.baseline.Text))
	})
}

// readBaseline reads the output of lint -o json, or all errors in it. Codes of another release
// are read: the findings are gone.
func readBaseline(r io.Reader, file string) (map[key]bool, error) {
	known := make(map[key]bool)
	problems := cli.Problems{File: file}
	l := lines.NewReader(r, lines.MaxBytes)
	for !problems.Full() && l.Next() {
		var f finding
		if err := json.Unmarshal([]byte(l.Text), &f); err != nil || f.Code == "" || (f.ACL == nil) == (f.SuperUser == "") {
			problems.Add(l.Number, 1, "a line that is no finding", "a line of the output of portcullis lint -o json")
			continue
		}
		k := key{code: inspect.Code(f.Code), superUser: f.SuperUser}
		if f.ACL != nil {
			k.binding = *f.ACL
		}
		known[k] = true
	}
	if err := l.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return known, nil
}
