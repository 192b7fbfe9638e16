package gateway

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
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

// kept returns the entries of a list that an outcome allows, in order.
func kept[T any](list []T, out *ops.Outcome) []T {
	shown := make([]T, 0, len(list))
	for i := range out.Items {
		if it := &out.Items[i]; it.Parent < 0 && it.Code == ops.None {
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

func (p *Plan) filterGroupList(r *kmsg.ListGroupsResponse) {
	late := p.query.Request
	late.Groups = holders(names(r.Groups, func(g *kmsg.ListGroupsResponseGroup) string { return g.Group }))
	out := p.evaluateLate(&late)
	r.Groups = kept(r.Groups, &out)
}

func (p *Plan) filterTransactions(r *kmsg.ListTransactionsResponse) {
	late := p.query.Request
	late.Transactions = holders(names(r.TransactionStates, func(t *kmsg.ListTransactionsResponseTransactionState) string { return t.TransactionalID }))
	out := p.evaluateLate(&late)
	r.TransactionStates = kept(r.TransactionStates, &out)
}

// filterTransactionTopics removes the topics of a transaction that the client may not
// describe.
func (p *Plan) filterTransactionTopics(r *kmsg.DescribeTransactionsResponse) {
	late := p.query.Request
	late.Transactions = make([]ops.Holder, len(r.TransactionStates))
	for i := range r.TransactionStates {
		t := &r.TransactionStates[i]
		late.Transactions[i] = ops.Holder{
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

// keptOf returns the topics of a group or a transaction that an outcome allows.
func keptOf[T any](list []T, out *ops.Outcome, parent int) []T {
	shown := make([]T, 0, len(list))
	for i := range out.Items {
		if it := &out.Items[i]; it.Parent == int32(parent) && it.Code == ops.None {
			shown = append(shown, list[it.Index])
		}
	}
	return shown
}

// filterCreated removes the configuration of created topics that the client may not
// describe. It also reads the ids of the topics from the response.
func filterCreated(p *Plan, out *ops.Outcome) change {
	if p.query.Version < 5 {
		return nil
	}
	type topic struct {
		name string
		code ops.ErrorCode
	}
	compare := func(t topic, name string) int { return strings.Compare(t.name, name) }
	var withheld []topic
	for i := range out.Items {
		// If the client has lost the right to create the topic meanwhile, the
		// configuration is not shown either.
		if it := &out.Items[i]; it.ConfigCode != ops.None || it.Code != ops.None {
			if withheld == nil {
				withheld = make([]topic, 0, len(out.Items)-i)
			}
			withheld = append(withheld, topic{nameOf(&p.query.Request, it), cmp.Or(it.ConfigCode, it.Code)})
		}
	}
	learns := p.query.Version >= 7 // the response has ids
	if len(withheld) == 0 && !learns {
		return nil
	}
	slices.SortStableFunc(withheld, func(a, b topic) int { return compare(a, b.name) })
	return func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.CreateTopicsResponse)
		for i := range r.Topics {
			t := &r.Topics[i]
			if at, ok := slices.BinarySearchFunc(withheld, t.Topic, compare); ok && t.ErrorCode == 0 {
				t.ConfigErrorCode, t.NumPartitions, t.ReplicationFactor = int16(withheld[at].code), -1, -1
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
