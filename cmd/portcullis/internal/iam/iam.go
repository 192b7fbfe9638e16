// Package iam has the command iam, which keeps role bindings in a file, with the options of
// Confluent's command line.
package iam

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/role"
)

// defaultFile is where the roles are if --file is not given, so that command lines that were
// written for a metadata service run as they are.
const defaultFile = "roles.json"

const long = `The options are those of confluent iam. Instead of asking a metadata service, the command
works on --file: names of clusters, roles of your own, bindings and ACLs. The file is saved
completely or not at all, with its checksum in FILE.sum, and every line of it is checked.

Bindings only allow; a DENY is an ACL: see iam acl. A role is bound in one scope: a Kafka cluster, or a component that
belongs to one. iam export prints the ACLs of a Kafka cluster and those that its bindings stand for;
portcullis plan and apply bring them into force.`

// spelling is how a generation of Confluent's command line writes its commands.
type spelling struct {
	kafka, schemaRegistry, ksql, connect string // flags
}

var (
	// Version 1: confluent iam rolebinding.
	oldSpelling = spelling{"kafka-cluster-id", "schema-registry-cluster-id", "ksql-cluster-id", "connect-cluster-id"}
	// Later: confluent iam rbac role-binding.
	newSpelling = spelling{"kafka-cluster", "schema-registry-cluster", "ksql-cluster", "connect-cluster"}
)

// New returns the command iam.
func New() *cobra.Command {
	iam := group("iam", "Give roles to users and groups, in a file", long)
	iam.AddCommand(bindings("rolebinding", oldSpelling))
	rbac := group("rbac", "Roles and role bindings", "Roles and role bindings.\n\n"+long)
	rbac.AddCommand(bindings("role-binding", newSpelling), roles())
	iam.AddCommand(rbac, newACL(), newImport(), newExport(), newLint())
	return iam
}

// group returns a command that only has others.
func group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%s: expected a command: see %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
}

func bindings(use string, names spelling) *cobra.Command {
	cmd := group(use, "Create, list and delete role bindings", "Create, list and delete role bindings.\n\n"+long)
	cmd.AddCommand(newCreate(names), newList(names), newDelete(names))
	return cmd
}

// file is a document and the file that it is in.
type file struct {
	path string
	*role.Document
	table    *role.Table
	registry *role.Registry
}

func addFile(cmd *cobra.Command) *cli.Once {
	path := cli.OnceFlag(cmd, "file", defaultFile, "`file` of role bindings")
	cli.Must(cmd.MarkFlagFilename("file"))
	return path
}

// load reads a file. If mayBeNew is set, one that is missing is empty; but if its checksum
// still exists, the file is lost and loading fails.
func load(path string, mayBeNew bool) (*file, error) {
	if path == cli.StandardInput {
		return nil, cli.BadFlag("file", path, "the name of a file")
	}
	f := &file{path: path, Document: &role.Document{}}
	read, err := aclset.ReadRoles(path)
	switch {
	case err == nil:
		f.Document = read
	case mayBeNew && errors.Is(err, fs.ErrNotExist):
		if _, errSum := os.Lstat(path + ".sum"); errSum == nil {
			return nil, err
		}
	default:
		return nil, err
	}
	f.table, f.registry, err = f.Check()
	return f, err
}

// loadToChange is load for a command that changes the file. Nobody else changes it until release
// is called.
func loadToChange(path string, mayBeNew bool) (f *file, release func(), err error) {
	if release, err = aclfile.Lock(path); err != nil {
		return nil, nil, err
	}
	if f, err = load(path, mayBeNew); err != nil {
		release()
	}
	return f, release, err
}

func (f *file) save() error {
	text, err := f.Text()
	if err != nil {
		return err
	}
	return aclfile.SaveText(f.path, text, func(text []byte) bool { _, err := role.ParseDocument(text); return err == nil })
}

// scopeFlags are those that name a scope.
type scopeFlags struct {
	names                                                   spelling
	cluster, kafka, schemaRegistry, ksql, connect, cmf, env *cli.Once
}

func addScope(cmd *cobra.Command, names spelling) *scopeFlags {
	id := func(name, of string) *cli.Once { return cli.OnceFlag(cmd, name, "", "`id` of the "+of) }
	return &scopeFlags{
		names: names, cluster: cli.OnceFlag(cmd, "cluster-name", "", "`name` of a cluster in the file, instead of ids"),
		kafka: id(names.kafka, "Kafka cluster"), schemaRegistry: id(names.schemaRegistry, "Schema Registry cluster"), ksql: id(names.ksql, "ksqlDB cluster"),
		connect: id(names.connect, "Connect cluster"), cmf: id("cmf", "Confluent Manager for Apache Flink"), env: id("flink-environment", "Flink environment"),
	}
}

func (s *scopeFlags) scope() (role.Scope, error) {
	scope := role.Scope{Name: s.cluster.Text, Kafka: s.kafka.Text, SchemaRegistry: s.schemaRegistry.Text, KSQL: s.ksql.Text, Connect: s.connect.Text,
		CMF: s.cmf.Text, FlinkEnvironment: s.env.Text}
	if scope == (role.Scope{}) {
		return scope, fmt.Errorf("expected --%s, or --cluster-name", s.names.kafka)
	}
	return scope, scope.Validate()
}

// resourceFlags are those that name a resource.
type resourceFlags struct {
	resource *cli.Once
	prefix   bool
}

func addResource(cmd *cobra.Command) *resourceFlags {
	f := &resourceFlags{resource: cli.OnceFlag(cmd, "resource", "", "`Type:name` of a resource, such as Topic:orders; the name may have colons")}
	cmd.Flags().BoolVar(&f.prefix, "prefix", false, "the resources whose names begin with that of --resource")
	return f
}

// pattern returns the pattern that the flags name, or the zero Pattern.
func (f *resourceFlags) pattern() (role.Pattern, error) {
	if !f.resource.Given {
		if f.prefix {
			return role.Pattern{}, errors.New("--prefix needs --resource")
		}
		return role.Pattern{}, nil
	}
	kind, name, ok := strings.Cut(f.resource.Text, ":")
	if !ok || kind == "" || name == "" {
		return role.Pattern{}, cli.BadFlag("resource", f.resource.Text, "Type:name, such as Topic:orders")
	}
	p := role.Pattern{ResourceType: kind, Name: name, PatternType: literal}
	if f.prefix {
		p.PatternType = prefixed
	}
	return p, nil
}

// find returns the bindings of the document that match.
func (f *file) find(match func(role.Binding) bool) []role.Binding {
	return slices.DeleteFunc(slices.Clone(f.Bindings), func(b role.Binding) bool { return !match(b) })
}
