package gateway

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// server answers an allowed request without the cluster.
type server func(*Gateway, kmsg.Request) kmsg.Response

// describeACLs answers DescribeAcls.
//
// Source: Kafka's AclApis.handleDescribeAcls, DescribeAclsResponse.aclsResources.
func describeACLs(g *Gateway, request kmsg.Request) kmsg.Response {
	m := request.(*kmsg.DescribeACLsRequest)
	r := m.ResponseKind().(*kmsg.DescribeACLsResponse)
	filter := filterOf(m.ResourceType, m.ResourceName, m.ResourcePatternType, m.Principal, m.Host, m.Operation, m.PermissionType)
	found, err := g.config.Store.Describe(filter)
	if err != nil {
		r.ErrorCode, r.ErrorMessage = int16(ops.InvalidRequest), new(err.Error())
		return r
	}
	var last resource.Pattern
	for _, b := range found {
		if len(r.Resources) == 0 || b.Pattern != last {
			last = b.Pattern
			r.Resources = append(r.Resources, kmsg.DescribeACLsResponseResource{
				ResourceType: kmsg.ACLResourceType(b.Pattern.Type), ResourceName: b.Pattern.Name,
				ResourcePatternType: kmsg.ACLResourcePatternType(b.Pattern.PatternType),
			})
		}
		of := &r.Resources[len(r.Resources)-1]
		of.ACLs = append(of.ACLs, kmsg.DescribeACLsResponseResourceACL{
			Principal: b.Entry.Principal, Host: b.Entry.Host,
			Operation: kmsg.ACLOperation(b.Entry.Operation), PermissionType: kmsg.ACLPermissionType(b.Entry.Permission),
		})
	}
	return r
}

// createACLs answers CreateAcls.
//
// Source: Kafka's AclApis.handleCreateAcls.
func createACLs(g *Gateway, request kmsg.Request) kmsg.Response {
	m := request.(*kmsg.CreateACLsRequest)
	r := m.ResponseKind().(*kmsg.CreateACLsResponse)
	r.Results = make([]kmsg.CreateACLsResponseResult, len(m.Creations))
	bindings := make([]acl.Binding, len(m.Creations))
	for i := range m.Creations {
		bindings[i] = bindingOf(&m.Creations[i])
	}
	results, code, err := g.create(bindings)
	for i := range r.Results {
		if err == nil {
			r.Results[i].ErrorCode, r.Results[i].ErrorMessage = int16(results[i].Code), messageOf(results[i].Err)
		} else {
			r.Results[i].ErrorCode, r.Results[i].ErrorMessage = int16(code), messageOf(err)
		}
	}
	return r
}

// errShown refuses changes of ACLs that the gateway only displays.
var errShown = errors.New("the ACLs are kept elsewhere and cannot be changed here")

// create creates ACLs. If the whole call fails, it returns the error and its code.
func (g *Gateway) create(bindings []acl.Binding) ([]snapshot.CreateResult, ops.ErrorCode, error) {
	if g.config.ACLs == ShowACLs {
		return nil, ops.PolicyViolation, errShown
	}
	results, err := g.config.Store.Create(bindings, snapshot.WriteOptions{})
	return results, limitCode(err), err
}

// delete deletes ACLs. If the whole call fails, it returns the error and its code.
func (g *Gateway) delete(filters []acl.Filter) ([]snapshot.DeleteResult, ops.ErrorCode, error) {
	if g.config.ACLs == ShowACLs {
		return nil, ops.PolicyViolation, errShown
	}
	results, err := g.config.Store.Delete(filters, snapshot.WriteOptions{})
	return results, limitCode(err), err
}

// limitCode returns the error code for an error of a whole call.
func limitCode(err error) ops.ErrorCode {
	if limit, ok := errors.AsType[*snapshot.LimitError](err); ok {
		return limit.Code
	}
	return ops.UnknownServerError
}

// deleteACLs answers DeleteAcls.
//
// Source: Kafka's AclApis.handleDeleteAcls.
func deleteACLs(g *Gateway, request kmsg.Request) kmsg.Response {
	m := request.(*kmsg.DeleteACLsRequest)
	r := m.ResponseKind().(*kmsg.DeleteACLsResponse)
	r.Results = make([]kmsg.DeleteACLsResponseResult, len(m.Filters))
	filters := make([]acl.Filter, len(m.Filters))
	for i := range m.Filters {
		f := &m.Filters[i]
		filters[i] = filterOf(f.ResourceType, f.ResourceName, f.ResourcePatternType, f.Principal, f.Host, f.Operation, f.PermissionType)
	}
	results, code, err := g.delete(filters)
	for i := range r.Results {
		result := &r.Results[i]
		if err != nil {
			result.ErrorCode, result.ErrorMessage = int16(code), messageOf(err)
			continue
		}
		result.ErrorCode, result.ErrorMessage = int16(results[i].Code), messageOf(results[i].Err)
		for _, d := range results[i].Deleted {
			result.MatchingACLs = append(result.MatchingACLs, kmsg.DeleteACLsResponseResultMatchingACL{
				ResourceType: kmsg.ACLResourceType(d.Binding.Pattern.Type), ResourceName: d.Binding.Pattern.Name,
				ResourcePatternType: kmsg.ACLResourcePatternType(d.Binding.Pattern.PatternType),
				Principal:           d.Binding.Entry.Principal, Host: d.Binding.Entry.Host,
				Operation: kmsg.ACLOperation(d.Binding.Entry.Operation), PermissionType: kmsg.ACLPermissionType(d.Binding.Entry.Permission),
			})
		}
	}
	return r
}

// messageOf returns the message of an error, or nil.
func messageOf(err error) *string {
	if err == nil {
		return nil
	}
	return new(err.Error())
}

// Bindings returns the ACLs in a DescribeAcls response, in its order, for programs that
// mirror the ACLs of a cluster. If the request's filter matches everything, these are
// all ACLs of the cluster. If the cluster refused, the error has its error code. If an
// ACL is invalid (acl.Binding.ValidateTypes), the error names the first such ACL. With
// an error the result is nil.
func Bindings(r *kmsg.DescribeACLsResponse) ([]acl.Binding, error) {
	if r.ErrorCode != 0 {
		return nil, fmt.Errorf("gateway: the cluster refuses to describe its ACLs: %v", ops.ErrorCode(r.ErrorCode))
	}
	var bindings []acl.Binding
	for i := range r.Resources {
		of := &r.Resources[i]
		for _, a := range of.ACLs {
			b := bindingOf(&kmsg.CreateACLsRequestCreation{
				ResourceType: of.ResourceType, ResourceName: of.ResourceName, ResourcePatternType: of.ResourcePatternType,
				Principal: a.Principal, Host: a.Host, Operation: a.Operation, PermissionType: a.PermissionType,
			})
			if err := b.ValidateTypes(); err != nil {
				return nil, fmt.Errorf("gateway: ACL %d of the cluster: %w", len(bindings), err)
			}
			bindings = append(bindings, b)
		}
	}
	return bindings, nil
}

// bindingOf returns the ACL to create. The codes of kmsg's enums are Kafka's, and so
// are ours. Unknown codes are kept and refused later.
func bindingOf(c *kmsg.CreateACLsRequestCreation) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{
			Type: resource.TypeFromCode(int8(c.ResourceType)), Name: c.ResourceName,
			PatternType: resource.PatternTypeFromCode(int8(c.ResourcePatternType)),
		},
		Entry: acl.Entry{
			Principal: c.Principal, Host: c.Host,
			Operation: ops.OperationFromCode(int8(c.Operation)), Permission: acl.PermissionTypeFromCode(int8(c.PermissionType)),
		},
	}
}

// filterOf converts a filter from the wire.
func filterOf(t kmsg.ACLResourceType, name *string, pattern kmsg.ACLResourcePatternType, who, host *string, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) acl.Filter {
	return acl.Filter{
		Pattern: resource.PatternFilter{Type: resource.TypeFromCode(int8(t)), Name: name, PatternType: resource.PatternTypeFromCode(int8(pattern))},
		Entry:   acl.EntryFilter{Principal: who, Host: host, Operation: ops.OperationFromCode(int8(op)), Permission: acl.PermissionTypeFromCode(int8(permission))},
	}
}
