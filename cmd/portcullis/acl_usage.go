package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// aclNeeds lists the flags that need other flags.
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

// aclConflicts lists the flags that conflict with another flag or with an action.
// kafka-acls refuses most of these and ignores the rest.
var aclConflicts = []struct {
	flag  string // the flag of an action conflicts only with flags that the command has
	other []string
}{
	{addAction.name, []string{"principal"}},
	{removeAction.name, []string{"principal"}},
	{listAction.name, []string{"allow-principal", "deny-principal", "allow-host", "deny-host", "operation", "producer", "idempotent", "consumer", "dry-run"}},
	{"producer", []string{"operation", "deny-principal", "deny-host", "cluster", "delegation-token", "user-principal"}},
	{"consumer", []string{"operation", "deny-principal", "deny-host", "cluster", "delegation-token", "user-principal"}},
}

// checkUsage returns an error for each missing or conflicting flag. It also refuses a
// removal with an operation or a host but no principal, because kafka-acls would remove
// everything.
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
	// kafka-acls ignores --cluster with any other type. It would then remove or list
	// something else.
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
			refuse("no principal is given: expected --allow-principal or --deny-principal")
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

// trim removes the space around values, as kafka-acls does. It keeps the space of
// transactional ids, which may be intended.
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
