package role_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/role"
)

// TestDocument reads what it writes, in one order, a binding a line.
func TestDocument(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 3))
	for range 50 {
		table := drawTable(t, r)
		d := &role.Document{Clusters: []role.Cluster{{Name: "prod", Scope: role.Scope{Kafka: cluster}}, {Name: "connect", Scope: role.Scope{Kafka: cluster, Connect: "c"}}}}
		for _, custom := range table.Roles() {
			if _, predefined := role.Predefined().Role(custom.Name); !predefined {
				d.Roles = append(d.Roles, custom)
			}
		}
		for range r.IntN(10) {
			b := drawBinding(r, table)
			if r.IntN(3) == 0 {
				b.Scope = role.Scope{Name: "prod"}
			}
			d.Bindings = append(d.Bindings, b, b)
		}
		for _, a := range drawACLs(r, r.IntN(4)) {
			scope := role.Scope{Kafka: cluster}
			if r.IntN(2) == 0 {
				scope = role.Scope{Name: "prod"}
			}
			d.ACLs = append(d.ACLs, role.ClusterACL{Scope: scope, ACL: a})
		}
		text, err := d.Text()
		require.NoError(t, err)
		assert.Equal(t, len(d.Bindings), bytes.Count(text, []byte(`{"principal"`)), "each once, a line each")
		again, err := role.ParseDocument(text)
		require.NoError(t, err, "%s", text)
		assert.Equal(t, d, again)
		slices.Reverse(d.Bindings)
		slices.Reverse(d.ACLs)
		second, err := d.Text()
		require.NoError(t, err)
		assert.Equal(t, string(text), string(second))
	}
	empty, err := new(role.Document).Text()
	require.NoError(t, err)
	assert.Equal(t, "{\n  \"format\": \"portcullis-roles-1\",\n  \"clusters\": [],\n  \"roles\": [],\n  \"bindings\": [],\n  \"acls\": []\n}\n", string(empty))
	_, err = (&role.Document{Bindings: []role.Binding{{}}}).Text()
	require.Error(t, err)
	_, err = role.ParseDocument([]byte("{\n  \"format\": \"portcullis-roles-1\",\n  \"bindings\": x}"))
	require.ErrorContains(t, err, "3:15: expected a file of roles")
}

// FuzzDocument reads any text as a document: it is read again as it is written, or refused.
func FuzzDocument(f *testing.F) {
	text, err := (&role.Document{Clusters: []role.Cluster{{Name: "prod", Scope: role.Scope{Kafka: cluster}}}, Roles: role.Predefined().Roles(),
		Bindings: []role.Binding{bind("User:a", "DeveloperRead", prefixed("Topic", "a")), bind("Group:g", "SystemAdmin", role.Pattern{})}}).Text()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"format":"portcullis-roles-1","bindings":[{"principal":"User:a","role":"SystemAdmin","scope":{"clusters":{"kafka-cluster":"c"}},"resourcePattern":null}]}`))
	f.Add([]byte(`{"format":"portcullis-roles-1","acls":[{"scope":{"clusters":{"kafka-cluster":"c"}},"acl":{"resourceType":"TOPIC","name":"a","patternType":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"DENY"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := role.ParseDocument(text)
		if err != nil {
			return
		}
		written, err := d.Text()
		require.NoError(t, err)
		again, err := role.ParseDocument(written)
		require.NoError(t, err)
		second, err := again.Text()
		require.NoError(t, err)
		require.Equal(t, string(written), string(second))
	})
}
