package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// standardInput is the name that stands for standard input instead of a file.
const standardInput = "-"

// aclInput holds the flags for the source of ACLs.
type aclInput struct {
	files      []string
	format     *once
	allowEmpty *bool
	// the names of these two flags
	filesFlag, formatFlag string
}

func newACLInput(cmd *cobra.Command) *aclInput {
	in := addACLInput(cmd, "acls", "format", "`file` of ACLs, or - for standard input; may be repeated, to merge the ACLs of all files")
	if err := cmd.MarkFlagRequired("acls"); err != nil {
		panic(err) // the flag does not exist
	}
	return in
}

// addACLInput adds the flags for files of ACLs and their format.
func addACLInput(cmd *cobra.Command, files, format, usage string) *aclInput {
	in := &aclInput{filesFlag: files, formatFlag: format}
	cmd.Flags().StringArrayVar(&in.files, files, nil, usage)
	if err := cmd.MarkFlagFilename(files); err != nil {
		panic(err) // the flag does not exist
	}
	in.allowEmpty = allowEmptyFlag(cmd)
	names := formatNames(canRead)
	in.format = onceFlag(cmd, format, acl.FormatAuto.String(), "`format` of the ACLs: "+strings.Join(names, ", "), names...)
	return in
}

// allowEmptyName is the flag that accepts a file without ACLs, or a trace without
// decisions.
const allowEmptyName = "allow-empty"

// allowEmptyFlag adds the flag once. It applies to all files of a command.
func allowEmptyFlag(cmd *cobra.Command) *bool {
	allowed := new(bool)
	if f := cmd.Flags().Lookup(allowEmptyName); f != nil {
		return (*bool)(f.Value.(*presence))
	}
	presenceFlag(cmd, (*presence)(allowed), allowEmptyName, "accept files without entries, which are otherwise an error")
	return allowed
}

// errNoACL refuses a file without ACLs. The likely reason is that the command that feeds
// the pipe failed, and a CI check of an empty set would often pass.
func errNoACL(file string) error {
	return fmt.Errorf("%s has no ACL: expected at least one, or --%s", file, allowEmptyName)
}

// load returns a store with the ACLs of all files, or all their errors.
func (in *aclInput) load(stdin io.Reader, config snapshot.Config) (*snapshot.Store, error) {
	format, ok := findFormat(in.format.text, canRead)
	if !ok {
		return nil, badFlag(in.formatFlag, in.format.text, "one of "+strings.Join(formatNames(canRead), ", "))
	}
	var bindings []acl.Binding
	var wrong []error
	for _, file := range in.files {
		if file == "" {
			return nil, badFlag(in.filesFlag, file, "a file, or - for standard input")
		}
		list, err := readFile(file, stdin, func(r io.Reader) ([]acl.Binding, error) { return format.read(r, fileName(file)) })
		if err == nil && len(list) == 0 && !*in.allowEmpty {
			err = errNoACL(fileName(file))
		}
		bindings, wrong = append(bindings, list...), append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return newStore(config, bindings)
}

// newStore returns a store with these ACLs, or all their errors.
func newStore(config snapshot.Config, bindings []acl.Binding) (*snapshot.Store, error) {
	store := snapshot.NewStore(config)
	return store, store.Replace(slices.Values(bindings))
}

// readFile reads a file or standard input.
func readFile[T any](file string, stdin io.Reader, read func(io.Reader) (T, error)) (T, error) {
	if file == standardInput {
		return read(stdin)
	}
	f, err := os.Open(file)
	if err != nil {
		var none T
		return none, err
	}
	defer f.Close() // it was only read
	return read(f)
}

// fileName returns the name of file for errors.
func fileName(file string) string {
	if file == standardInput {
		return "standard input"
	}
	return lines.Escape(file)
}

// checkStandardInput refuses standard input for more than one file.
func checkStandardInput(files ...string) error {
	n := 0
	for _, file := range files {
		if file == standardInput {
			n++
		}
	}
	if n > 1 {
		return errors.New("standard input (-) can be read only once: use files for the other inputs")
	}
	return nil
}
