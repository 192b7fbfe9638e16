package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// membershipWarning is how often the log of a connection says that the groups are not known.
const membershipWarning = time.Minute

// membership decides by the groups that a client is in now. Only the goroutine that decides uses
// it.
//
// While the groups are not known, every request is refused, as if no ACL allowed it: a DENY may be
// for one of them. A super user by its own name needs no groups, since no DENY is for it.
type membership struct {
	conn    *conn
	ctx     context.Context
	client  gateway.Client // with the groups of the login
	make    func(gateway.Client) relay.Decider
	refused relay.Decider

	decide  relay.Decider // nil before the first request
	by      []principal.Principal
	unknown bool // the last request was refused, because the groups were not known
	warned  time.Time
}

// Changed reports whether the client is in other groups than when its last request was decided: while a
// request waits, for the audit log or for a broker, it may have come into a group with a DENY.
func (m *membership) Changed() bool {
	if m.unknown {
		return false // nothing was allowed
	}
	found, err := m.conn.listener.proxy.groups.Groups(m.ctx, m.client.Subject.Principal)
	if err != nil {
		return !m.conn.listener.proxy.isSuperUser(m.client.Subject.Principal)
	}
	return !slices.EqualFunc(found, m.by, principal.Principal.Equal)
}

// Request decides a request.
func (m *membership) Request(frame []byte) (*gateway.Plan, error) {
	l := m.conn.listener
	found, err := l.proxy.groups.Groups(m.ctx, m.client.Subject.Principal)
	m.unknown = false
	if err != nil {
		if !l.proxy.isSuperUser(m.client.Subject.Principal) {
			l.proxy.metrics.unknownGroups.Inc()
			if now := time.Now(); now.Sub(m.warned) > membershipWarning {
				m.warned = now
				m.conn.log.Warn("the groups of the client are not known: its requests are refused", "reason", err.Error())
			}
			m.unknown = true
			return m.refused.Request(frame)
		}
		found = nil
	}
	if m.decide == nil || !slices.EqualFunc(found, m.by, principal.Principal.Equal) {
		now := m.client
		now.Subject.Groups = groups.Union(m.client.Subject.Groups, found)
		m.decide, m.by = m.make(now), found
	}
	return m.decide.Request(frame)
}

// isSuperUser reports whether a principal is allowed everything by its own name.
func (p *Proxy) isSuperUser(who principal.Principal) bool {
	return slices.ContainsFunc(p.store.Load().Config().SuperUsers, who.Equal)
}

// followGroups makes the deciders of one connection follow the groups of the client.
func (c *conn) followGroups(ctx context.Context, decider func(gateway.Client) relay.Decider) func(gateway.Client) relay.Decider {
	l := c.listener
	if l.proxy.groups == nil {
		return decider
	}
	if decider == nil {
		var last *gateway.Conn
		decider = func(client gateway.Client) relay.Decider {
			client.Before = last
			last = l.gateway.Conn(client)
			return last
		}
	}
	return func(client gateway.Client) relay.Decider {
		client.Subject.Groups = c.login.who.groups
		refused := client
		refused.Keep = func(int) bool { return false } // nothing is allowed that could be kept
		return &membership{conn: c, ctx: ctx, client: client, make: decider, refused: l.refusing.Conn(refused)}
	}
}

// groupsAtLogin returns the groups of a client that has just logged in. Those that are not known
// are left out: the requests of the client are refused then.
func (c *conn) groupsAtLogin(ctx context.Context, who identity) []principal.Principal {
	if c.listener.proxy.groups == nil {
		return who.groups
	}
	found, err := c.listener.proxy.groups.Groups(ctx, who.principal)
	if err != nil {
		found = nil
	}
	return groups.Union(who.groups, found)
}
