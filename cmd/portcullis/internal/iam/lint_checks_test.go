package iam

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/lint"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// TestOverlaps compares the index with a plain search.
func TestOverlaps(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 5))
	draw := func() resource.Pattern {
		p := resource.LiteralPattern(resource.Topic, []string{"*", "a", "b", "aa", "ab", "aab", "*a", "abc", "aabb"}[r.IntN(9)])
		if r.IntN(2) == 0 {
			p.PatternType = prefixed
		}
		return p
	}
	found := 0
	for range 20_000 {
		o := &overlaps{}
		for range r.IntN(6) {
			o.acls = append(o.acls, acl.Binding{Pattern: draw(), Entry: acl.Entry{Principal: fmt.Sprintf("User:%d", r.IntN(1000))}})
		}
		p := draw()
		var want []acl.Binding
		for _, a := range o.acls {
			if covers(a.Pattern, p) || covers(p, a.Pattern) {
				want = append(want, a)
			}
		}
		o.sort()
		got := slices.Collect(o.with(p))
		require.ElementsMatch(t, want, got, "%v in %v", p, o.acls)
		found += len(got)
		for range o.with(p) {
			break // it ends when it is told to
		}
	}
	assert.Greater(t, found, 10_000)
	var none *overlaps
	assert.Empty(t, slices.Collect(none.with(draw())))
}

// TestLintOfLargeFiles: the time grows with the bindings, the DENYs and the lengths of names, not with
// their products, and so does the text of the findings.
func TestLintOfLargeFiles(t *testing.T) {
	in := role.Scope{Kafka: "abc123"}
	doc := &role.Document{}
	for i := range 20_000 {
		doc.Bindings = append(doc.Bindings, role.Binding{Principal: principal.User(fmt.Sprintf("u%d", i)), Role: "DeveloperRead", Scope: in,
			Pattern: role.Pattern{ResourceType: "Topic", Name: fmt.Sprintf("t%d", i), PatternType: prefixed}})
		doc.ACLs = append(doc.ACLs, role.ClusterACL{Scope: in, ACL: acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, fmt.Sprintf("d%d", i)),
			Entry: acl.Entry{Principal: "User:*", Host: "*", Operation: ops.Read, Permission: acl.Deny}}})
	}
	for i := range 1000 {
		doc.Bindings = append(doc.Bindings, role.Binding{Principal: principal.User("long"), Role: "DeveloperRead", Scope: in,
			Pattern: role.Pattern{ResourceType: "Topic", Name: strings.Repeat("x", 30_000) + fmt.Sprint(i), PatternType: prefixed}})
	}
	doc.Bindings = append(doc.Bindings, role.Binding{Principal: principal.User("d"), Role: "DeveloperRead", Scope: in, Pattern: role.Pattern{ResourceType: "Topic", Name: "d", PatternType: prefixed}})
	table, registry, err := doc.Check()
	require.NoError(t, err)
	began := time.Now()
	found := newLinter(&file{Document: doc, table: table, registry: registry}).items("file")
	assert.Less(t, time.Since(began), 10*time.Second)
	at := slices.IndexFunc(found, func(i lint.Item) bool { return i.Code == codeDenied })
	require.GreaterOrEqual(t, at, 0)
	assert.Len(t, found[at].Others, mostDenies+1)
	assert.Equal(t, "and more", found[at].Others[mostDenies])
}
