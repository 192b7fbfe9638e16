package acledit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// writeAddition writes what kafka-acls prints when it adds ACLs to a resource, with the
// same spaces.
//
// Source: Kafka's AclCommand.addAcls.
func writeAddition(w io.Writer, before *snapshot.Snapshot, c change) {
	var fresh []acl.Entry
	for _, e := range c.entries {
		b := acl.Binding{Pattern: c.pattern, Entry: e}
		if before.Has(b) {
			fmt.Fprintf(w, "Acl (pattern=%s, entry=%s) already exists.\n", patternLine(b.Pattern), entryLine(e))
			continue
		}
		fresh = append(fresh, e)
	}
	if len(fresh) > 0 {
		fmt.Fprintf(w, "Adding ACLs for resource `%s`: \n %s\n\n", patternLine(c.pattern), entryLines(fresh))
	}
}

// writeDifference writes the added and removed ACLs, one a line.
func writeDifference(w io.Writer, added, removed []acl.Binding) {
	for _, b := range removed {
		fmt.Fprintf(w, "- %s\n", cli.ACLText(b))
	}
	for _, b := range added {
		fmt.Fprintf(w, "+ %s\n", cli.ACLText(b))
	}
}

// confirm asks for confirmation of each change and returns the confirmed ones. w is
// standard error, so that the questions are seen even if standard output is redirected.
//
// Source: Kafka's AclCommand.removeAcls and confirmAction.
func confirm(r io.Reader, w io.Writer, changes []change) ([]change, error) {
	answers := bufio.NewScanner(r)
	var confirmed []change
	for _, c := range changes {
		if len(c.entries) == 0 {
			fmt.Fprintf(w, "Are you sure you want to delete all ACLs for resource filter `%s`? (y/n)\n", patternLine(c.pattern))
		} else {
			fmt.Fprintf(w, "Are you sure you want to remove ACLs: \n %s\n from resource filter `%s`? (y/n)\n", entryLines(c.entries), patternLine(c.pattern))
		}
		if !answers.Scan() {
			return nil, errors.Join(errors.New("nothing was removed: expected y or n on standard input, or --force"), answers.Err())
		}
		if strings.EqualFold(strings.TrimSpace(answers.Text()), "y") {
			confirmed = append(confirmed, c)
		}
	}
	return confirmed, nil
}

func entryLines(entries []acl.Entry) string {
	var texts []string
	for _, e := range entries {
		texts = append(texts, "\t"+entryLine(e))
	}
	return strings.Join(texts, "\n")
}

func entryLine(e acl.Entry) string {
	e.Principal, e.Host = lines.OnOneLine(e.Principal), lines.OnOneLine(e.Host)
	return e.String()
}

func patternLine(p resource.Pattern) string {
	p.Name = lines.OnOneLine(p.Name)
	return p.String()
}
