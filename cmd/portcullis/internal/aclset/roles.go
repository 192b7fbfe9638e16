package aclset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// kafkaCluster is the flag for the cluster whose bindings count. Both sides of a comparison are
// of one cluster.
const kafkaCluster = "kafka-cluster"

// roles are the role bindings of a source. Their ACLs count with the others.
type roles struct {
	flag          string
	file, cluster *cli.Once
	policy        *role.Policy         // once they are read; nil without the flag
	plain         map[acl.Binding]bool // the ACLs that are there without a role
	byPrincipal   map[string][]acl.Binding
	cmd           *cobra.Command
}

func (r *roles) add(cmd *cobra.Command, prefix string) {
	r.cmd, r.flag = cmd, prefix+"roles"
	r.file = cli.OnceFlag(cmd, r.flag, "", "`file` of role bindings, as iam keeps it, whose ACLs count too")
	cli.Must(cmd.MarkFlagFilename(r.flag, "json"))
	if prefix == "" {
		r.cluster = cli.OnceFlag(cmd, kafkaCluster, "", "`id` of the Kafka cluster whose role bindings count, or its name in the file of roles")
	}
}

// clusterText returns the value of --kafka-cluster.
func (r *roles) clusterText() string { return r.cmd.Flags().Lookup(kafkaCluster).Value.String() }

func (r *roles) check() error {
	var errs cli.Errors
	if r.file.Given && (r.file.Text == "" || r.file.Text == cli.StandardInput) {
		errs.Add(cli.BadFlag(r.flag, r.file.Text, "the name of a file"))
	}
	if r.file.Given && r.clusterText() == "" {
		errs.Refuse("--%s needs --%s: bindings hold in one cluster", r.flag, kafkaCluster)
	}
	isUsed := func() bool {
		for _, name := range []string{"roles", "new-roles"} {
			if f := r.cmd.Flags().Lookup(name); f != nil && f.Changed {
				return true
			}
		}
		return false
	}
	if r.cluster != nil && r.cluster.Given && !isUsed() {
		errs.Refuse("--%s needs --roles", kafkaCluster)
	}
	return errs.Join()
}

// ReadRoles reads a file of roles. Its checksum is compared if there is one.
func ReadRoles(path string) (*role.Document, error) {
	text, err := aclfile.LoadText(path, aclfile.ChecksumOptional)
	if err != nil {
		return nil, err
	}
	doc, err := role.ParseDocument(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.FileName(path), err)
	}
	return doc, nil
}

// ReadPolicy returns the bindings of a cluster in a file of roles. It refuses a file without any,
// unless mayBeEmpty is set: the likely reason is another id of the cluster. otherwise says in the
// error what a caller does that means it.
func ReadPolicy(path, cluster string, mayBeEmpty bool, otherwise string) (*role.Policy, error) {
	doc, err := ReadRoles(path)
	if err != nil {
		return nil, err
	}
	policy, err := doc.Policy(cluster)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.FileName(path), err)
	}
	if policy.Len() == 0 && !hasACL(policy) && !mayBeEmpty {
		return nil, fmt.Errorf("%s has no role binding and no ACL of the Kafka cluster %s: expected at least one, or %s", cli.FileName(path), policy.Cluster(), otherwise)
	}
	return policy, nil
}

func hasACL(policy *role.Policy) bool {
	for range policy.ACLs() {
		return true
	}
	return false
}

// addRoles adds the ACLs of the bindings, if there is a file of roles.
func (s *Source) addRoles(set *formats.Set) error {
	r := &s.roles
	if !r.file.Given {
		return nil
	}
	policy, err := ReadPolicy(r.file.Text, r.clusterText(), cli.Given(s.cmd, AllowEmpty), "--"+AllowEmpty)
	if err != nil {
		return err
	}
	r.policy, r.plain = policy, make(map[acl.Binding]bool, len(set.ACLs))
	for _, b := range set.ACLs {
		r.plain[b] = true
	}
	r.byPrincipal = make(map[string][]acl.Binding)
	for b := range policy.ACLs() {
		r.byPrincipal[b.Entry.Principal] = append(r.byPrincipal[b.Entry.Principal], b)
		if !r.plain[b] {
			set.ACLs = append(set.ACLs, b)
			s.keepOrigin(r.file.Text, []acl.Binding{b})
		}
	}
	return nil
}

// CheckRoles returns an error for each missing or invalid flag of roles. CheckUsage has it too.
func (s *Source) CheckRoles() error { return s.roles.check() }

// RolesGiven reports whether there is a file of roles.
func (s *Source) RolesGiven() bool { return s.roles.file.Given }

// Policy returns the role bindings of the file of roles once it is read, or nil without one.
func (s *Source) Policy() *role.Policy { return s.roles.policy }

// Roles returns the role bindings that an ACL comes from, sorted. There are none if it is no
// role's.
func (s *Source) Roles(b acl.Binding) []role.Binding {
	if s.roles.policy == nil {
		return nil
	}
	return s.roles.policy.Sources(b)
}

// ACLText returns an ACL on one line, after the role bindings that it comes from.
func (s *Source) ACLText(b acl.Binding) string {
	bindings := s.Roles(b)
	if len(bindings) == 0 {
		return cli.ACLText(b)
	}
	var texts []string
	for _, from := range bindings {
		texts = append(texts, from.Origin())
	}
	if s.roles.plain[b] || s.roles.policy.Centralized(b) {
		texts = append(texts, "also without a role")
	}
	return strings.Join(texts, "; ") + ", ACL " + cli.ACLText(b)
}

// RolesFor returns the role bindings of which an ACL, that is selected, allows or denies a part of
// some access to one of the principals. They are sorted, each once.
func (s *Source) RolesFor(principals []string, a inspect.Access, semantics snapshot.Semantics, selected func(acl.Binding) bool) (list []role.Binding) {
	for _, who := range principals {
		for _, b := range s.roles.byPrincipal[who] {
			if selected(b) && inspect.Concerns(b, a, semantics) {
				list = append(list, s.Roles(b)...)
			}
		}
	}
	slices.SortFunc(list, role.Binding.Compare)
	return slices.Compact(list)
}

// Allows selects the ACLs that allow, for [Source.RolesFor].
func Allows(b acl.Binding) bool { return b.Entry.Permission == acl.Allow }

// mostRoles is how many role bindings are shown for one piece of access: enough to see where it
// comes from.
const mostRoles = 10

// RolesText returns an indented line for each of the bindings, up to a limit.
func RolesText(list []role.Binding) string {
	var text strings.Builder
	for i, b := range list {
		if i == mostRoles {
			fmt.Fprintf(&text, "\n    and %d more", len(list)-i)
			break
		}
		text.WriteString("\n    " + b.Origin())
	}
	return text.String()
}
