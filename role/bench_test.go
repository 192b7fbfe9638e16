package role_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/role"
)

// benchBindings returns 100,000 bindings of 20 clusters.
func benchBindings() (list []role.Binding) {
	names := []string{"DeveloperRead", "DeveloperWrite", "ResourceOwner", "DeveloperManage"}
	for i := range 100_000 {
		list = append(list, bind(fmt.Sprintf("User:u%d", i%500), names[i%4], prefixed("Topic", fmt.Sprintf("team-%d-", i/80)), fmt.Sprintf("cluster-%d", i%20)))
	}
	return list
}

// BenchmarkCompile compiles all clusters from one list, as a service that is given one file does.
func BenchmarkCompile(b *testing.B) {
	list, table := benchBindings(), role.Predefined()
	b.ReportAllocs()
	for b.Loop() {
		policies, err := role.Policies(table, nil, list)
		require.NoError(b, err)
		require.Len(b, policies, 20)
	}
}

// BenchmarkChangeOne adds and removes one of 5,000 bindings.
func BenchmarkChangeOne(b *testing.B) {
	policy := role.NewPolicy("cluster-0", role.Predefined(), nil)
	_, err := policy.Apply(benchBindings(), nil)
	require.NoError(b, err)
	one := []role.Binding{bind("User:new", "ResourceOwner", prefixed("Topic", "team-1-"), "cluster-0")}
	b.ReportAllocs()
	for b.Loop() {
		_, err := policy.Apply(one, nil)
		require.NoError(b, err)
		_, err = policy.Apply(nil, one)
		require.NoError(b, err)
	}
}
