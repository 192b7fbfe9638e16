package kmsgacl

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/internal/limits"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// filterOf returns a filter.
func filterOf(t kmsg.ACLResourceType, name *string, pattern kmsg.ACLResourcePatternType, who, host *string, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) acl.Filter {
	return acl.Filter{
		Pattern: resource.PatternFilter{Type: resource.TypeFromCode(int8(t)), Name: name, PatternType: resource.PatternTypeFromCode(int8(pattern))},
		Entry:   acl.EntryFilter{Principal: who, Host: host, Operation: ops.OperationFromCode(int8(op)), Permission: acl.PermissionTypeFromCode(int8(permission))},
	}
}

// DescribeFilter returns the filter of a request, for [snapshot.Store.Describe].
func DescribeFilter(r *kmsg.DescribeACLsRequest) acl.Filter {
	return filterOf(r.ResourceType, r.ResourceName, r.ResourcePatternType, r.Principal, r.Host, r.Operation, r.PermissionType)
}

// DescribeRequest returns a request for the ACLs that f selects; acl.AnyBinding selects all. The
// error is an [*ItemError] if f is not valid ([acl.Filter.Validate]).
func DescribeRequest(f acl.Filter) (*kmsg.DescribeACLsRequest, error) {
	if err := f.Validate(); err != nil {
		return nil, &ItemError{0, err}
	}
	r := kmsg.NewPtrDescribeACLsRequest()
	r.ResourceType, r.ResourceName, r.ResourcePatternType = kmsg.ACLResourceType(f.Pattern.Type), f.Pattern.Name, kmsg.ACLResourcePatternType(f.Pattern.PatternType)
	r.Principal, r.Host = f.Entry.Principal, f.Entry.Host
	r.Operation, r.PermissionType = kmsg.ACLOperation(f.Entry.Operation), kmsg.ACLPermissionType(f.Entry.Permission)
	return r, nil
}

// DescribeResponse returns the answer to a request, of what [snapshot.Store.Describe] returned for
// its [DescribeFilter]. If err is not nil, it is INVALID_REQUEST, with its text.
//
// Source: Kafka's AclApis.handleDescribeAcls, DescribeAclsResponse.aclsResources.
func DescribeResponse(request *kmsg.DescribeACLsRequest, found []acl.Binding, err error) *kmsg.DescribeACLsResponse {
	r := request.ResponseKind().(*kmsg.DescribeACLsResponse)
	if err != nil {
		texts := textRoom{limits.Texts}
		r.ErrorCode, r.ErrorMessage = int16(ops.InvalidRequest), texts.of(err)
		return r
	}
	var last resource.Pattern
	for _, b := range found {
		if len(r.Resources) == 0 || b.Pattern != last {
			last = b.Pattern
			of := kmsg.NewDescribeACLsResponseResource()
			of.ResourceType, of.ResourceName = kmsg.ACLResourceType(b.Pattern.Type), b.Pattern.Name
			of.ResourcePatternType = kmsg.ACLResourcePatternType(b.Pattern.PatternType)
			r.Resources = append(r.Resources, of)
		}
		of := &r.Resources[len(r.Resources)-1]
		of.ACLs = append(of.ACLs, kmsg.DescribeACLsResponseResourceACL{
			Principal: b.Entry.Principal, Host: b.Entry.Host,
			Operation: kmsg.ACLOperation(b.Entry.Operation), PermissionType: kmsg.ACLPermissionType(b.Entry.Permission),
		})
	}
	return r
}

// DescribeBindings returns the ACLs in a response, in its order. If the filter of the request
// matches everything, these are all ACLs of the cluster. The error is a [*CodeError] if the cluster
// refused, and an [*ItemError] for the first ACL whose text is not valid. With these the result is
// nil. If ACLs have codes that this version does not know, the error is an [*UnknownError] with
// them, and the result has all others. It is not complete then: an unknown ACL might be one that
// denies.
func DescribeBindings(r *kmsg.DescribeACLsResponse) ([]acl.Binding, error) {
	if err := codeError(r.ErrorCode, r.ErrorMessage); err != nil {
		return nil, err
	}
	var bindings []acl.Binding
	unknown := &UnknownError{}
	for i := range r.Resources {
		of := &r.Resources[i]
		for _, a := range of.ACLs {
			b := bindingOf(of.ResourceType, of.ResourceName, of.ResourcePatternType, a.Principal, a.Host, a.Operation, a.PermissionType)
			switch err := b.ValidateTypes(); {
			case err == nil:
				bindings = append(bindings, b)
			case b.Pattern.Type == resource.Unknown || b.Pattern.PatternType == resource.PatternUnknown ||
				b.Entry.Operation == ops.Unknown || b.Entry.Permission == acl.PermissionUnknown:
				unknown.ACLs = append(unknown.ACLs, b)
			default:
				return nil, &ItemError{len(bindings) + len(unknown.ACLs), err}
			}
		}
	}
	if len(unknown.ACLs) > 0 {
		return bindings, unknown
	}
	return bindings, nil
}
