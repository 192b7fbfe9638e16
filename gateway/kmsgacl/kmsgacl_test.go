package kmsgacl_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway/kmsgacl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// everyBinding yields a binding of each type, pattern type, operation and permission, valid or
// not: with the codes that are UNKNOWN and ANY too, and one beyond.
func everyBinding(yield func(acl.Binding)) {
	for t := resource.Unknown; t <= resource.User; t++ {
		for pattern := resource.PatternUnknown; pattern <= resource.Prefixed; pattern++ {
			for op := ops.Unknown; op <= ops.TwoPhaseCommit; op++ {
				for permission := acl.PermissionUnknown; permission <= acl.Allow; permission++ {
					yield(acl.Binding{
						Pattern: resource.Pattern{Type: t, Name: "n", PatternType: pattern},
						Entry:   acl.Entry{Principal: "User:a", Host: "10.0.0.1", Operation: op, Permission: permission},
					})
				}
			}
		}
	}
}

// overTheWire returns the request as a server of a version reads it.
func overTheWire[M kmsg.Request](t *testing.T, m M, version int16) M {
	t.Helper()
	m.SetVersion(version)
	read := kmsg.RequestForKey(m.Key())
	read.SetVersion(version)
	require.NoError(t, read.ReadFrom(m.AppendTo(nil)))
	return read.(M)
}

// TestBindingsComeBack: an ACL that is valid reaches the server as it is, and comes back in the
// answers. One that is not is an error that says which it is.
func TestBindingsComeBack(t *testing.T) {
	valid, invalid := 0, 0
	everyBinding(func(b acl.Binding) {
		good := acl.Binding{
			Pattern: resource.Pattern{Type: resource.Topic, Name: "first", PatternType: resource.Literal},
			Entry:   acl.Entry{Principal: "User:b", Host: "*", Operation: ops.Read, Permission: acl.Deny},
		}
		m, err := kmsgacl.CreateRequest([]acl.Binding{good, b})
		if b.ValidateTypes() != nil {
			invalid++
			var item *kmsgacl.ItemError
			require.ErrorAs(t, err, &item, "%v", b)
			assert.Equal(t, 1, item.Index)
			var why *acl.InvalidError
			assert.ErrorAs(t, err, &why)
			assert.Nil(t, m)
			return
		}
		valid++
		require.NoError(t, err)
		want := []acl.Binding{good, b}
		for version := int16(1); version <= m.MaxVersion(); version++ {
			require.Equal(t, want, kmsgacl.CreateBindings(overTheWire(t, m, version)))
		}
		found, err := kmsgacl.DescribeBindings(kmsgacl.DescribeResponse(kmsg.NewPtrDescribeACLsRequest(), want, nil))
		require.NoError(t, err)
		require.Equal(t, want, found)
		deleted := kmsgacl.DeleteResults(kmsgacl.DeleteResponse(
			&kmsg.DeleteACLsRequest{Filters: make([]kmsg.DeleteACLsRequestFilter, 1)},
			[]snapshot.DeleteResult{{Deleted: []snapshot.DeletedACL{{Binding: good}, {Binding: b}}}}, nil))
		require.Equal(t, []kmsgacl.Deleted{{Bindings: want}}, deleted)
	})
	t.Log(valid, "valid,", invalid, "invalid")
	assert.Greater(t, valid, 50)
	assert.Greater(t, invalid, 50)
}

// TestFiltersComeBack: the same for filters, whose parts may be missing.
func TestFiltersComeBack(t *testing.T) {
	valid, invalid := 0, 0
	everyBinding(func(b acl.Binding) {
		f := acl.FilterOf(b)
		if valid%2 == 0 {
			f.Pattern.Name, f.Entry.Principal, f.Entry.Host = nil, nil, nil
		}
		describe, err := kmsgacl.DescribeRequest(f)
		remove, errs := kmsgacl.DeleteRequest([]acl.Filter{acl.AnyBinding, f})
		if f.Validate() != nil {
			invalid++
			var item *kmsgacl.ItemError
			require.ErrorAs(t, err, &item)
			require.ErrorAs(t, errs, &item)
			assert.Equal(t, 1, item.Index)
			assert.Nil(t, describe)
			assert.Nil(t, remove)
			return
		}
		valid++
		require.NoError(t, errors.Join(err, errs))
		for version := int16(1); version <= describe.MaxVersion(); version++ {
			require.Equal(t, f, kmsgacl.DescribeFilter(overTheWire(t, describe, version)))
			require.Equal(t, []acl.Filter{acl.AnyBinding, f}, kmsgacl.DeleteFilters(overTheWire(t, remove, version)))
		}
	})
	t.Log(valid, "valid,", invalid, "invalid")
	assert.Greater(t, valid, 50)
	assert.Greater(t, invalid, 50)
}

// TestUnknownCodesAreRefused: codes that no release has reach the store as UNKNOWN, and an answer
// with one is an error: it might be an ACL that denies.
func TestUnknownCodesAreRefused(t *testing.T) {
	m := &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{
		{ResourceType: 99, ResourceName: "n", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3},
		{ResourceType: 2, ResourceName: "n", ResourcePatternType: 99, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3},
		{ResourceType: 2, ResourceName: "n", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 99, PermissionType: 3},
		{ResourceType: 2, ResourceName: "n", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: -7},
	}}
	var store snapshot.Store
	results, err := store.Create(kmsgacl.CreateBindings(m), snapshot.WriteOptions{})
	require.NoError(t, err)
	for i, e := range kmsgacl.CreateErrors(kmsgacl.CreateResponse(m, results, nil)) {
		var refused *kmsgacl.CodeError
		require.ErrorAs(t, e, &refused, "%d", i)
		assert.Equal(t, ops.InvalidRequest, refused.Code)
		assert.NotEmpty(t, refused.Message)
	}
	assert.Zero(t, store.Load().Len())

	known := kmsg.DescribeACLsResponseResourceACL{Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3}
	unknown := known
	unknown.Operation = 99
	r := &kmsg.DescribeACLsResponse{Resources: []kmsg.DescribeACLsResponseResource{{ResourceType: 2, ResourceName: "n", ResourcePatternType: 3, ACLs: []kmsg.DescribeACLsResponseResourceACL{known, unknown}}}}
	found, err := kmsgacl.DescribeBindings(r)
	var later *kmsgacl.UnknownError
	require.ErrorAs(t, err, &later)
	require.Len(t, later.ACLs, 1)
	assert.Equal(t, ops.Unknown, later.ACLs[0].Entry.Operation)
	assert.Len(t, found, 1, "the others are read")
	r.Resources[0].ACLs[1] = known
	r.Resources[0].ACLs[1].Principal = "User:\xff"
	found, err = kmsgacl.DescribeBindings(r)
	var item *kmsgacl.ItemError
	require.ErrorAs(t, err, &item)
	assert.Equal(t, 1, item.Index)
	assert.Nil(t, found)

	d := &kmsg.DeleteACLsResponse{Results: []kmsg.DeleteACLsResponseResult{{MatchingACLs: []kmsg.DeleteACLsResponseResultMatchingACL{
		{ResourceType: 2, ResourceName: "n", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3},
		{ResourceType: 2, ResourceName: "n", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 99, PermissionType: 3},
	}}}}
	deleted := kmsgacl.DeleteResults(d)[0]
	require.ErrorAs(t, deleted.Err, &item)
	assert.Len(t, deleted.Bindings, 1)
}

// TestErrorsOfCalls: if a call of the store fails as a whole, each item says so, and a client does
// not see where the ACLs are kept.
func TestErrorsOfCalls(t *testing.T) {
	create := &kmsg.CreateACLsRequest{Creations: make([]kmsg.CreateACLsRequestCreation, 2)}
	remove := &kmsg.DeleteACLsRequest{Filters: make([]kmsg.DeleteACLsRequestFilter, 2)}
	for _, tt := range []struct {
		name string
		err  error
		want kmsgacl.CodeError
	}{
		{"the limit", &snapshot.RefusedError{Code: ops.InvalidRequest, Limit: 7}, kmsgacl.CodeError{Code: ops.InvalidRequest, Message: "too many ACLs for one call: it would change more than 7: divide it"}},
		{"a source", &snapshot.RefusedError{Code: ops.PolicyViolation, Source: "/etc/secret"}, kmsgacl.CodeError{Code: ops.PolicyViolation, Message: "the ACLs are kept elsewhere and cannot be changed here"}},
		{"another", errors.New("x"), kmsgacl.CodeError{Code: ops.UnknownServerError, Message: "x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			created := kmsgacl.CreateErrors(kmsgacl.CreateResponse(create, nil, tt.err))
			assert.Equal(t, []error{&tt.want, &tt.want}, created)
			for _, d := range kmsgacl.DeleteResults(kmsgacl.DeleteResponse(remove, nil, tt.err)) {
				assert.Equal(t, kmsgacl.Deleted{Err: &tt.want}, d)
			}
		})
	}
	refused := kmsgacl.DescribeResponse(kmsg.NewPtrDescribeACLsRequest(), nil, new(acl.InvalidError))
	_, err := kmsgacl.DescribeBindings(refused)
	var code *kmsgacl.CodeError
	require.ErrorAs(t, err, &code)
	assert.Equal(t, ops.InvalidRequest, code.Code)
}

// TestTextsOfAServerAreQuoted: what a cluster writes cannot forge a line, and is cut.
func TestTextsOfAServerAreQuoted(t *testing.T) {
	text := "a\nb" + strings.Repeat("x", 10_000)
	err := kmsgacl.CreateErrors(&kmsg.CreateACLsResponse{Results: []kmsg.CreateACLsResponseResult{{ErrorCode: 31, ErrorMessage: &text}, {ErrorCode: 31}}})
	assert.NotContains(t, err[0].Error(), "\n")
	assert.Less(t, len(err[0].Error()), 300)
	assert.EqualError(t, err[1], "kmsgacl: the cluster answers CLUSTER_AUTHORIZATION_FAILED")
}

// TestTextsOfAnAnswerAreBounded: after 64 KiB of texts there are only codes.
func TestTextsOfAnAnswerAreBounded(t *testing.T) {
	m := &kmsg.CreateACLsRequest{Creations: make([]kmsg.CreateACLsRequestCreation, 100_000)}
	texts := 0
	for _, r := range kmsgacl.CreateResponse(m, nil, errors.New("why")).Results {
		require.Equal(t, int16(ops.UnknownServerError), r.ErrorCode)
		if r.ErrorMessage != nil {
			texts += len(*r.ErrorMessage)
		}
	}
	assert.LessOrEqual(t, texts, 64<<10)
	assert.Greater(t, texts, 60<<10)
}

// TestDescribeGroupsByPattern: ACLs on one pattern that follow each other share a resource.
func TestDescribeGroupsByPattern(t *testing.T) {
	first, second := resource.Pattern{Type: resource.Topic, Name: "a", PatternType: resource.Literal}, resource.Pattern{Type: resource.Topic, Name: "a", PatternType: resource.Prefixed}
	entry := acl.Entry{Principal: "User:a", Host: "*", Operation: ops.Read, Permission: acl.Allow}
	list := []acl.Binding{{Pattern: first, Entry: entry}, {Pattern: first, Entry: acl.Entry{Principal: "User:b", Host: "*", Operation: ops.Read, Permission: acl.Deny}}, {Pattern: second, Entry: entry}}
	r := kmsgacl.DescribeResponse(kmsg.NewPtrDescribeACLsRequest(), list, nil)
	require.Len(t, r.Resources, 2)
	assert.Len(t, r.Resources[0].ACLs, 2)
	found, err := kmsgacl.DescribeBindings(r)
	require.NoError(t, err)
	assert.True(t, slices.Equal(list, found))
}
