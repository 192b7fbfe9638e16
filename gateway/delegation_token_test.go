package gateway

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const gatewaySelf = "User:gateway"

// knownTokens are Tokens by HMAC, of a cluster that knows the gateway as gatewaySelf.
type knownTokens struct {
	byHMAC  map[string]ops.Token
	selfErr ops.ErrorCode
	asked   int
	changed int
}

func (k *knownTokens) Self() (string, ops.ErrorCode) {
	k.asked++
	if k.selfErr != ops.None {
		return "", k.selfErr
	}
	return gatewaySelf, ops.None
}

func (k *knownTokens) Find(hmac []byte) (ops.Token, ops.ErrorCode) {
	k.asked++
	if token, ok := k.byHMAC[string(hmac)]; ok {
		return token, ops.None
	}
	return ops.Token{}, ops.DelegationTokenNotFound
}

func (k *knownTokens) Changed() { k.changed++ }

// tokenConn returns the connection of a user of SASL_SSL.
func tokenConn(t *testing.T, user string, tokens Tokens, bindings ...acl.Binding) (*Conn, Client) {
	t.Helper()
	g, err := New(Config{Store: acltest.Store(t, snapshot.Config{}, bindings...)})
	require.NoError(t, err)
	client := Client{
		Subject:  snapshot.Subject{Principal: principal.User(user), Host: netip.MustParseAddr("10.0.0.7")},
		Protocol: ops.SASLSSL, Tokens: tokens,
	}
	return g.Conn(client), client
}

func tokenFrame(r kmsg.Request, version int16) []byte {
	r.SetVersion(version)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("c")).AppendRequest(nil, r, 7)[4:]
}

// sentBody decodes the only frame that a plan sends on.
func sentBody[R kmsg.Request](t *testing.T, plan *Plan) R {
	t.Helper()
	frames := plan.Forward()
	require.Len(t, frames, 1)
	h, err := ParseHeader(frames[0])
	require.NoError(t, err)
	assert.Equal(t, "c", h.ClientID)
	r, err := h.Request(frames[0])
	require.NoError(t, err)
	return r.(R)
}

// answered returns the answer of a plan to its client, in a version, after the cluster has answered.
func answered[R kmsg.Response](t *testing.T, plan *Plan, r R, version int16, replies ...kmsg.Response) R {
	t.Helper()
	var frames [][]byte
	for _, reply := range replies {
		frames = append(frames, plan.Header.Response(reply))
	}
	frame, err := plan.Response(frames...)
	require.NoError(t, err)
	r.SetVersion(version)
	at := 4
	if r.IsFlexible() {
		at++
	}
	require.NoError(t, r.ReadFrom(frame[at:]))
	return r
}

func TestTokensAreShownAsTheyWereMade(t *testing.T) {
	for _, tt := range []struct {
		name          string
		renewers      []string
		owner, caller string
		stored        []string
		requester     string
	}{
		{name: "own", owner: "User:a", caller: "User:a", stored: []string{gatewaySelf}, requester: "User:a"},
		{name: "own with renewers", renewers: []string{"User:b"}, owner: "User:a", caller: "User:a", stored: []string{"User:b", gatewaySelf}, requester: "User:a"},
		{name: "of another owner", renewers: []string{"User:b"}, owner: "User:o", caller: "User:a", stored: []string{"User:b", "User:portcullis-requester:User:a", gatewaySelf}, requester: "User:a"},
		{
			name: "with a marker for a renewer", renewers: []string{"User:portcullis-requester:User:v"}, owner: "User:a", caller: "User:a",
			stored: []string{"User:portcullis-requester:User:v", "User:portcullis-requester:User:a", gatewaySelf}, requester: "User:a",
		},
		{name: "with the gateway as a renewer", renewers: []string{gatewaySelf}, owner: "User:a", caller: "User:a", stored: []string{gatewaySelf, gatewaySelf}, requester: "User:a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := madeAs(tt.renewers, tt.owner, tt.caller, gatewaySelf)
			assert.Equal(t, tt.stored, made)
			shown := asMade(ops.Token{Owner: tt.owner, Requester: gatewaySelf, Renewers: made}, gatewaySelf)
			assert.Equal(t, tt.requester, shown.Requester)
			assert.Equal(t, len(tt.renewers), len(shown.Renewers))
			assert.Equal(t, append([]string{}, tt.renewers...), append([]string{}, shown.Renewers...))
		})
	}
	t.Run("any", func(t *testing.T) {
		who := []string{"User:a", "User:b", gatewaySelf, "User:portcullis-requester:User:a", "User:portcullis-requester:"}
		lists := [][]string{nil}
		for at := 0; len(lists) < 1+5+25+125; at++ { // all with up to three renewers
			for _, renewer := range who {
				lists = append(lists, append(slices.Clip(lists[at]), renewer))
			}
		}
		for _, renewers := range lists {
			for _, owner := range who {
				for _, caller := range who {
					stored := madeAs(renewers, owner, caller, gatewaySelf)
					shown := asMade(ops.Token{Owner: owner, Requester: gatewaySelf, Renewers: stored}, gatewaySelf)
					require.True(t, slices.Equal(renewers, shown.Renewers), "%q: %q", stored, shown.Renewers)
					require.Equal(t, caller, shown.Requester, "%q", stored)
				}
			}
		}
	})
	t.Run("made elsewhere", func(t *testing.T) {
		for _, token := range []ops.Token{
			{Owner: "User:a", Requester: "User:a", Renewers: []string{gatewaySelf}},
			{Owner: "User:a", Requester: gatewaySelf, Renewers: []string{"User:b"}},
			{Owner: "User:a", Requester: gatewaySelf},
			{Owner: "User:a", Requester: "User:a", Renewers: []string{"User:portcullis-requester:User:b", gatewaySelf}},
		} {
			assert.Equal(t, token, asMade(token, gatewaySelf))
		}
		assert.Equal(t, ops.Token{Renewers: []string{""}}, asMade(ops.Token{Renewers: []string{""}}, ""), "without a name of the gateway nothing is taken away")
	})
}

func TestPrincipalsOfTokens(t *testing.T) {
	d := kmsg.NewDescribeDelegationTokenResponseTokenDetail()
	d.PrincipalType, d.PrincipalName = "User:a", "b"
	d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName = "User", "a:b"
	d.Renewers = []kmsg.DescribeDelegationTokenResponseTokenDetailRenewer{{PrincipalType: "", PrincipalName: "x"}, {PrincipalType: "User:x", PrincipalName: ""}}
	d.ExpiryTimestamp, d.MaxTimestamp, d.TokenID = 2000, 1000, "id"
	for now, expired := range map[int64]bool{999: false, 1000: false, 1001: true} {
		want := ops.Token{ID: "id", Owner: "", Requester: "User:a:b", Renewers: []string{":x", ""}, Expired: expired}
		assert.Equal(t, want, TokenOf(&d, time.UnixMilli(now)))
	}
}

func create(owner *string, renewers ...string) *kmsg.CreateDelegationTokenRequest {
	m := kmsg.NewPtrCreateDelegationTokenRequest()
	if m.OwnerPrincipalName = owner; owner != nil {
		m.OwnerPrincipalType = new("User")
	}
	for _, r := range renewers {
		m.Renewers = append(m.Renewers, kmsg.CreateDelegationTokenRequestRenewer{PrincipalType: "User", PrincipalName: r})
	}
	return m
}

func TestCreateDelegationToken(t *testing.T) {
	ofBob := acltest.Allow("User:alice", ops.CreateTokens, resource.LiteralPattern(resource.User, "User:bob"))
	for version := int16(1); version <= 3; version++ {
		for _, owner := range []*string{nil, new("bob")} {
			if owner != nil && version < 3 {
				continue
			}
			t.Run(fmt.Sprint("version ", version, " of another ", owner != nil), func(t *testing.T) {
				conn, _ := tokenConn(t, "alice", &knownTokens{}, ofBob)
				plan, err := conn.Request(tokenFrame(create(owner, "carol"), version))
				require.NoError(t, err)
				sent := sentBody[*kmsg.CreateDelegationTokenRequest](t, plan)
				name, renewers := "alice", []string{"carol", "gateway"}
				if owner != nil {
					name, renewers = "bob", []string{"carol", "portcullis-requester:User:alice", "gateway"}
				}
				assert.Equal(t, int16(3), sent.Version)
				assert.Equal(t, "User", *sent.OwnerPrincipalType)
				assert.Equal(t, name, *sent.OwnerPrincipalName)
				var got []string
				for _, r := range sent.Renewers {
					assert.Equal(t, "User", r.PrincipalType)
					got = append(got, r.PrincipalName)
				}
				assert.Equal(t, renewers, got)
				reply := kmsg.NewPtrCreateDelegationTokenResponse()
				reply.Version = 3
				reply.PrincipalType, reply.PrincipalName = "User", name
				reply.TokenRequesterPrincipalType, reply.TokenRequesterPrincipalName = "User", "gateway"
				reply.TokenID, reply.HMAC = "id", []byte("hmac")
				answer := answered(t, plan, kmsg.NewPtrCreateDelegationTokenResponse(), version, reply)
				assert.Equal(t, name, answer.PrincipalName)
				assert.Equal(t, "id", answer.TokenID)
				assert.Equal(t, []byte("hmac"), answer.HMAC)
				if version == 3 {
					assert.Equal(t, "alice", answer.TokenRequesterPrincipalName)
				}
			})
		}
	}
	for name, tt := range map[string]struct {
		user    string
		request *kmsg.CreateDelegationTokenRequest
		change  func(*Client)
		tokens  *knownTokens
		want    ops.ErrorCode
		asks    bool
	}{
		"of another without the right":      {user: "bob", request: create(new("alice")), want: ops.DelegationTokenAuthorizationFailed},
		"of the gateway":                    {user: "gateway", request: create(nil), want: ops.DelegationTokenAuthorizationFailed, asks: true},
		"with a token":                      {request: create(nil), change: func(c *Client) { c.TokenAuthenticated = true }, want: ops.DelegationTokenRequestNotAllowed},
		"on PLAINTEXT":                      {request: create(nil), change: func(c *Client) { c.Protocol = ops.Plaintext }, want: ops.DelegationTokenRequestNotAllowed},
		"over TLS without a certificate":    {user: "ANONYMOUS", request: create(nil), change: func(c *Client) { c.Protocol = ops.SSL }, want: ops.DelegationTokenRequestNotAllowed},
		"without tokens":                    {request: create(nil), change: func(c *Client) { c.Tokens = nil }, want: ops.DelegationTokenAuthDisabled},
		"while the cluster does not answer": {request: create(nil), tokens: &knownTokens{selfErr: ops.RequestTimedOut}, want: ops.RequestTimedOut, asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := tt.tokens
			if tokens == nil {
				tokens = &knownTokens{}
			}
			user := tt.user
			if user == "" {
				user = "alice"
			}
			conn, client := tokenConn(t, user, tokens)
			if tt.change != nil {
				tt.change(&client)
				conn = conn.gateway.Conn(client)
			}
			plan, err := conn.Request(tokenFrame(tt.request, 3))
			require.NoError(t, err)
			assert.Zero(t, plan.Frames())
			assert.Equal(t, int16(tt.want), answered(t, plan, kmsg.NewPtrCreateDelegationTokenResponse(), 3).ErrorCode)
			assert.Equal(t, tt.asks, tokens.asked > 0, "the cluster is asked")
		})
	}
	t.Run("an owner by two names", func(t *testing.T) {
		m := create(new("y"))
		m.OwnerPrincipalType = new("User:x")
		for _, user := range []string{"x:y", "alice"} { // "User:x:y" is the text of both
			conn, _ := tokenConn(t, user, &knownTokens{}, acltest.Allow("User:alice", ops.CreateTokens, resource.LiteralPattern(resource.User, "*")))
			plan, err := conn.Request(tokenFrame(m, 3))
			require.NoError(t, err)
			assert.Zero(t, plan.Frames())
			assert.Equal(t, int16(ops.DelegationTokenAuthorizationFailed), answered(t, plan, kmsg.NewPtrCreateDelegationTokenResponse(), 3).ErrorCode)
		}
	})
}

func TestChangeDelegationToken(t *testing.T) {
	tokens := func() *knownTokens {
		return &knownTokens{byHMAC: map[string]ops.Token{
			"own":       {Owner: "User:alice", Requester: gatewaySelf, Renewers: []string{"User:carol", gatewaySelf}},
			"ended":     {Owner: "User:alice", Requester: gatewaySelf, Renewers: []string{gatewaySelf}, Expired: true},
			"marked":    {Owner: "User:alice", Requester: gatewaySelf, Renewers: []string{"User:portcullis-requester:User:dora", gatewaySelf}},
			"elsewhere": {Owner: "User:alice", Requester: "User:alice", Renewers: []string{"User:carol"}},
			"nobody's":  {},
		}}
	}
	const sent = ops.None
	for _, tt := range []struct {
		user, hmac    string
		renew, expire ops.ErrorCode
	}{
		{"alice", "own", sent, sent},
		{"carol", "own", sent, sent},
		{"mallory", "own", ops.DelegationTokenOwnerMismatch, ops.DelegationTokenOwnerMismatch},
		{"gateway", "own", ops.DelegationTokenOwnerMismatch, ops.DelegationTokenOwnerMismatch},
		{"dora", "marked", ops.DelegationTokenOwnerMismatch, ops.DelegationTokenOwnerMismatch},
		{"portcullis-requester:User:dora", "marked", ops.DelegationTokenOwnerMismatch, ops.DelegationTokenOwnerMismatch},
		{"alice", "marked", sent, sent},
		{"alice", "ended", sent, sent}, // the cluster says that it has ended
		{"mallory", "ended", ops.DelegationTokenExpired, ops.DelegationTokenOwnerMismatch},
		{"alice", "elsewhere", sent, sent}, // and refuses it
		{"carol", "elsewhere", sent, sent},
		{"alice", "unknown", ops.DelegationTokenNotFound, ops.DelegationTokenNotFound},
		{"alice", "", ops.DelegationTokenNotFound, ops.DelegationTokenNotFound},
		{"alice", "nobody's", ops.DelegationTokenOwnerMismatch, ops.DelegationTokenOwnerMismatch},
	} {
		t.Run(tt.user+" "+tt.hmac, func(t *testing.T) {
			known := tokens()
			conn, client := tokenConn(t, tt.user, known, acltest.Allow("User:"+tt.user, ops.All, resource.LiteralPattern(resource.DelegationToken, "*")))
			for version := int16(1); version <= 2; version++ {
				renew := kmsg.NewPtrRenewDelegationTokenRequest()
				renew.HMAC, renew.RenewTimeMillis = []byte(tt.hmac), 5
				plan, err := conn.Request(tokenFrame(renew, version))
				require.NoError(t, err)
				before := known.changed
				if tt.renew == sent {
					assert.Equal(t, renew.HMAC, sentBody[*kmsg.RenewDelegationTokenRequest](t, plan).HMAC)
					reply := kmsg.NewPtrRenewDelegationTokenResponse()
					reply.Version, reply.ExpiryTimestamp = version, 17
					assert.Equal(t, int64(17), answered(t, plan, kmsg.NewPtrRenewDelegationTokenResponse(), version, reply).ExpiryTimestamp)
					assert.Equal(t, before+1, known.changed)
				} else {
					assert.Zero(t, plan.Frames())
					answer := answered(t, plan, kmsg.NewPtrRenewDelegationTokenResponse(), version)
					assert.Equal(t, int16(tt.renew), answer.ErrorCode)
					assert.Zero(t, answer.ExpiryTimestamp)
					assert.Equal(t, before, known.changed)
				}
				expire := kmsg.NewPtrExpireDelegationTokenRequest()
				expire.HMAC, expire.ExpiryPeriodMillis = []byte(tt.hmac), -1
				plan, err = conn.Request(tokenFrame(expire, version))
				require.NoError(t, err)
				if tt.expire == sent {
					assert.Equal(t, expire.HMAC, sentBody[*kmsg.ExpireDelegationTokenRequest](t, plan).HMAC)
				} else {
					assert.Zero(t, plan.Frames())
					assert.Equal(t, int16(tt.expire), answered(t, plan, kmsg.NewPtrExpireDelegationTokenResponse(), version).ErrorCode)
				}
			}
			for name, change := range map[string]func(*Client){
				"with a token": func(c *Client) { c.TokenAuthenticated = true },
				"on PLAINTEXT": func(c *Client) { c.Protocol = ops.Plaintext },
			} {
				refused, asked := client, known.asked
				change(&refused)
				renew := kmsg.NewPtrRenewDelegationTokenRequest()
				renew.HMAC = []byte(tt.hmac)
				plan, err := conn.gateway.Conn(refused).Request(tokenFrame(renew, 2))
				require.NoError(t, err)
				answer := answered(t, plan, kmsg.NewPtrRenewDelegationTokenResponse(), 2)
				assert.Equal(t, int16(ops.DelegationTokenRequestNotAllowed), answer.ErrorCode, name)
				assert.Equal(t, int64(-1), answer.ExpiryTimestamp, name)
				assert.Equal(t, asked, known.asked, "nobody asks the cluster for it")
			}
		})
	}
	t.Run("while the cluster does not answer", func(t *testing.T) {
		known := tokens()
		known.selfErr = ops.RequestTimedOut
		conn, _ := tokenConn(t, "alice", known)
		renew := kmsg.NewPtrRenewDelegationTokenRequest()
		renew.HMAC = []byte("own")
		plan, err := conn.Request(tokenFrame(renew, 2))
		require.NoError(t, err)
		assert.Zero(t, plan.Frames())
		assert.Equal(t, int16(ops.RequestTimedOut), answered(t, plan, kmsg.NewPtrRenewDelegationTokenResponse(), 2).ErrorCode)
	})
}

// detail is a token as the cluster describes it.
func detail(id, owner, requester string, renewers ...string) kmsg.DescribeDelegationTokenResponseTokenDetail {
	d := kmsg.NewDescribeDelegationTokenResponseTokenDetail()
	d.TokenID, d.HMAC = id, []byte("hmac of "+id)
	d.PrincipalType, d.PrincipalName = "User", owner
	d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName = "User", requester
	for _, r := range renewers {
		d.Renewers = append(d.Renewers, kmsg.DescribeDelegationTokenResponseTokenDetailRenewer{PrincipalType: "User", PrincipalName: r})
	}
	return d
}

func TestDescribeDelegationToken(t *testing.T) {
	all := []kmsg.DescribeDelegationTokenResponseTokenDetail{
		detail("a1", "alice", "gateway", "carol", "gateway"),
		detail("b1", "bob", "gateway", "portcullis-requester:User:dora", "gateway"),
		detail("b2", "bob", "bob", "alice"),
		detail("g1", "gateway", "gateway"),
	}
	odd := detail("x1", "y", "gateway", "gateway")
	odd.PrincipalType = "User:x"
	all = append(all, odd)
	describes := func(user, token string) acl.Binding {
		return acltest.Allow("User:"+user, ops.Describe, resource.LiteralPattern(resource.DelegationToken, token))
	}
	for _, tt := range []struct {
		name, user string
		owners     []string // nil: all
		bindings   []acl.Binding
		sent       []string // nil: all
		want       []string
	}{
		{name: "own", user: "alice", sent: []string{"alice", "portcullis-requester:User:alice"}, want: []string{"a1", "b2"}},
		{name: "as a renewer", user: "carol", sent: []string{"carol", "portcullis-requester:User:carol"}, want: []string{"a1"}},
		{name: "as the requester", user: "dora", sent: []string{"dora", "portcullis-requester:User:dora"}, want: []string{"b1"}},
		{name: "without rights", user: "mallory", sent: []string{"mallory", "portcullis-requester:User:mallory"}, want: []string{}},
		{name: "by a name that is also the text of another", user: "x:y", sent: []string{"x:y", "portcullis-requester:User:x:y"}, want: []string{}},
		{name: "by the name of a marker", user: "portcullis-requester:User:dora", sent: []string{"portcullis-requester:User:dora", "portcullis-requester:User:portcullis-requester:User:dora"}, want: []string{}},
		{name: "as the gateway", user: "gateway", sent: []string{"gateway", "portcullis-requester:User:gateway"}, want: []string{"g1"}},
		{name: "of an owner", user: "mallory", owners: []string{"alice"}, sent: []string{"alice", "portcullis-requester:User:alice"}, want: []string{}},
		{name: "of the gateway", user: "alice", owners: []string{"gateway"}, sent: []string{"gateway", "portcullis-requester:User:gateway"}, want: []string{}},
		{name: "none", user: "alice", owners: []string{}, sent: []string{}, want: []string{}},
		{name: "one by an ACL", user: "mallory", bindings: []acl.Binding{describes("mallory", "b1")}, want: []string{"b1"}},
		{name: "all by an ACL", user: "frank", bindings: []acl.Binding{describes("frank", "*")}, want: []string{"a1", "b1", "b2", "g1", "x1"}},
		{name: "of owners by an ACL", user: "frank", owners: []string{"bob"}, bindings: []acl.Binding{describes("frank", "*")}, sent: []string{"bob", "portcullis-requester:User:bob"}, want: []string{"b1", "b2"}},
		{
			name: "by an ACL for the owner", user: "eve", want: []string{"b1", "b2"},
			bindings: []acl.Binding{acltest.Allow("User:eve", ops.DescribeTokens, resource.LiteralPattern(resource.User, "User:bob"))},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for version := int16(1); version <= 3; version++ {
				conn, _ := tokenConn(t, tt.user, &knownTokens{}, tt.bindings...)
				m := kmsg.NewPtrDescribeDelegationTokenRequest()
				if tt.owners != nil {
					m.Owners = []kmsg.DescribeDelegationTokenRequestOwner{}
				}
				for _, owner := range tt.owners {
					m.Owners = append(m.Owners, kmsg.DescribeDelegationTokenRequestOwner{PrincipalType: "User", PrincipalName: owner})
				}
				plan, err := conn.Request(tokenFrame(m, version))
				require.NoError(t, err)
				assert.True(t, plan.ListsAll())
				sent := sentBody[*kmsg.DescribeDelegationTokenRequest](t, plan)
				assert.Equal(t, int16(3), sent.Version)
				assert.Equal(t, tt.sent == nil, sent.Owners == nil)
				names := []string{}
				for _, o := range sent.Owners {
					assert.Equal(t, "User", o.PrincipalType)
					names = append(names, o.PrincipalName)
				}
				assert.Equal(t, append([]string{}, tt.sent...), names)
				reply := kmsg.NewPtrDescribeDelegationTokenResponse()
				reply.Version = 3
				reply.TokenDetails = slices.Clone(all)
				got := []string{}
				for _, d := range answered(t, plan, kmsg.NewPtrDescribeDelegationTokenResponse(), version, reply).TokenDetails {
					got = append(got, d.TokenID)
					for _, r := range d.Renewers {
						assert.NotContains(t, []string{"gateway", "portcullis-requester:User:dora"}, r.PrincipalName)
					}
					if d.TokenID == "b1" && version == 3 {
						assert.Equal(t, "dora", d.TokenRequesterPrincipalName)
					}
				}
				assert.Equal(t, tt.want, got, "version %d", version)
			}
		})
	}
	t.Run("a right that is revoked meanwhile", func(t *testing.T) {
		conn, _ := tokenConn(t, "frank", &knownTokens{}, describes("frank", "*"))
		plan, err := conn.Request(tokenFrame(kmsg.NewPtrDescribeDelegationTokenRequest(), 3))
		require.NoError(t, err)
		require.Len(t, plan.Forward(), 1)
		require.NoError(t, conn.gateway.Store().Update(func(tx *snapshot.Tx) error {
			tx.Replace(slices.Values([]acl.Binding{}))
			return nil
		}))
		reply := kmsg.NewPtrDescribeDelegationTokenResponse()
		reply.Version = 3
		reply.TokenDetails = slices.Clone(all)
		assert.Empty(t, answered(t, plan, kmsg.NewPtrDescribeDelegationTokenResponse(), 3, reply).TokenDetails)
	})
	for name, tt := range map[string]struct {
		change func(*Client)
		want   ops.ErrorCode
	}{
		"with a token":                      {func(c *Client) { c.TokenAuthenticated = true }, ops.DelegationTokenRequestNotAllowed},
		"without tokens":                    {func(c *Client) { c.Tokens = nil }, ops.DelegationTokenAuthDisabled},
		"while the cluster does not answer": {func(c *Client) { c.Tokens = &knownTokens{selfErr: ops.RequestTimedOut} }, ops.RequestTimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			conn, client := tokenConn(t, "alice", &knownTokens{})
			tt.change(&client)
			plan, err := conn.gateway.Conn(client).Request(tokenFrame(kmsg.NewPtrDescribeDelegationTokenRequest(), 3))
			require.NoError(t, err)
			assert.Zero(t, plan.Frames())
			assert.Equal(t, int16(tt.want), answered(t, plan, kmsg.NewPtrDescribeDelegationTokenResponse(), 3).ErrorCode)
		})
	}
}

// TestTokenRequestsKeepTheirBudget: a request with very many short owners or renewers, to which the gateway
// adds as many, takes no more memory than its size allows, or is refused.
func TestTokenRequestsKeepTheirBudget(t *testing.T) {
	if raceDetector {
		t.Skip("memory is measured without the race detector")
	}
	for name, list := range map[string]func(n int) kmsg.Request{
		"owners": func(n int) kmsg.Request {
			m := kmsg.NewPtrDescribeDelegationTokenRequest()
			m.Owners = make([]kmsg.DescribeDelegationTokenRequestOwner, n)
			return m
		},
		"renewers": func(n int) kmsg.Request {
			m := kmsg.NewPtrCreateDelegationTokenRequest()
			m.Renewers = make([]kmsg.CreateDelegationTokenRequestRenewer, n)
			for i := range m.Renewers {
				m.Renewers[i].PrincipalType = "User"
			}
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, client := tokenConn(t, "alice", &knownTokens{})
			accepts := func(n int) bool {
				_, err := conn.gateway.Conn(client).Request(tokenFrame(list(n), 3))
				return err == nil
			}
			require.True(t, accepts(100))
			most := 100 + sort.Search(1<<20, func(more int) bool { return !accepts(100 + more + 1) })
			require.Less(t, most, 100+1<<20, "no number is refused")
			fresh, frame := conn.gateway.Conn(client), tokenFrame(list(most), 3)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			plan, err := fresh.Request(frame)
			require.NoError(t, err)
			require.Len(t, plan.Forward(), 1)
			runtime.ReadMemStats(&after)
			used, budget := int64(after.TotalAlloc-before.TotalAlloc), int64(budgetFactor*len(frame)+budgetBase)
			t.Logf("%d %s: %d of %d bytes", most, name, used, budget)
			assert.LessOrEqual(t, used, budget)
		})
	}
}
