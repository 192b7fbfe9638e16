package kmsgacl

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/internal/limits"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// DeleteFilters returns the filters of a request, in its order, for [snapshot.Store.Delete].
func DeleteFilters(r *kmsg.DeleteACLsRequest) []acl.Filter {
	filters := make([]acl.Filter, len(r.Filters))
	for i := range r.Filters {
		f := &r.Filters[i]
		filters[i] = filterOf(f.ResourceType, f.ResourceName, f.ResourcePatternType, f.Principal, f.Host, f.Operation, f.PermissionType)
	}
	return filters
}

// DeleteRequest returns a request that deletes what the filters select. The error is an
// [*ItemError] for the first that is not valid ([acl.Filter.Validate]).
func DeleteRequest(filters []acl.Filter) (*kmsg.DeleteACLsRequest, error) {
	r := kmsg.NewPtrDeleteACLsRequest()
	r.Filters = make([]kmsg.DeleteACLsRequestFilter, len(filters))
	for i, f := range filters {
		if err := f.Validate(); err != nil {
			return nil, &ItemError{i, err}
		}
		to := kmsg.NewDeleteACLsRequestFilter()
		to.ResourceType, to.ResourceName, to.ResourcePatternType = kmsg.ACLResourceType(f.Pattern.Type), f.Pattern.Name, kmsg.ACLResourcePatternType(f.Pattern.PatternType)
		to.Principal, to.Host = f.Entry.Principal, f.Entry.Host
		to.Operation, to.PermissionType = kmsg.ACLOperation(f.Entry.Operation), kmsg.ACLPermissionType(f.Entry.Permission)
		r.Filters[i] = to
	}
	return r, nil
}

// DeleteResponse returns the answer to a request, of what [snapshot.Store.Delete] returned for its
// [DeleteFilters]. If err is not nil, each filter is refused, as by [CreateResponse].
//
// Source: Kafka's AclApis.handleDeleteAcls.
func DeleteResponse(request *kmsg.DeleteACLsRequest, results []snapshot.DeleteResult, err error) *kmsg.DeleteACLsResponse {
	r := request.ResponseKind().(*kmsg.DeleteACLsResponse)
	r.Results = make([]kmsg.DeleteACLsResponseResult, len(request.Filters))
	code, refusal := ofCall(err)
	texts := textRoom{limits.Texts}
	for i := range r.Results {
		to := &r.Results[i]
		if err != nil {
			to.ErrorCode, to.ErrorMessage = int16(code), texts.of(refusal)
			continue
		}
		to.ErrorCode, to.ErrorMessage = int16(results[i].Code), texts.of(results[i].Err)
		for _, d := range results[i].Deleted {
			to.MatchingACLs = append(to.MatchingACLs, kmsg.DeleteACLsResponseResultMatchingACL{
				ResourceType: kmsg.ACLResourceType(d.Binding.Pattern.Type), ResourceName: d.Binding.Pattern.Name,
				ResourcePatternType: kmsg.ACLResourcePatternType(d.Binding.Pattern.PatternType),
				Principal:           d.Binding.Entry.Principal, Host: d.Binding.Entry.Host,
				Operation: kmsg.ACLOperation(d.Binding.Entry.Operation), PermissionType: kmsg.ACLPermissionType(d.Binding.Entry.Permission),
			})
		}
	}
	return r
}

// Deleted is what a response says about one filter. The zero Deleted means that nothing matched.
type Deleted struct {
	// Bindings are the ACLs that were deleted, in the order of the response.
	Bindings []acl.Binding
	// Err is a [*CodeError] if the cluster refused the filter or an ACL that it selects, and an
	// [*ItemError] if an ACL is not valid. Bindings has those before it.
	Err error
}

// DeleteResults returns the results of a response, one for each filter of the request.
func DeleteResults(r *kmsg.DeleteACLsResponse) []Deleted {
	all := make([]Deleted, len(r.Results))
	for i := range r.Results {
		from, to := &r.Results[i], &all[i]
		to.Err = codeError(from.ErrorCode, from.ErrorMessage)
		for j := range from.MatchingACLs {
			a := &from.MatchingACLs[j]
			b := bindingOf(a.ResourceType, a.ResourceName, a.ResourcePatternType, a.Principal, a.Host, a.Operation, a.PermissionType)
			if err := codeError(a.ErrorCode, a.ErrorMessage); err != nil {
				to.Err = err
				break
			}
			if err := b.ValidateTypes(); err != nil {
				to.Err = &ItemError{j, err}
				break
			}
			to.Bindings = append(to.Bindings, b)
		}
	}
	return all
}
