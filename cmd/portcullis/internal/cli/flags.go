// Package cli has what the commands of portcullis share: flags, files, output and
// progress bars.
package cli

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Once is the value of a flag that may be given once. A second value must not silently
// replace the first.
type Once struct {
	Text  string
	Given bool
}

func (o *Once) String() string { return o.Text }

// Type returns the name of the type for the help text.
func (o *Once) Type() string { return "string" }

// Set sets the value. The second call fails.
func (o *Once) Set(text string) error {
	if o.Given {
		return errGivenTwice
	}
	o.Text, o.Given = text, true
	return nil
}

var errGivenTwice = errors.New("given twice")

// OnceFlag adds a flag that may be given once. Shell completion offers the values, if
// any.
func OnceFlag(cmd *cobra.Command, name, value, usage string, values ...string) *Once {
	o := &Once{Text: value}
	cmd.Flags().Var(o, name, usage)
	if len(values) > 0 {
		Complete(cmd, name, values)
	}
	return o
}

// PresenceFlag adds a flag without a value, or with one that changes nothing. See [Given]. It
// refuses false, because --cluster=false is ambiguous: it could mean everything except the
// cluster.
func PresenceFlag(cmd *cobra.Command, name, usage string, values ...string) {
	cmd.Flags().BoolFunc(name, usage, func(text string) error {
		if text != "true" && !slices.Contains(values, text) {
			return errors.New("takes no value: give the flag alone, or omit it")
		}
		return nil
	})
}

// Complete lets shell completion offer the values of a flag.
func Complete(cmd *cobra.Command, name string, values []string) {
	Must(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}

// Must panics if marking a flag has failed, which means that the flag does not exist.
func Must(errs ...error) {
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
}

// requiredKey is the key of the annotation of a required flag.
const requiredKey = "required"

// Require makes flags required. That one is missing is an error together with the other errors
// of the command line: see Output.UsageErr. cobra's own check would report it alone.
func Require(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		Must(cmd.Flags().SetAnnotation(name, requiredKey, nil))
	}
}

// missingFlags returns an error for each required flag that is not given.
func missingFlags(cmd *cobra.Command) error {
	var errs Errors
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, required := f.Annotations[requiredKey]; required && !f.Changed {
			errs.Refuse("--%s is missing: see %s --help", f.Name, cmd.CommandPath())
		}
	})
	return errs.Join()
}

// noArgs refuses arguments, except the name of the cluster after --cluster: kafka-acls takes no
// name there either, and people write the only one that there is.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && args[0] == resource.ClusterName && Given(cmd, clusterFlag) {
		return nil
	}
	return RefuseArgs(cmd, args)
}

// suggestionDistance is how many letters of a command may be wrong.
const suggestionDistance = 2

// RefuseArgs refuses the arguments of a command without any, with the subcommand that was probably
// meant.
func RefuseArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := ""
	cmd.SuggestionsMinimumDistance = suggestionDistance
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		meant = ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), meant)
}

// BadFlag is the error for an invalid value of a flag.
func BadFlag(name, text, expected string) error {
	return errors.New("--" + name + " " + enum.Quote(text) + ": expected " + expected)
}

// Errors collects errors about the flags of a command.
type Errors []error

// Refuse adds an error, formatted as by fmt.Errorf.
func (e *Errors) Refuse(format string, args ...any) { *e = append(*e, fmt.Errorf(format, args...)) }

// Add adds an error, unless it is nil.
func (e *Errors) Add(err error) {
	if err != nil {
		*e = append(*e, err)
	}
}

// AddOf adds an error about a thing, unless it is nil. Of joined errors each is added with the
// name of the thing.
func (e *Errors) AddOf(thing string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			e.AddOf(thing, one)
		}
	} else if err != nil {
		e.Refuse("%s: %w", thing, err)
	}
}

// Join returns all errors, or nil if there are none.
func (e Errors) Join() error { return errors.Join(e...) }

// Given reports whether the command has the flag, and the flag is given and not false.
func Given(cmd *cobra.Command, name string) bool {
	f := cmd.Flags().Lookup(name)
	return f != nil && f.Changed && f.Value.String() != "false"
}

// Relation says which other flags a flag needs, or excludes.
type Relation struct {
	Flag   string
	Others []string
	Why    string // the reason of an exclusion; may be empty
}

// Need adds an error for each flag that is needed by a given one and missing.
func (e *Errors) Need(cmd *cobra.Command, needs []Relation) {
	for _, n := range needs {
		for _, other := range n.Others {
			if Given(cmd, n.Flag) && !Given(cmd, other) {
				e.Refuse("--%s needs --%s", n.Flag, other)
			}
		}
	}
}

// Exclude adds an error for each pair of given flags that exclude each other.
func (e *Errors) Exclude(cmd *cobra.Command, exclusions []Relation) {
	for _, x := range exclusions {
		why := ""
		if x.Why != "" {
			why = ": " + x.Why
		}
		for _, other := range x.Others {
			if Given(cmd, x.Flag) && Given(cmd, other) {
				e.Refuse("--%s cannot be given with --%s%s", other, x.Flag, why)
			}
		}
	}
}

// ResourceFlag is a flag that names resources, as in kafka-acls.
type ResourceFlag struct {
	Name  string
	Type  resource.Type
	usage string
}

const clusterFlag = "cluster"

// ResourceFlags are the flags that name resources.
var ResourceFlags = []ResourceFlag{
	{"topic", resource.Topic, "a `topic`"},
	{"group", resource.Group, "a consumer `group`"},
	{clusterFlag, resource.Cluster, "the cluster itself"},
	{"transactional-id", resource.TransactionalID, "a transactional `id`"},
	{"delegation-token", resource.DelegationToken, "a delegation `token`"},
	{"user-principal", resource.User, "a `user` whose tokens are created or described"},
}

// AllResourceFlags returns the flags that name resources, separated by commas.
func AllResourceFlags() string {
	var all []string
	for _, f := range ResourceFlags {
		all = append(all, "--"+f.Name)
	}
	return strings.Join(all, ", ")
}

// GivenResources returns the flags that name resources and are given.
func GivenResources(cmd *cobra.Command) (given []string) {
	for _, f := range ResourceFlags {
		if cmd.Flags().Changed(f.Name) {
			given = append(given, "--"+f.Name)
		}
	}
	return given
}

// Resources holds the values of the flags that name resources.
type Resources struct {
	cmd   *cobra.Command
	names map[string][]string // by the name of the flag
}

// AddResources adds the flags that name resources. usage begins their descriptions.
// Unless repeated is set, each may be given once.
func AddResources(cmd *cobra.Command, usage string, repeated bool) Resources {
	r := Resources{cmd, map[string][]string{}}
	note := ""
	if repeated {
		note = "; may be repeated"
	}
	for _, f := range ResourceFlags {
		if f.Type == resource.Cluster {
			PresenceFlag(cmd, f.Name, usage+f.usage, resource.ClusterName)
			continue
		}
		cmd.Flags().Func(f.Name, usage+f.usage+note, func(text string) error {
			if !repeated && r.names[f.Name] != nil {
				return errGivenTwice
			}
			r.names[f.Name] = append(r.names[f.Name], text)
			return nil
		})
	}
	return r
}

// Names returns the names that a flag gives.
func (r Resources) Names(flag string) []string {
	if flag == clusterFlag && Given(r.cmd, flag) {
		return []string{resource.ClusterName}
	}
	return r.names[flag]
}

// All yields each name with its flag, in the order of the flags.
func (r Resources) All() iter.Seq2[ResourceFlag, string] {
	return func(yield func(ResourceFlag, string) bool) {
		for _, f := range ResourceFlags {
			for _, name := range r.Names(f.Name) {
				if !yield(f, name) {
					return
				}
			}
		}
	}
}

// OperationNames returns Kafka's names of the operations.
func OperationNames() (names []string) {
	for o := ops.All; o.IsKnown(); o++ {
		names = append(names, o.DisplayName())
	}
	return names
}

// ParseOperation parses the name of an operation as ops.ParseOperation does. It may also have
// hyphens, as the names of flags do: describe-configs.
func ParseOperation(text string) (ops.Operation, error) {
	return ops.ParseOperation(strings.ReplaceAll(text, "-", "_"))
}

// DisplayNames returns Kafka's names of operations or of resource types.
func DisplayNames[T interface{ DisplayName() string }](values iter.Seq[T]) (names []string) {
	for v := range values {
		names = append(names, v.DisplayName())
	}
	return names
}
