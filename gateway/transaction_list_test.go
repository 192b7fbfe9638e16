package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
)

// listTransactions is a request for the transactions whose id matches a pattern.
func listTransactions(pattern string) *kmsg.ListTransactionsRequest {
	m := kmsg.NewPtrListTransactionsRequest()
	m.SetVersion(2)
	m.TransactionalIDPattern = &pattern
	return m
}

// transactionsOf is the answer of a cluster that has these transactions.
func transactionsOf(ids ...string) *kmsg.ListTransactionsResponse {
	r := kmsg.NewPtrListTransactionsResponse()
	r.SetVersion(2)
	for _, id := range ids {
		t := kmsg.NewListTransactionsResponseTransactionState()
		t.TransactionalID, t.TransactionState = id, "Ongoing"
		r.TransactionStates = append(r.TransactionStates, t)
	}
	return r
}

// Everybody may list transactions. So the cluster must not match a client's pattern with
// ids that the client may not see: the time and the error of the answer would depend on
// them, and a pattern of a kilobyte costs the cluster seconds. The gateway matches those
// that the client may describe.
func TestPatternsOfTransactionsAreNotSent(t *testing.T) {
	conn := newGateway(t, gateway.Config{Store: allowing(t, "Describe TransactionalId:mine-1", "Describe TransactionalId:mine-2")}).Conn(client("alice"))
	m := listTransactions("mine-1|secret-a(?:.?.?.?.?.?.?.?.?.?.?){1000}")
	plan := decide(t, conn, m)
	requests := sent[*kmsg.ListTransactionsRequest](t, plan)
	require.Len(t, requests, 1)
	if pattern := requests[0].TransactionalIDPattern; pattern != nil {
		assert.Empty(t, *pattern, "the pattern that the cluster gets")
	}
	r := answer[*kmsg.ListTransactionsResponse](t, plan, m, transactionsOf("mine-1", "mine-2", "secret-abc"))
	require.Len(t, r.TransactionStates, 1)
	assert.Equal(t, "mine-1", r.TransactionStates[0].TransactionalID)
}

func TestPatternsOfTransactions(t *testing.T) {
	for _, tt := range []struct {
		name, pattern string
		allowed       []string
		answer        []string // of the cluster
		code          ops.ErrorCode
		shown         []string
	}{
		{"the whole id matches", "mine", []string{"Describe TransactionalId:*"}, []string{"mine", "mine-1"}, ops.None, []string{"mine"}},
		{"an empty pattern matches all", "", []string{"Describe TransactionalId:*"}, []string{"b", "a"}, ops.None, []string{"b", "a"}},
		{"in the order of the cluster", "[ac]", []string{"Describe TransactionalId:*"}, []string{"c", "b", "a", "a"}, ops.None, []string{"c", "a", "a"}},
		{"an invalid pattern", "(", []string{"Describe TransactionalId:mine"}, []string{"other"}, ops.InvalidRegularExpression, nil},
		{"a large pattern", "(?:(?:x{1000}){1000})", []string{"Describe TransactionalId:*"}, []string{"x"}, ops.InvalidRegularExpression, nil},
		{"no right to describe any id", "(", nil, []string{"other"}, ops.None, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := listTransactions(tt.pattern)
			plan := decide(t, newGateway(t, gateway.Config{Store: allowing(t, tt.allowed...)}).Conn(client("alice")), m)
			r := answer[*kmsg.ListTransactionsResponse](t, plan, m, transactionsOf(tt.answer...))
			assert.Equal(t, int16(tt.code), r.ErrorCode)
			var shown []string
			for i := range r.TransactionStates {
				shown = append(shown, r.TransactionStates[i].TransactionalID)
			}
			assert.Equal(t, tt.shown, shown)
		})
	}
}
