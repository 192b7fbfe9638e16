package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// once is the value of a flag that may be given once. A second value must not silently
// replace the first.
type once struct {
	text  string
	given bool
}

func (o *once) String() string { return o.text }
func (o *once) Type() string   { return "string" }

func (o *once) Set(text string) error {
	if o.given {
		return errors.New("given twice")
	}
	o.text, o.given = text, true
	return nil
}

// onceFlag adds a flag that may be given once. Shell completion offers the values, if
// any.
func onceFlag(cmd *cobra.Command, name, value, usage string, values ...string) *once {
	o := &once{text: value}
	cmd.Flags().Var(o, name, usage)
	if len(values) > 0 {
		complete(cmd, name, values)
	}
	return o
}

// presence is the value of a flag without a value. It refuses false, because
// --cluster=false is ambiguous: it could mean everything except the cluster.
type presence bool

func (p *presence) String() string { return strconv.FormatBool(bool(*p)) }
func (p *presence) Type() string   { return "bool" }

func (p *presence) Set(text string) error {
	if text != "true" {
		return errors.New("takes no value: give the flag alone, or omit it")
	}
	*p = true
	return nil
}

func presenceFlag(cmd *cobra.Command, p *presence, name, usage string) {
	cmd.Flags().VarPF(p, name, "", usage).NoOptDefVal = "true"
}

func complete(cmd *cobra.Command, name string, values []string) {
	// It fails only if the flag does not exist or has completions already.
	if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
}

// resourceFlags are the flags that name resources, as in kafka-acls.
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

// outputFlag adds --output. Call json after the flags are parsed.
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

// badFlag is the error for an invalid value of a flag.
func badFlag(name, text, expected string) error {
	return errors.New("--" + name + " " + enum.Quote(text) + ": expected " + expected)
}
