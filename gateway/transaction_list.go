package gateway

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// rewriteTransactionList takes the pattern out of a ListTransactions, and matches it with
// the ids that the client may describe when the answer comes. The cluster would match it
// with all ids, by the rights of the gateway: the time and the error of the answer would
// depend on ids that the client may not see.
//
// Source: KIP-1152; Kafka's TransactionStateManager.listTransactionStates.
func rewriteTransactionList(p *Plan, _ *ops.Outcome) (changed bool, err error) {
	m := p.query.message.(*kmsg.ListTransactionsRequest)
	if p.seesNone(resource.TransactionalID) {
		p.local = noTransactions(m)
		return false, nil
	}
	text := stringOf(m.TransactionalIDPattern)
	m.TransactionalIDPattern = nil
	p.matches = text != ""
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.ListTransactionsResponse)
		p.filterTransactions(r)
		if text != "" && r.ErrorCode == 0 {
			p.matchTransactions(r, text)
		}
		return true, nil
	})
	return text != "", nil
}

// transactionStates are the states that a ListTransactions can ask for.
//
// Source: Kafka's TransactionState.
var transactionStates = []string{
	"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence",
}

// noTransactions is the answer without transactions. A pattern is not compiled for it, which
// may cost much more than its bytes: nothing is left to match.
func noTransactions(m *kmsg.ListTransactionsRequest) kmsg.Response {
	r := m.ResponseKind().(*kmsg.ListTransactionsResponse)
	r.UnknownStateFilters = slices.DeleteFunc(distinct(m.StateFilters), func(state string) bool { return slices.Contains(transactionStates, state) })
	r.TransactionStates = []kmsg.ListTransactionsResponseTransactionState{}
	return r
}

// filterTransactions removes the transactions that the client may not describe.
func (p *Plan) filterTransactions(r *kmsg.ListTransactionsResponse) {
	late := p.query.Request
	late.Transactions = holders(transactionalIDs(r))
	out := p.evaluateLate(&late)
	r.TransactionStates = keptOf(r.TransactionStates, &out, -1)
}

// matchTransactions removes the transactions whose id does not match a pattern. If the client
// may describe no id by now, nothing is left to match.
func (p *Plan) matchTransactions(r *kmsg.ListTransactionsResponse, text string) {
	if len(r.TransactionStates) == 0 && !p.asker.view.MayAllow(ops.Describe, resource.TransactionalID) {
		return
	}
	var matched []string
	parsed, err := parsePattern(text, p.Header.left)
	if err == nil {
		matched, err = parsed.match(transactionalIDs(r))
	}
	if err != nil {
		r.ErrorCode = int16(ops.InvalidRegularExpression)
		r.UnknownStateFilters, r.TransactionStates = []string{}, []kmsg.ListTransactionsResponseTransactionState{}
		return
	}
	r.TransactionStates = slices.DeleteFunc(r.TransactionStates, func(t kmsg.ListTransactionsResponseTransactionState) bool {
		if len(matched) == 0 || matched[0] != t.TransactionalID {
			return true
		}
		matched = matched[1:] // which are in the same order
		return false
	})
}

func transactionalIDs(r *kmsg.ListTransactionsResponse) []string {
	return names(r.TransactionStates, func(t *kmsg.ListTransactionsResponseTransactionState) string { return t.TransactionalID })
}
