package gateway

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// rewriter changes a request before it is forwarded, apart from removing refused
// entries, and reports whether it changed anything. It may answer the request instead.
type rewriter func(*Plan, *ops.Outcome) (changed bool, err error)

// filter returns the change to apply to the response of a request, or nil for no
// change.
type filter func(*Plan, *ops.Outcome) change

// always turns a function into a filter that changes every response of its type.
func always[R kmsg.Response](f func(*Plan, R)) filter {
	return func(p *Plan, _ *ops.Outcome) change {
		return func(resp kmsg.Response) (bool, error) {
			f(p, resp.(R))
			return true, nil
		}
	}
}

// keptOf returns the entries of a list that an outcome allows, in order. parent is the
// position of the group or the transaction that has the list, or -1.
func keptOf[T any](list []T, out *ops.Outcome, parent int) []T {
	shown := make([]T, 0, len(list))
	for i := range out.Items {
		if it := &out.Items[i]; it.Parent == int32(parent) && it.Code == ops.None {
			shown = append(shown, list[it.Index])
		}
	}
	return shown
}

// names returns the name of each entry of a list.
func names[T any](list []T, name func(*T) string) []string {
	found := make([]string, len(list))
	for i := range list {
		found[i] = name(&list[i])
	}
	return found
}

// seesNone reports whether the client may describe no resource of a type, whatever there is.
// A list of all of them is then empty. It would cost the cluster and the gateway as much as
// the list has, so nobody makes it.
func (p *Plan) seesNone(t resource.Type) bool {
	p.asker.checks++
	return !p.asker.view.MayAllow(ops.Describe, t)
}

// rewriteGroupList answers with no groups if the client may see none.
func rewriteGroupList(p *Plan, _ *ops.Outcome) (changed bool, err error) {
	if p.seesNone(resource.Group) && !p.asker.view.Allowed(ops.Describe, resource.Cluster, resource.ClusterName) {
		r := p.query.message.ResponseKind().(*kmsg.ListGroupsResponse)
		r.Groups = []kmsg.ListGroupsResponseGroup{}
		p.local = r
	}
	return false, nil
}

func (p *Plan) filterGroupList(r *kmsg.ListGroupsResponse) {
	late := p.query.Request
	late.Groups = holders(names(r.Groups, func(g *kmsg.ListGroupsResponseGroup) string { return g.Group }))
	out := p.evaluateLate(&late)
	r.Groups = keptOf(r.Groups, &out, -1)
}

// filterTransactionTopics removes the topics of a transaction that the client may not
// describe.
func (p *Plan) filterTransactionTopics(r *kmsg.DescribeTransactionsResponse) {
	late := p.query.Request
	late.Transactions = make([]ops.TopicSet, len(r.TransactionStates))
	for i := range r.TransactionStates {
		t := &r.TransactionStates[i]
		late.Transactions[i] = ops.TopicSet{
			Name: t.TransactionalID,
			Topics: topicsOf(t.Topics, func(t *kmsg.DescribeTransactionsResponseTransactionStateTopic) ops.Topic {
				return ops.Topic{Name: t.Topic, Exists: true}
			}),
		}
	}
	out := p.evaluateLate(&late)
	for i := range r.TransactionStates {
		t := &r.TransactionStates[i]
		t.Topics = keptOf(t.Topics, &out, i)
	}
}

// filterCreated removes the configuration of created topics that the client may not
// describe. It also reads the ids of the topics from the response.
func filterCreated(p *Plan, out *ops.Outcome) change {
	if p.query.Version < 5 {
		return nil
	}
	var withheld map[string]ops.ErrorCode
	for i := range out.Items {
		// If the client has lost the right to create the topic meanwhile, the
		// configuration is not shown either.
		it := &out.Items[i]
		code := cmp.Or(it.ConfigCode, it.Code)
		if code == ops.None {
			continue
		}
		if withheld == nil {
			withheld = make(map[string]ops.ErrorCode, len(out.Items)-i)
		}
		if name := nameOf(&p.query.Request, it); withheld[name] == ops.None {
			withheld[name] = code
		}
	}
	learns := p.query.Version >= 7 // the response has ids
	if len(withheld) == 0 && !learns {
		return nil
	}
	return func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.CreateTopicsResponse)
		for i := range r.Topics {
			t := &r.Topics[i]
			if code := withheld[t.Topic]; code != ops.None && t.ErrorCode == 0 {
				t.ConfigErrorCode, t.NumPartitions, t.ReplicationFactor = int16(code), -1, -1
				t.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
			}
		}
		return len(withheld) > 0, nil
	}
}

// filterCluster removes the operations on the cluster that the client may not perform
// from the response.
func filterCluster(p *Plan, out *ops.Outcome) change {
	if !out.HasClusterOperations {
		return nil
	}
	return func(resp kmsg.Response) (bool, error) {
		intersect(&resp.(*kmsg.DescribeClusterResponse).ClusterAuthorizedOperations, out.ClusterOperations)
		return true, nil
	}
}
