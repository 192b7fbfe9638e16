package fuzz_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// opsEvaluate evaluates a request; the mutation test puts a changed table here.
type opsEvaluate func(ops.Authorizer, *ops.Request) ops.Outcome

// replayOpsCases replays one row of the family ops_cases: what the protocol table
// makes of a request, compared with what Kafka's handlers answer. A check is one
// compared value.
func replayOpsCases(row []byte) (checks int, mismatches []string, err error) {
	return replayOpsCase(row, ops.Evaluate)
}

func replayOpsCase(row []byte, evaluate opsEvaluate) (checks int, mismatches []string, err error) {
	decoded, err := cases.Decode(row)
	if err != nil {
		return 0, nil, err
	}
	c := opsCase{decoded}
	r, err := c.request(ops.APIKey(c.APIKey), c.Version, c.Principal, c.Request)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	if r.Endpoint, err = c.Listener(); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	cmp := opsComparison{c: &c}
	if _, ok := ops.Lookup(r.Key); !ok || !strings.EqualFold(r.Key.String(), strings.ReplaceAll(c.API, "_", "")) {
		cmp.differ("the name of API %d", r.Key, c.API)
	}
	a, err := newCaseAuthorizer(c.ACLs, c.Config, c.Principal, c.Host)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
	}
	out := evaluate(a, r)
	if out.Passes() && r.Embedded != nil {
		if out.Inner, err = c.evaluateInner(a, r); err != nil {
			return 0, nil, fmt.Errorf("%s: %w", c.ID, err)
		}
	}
	cmp.compare(r, &out, &c.Expect)
	return cmp.checks, cmp.mismatches, nil
}

// evaluateInner returns the outcome of the request that an Envelope carries.
func (c *opsCase) evaluateInner(a ops.Authorizer, r *ops.Request) (*ops.Outcome, error) {
	var err error
	session := func(principal, address string) ops.Authorizer {
		inner, e := newCaseAuthorizer(c.ACLs, c.Config, principal, address)
		if e != nil {
			err = e
		}
		return inner
	}
	return ops.EvaluateEnvelope(a, r, session).Inner, err
}

// opsComparison collects what differs between an outcome and the expected one.
type opsComparison struct {
	c          *opsCase
	within     string
	checks     int
	mismatches []string
}

func (m *opsComparison) differ(what string, got, want any) {
	m.mismatches = append(m.mismatches, fmt.Sprintf("%s: %s%s: got %v, Kafka gives %v (%s)", m.c.ID, m.within, what, got, want, m.c.Why))
}

// check compares one value by its printed form; maps print in order of their keys.
func (m *opsComparison) check(what string, got, want any) {
	m.checks++
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		m.differ(what, g, w)
	}
}

func (m *opsComparison) compare(r *ops.Request, out *ops.Outcome, want *cases.Outcome) {
	if !want.ConnectionClosed {
		m.check("request error", out.Error, opsDefault(want.RequestError, "NONE"))
	}
	m.comparePlacement(r.Key, want.Placement)
	m.check("connection closed", out.CloseConnection, want.ConnectionClosed)
	items := make(map[string]string)
	for i := range out.Items {
		items[opsItemName(r, &out.Items[i])] = out.Items[i].Code.String()
	}
	if want.Items == nil {
		want.Items = map[string]string{}
	}
	m.check("items", items, want.Items)
	for _, name := range want.Hidden {
		_, shown := items[name]
		m.check("shows "+name, shown, false)
	}
	m.compareFields(r, out, &want.Fields)
}

// opsItemName names an entry as the cases do: "t1", "g1/t1", "id:A", "TOPIC:t1".
func opsItemName(r *ops.Request, it *ops.Item) string {
	switch {
	case it.Config != 0 || len(r.Resources) > 0:
		for name, t := range opsConfigTypes {
			if t == it.Config {
				return name + ":" + r.NameOf(it)
			}
		}
		return "UNKNOWN:" + r.NameOf(it)
	case it.Parent >= 0 && len(r.Groups) > 0:
		g := r.Groups[it.Parent]
		return g.Name + "/" + opsTopicName(&g.Topics[it.Index])
	case it.Parent >= 0:
		t := r.Transactions[it.Parent]
		return t.Name + "/" + opsTopicName(&t.Topics[it.Index])
	case it.Type == resource.Topic:
		return opsTopicName(&r.Topics[it.Index])
	default:
		return r.NameOf(it)
	}
}

func opsTopicName(t *ops.Topic) string {
	if t.ByID {
		return "id:" + strings.TrimRight(string(t.ID[:]), "\x00")
	}
	return t.Name
}

func (m *opsComparison) compareFields(r *ops.Request, out *ops.Outcome, want *cases.Fields) {
	for _, list := range []struct {
		what string
		got  []string
		want *[]string
	}{
		{"autoCreate", out.Create, want.AutoCreate},
		{"createTopics", out.Create, want.CreateTopics},
		{"unauthorizedToCreate", out.CannotCreate, want.UnauthorizedToCreate},
		{"resolvedRegex", out.Matched, want.ResolvedRegex},
	} {
		if list.want != nil {
			m.check(list.what, slices.Sorted(slices.Values(list.got)), slices.Sorted(slices.Values(*list.want)))
		}
	}
	if want.ClusterOperations != nil {
		m.check("has clusterAuthorizedOperations", out.HasClusterOperations, true)
		m.check("clusterAuthorizedOperations", out.ClusterOperations, *want.ClusterOperations)
	}
	if want.Results != nil {
		m.check("results", len(*want.Results) == 0, out.Empty)
	}
	m.compareItemFields(r, out, want)
	if want.Inner != nil {
		if out.Inner == nil {
			m.differ("inner", "no outcome", "one")
			return
		}
		m.within = "inner: "
		m.compare(r.Embedded.Request, out.Inner, want.Inner)
	}
}

func (m *opsComparison) compareItemFields(r *ops.Request, out *ops.Outcome, want *cases.Fields) {
	operations, configCodes := map[string]ops.Set{}, map[string]string{}
	for i := range out.Items {
		it := &out.Items[i]
		name := opsItemName(r, it)
		if it.HasOperations {
			operations[name] = it.Operations
		}
		if it.Code == ops.None {
			configCodes[name] = it.ConfigCode.String()
		}
		if shown, ok := want.Names[name]; ok {
			m.check("name shown beside "+name, r.NameOf(it), deref(shown))
		}
	}
	if want.TopicOperations != nil {
		m.check("topicAuthorizedOperations", operations, want.TopicOperations)
	}
	if want.Operations != nil {
		m.check("authorizedOperations", operations, want.Operations)
	}
	if want.TopicConfigErrorCode != nil {
		m.check("topicConfigErrorCode", configCodes, want.TopicConfigErrorCode)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// opsCaseRows returns the rows of a file of cases.
func opsCaseRows(t testing.TB, name string) [][]byte {
	t.Helper()
	rows, err := cases.FileRows("testdata", name)
	require.NoError(t, err)
	return rows
}

func TestOpsCasesAreDecodedStrictly(t *testing.T) {
	for _, row := range []string{
		`{}`, `{"id":"x","colour":1}`, `not json`,
		`{"id":"x","apiKey":3,"api":"METADATA","version":9,"endpoint":"moon","request":{}}`,
		`{"id":"x","apiKey":3,"api":"METADATA","version":9,"endpoint":"broker","request":{"colour":1}}`,
		`{"id":"x","apiKey":3,"api":"METADATA","version":9,"endpoint":"broker","request":{},"acls":[{"resourceType":"TOPIC","patternType":"LITERAL","operation":"READ","permission":"MAYBE"}]}`,
	} {
		t.Run(row, func(t *testing.T) {
			_, _, err := replayOpsCases([]byte(row))
			assert.Error(t, err, "read without an error: %s", row)
		})
	}
}
