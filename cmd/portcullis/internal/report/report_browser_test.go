package report

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/browsertest"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// newReport writes the page of a file of ACLs and returns its absolute path.
func newReport(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	stdout, _ := run(t, "", append([]string{"--html", path}, args...)...)
	require.Empty(t, stdout)
	return path
}

// file writes a file of ACLs and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "acls.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// cellSelector finds the cell of a visible row and column.
func cellSelector(row, column int) string {
	return fmt.Sprintf(`[data-row="%d"][data-column="%d"]`, row, column)
}

func TestReportInBrowser(t *testing.T) {
	b := browsertest.New(t)
	b.Open(newReport(t, "--acls", acme+"acls.txt", "--super-users", "User:admin"))
	expectText := func(selector, want string) {
		t.Helper()
		assert.Contains(t, b.Text(selector), want, selector)
	}
	expectLabel := func(row, column int, want string) {
		t.Helper()
		got := b.Eval(fmt.Sprintf(`document.querySelector('%s')?.getAttribute('aria-label')`, cellSelector(row, column)))
		assert.Equal(t, want, got, "cell %d, %d", row, column)
	}
	expectText("#count", "13 of 13 principals, 28 of 28 patterns, in 23 columns")
	expectText("#totals", "58 ACLs, 13 principals, 28 patterns, 14 findings · ACLs of files "+acme+"acls.txt · made 2026-05-04 03:02 UTC")
	assert.Equal(t, "Semantics: documented; what no ACL allows is denied; super users: User:admin.", b.Eval(`document.getElementById('config').textContent`))

	b.Press("/") // the key for search
	b.Write("contractor")
	expectText("#count", "1 of 13 principals")
	b.Click("#resource")
	b.Write("customers.pii")
	// The patterns that have the text, and those that cover a resource with this name.
	expectText("#count", "1 of 13 principals, 4 of 28 patterns")
	const configs = "; DescribeConfigs not allowed, a DENY refuses a part (by address); AlterConfigs not allowed, a DENY refuses a part (by address)"
	const others = "Write not allowed, a DENY refuses a part (by address); Create not allowed, a DENY refuses a part (by address); " +
		"Delete not allowed, a DENY refuses a part (by address); Alter not allowed, a DENY refuses a part (by address); "
	expectLabel(1, 1, "User:contractor, Topic prefix customers.: Read allowed in part, a DENY refuses a part; "+others+
		"Describe allowed in part, a DENY refuses a part"+configs)
	expectLabel(1, 2, "User:contractor, Topic customers.pii: Read denied by a DENY; "+others+"Describe denied by a DENY"+configs)

	b.Click(cellSelector(1, 2))
	expectText("#explanation h2", "User:contractor")
	expectText("#explanation", "Read: denied\nmatching deny: DENY Read to User:contractor on Topic customers.pii from every address")
	expectText("#explanation", "ACLs for the principal on these names: 3")
	expectText("#explanation", "DENY All to User:* on Topic * from 203.0.113.0/24 – decides")
	assert.Equal(t, "explanation", b.Eval(`document.activeElement.id`), "the focus is in the explanation")
	b.Press("Escape")
	assert.Equal(t, "1,2", b.Eval(`[document.activeElement.dataset.row, document.activeElement.dataset.column].join()`), "the focus is back")
	b.Click(cellSelector(1, 1))
	expectText("#explanation", `on all names of the pattern except "customers.pii"`+"\nfrom * except 203.0.113.0/24")
	b.Press("Escape")
	expectText("#explanation", "")

	// Who is not named, and what no pattern covers.
	b.Eval(`document.getElementById('principal').value = 'User:stranger'; document.getElementById('principal').dispatchEvent(new Event('input'))`)
	expectText("#count", "0 of 13 principals, 4 of 28 patterns. No ACL names this principal: it has the access of everyone else")
	expectLabel(0, 1, "everyone else, Topic prefix customers. and 1 more: "+strings.ReplaceAll("Read not allowed, a DENY refuses a part; "+others+
		"Describe not allowed, a DENY refuses a part"+configs, " (by address)", ""))
	b.Eval(`document.getElementById('type').value = '2'; document.getElementById('type').dispatchEvent(new Event('input'))`)
	expectText("#count", "0 of 28 patterns. No such pattern: denied, except to super users")

	b.Click("#filters button[type=reset]")
	b.Await("document.getElementById('count').innerText.startsWith('13 ')")
	testKeys(t, b)
	testViews(t, b)
	if path := "../../../../docs/report.png"; *update {
		b.Resize(1400, 700)
		b.Click("#tab-matrix")
		b.Click(cellSelector(9, 3))
		require.NoError(t, os.WriteFile(path, b.Screenshot(), 0o644))
	}
	// The contrast of text is the same in dark and in light mode.
	for scheme, want := range map[string]string{"light": "rgb(27, 31, 36) on rgb(255, 255, 255)", "dark": "rgb(231, 234, 238) on rgb(20, 23, 27)"} {
		b.Call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
		assert.Equal(t, want, b.Eval(`(s => s.color + ' on ' + s.backgroundColor)(getComputedStyle(document.body))`), scheme)
	}
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
}

// testKeys goes through the matrix with keys only: to the last column and back, into an
// explanation, and to the names of rows and columns.
func testKeys(t *testing.T, b *browsertest.Browser) {
	t.Helper()
	place := func() any {
		return b.Eval(`[document.activeElement.dataset.row, document.activeElement.dataset.column].join()`)
	}
	b.Eval(`document.querySelector('.scroller').scrollTo(0, 0)`)
	b.Await("document.querySelector('" + cellSelector(0, 0) + "')")
	b.Eval(fmt.Sprintf(`document.querySelector('%s').focus()`, cellSelector(0, 0)))
	for _, key := range []string{"End", "ArrowDown", "ArrowDown", "ArrowUp"} {
		b.Press(key)
	}
	assert.Equal(t, "1,22", place(), "where the keys lead")
	assert.Equal(t, 1.0, b.Eval(`document.querySelectorAll('#matrix [tabindex="0"]').length`), "one stop of the tabulator")
	b.Press("Enter")
	assert.Equal(t, "Group:operators", b.Eval(`document.querySelector('#explanation h2').firstChild.textContent`))
	b.Press("Escape")
	b.Press("Home")
	b.Press("ArrowDown")
	assert.Equal(t, "2,-1", place())
	b.Press("Enter") // the name of a row
	assert.Contains(t, b.Text("#explanation"), `"User:CN=monitor,OU=Operations,O=Acme\\, Inc."`)
	// What is copied is the principal itself, not the text that is shown.
	b.Eval(`Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => { window.copied = text; }}, configurable: true})`)
	b.Click("#explanation .copy")
	b.Await(`window.copied`)
	assert.Equal(t, `User:CN=monitor,OU=Operations,O=Acme\, Inc.`, b.Eval(`copied`))
	b.Eval(`navigator.clipboard.writeText = async () => { throw new Error('no clipboard') }; document.execCommand = () => { window.copied = 'old: ' + document.activeElement.value; }; 0`)
	b.Click("#explanation .copy")
	b.Await(`window.copied.startsWith('old: ')`)
	assert.Equal(t, `old: User:CN=monitor,OU=Operations,O=Acme\, Inc.`, b.Eval(`copied`))
	b.Press("Escape")
	for range 3 {
		b.Press("ArrowUp")
	}
	b.Press("ArrowRight")
	assert.Equal(t, "-1,1", place(), "the name of a column")
	b.Eval(`document.getElementById('tab-matrix').focus()`)
	b.Press("ArrowRight")
	assert.Equal(t, "tab-principals", b.Eval(`document.activeElement.id`), "arrow keys move between the tabs")
}

func testViews(t *testing.T, b *browsertest.Browser) {
	t.Helper()
	expectText := func(selector, want string) {
		t.Helper()
		assert.Contains(t, b.Text(selector), want, selector)
	}
	expectText("#principals", "1 to 14 of 14")
	expectText("#principals", "Group:operators")
	expectText("#principals", "Topic *, announcements as everyone else")
	b.Click("#principals .why")
	expectText("#explanation h2", "everyone else")
	expectText("#explanation", "One of 2 patterns that look the same")
	b.Press("Escape")
	b.Click("#tab-findings")
	expectText("#count", "14 of 14 findings")
	expectText("#findings", "Errors (1)")
	b.Click("#text")
	b.Write("removable")
	expectText("#count", " of 14 findings")
	b.Click("#tab-acls")
	b.Eval(`document.getElementById('text').value = 'idempotentwrite'; document.getElementById('text').dispatchEvent(new Event('input'))`)
	expectText("#acls", "1 to 1 of 1")
	expectText("#acls", "ALLOW IdempotentWrite to User:billing on Cluster kafka-cluster from every address")
	b.Click("#filters button[type=reset]")
	b.Await("document.getElementById('count').innerText.startsWith('58 ')")
	// On paper: sentences about all that is chosen, without controls.
	b.Eval(`document.getElementById('principal').value = 'billing'; document.getElementById('principal').dispatchEvent(new Event('input'))`)
	b.Call("Emulation.setEmulatedMedia", map[string]any{"media": "print"})
	b.Eval(`dispatchEvent(new Event('beforeprint'))`)
	expectText("#print", "Only: Principal billing")
	expectText("#print", "User:billing")
	expectText("#print", "Cluster kafka-cluster")
	assert.Equal(t, "none,none", b.Eval(`[getComputedStyle(document.querySelector('main')).display, getComputedStyle(document.getElementById('filters')).display].join()`))
	pdf := b.Call("Page.printToPDF", map[string]any{})["data"].(string)
	assert.Greater(t, len(pdf), 10_000, "bytes of the paper")
	b.Call("Emulation.setEmulatedMedia", map[string]any{"media": "screen"})
	b.Click("#filters button[type=reset]")
	b.Await("document.getElementById('principal').value === ''")
}

// A phone shows sentences at first, and nothing is wider than the screen.
func TestReportOnPhoneInBrowser(t *testing.T) {
	b := browsertest.New(t)
	b.Resize(390, 844)
	b.Open(newReport(t, "--acls", acme+"acls.txt"))
	assert.Equal(t, "true", b.Eval(`document.getElementById('tab-principals').getAttribute('aria-selected')`))
	for _, view := range []string{"principals", "matrix", "findings", "acls"} {
		b.Click("#tab-" + view)
		assert.LessOrEqual(t, b.Eval(`document.documentElement.scrollWidth`), 390.0, view)
	}
	b.Click("#tab-principals")
	b.Click("#principals .why")
	assert.Equal(t, "0,true", b.Eval(`(r => [r.left, r.right <= 390].join())(document.getElementById('explanation').getBoundingClientRect())`))
	b.Click("#explanation .close")
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
}

// Names are always shown as text.
func TestReportOfHostileNamesInBrowser(t *testing.T) {
	b := browsertest.New(t)
	b.Open(newReport(t, "--acls", file(t, hostileACLs())))
	b.Click("#tab-findings")
	b.Click("#tab-matrix")
	b.Click(cellSelector(1, 0))
	b.Click("#tab-acls")
	for _, name := range hostileNames {
		assert.Equal(t, true, b.Eval(fmt.Sprintf(`document.getElementById('acls').innerText.includes(%s)`, quoteJS(lines.Printable(name)))), name)
	}
	assert.Equal(t, "undefined,0,2,1",
		b.Eval(`[typeof hacked, document.images.length, document.scripts.length, document.querySelectorAll('iframe, object, svg, a').length].join()`),
		"a name has become markup")
	assert.Empty(t, b.Complaints(), "the page complains, or loads something")
}

// Limits for large pages, in milliseconds: until the page is ready, and until it shows the
// result of a filter. An idle machine takes less than a tenth.
const (
	maxReadyMillis  = 10_000
	maxFilterMillis = 3000
)

func TestLargeReportInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 ACLs or patterns")
	}
	for _, test := range []struct{ name, acls, kept, last, found, columns string }{
		{"10,000 ACLs", manyACLs(10_000), "1,000 of 1,000 principals, 5,101 of 5,101 patterns", "User:team-999", "1 of 1,000 principals", ""},
		{"10,000 patterns and 500 principals", manyPatterns(), "500 of 500 principals, 10,000 of 10,000 patterns", "User:team-499", "1 of 500 principals", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := newReport(t, "--acls", file(t, test.acls))
			b := browsertest.New(t)
			ready, filter, scroll := 1e9, 1e9, 1e9
			timed := func(action string) float64 {
				return b.Eval(`new Promise(done => { const from = performance.now(); ` + action + `; requestAnimationFrame(() => setTimeout(() => done(performance.now() - from))); })`).(float64)
			}
			for range 3 { // the best of three, because other work can take the processor at any time
				ready = min(ready, b.Open(path))
				assert.Contains(t, b.Text("#count"), test.kept)
				for _, id := range []string{"principal", "resource", "text"} {
					filter = min(filter, timed(`const e = document.getElementById('`+id+`'); e.value = 'team-177'; e.dispatchEvent(new Event('input'))`))
				}
				assert.Contains(t, b.Text("#count"), test.found)
				b.Eval(`document.getElementById('filters').reset()`)
				b.Await("document.getElementById('principal').value === '' && document.getElementById('count').innerText.startsWith('" + test.kept[:4] + "')")
				scroll = min(scroll, timed(`document.querySelector('.scroller').scrollTo(1e7, 1e6)`))
			}
			assert.Equal(t, "principal", b.Eval(`document.activeElement.id`), "the search has the focus")
			t.Logf("%s; ready after %.0f ms, filtered in %.0f ms, scrolled in %.0f ms", b.Text("#count"), ready, filter, scroll)
			assert.LessOrEqual(t, ready, float64(maxReadyMillis))
			assert.LessOrEqual(t, filter, float64(maxFilterMillis))
			assert.LessOrEqual(t, scroll, float64(maxFilterMillis))
			b.Await("document.querySelector('tbody tr:last-child th').innerText === '" + test.last + "'")
			assert.LessOrEqual(t, b.Eval(`document.querySelectorAll('.cell').length`), 500.0, "only the visible cells are in the page")
			assert.Empty(t, b.Complaints(), "the page complains")
		})
	}
}
