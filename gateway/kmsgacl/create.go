package kmsgacl

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/internal/limits"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// bindingOf returns an ACL. It takes single fields, and each function sets them one by one: kmsg
// has types of its own for the ACLs and filters of each message. The codes of kmsg's enums are Kafka's, and so are ours.
func bindingOf(t kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, who, host string, op kmsg.ACLOperation, permission kmsg.ACLPermissionType) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: resource.TypeFromCode(int8(t)), Name: name, PatternType: resource.PatternTypeFromCode(int8(pattern))},
		Entry:   acl.Entry{Principal: who, Host: host, Operation: ops.OperationFromCode(int8(op)), Permission: acl.PermissionTypeFromCode(int8(permission))},
	}
}

// CreateBindings returns the ACLs that a request creates, in its order, for [snapshot.Store.Create].
func CreateBindings(r *kmsg.CreateACLsRequest) []acl.Binding {
	bindings := make([]acl.Binding, len(r.Creations))
	for i := range r.Creations {
		c := &r.Creations[i]
		bindings[i] = bindingOf(c.ResourceType, c.ResourceName, c.ResourcePatternType, c.Principal, c.Host, c.Operation, c.PermissionType)
	}
	return bindings
}

// CreateRequest returns a request that creates the ACLs, in their order. The error is an
// [*ItemError] for the first that is not valid ([acl.Binding.ValidateTypes]).
func CreateRequest(bindings []acl.Binding) (*kmsg.CreateACLsRequest, error) {
	r := kmsg.NewPtrCreateACLsRequest()
	r.Creations = make([]kmsg.CreateACLsRequestCreation, len(bindings))
	for i, b := range bindings {
		if err := b.ValidateTypes(); err != nil {
			return nil, &ItemError{i, err}
		}
		c := kmsg.NewCreateACLsRequestCreation()
		c.ResourceType, c.ResourceName = kmsg.ACLResourceType(b.Pattern.Type), b.Pattern.Name
		c.ResourcePatternType = kmsg.ACLResourcePatternType(b.Pattern.PatternType)
		c.Principal, c.Host = b.Entry.Principal, b.Entry.Host
		c.Operation, c.PermissionType = kmsg.ACLOperation(b.Entry.Operation), kmsg.ACLPermissionType(b.Entry.Permission)
		r.Creations[i] = c
	}
	return r, nil
}

// CreateResponse returns the answer to a request, of what [snapshot.Store.Create] returned for its
// [CreateBindings]. If err is not nil, each ACL is refused: with the code of a
// [*snapshot.RefusedError], or else with UNKNOWN_SERVER_ERROR. The texts are Kafka's; after 64 KiB
// of them there are only codes.
//
// Source: Kafka's AclApis.handleCreateAcls.
func CreateResponse(request *kmsg.CreateACLsRequest, results []snapshot.CreateResult, err error) *kmsg.CreateACLsResponse {
	r := request.ResponseKind().(*kmsg.CreateACLsResponse)
	r.Results = make([]kmsg.CreateACLsResponseResult, len(request.Creations))
	code, refusal := ofCall(err)
	texts := textRoom{limits.Texts}
	for i := range r.Results {
		if err == nil {
			code, refusal = results[i].Code, results[i].Err
		}
		r.Results[i].ErrorCode, r.Results[i].ErrorMessage = int16(code), texts.of(refusal)
	}
	return r
}

// CreateErrors returns for each ACL of a request a [*CodeError], or nil if the cluster has it
// now.
func CreateErrors(r *kmsg.CreateACLsResponse) []error {
	errs := make([]error, len(r.Results))
	for i := range r.Results {
		errs[i] = codeError(r.Results[i].ErrorCode, r.Results[i].ErrorMessage)
	}
	return errs
}
