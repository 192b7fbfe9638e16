package iam

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/acledit"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

const longACL = `The options are those of confluent iam acl. The ACLs are kept in --file, together with
the role bindings, and each is for one Kafka cluster: its id, or its name in the file. The
file is saved completely or not at all, with its checksum in FILE.sum.

ACLs and roles apply together: a DENY wins over every role, and an ACL or a role allows.
iam export prints both; portcullis plan and apply bring them into force.`

// aclFlags are those of iam acl.
type aclFlags struct {
	cmd                               *cobra.Command
	file                              *cli.Once
	cluster, clusterID, name          *cli.Once
	principal, operation, host        *cli.Once
	allow, deny, clusterScope, prefix bool
	names                             [3]*cli.Once
}

// aclResources are the flags that name a resource, in the order of aclFlags.names.
var aclResources = [3]struct {
	flag, usage string
	kind        resource.Type
}{
	{"topic", "`name` of a topic", resource.Topic},
	{"consumer-group", "`name` of a consumer group", resource.Group},
	{"transactional-id", "a transactional `id`", resource.TransactionalID},
}

// aclActions are the commands below iam acl.
var aclActions = []struct {
	use, short, long, example string
	required                  []string
	run                       func(*aclFlags, *cli.Output) error
}{
	{"create", "Create an ACL", "Create an ACL. One that exists is left as it is.",
		`--allow --principal Group:Finance --operation read --topic financial --prefix`, []string{"principal", "operation"}, (*aclFlags).create},
	{"list", "List ACLs", "List the ACLs of a Kafka cluster, or those that the options select.",
		`--allow --principal User:Jane`, nil, (*aclFlags).list},
	{"delete", "Delete ACLs", `Delete the ACLs that the options select; each option that is given must be the same as in the
ACL, also --host. It must be confirmed with y on standard input, or with --force. If no ACL
is selected, the exit status is 1.`,
		`--force --allow --principal User:Jane --operation write --topic test --host '*'`, []string{"principal", "operation", "host"}, (*aclFlags).delete},
}

func newACL() *cobra.Command {
	cmd := group("acl", "Create, list and delete ACLs of several Kafka clusters", "Create, list and delete ACLs of several Kafka clusters.\n\n"+longACL)
	for _, action := range aclActions {
		var f *aclFlags
		sub := cli.Command(func(_ *cobra.Command, out *cli.Output) error { return action.run(f, out) }, &cobra.Command{
			Use: action.use + " --kafka-cluster ID", Short: action.short, Long: action.long + "\n\n" + longACL,
			Example: "  portcullis iam acl " + action.use + " --kafka-cluster abc123 " + action.example,
		})
		f = addACLFlags(sub, action.use == "delete")
		cli.Require(sub, action.required...)
		cmd.AddCommand(sub)
	}
	return cmd
}

func addACLFlags(cmd *cobra.Command, deletes bool) *aclFlags {
	f := &aclFlags{
		cmd: cmd, file: addFile(cmd),
		cluster:   cli.OnceFlag(cmd, "kafka-cluster", "", "`id` of the Kafka cluster, or its name in the file"),
		clusterID: cli.OnceFlag(cmd, "kafka-cluster-id", "", "the same as --kafka-cluster: the earlier name of the `flag`"),
		name:      cli.OnceFlag(cmd, "cluster-name", "", "`name` of a Kafka cluster in the file, instead of its id"),
		principal: cli.OnceFlag(cmd, "principal", "", "`Type:name` of a user or a group, such as User:alice or Group:devs, or User:* for all"),
		operation: cli.OnceFlag(cmd, "operation", "", "the `operation`, such as read or describe-configs, or all"),
		host:      cli.OnceFlag(cmd, "host", acl.WildcardHost, "the client `host`"),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.allow, "allow", false, "the ACL allows")
	flags.BoolVar(&f.deny, "deny", false, "the ACL denies")
	flags.BoolVar(&f.clusterScope, "cluster-scope", false, "the ACL is for the cluster itself")
	flags.BoolVar(&f.prefix, "prefix", false, "the names begin with the one that is given")
	for i, r := range aclResources {
		f.names[i] = cli.OnceFlag(cmd, r.flag, "", r.usage)
	}
	if deletes {
		flags.Bool("force", false, "delete without asking")
	}
	cli.Complete(cmd, "operation", cli.OperationNames())
	addFormat(cmd)
	return f
}

// scope returns the cluster of the flags. --kafka-cluster may be a name: see [file.kafkaScope].
func (f *aclFlags) scope() (id string, name string, err error) {
	var given []string
	for _, flag := range []*cli.Once{f.cluster, f.clusterID, f.name} {
		if flag.Given {
			given = append(given, flag.Text)
		}
	}
	if len(given) != 1 {
		return "", "", errors.New("expected one of --kafka-cluster, --kafka-cluster-id and --cluster-name")
	}
	if f.name.Given {
		return "", f.name.Text, nil
	}
	return given[0], "", nil
}

// kafkaScope returns the scope of a Kafka cluster, by the name or the id of it that is given. A
// name is kept, so that the file says it too.
func (f *file) kafkaScope(id, name string) (role.Scope, error) {
	scope := role.Scope{Name: name, Kafka: id}
	if id != "" {
		at, err := f.KafkaScope(f.registry, id)
		if err != nil {
			return scope, err
		}
		if at.Kafka != id {
			scope = role.Scope{Name: id}
		}
	}
	at, err := f.registry.Resolve(scope)
	if err == nil && at != (role.Scope{Kafka: at.Kafka}) {
		err = fmt.Errorf("found the cluster %s, expected a Kafka cluster: other components have no ACLs", scopeText(scope))
	}
	return scope, err
}

// filter returns what the flags select. What is not given selects everything, except that
// a name without --prefix is that of a LITERAL pattern.
func (f *aclFlags) filter() (acl.Filter, error) {
	filter := acl.AnyBinding
	var errs cli.Errors
	if f.principal.Given {
		if p, err := principal.Parse(f.principal.Text); err != nil || p.Name == "" {
			errs.Add(cli.BadFlag("principal", f.principal.Text, "Type:name, such as User:alice or Group:devs"))
		}
		filter.Entry.Principal = &f.principal.Text
	}
	if f.host.Given {
		filter.Entry.Host = &f.host.Text
	}
	if f.operation.Given {
		op, err := cli.ParseOperation(f.operation.Text)
		if err != nil || !op.IsKnown() || op == ops.Any {
			errs.Add(cli.BadFlag("operation", f.operation.Text, "an operation, such as read or describe-configs, or all"))
		}
		filter.Entry.Operation = op
	}
	switch {
	case f.allow && f.deny:
		errs.Refuse("--allow cannot be given with --deny")
	case f.allow:
		filter.Entry.Permission = acl.Allow
	case f.deny:
		filter.Entry.Permission = acl.Deny
	}
	errs.Add(f.selectResource(&filter.Pattern))
	return filter, errs.Join()
}

// selectResource sets the pattern of the flags.
func (f *aclFlags) selectResource(p *resource.PatternFilter) error {
	var given []string
	for i, name := range f.names {
		if name.Given {
			given = append(given, "--"+aclResources[i].flag)
			*p = resource.PatternFilter{Type: aclResources[i].kind, PatternType: literal, Name: &name.Text}
			if name.Text == "" {
				return cli.BadFlag(aclResources[i].flag, "", "a name")
			}
		}
	}
	if f.clusterScope {
		given = append(given, "--cluster-scope")
		name := resource.ClusterName
		*p = resource.PatternFilter{Type: resource.Cluster, PatternType: literal, Name: &name}
	}
	switch {
	case len(given) > 1:
		return fmt.Errorf("found %s, expected one of them", strings.Join(given, ", "))
	case f.prefix && f.clusterScope:
		return errors.New("--prefix cannot be given with --cluster-scope")
	case f.prefix:
		p.PatternType = prefixed
	}
	return nil
}

// open checks the flags and reads the file. The errors of the flags are all told.
func (f *aclFlags) open(out *cli.Output, mayBeNew bool, check func(acl.Filter) error) (*file, role.Scope, acl.Filter, error) {
	var errs cli.Errors
	errs.Add(out.UsageErr)
	id, name, err := f.scope()
	errs.Add(err)
	filter, err := f.filter()
	errs.Add(err)
	if err == nil && len(errs) == 0 {
		errs.Add(check(filter))
	}
	if len(errs) > 0 {
		return nil, role.Scope{}, filter, errs.Join()
	}
	doc, err := load(f.file.Text, mayBeNew)
	if err != nil {
		return nil, role.Scope{}, filter, err
	}
	scope, err := doc.kafkaScope(id, name)
	return doc, scope, filter, err
}

func (f *aclFlags) create(out *cli.Output) error {
	var b acl.Binding
	_, scope, _, err := f.open(out, true, func(filter acl.Filter) (err error) {
		b, err = f.one(filter)
		return err
	})
	if err != nil {
		return err
	}
	doc, release, err := loadToChange(f.file.Text, true) // it may have changed since
	if err != nil {
		return err
	}
	defer release()
	created := role.ClusterACL{Scope: scope, ACL: b}
	if len(doc.selected(scope, acl.FilterOf(b))) == 0 { // by the name of the cluster or by its id
		doc.ACLs = append(doc.ACLs, created)
	}
	if err := doc.save(); err != nil {
		return err
	}
	return doc.printACLs(out, created)
}

// one returns the ACL that the flags name completely.
func (f *aclFlags) one(filter acl.Filter) (b acl.Binding, err error) {
	var errs cli.Errors
	if filter.Entry.Permission == acl.PermissionAny {
		errs.Refuse("expected --allow or --deny")
	}
	if filter.Pattern.Name == nil {
		errs.Refuse("no resource is given: expected one of --topic, --consumer-group, --transactional-id and --cluster-scope")
	}
	if len(errs) > 0 {
		return b, errs.Join()
	}
	b = acl.Binding{
		Pattern: resource.Pattern{Type: filter.Pattern.Type, PatternType: filter.Pattern.PatternType, Name: *filter.Pattern.Name},
		Entry:   acl.Entry{Principal: f.principal.Text, Host: f.host.Text, Operation: filter.Entry.Operation, Permission: filter.Entry.Permission},
	}
	if err := acledit.CheckSupported(b.Pattern.Type, []acl.Entry{b.Entry}); err != nil {
		return b, err
	}
	if err := b.ValidateStrict(0); err != nil { // a DENY for Group:* denies nobody
		return b, fmt.Errorf("%s: %w", cli.ACLText(b), err)
	}
	return b, nil
}

// selected returns the ACLs of a cluster that a filter selects.
func (f *file) selected(scope role.Scope, filter acl.Filter) (list []role.ClusterACL) {
	at, err := f.registry.Resolve(scope)
	for _, a := range f.ACLs {
		if own, errOwn := f.registry.Resolve(a.Scope); err == nil && errOwn == nil && own == at && filter.Matches(a.ACL) {
			list = append(list, a)
		}
	}
	return list
}

func (f *aclFlags) list(out *cli.Output) error {
	doc, scope, filter, err := f.open(out, false, func(acl.Filter) error { return nil })
	if err != nil {
		return err
	}
	return doc.printACLs(out, doc.selected(scope, filter)...)
}

func (f *aclFlags) delete(out *cli.Output) error {
	doc, scope, filter, err := f.open(out, false, func(acl.Filter) error { return nil })
	if err != nil {
		return err
	}
	gone := doc.selected(scope, filter)
	if len(gone) == 0 {
		message := "nothing was deleted: no ACL of " + scopeText(scope) + " is selected"
		near := acl.AnyBinding
		near.Entry.Principal = filter.Entry.Principal
		if others := doc.selected(scope, near); len(others) > 0 {
			message += "; found " + cli.ACLText(others[0].ACL)
		}
		return &cli.Failure{Status: int(cli.ErrDenied), Err: errors.New(message)}
	}
	if !cli.Given(f.cmd, "force") {
		w := f.cmd.ErrOrStderr()
		for _, a := range gone {
			fmt.Fprintln(w, cli.ACLText(a.ACL))
		}
		if err := confirm(f.cmd, fmt.Sprintf("these ACLs of %s", scopeText(scope))); err != nil {
			return err
		}
	}
	doc, release, err := loadToChange(f.file.Text, false) // it may have changed since
	if err != nil {
		return err
	}
	defer release()
	doc.ACLs = slices.DeleteFunc(doc.ACLs, func(a role.ClusterACL) bool { return slices.Contains(gone, a) })
	if err := doc.save(); err != nil {
		return err
	}
	return doc.printACLs(out, gone...)
}

// aclRow is an ACL in the output.
type aclRow struct {
	Cluster      string `json:"kafka_cluster_id" yaml:"kafka_cluster_id"`
	Principal    string `json:"principal" yaml:"principal"`
	Permission   string `json:"permission" yaml:"permission"`
	Operation    string `json:"operation" yaml:"operation"`
	Host         string `json:"host" yaml:"host"`
	ResourceType string `json:"resource_type" yaml:"resource_type"`
	ResourceName string `json:"resource_name" yaml:"resource_name"`
	PatternType  string `json:"pattern_type" yaml:"pattern_type"`
}

func (r aclRow) cells() []string {
	return []string{r.Cluster, r.Principal, r.Permission, r.Operation, r.Host, r.ResourceType, r.ResourceName, r.PatternType}
}

// printACLs prints ACLs with the ids of their clusters.
func (f *file) printACLs(out *cli.Output, list ...role.ClusterACL) error {
	rows := []aclRow{}
	for _, a := range list {
		scope, err := f.registry.Resolve(a.Scope)
		if err != nil {
			return err
		}
		e, p := a.ACL.Entry, a.ACL.Pattern
		rows = append(rows, aclRow{scope.Kafka, e.Principal, e.Permission.String(), e.Operation.String(), e.Host, p.Type.String(), p.Name, p.PatternType.String()})
	}
	return printRows(out, "Kafka Cluster\t| Principal\t| Permission\t| Operation\t| Host\t| Resource Type\t| Resource Name\t| Pattern Type", rows)
}
