package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// aclNeeds says which flags are nothing without another.
var aclNeeds = []struct {
	flag  string
	needs []string // each of them
}{
	{"producer", []string{"topic", "allow-principal"}},
	{"idempotent", []string{"producer"}},
	{"consumer", []string{"topic", "group", "allow-principal"}},
	{"allow-host", []string{"allow-principal"}},
	{"deny-host", []string{"deny-principal"}},
}

// aclConflicts says which flags do not go with another, or with an action. kafka-acls
// refuses most of them. It takes the others and does nothing for them.
var aclConflicts = []struct {
	flag  string // that of an action only where the others are flags at all
	other []string
}{
	{addAction.name, []string{"principal"}},
	{removeAction.name, []string{"principal"}},
	{listAction.name, []string{"allow-principal", "deny-principal", "allow-host", "deny-host", "operation", "producer", "idempotent", "consumer", "dry-run"}},
	{"producer", []string{"operation", "deny-principal", "deny-host", "cluster", "delegation-token", "user-principal"}},
	{"consumer", []string{"operation", "deny-principal", "deny-host", "cluster", "delegation-token", "user-principal"}},
}

// checkUsage says which flags are missing, or do not go together. In particular a
// removal that says whom, from where or what must be one that kafka-acls would not
// take for the removal of everything.
func (a *aclCommand) checkUsage(cmd *cobra.Command, action aclAction) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	given := func(name string) bool {
		f := cmd.Flags().Lookup(name)
		return f != nil && f.Changed && f.Value.String() != "false"
	}
	for _, n := range aclNeeds {
		for _, other := range n.needs {
			if given(n.flag) && !given(other) {
				refuse("--%s needs --%s", n.flag, other)
			}
		}
	}
	for _, c := range aclConflicts {
		for _, other := range c.other {
			if given(c.flag) && given(other) {
				refuse("--%s cannot be given with --%s", other, c.flag)
			}
		}
	}
	// kafka-acls passes over --cluster with any other type: it would then remove, or
	// list, something else than what was named.
	if given := a.selection.patternType.text; bool(a.selection.cluster) && !strings.EqualFold(given, "literal") {
		errs = append(errs, badFlag("resource-pattern-type", given, "literal for the cluster"))
	}
	convenience := given("producer") || given("consumer")
	if given("transactional-id") && convenience && !given("producer") {
		refuse("--transactional-id cannot be given with --consumer alone")
	}
	if given("group") && convenience && !given("consumer") {
		refuse("--group cannot be given with --producer alone")
	}
	if !action.changes {
		return errors.Join(errs...)
	}
	if named := given("allow-principal") || given("deny-principal"); !named && !convenience {
		switch {
		case action.name == addAction.name:
			refuse("whom to allow or deny it is missing: expected --allow-principal or --deny-principal")
		case given("operation"):
			refuse("--operation needs --allow-principal or --deny-principal: without them all ACLs of the resources are removed")
		}
	}
	if !a.namesResource() {
		var all []string
		for _, f := range resourceFlags {
			all = append(all, "--"+f.name)
		}
		refuse("no resource is given: expected at least one of %s", strings.Join(all, ", "))
	}
	return errors.Join(errs...)
}

func (a *aclCommand) namesResource() bool {
	named := bool(a.selection.cluster)
	for _, names := range a.selection.resources {
		named = named || len(*names) > 0
	}
	return named
}

// trim removes the space around values, as kafka-acls does: of all but transactional
// ids, in which it may be meant.
func (a *aclCommand) trim() {
	lists := [][]string{a.operations, a.selection.principals}
	for _, s := range a.sides {
		lists = append(lists, s.principals, s.hosts)
	}
	for flag, names := range a.selection.resources {
		if flag != "transactional-id" {
			lists = append(lists, *names)
		}
	}
	for _, list := range lists {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
}
