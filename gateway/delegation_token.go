package gateway

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Delegation tokens (KIP-48) through a gateway. The cluster sees the gateway's principal as the
// requester of every token, and lets only the owner and the renewers renew or expire a token, not
// super users. So the gateway creates a token with the client as its owner (KIP-373), and with
// itself as the last renewer. It decides itself, by what the cluster says of the token, who may
// renew and expire it.
// Nobody gets a token of the gateway's own principal.
//
// If the client is not the owner, or if the list could be mistaken otherwise, a marker before the
// last renewer says who the client is. Clients see tokens as they would have made them at the
// cluster: madeAs adds what the gateway needs, and asMade takes it away.

// Tokens is what the gateway has to know to let clients use the delegation tokens of the cluster.
// It must be safe for concurrent use.
type Tokens interface {
	// Self returns the principal, such as User:gateway, that the cluster takes the gateway for.
	// A code other than None says why it is unknown; the client gets it.
	Self() (self string, code ops.ErrorCode)
	// Find returns the token with an HMAC as the cluster has it: see [TokenOf]. The code is
	// DelegationTokenNotFound if there is none, or says why that is unknown. A client that may use
	// tokens may send any number of HMACs that belong to no token: Find must limit how
	// often it asks, by making the client wait. Owner and renewers of a token never change, so the
	// answer may be old.
	Find(hmac []byte) (token ops.Token, code ops.ErrorCode)
	// Changed is called when a request to renew or to expire a token was answered by the cluster.
	Changed()
}

// requesterMark begins the name of the renewer that says for which client the gateway made a token
// for another owner. No client of the gateway becomes a renewer by that name. A client that connects to
// the cluster itself would have to be called so.
const requesterMark = "portcullis-requester:"

const (
	// ownersFrom is the first version of CreateDelegationToken with an owner, and of
	// DescribeDelegationToken with the requester. The gateway needs both.
	//
	// Source: KIP-373.
	ownersFrom = 3

	// userPrefix begins the principals that can be renewers.
	userPrefix = "User:"
)

// TokenOf returns what the cluster says of a token, as of now. A principal whose type has a colon is
// left out (as "", which is nobody): its text would name another one.
func TokenOf(d *kmsg.DescribeDelegationTokenResponseTokenDetail, now time.Time) ops.Token {
	t := ops.Token{
		ID:        d.TokenID,
		Owner:     principalText(d.PrincipalType, d.PrincipalName),
		Requester: principalText(d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName),
		Renewers:  make([]string, len(d.Renewers)),
		Expired:   min(d.MaxTimestamp, d.ExpiryTimestamp) < now.UnixMilli(),
	}
	for i, r := range d.Renewers {
		t.Renewers[i] = principalText(r.PrincipalType, r.PrincipalName)
	}
	return t
}

// principalText returns the text of a principal of the cluster, or "" if it would be that of another
// one.
func principalText(kind, name string) string {
	if strings.Contains(kind, ":") {
		return ""
	}
	return kind + ":" + name
}

// madeAs returns the renewers with which the gateway makes a token for a client: those that the client
// wants, the marker if it is needed, and the gateway.
func madeAs(renewers []string, owner, caller, self string) []string {
	made := slices.Clone(renewers)
	if owner != caller || len(made) > 0 && strings.HasPrefix(made[len(made)-1], userPrefix+requesterMark) {
		made = append(made, userPrefix+requesterMark+caller)
	}
	return append(made, self)
}

// asMade returns a token of the cluster as the client made it. One that was not made through a gateway
// stays as it is. It does not change the list of t.
func asMade(t ops.Token, self string) ops.Token {
	last := len(t.Renewers) - 1
	if self == "" || t.Requester != self || last < 0 || t.Renewers[last] != self {
		return t
	}
	t.Renewers, t.Requester = t.Renewers[:last:last], t.Owner
	if last == 0 {
		return t
	}
	if caller, marked := strings.CutPrefix(t.Renewers[last-1], userPrefix+requesterMark); marked {
		t.Renewers, t.Requester = t.Renewers[:last-1:last-1], caller
	}
	return t
}

// readTokens reads a request to create a token. Without Tokens the requests are answered as by a
// cluster with tokens disabled: a token from the cluster would belong to the gateway's principal,
// and would give its holder the gateway's rights.
func readTokens(q *query, m *kmsg.CreateDelegationTokenRequest) {
	q.TokensDisabled = q.reader.tokens == nil
	if name := stringOf(m.OwnerPrincipalName); name != "" {
		q.Owner = stringOf(m.OwnerPrincipalType) + ":" + name
	}
	for _, p := range m.Renewers {
		q.Renewers = append(q.Renewers, p.PrincipalType+":"+p.PrincipalName)
	}
}

// readOneToken reads a request to renew or expire a token. Until the cluster is asked, which is not
// done for a client that may send no such request, the token counts as the client's.
func readOneToken(q *query) {
	q.TokensDisabled = q.reader.tokens == nil
	q.Tokens = []ops.Token{{Owner: q.Caller.Principal}}
}

// createToken makes the request of a client that may create a token one of the gateway.
func createToken(p *Plan, _ *ops.Outcome) (changed bool, err error) {
	q, m := p.query, p.query.message.(*kmsg.CreateDelegationTokenRequest)
	if strings.Contains(stringOf(m.OwnerPrincipalType), ":") && q.Owner != "" {
		// Kafka asks about "a:b" and ":c" as about "a" and "b:c", and a token lets its holder be User:c.
		return false, p.refuse(ops.DelegationTokenAuthorizationFailed)
	}
	self, code := p.tokens().Self()
	if code != ops.None {
		return false, p.refuse(code)
	}
	caller := q.Caller.Principal
	owner := cmp.Or(q.Owner, caller)
	if owner == self { // a token that is allowed everything at the cluster
		return false, p.refuse(ops.DelegationTokenAuthorizationFailed)
	}
	kind, name, _ := strings.Cut(owner, ":")
	m.Version, m.OwnerPrincipalType, m.OwnerPrincipalName = ownersFrom, &kind, &name
	for _, renewer := range madeAs(q.Renewers, owner, caller, self)[len(m.Renewers):] {
		r := kmsg.NewCreateDelegationTokenRequestRenewer()
		r.PrincipalType, r.PrincipalName, _ = strings.Cut(renewer, ":")
		m.Renewers = append(m.Renewers, r)
	}
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.CreateDelegationTokenResponse)
		r.TokenRequesterPrincipalType, r.TokenRequesterPrincipalName, _ = strings.Cut(caller, ":")
		return true, nil
	})
	return true, nil
}

// changeToken returns the rewriter of a request to renew or expire the token with an HMAC. It is
// forwarded unchanged if the client may do that, and else refused.
func changeToken[M kmsg.Request](hmac func(M) []byte) rewriter {
	return func(p *Plan, _ *ops.Outcome) (changed bool, err error) {
		if code := p.refusesToken(hmac(p.query.message.(M))); code != ops.None {
			return false, p.refuse(code)
		}
		p.changes = append(p.changes, func(kmsg.Response) (bool, error) {
			p.conn.reader.tokens.Changed()
			return false, nil
		})
		return false, nil
	}
}

// refusesToken returns why the client may not renew or expire a token, or None.
func (p *Plan) refusesToken(hmac []byte) ops.ErrorCode {
	tokens := p.tokens()
	token, code := tokens.Find(hmac)
	if code != ops.None {
		return code
	}
	self, code := tokens.Self()
	if code != ops.None {
		return code
	}
	token = asMade(token, self)
	asked := p.query.Request
	expired := token.Expired
	token.Expired = false
	asked.Tokens = []ops.Token{token}
	if out := p.evaluateAhead(&asked); out.Error == ops.None {
		return ops.None // whether it has expired the cluster knows better
	}
	asked.Tokens[0].Expired = expired
	out := p.evaluateAhead(&asked)
	return cmp.Or(out.Error, ops.DelegationTokenOwnerMismatch)
}

// tokens returns the Tokens of the connection for a question that may take time. The ACLs may have
// changed when it is answered.
func (p *Plan) tokens() Tokens {
	p.asked = true
	return p.conn.reader.tokens
}

// describeTokens prepares the list of tokens. A client that may not describe tokens of others is not
// made to wait for them, and costs nothing for them.
func describeTokens(p *Plan, _ *ops.Outcome) (changed bool, err error) {
	m := p.query.message.(*kmsg.DescribeDelegationTokenRequest)
	self, code := p.tokens().Self()
	if code != ops.None {
		return false, p.refuse(code)
	}
	var owners []string // that the client asks for; nil means all
	if m.Owners != nil {
		owners = make([]string, 0, len(m.Owners))
	}
	for i := range m.Owners {
		owners = append(owners, principalText(m.Owners[i].PrincipalType, m.Owners[i].PrincipalName))
	}
	asked := owners
	if view := p.asker.view; owners == nil && !view.MayAllow(ops.Describe, resource.DelegationToken) && !view.MayAllow(ops.DescribeTokens, resource.User) {
		p.asker.checks += 2
		asked = []string{p.query.Caller.Principal}
		m.Owners = []kmsg.DescribeDelegationTokenRequestOwner{tokenOwner(asked[0])}
	}
	m.Owners = slices.Grow(m.Owners, len(asked))
	for _, owner := range asked { // and the tokens that they made for others
		m.Owners = append(m.Owners, tokenOwner(userPrefix+requesterMark+owner))
	}
	m.Version = ownersFrom
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		p.filterTokens(resp.(*kmsg.DescribeDelegationTokenResponse), owners, self)
		return true, nil
	})
	return true, nil
}

// tokenOwner returns a principal to ask for.
func tokenOwner(principal string) kmsg.DescribeDelegationTokenRequestOwner {
	o := kmsg.NewDescribeDelegationTokenRequestOwner()
	o.PrincipalType, o.PrincipalName, _ = strings.Cut(principal, ":")
	return o
}

// filterTokens shows the tokens as they were made, of those the ones that the client asked for and may
// describe.
//
// Source: Kafka's DelegationTokenManager.filterToken.
func (p *Plan) filterTokens(r *kmsg.DescribeDelegationTokenResponse, owners []string, self string) {
	late := p.query.Request
	kept := make([]kmsg.DescribeDelegationTokenResponseTokenDetail, 0, len(r.TokenDetails))
	for i := range r.TokenDetails {
		d := r.TokenDetails[i]
		token := asMade(TokenOf(&d, time.Time{}), self)
		concerns := func(owner string) bool {
			return owner != "" && (owner == token.Owner || owner == token.Requester || slices.Contains(token.Renewers, owner))
		}
		if owners != nil && !slices.ContainsFunc(owners, concerns) {
			continue
		}
		if len(token.Renewers) < len(d.Renewers) { // it was made through a gateway
			d.Renewers = d.Renewers[:len(token.Renewers)]
			d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName, _ = strings.Cut(token.Requester, ":")
		}
		late.Tokens = append(late.Tokens, token)
		kept = append(kept, d)
	}
	out := p.evaluateLate(&late)
	r.TokenDetails = keptOf(kept, &out, -1)
}

// tokenTime returns the time at which a token that was not changed expires: the broker says -1, and the
// controller, which knows the tokens, 0.
//
// Source: Kafka's KafkaApis.handleRenewTokenRequest, DelegationTokenControlManager.
func (f *refusal) tokenTime() int64 {
	if f.is(ops.DelegationTokenRequestNotAllowed) {
		return -1
	}
	return 0
}

// refuseToken refuses a client that may not create a token.
func refuseToken(f *refusal, _ *kmsg.CreateDelegationTokenRequest, r *kmsg.CreateDelegationTokenResponse) {
	caller := f.query.Caller.Principal
	r.ErrorCode = f.code
	r.PrincipalType, r.PrincipalName, _ = strings.Cut(cmp.Or(f.query.Owner, caller), ":")
	r.TokenRequesterPrincipalType, r.TokenRequesterPrincipalName, _ = strings.Cut(caller, ":")
	r.IssueTimestamp, r.ExpiryTimestamp, r.MaxTimestamp = -1, -1, -1
}
