package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// diff holds the flags of the command diff.
type diff struct {
	acls, newACLs *aclInput
	cluster       *clusterFlags
	newSemantics  *once
	json          func() (bool, error)
}

func newDiffCommand() *cobra.Command {
	d := &diff{}
	cmd := &cobra.Command{
		Use:   "diff --acls OLD --new-acls NEW",
		Short: "Show the access that a change of the ACLs grants and revokes",
		Long: `diff compares what two sets of ACLs allow, not their lines. It shows which principals
gain (+) and lose (-) which operations, on which names and from which hosts. What
everyone gains or loses is shown once. It does not apply to principals with a line of
their own on the same names; "=" marks a principal that neither gains nor loses anything
else there. Changes of ACLs without effect are not shown. --new-semantics compares two
sets of rules; without --new-acls, both sides have the same ACLs.

With --output json each line is an object: "change" (gained, lost, or kept for =),
"principals" or "everyone": true, and the "operations", "resourceType", "names" and
"hosts" of what-can. Lines with "kept" have only the type and the names.

Exit status: 0 no difference, 1 differences, 2 bad input or usage.`,
		Example: `  portcullis diff --acls old.txt --new-acls new.txt
  portcullis diff --acls acls.txt --semantics kafka-exact --new-semantics documented`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	d.acls = newACLInput(cmd)
	d.newACLs = addACLInput(cmd, "new-acls", "new-format", "`file` of the ACLs to compare with, or -; may be repeated")
	d.cluster = newClusterFlags(cmd)
	d.newSemantics = onceFlag(cmd, "new-semantics", "", "`rules` for decisions of the new side; default those of --semantics", semanticsNames()...)
	d.json = outputFlag(cmd)
	return cmd
}

func (d *diff) run(cmd *cobra.Command) error {
	asJSON, errJSON := d.json()
	config, errConfig := d.cluster.config()
	newConfig, errNew := d.newConfig(config)
	errs := []error{errJSON, errConfig, errNew, checkStandardInput(append(append([]string{}, d.acls.files...), d.newACLs.files...)...)}
	if len(d.newACLs.files) == 0 && !d.newSemantics.given {
		errs = append(errs, errors.New("nothing to compare with: expected --new-acls, --new-semantics, or both"))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	from, to, err := d.load(cmd, config, newConfig)
	if err != nil {
		return err
	}
	bar := newWork(cmd.ErrOrStderr(), "comparing")
	changes, err := inspect.Diff(from, to, bar.set)
	bar.finish()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := writeChanges(&out, changes, asJSON); err != nil {
		return err
	}
	if _, err := out.WriteTo(cmd.OutOrStdout()); err != nil {
		return err
	}
	if len(changes) > 0 {
		return errDenied
	}
	return nil
}

func (d *diff) newConfig(config snapshot.Config) (snapshot.Config, error) {
	if !d.newSemantics.given {
		return config, nil
	}
	semantics, err := snapshot.ParseSemantics(d.newSemantics.text)
	if err != nil {
		return config, fmt.Errorf("--new-semantics: %w", err)
	}
	config.Semantics = semantics
	return config, nil
}

// load returns both sides. It refuses an empty side if no ACLs would allow everything.
func (d *diff) load(cmd *cobra.Command, config, newConfig snapshot.Config) (from, to *snapshot.Snapshot, err error) {
	store, errFrom := d.acls.load(cmd.InOrStdin(), config)
	var newStore *snapshot.Store
	var errTo error
	switch {
	case len(d.newACLs.files) > 0:
		newStore, errTo = d.newACLs.load(cmd.InOrStdin(), newConfig)
	case errFrom == nil:
		newStore, errTo = copyOf(store, newConfig)
	}
	if err := errors.Join(errFrom, errTo); err != nil {
		return nil, nil, err
	}
	from, to = store.Load(), newStore.Load()
	return from, to, errors.Join(d.cluster.refuseEmpty(from), d.cluster.refuseEmpty(to))
}

// copyOf returns a store with the same ACLs and another configuration.
func copyOf(store *snapshot.Store, config snapshot.Config) (*snapshot.Store, error) {
	c := snapshot.NewStore(config)
	return c, c.Replace(store.Load().All())
}

// changeObject is the JSON form of access that is gained or lost. "kept" marks names on
// which the change for everyone does not apply to the principals.
type changeObject struct {
	Change     string   `json:"change"`
	Principals []string `json:"principals,omitempty"`
	Everyone   bool     `json:"everyone,omitempty"`
	accessObject
}

// writeChanges writes a line for each region that is gained or lost. Where everyone
// gains or loses something, it also writes a line for each principal to which that does
// not apply.
func writeChanges(out *bytes.Buffer, changes []inspect.Change, asJSON bool) error {
	forEveryone := make(map[resource.Type]*nameIndex)
	for _, c := range changes {
		if c.IsEveryoneElse() {
			forEveryone[c.Type] = newNameIndex(changedNames(c))
		}
	}
	encoder := newLineEncoder(out)
	for _, c := range changes {
		var kept []inspect.Access
		if everyone := forEveryone[c.Type]; everyone != nil && !c.IsEveryoneElse() && everyone.overlaps(c.Names) {
			kept = []inspect.Access{{Type: c.Type, Names: c.Names}}
		}
		for _, side := range []struct {
			sign, change string
			regions      []inspect.Access
		}{{"+", "gained", c.Gained}, {"-", "lost", c.Lost}, {"=", "kept", kept}} {
			for _, a := range side.regions {
				if asJSON {
					if err := encoder.Encode(changeObject{side.change, c.Principals, c.IsEveryoneElse(), newAccessObject(a)}); err != nil {
						return err
					}
					continue
				}
				text := accessText(a)
				if a.Operations == 0 {
					text = "nothing else on " + a.Type.DisplayName() + " " + a.Names.String()
				}
				fmt.Fprintf(out, "%s %s: %s\n", side.sign, principalsText(c.Principals, nil), text)
			}
		}
	}
	return nil
}

// changedNames returns the names in c, sorted. Parts may overlap.
func changedNames(c inspect.Change) inspect.NameSet {
	var names inspect.NameSet
	for _, a := range append(slices.Clone(c.Gained), c.Lost...) {
		names = append(names, a.Names...)
	}
	slices.SortFunc(names, func(a, b inspect.NameRange) int { return strings.Compare(a.Name, b.Name) })
	return names
}
