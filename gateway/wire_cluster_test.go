package gateway

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// fakeCluster answers requests as a cluster in the state of a case does that allows
// everything.
type fakeCluster struct {
	c       *wireCase
	layouts *layouts
	created []string       // by Metadata
	last    kmsg.Request   // the request that was answered last
	seen    []kmsg.Request // all of them
	said    []kmsg.Response
}

// allowAll is the authorizer of the cluster, which trusts the gateway.
type allowAll struct{}

func (allowAll) Allowed(ops.Operation, resource.Type, string) bool { return true }
func (allowAll) AllowedAny(ops.Operation, resource.Type) bool      { return true }

// question returns what a message asks for, with the state of the case.
func (c *wireCase) question(m kmsg.Request, known *layouts) (*query, error) {
	at, err := c.Listener()
	if err != nil {
		return nil, err
	}
	r := reader{cluster: c, layouts: known, endpoint: at, forwarded: c.Config.Forwarded}
	q := new(query)
	if err := r.read(q, m); err != nil {
		return nil, err
	}
	exists := func(topics []ops.Topic) {
		for i := range topics {
			topics[i].Exists = slices.Contains(c.Config.Topics, topics[i].Name)
		}
	}
	named := func(names []string) (topics []ops.Topic) {
		for _, name := range names {
			topics = append(topics, ops.Topic{Name: name})
		}
		exists(topics)
		return topics
	}
	exists(q.Topics)
	if q.AllTopics {
		q.Topics = named(c.Config.Topics)
	}
	if q.Key == 16 {
		q.Groups = holders(c.Config.Groups)
	}
	for i := range q.Groups {
		g := &q.Groups[i]
		exists(g.Topics)
		if g.AllTopics {
			g.Topics = named(c.Config.Committed[g.Name])
			for j := range g.Topics {
				if q.Key == 9 && q.Version >= 10 {
					g.Topics[j].ID, g.Topics[j].ByID = idOf(g.Topics[j].Name), true
				}
			}
		} else if q.Key != ops.OffsetFetchKey && q.Key != ops.DescribeShareGroupOffsetsKey {
			g.Topics = named(c.Config.GroupTopics[g.Name])
		}
	}
	if q.Key == 66 {
		for id := range c.Config.Transactions {
			q.Transactions = append(q.Transactions, ops.TopicSet{Name: id})
		}
		slices.SortFunc(q.Transactions, func(a, b ops.TopicSet) int { return strings.Compare(a.Name, b.Name) })
	}
	for i := range q.Transactions {
		t := &q.Transactions[i]
		if exists(t.Topics); t.Topics == nil {
			t.Topics = named(c.Config.Transactions[t.Name])
		}
	}
	for i := range q.Resources {
		r := &q.Resources[i]
		r.Exists = slices.Contains(c.Config.Topics, r.Name)
		r.OtherNode = r.Type&(ops.BrokerConfig|ops.BrokerLoggerConfig) != 0 && r.Name != "" && r.Name != fmt.Sprint(c.Config.Node())
	}
	q.AutoCreateDisabled = c.Config.AutoCreateDisabled()
	q.FeatureDisabled = c.Config.FeatureDisabled
	return q, nil
}

// answer answers a frame; nil is no answer.
func (f *fakeCluster) answer(frame []byte) ([]byte, error) {
	h, err := ParseHeader(frame)
	if err != nil {
		return nil, err
	}
	m := h.request()
	if _, err := f.layouts.check(kind{h.Key, h.Version, false}, frame[h.size:], requestBudget(len(frame))); err != nil || h.loose { // all that is sent on is canonical
		return nil, fmt.Errorf("not canonical: %v", err)
	}
	if err := h.decode(frame, m); err != nil {
		return nil, err
	}
	f.last = m
	f.seen = append(f.seen, m)
	q, err := f.c.question(m, f.layouts)
	if err != nil {
		return nil, err
	}
	q.NoResponse = false
	if _, ok := m.(*kmsg.EnvelopeRequest); ok {
		return f.answerEnvelope(h, m.(*kmsg.EnvelopeRequest))
	}
	out := ops.Evaluate(allowAll{}, &q.Request)
	if out.Error != ops.None {
		resp, err := refuseAll(q, out.Error)
		if err != nil {
			return nil, err
		}
		return h.Response(resp), nil
	}
	if q.Key == ops.MetadataKey {
		f.created = append(f.created, out.Create...)
	}
	resp := render(q, &out)
	frame = h.Response(resp)
	said := m.ResponseKind()
	if err := f.layouts.decodeResponse(h, frame, said); err != nil {
		return nil, err
	}
	f.said = append(f.said, said)
	return frame, nil
}

func (f *fakeCluster) answerEnvelope(h Header, m *kmsg.EnvelopeRequest) ([]byte, error) {
	r := m.ResponseKind().(*kmsg.EnvelopeResponse)
	var err error
	if r.ResponseData, err = f.answer(m.RequestData); err != nil {
		return nil, err
	}
	return h.Response(r), nil
}

// render returns a response with the entries of an outcome.
func render(q *query, out *ops.Outcome) kmsg.Response {
	resp := q.message.ResponseKind()
	v := reflect.ValueOf(resp).Elem()
	if f := v.FieldByName("ClusterAuthorizedOperations"); f.IsValid() && q.IncludeClusterOperations {
		f.SetInt(0xffff)
	}
	if q.Key == ops.MetadataKey && q.IncludeClusterOperations {
		v.FieldByName("AuthorizedOperations").SetInt(0xffff)
	}
	if q.Key == 24 && q.Version >= 4 {
		return renderTransactions(q, out, resp.(*kmsg.AddPartitionsToTxnResponse))
	}
	field := v.FieldByName(listField(q))
	if !field.IsValid() || field.Kind() != reflect.Slice {
		return resp
	}
	field.SetZero()
	for i := range out.Items {
		it := &out.Items[i]
		into := field
		if it.Parent >= 0 && !(q.Key == 9 && q.Version < 8) {
			into = field.Index(field.Len() - 1).FieldByName("Topics")
		}
		if it.Parent < 0 && q.Key == 9 && q.Version < 8 {
			continue // the group is the response
		}
		e := blankOf(into.Type().Elem())
		renderItem(q, it, e)
		into.Set(reflect.Append(into, e))
	}
	return resp
}

// listField is the list of a response whose entries are decided one by one.
func listField(q *query) string {
	switch {
	case q.Key == 9 && q.Version < 8:
		return "Topics"
	case q.Key == 24 && q.Version >= 4:
		return "Transactions"
	}
	for _, name := range []string{"Topics", "Groups", "Coordinators", "Resources", "TransactionStates"} {
		if f, ok := reflect.TypeOf(q.message.ResponseKind()).Elem().FieldByName(name); ok && f.Type.Kind() == reflect.Slice && name != "Topics" || ok && q.Key != ops.OffsetFetchKey {
			return name
		}
	}
	return ""
}

// renderTransactions puts the topics of an outcome into their transactions.
func renderTransactions(q *query, out *ops.Outcome, r *kmsg.AddPartitionsToTxnResponse) kmsg.Response {
	for i := range q.Transactions {
		t := kmsg.NewAddPartitionsToTxnResponseTransaction()
		t.TransactionalID = q.Transactions[i].Name
		for j := range out.Items {
			if it := &out.Items[j]; int(it.Parent) == i {
				topic := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
				renderItem(q, it, reflect.ValueOf(&topic).Elem())
				t.Topics = append(t.Topics, topic)
			}
		}
		r.Transactions = append(r.Transactions, t)
	}
	return r
}

func renderItem(q *query, it *ops.Item, e reflect.Value) {
	name := reflect.ValueOf(q.NameOf(it))
	for _, f := range nameFields {
		if e.FieldByName(f).IsValid() {
			assign(e.FieldByName(f), name)
			break
		}
	}
	if it.ByID {
		t := &q.Topics
		if it.Parent >= 0 {
			t = &q.Groups[it.Parent].Topics
		}
		e.FieldByName("TopicID").Set(reflect.ValueOf((*t)[it.Index].ID))
		if q.NameOf(it) == "" && e.FieldByName("Topic").IsValid() {
			e.FieldByName("Topic").SetZero()
		}
	}
	if it.Config != 0 || len(q.Resources) > 0 {
		e.FieldByName("ResourceType").SetInt(int64(it.Config))
	}
	if f := e.FieldByName("Partitions"); !setCode(e, it.Code) && f.IsValid() && f.Type().Elem().Kind() == reflect.Struct {
		p := blankOf(f.Type().Elem())
		p.FieldByName("Partition").SetInt(int64(it.Index))
		setCode(p, it.Code)
		for _, name := range []string{"RecordBatches", "Records"} {
			if records := p.FieldByName(name); records.IsValid() {
				records.SetBytes([]byte{})
			}
		}
		f.Set(reflect.Append(f, p))
	}
	if f := e.FieldByName("Partitions"); q.Key == ops.MetadataKey && it.Code == ops.None {
		for id := range int32(16) { // more than a case names
			f.Set(reflect.Append(f, reflect.ValueOf(kmsg.MetadataResponseTopicPartition{Partition: id})))
		}
	}
	if f := e.FieldByName("AuthorizedOperations"); f.IsValid() && it.HasOperations {
		f.SetInt(0xffff)
	}
	if f := e.FieldByName("NumPartitions"); f.IsValid() && it.Code == ops.None && q.Key == 19 {
		f.SetInt(3)
	}
	if it.Code == ops.None {
		renderMembers(q, it, e)
	}
}

// renderMembers gives a group a member that is assigned its topics, or a topology of
// them.
func renderMembers(q *query, it *ops.Item, e reflect.Value) {
	if !slices.Contains([]ops.APIKey{69, 77, 89}, q.Key) {
		return
	}
	for _, t := range q.Groups[it.Index].Topics {
		if q.Key == 89 {
			s := kmsg.NewStreamsGroupDescribeResponseGroupTopologySubtopology()
			s.SourceTopics = []string{t.Name}
			topology := kmsg.NewStreamsGroupDescribeResponseGroupTopology()
			topology.Subtopologies = append(topology.Subtopologies, s)
			e.FieldByName("Topology").Set(reflect.ValueOf(&topology))
			continue
		}
		members := e.FieldByName("Members")
		m := blankOf(members.Type().Elem())
		assigned := m.FieldByName("Assignment").FieldByName("TopicPartitions")
		tp := blankOf(assigned.Type().Elem())
		tp.FieldByName("Topic").SetString(t.Name)
		assigned.Set(reflect.Append(assigned, tp))
		members.Set(reflect.Append(members, m))
	}
}
