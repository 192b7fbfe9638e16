package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/audit/suggest"
	"github.com/portcullis-authz/portcullis/resource"
)

// suggestCommand holds the flags of the command suggest.
type suggestCommand struct {
	traces   []string
	format   *once
	prefixes []string
	anyHost  bool
	unused   bool
	acls     *aclInput
	cluster  *clusterFlags
	json     func() (bool, error)
}

func newSuggestCommand() *cobra.Command {
	s := &suggestCommand{}
	cmd := &cobra.Command{
		Use:   "suggest --trace FILE",
		Short: "Find the fewest ACLs that recorded requests need, or the ACLs that they never used",
		Long: `suggest reads recorded decisions, from Kafka's audit log or from JSON lines. It prints
the fewest ACLs that allow the allowed requests and nothing else: one for each principal,
host, resource and operation that no other ACL implies. With --prefix and --any-host it
needs fewer ACLs, and these allow more. Some requests cannot be allowed without allowing
more; these are left over, and reported with the reason.

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
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	cmd.Flags().StringArrayVar(&s.traces, "trace", nil, "`file` of recorded decisions, or - for standard input; may be repeated")
	if err := errors.Join(cmd.MarkFlagRequired("trace"), cmd.MarkFlagFilename("trace")); err != nil {
		panic(err) // the flag does not exist
	}
	s.format = onceFlag(cmd, "trace-format", "auto", "`format` of the decisions: auto, json, kafka (Kafka's log) or escaped (Kafka's log as portcullis writes it)",
		"auto", "json", "kafka", "escaped")
	cmd.Flags().StringArrayVar(&s.prefixes, "prefix", nil, "`type:prefix`, such as topic:payments.: allow one prefixed ACL for all names with it; may be repeated")
	cmd.Flags().BoolVar(&s.anyHost, "any-host", false, "suggest ACLs for all hosts")
	cmd.Flags().BoolVar(&s.unused, "unused", false, "print the ACLs of --acls that were never used")
	s.acls = addACLInput(cmd, "acls", "format", "with --unused: `file` of the ACLs in force, or -; may be repeated")
	s.cluster = newClusterFlags(cmd)
	s.json = outputFlag(cmd)
	return cmd
}

func (s *suggestCommand) run(cmd *cobra.Command) error {
	asJSON, errJSON := s.json()
	format, errFormat := audit.ParseTraceFormat(s.format.text)
	if errFormat != nil {
		errFormat = fmt.Errorf("--trace-format: %w", errFormat)
	}
	prefixes, errPrefixes := s.parsePrefixes()
	config, errConfig := s.cluster.config()
	if err := errors.Join(s.checkUsage(cmd), errJSON, errFormat, errPrefixes, errConfig); err != nil {
		return err
	}
	c, err := s.read(cmd.InOrStdin(), format)
	if err != nil {
		return err
	}
	var acls []acl.Binding
	var left []suggest.Unresolved
	if s.unused {
		store, err := s.acls.load(cmd.InOrStdin(), config)
		if err != nil {
			return err
		}
		acls = c.Unused(store.Load())
	} else {
		suggestion, err := c.Suggest(suggest.Options{Prefixes: prefixes, AnyHost: s.anyHost, Semantics: config.Semantics})
		if err != nil {
			return err
		}
		acls, left = suggestion.ACLs, suggestion.Unresolved
	}
	var out bytes.Buffer
	if err := outputFormat(asJSON).print(&out, slices.Values(acls)); err != nil {
		return err
	}
	if _, err := out.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	s.writeSummary(cmd.ErrOrStderr(), c.Counts(), acls, left)
	if s.unused && len(acls) > 0 || len(left) > 0 {
		return errDenied
	}
	return nil
}

func (s *suggestCommand) checkUsage(cmd *cobra.Command) error {
	errs := []error{checkStandardInput(append(slices.Clone(s.traces), s.acls.files...)...)}
	switch {
	case s.unused && len(s.acls.files) == 0:
		errs = append(errs, errors.New("--unused needs --acls"))
	case s.unused && (len(s.prefixes) > 0 || s.anyHost):
		errs = append(errs, errors.New("--prefix and --any-host cannot be given with --unused: they are for suggestions"))
	case !s.unused && len(s.acls.files) > 0:
		errs = append(errs, errors.New("--acls needs --unused: suggestions depend only on the trace"))
	case !s.unused && (cmd.Flags().Changed("super-users") || s.cluster.allowEveryone):
		errs = append(errs, errors.New("--super-users and --allow-everyone-if-no-acl-found need --unused: the trace shows who was a super user"))
	}
	return errors.Join(errs...)
}

// parsePrefixes parses the values of --prefix: the name of a resource flag or a resource
// type, a colon and the prefix.
func (s *suggestCommand) parsePrefixes() (prefixes []resource.Pattern, err error) {
	for _, text := range s.prefixes {
		typ, prefix, _ := strings.Cut(text, ":")
		t, errType := resource.ParseType(strings.ReplaceAll(typ, "-", ""))
		for _, f := range resourceFlags {
			if f.name == typ {
				t, errType = f.typ, nil
			}
		}
		if errType != nil || !t.IsConcrete() || prefix == "" {
			err = errors.Join(err, badFlag("prefix", text, "a resource type, a colon and a prefix, such as topic:payments."))
		}
		prefixes = append(prefixes, resource.PrefixedPattern(t, prefix))
	}
	return prefixes, err
}

// read reads all traces, or returns all their errors.
func (s *suggestCommand) read(stdin io.Reader, format audit.TraceFormat) (*suggest.Collector, error) {
	c := new(suggest.Collector)
	var wrong []error
	for _, file := range s.traces {
		before := c.Counts()
		_, err := readFile(file, stdin, func(r io.Reader) (struct{}, error) {
			for record, err := range audit.ReadTrace(r, fileName(file), format) {
				if err == nil {
					err = c.Add(record)
				}
				if err != nil {
					wrong = append(wrong, err)
				}
				if errors.Is(err, suggest.ErrTooMany) {
					break
				}
			}
			return struct{}{}, nil
		})
		wrong = append(wrong, err)
		if errors.Join(wrong...) == nil && c.Counts() == before && !*s.acls.allowEmpty {
			wrong = append(wrong, fmt.Errorf("%s has no decision: expected at least one, or --%s", fileName(file), allowEmptyName))
		}
	}
	return c, errors.Join(wrong...)
}

// writeSummary writes the counts and the requests that are left over.
func (s *suggestCommand) writeSummary(w io.Writer, counts suggest.Counts, acls []acl.Binding, left []suggest.Unresolved) {
	found := "ACLs suggested"
	if s.unused {
		found = "ACLs never used"
	}
	fmt.Fprintf(w, "decisions: %d, allowed: %d, to super users: %d, denied: %d; %s: %d\n", counts.Allowed+counts.SuperUser+counts.Denied,
		counts.Allowed, counts.SuperUser, counts.Denied, found, len(acls))
	for _, u := range left {
		name := printable(u.Request.Name)
		if u.ByType {
			name = "of any name"
		}
		fmt.Fprintf(w, "left over: %s from %s, %s on %s %s: %s\n", printable(u.Subject.Principal.String()), printable(u.Subject.Host.String()),
			u.Request.Operation.DisplayName(), u.Request.Type.DisplayName(), name, u.Reason)
	}
}
