package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
)

// wireOutcome is the client's answer, in the terms of the cases.
type wireOutcome struct {
	closed   bool
	silent   bool
	request  string            // the error of the whole request, or ""
	items    map[string]string // the codes of the entries
	bits     map[string]ops.Set
	configs  map[string]string // TopicConfigErrorCode
	cluster  *ops.Set
	response kmsg.Response
	raw      []byte
}

// exchange sends a request of a case through the gateway to the cluster.
func exchange(c *wireCase, g *Gateway, client Client, cluster *fakeCluster, m kmsg.Request) (*wireOutcome, error) {
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("client")).AppendRequest(nil, m, 77)[4:]
	if m.Key() == int16(ops.ControlledShutdownKey) && m.GetVersion() == 0 {
		frame = m.AppendTo(frame) // kmsg forgets the body
	}
	conn := g.Conn(client)
	conn.reader.forwarded = c.Config.Forwarded
	plan, err := conn.Request(frame)
	if err != nil {
		if !errors.Is(err, errUnknown) {
			return nil, err
		}
		return &wireOutcome{closed: true}, nil
	}
	var replies [][]byte
	for _, f := range plan.Forward() {
		reply, err := cluster.answer(f)
		if err != nil {
			return nil, fmt.Errorf("the cluster: %w", err)
		}
		replies = append(replies, reply)
	}
	raw, err := plan.Response(replies...)
	if err != nil {
		return nil, err
	}
	if plan.Silent {
		return &wireOutcome{silent: true, closed: plan.Close}, nil
	}
	if plan.AsIs && !bytes.Equal(raw, replies[0]) {
		return nil, errors.New("a response that may be sent as it is was changed")
	}
	resp := m.ResponseKind()
	if err := newLayouts().decodeResponse(Header{CorrelationID: 77}, raw, resp); err != nil {
		return nil, err
	}
	if problem := bySchema(kindOf(resp), raw); problem != "" {
		return nil, errors.New(problem)
	}
	q, err := c.question(m, g.layouts)
	if err != nil {
		return nil, err
	}
	return readOutcome(c, q, resp, raw), nil
}

// readOutcome reads a response.
func readOutcome(c *wireCase, q *query, resp kmsg.Response, raw []byte) *wireOutcome {
	o := &wireOutcome{items: map[string]string{}, bits: map[string]ops.Set{}, configs: map[string]string{}, response: resp, raw: raw}
	v := reflect.ValueOf(resp).Elem()
	if code := errorCodeOf(v); code != 0 {
		o.request = ops.ErrorCode(code).String()
	}
	for _, name := range []string{"ClusterAuthorizedOperations", "AuthorizedOperations"} {
		if f := v.FieldByName(name); f.IsValid() && f.Int() != notGiven {
			o.cluster = new(ops.Set(f.Int()))
		}
	}
	for _, name := range []string{listField(q), "Results", "Markers", "Entries"} {
		f := v.FieldByName(name)
		if !f.IsValid() || f.Kind() != reflect.Slice {
			continue
		}
		for i := range f.Len() {
			parent := ""
			if q.Key == 9 && q.Version < 8 {
				parent = q.Groups[0].Name + "/"
			}
			o.entry(c, f.Index(i), parent)
		}
	}
	for i := 0; q.Key == 24 && i < len(q.Transactions); i++ {
		delete(o.items, q.Transactions[i].Name) // only its topics have errors
	}
	if q.Key == 9 && q.Version < 8 && o.request == "" && !slices.Contains(slices.Collect(maps.Values(o.items)), "GROUP_AUTHORIZATION_FAILED") {
		o.items[q.Groups[0].Name] = "NONE"
	}
	if q.Key == 10 && q.Version < 4 && o.request == "" {
		o.items[q.Keys[0]] = "NONE"
	}
	return o
}

// entry reads an entry of a response and those within it.
func (o *wireOutcome) entry(c *wireCase, v reflect.Value, parent string) {
	name := parent + c.entryName(v)
	o.items[name] = ops.ErrorCode(worst(v)).String()
	if f := v.FieldByName("AuthorizedOperations"); f.IsValid() && f.Int() != notGiven {
		o.bits[name] = ops.Set(f.Int())
	}
	if f := v.FieldByName("ConfigErrorCode"); f.IsValid() && errorCodeOf(v) == 0 {
		o.configs[name] = ops.ErrorCode(f.Int()).String()
	}
	if f := v.FieldByName("Topics"); f.IsValid() && f.Kind() == reflect.Slice {
		for i := range f.Len() {
			o.entry(c, f.Index(i), name+"/")
		}
	}
}

// worst returns the error of an entry, or that of its partitions.
func worst(v reflect.Value) int64 {
	if v.FieldByName("ErrorCode").IsValid() {
		return errorCodeOf(v)
	}
	for _, name := range []string{"Partitions", "Topics"} {
		f := v.FieldByName(name)
		for i := 0; f.IsValid() && i < f.Len() && f.Index(i).Kind() == reflect.Struct; i++ {
			if code := worst(f.Index(i)); code != 0 {
				return code
			}
		}
	}
	return 0
}

// entryName names an entry as the cases do: "t1", "id:A", "TOPIC:t1".
func (c *wireCase) entryName(v reflect.Value) string {
	if id := v.FieldByName("TopicID"); id.IsValid() && !id.IsZero() {
		data := id.Interface().([16]byte)
		if text := strings.TrimRight(string(data[:]), "\x00"); len(text) == 1 {
			return "id:" + text
		} else {
			return text
		}
	}
	if t := v.FieldByName("ResourceType"); t.IsValid() {
		for name, code := range configTypes {
			if code == t.Int() {
				return name + ":" + v.FieldByName("ResourceName").String()
			}
		}
		return "UNKNOWN:" + v.FieldByName("ResourceName").String()
	}
	for _, name := range nameFields {
		f := v.FieldByName(name)
		if f.IsValid() && f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		if f.IsValid() {
			return f.String()
		}
	}
	return "entry"
}

// expected is an outcome of the protocol table in the terms of the cases.
func (c *wireCase) expected(q *query, out *ops.Outcome) (request string, items map[string]string) {
	items = map[string]string{}
	if out.Error != ops.None {
		return out.Error.String(), items
	}
	if q.Key == 9 && q.Version < 8 && out.Items[0].Code != ops.None {
		return out.Items[0].Code.String(), items // of the one group
	}
	for i := range out.Items {
		it := &out.Items[i]
		name := nameOf(&q.Request, it)
		topic := ops.Topic{}
		switch {
		case it.Config != 0 || len(q.Resources) > 0:
			name = "UNKNOWN:" + name
			for kind, code := range configTypes {
				if code == int64(it.Config) {
					name = kind + strings.TrimPrefix(name, "UNKNOWN")
				}
			}
		case it.Parent >= 0 && len(q.Groups) > 0:
			topic = q.Groups[it.Parent].Topics[it.Index]
		case it.ByID:
			topic = q.Topics[it.Index]
		}
		if topic.ByID {
			if name = strings.TrimRight(string(topic.ID[:]), "\x00"); len(name) == 1 {
				name = "id:" + name
			}
		}
		switch {
		case it.Parent >= 0 && len(q.Groups) > 0:
			name = q.Groups[it.Parent].Name + "/" + name
		case it.Parent >= 0:
			name = q.Transactions[it.Parent].Name + "/" + name
		}
		items[name] = it.Code.String()
	}
	return "", items
}

// compare returns the differences from the expected errors and entries.
func (o *wireOutcome) compare(request string, items map[string]string) (problems []string) {
	if request == "NONE" {
		request = ""
	}
	if items == nil {
		items = map[string]string{}
	}
	if request != "" && o.request == "" && len(o.items) > 0 {
		// The response of the version has no error of its own: each entry carries it.
		for name, code := range o.items {
			if code != request {
				problems = append(problems, fmt.Sprintf("%s: %s, expected %s as everywhere", name, code, request))
			}
		}
		return problems
	}
	if o.request != request {
		problems = append(problems, fmt.Sprintf("the request: %q, expected %q", o.request, request))
	}
	if request == "" && len(items) > 0 || o.listsItems() && request == "" {
		if !maps.Equal(o.items, items) {
			problems = append(problems, fmt.Sprintf("entries: %v, expected %v", o.items, items))
		}
	}
	return problems
}

// listsItems reports whether the entries of the response are decided one by one.
func (o *wireOutcome) listsItems() bool {
	api, _ := ops.Lookup(ops.APIKey(o.response.Key()))
	return len(api.Items) > 0 && !(api.Key == 1 && o.response.GetVersion() < 0)
}

// TestCasesOverTheWire sends every case in every version of its API through the gateway
// to a cluster in the state of the case. In the case's own version the client gets
// Kafka's answer, in the others the answer of the protocol table.
func TestCasesOverTheWire(t *testing.T) {
	sent, versions, checks := 0, 0, 0
	unsent := map[string][]string{}
	for _, c := range wireCases(t) {
		g, client := c.gateway(t), c.client(t)
		own := false
		why := c.unservable()
		for version := range g.versions[ops.APIKey(c.APIKey)].max + 1 {
			if why != "" || version < g.versions[ops.APIKey(c.APIKey)].min {
				continue
			}
			m, err := c.message(ops.APIKey(c.APIKey), version, c.Request)
			if no, ok := errors.AsType[notSendable](err); ok {
				if version == c.Version {
					why = string(no)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
			cluster := &fakeCluster{c: &c, layouts: g.layouts}
			got, err := exchange(&c, g, client, cluster, m)
			if err != nil {
				t.Errorf("%s version %d: %v", c.ID, version, err)
				continue
			}
			versions++
			own = own || version == c.Version
			n, problems := c.check(t, g, client, cluster, m, got)
			checks += n
			for _, p := range problems {
				t.Errorf("%s version %d: %s", c.ID, version, p)
			}
		}
		if own {
			sent++
		} else {
			if why == "" {
				why = "the version is not served"
			}
			unsent[why] = append(unsent[why], c.ID)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(unsent)) {
		t.Logf("%d not sent, %s: %v", len(unsent[why]), why, unsent[why])
		if want := unsentCases[why]; len(unsent[why]) != want {
			t.Errorf("%d cases were not sent because %s, expected %d", len(unsent[why]), why, want)
		}
	}
	t.Logf("%d of 356 cases sent, in %d requests of all versions, %d checks", sent, versions, checks)
	if sent != 324 || versions != 1420 || checks < 4000 {
		t.Errorf("expected 324 cases, 1420 requests and 4000 checks")
	}
}

// unsentCases is how many cases are not sent, by reason.
var unsentCases = map[string]int{
	"delegation tokens are switched off for clients of a gateway":                          22,
	"a gateway does not know the number of the broker that it stands before":               1,
	"which topics a coordinator goes on to create without being told is known to it alone": 3,
	"the version is not served":               2,
	"a gateway decides as the newest release": 4,
	"kmsg does not have the version":          1,
}

// unservable returns why a case is about something that a gateway does not do, or "".
func (c *wireCase) unservable() string {
	switch tokens := c.APIKey >= 38 && c.APIKey <= 41; {
	case tokens && !slices.Contains(tokenRefusals, c.Expect.RequestError):
		return "delegation tokens are switched off for clients of a gateway"
	case c.Config.NodeID != nil && c.APIKey == 44 && c.Expect.Items["BROKER:99"] != "":
		return "a gateway does not know the number of the broker that it stands before"
	case c.Release == "4.3":
		return "a gateway decides as the newest release"
	case c.Config.MissingInternalTopics != nil:
		return "which topics a coordinator goes on to create without being told is known to it alone"
	}
	return ""
}

// tokenRefusals are the answers of a cluster about tokens that do not depend on them.
var tokenRefusals = []string{
	"DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", "DELEGATION_TOKEN_AUTH_DISABLED",
	"DELEGATION_TOKEN_AUTHORIZATION_FAILED", "INVALID_PRINCIPAL_TYPE", "UNKNOWN_SERVER_ERROR",
}

// check compares the client's answer with the expected one.
func (c *wireCase) check(t *testing.T, g *Gateway, client Client, cluster *fakeCluster, m kmsg.Request, got *wireOutcome) (checks int, problems []string) {
	fail := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	q, err := c.question(m, g.layouts)
	if err != nil {
		t.Fatal(err)
	}
	conn := g.Conn(client)
	q.Caller = conn.reader.caller
	out := ops.Evaluate(conn.session.View(), &q.Request)
	closed, request, items := out.CloseConnection, "", map[string]string(nil)
	if own := m.GetVersion() == c.Version; own {
		closed, request, items = c.Expect.ConnectionClosed, c.Expect.RequestError, c.Expect.Items
		if inner := c.Expect.Fields.Inner; inner != nil && inner.ConnectionClosed {
			request = "UNSUPPORTED_VERSION" // Kafka says so in the envelope
		}
		if c.APIKey == 9 && c.Version < 8 && items[q.Groups[0].Name] != "NONE" {
			request, items = items[q.Groups[0].Name], nil // the group is the request
		}
	} else {
		request, items = c.expected(q, &out)
	}
	checks++
	if got.closed != closed {
		fail("closed: %t, expected %t", got.closed, closed)
	}
	if got.closed || closed || got.silent {
		return checks, problems
	}
	checks += 1 + len(items)
	problems = append(problems, got.compare(request, items)...)
	named := string(m.AppendTo(nil))
	for _, name := range c.Expect.Hidden {
		checks++
		if !strings.Contains(named, name) && bytes.Contains(got.raw, []byte(name)) {
			fail("%s is shown", name)
		}
	}
	if m.GetVersion() != c.Version {
		return checks, problems
	}
	n, more := c.checkFields(cluster, got)
	checks, problems = checks+n, append(problems, more...)
	if inner := c.Expect.Fields.Inner; inner != nil && !inner.ConnectionClosed {
		checks += 1 + len(inner.Items)
		problems = append(problems, c.checkInner(t, m.(*kmsg.EnvelopeRequest), got.response.(*kmsg.EnvelopeResponse), inner)...)
	}
	return checks, problems
}

// checkInner compares the response in an Envelope with what the case expects.
func (c *wireCase) checkInner(t *testing.T, m *kmsg.EnvelopeRequest, r *kmsg.EnvelopeResponse, want *cases.Outcome) []string {
	h, err := ParseHeader(m.RequestData)
	if err != nil {
		t.Fatal(err)
	}
	request, err := h.Request(m.RequestData)
	if err != nil {
		t.Fatal(err)
	}
	resp := request.ResponseKind()
	if err := newLayouts().decodeResponse(h, r.ResponseData, resp); err != nil {
		return []string{err.Error()}
	}
	q, err := c.question(request, newLayouts())
	if err != nil {
		t.Fatal(err)
	}
	return readOutcome(c, q, resp, r.ResponseData).compare(want.RequestError, want.Items)
}

// checkFields compares the fields of the response that the case names.
func (c *wireCase) checkFields(cluster *fakeCluster, got *wireOutcome) (checks int, problems []string) {
	want := c.Expect.Fields
	same := func(what string, got, want any) {
		checks++
		if fmt.Sprint(got) != fmt.Sprint(want) {
			problems = append(problems, fmt.Sprintf("%s: %v, expected %v", what, got, want))
		}
	}
	if want.AutoCreate != nil {
		same("created", slices.Sorted(slices.Values(cluster.created)), slices.Sorted(slices.Values(*want.AutoCreate)))
	}
	if want.ResolvedRegex != nil {
		same("the pattern", slices.Sorted(slices.Values(cluster.last.(*kmsg.ConsumerGroupHeartbeatRequest).SubscribedTopicNames)), *want.ResolvedRegex)
	}
	if want.ClusterOperations != nil {
		same("operations on the cluster", *got.cluster, *want.ClusterOperations)
	}
	if want.TopicOperations != nil {
		same("operations", got.bits, want.TopicOperations)
	}
	if want.Operations != nil {
		same("operations", got.bits, want.Operations)
	}
	if want.TopicConfigErrorCode != nil {
		same("configurations", got.configs, want.TopicConfigErrorCode)
	}
	return checks, problems
}
