package suggest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// MaxQuestions is the maximum number of different questions in a Collector. It bounds
// memory: each question takes about 500 bytes. A cluster with more questions needs
// prefixes rather than a list of names.
const MaxQuestions = 250_000

// ErrTooMany means that a trace has more than MaxQuestions different questions.
var ErrTooMany = errors.New("suggest: more than 250,000 different questions: use a trace of fewer principals or of a shorter time")

// question is a question in a trace, without duplicates.
type question struct {
	principal principal.Principal
	host      netip.Addr
	request   snapshot.Request
	byType    bool
	allowed   bool
	groups    string // as Go prints them, so that questions are comparable
}

// Collector collects the records of a trace. It is not safe for concurrent use. The
// zero Collector is empty and ready to use.
type Collector struct {
	questions map[question][]principal.Principal // the questions and their groups
	counts    Counts
}

// Counts are the numbers of records in a trace.
type Counts struct {
	Allowed   int // by ACLs, or because the resource had none
	SuperUser int // allowed to super users, who need no ACL
	Denied    int
}

// Add adds a record. If it returns ErrTooMany, the record was not added.
func (c *Collector) Add(r audit.Record) error {
	if r.Allowed && r.SuperUser {
		c.counts.SuperUser++
		return nil
	}
	q := question{principal: r.Subject.Principal, host: r.Subject.Host.Unmap(), request: r.Request, byType: r.ByType, allowed: r.Allowed}
	q.principal.TokenAuthenticated = false // not part of the identity
	if len(r.Subject.Groups) > 0 {
		q.groups = fmt.Sprintf("%q", r.Subject.Groups)
	}
	if _, known := c.questions[q]; !known {
		if len(c.questions) >= MaxQuestions {
			return ErrTooMany
		}
		if c.questions == nil {
			c.questions = make(map[question][]principal.Principal)
		}
		c.questions[q] = slices.Clone(r.Subject.Groups)
	}
	if r.Allowed {
		c.counts.Allowed++
	} else {
		c.counts.Denied++
	}
	return nil
}

// Counts returns how many records were added.
func (c *Collector) Counts() Counts { return c.counts }

// subject returns the subject of q.
func (c *Collector) subject(q question) snapshot.Subject {
	return snapshot.Subject{Principal: q.principal, Groups: c.questions[q], Host: q.host}
}

// decide returns the decision of n on q.
func (c *Collector) decide(n *snapshot.Snapshot, q question) snapshot.Decision {
	if q.byType {
		return n.CheckAny(c.subject(q), q.request.Operation, q.request.Type)
	}
	return n.Check(c.subject(q), q.request.Operation, q.request.Type, q.request.Name)
}

// Unused returns the ACLs of n that the trace never used, in the order of
// [acl.Binding.Compare]. These are the ACLs that decide none of its questions,
// including denied ones. An ALLOW on which a by-type question may depend counts as
// used. The cost is a check for each question.
//
// The questions are checked against n, not against the ACLs in force when they were
// asked. With Config.AllowIfNoACL an unused ACL can still keep a resource from being
// open to everyone.
func (c *Collector) Unused(n *snapshot.Snapshot) []acl.Binding {
	used := make(map[acl.Binding]struct{})
	kinds := make(map[byType]struct{})
	for q := range c.questions {
		if b, ok := c.decide(n, q).Binding(); ok {
			used[b] = struct{}{}
		}
		if q.byType {
			kinds[byType{principal.Wildcard, q.request.Operation, q.request.Type}] = struct{}{}
			for _, p := range append(c.questions[q], q.principal) {
				kinds[byType{p.String(), q.request.Operation, q.request.Type}] = struct{}{}
			}
		}
	}
	var unused []acl.Binding
	for b := range n.All() {
		if _, ok := used[b]; !ok && !supports(b, kinds) {
			unused = append(unused, b)
		}
	}
	return unused
}

// byType is a by-type question without its host.
type byType struct {
	principal string
	operation ops.Operation
	typ       resource.Type
}

// supports reports whether one of the by-type questions may depend on b.
func supports(b acl.Binding, kinds map[byType]struct{}) bool {
	if b.Entry.Permission != acl.Allow {
		return false
	}
	for op := range ops.AllowedBy(b.Entry.Operation).All() {
		if _, ok := kinds[byType{b.Entry.Principal, op, b.Pattern.Type}]; ok {
			return true
		}
	}
	return false
}
