package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// memberships are groups that a test changes.
type memberships struct {
	mu    sync.Mutex
	of    map[string][]principal.Principal
	err   error
	asked atomic.Int32
}

func (m *memberships) Groups(_ context.Context, who principal.Principal) ([]principal.Principal, error) {
	m.asked.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[who.Name], m.err
}

func (m *memberships) set(user string, err error, groups ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []principal.Principal
	for _, g := range groups {
		list = append(list, principal.Principal{Type: "Group", Name: g})
	}
	m.of, m.err = map[string][]principal.Principal{user: list}, err
}

var errDirectory = errors.New("the directory\nis down")

// groupACL returns an ACL of a group.
func groupACL(group string, permission acl.PermissionType, topic string) acl.Binding {
	return acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, topic),
		Entry: acl.Entry{Principal: "Group:" + group, Host: acl.WildcardHost, Operation: ops.Read, Permission: permission}}
}

// A session follows the groups of its client. While they are not known, its requests are refused,
// also those that a DENY to a group is about, and only a super user is served.
func TestGroupsOfASession(t *testing.T) {
	m := &memberships{}
	s := store(t, "alice ALLOW READ TOPIC secret")
	require.NoError(t, s.Update(func(tx *snapshot.Tx) error {
		tx.Add(groupACL("payments", acl.Allow, "orders"))
		tx.Add(groupACL("suspended", acl.Deny, "secret"))
		return nil
	}))
	registry := prometheus.NewRegistry()
	p := start(t, upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "secret")), proxy.Config{Store: s, Groups: m, Metrics: registry})
	fetch := func(w *wire, topic string) int16 {
		return w.ask(fetchOf(topic), 11).(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode
	}
	const refused = int16(ops.TopicAuthorizationFailed)
	w := dial(t, p.Addresses()[0])
	require.Zero(t, w.login("alice", passwords["alice"]).ErrorCode)
	admin := dial(t, p.Addresses()[0])
	require.Zero(t, admin.login("admin", passwords["admin"]).ErrorCode)
	for i, step := range []struct {
		groups         []string
		err            error
		orders, secret int16
	}{
		{nil, nil, refused, 0},
		{[]string{"payments"}, nil, 0, 0},
		{[]string{"Payments"}, nil, refused, 0}, // compared exactly
		{[]string{"payments", "suspended"}, nil, 0, refused},
		{nil, errDirectory, refused, refused}, // the DENY holds
		{[]string{"payments"}, nil, 0, 0},
		{[]string{"suspended"}, nil, refused, refused},
	} {
		m.set("alice", step.err, step.groups...)
		assert.Equal(t, step.orders, fetch(w, "orders"), "step %d", i)
		assert.Equal(t, step.secret, fetch(w, "secret"), "step %d", i)
		assert.Zero(t, fetch(admin, "orders"), "step %d: a super user", i)
	}
	p.stop()
	assert.Len(t, p.log.With("the groups of the client are not known", "is down", "alice"), 1)
	assert.EqualValues(t, 2, gaugeOf(t, registry, "requests_unknown_groups_total"))
}

// A client whose groups are not known at its login is served once they are. It loses no fetch
// session when they change.
func TestGroupsUnknownAtLogin(t *testing.T) {
	m := &memberships{}
	m.set("alice", errDirectory)
	s := store(t)
	require.NoError(t, s.Update(func(tx *snapshot.Tx) error { tx.Add(groupACL("payments", acl.Allow, "orders")); return nil }))
	p := start(t, upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders")), proxy.Config{Store: s, Groups: m, Refuse: func() bool { return false }})
	w := dial(t, p.Addresses()[0])
	require.Zero(t, w.login("alice", passwords["alice"]).ErrorCode)
	ask := func() int16 {
		return w.ask(metadataOf("orders"), 9).(*kmsg.MetadataResponse).Topics[0].ErrorCode
	}
	assert.Equal(t, int16(ops.TopicAuthorizationFailed), ask())
	m.set("alice", nil, "payments")
	assert.Zero(t, ask())
}

// A token says in which groups its owner is. They count together with those of Config.Groups.
func TestGroupsOfAToken(t *testing.T) {
	s := store(t)
	require.NoError(t, s.Update(func(tx *snapshot.Tx) error {
		tx.Add(groupACL("of the token", acl.Allow, "orders"))
		tx.Add(groupACL("of the directory", acl.Allow, "bills"))
		return nil
	}))
	for name, test := range map[string]struct {
		token         []string
		directory     []string
		orders, bills bool
	}{
		"both":             {[]string{"of the token"}, []string{"of the directory"}, true, true},
		"the token":        {[]string{"of the token", "more"}, nil, true, false},
		"the directory":    {nil, []string{"of the directory"}, false, true},
		"others":           {[]string{"of the directory "}, nil, false, false},
		"without a source": {[]string{"of the token"}, []string{"-"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			config := proxy.Config{Store: s, Listeners: []proxy.Listener{byToken(0)}}
			config.Listeners[0].SASL.OAuth = groupTokens(test.token)
			if len(test.directory) != 1 || test.directory[0] != "-" {
				m := &memberships{}
				m.set("alice", nil, test.directory...)
				config.Groups = m
			}
			p := start(t, upstream(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "bills")), config)
			w := dial(t, p.Addresses()[0])
			require.Zero(t, w.handshake(proxy.OAuthBearer, 1).ErrorCode)
			require.Zero(t, w.token(firstMessage("alice.1h")).ErrorCode)
			for topic, want := range map[string]bool{"orders": test.orders, "bills": test.bills} {
				code := w.ask(metadataOf(topic), 9).(*kmsg.MetadataResponse).Topics[0].ErrorCode
				assert.Equal(t, want, code == 0, "%s: %d", topic, code)
			}
		})
	}
	for name, list := range map[string][]string{"no name": {""}, "too many": manyNames(1001), "a line": {"a\nb"}} {
		t.Run(name, func(t *testing.T) {
			listener := byToken(0)
			listener.SASL.OAuth = groupTokens(list)
			p := start(t, upstream(t), proxy.Config{Store: s, Listeners: []proxy.Listener{listener}})
			w := dial(t, p.Addresses()[0])
			require.Zero(t, w.handshake(proxy.OAuthBearer, 1).ErrorCode)
			assert.Equal(t, kerr.SaslAuthenticationFailed.Code, w.token(firstMessage("alice.1h")).ErrorCode)
		})
	}
}

func manyNames(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

// groupTokens verifies every token, as one of alice in some groups.
type groupTokens []string

func (g groupTokens) VerifyToken(context.Context, string) (proxy.TokenOwner, error) {
	return proxy.TokenOwner{Name: "alice", Expires: time.Now().Add(time.Hour), Groups: g}, nil
}
