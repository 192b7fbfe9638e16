package main

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// list holds the flags of the command list.
type list struct {
	acls        *aclInput
	json        func() (bool, error)
	resources   map[string]*[]string // by the name of the flag
	cluster     presence
	patternType *once
	principals  []string
}

func newListCommand() *cobra.Command {
	l := &list{resources: map[string]*[]string{}}
	cmd := &cobra.Command{
		Use:   "list --acls FILE",
		Short: "List ACLs, filtered as kafka-acls --list does",
		Long: `list prints the ACLs of the given resources and principals, or all ACLs. They are
sorted by resource type, name, pattern type, principal, host, operation and permission.

--resource-pattern-type says how to match the names of resources:

  literal, prefixed  ACLs with exactly this name and pattern type
  any                ACLs with exactly this name and either pattern type
  match              every ACL that applies to a resource with this name`,
		Example: `  portcullis list --acls acls.txt --topic orders.eu --resource-pattern-type match
  portcullis list --acls acls.txt --principal User:alice -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd) },
	}
	l.acls = newACLInput(cmd)
	for _, f := range resourceFlags {
		if f.typ == resource.Cluster {
			presenceFlag(cmd, &l.cluster, f.name, "list the ACLs of "+f.usage)
			continue
		}
		l.resources[f.name] = cmd.Flags().StringArray(f.name, nil, "list the ACLs of "+f.usage+"; may be repeated")
	}
	l.patternType = onceFlag(cmd, "resource-pattern-type", "literal", "`type` of the names: literal, prefixed, any or match",
		"literal", "prefixed", "any", "match")
	cmd.Flags().StringArrayVar(&l.principals, "principal", nil, "list only the ACLs for `Type:name`; may be repeated")
	l.json = outputFlag(cmd)
	return cmd
}

func (l *list) run(cmd *cobra.Command) error {
	asJSON, errJSON := l.json()
	filters, errFilters := l.filters()
	if err := errors.Join(errJSON, errFilters, l.checkPrincipals(), checkStandardInput(l.acls.files...)); err != nil {
		return err
	}
	store, err := l.acls.load(cmd.InOrStdin(), snapshot.Config{})
	if err != nil {
		return err
	}
	all := store.Load().All()
	var out bytes.Buffer
	switch {
	case asJSON:
		err = outputFormat(true).print(&out, selected(all, filters, l.principals))
	case len(l.principals) == 0:
		err = outputFormat(false).print(&out, selected(all, filters, nil))
	default:
		err = l.writeByPrincipal(&out, all, filters)
	}
	if err == nil {
		_, err = out.WriteTo(cmd.OutOrStdout())
	}
	return err
}

// writeByPrincipal writes the ACLs of each principal with a heading, as kafka-acls does.
func (l *list) writeByPrincipal(out *bytes.Buffer, all iter.Seq[acl.Binding], filters []resource.PatternFilter) error {
	for _, p := range l.principals {
		fmt.Fprintf(out, "ACLs for principal `%s`\n", lines.OnOneLine(p))
		if err := outputFormat(false).print(out, selected(all, filters, []string{p})); err != nil {
			return err
		}
	}
	return nil
}

// selected yields the ACLs that match one of the filters and one of the principals. An
// empty list of filters or principals matches every ACL.
func selected(all iter.Seq[acl.Binding], filters []resource.PatternFilter, principals []string) iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) {
		for b := range all {
			if isSelected(b, filters, principals) && !yield(b) {
				return
			}
		}
	}
}

func isSelected(b acl.Binding, filters []resource.PatternFilter, principals []string) bool {
	byPattern, byPrincipal := len(filters) == 0, len(principals) == 0
	for _, f := range filters {
		byPattern = byPattern || f.Matches(b.Pattern)
	}
	for _, p := range principals {
		byPrincipal = byPrincipal || b.Entry.Principal == p
	}
	return byPattern && byPrincipal
}

// filters returns a filter for each resource that is given.
func (l *list) filters() ([]resource.PatternFilter, error) {
	patternType, err := resource.ParsePatternType(strings.ToUpper(l.patternType.text))
	if err != nil || patternType == resource.PatternUnknown {
		return nil, badFlag("resource-pattern-type", l.patternType.text, "literal, prefixed, any or match")
	}
	var filters []resource.PatternFilter
	add := func(t resource.Type, name string) {
		filters = append(filters, resource.PatternFilter{Type: t, PatternType: patternType, Name: &name})
	}
	for _, f := range resourceFlags {
		if f.typ == resource.Cluster {
			if l.cluster {
				add(f.typ, resource.ClusterName)
			}
			continue
		}
		for _, name := range *l.resources[f.name] {
			if name == "" {
				err = errors.Join(err, badFlag(f.name, name, "a name"))
			}
			add(f.typ, name)
		}
	}
	return filters, err
}

func (l *list) checkPrincipals() error {
	var errs []error
	for _, p := range l.principals {
		if _, err := principal.Parse(p); err != nil {
			errs = append(errs, badFlag("principal", p, "Type:name, such as User:alice"))
		}
	}
	return errors.Join(errs...)
}
