package gateway

import (
	"cmp"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// readTokens reads requests about delegation tokens. They are answered as by a cluster
// with tokens disabled: a token from the cluster would belong to the gateway's
// principal, and would give its holder the gateway's rights.
func readTokens(q *query, m *kmsg.CreateDelegationTokenRequest) {
	q.TokensDisabled = true
	if name := stringOf(m.OwnerPrincipalName); name != "" {
		q.Owner = stringOf(m.OwnerPrincipalType) + ":" + name
	}
	for _, p := range m.Renewers {
		q.Renewers = append(q.Renewers, p.PrincipalType+":"+p.PrincipalName)
	}
}

// refuseToken refuses a client that may not create a token.
func refuseToken(f *refusal, _ *kmsg.CreateDelegationTokenRequest, r *kmsg.CreateDelegationTokenResponse) {
	caller := f.query.Caller.Principal
	r.ErrorCode = f.code
	r.PrincipalType, r.PrincipalName, _ = strings.Cut(cmp.Or(f.query.Owner, caller), ":")
	r.TokenRequesterPrincipalType, r.TokenRequesterPrincipalName, _ = strings.Cut(caller, ":")
	r.IssueTimestamp, r.ExpiryTimestamp, r.MaxTimestamp = -1, -1, -1
}
