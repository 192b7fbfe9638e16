package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// aclChange holds the entries to add to, or to remove from, one resource pattern. In a
// removal, no entries means all of them, and the pattern type may be that of a filter.
type aclChange struct {
	pattern resource.Pattern
	entries []acl.Entry // sorted, each once
}

// filters returns what c removes.
func (c aclChange) filters() []acl.Filter {
	if len(c.entries) == 0 {
		f := acl.FilterOf(acl.Binding{Pattern: c.pattern})
		f.Entry = acl.AnyEntry
		return []acl.Filter{f}
	}
	var filters []acl.Filter
	for _, e := range c.entries {
		filters = append(filters, acl.FilterOf(acl.Binding{Pattern: c.pattern, Entry: e}))
	}
	return filters
}

// additions returns the ACLs to add. All of them are valid.
func (a *aclCommand) additions() ([]aclChange, error) {
	changes, err := a.changes()
	if err != nil {
		return nil, err
	}
	given := a.selection.patternType.text
	var errs []error
	for _, c := range changes {
		if !c.pattern.PatternType.IsSpecific() {
			return nil, badFlag("resource-pattern-type", given, "literal or prefixed to add ACLs")
		}
		for _, e := range c.entries {
			b := acl.Binding{Pattern: c.pattern, Entry: e}
			if err := b.ValidateNew(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", aclText(b), err))
			}
		}
	}
	return changes, errors.Join(errs...)
}

// changes returns the changes that the flags ask for, ordered by pattern.
func (a *aclCommand) changes() ([]aclChange, error) {
	filters, errFilters := a.selection.filters()
	entries, errEntries := a.entries()
	if err := errors.Join(errFilters, errEntries); err != nil {
		return nil, err
	}
	if a.producer || a.consumer {
		return a.templateChanges(filters[0].PatternType) // there is a topic
	}
	var changes []aclChange
	var errs []error
	for _, f := range filters {
		changes = append(changes, aclChange{resource.Pattern{Type: f.Type, PatternType: f.PatternType, Name: *f.Name}, entries})
		errs = append(errs, checkSupported(f.Type, entries))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(changes, func(c, d aclChange) int { return acl.ComparePatterns(c.pattern, d.pattern) })
	return slices.CompactFunc(changes, func(c, d aclChange) bool { return c.pattern == d.pattern }), nil
}

// entries returns an entry for each principal, host and operation. Without a principal
// there are none.
func (a *aclCommand) entries() ([]acl.Entry, error) {
	var operations []ops.Operation
	var errs []error
	for _, text := range a.operations {
		var q question
		if expected := q.set(operationPart, text); expected != "" {
			errs = append(errs, badFlag("operation", text, expected))
		}
		operations = append(operations, q.request.Operation)
	}
	var list []acl.Binding // of no pattern, to be sorted
	for _, s := range a.sides {
		hosts := s.hosts
		if len(hosts) == 0 {
			hosts = []string{acl.WildcardHost}
		}
		for _, who := range s.principals {
			if _, err := principal.Parse(who); err != nil {
				errs = append(errs, badFlag(s.name+"-principal", who, "Type:name, such as User:alice"))
			}
			for _, host := range hosts {
				for _, o := range operations {
					list = append(list, acl.Binding{Entry: acl.Entry{Principal: who, Host: host, Operation: o, Permission: s.permission}})
				}
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(list, acl.Binding.Compare)
	var entries []acl.Entry
	for _, b := range slices.Compact(list) {
		entries = append(entries, b.Entry)
	}
	return entries, nil
}

// checkSupported refuses operations that no request needs on the resource type, as
// kafka-acls does.
func checkSupported(t resource.Type, entries []acl.Entry) error {
	supported := ops.Supported(t)
	for _, e := range entries {
		if e.Operation == ops.All || supported.Has(e.Operation) {
			continue
		}
		names := []string{ops.All.DisplayName()}
		for o := range supported.All() {
			names = append(names, o.DisplayName())
		}
		return fmt.Errorf("%s has no operation %s: expected one of %s", t.DisplayName(), e.Operation.DisplayName(), strings.Join(names, ", "))
	}
	return nil
}

// templateChanges returns the changes that the conveniences imply.
func (a *aclCommand) templateChanges(patternType resource.PatternType) ([]aclChange, error) {
	names := func(flag string) []string { return *a.selection.resources[flag] }
	args := acl.TemplateArgs{Principals: a.sides[0].principals, Hosts: a.sides[0].hosts, Topics: names("topic")}
	if patternType == resource.Prefixed {
		args.PatternType = patternType
	}
	transactional, consuming := args, args
	transactional.TransactionalIDs, consuming.Groups = names("transactional-id"), names("group")

	var list []acl.Binding
	for _, t := range []struct {
		wanted   bool
		template acl.Template
		args     acl.TemplateArgs
	}{
		{a.producer, acl.Producer, args},
		{a.idempotent, acl.IdempotentProducer, args},
		{len(transactional.TransactionalIDs) > 0, acl.TransactionalProducer, transactional},
		{a.consumer, acl.Consumer, consuming},
	} {
		if !t.wanted {
			continue
		}
		bindings, err := t.template.Bindings(t.args)
		if err != nil {
			return nil, err
		}
		list = append(list, bindings...)
	}
	slices.SortFunc(list, acl.Binding.Compare)
	var changes []aclChange
	for _, b := range slices.Compact(list) {
		if b.Pattern.Type != resource.Cluster {
			b.Pattern.PatternType = patternType // may be that of a filter
		}
		if n := len(changes); n == 0 || changes[n-1].pattern != b.Pattern {
			changes = append(changes, aclChange{pattern: b.Pattern})
		}
		last := &changes[len(changes)-1]
		last.entries = append(last.entries, b.Entry)
	}
	return changes, nil
}
