package iam

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

const (
	literal  = resource.Literal
	prefixed = resource.Prefixed
)

// bindingFlags are those of a command about one binding.
type bindingFlags struct {
	file, principal, role *cli.Once
	scope                 *scopeFlags
	resource              *resourceFlags
}

func addBinding(cmd *cobra.Command, names spelling) *bindingFlags {
	f := &bindingFlags{
		file:      addFile(cmd),
		principal: cli.OnceFlag(cmd, "principal", "", "`Type:name` of a user or a group, such as User:alice or Group:devs"),
		role:      cli.OnceFlag(cmd, "role", "", "`name` of the role; iam rbac role list shows them"),
		scope:     addScope(cmd, names),
		resource:  addResource(cmd),
	}
	addFormat(cmd)
	cli.Complete(cmd, "role", roleNames())
	return f
}

func roleNames() (names []string) {
	for _, r := range role.Predefined().Roles() {
		names = append(names, r.Name)
	}
	return names
}

// who returns the principal of --principal.
func (f *bindingFlags) who() (principal.Principal, error) {
	p, err := principal.Parse(f.principal.Text)
	if err != nil || p.Type == "" || p.Name == "" {
		return principal.Principal{}, cli.BadFlag("principal", f.principal.Text, "Type:name, such as User:alice or Group:devs")
	}
	return p, nil
}

// binding returns the binding that the flags name. All that is wrong with them is reported.
func (f *bindingFlags) binding(out *cli.Output) (b role.Binding, err error) {
	var errs cli.Errors
	errs.Add(out.UsageErr)
	b.Principal, err = f.who()
	errs.Add(err)
	b.Role = f.role.Text
	b.Scope, err = f.scope.scope()
	errs.Add(err)
	b.Pattern, err = f.resource.pattern()
	errs.Add(err)
	return b, errs.Join()
}

func newCreate(names spelling) *cobra.Command {
	var f *bindingFlags
	cmd := cli.Command(func(_ *cobra.Command, out *cli.Output) error { return f.create(out) }, &cobra.Command{
		Use: "create --principal PRINCIPAL --role ROLE --" + names.kafka + " ID", Short: "Create a role binding", Long: "Create a role binding. One that exists is left as it is.\n\n" + long,
		Example: example("create", names, "--principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses"),
	})
	f = addBinding(cmd, names)
	cli.Require(cmd, "principal", "role")
	return cmd
}

// example returns a command line in one of the spellings.
func example(action string, names spelling, flags string) string {
	path := "rolebinding"
	if names == newSpelling {
		path = "rbac role-binding"
	}
	return fmt.Sprintf("  portcullis iam %s %s %s --%s abc123", path, action, flags, names.kafka)
}

func (f *bindingFlags) create(out *cli.Output) error {
	b, err := f.binding(out)
	if err != nil {
		return err
	}
	doc, release, err := loadToChange(f.file.Text, true)
	if err != nil {
		return err
	}
	defer release()
	doc.Bindings = append(doc.Bindings, b)
	if err := doc.save(); err != nil {
		return err
	}
	return printBindings(out, b)
}

func newDelete(names spelling) *cobra.Command {
	var f *bindingFlags
	force := false
	cmd := cli.Command(func(cmd *cobra.Command, out *cli.Output) error { return f.delete(cmd, out, force) }, &cobra.Command{
		Use: "delete --principal PRINCIPAL --role ROLE --" + names.kafka + " ID", Short: "Delete a role binding",
		Long:    "Delete a role binding. It must be confirmed with y on standard input, or with --force. If there is none, the exit status is 1.\n\n" + long,
		Example: example("delete", names, "--force --principal User:ConnectAdmin --role ResourceOwner --resource Topic:connect-statuses"),
	})
	f = addBinding(cmd, names)
	cmd.Flags().BoolVar(&force, "force", false, "delete without asking")
	cli.Require(cmd, "principal", "role")
	return cmd
}

func (f *bindingFlags) delete(cmd *cobra.Command, out *cli.Output, force bool) error {
	b, err := f.binding(out)
	if err != nil {
		return err
	}
	if !force {
		doc, err := load(f.file.Text, false)
		if err != nil {
			return err
		}
		_, scope, err := doc.bound(b)
		if err != nil {
			return err
		}
		if err := confirm(cmd, fmt.Sprintf("%s in the scope %s", b, scopeText(scope))); err != nil {
			return err
		}
	}
	doc, release, err := loadToChange(f.file.Text, false) // it may have changed during the question
	if err != nil {
		return err
	}
	defer release()
	same, _, err := doc.bound(b)
	if err != nil {
		return err
	}
	doc.Bindings = slices.DeleteFunc(doc.Bindings, same)
	if err := doc.save(); err != nil {
		return err
	}
	return printBindings(out, b)
}

// confirm asks whether to delete something.
func confirm(cmd *cobra.Command, what string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "Are you sure you want to delete: %s? (y/n)\n", what)
	answer := bufio.NewScanner(cmd.InOrStdin())
	if !answer.Scan() || !strings.EqualFold(strings.TrimSpace(answer.Text()), "y") {
		return errors.New("nothing was deleted: expected y on standard input, or --force")
	}
	return nil
}

// bound returns what selects a binding in the file, and its scope. It fails if the binding is not
// there.
func (f *file) bound(b role.Binding) (same func(role.Binding) bool, scope role.Scope, err error) {
	if scope, err = f.registry.Resolve(b.Scope); err != nil {
		return nil, scope, err
	}
	same = func(other role.Binding) bool {
		resolved, err := f.registry.Resolve(other.Scope)
		return err == nil && resolved == scope && other.Principal.Equal(b.Principal) && other.Role == b.Role && other.Pattern == b.Pattern
	}
	if slices.ContainsFunc(f.Bindings, same) {
		return same, scope, nil
	}
	message := fmt.Sprintf("nothing was deleted: %s is not bound in this scope", b)
	if near := f.find(func(other role.Binding) bool { return other.Principal.Equal(b.Principal) && other.Role == b.Role }); len(near) > 0 {
		message += fmt.Sprintf("; found %s in the scope %s", near[0], scopeText(near[0].Scope))
	}
	return nil, scope, &cli.Failure{Status: int(cli.ErrDenied), Err: errors.New(message)}
}

func newList(names spelling) *cobra.Command {
	var f *bindingFlags
	inclusive := false
	cmd := cli.Command(func(_ *cobra.Command, out *cli.Output) error { return f.list(out, inclusive) }, &cobra.Command{
		Use: "list --principal PRINCIPAL|--role ROLE --" + names.kafka + " ID", Short: "List role bindings",
		Long:    "List role bindings of a principal, of a role, or of both. Those of the groups of a user are not among its own.\n\n" + long,
		Example: example("list", names, "--principal User:ConnectAdmin"),
	})
	f = addBinding(cmd, names)
	cmd.Flags().BoolVar(&inclusive, "inclusive", false, "also the bindings of components that belong to the Kafka cluster")
	return cmd
}

func (f *bindingFlags) list(out *cli.Output, inclusive bool) error {
	var errs cli.Errors
	if !f.principal.Given && !f.role.Given {
		errs.Refuse("expected --principal, --role or both")
	}
	var who principal.Principal
	if f.principal.Given {
		var err error
		who, err = f.who()
		errs.Add(err)
	}
	scope, err := f.scope.scope()
	errs.Add(err)
	if inclusive && err == nil && scope.Name == "" && scope != (role.Scope{Kafka: scope.Kafka}) {
		errs.Refuse("--inclusive is for a Kafka cluster: nothing belongs to a component")
	}
	pattern, err := f.resource.pattern()
	errs.Add(err)
	errs.Add(out.UsageErr)
	if len(errs) > 0 {
		return errs.Join()
	}
	doc, err := load(f.file.Text, false)
	if err != nil {
		return err
	}
	if scope, err = doc.registry.Resolve(scope); err != nil {
		return err
	}
	if _, ok := doc.table.Role(f.role.Text); f.role.Given && !ok {
		return cli.BadFlag("role", f.role.Text, "the name of a role: iam rbac role list shows them")
	}
	return printBindings(out, doc.find(func(b role.Binding) bool {
		at, err := doc.registry.Resolve(b.Scope)
		return err == nil && (at == scope || inclusive && at.Kafka == scope.Kafka && scope == role.Scope{Kafka: scope.Kafka}) &&
			(!f.principal.Given || b.Principal.Equal(who)) && (!f.role.Given || b.Role == f.role.Text) && (!f.resource.resource.Given || b.Pattern == pattern)
	})...)
}
