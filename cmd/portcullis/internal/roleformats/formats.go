// Package roleformats reads roles, role bindings and ACLs from where they are today.
package roleformats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role"
)

// Format is a text that has roles, role bindings or ACLs.
type Format struct {
	// Name is the value of --from.
	Name string
	// What describes the text, for help.
	What string
	// Scope says what the options of a scope are for.
	Scope ScopeUse
	read  func(text []byte, options Options, into *Set) error
}

// ScopeUse says what the options of a scope are for.
type ScopeUse int

const (
	// ScopeRefused formats say where each binding holds: the options would change nothing.
	ScopeRefused ScopeUse = iota
	// ScopeTaken is for what the text does not say.
	ScopeTaken
	// ScopeKafka is ScopeTaken, and only a Kafka cluster can have what is read.
	ScopeKafka
)

// All are the formats.
var All = []Format{
	{"lookup", "what a metadata service answers GET /security/1.0/lookup/rolebindings/principal/NAME", ScopeRefused, readLookup},
	{"roles", "what it answers GET /security/1.0/roles: roles, not bindings", ScopeRefused, readRoles},
	{"list", "the JSON of confluent iam rbac role-binding list; it has no scope: give --kafka-cluster, and list each scope alone, without --inclusive", ScopeTaken, readList},
	{"script", "a shell script with confluent iam rolebinding, rbac role-binding and acl create", ScopeRefused, readScript},
	{"cfk", "ConfluentRolebinding resources of Confluent for Kubernetes, as YAML", ScopeTaken, readCFK},
	{"terraform", "the JSON of terraform show -json, of a state or of a plan", ScopeTaken, readTerraform},
	{"hcl", "a file of Terraform; what refers to something else is refused", ScopeTaken, readHCL},
	{"rpk", "rpk security role describe of one role, as text or JSON; give --kafka-cluster", ScopeKafka, readRPK},
	{"redpanda", "RedpandaRole and RedpandaRoleBinding resources, as YAML; give --kafka-cluster", ScopeKafka, readRedpanda},
	{"msk", "a policy of AWS IAM for MSK; give --principal, --cluster-arn and --kafka-cluster", ScopeKafka, readMSK},
}

// Names are the names of the formats.
func Names() (names []string) {
	for _, f := range All {
		names = append(names, f.Name)
	}
	return names
}

// Options are what the text itself does not say.
type Options struct {
	// Scope is where bindings hold whose text does not say it.
	Scope role.Scope
	// Principal is who has an IAM policy.
	Principal string
	// ClusterARN is the MSK cluster that is meant.
	ClusterARN string
}

// Set is what a text has. All of it may be taken: nothing was refused.
type Set struct {
	Roles    []role.Role
	Bindings []role.Binding
	ACLs     []role.ClusterACL
	// Skipped counts resources and commands of other kinds.
	Skipped int
	// Notes are about what was taken, and is not in all respects the same: up to lines.MaxErrors.
	Notes []string

	places   []string // of Bindings, in their order
	aclPlace []string // of ACLs
	problems []problem
	ended    bool // what follows in a script may not run
}

// problem is why a part of the text cannot be taken.
type problem struct {
	place  string // a position, such as 3:5, or a name
	reason string
}

// MaxBytes limits a text: a hundred times the largest that were seen.
const MaxBytes = role.MaxTableBytes

// Read reads a text. If a part of it cannot be taken there is no Set, and the error has the
// place and the reason of each such part, up to lines.MaxErrors.
func (f Format) Read(file string, text []byte, options Options) (*Set, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s: expected no more than %d bytes", file, MaxBytes)
	}
	if wrong := lines.CheckUTF8(string(text)); wrong != nil {
		return nil, fmt.Errorf("%s: at byte %d: found %s, expected %s", file, wrong.Offset, wrong.Found, wrong.Expected)
	}
	set := &Set{}
	if err := f.read(text, options, set); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := set.refused(file); err != nil {
		return nil, err
	}
	return set, nil
}

// Check returns an error with the place and the reason of each binding and each ACL that is not
// valid, up to lines.MaxErrors.
func (s *Set) Check(file string, binding func(role.Binding) error, centralized func(role.ClusterACL) error) error {
	for i, b := range s.Bindings {
		if err := binding(b); err != nil {
			s.refuse(s.places[i], "%v", err)
		}
	}
	for i, a := range s.ACLs {
		if err := centralized(a); err != nil {
			s.refuse(s.aclPlace[i], "%v", err)
		}
	}
	return s.refused(file)
}

// refused returns the problems as an error, or nil.
func (s *Set) refused(file string) error {
	var errs cli.Errors
	for _, p := range s.problems {
		separator := ": "
		if p.place != "" && '0' <= p.place[0] && p.place[0] <= '9' {
			separator = ":" // as compilers write positions
		}
		errs.Refuse("%s%s%s: %s", file, separator, p.place, p.reason)
	}
	return errs.Join()
}

// Find returns the format with a name.
func Find(name string) (Format, error) {
	i := slices.IndexFunc(All, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, cli.BadFlag("from", name, "one of "+strings.Join(Names(), ", "))
	}
	return All[i], nil
}

// shown returns a text from outside for an error.
func shown(text string) string { return lines.Printable(lines.Cut(text, maxShown)) }

// maxShown is how many bytes of a text from outside an error has.
const maxShown = 200

func (s *Set) refuse(place, format string, args ...any) {
	if len(s.problems) < lines.MaxErrors {
		s.problems = append(s.problems, problem{place, fmt.Sprintf(format, args...)})
	}
}

func (s *Set) note(place, format string, args ...any) {
	if len(s.Notes) < lines.MaxErrors {
		s.Notes = append(s.Notes, place+": "+fmt.Sprintf(format, args...))
	}
}

// add adds a binding of a principal as it is written, at a place of the text.
func (s *Set) add(place, who, name string, scope role.Scope, pattern role.Pattern) {
	p, err := principal.Parse(who)
	if err != nil {
		s.refuse(place, "found the principal %s, expected Type:name, such as User:alice", shown(who))
		return
	}
	s.Bindings = append(s.Bindings, role.Binding{Principal: p, Role: name, Scope: scope, Pattern: pattern})
	s.places = append(s.places, place)
}

// addRole adds a role. One with the name of another is refused: one of them would be lost, with what
// it denies.
func (s *Set) addRole(place string, r role.Role) {
	if slices.ContainsFunc(s.Roles, func(other role.Role) bool { return other.Name == r.Name }) {
		s.refuse(place, "found the role %s again, expected each role once: roles of two clusters are imported one after the other, with different names", shown(r.Name))
		return
	}
	s.Roles = append(s.Roles, r)
}

// addACL adds an ACL, or refuses it. One that does not do what it seems to say is noted, and refused
// if it is a DENY: what it was written to deny would not be denied.
func (s *Set) addACL(place string, scope role.Scope, b acl.Binding) {
	err := b.ValidateNew(0)
	if strict := b.ValidateStrict(0); err == nil && b.Entry.Permission == acl.Deny {
		err = strict
	} else if err == nil && strict != nil {
		s.note(place, "%s: %v", cli.ACLText(b), strict)
	}
	if err != nil {
		s.refuse(place, "%s: %v", cli.ACLText(b), err)
		return
	}
	s.ACLs = append(s.ACLs, role.ClusterACL{Scope: scope, ACL: b})
	s.aclPlace = append(s.aclPlace, place)
}

// decode reads one JSON value, and refuses fields that it does not know, also those in another case,
// and repeated ones: one of them could limit what is given.
func decode(text []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return fmt.Errorf("at byte %d: %s", d.InputOffset(), lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("at byte %d: expected nothing after the value", d.InputOffset())
	}
	if wrong := lines.CheckKeys(text, value); wrong != nil {
		return fmt.Errorf("at byte %d: found %s, expected %s", wrong.Offset, wrong.Found, wrong.Expected)
	}
	return nil
}

// checkKeys refuses JSON with an object that has a key twice: readers would disagree about which
// one counts. With fold, keys that differ only in case are the same, as for encoding/json.
func checkKeys(text []byte, fold bool) error {
	d := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		keys  map[string]bool // nil in an array
		value bool            // the next token is the value of a key
	}
	var open []level
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %s", d.InputOffset(), lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		}
		if last := len(open) - 1; last >= 0 && open[last].keys != nil {
			if key, ok := token.(string); ok && !open[last].value {
				if fold {
					key = strings.ToLower(key)
				}
				if open[last].keys[key] {
					return fmt.Errorf("at byte %d: found the key %s twice", d.InputOffset(), shown(key))
				}
				open[last].keys[key], open[last].value = true, true
				continue
			}
			open[last].value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}
