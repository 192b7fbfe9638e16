package report

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	b := newBrowser(t)
	b.open(newReport(t, "--acls", acme+"acls.txt", "--super-users", "User:admin"))
	expectText := func(selector, want string) {
		t.Helper()
		assert.Contains(t, b.text(selector), want, selector)
	}
	expectLabel := func(row, column int, want string) {
		t.Helper()
		got := b.eval(fmt.Sprintf(`document.querySelector('%s')?.getAttribute('aria-label')`, cellSelector(row, column)))
		assert.Equal(t, want, got, "cell %d, %d", row, column)
	}
	expectText("#count", "14 of 14 principals, 28 of 28 patterns")
	expectText("#config", "Semantics: documented; what no ACL allows is denied; super users: User:admin.")

	b.click("#principal")
	b.write("contractor")
	expectText("#count", "1 of 14 principals")
	b.click("#resource")
	b.write("customers.")
	expectText("#count", "1 of 14 principals, 3 of 28 patterns")
	const others = "Write not allowed; a DENY refuses some; Create not allowed; a DENY refuses some; Delete not allowed; a DENY refuses some; " +
		"Alter not allowed; a DENY refuses some; "
	const configs = "; DescribeConfigs not allowed; a DENY refuses some; AlterConfigs not allowed; a DENY refuses some"
	expectLabel(0, 0, "User:contractor, Topic prefix customers.: Read allowed on some; a DENY refuses some; "+others+"Describe allowed on some; a DENY refuses some"+configs)
	expectLabel(0, 2, "User:contractor, Topic customers.pii: Read denied by a DENY; "+others+"Describe denied by a DENY"+configs)

	b.click(cellSelector(0, 2))
	expectText("#explanation h2", "User:contractor")
	expectText("#explanation", "Read: denied\non all names of the pattern, from every address\nmatching deny: DENY Read to User:contractor from * on Topic customers.pii")
	expectText("#explanation", "ACLs for the principal on these names: 3")
	expectText("#explanation", "DENY All to User:* from 203.0.113.0/24 on Topic * – decides")
	b.click("#explanation .close")
	b.click(cellSelector(0, 0))
	expectText("#explanation", `on all names of the pattern except "customers.pii", from * except 203.0.113.0/24`)
	if path := "../../../../docs/report.png"; *update {
		b.press("Escape")
		b.resize(1400, 660)
		b.click("#filters button[type=reset]")
		b.await("document.querySelector('" + cellSelector(9, 7) + "')")
		b.click(cellSelector(9, 7))
		b.await("document.querySelector('.scroller').scrollLeft > 0")
		require.NoError(t, os.WriteFile(path, b.screenshot(), 0o644))
		b.resize(1240, 700)
	}
	b.press("Escape")
	expectText("#explanation", "")

	b.click("#filters button[type=reset]")
	b.await("document.getElementById('count').innerText.startsWith('14 ')")
	expectText("#count", "14 of 14 principals, 28 of 28 patterns")
	// With keys only: to the last column and back, and into an explanation.
	b.eval(`document.querySelector('.scroller').scrollTo(0, 0)`)
	b.await("document.querySelector('" + cellSelector(0, 0) + "')")
	b.eval(fmt.Sprintf(`document.querySelector('%s').focus()`, cellSelector(0, 0)))
	for _, key := range []string{"End", "ArrowDown", "ArrowDown", "ArrowUp"} {
		b.press(key)
	}
	assert.Equal(t, "1,27", b.eval(`[document.activeElement.dataset.row, document.activeElement.dataset.column].join()`), "where the keys lead")
	b.press("Enter")
	expectText("#explanation h2", "Group:operators")
	b.press("Escape")

	for operation, want := range map[string]string{"IdempotentWrite": "2 of 14 principals, 1 of 28 patterns", "CreateTokens": "2 of 14 principals, 2 of 28 patterns"} {
		b.eval(fmt.Sprintf(`(() => { const s = document.getElementById('operation');
			s.value = [...s.options].find(o => o.text === %q).value; s.dispatchEvent(new Event('input')); })()`, operation))
		expectText("#count", want)
	}
	b.eval(`document.getElementById('operation').value = ''; document.getElementById('operation').dispatchEvent(new Event('input'))`)
	b.click("#tab-findings")
	expectText("#count", "14 of 14 findings")
	b.click("#text")
	b.write("removable")
	expectText("#count", " of 14 findings")
	b.click("#tab-acls")
	b.eval(`document.getElementById('text').value = 'idempotentwrite'; document.getElementById('text').dispatchEvent(new Event('input'))`)
	expectText("#acls", "1 to 1 of 1")
	expectText("#acls", "ALLOW IdempotentWrite to User:billing from * on Cluster kafka-cluster")
	// The contrast of text is the same in dark and in light mode.
	for scheme, want := range map[string]string{"light": "rgb(27, 31, 36) on rgb(255, 255, 255)", "dark": "rgb(231, 234, 238) on rgb(20, 23, 27)"} {
		b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
		assert.Equal(t, want, b.eval(`(s => s.color + ' on ' + s.backgroundColor)(getComputedStyle(document.body))`), scheme)
	}
	assert.Empty(t, b.complaints(), "the page complains, or loads something")
}

// Names are always shown as text.
func TestReportOfHostileNamesInBrowser(t *testing.T) {
	b := newBrowser(t)
	b.open(newReport(t, "--acls", file(t, hostileACLs())))
	b.click("#tab-findings")
	b.click("#tab-matrix")
	b.click(cellSelector(1, 0))
	b.click("#tab-acls")
	for _, name := range hostileNames {
		assert.Equal(t, true, b.eval(fmt.Sprintf(`document.getElementById('acls').innerText.includes(%s)`, quoteJS(lines.Printable(name)))), name)
	}
	assert.Equal(t, "undefined,0,2,0",
		b.eval(`[typeof hacked, document.images.length, document.scripts.length, document.querySelectorAll('iframe, object, svg, a').length].join()`),
		"a name has become markup")
	assert.Empty(t, b.complaints(), "the page complains, or loads something")
}

// Limits for the page of 10,000 ACLs, in milliseconds: until it is ready, and until it
// shows the result of a filter. An idle machine takes less than a tenth.
const (
	maxReadyMillis  = 5000
	maxFilterMillis = 500
)

func TestLargeReportInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 ACLs")
	}
	path := newReport(t, "--acls", file(t, manyACLs(10_000)))
	b := newBrowser(t)
	ready, filter, scroll := 1e9, 1e9, 1e9
	for range 3 { // the best of three, because other work can take the processor at any time
		ready = min(ready, b.open(path))
		timed := func(action string) float64 {
			return b.eval(`new Promise(done => { const from = performance.now(); ` + action + `; requestAnimationFrame(() => setTimeout(() => done(performance.now() - from))); })`).(float64)
		}
		for _, id := range []string{"principal", "resource", "text"} {
			filter = min(filter, timed(`const e = document.getElementById('`+id+`'); e.value = 'team-77'; e.dispatchEvent(new Event('input'))`))
		}
		b.eval(`document.getElementById('filters').reset()`)
		b.await("document.getElementById('count').innerText.startsWith('1001 ')")
		scroll = min(scroll, timed(`document.querySelector('.scroller').scrollTo(1e6, 1e6)`))
	}
	t.Logf("ready after %.0f ms, filtered in %.0f ms, scrolled in %.0f ms", ready, filter, scroll)
	assert.LessOrEqual(t, ready, float64(maxReadyMillis))
	assert.LessOrEqual(t, filter, float64(maxFilterMillis))
	assert.LessOrEqual(t, scroll, float64(maxFilterMillis))
	b.await("document.querySelector('tbody tr:last-child th').innerText === 'User:team-999'")
	assert.Equal(t, "User:team-999", b.eval(`document.querySelector('tbody tr:last-child th').innerText`), "the last row at the end")
	assert.LessOrEqual(t, b.eval(`document.querySelectorAll('.cell').length`), 500.0, "only the visible cells are in the page")
	assert.Empty(t, b.complaints(), "the page complains")
}
