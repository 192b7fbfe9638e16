package lint

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// known is what identifies a finding in the output of a command: its code, and one of what it
// is about.
type known struct {
	Code      string          `json:"code"`
	ACL       *acl.Binding    `json:"acl,omitempty"`
	SuperUser string          `json:"superUser,omitempty"`
	Binding   json.RawMessage `json:"binding,omitempty"`
}

// key returns what keyOf returns for the finding, and whether it is one.
func (k *known) key() (string, bool) {
	about := 0
	for _, has := range []bool{k.ACL != nil, k.SuperUser != "", len(k.Binding) > 0} {
		if has {
			about++
		}
	}
	if k.Code == "" || about != 1 {
		return "", false
	}
	text, err := json.Marshal(k) // a raw message is compacted
	return string(text), err == nil
}

// Known returns the keys of the findings of --baseline, or none without it.
func (g *Gate) Known(cmd *cobra.Command) (map[string]bool, error) {
	if !g.baseline.Given {
		return nil, nil
	}
	return cli.ReadFile(g.baseline.Text, cmd.InOrStdin(), func(r io.Reader) (map[string]bool, error) {
		return readBaseline(r, cli.FileName(g.baseline.Text))
	})
}

// readBaseline reads the output of lint -o json, or all errors in it. Codes of another release
// are read: the findings are gone.
func readBaseline(r io.Reader, file string) (map[string]bool, error) {
	keys := make(map[string]bool)
	problems := cli.Problems{File: file}
	l := lines.NewReader(r, lines.MaxBytes)
	for !problems.Full() && l.Next() {
		var k known
		err := json.Unmarshal([]byte(l.Text), &k)
		key, ok := k.key()
		if err != nil || !ok {
			problems.Add(l.Number, 1, "a line that is no finding", "a line of the output of portcullis lint -o json")
			continue
		}
		keys[key] = true
	}
	if err := l.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return keys, nil
}
