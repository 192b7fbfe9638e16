package gateway

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// finalEpoch is the epoch of a full fetch that makes no session (KIP-227).
const finalEpoch = -1

// rewriteFetch prevents consumers from using fetch sessions. A request in a session
// names only what changed, and any client can send the number of any session. So the
// gateway could not tell which topics such a request returns, and topics refused in the
// first request would never be requested again. Therefore every fetch is a full one.
// The cluster answers with session 0, which tells the client that there is no session.
// A follower that has ClusterAction, and so may read every topic, keeps its session.
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

// sessionNotFound answers a fetch whose session does not exist.
func sessionNotFound(m *kmsg.FetchRequest) kmsg.Response {
	r := m.ResponseKind().(*kmsg.FetchResponse)
	r.ErrorCode = int16(ops.FetchSessionIDNotFound)
	return r
}
