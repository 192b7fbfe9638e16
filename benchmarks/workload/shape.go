package workload

import (
	"iter"
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Shape is a set of ACLs, who asks, and what is asked. It is immutable once made.
type Shape struct {
	Name     string // as it stands in the names of benchmarks
	Entries  int    // how many bindings there are, all different
	Bindings iter.Seq[acl.Binding]
	Subject  snapshot.Subject
	Cases    []Case
}

// Case is one kind of question to a shape. Its names are laid out in memory in
// the order in which they are asked and share nothing with the names of the ACLs,
// as the names of requests do that were just decoded.
type Case struct {
	Name      string
	Operation ops.Operation
	Type      resource.Type
	Names     []string
	Want      Answer
}

// Answer is what the questions of a case have for an answer.
type Answer uint8

// The answers.
const (
	Mixed   Answer = iota // some are allowed, some are denied
	Allowed               // all are allowed
	Denied                // all are denied
)

// The names of the cases that more than one shape has.
const (
	Hit           = "hit"            // an ACL allows
	Deny          = "deny"           // a DENY ACL matches
	MissOperation = "miss-operation" // ACLs cover the name, none is for the operation
	MissName      = "miss-name"      // no ACL covers the name
	Random        = "random"         // every name there is, in random order
)

// Case returns the case with that name, and whether the shape has it.
func (s Shape) Case(name string) (Case, bool) {
	for _, c := range s.Cases {
		if c.Name == name {
			return c, true
		}
	}
	return Case{}, false
}

// Store returns a new store that holds the ACLs of s.
func (s Shape) Store() (*snapshot.Store, error) {
	store := snapshot.NewStore(snapshot.Config{})
	err := store.Update(func(tx *snapshot.Tx) error {
		for b := range s.Bindings {
			tx.Add(b)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return store, nil
}

// Decoded returns the bindings of s, each with strings of its own, as a program has
// them that has just decoded them.
func Decoded(s Shape) []acl.Binding {
	bindings := make([]acl.Binding, 0, s.Entries)
	for b := range s.Bindings {
		b.Pattern.Name = strings.Clone(b.Pattern.Name)
		b.Entry.Principal, b.Entry.Host = strings.Clone(b.Entry.Principal), strings.Clone(b.Entry.Host)
		bindings = append(bindings, b)
	}
	return bindings
}

// maxAsked is the number of questions of most cases. Kafka's workload keeps as
// many: they, and what they touch, fit in a processor's second-level cache.
const maxAsked = 4096

// seed of everything random.
const seed = 20667

// shuffle puts names in an order that is random and always the same.
func shuffle(names []string) []string {
	r := rand.New(rand.NewPCG(seed, seed))
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// newCase lays the names out anew, one after the other.
func newCase(name string, op ops.Operation, t resource.Type, want Answer, names []string) Case {
	size := 0
	for _, n := range names {
		size += len(n)
	}
	var b strings.Builder
	b.Grow(size)
	for _, n := range names {
		b.WriteString(n)
	}
	text, laid := b.String(), make([]string, len(names))
	for i, n := range names {
		laid[i], text = text[:len(n)], text[len(n):]
	}
	return Case{Name: name, Operation: op, Type: t, Names: laid, Want: want}
}

// fromLocalhost is the subject of Kafka's benchmark, with the name given.
func fromLocalhost(name string) snapshot.Subject {
	return snapshot.Subject{Principal: principal.User(name), Host: netip.MustParseAddr("127.0.0.1")}
}

func binding(p resource.Pattern, who, host string, op ops.Operation, permission acl.PermissionType) acl.Binding {
	return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: op, Permission: permission}}
}

func allow(p resource.Pattern, who string, op ops.Operation) acl.Binding {
	return binding(p, who, acl.WildcardHost, op, acl.Allow)
}
