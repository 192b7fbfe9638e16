// Package aclset has the flags of commands that read ACLs, from files or from a live
// cluster, and decide by them.
package aclset

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cluster"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// AllowEmpty is the flag that accepts a file without ACLs, or a trace without decisions.
const AllowEmpty = "allow-empty"

// Source holds the flags for a source of ACLs: files, or a live cluster.
type Source struct {
	Cluster *cluster.Flags
	// Text describes the source once it is loaded.
	Text string

	origins          map[acl.Binding]string // by KeepOrigins
	roles            roles
	names            []string
	flag, formatFlag string
	required         bool
	format           *cli.Once
	cmd              *cobra.Command
}

// AddRequired adds the flags of a command that needs ACLs: --acls and --format, --roles and
// --kafka-cluster, or --bootstrap-server and --command-config.
func AddRequired(cmd *cobra.Command) *Source {
	s := Add(cmd, "", "`file` of ACLs, or - for standard input; may be repeated, to merge the ACLs of all files", "a broker of a live cluster whose ACLs to read")
	s.required = true
	return s
}

// Add adds flags for files of ACLs and their format, and for a cluster, with a prefix before
// their names. The usages are of files and of the cluster. The first call also adds
// --allow-empty, which applies to all files of a command.
func Add(cmd *cobra.Command, prefix, files, servers string) *Source {
	s := &Source{flag: prefix + "acls", formatFlag: prefix + "format", cmd: cmd}
	cmd.Flags().StringArrayVar(&s.names, s.flag, nil, files)
	cli.Must(cmd.MarkFlagFilename(s.flag))
	if cmd.Flags().Lookup(AllowEmpty) == nil {
		cli.PresenceFlag(cmd, AllowEmpty, "accept files without entries, which are otherwise an error")
	}
	s.format = cli.OnceFlag(cmd, s.formatFlag, acl.FormatAuto.String(), "`format` of the ACLs: "+strings.Join(formats.Readable, ", "), formats.Readable...)
	s.Cluster = cluster.AddFlags(cmd, prefix, servers)
	s.roles.add(cmd, prefix)
	return s
}

// Given reports whether files, a cluster or roles are named.
func (s *Source) Given() bool { return len(s.names) > 0 || s.Cluster.Given() || s.roles.file.Given }

// Flags returns the flags that name the source, for errors.
func (s *Source) Flags() string {
	return "--" + s.flag + ", --" + s.roles.flag + " or " + s.Cluster.ServerFlag()
}

// Inputs returns the files that may be standard input.
func (s *Source) Inputs() []string { return append(slices.Clone(s.names), s.Cluster.Input()) }

// CheckUsage returns an error for each missing, conflicting or invalid flag. other are
// further files that may be standard input.
func (s *Source) CheckUsage(other ...string) error {
	var errs cli.Errors
	switch {
	case len(s.names) > 0 && s.Cluster.Given():
		errs.Refuse("--%s cannot be given with %s: the ACLs are from files or from a cluster", s.flag, s.Cluster.ServerFlag())
	case s.required && !s.Given():
		errs.Refuse("no ACLs are given: expected %s: see %s --help", s.Flags(), s.cmd.CommandPath())
	case len(s.names) == 0 && s.format.Given:
		errs.Refuse("--%s needs --%s: it is the format of that file", s.formatFlag, s.flag)
	}
	errs.Add(s.roles.check())
	errs.Add(s.Cluster.Check())
	errs.Add(cli.CheckStandardInput(append(other, s.Inputs()...)...))
	return errs.Join()
}

// KeepOrigins makes Origin know the files that are read from then on.
func (s *Source) KeepOrigins() { s.origins = map[acl.Binding]string{} }

// Origin returns the first of the files that has an ACL, or "" if it is from a cluster.
func (s *Source) Origin(b acl.Binding) string { return s.origins[b] }

// Load returns a store that decides as the ACLs of the source do, or all their errors. It tells
// which ACLs are kept apart, and what was skipped. If followRelease is set, the ACLs of a
// cluster decide by the semantics of its release, and otherwise by those of config.
func (s *Source) Load(out *cli.Output, config snapshot.Config, followRelease bool) (*snapshot.Store, error) {
	set, semantics, err := s.Read(out)
	if err != nil {
		return nil, err
	}
	if s.Cluster.Given() {
		if followRelease {
			config.Semantics = semantics
		}
		out.Summarize("ACLs of %s; rules: %v\n", s.Text, config.Semantics)
	}
	return NewStore(config, set.Deciding())
}

// Read returns what the source holds, with the semantics of a cluster, or all errors. It tells
// which ACLs are kept apart, and what was skipped.
func (s *Source) Read(out *cli.Output) (*formats.Set, snapshot.Semantics, error) {
	if !s.Cluster.Given() {
		set, err := s.ReadFiles(out)
		names := s.names
		if s.roles.file.Given {
			names = append(slices.Clone(names), s.roles.file.Text)
		}
		s.Text = "files " + cli.JoinPrintable(names)
		return set, snapshot.Documented, err
	}
	c, err := s.Cluster.Connect()
	if err != nil {
		return nil, snapshot.Documented, err
	}
	defer c.Close()
	state, err := c.Read(s.cmd.Context())
	if err != nil {
		return nil, snapshot.Documented, err
	}
	s.Text = state.String()
	state.Tell(out.Summarize, "the cluster")
	if err := s.addRoles(&state.Set); err != nil {
		return nil, snapshot.Documented, err
	}
	return &state.Set, state.Semantics(), nil
}

// ReadFiles returns what all files hold, or all their errors. A file without ACLs is an
// error without --allow-empty: the likely reason is that the command that feeds the pipe
// failed, and a CI check of an empty set would often pass.
func (s *Source) ReadFiles(out *cli.Output) (*formats.Set, error) {
	format, err := formats.Find(s.formatFlag, s.format.Text, formats.Readable)
	if err != nil {
		return nil, err
	}
	all := &formats.Set{}
	var errs cli.Errors
	for _, file := range s.names {
		if file == "" {
			return nil, cli.BadFlag(s.flag, file, "a file, or - for standard input")
		}
		name := cli.FileName(file)
		set, err := cli.ReadFile(file, s.cmd.InOrStdin(), func(r io.Reader) (*formats.Set, error) { return format.Read(r, name) })
		if err == nil && len(set.ACLs)+len(set.Apart) == 0 && !cli.Given(s.cmd, AllowEmpty) {
			err = fmt.Errorf("%s has no ACL%s: expected at least one, or --%s", name, set.Skipped.Why(), AllowEmpty)
		}
		errs.Add(err)
		if err == nil {
			set.Tell(out.Summarize, name)
			s.keepOrigin(file, set.ACLs)
			all.ACLs, all.Apart = append(all.ACLs, set.ACLs...), append(all.Apart, set.Apart...)
		}
	}
	errs.Add(s.addRoles(all))
	if len(errs) > 0 {
		return nil, errs.Join()
	}
	return all, nil
}

func (s *Source) keepOrigin(file string, list []acl.Binding) {
	for _, b := range list {
		if _, ok := s.origins[b]; !ok && s.origins != nil {
			s.origins[b] = file
		}
	}
}

// NewStore returns a store with these ACLs, or all their errors.
func NewStore(config snapshot.Config, bindings []acl.Binding) (*snapshot.Store, error) {
	store := snapshot.NewStore(config)
	return store, store.Replace(slices.Values(bindings))
}

// Rules holds the flags for the settings that decide in addition to the ACLs.
type Rules struct {
	AllowEveryone bool

	superUsers, semantics *cli.Once
	cmd                   *cobra.Command
}

// Semantics are the names of the rules for decisions.
var Semantics = []string{snapshot.Documented.String(), "kafka-exact=4.2", snapshot.KafkaExact44.String()}

// AddRules adds the flags.
func AddRules(cmd *cobra.Command) *Rules {
	r := &Rules{cmd: cmd}
	r.superUsers = cli.OnceFlag(cmd, "super-users", "", "`list` of principals that are allowed everything, as in server.properties: 'User:a;User:b'")
	cmd.Flags().BoolVar(&r.AllowEveryone, "allow-everyone-if-no-acl-found", false, "allow everyone to use resources without ACLs, as in server.properties")
	r.semantics = cli.OnceFlag(cmd, "semantics", snapshot.Documented.String(),
		"`rules` for decisions: documented, or those of Kafka's authorizer with its defects: kafka-exact=4.2 (2.8 to 4.3) or kafka-exact=4.4; of a live cluster, the default is its release", Semantics...)
	return r
}

// Config returns the settings. It may print a warning.
func (r *Rules) Config() (snapshot.Config, error) {
	semantics, errSemantics := ParseSemantics(r.semantics, "semantics")
	superUsers, errSuperUsers := principal.ParseList(r.superUsers.Text)
	if errSuperUsers != nil {
		errSuperUsers = fmt.Errorf("--super-users: %w", errSuperUsers)
	}
	WarnOfSuperUsers(r.cmd.ErrOrStderr(), "--super-users", superUsers)
	config := snapshot.Config{Semantics: semantics, SuperUsers: superUsers, AllowIfNoACL: r.AllowEveryone}
	return config, errors.Join(errSemantics, errSuperUsers)
}

// ParseSemantics parses the value of a flag for rules.
func ParseSemantics(value *cli.Once, flag string) (snapshot.Semantics, error) {
	semantics, err := snapshot.ParseSemantics(value.Text)
	if err != nil {
		err = fmt.Errorf("--%s: %w", flag, err)
	}
	return semantics, err
}

// WarnOfSuperUsers warns of a super user that was probably meant to be several. from
// says where the list is from.
func WarnOfSuperUsers(w io.Writer, from string, superUsers []principal.Principal) {
	for _, p := range superUsers {
		if inspect.LooksLikeList(p.String()) {
			fmt.Fprintf(w, "warning: %s: %s is one principal: separate principals with semicolons, because names of certificates contain commas\n",
				from, enum.Quote(p.String()))
		}
	}
}

// RefuseEmpty refuses an empty set of ACLs from files if it would allow everything. The
// likely reason is that the command that feeds the pipe failed.
func (r *Rules) RefuseEmpty(from *Source, n *snapshot.Snapshot) error {
	if r.AllowEveryone && n.Len() == 0 && !from.Cluster.Given() {
		return errors.New("no ACL was read: with --allow-everyone-if-no-acl-found everything would be allowed; omit that flag to check an empty set")
	}
	return nil
}

// Follow reports whether the ACLs of a cluster decide by the semantics of its release:
// unless the flag names others.
func (r *Rules) Follow() bool { return !r.semantics.Given }

// Flags are the flags of a command that decides by ACLs.
type Flags struct {
	*Source
	*Rules
}

// AddFlags adds the flags.
func AddFlags(cmd *cobra.Command) Flags { return Flags{AddRequired(cmd), AddRules(cmd)} }

// Check returns the settings, or the errors of the flags together with those of usage.
// other are further files that may be standard input.
func (f Flags) Check(out *cli.Output, usage error, other ...string) (snapshot.Config, error) {
	config, err := f.Config()
	return config, errors.Join(usage, out.UsageErr, err, f.CheckUsage(other...))
}

// LoadAll returns the ACLs, or the errors in the files together with late, an error of
// other input.
func (f Flags) LoadAll(out *cli.Output, config snapshot.Config, late error) (*snapshot.Snapshot, error) {
	store, err := f.Load(out, config, f.Follow())
	if err := errors.Join(err, late); err != nil {
		return nil, err
	}
	n := store.Load()
	return n, f.RefuseEmpty(f.Source, n)
}

// Read is Check and then LoadAll.
func (f Flags) Read(out *cli.Output, usage, late error) (*snapshot.Snapshot, error) {
	config, err := f.Check(out, usage)
	if err != nil {
		return nil, err
	}
	return f.LoadAll(out, config, late)
}
