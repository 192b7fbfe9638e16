package gateway

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// server answers an allowed request without the cluster.
type server func(*Gateway, kmsg.Request) kmsg.Response

// describeACLs answers DescribeAcls.
func describeACLs(g *Gateway, request kmsg.Request) kmsg.Response {
	m := request.(*kmsg.DescribeACLsRequest)
	found, err := g.config.Store.Describe(kmsgacl.DescribeFilter(m))
	return kmsgacl.DescribeResponse(m, found, err)
}

// errShown refuses changes of ACLs that the gateway only shows.
var errShown = &snapshot.RefusedError{Code: ops.PolicyViolation, Source: "what the program keeps"}

// createACLs answers CreateAcls.
func createACLs(g *Gateway, request kmsg.Request) kmsg.Response {
	m := request.(*kmsg.CreateACLsRequest)
	if g.config.ACLs == ShowACLs {
		return kmsgacl.CreateResponse(m, nil, errShown)
	}
	results, err := g.config.Store.Create(kmsgacl.CreateBindings(m), snapshot.WriteOptions{MetadataVersion: g.config.MetadataVersion})
	return kmsgacl.CreateResponse(m, results, err)
}

// deleteACLs answers DeleteAcls.
func deleteACLs(g *Gateway, request kmsg.Request) kmsg.Response {
	m := request.(*kmsg.DeleteACLsRequest)
	if g.config.ACLs == ShowACLs {
		return kmsgacl.DeleteResponse(m, nil, errShown)
	}
	results, err := g.config.Store.Delete(kmsgacl.DeleteFilters(m), snapshot.WriteOptions{})
	return kmsgacl.DeleteResponse(m, results, err)
}
