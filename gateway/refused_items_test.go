package gateway

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// itemRequests are the requests whose entries are decided one by one: their JSON, as in
// the cases, with %s for the list, and the code of a refused entry.
var itemRequests = map[ops.APIKey]struct {
	request string
	of      resource.Type
	code    ops.ErrorCode
}{
	0: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 1: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	2: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 3: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	8:  {`{"groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	9:  {`{"groups":[{"groupId":"g","topics":%s}]}`, resource.Topic, ops.TopicAuthorizationFailed},
	10: {`{"keyType":1,"keys":%s}`, resource.TransactionalID, ops.TransactionalIDAuthorizationFailed},
	15: {`{"groups":%s}`, resource.Group, ops.GroupAuthorizationFailed}, 19: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	20: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 21: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	23: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	24: {`{"transactionalId":"x","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	28: {`{"transactionalId":"x","groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	32: {`{"resources":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 33: {`{"resources":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	37: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 42: {`{"groups":%s}`, resource.Group, ops.GroupAuthorizationFailed},
	44: {`{"resources":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	47: {`{"groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 61: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	65: {`{"transactionalIds":%s}`, resource.TransactionalID, ops.TransactionalIDAuthorizationFailed},
	69: {`{"groupIds":%s}`, resource.Group, ops.GroupAuthorizationFailed}, 75: {`{"topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	77: {`{"groupIds":%s}`, resource.Group, ops.GroupAuthorizationFailed},
	78: {`{"groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 79: {`{"groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
	89: {`{"groupIds":%s}`, resource.Group, ops.GroupAuthorizationFailed},
	90: {`{"groups":[{"groupId":"g","topics":%s}]}`, resource.Topic, ops.TopicAuthorizationFailed},
	91: {`{"groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed}, 92: {`{"groupId":"g","topics":%s}`, resource.Topic, ops.TopicAuthorizationFailed},
}

// randomItems is a request about some resources, of which some are allowed.
type randomItems struct {
	wireCase
	names   []string
	allowed map[string]bool
}

func newRandomItems(r *rand.Rand, key ops.APIKey) *randomItems {
	of := itemRequests[key]
	x := &randomItems{wireCase: wireCase{cases.Case{APIKey: int16(key), Endpoint: "broker", Principal: "User:alice", Host: "127.0.0.1"}}, allowed: map[string]bool{}}
	for i := range 1 + r.IntN(8) {
		name := fmt.Sprintf("name-%d", i)
		x.names = append(x.names, name)
		x.allowed[name] = r.IntN(2) == 0
	}
	r.Shuffle(len(x.names), func(i, j int) { x.names[i], x.names[j] = x.names[j], x.names[i] })
	allow := func(t resource.Type, name string) {
		x.ACLs = append(x.ACLs, cases.ACL{ResourceType: t, Name: name, PatternType: resource.Literal, Principal: "User:alice", Host: "*", Operation: ops.All, Permission: acl.Allow})
	}
	for name, ok := range x.allowed {
		if ok {
			allow(of.of, name)
		}
	}
	if of.of != resource.Group {
		allow(resource.Group, "g")
	}
	if of.of != resource.TransactionalID {
		allow(resource.TransactionalID, "x")
	}
	if key != 19 {
		x.Config.Topics = x.names
	}
	var list []any
	for _, name := range x.names {
		if strings.Contains(of.request, "resources") {
			list = append(list, map[string]string{"type": "TOPIC", "name": name})
		} else {
			list = append(list, name)
		}
	}
	text, _ := json.Marshal(list)
	x.Request = fmt.Appendf(nil, of.request, text)
	return x
}

// expected returns the entries of the response, in order, with their codes.
func (x *randomItems) expected(key ops.APIKey) (entries []string) {
	allowed := ops.None
	if key == 24 && slices.ContainsFunc(x.names, func(name string) bool { return !x.allowed[name] }) {
		allowed = ops.OperationNotAttempted
	}
	for _, name := range x.names {
		code := itemRequests[key].code
		if x.allowed[name] {
			code = allowed
		}
		entries = append(entries, name+" "+code.String())
	}
	if key == 75 { // by name
		slices.Sort(entries)
	}
	if key == 75 || key == 1 { // those that are allowed first
		slices.SortStableFunc(entries, func(a, b string) int { return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1]) })
	}
	return entries
}

// list returns the list of the response that has the entries.
func (x *randomItems) list(q *query, resp reflect.Value) reflect.Value {
	if q.Key == 90 || q.Key == 9 && q.Version >= 8 {
		return resp.FieldByName("Groups").Index(0).FieldByName("Topics")
	}
	return resp.FieldByName(listField(q))
}

// TestRefusedItems sends, in every version of every request whose entries are decided
// separately, requests with random names, some of them allowed. Refused entries do not
// reach the cluster. The answer has each entry once and in order: the error for refused
// entries, and the cluster's answer, unchanged, for the others.
func TestRefusedItems(t *testing.T) {
	requests := 0
	for _, api := range ops.APIs() {
		if _, ok := itemRequests[api.Key]; !ok {
			if len(api.Items) > 0 && api.Key != 16 && api.Key != 66 && api.Key != 41 {
				t.Errorf("%v is not tried", api.Key)
			}
			continue
		}
		r := rand.New(rand.NewPCG(7, uint64(api.Key)))
		for version := api.MinVersion; version <= api.MaxVersion; version++ {
			if api.Key == 10 && version < 4 || api.Key == 24 && version >= 4 {
				continue // there is no list that is decided one by one
			}
			if (Header{Key: api.Key, Version: version}).request() == nil {
				continue // kmsg does not know it
			}
			for range 10 {
				x := newRandomItems(r, api.Key)
				requests++
				if problem := x.try(t, api.Key, version); problem != "" {
					t.Errorf("%v version %d, %s, allowed %v: %s", api.Key, version, x.Request, x.allowed, problem)
					break
				}
			}
		}
	}
	t.Logf("%d requests", requests)
	if requests != 1430 {
		t.Errorf("%d requests, expected 1430", requests)
	}
}

// try sends one request and returns what is wrong, or "".
func (x *randomItems) try(t *testing.T, key ops.APIKey, version int16) string {
	g := x.gateway(t)
	m, err := x.message(key, version, x.Request)
	if err != nil {
		return err.Error()
	}
	q, err := x.question(m, g.layouts)
	if err != nil {
		return err.Error()
	}
	cluster := &fakeCluster{c: &x.wireCase, layouts: newLayouts()}
	got, err := exchange(&x.wireCase, g, x.client(t), cluster, m)
	if err != nil {
		return err.Error()
	}
	for _, sent := range cluster.seen {
		text := string(sent.AppendTo(nil))
		for name, ok := range x.allowed {
			if !ok && strings.Contains(text, name) {
				return name + " reaches the cluster"
			}
		}
	}
	list := x.list(q, reflect.ValueOf(got.response).Elem())
	var entries []string
	for i := range list.Len() {
		entries = append(entries, strings.TrimPrefix(x.entryName(list.Index(i)), "TOPIC:")+" "+ops.ErrorCode(worst(list.Index(i))).String())
	}
	if want := x.expected(key); !slices.Equal(entries, want) {
		return fmt.Sprintf("entries %v, expected %v", entries, want)
	}
	return x.compareAnswers(q, list, cluster)
}

// compareAnswers compares the allowed entries with the cluster's answer.
func (x *randomItems) compareAnswers(q *query, list reflect.Value, cluster *fakeCluster) string {
	said := map[string]reflect.Value{}
	for _, raw := range cluster.said {
		v := x.list(q, reflect.ValueOf(raw).Elem())
		for i := range v.Len() {
			said[strings.TrimPrefix(x.entryName(v.Index(i)), "TOPIC:")] = v.Index(i)
		}
	}
	for i := range list.Len() {
		name := strings.TrimPrefix(x.entryName(list.Index(i)), "TOPIC:")
		if !x.allowed[name] || worst(list.Index(i)) != 0 {
			continue
		}
		answer, ok := said[name]
		if !ok {
			return "the cluster said nothing about " + name
		}
		if f := answer.FieldByName("AuthorizedOperations"); f.IsValid() && q.Key == 75 {
			f.Set(list.Index(i).FieldByName("AuthorizedOperations")) // of which some are taken away
		}
		if !reflect.DeepEqual(answer.Interface(), list.Index(i).Interface()) {
			return fmt.Sprintf("the cluster said %+v, the client is told %+v", answer.Interface(), list.Index(i).Interface())
		}
	}
	return ""
}
