package report

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/browsertest"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// engine answers what a page must show by asking check, name by name and address by address. It
// shares nothing with the matrix.
type engine struct {
	snapshot *snapshot.Snapshot
	rows     []principal.Principal // everyone else first
	shown    []string              // as the page shows them
	columns  []resource.Pattern
	hosts    []netip.Addr
}

func newEngine(t *testing.T, list []acl.Binding, config snapshot.Config) *engine {
	t.Helper()
	store := snapshot.NewStore(config)
	require.NoError(t, store.Replace(slices.Values(list)))
	e := &engine{snapshot: store.Load(), hosts: []netip.Addr{netip.MustParseAddr("198.51.100.77"), netip.MustParseAddr("2001:db8:1::77")}}
	names := map[string]bool{}
	for _, p := range config.SuperUsers {
		names[p.String()] = true
	}
	for _, b := range list {
		names[b.Entry.Principal] = true
		if !slices.Contains(e.columns, b.Pattern) {
			e.columns = append(e.columns, b.Pattern)
		}
		if host := acl.ParseHost(b.Entry.Host); host.Network().IsValid() {
			e.hosts = append(e.hosts, lastOf(host.Network()))
		} else if host.Addr().IsValid() {
			e.hosts = append(e.hosts, host.Addr())
		}
	}
	delete(names, "User:*")
	e.rows, e.shown = []principal.Principal{principal.User("nobody that an ACL names")}, []string{"everyone else"}
	for name := range names {
		p, err := principal.Parse(name)
		require.NoError(t, err)
		e.rows, e.shown = append(e.rows, p), append(e.shown, lines.Printable(name))
	}
	return e
}

// lastOf returns the last address of a network, which is in no smaller one of the tests.
func lastOf(network netip.Prefix) netip.Addr {
	bytes := network.Masked().Addr().AsSlice()
	for i := network.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// names returns a name of each part of a pattern that patterns tell apart.
func (e *engine) names(p resource.Pattern) (names []string) {
	if p.PatternType == resource.Literal && p.Name != resource.Wildcard {
		return []string{p.Name}
	}
	candidates := []string{"~"}
	for _, c := range e.columns {
		if c.Type == p.Type && c.Name != resource.Wildcard {
			candidates = append(candidates, c.Name, c.Name+"~")
		}
	}
	for _, name := range candidates {
		if p.PatternType == resource.Literal || strings.HasPrefix(name, p.Name) {
			names = append(names, name)
		}
	}
	return names
}

// level returns how an operation must look: the class of its letter.
func (e *engine) level(who principal.Principal, p resource.Pattern, op ops.Operation) string {
	allowed, denied, unmatched := false, false, false
	for _, name := range e.names(p) {
		for _, host := range e.hosts {
			d := e.snapshot.Check(snapshot.Subject{Principal: who, Host: host}, op, p.Type, name)
			allowed = allowed || d.Allowed()
			denied = denied || !d.Allowed() && d.Reason() == snapshot.MatchingDeny
			unmatched = unmatched || !d.Allowed() && d.Reason() != snapshot.MatchingDeny
		}
	}
	hole := ""
	if denied {
		hole = " hole"
	}
	switch {
	case allowed && !denied && !unmatched:
		return "all"
	case allowed:
		return "some" + hole
	case denied && !unmatched:
		return "denied"
	}
	return "none" + hole
}

func label(p resource.Pattern) string {
	kind := " "
	if p.PatternType == resource.Prefixed {
		kind = " prefix "
	}
	return p.Type.DisplayName() + kind + lines.Printable(p.Name)
}

// table is what a page shows, or must show: row, column and operation to look.
type table map[[3]string]string

// expected returns the cells for an operation, or all with Any, that are shown for a choice of
// access.
func (e *engine) expected(op ops.Operation, access string) (rows, columns []string, cells table) {
	full := table{}
	hitRows, hitColumns := map[string]bool{}, map[string]bool{}
	for i, who := range e.rows {
		for _, p := range e.columns {
			for o := range ops.Supported(p.Type).All() {
				if op != ops.Any && o != op {
					continue
				}
				look := e.level(who, p, o)
				full[[3]string{e.shown[i], label(p), o.DisplayName()}] = look
				allowed := look == "all" || strings.HasPrefix(look, "some")
				denied := look == "denied" || strings.HasSuffix(look, "hole")
				if access == "allowed" && allowed || access == "denied" && denied || access == "" && (allowed || denied) {
					hitRows[e.shown[i]], hitColumns[label(p)] = true, true
				}
			}
		}
	}
	all := op == ops.Any && access == ""
	cells = table{}
	for key, look := range full {
		if all || hitRows[key[0]] && hitColumns[key[1]] {
			cells[key] = look
		}
	}
	for _, row := range e.shown {
		if all || hitRows[row] {
			rows = append(rows, row)
		}
	}
	for _, p := range e.columns {
		if all || hitColumns[label(p)] {
			columns = append(columns, label(p))
		}
	}
	slices.Sort(rows)
	slices.Sort(columns)
	return rows, columns, cells
}

// readCells reads the visible matrix: the rows, the columns, and of each cell its label and letters.
const readCells = `(() => {
  const label = e => e.getAttribute('aria-label');
  const heads = [...document.querySelectorAll('thead th button')].map(label);
  const rows = [...document.querySelectorAll('tbody tr')].map(tr => [tr.querySelector('th button').title,
    [...tr.querySelectorAll('.cell')].map(cell => [label(cell), [...cell.querySelectorAll('.chip')].map(chip => [chip.dataset.op, chip.className.replace('chip ', '')])])]);
  return {heads, rows};
})()`

var words = map[string]string{"all": "allowed", "some": "allowed in part", "some hole": "allowed in part, a DENY refuses a part", "denied": "denied by a DENY", "none hole": "not allowed, a DENY refuses a part"}

// shownCells returns what the page shows, after it has compared the letters with the labels
// that a screen reader reads.
func shownCells(t *testing.T, b *browsertest.Browser, types map[string][]string, only string) (rows, columns []string, cells table) {
	t.Helper()
	got := b.Eval(readCells).(map[string]any)
	cells = table{}
	for _, head := range got["heads"].([]any) {
		columns = append(columns, head.(string))
	}
	for _, r := range got["rows"].([]any) {
		name := r.([]any)[0].(string)
		rows = append(rows, name)
		list := r.([]any)[1].([]any)
		require.Len(t, list, len(columns), "cells of %s", name)
		for j, c := range list {
			spoken := c.([]any)[0].(string) + ";"
			require.True(t, strings.HasPrefix(spoken, name+", "+columns[j]+": "), spoken)
			kind, _, _ := strings.Cut(columns[j], " ")
			for _, op := range types[kind] {
				if only == "" || op == only {
					cells[[3]string{name, columns[j], op}] = "none"
				}
			}
			for _, chip := range c.([]any)[1].([]any) {
				op, look := chip.([]any)[0].(string), chip.([]any)[1].(string)
				cells[[3]string{name, columns[j], op}] = look
				if look != "none" {
					assert.Regexp(t, `[:;] `+op+` `+words[look]+`( \(by [a-z ]+\))?;`, spoken)
				}
			}
		}
	}
	slices.Sort(rows)
	slices.Sort(columns)
	return rows, columns, cells
}

func readACLs(t *testing.T, path string) []acl.Binding {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	list, err := acl.Read(f, path, acl.FormatAuto)
	require.NoError(t, err)
	return list
}

// randomACLs returns ACLs that overlap in names, hosts and principals.
func randomACLs(seed uint64) []acl.Binding {
	random := rand.New(rand.NewPCG(seed, 21))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	unique := map[acl.Binding]bool{}
	for range 30 {
		kind := []resource.Type{resource.Topic, resource.Group, resource.TransactionalID, resource.Cluster}[random.IntN(4)]
		p := resource.LiteralPattern(kind, pick("*", "a", "a.b", "a.b.c", "b"))
		if random.IntN(2) == 0 {
			p = resource.PrefixedPattern(kind, pick("a", "a.", "a.b", "b"))
		}
		if kind == resource.Cluster {
			p = resource.LiteralPattern(kind, resource.ClusterName)
		}
		supported := append(slices.Collect(ops.Supported(kind).All()), ops.All)
		permission := acl.Allow
		if random.IntN(4) == 0 {
			permission = acl.Deny
		}
		unique[acl.Binding{Pattern: p, Entry: acl.Entry{Principal: pick("User:*", "User:a", "User:b", "User:CN=c,O=\"x\"", "Group:g"),
			Host: pick("*", "*", "*", "10.0.0.1", "10.0.0.0/24", "10.0.0.0/8", "2001:db8::/64"), Operation: supported[random.IntN(len(supported))], Permission: permission}}] = true
	}
	var list []acl.Binding
	for b := range unique {
		list = append(list, b)
	}
	slices.SortFunc(list, acl.Binding.Compare)
	return list
}

// Every cell of the page says what check says: of all principals, patterns and operations, and
// with each choice of operation and access.
func TestEveryCellInBrowser(t *testing.T) {
	sets := map[string][]acl.Binding{"acme": readACLs(t, acme+"acls.txt"), "upgrade": readACLs(t, "../../../../examples/upgrade/acls.txt")}
	for seed := range uint64(4) {
		sets[fmt.Sprint("random ", seed)] = randomACLs(seed)
	}
	b := browsertest.New(t)
	b.Resize(6000, 1400) // the whole matrix is visible
	compared := 0
	for name, list := range sets {
		t.Run(name, func(t *testing.T) {
			admin, err := principal.Parse("User:admin")
			require.NoError(t, err)
			config := snapshot.Config{SuperUsers: []principal.Principal{admin}, AllowIfNoACL: name == "random 3"}
			args := []string{"--acls", file(t, encodeACLs(list...)), "--super-users", "User:admin"}
			if config.AllowIfNoACL {
				args = append(args, "--allow-everyone-if-no-acl-found")
			}
			b.Open(newReport(t, args...))
			b.Eval(`document.getElementById('grouped').click()`)
			e := newEngine(t, list, config)
			types := map[string][]string{}
			for _, kind := range resource.Types() {
				for o := range ops.Supported(kind).All() {
					types[kind.DisplayName()] = append(types[kind.DisplayName()], o.DisplayName())
				}
			}
			for op := ops.Any; op.IsKnown(); op++ {
				for _, access := range []string{"", "allowed", "denied"} {
					only := ""
					if op != ops.Any {
						only = op.DisplayName()
						if b.Eval(fmt.Sprintf(`[...document.getElementById('operation').options].some(o => o.text === %q)`, only)) == false {
							continue // no type of the set has it
						}
					}
					b.Eval(fmt.Sprintf(`(() => { const o = document.getElementById('operation'), a = document.getElementById('access');
						o.value = %q === '' ? '' : [...o.options].find(x => x.text === %[1]q).value; a.value = %q; a.dispatchEvent(new Event('input')); })()`, only, access))
					wantRows, wantColumns, want := e.expected(op, access)
					rows, columns, got := shownCells(t, b, types, only)
					assert.Equal(t, wantColumns, columns, "columns of %v %s", op, access)
					assert.Equal(t, wantRows, rows, "rows of %v %s", op, access)
					assert.Equal(t, want, got, "cells of %v %s", op, access)
					compared += len(want)
				}
			}
		})
	}
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
	t.Logf("%d cells compared", compared)
	assert.GreaterOrEqual(t, compared, 10_000, "cells compared")
}

// One column stands for patterns on which all principals may do the same, and for no others.
func TestGroupedColumnsInBrowser(t *testing.T) {
	b := browsertest.New(t)
	b.Resize(6000, 1400)
	var sizes []int
	for seed := range uint64(4) {
		list := randomACLs(seed)
		for i := range 5 { // patterns that look the same
			b := list[0]
			b.Pattern = resource.LiteralPattern(resource.Topic, fmt.Sprint("same-", i))
			list = append(list, b)
		}
		e := newEngine(t, list, snapshot.Config{})
		b.Open(newReport(t, "--acls", file(t, encodeACLs(list...))))
		var members []string
		for i := range int(b.Eval(`document.querySelectorAll('thead th button').length`).(float64)) {
			b.Eval(fmt.Sprintf(`document.querySelectorAll('thead th button')[%d].click()`, i))
			names := b.Eval(`[...document.querySelectorAll('#explanation li')].map(li => li.firstChild.textContent)`).([]any)
			sizes = append(sizes, len(names))
			var first string
			for j, name := range names {
				members = append(members, name.(string))
				column := slices.IndexFunc(e.columns, func(p resource.Pattern) bool { return label(p) == name })
				require.GreaterOrEqual(t, column, 0, name)
				looks := e.columns[column].Type.String()
				for _, who := range e.rows {
					for op := range ops.Supported(e.columns[column].Type).All() {
						looks += "," + e.level(who, e.columns[column], op)
					}
				}
				if j == 0 {
					first = looks
				}
				assert.Equal(t, first, looks, "%s and %s are one column", names[0], name)
			}
			b.Press("Escape")
		}
		var want []string
		for _, p := range e.columns {
			want = append(want, label(p))
		}
		assert.ElementsMatch(t, want, members, "each pattern is in one column")
	}
	assert.GreaterOrEqual(t, slices.Max(sizes), 5, "the largest group")
}
