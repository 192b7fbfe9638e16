package acledit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/question"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// change holds the entries to add to, or to remove from, one resource pattern. In a
// removal, no entries means all of them, and the pattern type may be that of a filter.
type change struct {
	pattern resource.Pattern
	entries []acl.Entry // sorted, each once
}

// filters returns what c removes.
func (c change) filters() []acl.Filter {
	if len(c.entries) == 0 {
		f := acl.FilterOf(acl.Binding{Pattern: c.pattern})
		f.Entry = acl.AnyBinding.Entry
		return []acl.Filter{f}
	}
	var filters []acl.Filter
	for _, e := range c.entries {
		filters = append(filters, acl.FilterOf(acl.Binding{Pattern: c.pattern, Entry: e}))
	}
	return filters
}

// additions returns the ACLs to add. All of them are valid.
func (a *command) additions() ([]change, error) {
	changes, err := a.changes()
	if err != nil {
		return nil, err
	}
	at, err := a.metadataVersion()
	if err != nil {
		return nil, err
	}
	var errs cli.Errors
	for _, c := range changes {
		if !c.pattern.PatternType.IsSpecific() {
			return nil, cli.BadFlag("resource-pattern-type", a.selection.PatternType.Text, "literal or prefixed to add ACLs")
		}
		for _, e := range c.entries {
			b := acl.Binding{Pattern: c.pattern, Entry: e}
			if err := b.ValidateNew(at); err != nil {
				errs.Refuse("%s: %w", cli.ACLText(b), err)
			}
		}
	}
	return changes, errs.Join()
}

// metadataVersion returns the metadata version of the cluster, or zero if it is not given.
func (a *command) metadataVersion() (acl.MetadataVersion, error) {
	if !a.metadata.Given {
		return 0, nil
	}
	at, err := acl.ParseMetadataVersion(a.metadata.Text)
	if err != nil {
		err = fmt.Errorf("--metadata-version: %w", err)
	}
	return at, err
}

// changes returns the changes that the flags ask for, ordered by pattern.
func (a *command) changes() ([]change, error) {
	var errs cli.Errors
	filters, err := a.selection.Filters()
	errs.Add(err)
	entries, err := a.entries()
	errs.Add(err)
	if len(errs) > 0 {
		return nil, errs.Join()
	}
	if a.producer || a.consumer {
		return a.templateChanges(filters[0].PatternType) // there is a topic
	}
	for _, f := range filters {
		errs.Add(CheckSupported(f.Type, entries))
	}
	if len(entries) == 0 {
		entries = []acl.Entry{{}}
	}
	var list []acl.Binding
	for _, f := range filters {
		for _, e := range entries {
			list = append(list, acl.Binding{Pattern: resource.Pattern{Type: f.Type, PatternType: f.PatternType, Name: *f.Name}, Entry: e})
		}
	}
	return group(list), errs.Join()
}

// group returns the changes with these ACLs, ordered by pattern. A zero entry adds only
// the pattern.
func group(list []acl.Binding) (changes []change) {
	slices.SortFunc(list, acl.Binding.Compare)
	for _, b := range slices.Compact(list) {
		if n := len(changes); n == 0 || changes[n-1].pattern != b.Pattern {
			changes = append(changes, change{pattern: b.Pattern})
		}
		if last := &changes[len(changes)-1]; b.Entry != (acl.Entry{}) {
			last.entries = append(last.entries, b.Entry)
		}
	}
	return changes
}

// entries returns an entry for each principal, host and operation. Without a principal
// there are none.
func (a *command) entries() (entries []acl.Entry, err error) {
	var operations []ops.Operation
	var errs cli.Errors
	for _, text := range a.operations {
		var q question.Question
		errs.Add(q.SetFlag(question.Operation, "operation", text))
		operations = append(operations, q.Request.Operation)
	}
	slices.Sort(operations)
	for _, s := range a.sides {
		hosts := s.hosts
		if len(hosts) == 0 {
			hosts = []string{acl.WildcardHost}
		}
		for _, who := range s.principals {
			if _, err := principal.Parse(who); err != nil {
				errs.Add(cli.BadFlag(s.name+"-principal", who, "Type:name, such as User:alice"))
			}
			for _, host := range hosts {
				for _, o := range operations {
					entries = append(entries, acl.Entry{Principal: who, Host: host, Operation: o, Permission: s.permission})
				}
			}
		}
	}
	return entries, errs.Join()
}

// CheckSupported refuses operations that no request needs on the resource type, as
// kafka-acls does.
func CheckSupported(t resource.Type, entries []acl.Entry) error {
	supported := ops.Supported(t)
	for _, e := range entries {
		if e.Operation != ops.All && !supported.Has(e.Operation) {
			return fmt.Errorf("%s has no operation %s: expected one of %s", t.DisplayName(), e.Operation.DisplayName(),
				strings.Join(append([]string{ops.All.DisplayName()}, cli.DisplayNames(supported.All())...), ", "))
		}
	}
	return nil
}

// templateChanges returns the changes that the conveniences imply.
func (a *command) templateChanges(patternType resource.PatternType) ([]change, error) {
	names := a.selection.Resources.Names
	args := acl.TemplateArgs{Principals: a.sides[0].principals, Hosts: a.sides[0].hosts, Topics: names("topic")}
	if patternType == resource.Prefixed {
		args.PatternType = patternType
	}
	transactional, consuming := args, args
	transactional.TransactionalIDs, consuming.Groups = names("transactional-id"), names("group")

	var list []acl.Binding
	for _, t := range []struct {
		wanted   bool
		template string
		args     acl.TemplateArgs
	}{
		{a.producer, "PRODUCER", args},
		{a.idempotent, "IDEMPOTENT_PRODUCER", args},
		{len(transactional.TransactionalIDs) > 0, "TRANSACTIONAL_PRODUCER", transactional},
		{a.consumer, "CONSUMER", consuming},
	} {
		if !t.wanted {
			continue
		}
		bindings, err := acl.TemplateBindings(t.template, t.args)
		if err != nil {
			return nil, err
		}
		for _, b := range bindings {
			if b.Pattern.Type != resource.Cluster {
				b.Pattern.PatternType = patternType // may be that of a filter
			}
			list = append(list, b)
		}
	}
	return group(list), nil
}

// needs lists the flags that need other flags.
var needs = []cli.Relation{
	{Flag: "producer", Others: []string{"topic", "allow-principal"}},
	{Flag: "idempotent", Others: []string{"producer"}},
	{Flag: "consumer", Others: []string{"topic", "group", "allow-principal"}},
	{Flag: "allow-host", Others: []string{"allow-principal"}},
	{Flag: "deny-host", Others: []string{"deny-principal"}},
}

// exclusions lists the flags that conflict with another flag or with an action, which is
// a flag only of the command acl. kafka-acls refuses most of these and ignores the rest.
var exclusions = []cli.Relation{
	{Flag: "add", Others: []string{"principal"}},
	{Flag: "remove", Others: []string{"principal", "metadata-version"}},
	{Flag: "list", Others: []string{"allow-principal", "deny-principal", "allow-host", "deny-host", "operation", "producer", "idempotent", "consumer", "dry-run", "metadata-version"}},
	{Flag: "producer", Others: []string{"operation", "deny-principal", "deny-host", "cluster", "delegation-token", "user-principal"}},
	{Flag: "consumer", Others: []string{"operation", "deny-principal", "deny-host", "cluster", "delegation-token", "user-principal"}},
}

// checkUsage returns an error for each missing or conflicting flag. It also refuses a
// removal with an operation or a host but no principal, because kafka-acls would remove
// everything.
func (a *command) checkUsage(action action) error {
	var errs cli.Errors
	given := func(name string) bool { return cli.Given(a.cmd, name) }
	errs.Need(a.cmd, needs)
	errs.Exclude(a.cmd, exclusions)
	// kafka-acls ignores --cluster with any other type. It would then remove or list
	// something else.
	if text := a.selection.PatternType.Text; given("cluster") && !strings.EqualFold(text, "literal") {
		errs.Add(cli.BadFlag("resource-pattern-type", text, "literal for the cluster"))
	}
	if given("transactional-id") && given("consumer") && !given("producer") {
		errs.Refuse("--transactional-id cannot be given with --consumer alone")
	}
	if given("group") && given("producer") && !given("consumer") {
		errs.Refuse("--group cannot be given with --producer alone")
	}
	if !action.changes {
		return errs.Join()
	}
	if action.name == "remove" && given("metadata-version") && !given("remove") {
		errs.Refuse("--metadata-version has no effect on a removal")
	}
	if !given("allow-principal") && !given("deny-principal") && !given("producer") && !given("consumer") {
		switch {
		case action.name == "add":
			errs.Refuse("no principal is given: expected --allow-principal or --deny-principal")
		case given("operation"):
			errs.Refuse("--operation needs --allow-principal or --deny-principal: without them all ACLs of the resources are removed")
		}
	}
	if len(cli.GivenResources(a.cmd)) == 0 {
		errs.Refuse("no resource is given: expected at least one of %s", cli.AllResourceFlags())
	}
	return errs.Join()
}

// trim removes the space around values, as kafka-acls does. It keeps the space of
// transactional ids, which may be intended.
func (a *command) trim() {
	lists := [][]string{a.operations, a.selection.Principals}
	for _, s := range a.sides {
		lists = append(lists, s.principals, s.hosts)
	}
	for _, f := range cli.ResourceFlags {
		if f.Type != resource.TransactionalID {
			lists = append(lists, a.selection.Resources.Names(f.Name))
		}
	}
	for _, list := range lists {
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
	}
}
