package gateway

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// readTokens reads requests about delegation tokens. They are answered as by a cluster
// with tokens disabled: a token from the cluster would belong to the gateway's
// principal, and would give its holder the gateway's rights.
func readTokens(q *query, message kmsg.Request) {
	q.TokensDisabled = true
	m, ok := message.(*kmsg.CreateDelegationTokenRequest)
	if !ok {
		return
	}
	if name := stringOf(m.OwnerPrincipalName); name != "" {
		q.Owner = stringOf(m.OwnerPrincipalType) + ":" + name
	}
	for _, p := range m.Renewers {
		q.Renewers = append(q.Renewers, p.PrincipalType+":"+p.PrincipalName)
	}
}

// describeTokenRefusal fills the other fields of Kafka's answer to a client that may
// not create a token.
func describeTokenRefusal(q *query, resp kmsg.Response) {
	m, ok := resp.(*kmsg.CreateDelegationTokenResponse)
	if !ok {
		return
	}
	owner := q.Owner
	if owner == "" {
		owner = q.Caller.Principal
	}
	m.PrincipalType, m.PrincipalName = cut(owner)
	m.TokenRequesterPrincipalType, m.TokenRequesterPrincipalName = cut(q.Caller.Principal)
	m.IssueTimestamp, m.ExpiryTimestamp, m.MaxTimestamp = -1, -1, -1
}

// cut splits a principal such as "User:bob" into its type and its name.
func cut(p string) (kind, name string) {
	kind, name, _ = strings.Cut(p, ":")
	return kind, name
}
