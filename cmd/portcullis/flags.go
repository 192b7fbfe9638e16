package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// once is the value of a flag that may be given once. Flags that say what is
// asked must not silently win over each other.
type once struct {
	text  string
	given bool
}

func (o *once) String() string { return o.text }
func (o *once) Type() string   { return "string" }

func (o *once) Set(text string) error {
	if o.given {
		return errors.New("it is given twice")
	}
	o.text, o.given = text, true
	return nil
}

// onceFlag adds a flag that may be given once. values, if any, are offered by
// shell completion.
func onceFlag(cmd *cobra.Command, name, value, usage string, values ...string) *once {
	o := &once{text: value}
	cmd.Flags().Var(o, name, usage)
	if len(values) > 0 {
		complete(cmd, name, values)
	}
	return o
}

// presence is the value of a flag that is there or not. With a value of false it
// would be neither: one who writes --cluster=false wants all but the cluster, or does
// not know what.
type presence bool

func (p *presence) String() string { return strconv.FormatBool(bool(*p)) }
func (p *presence) Type() string   { return "bool" }

func (p *presence) Set(text string) error {
	if text != "true" {
		return errors.New("it has no value: give it alone, or leave it out")
	}
	*p = true
	return nil
}

func presenceFlag(cmd *cobra.Command, p *presence, name, usage string) {
	cmd.Flags().VarPF(p, name, "", usage).NoOptDefVal = "true"
}

func complete(cmd *cobra.Command, name string, values []string) {
	// An error would say that there is no such flag, or that this was said before.
	if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// resourceFlags are the flags that name resources, as kafka-acls has them.
var resourceFlags = []struct {
	name  string
	typ   resource.Type
	usage string
}{
	{"topic", resource.Topic, "a `topic`"},
	{"group", resource.Group, "a consumer `group`"},
	{"cluster", resource.Cluster, "the cluster itself"},
	{"transactional-id", resource.TransactionalID, "a transactional `id`"},
	{"delegation-token", resource.DelegationToken, "a delegation `token`"},
	{"user-principal", resource.User, "a `user` whose tokens are created or described"},
}

// outputFlag adds --output. json reports the choice once the flags are read.
func outputFlag(cmd *cobra.Command) (json func() (bool, error)) {
	o := &once{text: "text"}
	cmd.Flags().VarP(o, "output", "o", "`format` of the output: text or json")
	complete(cmd, "output", []string{"text", "json"})
	return func() (bool, error) {
		switch o.text {
		case "text":
			return false, nil
		case "json":
			return true, nil
		}
		return false, badFlag("output", o.text, "text or json")
	}
}

// badFlag says what is wrong with the value of a flag.
func badFlag(name, text, expected string) error {
	return errors.New("--" + name + " " + enum.Quote(text) + ": expected " + expected)
}
