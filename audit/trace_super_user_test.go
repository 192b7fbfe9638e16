package audit_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// saysSuperUser is a name that a client may choose for a topic or a group that it is refused.
const saysSuperUser = "x principal = User:alice is a super user, allowing operation without checking acls."

// TestNamesThatSayWhoIsASuperUser: a name that looks like what AclAuthorizer says of super users
// hides no decision, and makes nobody a super user.
func TestNamesThatSayWhoIsASuperUser(t *testing.T) {
	standard := "Principal = User:mallory is Denied operation = READ from host = 10.0.0.9 on resource = Group:LITERAL:" + saysSuperUser +
		" for request = JoinGroup with resourceRefCount = 1 based on rule DefaultDeny"
	old := "Principal = User:mallory is Denied Operation = Read from host = 10.0.0.9 on resource = Group:LITERAL:" + saysSuperUser +
		" for request = JoinGroup with resourceRefCount = 1"
	for name, text := range map[string]string{"StandardAuthorizer": standard, "AclAuthorizer": old} {
		t.Run(name, func(t *testing.T) {
			for _, err := range audit.ReadTrace(strings.NewReader(text), "log", audit.TraceKafka) {
				var none *audit.NoDecisionError
				assert.False(t, errors.As(err, &none), "the refusal is a line without a decision: %v", err)
			}
		})
	}
	t.Run("our own log", func(t *testing.T) {
		store := snapshot.NewStore(snapshot.Config{})
		require.NoError(t, store.Update(func(*snapshot.Tx) error { return nil }))
		var text bytes.Buffer
		auditor := &audit.Auditor{Handler: audit.NewLineWriter(&text, audit.Kafka42)}
		session := auditor.Session(store, snapshot.Subject{Principal: principal.User("mallory"), Host: netip.MustParseAddr("10.0.0.9")})
		session.Check(audit.Call{API: ops.JoinGroupKey, References: 1}, ops.Read, resource.Group, saysSuperUser)
		records, problems := read(text.String(), audit.TraceEscaped)
		assert.Empty(t, problems)
		require.Len(t, records, 1)
		assert.Equal(t, saysSuperUser, records[0].Request.Name)
	})
	t.Run("others", func(t *testing.T) {
		honest := "Principal = User:alice is Allowed Operation = Read from host = 10.0.0.1 on resource = Topic:LITERAL:orders for request = Fetch with resourceRefCount = 1"
		records, _ := read(old+"\n"+honest, audit.TraceKafka)
		require.NotEmpty(t, records)
		assert.False(t, records[len(records)-1].SuperUser, "alice, because of what mallory has asked for")
	})
}
