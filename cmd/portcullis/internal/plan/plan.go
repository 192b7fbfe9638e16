// Package plan has the commands plan and apply, which make the ACLs of a live cluster those
// of files.
package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cluster"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/diff"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// The exit statuses beside 0.
const (
	exitFailed  = 1 // nothing was changed
	exitStopped = 3 // some changes were made, or may have been
)

// command holds the flags of plan and of apply.
type command struct {
	cmd          *cobra.Command
	acls         aclset.Flags
	managedBy    []string
	as, asHost   *cli.Once
	allowLockout bool

	// Of apply only.
	planFile  *cli.Once
	dryRun    bool
	force     bool
	batchSize int
}

const order = `The changes are made in an order in which nothing is ever allowed that is not allowed
before or after, and nothing denied that is allowed before and after: DENY entries are
added, then ALLOW entries added, ALLOW entries removed, and DENY entries removed. With
--allow-everyone-if-no-acl-found access can be interrupted, where names get their first
ACL or lose the last one; the plan lists where.

--managed-by says which ACLs are ours: a JSON object such as
'{"principalPrefix":"User:payments-"}' with resourceType, name, namePrefix, patternType,
principal, principalPrefix, host, operation and permission. All that are given must
match; if the flag is repeated, one of the objects. Other ACLs are never touched, and a
desired ACL outside of the scope is an error.

A change that would take from the client the right to change ACLs (Alter and Describe on
the cluster) is refused. The client is the user of --command-config, or --as. Its address
is not known, because networks translate addresses: losing the right from any address is
refused, unless --as-host says which one it is. Super users are not visible over the
protocol, nor is allow.everyone.if.no.acl.found: name them with the flags for these.`

// New returns the command plan.
func New() *cobra.Command {
	p := &command{}
	p.cmd = cli.Command(p.plan, &cobra.Command{
		Use:   "plan --acls FILE --bootstrap-server HOST:PORT",
		Short: "Show what would make the ACLs of a live cluster those of files",
		Long: `plan compares the ACLs of a live cluster with desired ones. It prints who would gain (+)
and lose (-) which access, because of which ACLs, and the changes in their order. It
changes nothing. With --output json it prints a plan for apply --plan.

With --roles the desired ACLs are those of a file of role bindings, and the plan also says
which roles are gained and lost. A cluster keeps no bindings: a role is lost if the cluster
has all ACLs that it stands for, and would no longer have them.

` + order + `

Exit status: 0 nothing to change, 2 changes, 1 an error.`,
		Example: `  portcullis plan --acls acls.txt --bootstrap-server kafka-0:9092 --command-config admin.properties
  portcullis plan --roles roles.json --kafka-cluster prod --bootstrap-server kafka-0:9092
  portcullis plan --acls payments.yaml --format strimzi --managed-by '{"principalPrefix":"User:payments-"}' --bootstrap-server kafka-0:9092 -o json > plan.json`,
		Annotations: map[string]string{cli.FailureStatus: fmt.Sprint(exitFailed)},
	})
	p.addFlags("`file` of the desired ACLs, or - for standard input; may be repeated, to merge the ACLs of all files")
	cli.AddOutput(p.cmd)
	return p.cmd
}

// NewApply returns the command apply.
func NewApply() *cobra.Command {
	p := &command{}
	p.cmd = cli.Command(p.apply, &cobra.Command{
		Use:   "apply --acls FILE|--plan FILE --bootstrap-server HOST:PORT",
		Short: "Make the ACLs of a live cluster those of files",
		Long: `apply makes the changes that plan shows, in batches, and waits after each kind of change
until every broker has it in force. It must be confirmed with y on standard input, or with
--force. --plan applies a plan that was made before, without asking; if the ACLs of the
cluster have changed since, other than by this plan, it is refused.

If apply is stopped, by an error, a signal or a crash, run it again: it continues. Until
then, what is allowed lies between what was allowed before and what will be.

` + order + `

Exit status: 0 done or nothing to change, 1 an error, and nothing was changed, 3 stopped
after some changes. With --dry-run those of plan.`,
		Example: `  portcullis apply --plan plan.json --bootstrap-server kafka-0:9092 --command-config admin.properties
  portcullis apply --acls acls.txt --force --bootstrap-server kafka-0:9092 --command-config admin.properties`,
		Annotations: map[string]string{cli.FailureStatus: fmt.Sprint(exitFailed)},
	})
	p.addFlags("`file` of the desired ACLs, or - for standard input, which needs --force; may be repeated")
	p.planFile = cli.OnceFlag(p.cmd, "plan", "", "`file` with the output of plan -o json, or - for standard input, instead of --acls")
	cli.Must(p.cmd.MarkFlagFilename("plan", "json"))
	flags := p.cmd.Flags()
	flags.BoolVar(&p.dryRun, "dry-run", false, "show the changes, do not make them")
	flags.BoolVar(&p.force, "force", false, "do not ask")
	flags.IntVar(&p.batchSize, "batch-size", defaultBatch, fmt.Sprintf("how many `ACLs` are in one request, at most %d", cluster.MostInBatch))
	return p.cmd
}

// defaultBatch is how many ACLs one request has. If one is refused, those after it in the
// batch are made all the same, so that a batch is small.
const defaultBatch = 100

func (p *command) addFlags(files string) {
	p.acls = aclset.Flags{Source: aclset.Add(p.cmd, "", files, "a broker of the cluster to change"), Rules: aclset.AddRules(p.cmd)}
	flags := p.cmd.Flags()
	flags.StringArrayVar(&p.managedBy, "managed-by", nil, "`filter` of the ACLs that are ours, as JSON; may be repeated; default all ACLs")
	p.as = cli.OnceFlag(p.cmd, "as", "", "the principal that this client is at the cluster: `Type:name`; default the user of --command-config")
	p.asHost = cli.OnceFlag(p.cmd, "as-host", "", "the `address` of this client, as the brokers see it")
	flags.BoolVar(&p.allowLockout, "allow-lockout", false, "accept changes that may take from this client the right to change ACLs")
}

// read checks the flags and reads the cluster and the plan or the desired ACLs. The caller
// closes the connection, which is nil after an error.
func (p *command) read(out *cli.Output) (*situation, *cluster.Cluster, error) {
	planned, err := p.checkUsage(out)
	if err != nil {
		return nil, nil, err
	}
	config, err := p.acls.Config()
	if err != nil {
		return nil, nil, err
	}
	s, err := parseScope(p.managedBy)
	if err != nil {
		return nil, nil, err
	}
	var desired []acl.Binding
	var set *formats.Set
	if planned != nil {
		s = planned.ManagedBy
		config, err = planned.settings()
	} else if set, err = p.acls.ReadFiles(out); err == nil {
		desired, err = set.ACLs, set.Refuse("planned")
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := p.acls.Cluster.Connect()
	if err != nil {
		return nil, nil, err
	}
	found, err := p.compare(c, planned, desired, s, config)
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	if policy := p.acls.Policy(); policy != nil && planned == nil {
		if found.roles, err = roleChanges(policy, found.managed); err != nil {
			c.Close()
			return nil, nil, err
		}
	}
	found.state.Tell(out.Summarize, "the cluster")
	return found, c, nil
}

// compare reads the cluster.
func (p *command) compare(c *cluster.Cluster, planned *file, desired []acl.Binding, s scope, config snapshot.Config) (*situation, error) {
	state, err := c.Read(p.cmd.Context())
	if err != nil {
		return nil, err
	}
	if planned != nil {
		if desired, err = planned.desired(state); err != nil {
			return nil, err
		}
	} else if p.acls.Follow() {
		config.Semantics = state.Semantics()
	}
	bar := cli.NewProgress(p.cmd.ErrOrStderr(), "comparing", cli.LongWait)
	defer bar.Finish()
	return newSituation(state, config, s, desired, bar.Set)
}

// checkUsage returns an error for each missing, conflicting or invalid flag, and otherwise
// the plan that apply is given, if any.
func (p *command) checkUsage(out *cli.Output) (planned *file, err error) {
	var errs cli.Errors
	errs.Add(out.UsageErr)
	fromPlan := p.planFile != nil && p.planFile.Given
	inputs := p.acls.Inputs()
	switch {
	case fromPlan:
		inputs = append(inputs, p.planFile.Text)
		for _, flag := range []string{"acls", "format", "roles", "kafka-cluster", "allow-empty", "managed-by", "super-users", "semantics", "allow-everyone-if-no-acl-found"} {
			if cli.Given(p.cmd, flag) {
				errs.Refuse("--%s cannot be given with --plan: the plan says it", flag)
			}
		}
	case cli.Given(p.cmd, "acls") || p.acls.RolesGiven():
	case p.planFile != nil:
		errs.Refuse("nothing to apply: expected --acls, --roles or --plan")
	default:
		errs.Refuse("--acls or --roles is missing: see %s --help", p.cmd.CommandPath())
	}
	if !p.acls.Cluster.Given() {
		errs.Refuse("--bootstrap-server is missing: see %s --help", p.cmd.CommandPath())
	}
	if !fromPlan {
		errs.Add(p.acls.CheckRoles())
	}
	errs.Add(p.acls.Cluster.Check())
	errs.Add(cli.CheckStandardInput(inputs...))
	if p.as.Given {
		if who, err := principal.Parse(p.as.Text); err != nil || who.IsZero() {
			errs.Add(cli.BadFlag("as", p.as.Text, "Type:name, such as User:admin"))
		}
	}
	if p.asHost.Given && !parseHost(p.asHost.Text).IsValid() {
		errs.Add(cli.BadFlag("as-host", p.asHost.Text, "an IP address"))
	}
	if p.planFile != nil {
		if p.batchSize < 1 || p.batchSize > cluster.MostInBatch {
			errs.Add(cli.BadFlag("batch-size", fmt.Sprint(p.batchSize), fmt.Sprintf("1 to %d", cluster.MostInBatch)))
		}
		if !fromPlan && !p.force && !p.dryRun && containsStdin(inputs) {
			errs.Refuse("standard input (-) cannot be read and answer a question: give --force, or use files")
		}
	}
	if len(errs) > 0 || !fromPlan {
		return nil, errs.Join()
	}
	return readFile(p.planFile.Text, p.cmd.InOrStdin())
}

func containsStdin(inputs []string) bool {
	for _, name := range inputs {
		if name == cli.StandardInput {
			return true
		}
	}
	return false
}

// parseHost returns the address, or the zero Addr.
func parseHost(text string) netip.Addr {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// who returns who makes the changes.
func (p *command) who(c *cluster.Cluster) applier {
	a := applier{principal: c.Principal(), host: p.asHost}
	if p.as.Given {
		a.principal, _ = principal.Parse(p.as.Text) // it is checked
	}
	return a
}

func (p *command) plan(_ *cobra.Command, out *cli.Output) error {
	s, c, err := p.read(out)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := p.refuseLockout(s, c); err != nil {
		return err
	}
	return p.show(out, s)
}

func (p *command) refuseLockout(s *situation, c *cluster.Cluster) error {
	if p.allowLockout {
		return nil
	}
	return s.checkLockout(p.who(c))
}

// show prints the plan. It returns ErrChanges if there are changes.
func (p *command) show(out *cli.Output, s *situation) error {
	if out.JSON {
		out.Encode(newFile(s))
	} else {
		writePlan(out, s)
	}
	if len(s.config.SuperUsers) == 0 {
		out.Summarize("note: super users are not visible over the protocol: who is one keeps all access\n")
	}
	out.Summarize("changes: %d, access gained or lost: %d, interruptions: %d\n", len(s.plan.Steps), len(s.changes), len(s.plan.Windows))
	if len(s.plan.Steps) == 0 {
		return nil
	}
	return cli.ErrChanges
}

// writePlan prints a plan as text.
func writePlan(w io.Writer, s *situation) {
	fmt.Fprintf(w, "%v; rules: %v\n", s.state, s.config.Semantics)
	fmt.Fprintf(w, "managed: %s: %d of %d ACLs\n", s.scope, len(s.managed), len(s.state.ACLs))
	fmt.Fprintf(w, "access: %s\n", orNone(len(s.changes)))
	diff.WriteCaused(w, s.plan, s.changes)
	if len(s.roles) > 0 {
		fmt.Fprintf(w, "roles: %d\n", len(s.roles))
	}
	for _, c := range s.roles {
		fmt.Fprintln(w, c)
	}
	fmt.Fprintf(w, "changes: %s\n", orNone(len(s.plan.Steps)))
	for i, step := range s.plan.Steps {
		fmt.Fprintf(w, "%d. %v: %s\n", i+1, step.Phase, cli.ACLText(step.Binding))
	}
	for _, window := range s.plan.Windows {
		more := ""
		if window.More {
			more = "; and more"
		}
		var acls []string
		for _, b := range window.ACLs {
			acls = append(acls, cli.ACLText(b))
		}
		fmt.Fprintf(w, "interrupted between changes %d and %d, because of allow.everyone.if.no.acl.found: %s %s: %s%s\n",
			window.First+1, window.Last+1, window.Type.DisplayName(), window.Names, strings.Join(acls, "; "), more)
	}
}

func orNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// confirm asks whether to make the changes.
func confirm(ctx context.Context, stdin io.Reader, w io.Writer, s *situation) error {
	writePlan(w, s)
	fmt.Fprintf(w, "Make these changes at %s? (y/n)\n", lines.Printable(s.state.Servers))
	answer := make([]byte, 64)
	n, err := stdin.Read(answer)
	if text := strings.TrimSpace(string(answer[:n])); strings.EqualFold(text, "y") {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errors.New("not confirmed: nothing was changed")
}
