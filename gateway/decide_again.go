package gateway

import (
	"cmp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// A response can arrive long after its request was decided: a Fetch waits for records
// as long as the client says. So if the ACLs have changed by then, the gateway decides
// again about everything that the response shows. If the response reports what the
// cluster has done, the client gets it unchanged.

// isDecided reports whether the response no longer depends on the ACLs. The response to
// CreateTopics also shows configurations.
func (p *Plan) isDecided() bool {
	if p.isAnswered() || p.next != nil { // what is done with Forward or Response needs the request
		return p.local != nil
	}
	return p.changesNothing() && apiOf(p.query.Key).reportsChange && p.query.Key != ops.CreateTopicsKey
}

// Outdated reports whether the ACLs have changed since the request was decided, so that
// [Plan.Response] will decide about the response again. It is also true if [Plan.Forward] gave no
// frames, or Response no answer, because the plan was not current any more.
func (p *Plan) Outdated() bool {
	if p.failure == errOutdated {
		return true
	}
	return p.query != nil && p.conn.session.View().Generation() != p.asker.view.Generation()
}

// decideAgain decides about the response by the current ACLs. It returns the answer if
// the request is now refused as a whole.
func (p *Plan) decideAgain() (refusal kmsg.Response, err error) {
	if p.Outdated() {
		p.late, err = p.decideNow()
	}
	return p.late, err
}

// decideNow decides about the response by the current ACLs, as decideAgain says.
func (p *Plan) decideNow() (refusal kmsg.Response, err error) {
	p.asker.view = p.conn.session.View()
	if !p.reported {
		p.Denied, p.others, p.toldDenied = nil, nil, 0 // the decisions before took no effect
	}
	if p.query.Key == ops.ShareFetchKey {
		return nil, nil // its filter asks about all that it shows
	}
	q := p.query
	out, denials := p.evaluate(&q.Request, p.asker.entries)
	if do := apiOf(q.Key).filter; do != nil {
		p.filter = do(p, &out)
	}
	if apiOf(q.Key).reportsChange && p.later == nil { // it has been done
		return nil, nil
	}
	p.deny(denials)
	switch {
	case out.CloseConnection:
		return nil, errUnknown
	case out.Error != ops.None || out.Empty:
		return p.refuseAnswer(out.Error)
	case p.lostSession():
		return sessionNotFound(q.message.(*kmsg.FetchRequest)), nil
	case !slices.ContainsFunc(out.Items, func(it ops.Item) bool { return it.Code != ops.None }):
		return nil, nil
	case p.refused == nil:
		p.refused, err = verdictsOf(q, &out)
	default:
		err = p.refused.add(&out)
	}
	if err == nil && p.refused.whole != ops.None {
		return p.refuseAnswer(p.refused.whole)
	}
	return nil, err
}

// refuseAnswer returns the answer to a request that is refused as a whole only when its
// response arrives.
func (p *Plan) refuseAnswer(code ops.ErrorCode) (kmsg.Response, error) {
	if p.refused != nil {
		p.refused.restore()
	}
	return refuseAll(p.query, code)
}

// lostSession reports whether the request belongs to the fetch session of a follower
// that has lost ClusterAction. The response may contain any topic of the session.
func (p *Plan) lostSession() bool {
	m, ok := p.query.message.(*kmsg.FetchRequest)
	return ok && m.Version >= 7 && m.SessionEpoch != finalEpoch && p.query.Endpoint != ops.Controller &&
		!p.asker.view.Allowed(ops.ClusterAction, resource.Cluster, resource.ClusterName)
}

// deny adds denials that affect the client and were not recorded before.
func (p *Plan) deny(felt []Denial) {
	felt = unknown(p.Denied, felt)
	if len(p.Denied) == 0 {
		p.Denied = felt
	} else if len(felt) > 0 {
		p.Denied = append(slices.Grow(p.Denied, len(felt)), felt...)
	}
}

// unknown returns the decisions of list about questions that known has no decision about. It may
// change list.
func unknown(known, list []Denial) []Denial {
	if len(known) == 0 || len(list) == 0 {
		return list
	}
	compare := func(a, b *Denial) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	}
	order := inOrder(len(known), func(i, j int32) int { return compare(&known[i], &known[j]) })
	return slices.DeleteFunc(list, func(d Denial) bool {
		_, found := slices.BinarySearchFunc(order, &d, func(i int32, d *Denial) int { return compare(&known[i], d) })
		return found
	})
}
