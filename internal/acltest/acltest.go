// Package acltest has the ACLs and stores that the tests of several packages need.
package acltest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Topic is the pattern of one topic.
func Topic(name string) resource.Pattern { return resource.LiteralPattern(resource.Topic, name) }

// Topics is the pattern of the topics whose names begin with prefix.
func Topics(prefix string) resource.Pattern { return resource.PrefixedPattern(resource.Topic, prefix) }

// Allow lets who do op on p, from every host.
func Allow(who string, op ops.Operation, p resource.Pattern) acl.Binding {
	return AllowFrom(who, acl.WildcardHost, op, p)
}

// Deny denies what Allow allows.
func Deny(who string, op ops.Operation, p resource.Pattern) acl.Binding {
	return DenyFrom(who, acl.WildcardHost, op, p)
}

// AllowFrom lets who do op on p, from host.
func AllowFrom(who, host string, op ops.Operation, p resource.Pattern) acl.Binding {
	return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: op, Permission: acl.Allow}}
}

// DenyFrom denies what AllowFrom allows.
func DenyFrom(who, host string, op ops.Operation, p resource.Pattern) acl.Binding {
	b := AllowFrom(who, host, op, p)
	b.Entry.Permission = acl.Deny
	return b
}

// Store returns a store of the bindings.
func Store(t testing.TB, config snapshot.Config, bindings ...acl.Binding) *snapshot.Store {
	t.Helper()
	store := snapshot.NewStore(config)
	require.NoError(t, store.Replace(slices.Values(bindings)))
	return store
}

// Config is the configuration of a store that answers as the model does in w.
func Config(w refmodel.World) snapshot.Config {
	config := snapshot.Config{SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL, AwaitInitialLoad: w.Loading}
	if w.Exact {
		config.Semantics = snapshot.KafkaExact
		if w.Networks {
			config.Semantics = snapshot.KafkaExact44
		}
	}
	return config
}
