package fuzz_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/inspect"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// property is something that holds in every world. hold fails t if it does not, and
// returns how often what it is about came up.
type property struct {
	name  string
	hold  func(t rapid.TB, src gen.Source) (met int)
	least int // how often it must come up in one run of the test
}

var properties = []property{
	{"equal to the model", equalToModel, 10000},
	{"the order of ACLs does not matter", orderDoesNotMatter, 10000},
	{"a deny only removes", denyOnlyRemoves, 500},
	{"an allow only adds", allowOnlyAdds, 500},
	{"renaming on both sides changes nothing", renamingChangesNothing, 10000},
	{"a super user always passes", superUserPasses, 9000},
	{"the ACL named is one that decides", namedACLDecides, 1200},
	{"a batch agrees with single checks", batchAgrees, 10000},
	{"a session agrees with the stateless check across updates", sessionAgrees, 30000},
	{"by type is the existence of a name", byTypeIsExistence, 1800},
	{"the filter MATCH selects what decides", matchAgreesWithCheck, 4000},
	{"text and JSON come back", formatsComeBack, 3400},
	{"ZooKeeper's documents come back", documentsComeBack, 2300},
	{"the wire form comes back", wireComesBack, 4000},
	{"explain agrees with check", explainAgrees, 8000},
}

// seededWorlds is from how many seeds each property is held before rapid draws
// others: the seeds are always the same, so that what they meet can be counted.
const seededWorlds = 1000

func TestProperties(t *testing.T) {
	for _, p := range properties {
		t.Run(p.name, func(t *testing.T) {
			met := 0
			for seed := range uint64(seededWorlds) {
				met += p.hold(t, gen.Seeded(seed))
			}
			t.Logf("%d worlds, in which it came up %d times", seededWorlds, met)
			if met < p.least {
				t.Fatalf("came up %d times, want %d", met, p.least)
			}
			rapid.Check(t, func(t *rapid.T) { p.hold(t, gen.Rapid(t)) })
		})
	}
}

// asked is how many questions a property asks in each world.
const asked = 10

// storeOf returns a store that holds the ACLs of the world.
func storeOf(t rapid.TB, w refmodel.World) *snapshot.Store {
	t.Helper()
	store := snapshot.NewStore(acltest.Config(w))
	change(t, store, w.ACLs, nil)
	return store
}

func change(t rapid.TB, store *snapshot.Store, come, gone []acl.Binding) {
	t.Helper()
	err := store.Update(func(tx *snapshot.Tx) error {
		for _, b := range gone {
			tx.Remove(b)
		}
		for _, b := range come {
			tx.Add(b)
		}
		return nil
	})
	require.NoError(t, err)
}

// ask returns the decision of a store.
func ask(store *snapshot.Store, s refmodel.Subject, r refmodel.Request) snapshot.Decision {
	return store.Load().Check(snapshot.Subject(s), r.Operation, r.Type, r.Name)
}

func equalToModel(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	store := storeOf(t, w)
	for range asked {
		s, r := gen.Question(src, w.ACLs)
		d, want := ask(store, s, r), w.Check(s, r)
		if d.Reason().String() != string(want.Rule) || d.Allowed() != want.Allowed() {
			t.Fatalf("%+v asks %+v in %+v: got %v, the model says %v", s, r, w, d, want)
		}
		met++
		any, wantAny := store.Load().CheckAny(snapshot.Subject(s), r.Operation, r.Type), w.CheckAny(s, r.Operation, r.Type)
		if any.Allowed() != wantAny.Allowed() {
			t.Fatalf("%+v asks for any %v %v in %+v: got %v, the model says %v", s, r.Operation, r.Type, w, any, wantAny)
		}
	}
	return met
}

func orderDoesNotMatter(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	shuffled := gen.Shuffled(src, w.ACLs)
	one := storeOf(t, w)
	w.ACLs = nil
	other := storeOf(t, w)
	w.ACLs = shuffled
	for _, b := range shuffled { // one by one, with something that comes and goes between
		extra := gen.Binding(src)
		change(t, other, []acl.Binding{b, extra}, nil)
		if !slices.Contains(w.ACLs, extra) {
			change(t, other, nil, []acl.Binding{extra})
		}
	}
	for range asked {
		s, r := gen.Question(src, w.ACLs)
		a, b := ask(one, s, r), ask(other, s, r)
		by, _ := a.Binding()
		otherBy, _ := b.Binding()
		if a.Reason() != b.Reason() || by != otherBy {
			t.Fatalf("%+v asks %+v: %v, in another order %v", s, r, a, b)
		}
		met++
	}
	return met
}

// answered reports whether Kafka answers in both worlds. Where it does not the
// answer is the documented one, so that an ACL that breaks Kafka's scan can change
// the answer in either direction.
func answered(w, v refmodel.World, s refmodel.Subject, r refmodel.Request) bool {
	return !w.Check(s, r).Fallback && !v.Check(s, r).Fallback
}

func denyOnlyRemoves(t rapid.TB, src gen.Source) (met int) {
	return oneMore(t, src, acl.Deny, func(s refmodel.Subject, r refmodel.Request, before, after snapshot.Decision) {
		if after.Allowed() && !before.Allowed() {
			t.Fatalf("%+v asks %+v: %v, and with one deny more %v", s, r, before, after)
		}
	})
}

func allowOnlyAdds(t rapid.TB, src gen.Source) (met int) {
	return oneMore(t, src, acl.Allow, func(s refmodel.Subject, r refmodel.Request, before, after snapshot.Decision) {
		// One ACL for anybody ends what is allowed because there is none.
		if before.Allowed() && !after.Allowed() && before.Reason() != snapshot.DefaultAllow {
			t.Fatalf("%+v asks %+v: %v, and with one allow more %v", s, r, before, after)
		}
	})
}

// oneMore compares the answers before and after one more ACL, and returns how often
// they differ.
func oneMore(t rapid.TB, src gen.Source, permission acl.PermissionType,
	compare func(s refmodel.Subject, r refmodel.Request, before, after snapshot.Decision)) (met int) {
	w := gen.World(src)
	more := w
	extra := gen.Next(src, w.ACLs)
	extra.Entry.Permission = permission
	more.ACLs = append(slices.Clone(w.ACLs), extra)
	store, larger := storeOf(t, w), storeOf(t, more)
	for range asked {
		s, r := gen.Question(src, gen.Pick(src, [][]acl.Binding{more.ACLs, {extra}}))
		if !answered(w, more, s, r) {
			continue
		}
		before, after := ask(store, s, r), ask(larger, s, r)
		compare(s, r, before, after)
		if before.Reason() != after.Reason() {
			met++
		}
		if !w.Exact {
			before := store.Load().CheckAny(snapshot.Subject(s), r.Operation, r.Type)
			compare(s, r, before, larger.Load().CheckAny(snapshot.Subject(s), r.Operation, r.Type))
		}
	}
	return met
}

// renameResource swaps letters for others, so that prefixes stay prefixes. What
// sorts below an asterisk, and the asterisk, keep their meaning and their place.
var renameResource = strings.NewReplacer("a", "b", "b", "a", "h", "z", "z", "h", "é", "ñ", "\U0001F600", "\U0001F601", "\U0001F601", "\U0001F600")

// renamePrincipal renames every principal but the one that stands for everyone.
func renamePrincipal(text string) string {
	typ, name, ok := strings.Cut(text, ":")
	if !ok || text == principal.Wildcard {
		return text
	}
	return typ + ":renamed " + name
}

func renamingChangesNothing(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	renamed := w
	renamed.ACLs, renamed.SuperUsers = slices.Clone(w.ACLs), nil
	for i := range renamed.ACLs {
		b := &renamed.ACLs[i]
		b.Pattern.Name = renameResource.Replace(b.Pattern.Name)
		b.Entry.Principal = renamePrincipal(b.Entry.Principal)
	}
	rename := func(p principal.Principal) principal.Principal {
		if !p.IsZero() && p.String() != principal.Wildcard {
			p.Name = "renamed " + p.Name
			if typ, rest, ok := strings.Cut(p.Type, ":"); ok { // its text is split elsewhere
				p.Type, p.Name = typ+":renamed "+rest, strings.TrimPrefix(p.Name, "renamed ")
			}
		}
		return p
	}
	for _, p := range w.SuperUsers {
		renamed.SuperUsers = append(renamed.SuperUsers, rename(p))
	}
	one, other := storeOf(t, w), storeOf(t, renamed)
	for range asked {
		s, r := gen.Question(src, w.ACLs)
		d := ask(one, s, r)
		as, of := s, r
		as.Principal, as.Groups = rename(s.Principal), nil
		for _, g := range s.Groups {
			as.Groups = append(as.Groups, rename(g))
		}
		of.Name = renameResource.Replace(r.Name)
		if e := ask(other, as, of); d.Reason() != e.Reason() {
			t.Fatalf("%+v asks %+v of %v: %v; renamed: %v", s, r, w.ACLs, d, e)
		}
		met++
	}
	return met
}

func superUserPasses(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	w.SuperUsers = append(w.SuperUsers, principal.User("root, of all"))
	everything := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "*"),
		Entry: acl.Entry{Principal: principal.Wildcard, Host: "*", Operation: ops.All, Permission: acl.Deny}}
	w.ACLs = append(w.ACLs, everything)
	store := storeOf(t, w)
	for range asked {
		s, r := gen.Question(src, w.ACLs)
		if gen.Bool(src) {
			s.Principal = principal.User("root, of all")
		} else {
			s.Groups = append(s.Groups, principal.User("root, of all"))
		}
		sense := !s.Principal.IsZero() && s.Host.IsValid() && ops.ValidateByType(r.Operation, r.Type) == nil
		if d := ask(store, s, r); sense && d.Reason() != snapshot.SuperUser {
			t.Fatalf("%+v asks %+v: %v", s, r, d)
		}
		if d := store.Load().CheckAny(snapshot.Subject(s), r.Operation, r.Type); sense && d.Reason() != snapshot.SuperUser || !sense && d.Allowed() {
			t.Fatalf("%+v asks for any %+v: %v", s, r, d)
		}
		if sense {
			met++
		}
	}
	return met
}

// namedACLDecides holds the ACL that a decision names against all that match.
func namedACLDecides(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	store := storeOf(t, w)
	for range asked {
		s, r := gen.Question(src, w.ACLs)
		d := ask(store, s, r)
		by, named := d.Binding()
		if named != (d.Reason() == snapshot.MatchingDeny || d.Reason() == snapshot.MatchingAllow) {
			t.Fatalf("%v names an ACL: %t", d, named)
		}
		if !named {
			continue
		}
		met++
		all := w.Explain(s, r)
		first := slices.IndexFunc(all, func(b acl.Binding) bool { return b.Entry.Permission == by.Entry.Permission })
		switch {
		case !slices.Contains(all, by), (by.Entry.Permission == acl.Allow) != d.Allowed():
			t.Fatalf("%+v asks %+v: %v, but what matches is %v", s, r, d, all)
		case !w.Exact && all[first] != by:
			t.Fatalf("%+v asks %+v: %v, but %v comes first of %v", s, r, d, all[first], all)
		case !w.Exact && d.Allowed() && slices.ContainsFunc(all, func(b acl.Binding) bool { return b.Entry.Permission == acl.Deny }):
			t.Fatalf("%+v asks %+v: %v, but a deny matches: %v", s, r, d, all)
		}
	}
	return met
}

// explainAgrees counts the ACLs that match and the near misses. By the documented rules
// the matches are those of the model, and each near miss is a match once it is mended.
func explainAgrees(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	store := storeOf(t, w)
	for range asked {
		s, r := gen.Question(src, w.ACLs)
		d := ask(store, s, r)
		e := inspect.Explain(store.Load(), snapshot.Subject(s), snapshot.Request(r), 0)
		by, named := d.Binding()
		var matches, decides []acl.Binding
		for _, m := range e.Matches {
			matches = append(matches, m.Binding)
			if m.Decides {
				decides = append(decides, m.Binding)
			}
		}
		if e.Decision != d || named != (len(decides) == 1) || named && decides[0] != by || len(decides) > 1 {
			t.Fatalf("%+v asks %+v: %v, explained as %v by %v", s, r, d, e.Decision, decides)
		}
		met += len(matches) + len(e.NearMisses)
		// No ACL can be about nobody, from nowhere, or about what is no operation or type.
		if w.Exact || s.Principal.IsZero() || !s.Host.IsValid() || ops.SetOf(r.Operation) == 0 || !r.Type.IsConcrete() {
			continue
		}
		if want := w.Explain(s, r); !slices.Equal(matches, want) {
			t.Fatalf("%+v asks %+v: %v matches, want %v", s, r, matches, want)
		}
		for _, m := range e.NearMisses {
			if slices.Contains(matches, m.Binding) || !slices.Contains((refmodel.World{ACLs: []acl.Binding{m.Fixed}}).Explain(s, r), m.Fixed) {
				t.Fatalf("%+v asks %+v: %v is no near miss", s, r, m)
			}
		}
	}
	return met
}

func batchAgrees(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	session := storeOf(t, w).Session(snapshot.Subject(gen.Subject(src)))
	var requests []snapshot.Request
	for _, r := range gen.Requests(src, w.ACLs, asked) {
		requests = append(requests, snapshot.Request(r))
	}
	before := []snapshot.Decision{session.Check(ops.Read, resource.Topic, "before")}
	got := session.CheckBatch(slices.Clone(before), requests)
	if len(got) != asked+1 || got[0] != before[0] {
		t.Fatalf("a batch of %d gives %v", asked, got)
	}
	for i, r := range requests {
		if single := session.Check(r.Operation, r.Type, r.Name); got[i+1] != single {
			t.Fatalf("%+v: %v in a batch, %v alone", r, got[i+1], single)
		}
		met++
	}
	return met
}

func sessionAgrees(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	store := storeOf(t, w)
	subject, _ := gen.Question(src, w.ACLs)
	old := store.Session(snapshot.Subject(subject))
	for step := range 3 {
		fresh := store.Session(snapshot.Subject(subject))
		view := old.View()
		for _, r := range gen.Requests(src, w.ACLs, asked) {
			want := ask(store, subject, r)
			for _, d := range []snapshot.Decision{old.Check(r.Operation, r.Type, r.Name), fresh.Check(r.Operation, r.Type, r.Name), view.Check(r.Operation, r.Type, r.Name)} {
				if d != want {
					t.Fatalf("step %d: %+v asks %+v: %v in a session, %v without", step, subject, r, d, want)
				}
			}
			want = store.Load().CheckAny(snapshot.Subject(subject), r.Operation, r.Type)
			if d := old.CheckAny(r.Operation, r.Type); d != want {
				t.Fatalf("step %d: %+v asks for any %+v: %v in a session, %v without", step, subject, r, d, want)
			}
			if view.Allowed(r.Operation, r.Type, r.Name) != ask(store, subject, r).Allowed() || view.AllowedAny(r.Operation, r.Type) != want.Allowed() {
				t.Fatalf("step %d: %+v asks %+v: the view differs", step, subject, r)
			}
			met++
		}
		come := gen.Next(src, w.ACLs)
		var gone []acl.Binding
		if len(w.ACLs) > 0 {
			gone = append(gone, gen.Pick(src, w.ACLs))
		}
		change(t, store, []acl.Binding{come}, gone)
	}
	return met
}

func byTypeIsExistence(t rapid.TB, src gen.Source) (met int) {
	w := gen.World(src)
	w.Exact, w.Loading = false, false
	store := storeOf(t, w)
	for range 4 {
		s, r := gen.Question(src, w.ACLs)
		if ops.ValidateByType(r.Operation, r.Type) != nil {
			continue
		}
		session := store.Session(snapshot.Subject(s))
		exists := slices.ContainsFunc(w.NamesThatMatter(r.Type), func(name string) bool {
			return session.Check(r.Operation, r.Type, name).Allowed()
		})
		if d := session.CheckAny(r.Operation, r.Type); d.Allowed() != exists {
			t.Fatalf("%+v asks for any %v %v of %v: %v, but a name is allowed: %t", s, r.Operation, r.Type, w.ACLs, d, exists)
		}
		met++
	}
	return met
}

// matchAgreesWithCheck holds the filter MATCH against the decision by one ACL for
// everybody, and against what AllowIfNoACL sees.
func matchAgreesWithCheck(t rapid.TB, src gen.Source) (met int) {
	b := gen.Binding(src)
	b.Entry = acl.Entry{Principal: principal.Wildcard, Host: "*", Operation: ops.All, Permission: acl.Deny}
	w := refmodel.World{AllowIfNoACL: true, ACLs: []acl.Binding{b}}
	store := storeOf(t, w)
	anybody := refmodel.Subject{Principal: principal.User("anybody"), Host: gen.Subject(gen.Seeded(1)).Host}
	for range asked {
		r := gen.Request(src, w.ACLs)
		if !r.Type.IsConcrete() || ops.DeniedBy(r.Operation) == 0 {
			continue
		}
		f := resource.PatternFilter{Type: r.Type, PatternType: resource.PatternMatch, Name: &r.Name}
		d := ask(store, anybody, r)
		if f.Matches(b.Pattern) != (d.Reason() == snapshot.MatchingDeny) || f.Matches(b.Pattern) == (d.Reason() == snapshot.DefaultAllow) {
			t.Fatalf("%v selects %v: %t, but %+v: %v", f, b.Pattern, f.Matches(b.Pattern), r, d)
		}
		if f.Matches(b.Pattern) {
			met++
		}
	}
	return met
}

func formatsComeBack(t rapid.TB, src gen.Source) (met int) {
	var list []acl.Binding
	for range src.IntN(8) {
		list = append(list, gen.Valid(src))
	}
	for _, format := range []acl.Format{acl.FormatText, acl.FormatText3, acl.FormatJSON} {
		var buf bytes.Buffer
		require.NoError(t, acl.Write(&buf, format, slices.Values(list)), format)
		again, err := acl.Read(&buf, "", format)
		if err != nil || !slices.Equal(again, list) {
			t.Fatalf("%v: %v comes back as %v, %v", format, list, again, err)
		}
	}
	var lines bytes.Buffer
	for _, b := range list {
		text, err := json.Marshal(b)
		var again acl.Binding
		if err == nil {
			err = json.Unmarshal(text, &again)
		}
		if err != nil || again != b {
			t.Fatalf("%v comes back as %v, %v", b, again, err)
		}
		lines.Write(append(text, '\n'))
		met++
	}
	if again, ok := refmodel.ReadJSON(lines.String()); !ok || !slices.Equal(again, list) {
		t.Fatalf("the model reads %v, %t, want %v: %q", again, ok, list, &lines)
	}
	return met
}

// documentsComeBack writes ACLs as ZooKeeper's documents, and what no node can hold
// not at all.
func documentsComeBack(t rapid.TB, src gen.Source) (met int) {
	var list, held []acl.Binding
	for range src.IntN(8) {
		b := gen.Valid(src)
		list = append(list, b)
		if refmodel.NodeHolds(b.Pattern.Name) {
			held = append(held, b)
		}
	}
	var buf bytes.Buffer
	if err := acl.Write(&buf, acl.FormatZooKeeper, slices.Values(list)); (err == nil) != (len(held) == len(list)) || err != nil && buf.Len() > 0 {
		t.Fatalf("%v is written: %v, %q", list, err, &buf)
	}
	buf.Reset()
	require.NoError(t, acl.Write(&buf, acl.FormatZooKeeper, slices.Values(held)), held)
	text := buf.String()
	slices.SortStableFunc(held, func(a, b acl.Binding) int {
		return acl.Binding{Pattern: a.Pattern}.Compare(acl.Binding{Pattern: b.Pattern})
	})
	again, err := acl.Read(&buf, "", acl.FormatZooKeeper)
	if err != nil || !slices.Equal(again, held) {
		t.Fatalf("%v comes back as %v, %v", held, again, err)
	}
	if again, ok := refmodel.ReadZooKeeper(text); !ok || !slices.Equal(again, held) {
		t.Fatalf("the model reads %v, %t, want %v: %s", again, ok, held, text)
	}
	return len(held)
}

func wireComesBack(t rapid.TB, src gen.Source) (met int) {
	for range 4 {
		p := gen.Subject(src).Principal
		p.TokenAuthenticated = gen.Bool(src)
		wire, err := p.AppendWire(nil)
		require.NoError(t, err, "%+v", p)
		again, err := principal.ParseWire(wire)
		if err != nil || again != p {
			t.Fatalf("%+v comes back as %+v, %v", p, again, err)
		}
		if model, ok := refmodel.ReadWire(wire); !ok || model != p || !bytes.Equal(refmodel.Wire(p), wire) {
			t.Fatalf("%+v is written as %x, which the model reads as %+v, %t", p, wire, model, ok)
		}
		met++
	}
	return met
}
