package fuzz_test

import (
	"fmt"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

type authorizeRow struct {
	world
	Checks []authorizeCheck `json:"checks"`
}

type authorizeCheck struct {
	question
	answer
	Name        string               `json:"name"`
	PatternType resource.PatternType `json:"patternType"`
	Rule        string               `json:"rule"`
	ACLIndex    *int                 `json:"aclIndex"`
}

// rules are Kafka's names for the reasons.
var rules = map[snapshot.Reason]string{
	snapshot.SuperUser:     "SuperUser",
	snapshot.DefaultAllow:  "DefaultAllow",
	snapshot.DefaultDeny:   "DefaultDeny",
	snapshot.MatchingAllow: "MatchingAcl",
	snapshot.MatchingDeny:  "MatchingAcl",
}

func replayAuthorize(row []byte) (checks int, mismatches []string, err error) {
	var r authorizeRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	return underBoth(r.store, r.Checks, func(store *snapshot.Store, semantics snapshot.Semantics, c authorizeCheck) []string {
		return c.replay(store, semantics, cases.Bindings(r.ACLs))
	})
}

// underBoth replays the checks of a row under both semantics, in the world that open returns.
func underBoth[World, Check any](open func(snapshot.Semantics) (World, error), all []Check, replay func(World, snapshot.Semantics, Check) []string) (checks int, mismatches []string, err error) {
	for _, semantics := range []snapshot.Semantics{snapshot.KafkaExact, snapshot.Documented} {
		world, err := open(semantics)
		if err != nil {
			return checks, mismatches, err
		}
		for i, c := range all {
			checks++
			for _, m := range replay(world, semantics, c) {
				mismatches = append(mismatches, fmt.Sprintf("check %d, %v: %s", i, semantics, m))
			}
		}
	}
	return checks, mismatches, nil
}

func (c authorizeCheck) replay(store *snapshot.Store, semantics snapshot.Semantics, acls []acl.Binding) (mismatches []string) {
	patternType := c.PatternType
	if patternType == resource.PatternUnknown {
		patternType = resource.Literal
	}
	want := c.want(semantics)
	// Kafka throws an IllegalArgumentException for a check that is not about one resource.
	if isOne := patternType == resource.Literal && c.ResourceType.IsConcrete(); isOne != (want != "") {
		return mismatch("want %q, but one resource: %t", want, isOne)
	}
	if want == "" {
		return nil
	}
	request := snapshot.Request{Operation: c.Operation, Type: c.ResourceType, Name: c.Name}
	session := store.Session(c.subject())
	d := session.Check(request.Operation, request.Type, request.Name)
	if got := verdict(d); got != want {
		mismatches = append(mismatches, fmt.Sprintf("%+v: got %v, want %s", c, d, want))
	}
	if other := store.Load().Check(c.subject(), request.Operation, request.Type, request.Name); other != d {
		mismatches = append(mismatches, fmt.Sprintf("a session decides %v, the store %v", d, other))
	}
	if batch := session.CheckBatch(nil, []snapshot.Request{request, request}); len(batch) != 2 || batch[0] != d || batch[1] != d {
		mismatches = append(mismatches, fmt.Sprintf("a session decides %v, a batch %v", d, batch))
	}
	if semantics == snapshot.KafkaExact && want == c.Result {
		mismatches = append(mismatches, c.compareRule(d, acls)...)
	}
	if b, ok := d.Binding(); ok && semantics == snapshot.Documented {
		if !b.Pattern.Covers(request.Type, request.Name) || (b.Entry.Permission == acl.Allow) != d.Allowed() || !grants(b.Entry, request.Operation) {
			mismatches = append(mismatches, fmt.Sprintf("%+v: the ACL named does not decide it: %v", c, d))
		}
	}
	return mismatches
}

// compareRule compares the reason and the ACL that decided with those in Kafka's
// audit log.
func (c authorizeCheck) compareRule(d snapshot.Decision, acls []acl.Binding) []string {
	if got := rules[d.Reason()]; got != c.Rule {
		return mismatch("%+v: got the rule %s", c, got)
	}
	b, ok := d.Binding()
	if ok != (c.ACLIndex != nil) {
		return mismatch("%+v: names an ACL: %t", c, ok)
	}
	if ok && b != acls[*c.ACLIndex] {
		return mismatch("%+v: names %v, Kafka %v", c, b, acls[*c.ACLIndex])
	}
	return nil
}

func grants(e acl.Entry, op ops.Operation) bool {
	if e.Permission == acl.Deny {
		return ops.DeniedBy(e.Operation).Has(op)
	}
	return ops.AllowedBy(e.Operation).Has(op)
}

type byTypeRow struct {
	world
	Checks []byTypeCheck `json:"checks"`
}

type byTypeCheck struct {
	question
	answer
}

func replayAuthorizeByResourceType(row []byte) (checks int, mismatches []string, err error) {
	var r byTypeRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	return underBoth(r.store, r.Checks, func(store *snapshot.Store, semantics snapshot.Semantics, c byTypeCheck) (mismatches []string) {
		d := store.Session(c.subject()).CheckAny(c.Operation, c.ResourceType)
		want := c.want(semantics)
		refused := ops.ValidateByType(c.Operation, c.ResourceType) != nil
		switch {
		case refused != (want == ""):
			mismatches = mismatch("%+v: want %q, arguments refused: %t", c, want, refused)
		case refused && d.Allowed():
			mismatches = mismatch("%+v: refused arguments are allowed", c)
		case !refused && verdict(d) != want:
			mismatches = mismatch("%+v: got %v, want %s", c, d, want)
		}
		if other := store.Load().CheckAny(c.subject(), c.Operation, c.ResourceType); other != d {
			mismatches = append(mismatches, fmt.Sprintf("a session decides %v, the snapshot %v", d, other))
		}
		return mismatches
	})
}
