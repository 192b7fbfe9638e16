package principal_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

func TestSSLLint(t *testing.T) {
	for _, test := range []struct {
		list string
		want []string // "rule check"
	}{
		{"DEFAULT", nil},
		{"", nil},
		{`RULE:^CN=([^,]*),.*$/$1/L,RULE:CN=(.*?),OU=x.*/$1/,DEFAULT`, []string{"1 unreachable"}},
		{"RULE:CN=(.*)/$1/\nRULE:a/b/\nDEFAULT", []string{"0 dropped"}},
		{"RULE:a/b/, RULE:c/d/\nDEFAULT,RULE:e/f/\nRULE:g/h/", []string{"1 dropped", "2 dropped", "2 unreachable"}},
		{"DEFAULT\nDEFAULT", []string{"0 dropped"}},
		{"DEFAULT\u2028", []string{"1 dropped"}}, // before the end of the list
		{"DEFAULT,RULE:a/b/", []string{"1 unreachable"}},
		{"RULE:(.*)/$1/L,DEFAULT,RULE:a/b/", []string{"1 unreachable", "2 unreachable"}},
		{"RULE:^(?:(.*?))$/$1/,DEFAULT", []string{"1 unreachable"}},
		{"RULE:a|(?s).*/x/,DEFAULT", []string{"0 constant", "1 unreachable"}},
		{`RULE:(.*)\z/$1/,DEFAULT`, []string{"1 unreachable"}},
		{`RULE:.*\b/x/,RULE:.{0}/x/,RULE:.{0,9}/x/,RULE:()/x/,RULE:^$/x/,DEFAULT`, []string{"0 constant", "2 constant", "3 unreachable", "4 unreachable"}},
		{"RULE:.+/x/,RULE:[^,]*/x/,RULE:a.*/x/,DEFAULT", []string{"0 constant", "1 constant", "2 unreachable", "2 constant"}},
		{"RULE:a/b/,RULE:a/c/", []string{"1 unreachable"}},
		{`RULE:^CN=(.*?),.*$/$1/,RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L`, []string{"1 unreachable"}},
		{`RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L,RULE:^CN=(.*?),.*$/$1/`, nil},
		{`RULE:^CN=([^,]+),OU=a(,.*)?$/$1/,RULE:^CN=(x|y),OU=a$/$1/`, nil}, // a group is repeated: not compared
		{`RULE:^CN=([^,]+),OU=a.*$/$1/,RULE:^CN=(x|y),OU=a$/$1/`, []string{"1 unreachable"}},
		{`RULE:CN=([a-z]+).*/$1/U,RULE:CN=([a-z]+),O=x/$1/`, []string{"0 cuts", "1 unreachable"}},
		{"RULE:a/$1/,DEFAULT", []string{"0 always-fails"}},
		{"RULE:(a)/$1$/,DEFAULT", []string{"0 always-fails"}},
		{`RULE:.*CN=([^,]*).*/$1/`, []string{"0 unanchored"}},
		{`RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L`, []string{"0 unanchored"}},
		{`RULE:(.*)CN=([^,]*).*/$2/`, []string{"0 unanchored"}}, // an unused group also skips
		{`RULE:(?:.+,)?CN=(?<cn>[^,]*).*/${cn}/`, []string{"0 unanchored"}},
		{`RULE:(?:[^,]*=[^,]*,)*CN=([^,]*).*/$1/`, []string{"0 unanchored"}},
		{`RULE:[^=]*=([^,]*).*/$1/`, nil}, // cannot skip an attribute
		{`RULE:OU=[^,]*,CN=([^,]*).*/$1/`, nil},
		{`RULE:.*CN=admin.*/x/`, []string{"0 unanchored"}}, // always the same name, which anyone can get
		{`RULE:^CN=[^,]*,.*OU=brokers.*$/broker/`, []string{"0 unanchored"}},
		{`RULE:^CN=admin,.*$/x/`, []string{"0 constant"}},
		{`RULE:^CN=admin,O=a$/x/`, nil}, // one name
		{`RULE:^CN=(.*?),.*$/1/`, []string{"0 constant"}},
		{`RULE:^CN=(\w+).*$/$1/`, []string{"0 cuts"}}, // alice-x
		{`RULE:^CN=([a-z]+)[^,]*,O=(.*)$/$1@$2/`, []string{"0 cuts"}},
		{`RULE:^CN=([^,-]+)(?:-x)?,O=a$/$1/`, []string{"0 cuts"}},
		{`RULE:^CN=([^,]+).*$/$1/`, nil},
		{`RULE:^CN=(\w+)$/$1/`, nil}, // alice-x has no name
		{`RULE:^(?:CN=(\w+))?.*$/$1/`, []string{"0 cuts"}},
		{`RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/`, nil},
		{`RULE:.*CN=(a).*/$0/`, nil}, // the whole name
		{`RULE:.{0,200}CN=([^,]*).*/$1/`, []string{"0 unanchored"}},
		{`RULE:(?:[^,]+,){0,5}CN=([^,]*).*/$1/`, []string{"0 unanchored"}},
		{`RULE:(\w+=[^,]*,)*CN=([^,]*).*/$2/`, []string{"0 unanchored"}}, // a group inside the part that skips
		{`RULE:(?:CN=([^,]*)(?:,|$))+/$1/`, []string{"0 unanchored"}},    // the last match counts
		{`RULE:(?:OU=[^,]*,)?CN=([^,]*).*/$1/`, nil},
		{`RULE:(?:.*x|CN=(a))/$1/`, nil},
	} {
		t.Run(test.list, func(t *testing.T) {
			var got []string
			for _, f := range mustParse(t, test.list).Lint() {
				got = append(got, fmt.Sprintf("%d %s", f.Rule, f.Check))
				assert.NotEqual(t, "", f.Msg, "%v says nothing", f)
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// TestUnanchoredIsHarmful shows the attack that the finding warns about.
func TestUnanchoredIsHarmful(t *testing.T) {
	rules := mustParse(t, `RULE:.*CN=([^,]*).*/$1/`)
	name, err := rules.Name("CN=guest,OU=x,CN=admin")
	assert.Equal(t, "admin", name, "%q, %v", name, err)
}

func TestSSLTrace(t *testing.T) {
	rules := mustParse(t, `RULE:OU=(.*)/$1/,RULE:(a|b)*(c)?/<$1$2>/U,DEFAULT`)
	trace := rules.Trace("abc")
	want := []principal.Step{
		{Rule: 0, Text: "RULE:OU=(.*)/$1/", Outcome: "no match"},
		{Rule: 1, Text: "RULE:(a|b)*(c)?/<$1$2>/U", Outcome: "mapped", Result: "<BC><>", Substitutions: []principal.Substitution{
			{Before: "abc", After: "<BC><>", Matches: [][]string{{"abc", "b", "c"}, {"", "", ""}}},
		}},
	}
	assert.Equal(t, "abc", trace.Name)
	assert.Equal(t, "<BC><>", trace.Result)
	require.NoError(t, trace.Err)
	assert.Equal(t, want, trace.Steps)
	trace = mustParse(t, `RULE:x/y/,RULE:a/$1/,DEFAULT`).Trace("a")
	require.Len(t, trace.Steps, 2)
	assert.Equal(t, "no match", trace.Steps[0].Outcome, "%+v", trace)
	assert.ErrorIs(t, trace.Steps[1].Err, principal.ErrRuleFailed)
	assert.True(t, trace.Err == trace.Steps[1].Err, "%+v", trace)
	trace = mustParse(t, `RULE:x/y/`).Trace("a")
	require.Len(t, trace.Steps, 1)
	assert.ErrorIs(t, trace.Err, principal.ErrNoRule)
	assert.Equal(t, "", trace.Result)
}

func ExampleSSLRules_Trace() {
	rules, err := principal.ParseSSLRules(`RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, RULE:^CN=([^,]*).*$/$1/L`, 0)
	if err != nil {
		panic(err)
	}
	trace := rules.Trace("CN=Alice,OU=Sales")
	for _, step := range trace.Steps {
		fmt.Println(step.Text, step.Outcome, step.Substitutions)
	}
	fmt.Println(trace.Result)
	// Output:
	// RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/ no match []
	// RULE:^CN=([^,]*).*$/$1/L mapped [{CN=Alice,OU=Sales alice [[CN=Alice,OU=Sales Alice]]}]
	// alice
}
