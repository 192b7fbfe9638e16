package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/resource"
)

// questionFlags are the flags of a question: the subject, the request, or both,
// depending on the command.
type questionFlags struct {
	principal *once
	groups    []string
	host      *once
	operation *once
	resources map[string]*once // by the name of the flag
	cluster   presence
}

// addSubject adds the flags of the subject. host is the default of --host; with ""
// the question has no host.
func (f *questionFlags) addSubject(cmd *cobra.Command, host, hostUsage string) {
	f.principal = onceFlag(cmd, "principal", "", "the principal: `Type:name`, such as User:alice")
	cmd.Flags().StringArrayVar(&f.groups, "group-principal", nil, "a further principal of the client, such as a group: `Type:name`; may be repeated")
	f.host = onceFlag(cmd, "host", host, hostUsage)
}

// addRequest adds the flags of the request.
func (f *questionFlags) addRequest(cmd *cobra.Command) {
	f.operation = onceFlag(cmd, "operation", "", "the `operation`, such as Read", operationNames()...)
	f.resources = map[string]*once{}
	for _, r := range resourceFlags {
		if r.typ == resource.Cluster {
			presenceFlag(cmd, &f.cluster, r.name, "ask about "+r.usage)
			continue
		}
		f.resources[r.name] = onceFlag(cmd, r.name, "", "ask about "+r.usage)
	}
}

// given returns the resource flags that are given.
func (f *questionFlags) given(cmd *cobra.Command) (given []string) {
	for _, r := range resourceFlags {
		if cmd.Flags().Changed(r.name) {
			given = append(given, "--"+r.name)
		}
	}
	return given
}

// checkUsage returns an error for each missing or superfluous flag. or names the
// alternative to several resources, for the error.
func (f *questionFlags) checkUsage(cmd *cobra.Command, or string) error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, needed := range []struct {
		name string
		flag *once
	}{{"principal", f.principal}, {"operation", f.operation}} {
		if needed.flag != nil && !needed.flag.given {
			refuse("--%s is missing: see %s --help", needed.name, cmd.CommandPath())
		}
	}
	if f.resources == nil {
		return errors.Join(errs...)
	}
	all := []string{}
	for _, r := range resourceFlags {
		all = append(all, "--"+r.name)
	}
	switch given := f.given(cmd); {
	case len(given) == 0:
		refuse("no resource is given: expected one of %s", strings.Join(all, ", "))
	case len(given) > 1:
		refuse("%s are given: expected one of them%s", strings.Join(given, ", "), or)
	}
	return errors.Join(errs...)
}

// question returns the question from the flags.
func (f *questionFlags) question() (question, error) {
	var q question
	var errs []error
	set := func(part, flag, text string) {
		if expected := q.set(part, text); expected != "" {
			errs = append(errs, badFlag(flag, text, expected))
		}
	}
	if f.principal != nil {
		set(principalPart, "principal", f.principal.text)
		for _, group := range f.groups {
			set(groupsPart, "group-principal", group)
		}
		if f.host.given || f.host.text != "" {
			set(hostPart, "host", f.host.text)
		}
	}
	if f.operation != nil {
		set(operationPart, "operation", f.operation.text)
	}
	for _, r := range resourceFlags {
		switch flag := f.resources[r.name]; {
		case r.typ == resource.Cluster && bool(f.cluster):
			q.request.Type, q.request.Name = resource.Cluster, resource.ClusterName
		case flag != nil && flag.given:
			q.request.Type = r.typ
			set(namePart, r.name, flag.text)
		}
	}
	return q, errors.Join(errs...)
}
