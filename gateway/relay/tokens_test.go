package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func tokenDetail(id string, ends time.Time) kmsg.DescribeDelegationTokenResponseTokenDetail {
	d := kmsg.NewDescribeDelegationTokenResponseTokenDetail()
	d.TokenID, d.HMAC, d.PrincipalType, d.PrincipalName = id, []byte("hmac of "+id), "User", "alice"
	d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName = "User", "alice"
	d.ExpiryTimestamp, d.MaxTimestamp = ends.UnixMilli(), ends.Add(time.Hour).UnixMilli()
	return d
}

// listed are tokens whose list is read by a function, which counts how often.
type listed struct {
	tokens
	reads atomic.Int32
	mu    sync.Mutex
	ids   []string
	took  time.Duration
	err   error
}

func newListed(ids ...string) *listed {
	l := &listed{ids: ids}
	l.read = func(context.Context) ([]kmsg.DescribeDelegationTokenResponseTokenDetail, error) {
		l.reads.Add(1)
		l.mu.Lock()
		defer l.mu.Unlock()
		var list []kmsg.DescribeDelegationTokenResponseTokenDetail
		for _, id := range l.ids {
			list = append(list, tokenDetail(id, time.Now().Add(time.Hour)))
		}
		time.Sleep(l.took)
		return list, l.err
	}
	return l
}

func (l *listed) set(err error, took time.Duration, ids ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids, l.err, l.took = ids, err, took
}

func (l *listed) byID(ctx context.Context, id string) (Token, error) {
	return l.find(ctx, func(list *tokenList) *Token { return list.byID[id] })
}

func TestTokensAreReadForThoseWhoNeedThem(t *testing.T) {
	t.Run("a known one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			for range 10 {
				token, err := l.byID(t.Context(), "a")
				require.NoError(t, err)
				assert.Equal(t, "User:alice", token.Owner)
				assert.Equal(t, []byte("hmac of a"), token.HMAC)
			}
			assert.Equal(t, int32(1), l.reads.Load())
			time.Sleep(MaxTokenAge + 1)
			_, err := l.byID(t.Context(), "a")
			require.NoError(t, err)
			assert.Equal(t, int32(2), l.reads.Load(), "the list is too old")
		})
	})
	t.Run("one that is removed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			_, err := l.byID(t.Context(), "a")
			require.NoError(t, err)
			l.set(nil, 0)
			removed := time.Now()
			for err == nil {
				require.LessOrEqual(t, time.Since(removed), MaxTokenAge)
				time.Sleep(100 * time.Millisecond)
				_, err = l.byID(t.Context(), "a")
			}
			assert.ErrorIs(t, err, ErrNoToken)
			assert.Greater(t, time.Since(removed), MaxTokenAge-time.Second)
		})
	})
	t.Run("one that is removed by a client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			_, err := l.byID(t.Context(), "a")
			require.NoError(t, err)
			l.set(nil, 0)
			time.Sleep(time.Millisecond)
			l.change()
			_, err = l.byID(t.Context(), "a")
			assert.ErrorIs(t, err, ErrNoToken)
		})
	})
	t.Run("one that is new", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			_, err := l.byID(t.Context(), "a")
			require.NoError(t, err)
			l.set(nil, 0, "a", "b")
			began := time.Now()
			time.Sleep(time.Millisecond)
			_, err = l.byID(t.Context(), "b")
			require.NoError(t, err)
			assert.Equal(t, tokensInterval, time.Since(began))
		})
	})
	t.Run("unknown ones of many clients", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			const clients, long = 200, time.Minute
			until := time.Now().Add(long)
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					for time.Now().Before(until) {
						time.Sleep(time.Millisecond) // no time passes otherwise
						_, err := l.byID(t.Context(), fmt.Sprint("unknown ", i))
						assert.ErrorIs(t, err, ErrNoToken)
					}
				})
			}
			all.Wait()
			assert.LessOrEqual(t, l.reads.Load(), int32(long/tokensInterval)+2)
			assert.Greater(t, l.reads.Load(), int32(10))
		})
	})
	t.Run("a list that takes long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed()
			l.set(nil, 300*time.Millisecond, "a")
			for range 20 {
				_, err := l.byID(t.Context(), "unknown")
				require.ErrorIs(t, err, ErrNoToken)
			}
			began, before := time.Now(), l.reads.Load()
			for range 20 {
				_, _ = l.byID(t.Context(), "unknown")
			}
			reads := time.Duration(l.reads.Load() - before)
			assert.GreaterOrEqual(t, time.Since(began), reads*3*time.Second-3*time.Second, "a tenth of the time")
		})
	})
	t.Run("a list that cannot be read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			failure := errors.New("down")
			_, err := l.byID(t.Context(), "a")
			require.NoError(t, err)
			l.set(failure, 0, "a")
			time.Sleep(time.Second)
			_, err = l.byID(t.Context(), "a")
			require.NoError(t, err, "the last list is not too old")
			time.Sleep(MaxTokenAge)
			_, err = l.byID(t.Context(), "a")
			require.ErrorIs(t, err, failure)
			began, before := time.Now(), l.reads.Load()
			for range 10 {
				_, err = l.byID(t.Context(), "a")
				require.ErrorIs(t, err, failure)
			}
			assert.LessOrEqual(t, time.Duration(l.reads.Load()-before), time.Since(began)/tokensInterval+1)
			l.set(nil, 0, "a")
			time.Sleep(time.Millisecond)
			_, err = l.byID(t.Context(), "a")
			require.NoError(t, err)
		})
	})
	t.Run("those who leave", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newListed("a")
			l.set(nil, 2*time.Second, "a")
			reader := make(chan error)
			go func() {
				_, err := l.byID(context.Background(), "a")
				reader <- err
			}()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := l.byID(ctx, "a")
			require.ErrorIs(t, err, context.DeadlineExceeded, "while another reads")
			require.NoError(t, <-reader)
			ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err = l.byID(ctx, "unknown")
			require.ErrorIs(t, err, context.DeadlineExceeded, "until the next reading")
		})
	})
}

func TestListOfTokens(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	without := tokenDetail("", now)
	empty := tokenDetail("empty", now)
	empty.HMAC = nil
	list := newTokenList(now, []kmsg.DescribeDelegationTokenResponseTokenDetail{tokenDetail("a", now.Add(time.Minute)), without, empty})
	require.Len(t, list.byID, 1, "a token without an id or without an HMAC is none")
	require.Len(t, list.byHMAC, 1)
	a := list.byID["a"]
	assert.Same(t, a, list.byHMAC["hmac of a"])
	assert.Equal(t, now.Add(time.Minute), a.Ends, "not its greatest time")
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		assert.Equal(t, `delegation token "a" of "User:alice"`, fmt.Sprintf(format, *a))
	}
}

func TestBrokersThatServeTokens(t *testing.T) {
	versions := func(create, describe int16) []kmsg.ApiVersionsResponseApiKey {
		return []kmsg.ApiVersionsResponseApiKey{
			{ApiKey: int16(ops.CreateDelegationTokenKey), MaxVersion: create}, {ApiKey: int16(ops.RenewDelegationTokenKey), MaxVersion: 2},
			{ApiKey: int16(ops.DescribeDelegationTokenKey), MaxVersion: describe},
		}
	}
	c, without := &Cluster{tokens: &Tokens{}}, &Cluster{}
	for _, key := range tokenAPIs {
		assert.Empty(t, c.refuses(key, versions(3, 3)))
		assert.NotEmpty(t, c.refuses(key, versions(2, 3)))
		assert.NotEmpty(t, c.refuses(key, versions(3, 2)))
		assert.NotEmpty(t, c.refuses(key, nil))
		assert.NotEmpty(t, without.refuses(key, versions(3, 3)), "tokens are not open")
	}
	assert.NotEmpty(t, c.refuses(ops.EnvelopeKey, versions(3, 3)))
	assert.Empty(t, c.refuses(ops.FetchKey, nil))
}

// tokenBroker returns a cluster with one token, a, of a broker that knows the program as User:me, and the
// broker. code is what it answers to CreateDelegationToken.
func tokenBroker(t *testing.T, code *atomic.Int32, creates *atomic.Int32) *Cluster {
	t.Helper()
	upstream, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(upstream.Close)
	upstream.ControlKey(int16(kmsg.ApiVersions), func(r kmsg.Request) (kmsg.Response, error, bool) {
		upstream.KeepControl()
		response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
		for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.ApiVersions, kmsg.CreateDelegationToken, kmsg.RenewDelegationToken, kmsg.ExpireDelegationToken, kmsg.DescribeDelegationToken} {
			k := kmsg.NewApiVersionsResponseApiKey()
			k.ApiKey, k.MaxVersion = int16(key), min(kmsg.RequestForKey(int16(key)).MaxVersion(), 12)
			response.ApiKeys = append(response.ApiKeys, k)
		}
		return response, nil, true
	})
	upstream.ControlKey(int16(kmsg.CreateDelegationToken), func(r kmsg.Request) (kmsg.Response, error, bool) {
		upstream.KeepControl()
		creates.Add(1)
		m := r.(*kmsg.CreateDelegationTokenRequest)
		assert.Nil(t, m.OwnerPrincipalName)
		assert.Equal(t, int64(1), m.MaxLifetimeMillis, "if it is made, it ends at once")
		assert.NotEqual(t, "User", m.Renewers[0].PrincipalType)
		response := r.ResponseKind().(*kmsg.CreateDelegationTokenResponse)
		response.ErrorCode = int16(code.Load())
		response.TokenRequesterPrincipalType, response.TokenRequesterPrincipalName = "User", "me"
		if code.Load() == -1 {
			response.ErrorCode, response.TokenRequesterPrincipalType = int16(ops.InvalidPrincipalType), "Other"
		}
		return response, nil, true
	})
	upstream.ControlKey(int16(kmsg.DescribeDelegationToken), func(r kmsg.Request) (kmsg.Response, error, bool) {
		upstream.KeepControl()
		assert.Nil(t, r.(*kmsg.DescribeDelegationTokenRequest).Owners, "all")
		response := r.ResponseKind().(*kmsg.DescribeDelegationTokenResponse)
		if code.Load() == int32(ops.DelegationTokenAuthDisabled) {
			response.ErrorCode = int16(code.Load())
			return response, nil, true
		}
		response.TokenDetails = append(response.TokenDetails, tokenDetail("a", time.Now().Add(-time.Minute)), tokenDetail("b", time.Now().Add(time.Minute)))
		return response, nil, true
	})
	c, err := NewCluster(Upstream{Brokers: upstream.ListenAddrs()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.Nil(t, c.Tokens())
	require.NoError(t, c.OpenTokens())
	require.NoError(t, c.Refresh(t.Context()))
	return c
}

func TestTokensOfABroker(t *testing.T) {
	var code, creates atomic.Int32
	code.Store(int32(ops.InvalidPrincipalType))
	c := tokenBroker(t, &code, &creates)
	asked := 0
	of := c.Tokens().Of(t.Context(), func() { asked++ })
	for range 3 {
		self, got := of.Self()
		assert.Equal(t, ops.None, got)
		assert.Equal(t, "User:me", self)
	}
	assert.Equal(t, int32(1), creates.Load(), "it is remembered")
	c.Replace(Upstream{Brokers: []string{"127.0.0.1:1"}})
	_, _ = of.Self()
	assert.Equal(t, int32(2), creates.Load(), "the login may be another one")
	token, got := of.Find([]byte("hmac of a"))
	assert.Equal(t, ops.None, got)
	assert.Equal(t, ops.Token{ID: "a", Owner: "User:alice", Requester: "User:alice", Renewers: []string{}, Expired: true}, token)
	_, got = of.Find([]byte("other"))
	assert.Equal(t, ops.DelegationTokenNotFound, got)
	_, got = of.Find(nil)
	assert.Equal(t, ops.DelegationTokenNotFound, got)
	assert.Positive(t, asked)
	byID, err := c.Tokens().ByID(t.Context(), "b")
	require.NoError(t, err)
	assert.Equal(t, []byte("hmac of b"), byID.HMAC)
	of.Changed()
	code.Store(int32(ops.DelegationTokenAuthDisabled))
	_, err = c.Tokens().ByID(t.Context(), "b")
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrNoToken)
	_, got = of.Find([]byte("hmac of b"))
	assert.Equal(t, ops.DelegationTokenAuthDisabled, got)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	left := c.Tokens().Of(gone, nil)
	c.Tokens().self.turn <- struct{}{}
	_, got = left.Self()
	assert.Equal(t, ops.RequestTimedOut, got)
	<-c.Tokens().self.turn
	c.Close()
	c.Tokens().forget()
	_, got = of.Self()
	assert.Equal(t, ops.RequestTimedOut, got)
}

// A broker that does not say who the program is lets nobody have a token.
func TestTokensWithoutAName(t *testing.T) {
	for answered, want := range map[int32]ops.ErrorCode{
		int32(ops.None): ops.DelegationTokenRequestNotAllowed,
		int32(ops.DelegationTokenRequestNotAllowed): ops.DelegationTokenRequestNotAllowed,
		-1: ops.InvalidPrincipalType,
	} {
		t.Run(fmt.Sprint(answered), func(t *testing.T) {
			var code, creates atomic.Int32
			code.Store(answered)
			of := tokenBroker(t, &code, &creates).Tokens().Of(t.Context(), nil)
			for range 3 {
				self, got := of.Self()
				assert.Equal(t, want, got)
				assert.Empty(t, self)
			}
			assert.Equal(t, int32(1), creates.Load(), "it is not asked again at once")
		})
	}
}

// A connection serves requests about tokens if the broker does, with the tokens of its login.
func TestTokensOfAConnection(t *testing.T) {
	var code, creates atomic.Int32
	code.Store(int32(ops.InvalidPrincipalType))
	c := tokenBroker(t, &code, &creates)
	r, err := New(c, Limits{})
	require.NoError(t, err)
	g, err := gateway.New(gateway.Config{Store: acltest.Store(t, snapshot.Config{})})
	require.NoError(t, err)
	who := principal.User("alice")
	for _, byToken := range []bool{false, true} {
		who.TokenAuthenticated = byToken
		here, there := net.Pipe()
		t.Cleanup(func() { _ = here.Close() })
		_ = here.SetDeadline(time.Now().Add(time.Minute))
		ended := make(chan error, 1)
		go func() {
			ended <- r.Serve(t.Context(), there, Client{
				Node: c.Any(), Gateway: g, Protocol: ops.SASLSSL,
				Login: Known{Principal: who, Host: netip.MustParseAddr("10.0.0.7")},
			})
		}()
		renew := kmsg.NewPtrRenewDelegationTokenRequest()
		renew.HMAC, renew.Version = []byte("unknown"), 1
		_, err = here.Write(kmsg.NewRequestFormatter().AppendRequest(nil, renew, 1))
		require.NoError(t, err)
		frame, err := gateway.ReadFrame(here, 1<<20)
		require.NoError(t, err)
		answer := kmsg.NewPtrRenewDelegationTokenResponse()
		answer.Version = 1
		require.NoError(t, answer.ReadFrom(frame[4:]))
		want := ops.DelegationTokenNotFound
		if byToken {
			want = ops.DelegationTokenRequestNotAllowed
		}
		assert.Equal(t, int16(want), answer.ErrorCode, "with a token: %v", byToken)
		require.NoError(t, here.Close())
		err = <-ended
		assert.True(t, Ended(err), "%v", err)
	}
}
