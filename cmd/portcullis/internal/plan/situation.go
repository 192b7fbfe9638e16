package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cluster"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// situation is a cluster and what is to be changed there.
type situation struct {
	state   *cluster.State
	config  snapshot.Config
	scope   scope
	managed []acl.Binding // the cluster's ACLs in the scope, sorted
	plan    inspect.Plan
	changes []inspect.Change
	roles   []roleChange // if the desired ACLs come from a file of roles
}

// newSituation compares a cluster with the ACLs that it is to have in the scope.
func newSituation(state *cluster.State, config snapshot.Config, s scope, desired []acl.Binding, progress inspect.Progress) (*situation, error) {
	var foreign, managed []acl.Binding
	for _, b := range state.ACLs {
		if s.has(b) {
			managed = append(managed, b)
		} else {
			foreign = append(foreign, b)
		}
	}
	slices.SortFunc(managed, acl.Binding.Compare)
	var errs cli.Errors
	for _, b := range desired {
		if !s.has(b) && len(errs) < lines.MaxErrors {
			errs.Refuse("the desired ACL %s is not in the scope of --managed-by: extend the scope, or remove the ACL", cli.ACLText(b))
		}
	}
	if len(errs) > 0 {
		return nil, errs.Join()
	}
	before, errBefore := aclset.NewStore(config, state.ACLs)
	after, errAfter := aclset.NewStore(config, slices.Concat(foreign, desired))
	errs.Add(errBefore)
	errs.Add(errAfter)
	if len(errs) > 0 {
		return nil, errs.Join()
	}
	plan := inspect.NewPlan(before.Load(), after.Load())
	for _, step := range plan.Steps {
		if err := refusal(state, step); err != nil && len(errs) < lines.MaxErrors {
			errs.Refuse("the cluster would refuse the desired ACL %s: %w", cli.ACLText(step.Binding), err)
		}
	}
	changes, err := inspect.Diff(before.Load(), after.Load(), progress)
	errs.Add(err)
	return &situation{state: state, config: config, scope: s, managed: managed, plan: plan, changes: changes}, errs.Join()
}

// refusal returns why the cluster would refuse a step, or nil. Before 4.4 it takes any host.
func refusal(state *cluster.State, step inspect.Step) error {
	if step.Phase.Removes() {
		return nil
	}
	err := step.ValidateNew(state.Finalized)
	if invalid, ok := errors.AsType[*acl.InvalidError](err); ok && invalid.Field == "host" && state.Semantics() != snapshot.KafkaExact44 {
		return nil
	}
	return err
}

// hashOf returns the hash of a sorted list of ACLs.
func hashOf(sorted []acl.Binding) string {
	h := sha256.New()
	for _, b := range sorted {
		e := b.Entry
		fmt.Fprintf(h, "%v %q %v %q %q %v %v\n", b.Pattern.Type, b.Pattern.Name, b.Pattern.PatternType, e.Principal, e.Host, e.Operation, e.Permission)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// applier is who makes the changes.
type applier struct {
	principal principal.Principal // zero if it is not known
	host      *cli.Once
}

// checkLockout returns an error if who makes the changes may lose the right to describe or
// alter the ACLs, at the end or in the middle. In the middle it has every right that it has
// before and after, except in a window.
func (s *situation) checkLockout(who applier) error {
	name := lines.Printable(who.principal.String())
	if who.principal.IsZero() {
		name = "somebody who may be the client"
	}
	needed := ops.SetOf(ops.Alter, ops.Describe)
	own := principal.Wildcard
	if !who.principal.IsZero() {
		own = who.principal.String()
	}
	advice := "the cluster's super users cannot be seen by a client: if " + name + " is one, say so with --super-users or --allow-lockout"
	if who.principal.IsZero() {
		advice = "name the client with --as"
	}
	everyone := true // the change for everyone else applies to the client
	for _, c := range s.changes {
		applies := who.principal.IsZero() || slices.Contains(c.Principals, own) || c.IsEveryoneElse() && everyone
		if c.Type != resource.Cluster || !applies {
			continue
		}
		if !c.IsEveryoneElse() && c.Names.Contains(resource.ClusterName) && !who.principal.IsZero() {
			everyone = false
		}
		for _, a := range c.Lost {
			if a.Operations&needed == 0 || !a.Names.Contains(resource.ClusterName) || !who.isFrom(a.Hosts) {
				continue
			}
			var causes []string
			for _, step := range s.plan.Causes(c.Principals, a, false) {
				causes = append(causes, step.Phase.String()+" "+cli.ACLText(step.Binding))
			}
			return fmt.Errorf("%s would lose %s on the cluster, without which ACLs cannot be changed: %s: %s", name,
				strings.Join(cli.DisplayNames((a.Operations&needed).All()), " and "), strings.Join(causes, "; "), advice)
		}
	}
	for _, w := range s.plan.Windows {
		if w.Type == resource.Cluster && w.Names.Contains(resource.ClusterName) && !slices.ContainsFunc(s.config.SuperUsers, who.principal.Equal) {
			return fmt.Errorf("between change %d and change %d %s may have no right on the cluster, because of allow.everyone.if.no.acl.found: add the ACLs of the cluster first: %s",
				w.First+1, w.Last+1, name, advice)
		}
	}
	return nil
}

// isFrom reports whether the client may be at one of the hosts.
func (a applier) isFrom(hosts inspect.HostSet) bool {
	if !a.host.Given {
		return true
	}
	return hosts.Contains(parseHost(a.host.Text))
}
