package inspect_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// planOf returns the plan from the ACLs of one world to those of another.
func planOf(t testing.TB, from, to refmodel.World) inspect.Plan {
	t.Helper()
	return inspect.NewPlan(snapshotOf(t, from), snapshotOf(t, to))
}

// shuffled returns the steps with those of each phase in another order.
func shuffled(src gen.Source, steps []inspect.Step) []inspect.Step {
	list := slices.Clone(steps)
	for i := range list {
		j := i + src.IntN(len(list)-i)
		if list[i].Phase == list[j].Phase {
			list[i], list[j] = list[j], list[i]
		}
	}
	return list
}

// TestPlanIsSafeAtEveryStep makes the steps of plans between random sets of ACLs one by one,
// in the order of the plan and in other orders of the steps of a phase. After each step, the
// engine must allow only what it allows before or after, and must allow what it allows before
// and after, except in the windows of the plan.
func TestPlanIsSafeAtEveryStep(outer *testing.T) {
	prefixes, questions, interrupted := 0, 0, 0
	rapid.Check(outer, func(t *rapid.T) {
		src := gen.Rapid(t)
		from := gen.World(src)
		from.Loading = false
		to := from
		to.ACLs = nil
		for _, b := range from.ACLs {
			if src.IntN(3) == 0 {
				to.ACLs = append(to.ACLs, b)
			}
		}
		for range src.IntN(8) {
			to.ACLs = append(to.ACLs, gen.Next(src, slices.Concat(from.ACLs, to.ACLs)))
		}
		plan := inspect.NewPlan(acltest.Store(outer, acltest.Config(from), from.ACLs...).Load(), acltest.Store(outer, acltest.Config(to), to.ACLs...).Load())
		if !from.AllowIfNoACL {
			require.Empty(t, plan.Windows)
		}
		ordered := gen.Bool(src)
		steps := plan.Steps
		if !ordered {
			steps = shuffled(src, steps)
		}
		type question struct {
			subject       refmodel.Subject
			request       refmodel.Request
			before, after bool
		}
		var asked []question
		both := slices.Concat(from.ACLs, to.ACLs)
		before, after := acltest.Store(outer, acltest.Config(from), from.ACLs...), acltest.Store(outer, acltest.Config(to), to.ACLs...)
		for range 24 {
			who, r := gen.Question(src, both)
			if from.Check(who, r).Fallback || to.Check(who, r).Fallback {
				continue
			}
			s := snapshot.Subject(who)
			asked = append(asked, question{who, r,
				before.Check(s, r.Operation, r.Type, r.Name).Allowed(), after.Check(s, r.Operation, r.Type, r.Name).Allowed()})
		}
		now := acltest.Store(outer, acltest.Config(from), from.ACLs...)
		during := from
		for done, step := range steps {
			require.NoError(t, now.Update(func(tx *snapshot.Tx) error {
				changed := false
				if step.Phase.Removes() {
					changed = tx.Remove(step.Binding)
				} else {
					changed = tx.Add(step.Binding)
				}
				require.True(t, changed, "step %d changes nothing", done)
				return nil
			}))
			during.ACLs = slices.Collect(now.Load().All())
			prefixes++
			for _, q := range asked {
				if during.Check(q.subject, q.request).Fallback {
					continue
				}
				questions++
				allowed := now.Check(snapshot.Subject(q.subject), q.request.Operation, q.request.Type, q.request.Name).Allowed()
				if allowed {
					require.True(t, q.before || q.after, "after step %d, %+v is allowed to %+v, and neither before nor after", done, q.request, q.subject)
				} else if q.before && q.after {
					require.True(t, from.AllowIfNoACL, "after step %d, %+v is denied to %+v, but before and after it is allowed", done, q.request, q.subject)
					if ordered {
						interrupted++
						require.True(t, slices.ContainsFunc(plan.Windows, func(w inspect.Window) bool { return interrupts(w, done, q.subject, q.request) }),
							"after step %d, %+v is denied to %+v, and no window says so: %+v", done, q.request, q.subject, plan.Windows)
					}
				}
			}
		}
		require.ElementsMatch(t, slices.Collect(after.Load().All()), slices.Collect(now.Load().All()), "the plan does not end at the desired ACLs")
	})
	outer.Logf("%d prefixes of plans, %d questions, %d of them interrupted by a window", prefixes, questions, interrupted)
	if !testing.Short() { // short runs draw few
		assert.Positive(outer, interrupted)
	}
}

// interrupts reports whether a window says that a request is denied after the step done.
func interrupts(w inspect.Window, done int, who refmodel.Subject, r refmodel.Request) bool {
	if w.Type != r.Type || !w.Names.Contains(r.Name) || done < w.First || done >= w.Last {
		return false
	}
	return w.More || slices.ContainsFunc(w.ACLs, func(b acl.Binding) bool {
		alone := refmodel.World{ACLs: []acl.Binding{b}}
		return alone.Check(who, r).Allowed()
	})
}

func TestPlanWindows(t *testing.T) {
	a, all := acltest.Topic("a"), acltest.Topic("*")
	pay, payroll := acltest.Topics("pay"), acltest.Topics("payroll")
	alice, bob := acltest.Allow("User:alice", ops.Read, a), acltest.Allow("User:bob", ops.Write, a)
	everyone := acltest.Allow("User:*", ops.All, a)
	names := func(prefix bool, name string) inspect.NameSet { return inspect.NameSet{{Prefix: prefix, Name: name}} }
	for name, test := range map[string]struct {
		from, to []acl.Binding
		want     []inspect.Window
	}{
		"the first ACLs of a name": {nil, []acl.Binding{alice, bob}, []inspect.Window{
			{Type: resource.Topic, Names: names(false, "a"), First: 0, Last: 1, ACLs: []acl.Binding{bob}}}},
		"the last ACLs of a name": {[]acl.Binding{alice, bob}, nil, []inspect.Window{
			{Type: resource.Topic, Names: names(false, "a"), First: 0, Last: 1, ACLs: []acl.Binding{alice}}}},
		"one ACL that allows what the others do": {nil, []acl.Binding{everyone, alice, bob}, nil},
		"only one ACL":                           {nil, []acl.Binding{alice}, nil},
		"only DENY":                              {nil, []acl.Binding{acltest.Deny("User:alice", ops.Read, a)}, nil},
		"a name that stays covered":              {[]acl.Binding{alice}, []acl.Binding{bob}, nil},
		"a DENY before the ALLOW": {nil, []acl.Binding{acltest.Deny("User:eve", ops.Read, pay), acltest.Allow("User:bob", ops.Read, payroll)}, []inspect.Window{
			{Type: resource.Topic, Names: names(true, "payroll"), First: 0, Last: 1, ACLs: []acl.Binding{acltest.Allow("User:bob", ops.Read, payroll)}}}},
		"all names except one that stays covered": {[]acl.Binding{alice}, []acl.Binding{alice, acltest.Allow("User:bob", ops.Read, all), acltest.Allow("User:eve", ops.Read, all)}, []inspect.Window{
			{Type: resource.Topic, Names: inspect.NameSet{{Prefix: true, Except: names(false, "a")}}, First: 0, Last: 1, ACLs: []acl.Binding{acltest.Allow("User:eve", ops.Read, all)}}}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, open := range []bool{false, true} {
				from, to := refmodel.World{ACLs: test.from, AllowIfNoACL: open}, refmodel.World{ACLs: test.to, AllowIfNoACL: open}
				got := planOf(t, from, to).Windows
				if open {
					assert.Equal(t, test.want, got)
				} else {
					assert.Empty(t, got, "without AllowIfNoACL")
				}
			}
		})
	}
}

// TestPlanWindowsAreBounded makes a plan with more ACLs in a window than are listed.
func TestPlanWindowsAreBounded(t *testing.T) {
	var acls []acl.Binding
	for _, b := range manyPrincipals(inspect.MaxWindowACLs + 10) {
		acls = append(acls, acltest.Allow(b, ops.Read, acltest.Topic("a")))
	}
	windows := planOf(t, refmodel.World{AllowIfNoACL: true}, refmodel.World{AllowIfNoACL: true, ACLs: acls}).Windows
	require.Len(t, windows, 1)
	assert.Len(t, windows[0].ACLs, inspect.MaxWindowACLs)
	assert.True(t, windows[0].More)
	assert.Equal(t, len(acls)-1, windows[0].Last)
}

func manyPrincipals(n int) (list []string) {
	for i := range n {
		list = append(list, "User:"+string(rune('a'+i)))
	}
	return list
}

func TestPlanPhases(t *testing.T) {
	deny, allow := acltest.Deny("User:a", ops.Read, acltest.Topic("a")), acltest.Allow("User:a", ops.Read, acltest.Topic("a"))
	newDeny, newAllow := acltest.Deny("User:b", ops.Read, acltest.Topic("a")), acltest.Allow("User:b", ops.Read, acltest.Topic("a"))
	plan := planOf(t, refmodel.World{ACLs: []acl.Binding{allow, deny}}, refmodel.World{ACLs: []acl.Binding{newAllow, newDeny}})
	assert.Equal(t, []inspect.Step{{inspect.AddDenies, newDeny}, {inspect.AddAllows, newAllow}, {inspect.RemoveAllows, allow}, {inspect.RemoveDenies, deny}}, plan.Steps)
	for phase, want := range map[inspect.Phase]string{0: "no phase", inspect.AddDenies: "add DENY", inspect.AddAllows: "add ALLOW", inspect.RemoveAllows: "remove ALLOW", inspect.RemoveDenies: "remove DENY"} {
		assert.Equal(t, want, phase.String())
		assert.Equal(t, phase >= inspect.RemoveAllows, phase.Removes())
	}
}

// TestPlanCauses compares the causes of what a plan changes with the engine: without its
// causes, the plan does not change that access.
func TestPlanCauses(outer *testing.T) {
	found := 0
	rapid.Check(outer, func(t *rapid.T) {
		src := gen.Rapid(t)
		from := gen.World(src)
		from.Loading, from.Exact, from.Networks = false, false, false // where Kafka gives no answer, ACLs that do not match change answers
		to := from
		to.ACLs = slices.DeleteFunc(slices.Clone(from.ACLs), func(acl.Binding) bool { return src.IntN(2) == 0 })
		to.ACLs = append(to.ACLs, gen.ACLs(src, src.IntN(6))...)
		before, after := acltest.Store(outer, acltest.Config(from), from.ACLs...), acltest.Store(outer, acltest.Config(to), to.ACLs...)
		plan := inspect.NewPlan(before.Load(), after.Load())
		changes, err := inspect.Diff(before.Load(), after.Load(), nil)
		require.NoError(t, err)
		for _, c := range changes {
			for _, gained := range []bool{true, false} {
				regions := c.Lost
				if gained {
					regions = c.Gained
				}
				for _, a := range regions {
					causes := plan.Causes(c.Principals, a, gained)
					require.NotEmpty(t, causes, "%v %v gained=%v has no cause in %v", c.Principals, a, gained, plan.Steps)
					found++
				}
			}
		}
	})
	outer.Logf("%d changes have causes", found)
	assert.Positive(outer, found)
}

func TestPlanCausesAreExact(t *testing.T) {
	pay, eu := acltest.Topics("pay"), acltest.Topic("pay.eu")
	read, write := acltest.Allow("User:a", ops.Read, pay), acltest.Allow("User:a", ops.Write, pay)
	deny, other := acltest.DenyFrom("User:*", "10.0.0.0/8", ops.Read, eu), acltest.Allow("User:b", ops.Read, eu)
	plan := planOf(t, refmodel.World{ACLs: []acl.Binding{write}}, refmodel.World{ACLs: []acl.Binding{read, deny, other}})
	access := func(op ops.Operation, name inspect.NameRange, hosts inspect.HostSet) inspect.Access {
		return inspect.Access{Type: resource.Topic, Operations: ops.SetOf(op), Names: inspect.NameSet{name}, Hosts: hosts}
	}
	everywhere := inspect.HostSet{inspect.Everywhere}
	a := []string{"User:a"}
	prefix := inspect.NameRange{Prefix: true, Name: "pay"}
	assert.Equal(t, []inspect.Step{{inspect.AddAllows, read}}, plan.Causes(a, access(ops.Read, prefix, everywhere), true))
	assert.Equal(t, []inspect.Step{{inspect.RemoveAllows, write}}, plan.Causes(a, access(ops.Write, prefix, everywhere), false))
	assert.Equal(t, []inspect.Step{{inspect.AddDenies, deny}}, plan.Causes(a, access(ops.Read, prefix, everywhere), false))
	assert.Empty(t, plan.Causes(a, access(ops.Read, inspect.NameRange{Prefix: true, Name: "pay", Except: inspect.NameSet{{Name: "pay.eu"}}}, everywhere), false), "another name")
	assert.Empty(t, plan.Causes(a, access(ops.Read, prefix, inspect.HostSet{{Network: netip.MustParsePrefix("192.0.2.0/24")}}), false), "another host")
	assert.Empty(t, plan.Causes(nil, access(ops.Read, prefix, everywhere), true), "another principal")
}
