package gateway

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// server answers the allowed request of a plan without the cluster. The error is a
// *snapshot.ConflictError if the ACLs are no longer those by which the request was decided: then
// nothing is changed or shown.
type server func(*Plan) (kmsg.Response, error)

// describeACLs answers DescribeAcls.
func describeACLs(p *Plan) (kmsg.Response, error) {
	m := p.query.message.(*kmsg.DescribeACLsRequest)
	found, err := p.gateway.config.Store.Describe(kmsgacl.DescribeFilter(m))
	if decided, now := p.asker.view.Generation(), p.gateway.config.Store.Load().Generation(); now != decided {
		return nil, &snapshot.ConflictError{Expected: decided, Current: now}
	}
	return kmsgacl.DescribeResponse(m, found, err), nil
}

// errShown refuses changes of ACLs that the gateway only shows.
var errShown = &snapshot.RefusedError{Code: ops.PolicyViolation, Source: "what the program keeps"}

// createACLs answers CreateAcls.
func createACLs(p *Plan) (kmsg.Response, error) {
	m := p.query.message.(*kmsg.CreateACLsRequest)
	if p.gateway.config.ACLs == ShowACLs {
		return kmsgacl.CreateResponse(m, nil, errShown), nil
	}
	results, err := p.gateway.config.Store.Create(kmsgacl.CreateBindings(m), snapshot.WriteOptions{MetadataVersion: p.gateway.config.MetadataVersion, IfGeneration: new(p.asker.view.Generation())})
	return kmsgacl.CreateResponse(m, results, err), conflict(err)
}

// deleteACLs answers DeleteAcls.
func deleteACLs(p *Plan) (kmsg.Response, error) {
	m := p.query.message.(*kmsg.DeleteACLsRequest)
	if p.gateway.config.ACLs == ShowACLs {
		return kmsgacl.DeleteResponse(m, nil, errShown), nil
	}
	results, err := p.gateway.config.Store.Delete(kmsgacl.DeleteFilters(m), snapshot.WriteOptions{IfGeneration: new(p.asker.view.Generation())})
	return kmsgacl.DeleteResponse(m, results, err), conflict(err)
}

// conflict returns err if it is a *snapshot.ConflictError.
func conflict(err error) error {
	if c, ok := errors.AsType[*snapshot.ConflictError](err); ok {
		return c
	}
	return nil
}
