package gateway

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// finalEpoch is the epoch of a full fetch that makes no session (KIP-227).
const finalEpoch = -1

// rewriteFetch keeps consumers out of fetch sessions. In a session a request names only
// what changed, and a session is known by a number that anybody can send: what such a
// request would return cannot be told from it, and what was refused in the first one
// would never be asked for again. So every fetch is a full one; the cluster answers it
// with session 0, by which a client knows that there is none. A follower that may act
// for the cluster, and so read every topic, keeps its session.
//
// Source: KIP-227; Kafka's FetchManager.newContext, FetchSessionHandler.
func rewriteFetch(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.FetchRequest)
	follower := p.query.Follower && p.asker.view.Allowed(ops.ClusterAction, resource.Cluster, resource.ClusterName)
	if follower || p.query.Endpoint == ops.Controller || m.Version < 7 {
		return false, nil
	}
	if m.SessionEpoch > 0 {
		p.local = sessionNotFound(m)
		return false, nil
	}
	changed := m.SessionID != 0 || m.SessionEpoch != finalEpoch || len(m.ForgottenTopics) > 0
	m.SessionID, m.SessionEpoch, m.ForgottenTopics = 0, finalEpoch, []kmsg.FetchRequestForgottenTopic{}
	return changed, nil
}

// sessionNotFound returns the response to a fetch in a session that there is not.
func sessionNotFound(m *kmsg.FetchRequest) kmsg.Response {
	r := m.ResponseKind().(*kmsg.FetchResponse)
	r.ErrorCode = int16(ops.FetchSessionIDNotFound)
	return r
}
