// Package suggest has the command suggest.
package suggest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/audit/suggest"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// command holds the flags of the command suggest.
type command struct {
	traces   []string
	format   *cli.Once
	prefixes []string
	anyHost  bool
	denied   bool
	unused   bool
	acls     aclset.Flags
}

// New returns the command suggest.
func New() *cobra.Command {
	s := &command{}
	cmd := cli.Command(s.run, &cobra.Command{
		Use:   "suggest --trace FILE",
		Short: "Find the fewest ACLs that recorded requests need, or the ACLs that they never used",
		Long: `suggest reads recorded decisions, from the authorizer's log of any Kafka since 0.9 or from
JSON lines, also in the formats OCSF and CloudEvents as portcullis proxy writes them. The
lines of Kafka may come from log4j, docker, kubectl or a log collector that makes JSON of
them; lines without a decision are skipped and counted. It prints the fewest ACLs
that allow the allowed requests and nothing else: one for each principal, host, resource
and operation that no other ACL implies. With --prefix and --any-host it needs fewer ACLs,
and these allow more. Some requests cannot be allowed without allowing more; these are
left over, and reported with the reason.

With --denied the ACLs allow the denied requests too. Without --audit-allows, the log of
portcullis proxy has only denied requests. A denied request may be an attack: review the
ACLs before you add them. An ACL that denies still wins over them.

The ACLs are printed as list prints them, also with --output json. The number of
decisions and the requests left over go to standard error.

With --unused it prints the ACLs of --acls that decided none of the requests. A trace is
a sample: a job that runs once a year may not be in it.

A JSON line is {"principal":"User:alice","host":"10.0.0.1","operation":"Read",
"resourceType":"Topic","name":"orders"}, optionally with "groups", "allowed", "reason"
and "byType". Kafka does not escape names in its log. suggest refuses an ambiguous line,
but a name with a line break can forge a line. Review what is suggested from Kafka's log.

Exit status: 0 the ACLs allow everything, 1 requests are left over or ACLs are unused,
2 bad input or usage.`,
		Example: `  portcullis suggest --trace kafka-authorizer.log --prefix topic:payments. --any-host
  portcullis suggest --trace trace.jsonl --acls acls.txt --unused`,
	})
	cmd.Flags().StringArrayVar(&s.traces, "trace", nil, "`file` of recorded decisions, or - for standard input; may be repeated")
	cli.Require(cmd, "trace")
	cli.Must(cmd.MarkFlagFilename("trace"))
	s.format = cli.OnceFlag(cmd, "trace-format", "auto", "`format` of the decisions: auto, json, ocsf, cloudevents, kafka (Kafka's log) or escaped (Kafka's log as portcullis writes it)",
		"auto", "json", "ocsf", "cloudevents", "kafka", "escaped")
	cmd.Flags().StringArrayVar(&s.prefixes, "prefix", nil, "`type:prefix`, such as topic:payments.: allow one prefixed ACL for all names with it; may be repeated")
	cmd.Flags().BoolVar(&s.anyHost, "any-host", false, "suggest ACLs for all hosts")
	cmd.Flags().BoolVar(&s.denied, "denied", false, "suggest ACLs for denied requests too, such as those in the log of portcullis proxy")
	cmd.Flags().BoolVar(&s.unused, "unused", false, "print the ACLs of --acls that were never used")
	s.acls = aclset.Flags{
		Source: aclset.Add(cmd, "", "with --unused: `file` of the ACLs in force, or -; may be repeated", "a broker of the cluster, with --unused"),
		Rules:  aclset.AddRules(cmd),
	}
	cli.AddOutput(cmd)
	return cmd
}

func (s *command) run(cmd *cobra.Command, out *cli.Output) error {
	format, err := audit.ParseTraceFormat(s.format.Text)
	if err != nil {
		err = fmt.Errorf("--trace-format: %w", err)
	}
	prefixes, errPrefixes := s.parsePrefixes()
	config, err := s.acls.Check(out, errors.Join(s.checkUsage(cmd), err, errPrefixes), s.traces...)
	if err != nil {
		return err
	}
	c, err := s.read(cmd, out, format)
	if err != nil {
		return err
	}
	var acls []acl.Binding
	var left []suggest.Unresolved
	found := "ACLs suggested"
	if s.unused {
		store, err := s.acls.Load(out, config, s.acls.Follow())
		if err != nil {
			return err
		}
		acls, found = c.Unused(store.Load()), "ACLs never used"
	} else {
		suggestion, err := c.Suggest(suggest.Options{Prefixes: prefixes, AnyHost: s.anyHost, Denied: s.denied, Semantics: config.Semantics})
		if err != nil {
			return err
		}
		acls, left = suggestion.ACLs, suggestion.Unresolved
	}
	if err := formats.Print(out, out.JSON, slices.Values(acls)); err != nil {
		return err
	}
	n := c.Counts()
	out.Summarize("decisions: %d, allowed: %d, to super users: %d, denied: %d; %s: %d\n",
		n.Allowed+n.SuperUser+n.Denied, n.Allowed, n.SuperUser, n.Denied, found, len(acls))
	for _, u := range left {
		name := lines.Printable(u.Request.Name)
		if u.ByType {
			name = "of any name"
		}
		out.Summarize("left over: %s from %s, %s on %s %s: %s\n", lines.Printable(u.Subject.Principal.String()), lines.Printable(u.Subject.Host.String()),
			u.Request.Operation.DisplayName(), u.Request.Type.DisplayName(), name, u.Reason)
	}
	return cli.DeniedIf(s.unused && len(acls) > 0 || len(left) > 0)
}

func (s *command) checkUsage(cmd *cobra.Command) error {
	switch {
	case s.unused && !s.acls.Given():
		return errors.New("--unused needs " + s.acls.Source.Flags())
	case s.unused && (len(s.prefixes) > 0 || s.anyHost || s.denied):
		return errors.New("--prefix, --any-host and --denied cannot be given with --unused: they are for suggestions")
	case !s.unused && s.acls.Given():
		return errors.New(s.acls.Source.Flags() + " needs --unused: suggestions depend only on the trace")
	case !s.unused && (cmd.Flags().Changed("super-users") || s.acls.AllowEveryone):
		return errors.New("--super-users and --allow-everyone-if-no-acl-found need --unused: the trace shows who was a super user")
	}
	return nil
}

// parsePrefixes parses the values of --prefix: the name of a resource flag or a resource
// type, a colon and the prefix.
func (s *command) parsePrefixes() (prefixes []resource.Pattern, err error) {
	for _, text := range s.prefixes {
		typ, prefix, _ := strings.Cut(text, ":")
		t, errType := resource.ParseType(strings.ReplaceAll(typ, "-", ""))
		for _, f := range cli.ResourceFlags {
			if f.Name == typ {
				t, errType = f.Type, nil
			}
		}
		if errType != nil || !t.IsConcrete() || prefix == "" {
			err = errors.Join(err, cli.BadFlag("prefix", text, "a resource type, a colon and a prefix, such as topic:payments."))
		}
		prefixes = append(prefixes, resource.PrefixedPattern(t, prefix))
	}
	return prefixes, err
}

// read reads all traces, or returns all their errors. It tells which lines it skipped, and
// which authorizers wrote the others.
func (s *command) read(cmd *cobra.Command, out *cli.Output, format audit.TraceFormat) (*suggest.Collector, error) {
	c := new(suggest.Collector)
	var errs cli.Errors
	for _, file := range s.traces {
		before := c.Counts()
		t := trace{name: cli.FileName(file), forms: map[string]bool{}}
		_, err := cli.ReadFile(file, cmd.InOrStdin(), func(r io.Reader) (struct{}, error) {
			text, err := cli.Text(r)
			if err != nil {
				return struct{}{}, fmt.Errorf("%s: %w", t.name, err)
			}
			for record, err := range audit.ReadTrace(text, t.name, format) {
				err = t.add(c, record, err)
				errs.Add(err)
				if errors.Is(err, suggest.ErrTooMany) {
					break
				}
			}
			return struct{}{}, nil
		})
		errs.Add(err)
		t.tell(out)
		if len(errs) == 0 && c.Counts() == before && !cli.Given(cmd, aclset.AllowEmpty) {
			if t.first != nil {
				errs.Add(t.first)
			}
			errs.Refuse("%s has no decision: expected at least one, or --%s", t.name, aclset.AllowEmpty)
		}
	}
	return c, errs.Join()
}

// trace is what was read of one file.
type trace struct {
	name    string
	forms   map[string]bool // the authorizers that wrote it
	skipped int             // lines without a decision
	first   *audit.NoDecisionError
}

// add adds a record to c, or skips a line without a decision.
func (t *trace) add(c *suggest.Collector, record audit.Record, err error) error {
	if none, ok := errors.AsType[*audit.NoDecisionError](err); ok {
		if t.skipped++; t.skipped == 1 {
			t.first = none
		}
		return nil
	}
	if err != nil {
		return err
	}
	if record.Form != "" {
		t.forms[record.Form] = true
	}
	return c.Add(record)
}

// tell says what was read.
func (t *trace) tell(out *cli.Output) {
	if len(t.forms) > 1 {
		delete(t.forms, audit.FormStandard) // lines that do not show their release
	}
	if len(t.forms) > 0 {
		out.Summarize("%s: log of %s\n", t.name, strings.Join(slices.Sorted(maps.Keys(t.forms)), ", "))
	}
	if t.skipped > 0 {
		out.Summarize("%s: lines skipped that have no decision: %d, the first is line %d\n", t.name, t.skipped, t.first.Err.Line)
	}
}
