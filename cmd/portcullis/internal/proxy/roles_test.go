package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// rolesFile returns the text of a file with bindings of DeveloperRead, each for a user and a topic.
func rolesFile(bindings ...string) string {
	var list []string
	for _, b := range bindings {
		user, topic, _ := strings.Cut(b, " ")
		list = append(list, fmt.Sprintf(`{"principal":%q,"role":"DeveloperRead","scope":{"clusters":{"kafka-cluster":"abc123"}},"resourcePattern":{"resourceType":"Topic","name":%q,"patternType":"LITERAL"}}`, user, topic))
	}
	return `{"format":"portcullis-roles-1","bindings":[` + strings.Join(list, ",") + "]}"
}

var mustAddr = netip.MustParseAddr("10.0.0.1")

const denyBob = "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`: \n\t(principal=User:bob, host=*, operation=READ, permissionType=DENY) \n"

// The files of roles and of ACLs are in force together. One that cannot be used changes nothing,
// and events say where a decision comes from, also of an ACL that has just gone.
func TestBoundFiles(t *testing.T) {
	folder := t.TempDir()
	roles, acls := filepath.Join(folder, "roles.json"), filepath.Join(folder, "acls.txt")
	write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	write(roles, rolesFile("User:alice orders", "User:bob orders"))
	write(acls, denyBob)
	store := snapshot.NewStore(snapshot.Config{})
	p := &command{acls: &cli.Once{Text: acls, Given: true}, roles: roleFlags{&cli.Once{Text: roles, Given: true}, &cli.Once{Text: "abc123", Given: true}}}
	b, err := p.newBound(store)
	require.NoError(t, err)
	seen := stampsOf(b.files())
	require.NoError(t, b.load())
	require.Error(t, store.Update(func(*snapshot.Tx) error { return nil }), "nothing else changes the store")
	assert.Equal(t, 5, store.Load().Len())
	assert.Equal(t, 2, b.bindings())

	type line struct {
		Allowed bool
		Roles   []string
	}
	decide := func(user, topic string) line {
		t.Helper()
		var out strings.Builder
		auditor := &audit.Auditor{Handler: audit.WithRoles(audit.NewJSONWriter(&out), b.origins), Level: audit.LevelTrace}
		subject := snapshot.Subject{Principal: principal.User(user), Host: mustAddr}
		auditor.Session(store, subject).Check(audit.Call{}, ops.Read, resource.Topic, topic)
		var l line
		require.NoError(t, json.Unmarshal([]byte(out.String()), &l))
		return l
	}
	origin := func(user, topic string) []string {
		return []string{fmt.Sprintf("role DeveloperRead by binding User:%s on Topic %q of cluster abc123", user, topic)}
	}
	assert.Equal(t, line{true, origin("alice", "orders")}, decide("alice", "orders"))
	assert.Equal(t, line{}, decide("bob", "orders"), "a DENY is no role's")
	old, _ := store.Load().Check(snapshot.Subject{Principal: principal.User("alice"), Host: mustAddr}, ops.Read, resource.Topic, "orders").Binding()

	ctx, stop := context.WithCancel(t.Context())
	reports := make(chan error, 10)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.run(ctx, seen, 10*time.Millisecond, func(err error) { reports <- err })
	}()
	write(roles, rolesFile("User:alice bills"))
	require.NoError(t, <-reports)
	assert.Equal(t, line{true, origin("alice", "bills")}, decide("alice", "bills"))
	assert.Equal(t, line{}, decide("alice", "orders"))
	assert.Equal(t, origin("alice", "orders"), b.origins(old), "of a decision just before")

	for name, text := range map[string]string{"broken": "{", "another cluster": strings.ReplaceAll(rolesFile("User:alice x"), "abc123", "other"), "empty": rolesFile()} {
		write(roles, text)
		require.Error(t, <-reports, name)
		assert.Equal(t, line{true, origin("alice", "bills")}, decide("alice", "bills"), name)
	}
	write(roles, rolesFile("User:carol bills"))
	require.NoError(t, <-reports)
	write(acls, "")
	require.Error(t, <-reports, "an empty file of ACLs without a checksum")
	assert.Equal(t, 3, store.Load().Len())
	stop()
	<-ended
}

// A proxy that cannot know the groups of its clients is not ready.
func TestReadinessOfGroups(t *testing.T) {
	store := snapshot.NewStore(snapshot.Config{})
	require.NoError(t, store.Update(func(*snapshot.Tx) error { return nil }))
	var stats groups.Stats
	h := &health{store: store, told: true, began: time.Now(), groups: func() groups.Stats { return stats }}
	h.note(nil)
	h.serving.Store(true)
	code, text := ask(t, h, "/readyz")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, text, `"groupsFailingSeconds":0`)
	stats.Failing = time.Minute
	code, text = ask(t, h, "/readyz")
	assert.Equal(t, http.StatusOK, code, "the last answers count")
	assert.Contains(t, text, `"groupsFailingSeconds":60`)
	stats.Outdated = true
	code, _ = ask(t, h, "/readyz")
	assert.Equal(t, http.StatusServiceUnavailable, code)
}

// The file of --groups-ldap says where a mistake is.
func TestDirectorySettings(t *testing.T) {
	folder := t.TempDir()
	path, password := filepath.Join(folder, "ldap.conf"), filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(password, []byte("secret\n"), 0o600))
	const good = "url = ldaps://a, ldaps://b\nuser-base = ou=p\ngroup-base = ou=g\n"
	p := &command{allowReadable: true}
	read := func(text string) error {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := p.readDirectory(path)
		return err
	}
	for name, test := range map[string]struct{ text, want string }{
		"an unknown name": {good + "uri = x", `ldap.conf:4:1: found "uri", expected url, `},
		"no value":        {good + "page =", `found "page" without a value`},
		"twice":           {good + "url = x", `found "url" again, expected each setting once`},
		"a number":        {good + "depth = deep", `found "deep", expected a number`},
		"a truth":         {good + "start-tls = yes", `found "yes", expected true or false`},
		"no CA":           {good + "ca = /nowhere", "--groups-ldap, ca: open /nowhere"},
		"no password":     {good + "password-file = /nowhere", "--groups-ldap, password-file: open /nowhere"},
		"no setting":      {"url", `expected url, `},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, read(test.text), test.want) })
	}
	require.NoError(t, os.WriteFile(path, []byte(good+"bind-dn = cn=x,dc=y\npassword-file = "+password+"\ndepth = 0\nany-spelling = true\n# comment\nuser-filter = (&(uid={user})(a=b))\n"), 0o600))
	c, err := p.readDirectory(path)
	require.NoError(t, err)
	assert.Equal(t, []string{"ldaps://a", "ldaps://b"}, c.URLs)
	assert.Equal(t, "cn=x,dc=y", c.BindDN)
	assert.Equal(t, "secret", c.Password)
	assert.Equal(t, -1, c.Depth)
	assert.True(t, c.AnySpelling)
	assert.Equal(t, "(&(uid={user})(a=b))", c.UserFilter)

	p.allowReadable = false
	require.NoError(t, os.Chmod(password, 0o644))
	_, err = p.readDirectory(path)
	require.ErrorContains(t, err, "--groups-ldap, password-file")
}

// newFollowed returns the bindings of a file, in force in a store.
func newFollowed(t *testing.T, roles string) (*bound, *snapshot.Store) {
	t.Helper()
	store := snapshot.NewStore(snapshot.Config{})
	p := &command{acls: &cli.Once{}, roles: roleFlags{&cli.Once{Text: roles, Given: true}, &cli.Once{Text: "abc123", Given: true}}}
	b, err := p.newBound(store)
	require.NoError(t, err)
	return b, store
}

// TestLastBindingTakenAway: the last binding of a cluster that is taken away is no longer in force. A
// file without any binding was refused, so that the right stayed.
func TestLastBindingTakenAway(t *testing.T) {
	roles := filepath.Join(t.TempDir(), "roles.json")
	save := func(text string) {
		require.NoError(t, aclfile.SaveText(roles, []byte(text), func([]byte) bool { return true }))
	}
	save(rolesFile())
	b, store := newFollowed(t, roles)
	require.ErrorContains(t, b.load(), "has no role binding and no ACL of the Kafka cluster abc123", "at the start it is likely another id")
	save(rolesFile("User:alice orders"))
	require.NoError(t, b.load())
	require.Equal(t, 2, store.Load().Len())
	save(rolesFile())
	require.NoError(t, b.load())
	assert.Equal(t, 0, store.Load().Len())
	assert.Equal(t, 0, b.bindings())

	save(rolesFile("User:alice orders"))
	require.NoError(t, b.load())
	require.NoError(t, os.Remove(roles+".sum"))
	require.NoError(t, os.WriteFile(roles, []byte(rolesFile()), 0o600))
	require.Error(t, b.load(), "without a checksum nobody has said that it is complete")
	assert.Equal(t, 2, store.Load().Len())
}

// TestFilesAreReadAgain: a change that could not be put in force, for a reason that is gone later, is
// put in force then, and is reported as an error once.
func TestFilesAreReadAgain(t *testing.T) {
	roles := filepath.Join(t.TempDir(), "roles.json")
	require.NoError(t, os.WriteFile(roles, []byte(rolesFile("User:alice orders")), 0o600))
	b, store := newFollowed(t, roles)
	seen := stampsOf(b.files())
	require.NoError(t, b.load())
	update := b.update
	var failures atomic.Int64
	failures.Store(3)
	b.update = func(change func(*snapshot.Tx) error) error {
		if failures.Add(-1) >= 0 {
			return errors.New("too many open files")
		}
		return update(change)
	}
	ctx, stop := context.WithCancel(t.Context())
	reports := make(chan error, 10)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.run(ctx, seen, time.Millisecond, func(err error) { reports <- err })
	}()
	require.NoError(t, os.WriteFile(roles, []byte(rolesFile("User:alice bills", "User:bob bills")), 0o600))
	require.ErrorContains(t, <-reports, "too many open files")
	select {
	case err := <-reports:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		require.Fail(t, "it is not tried again")
	}
	stop()
	<-ended
	assert.Equal(t, 4, store.Load().Len())
}
