package formats

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/unknownacl"
)

// Set is what a file or a cluster holds.
type Set struct {
	ACLs []acl.Binding
	// Apart are the ACLs with a word, or a code, that this version does not know. They are not
	// among the ACLs.
	Apart []Apart
	// Skipped is what is no ACL.
	Skipped Skipped
}

// Apart is an ACL with something that this version does not know.
type Apart struct {
	ACL   acl.Binding // the parts that are not known are zero
	Where string      // the place in a file, such as "acls.txt:5:39", or a cluster
	Word  string      // what is not known, such as `operation "LEAP"`
}

// Skipped counts the parts of a file that are no ACLs.
type Skipped struct {
	Lines int
	First int    // number of the first such line
	Text  string // the beginning of its text
	Kinds map[string]int
}

// mostTold is how many ACLs that are kept apart are told one by one.
const mostTold = 10

// Deciding returns all ACLs, with those that the ACLs kept apart count as in decisions.
func (s *Set) Deciding() []acl.Binding {
	list := s.ACLs
	for _, a := range s.Apart {
		if counts, ok := unknownacl.CountsAs(a.ACL); ok {
			list = append(list, counts)
		}
	}
	return list
}

// Refuse returns an error for each ACL kept apart that may decide, because what is done with
// the set would lose it. verb says what that is, such as "converted".
func (s *Set) Refuse(verb string) error {
	var errs cli.Errors
	for _, a := range s.Apart {
		if _, decides := unknownacl.CountsAs(a.ACL); decides && len(errs) < lines.MaxErrors {
			errs.Refuse("%s: the ACL of %s has the %s, which this version does not know: it cannot be %s", a.Where, lines.Printable(a.ACL.Entry.Principal), a.Word, verb)
		}
	}
	return errs.Join()
}

// Tell says what was kept apart, and what was skipped. name is the file or the cluster.
func (s *Set) Tell(say func(format string, args ...any), name string) {
	foreign, told := map[string]int{}, 0
	for _, a := range s.Apart {
		counts, decides := unknownacl.CountsAs(a.ACL)
		switch told++; {
		case !decides:
			foreign[a.Word]++
			told--
		case told <= mostTold:
			as := "it denies all operations, because it may deny any"
			if counts.Entry.Permission == acl.Allow {
				as = "it allows nothing"
			}
			say("%s: the ACL of %s on %s %s has the %s, which this version does not know: kept apart; in decisions %s\n", a.Where, lines.Printable(a.ACL.Entry.Principal),
				counts.Pattern.Type.DisplayName(), lines.Printable(counts.Pattern.Name), a.Word, as)
		}
	}
	if told > mostTold {
		say("%s: %d more ACLs kept apart\n", name, told-mostTold)
	}
	for _, word := range slices.Sorted(maps.Keys(foreign)) {
		say("%s: ACLs kept apart: %d, of the %s, about which no request of Kafka asks\n", name, foreign[word], word)
	}
	if n := s.Skipped.Lines; n > 0 {
		say("%s: lines skipped that are no ACLs: %d, the first is line %d: %s\n", name, n, s.Skipped.First, lines.Printable(s.Skipped.Text))
	}
	if len(s.Skipped.Kinds) > 0 {
		say("%s: resources skipped that are no KafkaUser: %s\n", name, s.Skipped.kinds())
	}
}

func (s *Skipped) kinds() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(s.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s (%d)", lines.Printable(kind), s.Kinds[kind]))
	}
	return strings.Join(kinds, ", ")
}

// Why returns what a file without ACLs has instead, for an error, or "".
func (s *Skipped) Why() string {
	if len(s.Kinds) == 0 {
		return ""
	}
	return ", only resources that are no KafkaUser: " + s.kinds()
}

// skipLine counts a line that is no ACL.
func (s *Skipped) skipLine(number int, text string) {
	if s.Lines++; s.Lines == 1 {
		s.First, s.Text = number, lines.Cut(text, 64)
	}
}
