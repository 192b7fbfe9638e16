package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/ldaptest"
)

// TestProxyWithRolesAndGroups writes through the proxy as members of a group that has a role, from
// a file and from an OpenLDAP directory.
func TestProxyWithRolesAndGroups(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	roles := writeRoles(t, "Group:payments ResourceOwner Topic:payments.*", "Group:payments DeveloperWrite Cluster:kafka-cluster")
	file := write("groups.jsonl", `{"group":"Group:payments","members":["User:bob","Group:payments-eu"]}
{"group":"Group:payments-eu","members":["User:carol"]}
{"group":"Group:suspended","members":["User:dave"]}
{"group":"Group:staff","members":["Group:suspended"]}
`)
	const outcome = "User:bob writes to payments.eu: stored in partition 0 at offset 0\nUser:carol writes to payments.eu: stored in partition 0 at offset 1\nUser:erin writes to payments.eu: refused: TOPIC_AUTHORIZATION_FAILED\n"
	demo := "proxy --embedded --roles " + roles + " --kafka-cluster abc123 --demo bob=payments.eu --demo carol=payments.eu --demo erin=payments.eu "
	t.Run("file", func(t *testing.T) {
		got := runWith("", strings.Fields(demo+"--groups "+file)...)
		assert.Equal(t, 0, got.status, got.stderr)
		assert.Equal(t, outcome, got.stdout)
	})
	t.Run("no groups", func(t *testing.T) {
		got := runWith("", strings.Fields(demo)...)
		assert.Equal(t, 3, strings.Count(got.stdout, "refused"), got.stdout)
	})
	t.Run("directory", func(t *testing.T) {
		s := ldaptest.Start(t, ldaptest.Person("bob")+ldaptest.Person("carol")+ldaptest.Person("erin")+
			ldaptest.Group("payments", "bob", "cn=payments-eu")+ldaptest.Group("payments-eu", "carol"))
		settings := write("ldap.conf", "url = "+s.URL()+"\nca = "+s.CertificateFile()+"\nbind-dn = "+ldaptest.Admin+"\npassword-file = "+write("password", ldaptest.Password)+
			"\nuser-base = "+ldaptest.People+"\ngroup-base = "+ldaptest.Groups+"\n")
		got := runWith("", strings.Fields(demo+"--allow-readable-secrets --groups-ldap "+settings)...)
		assert.Equal(t, 0, got.status, got.stderr)
		assert.Equal(t, outcome, got.stdout)

		// Without the directory nobody's groups are known, and everybody is refused.
		s.Stop(t)
		got = runWith("", strings.Fields(demo+"--allow-readable-secrets --groups-ldap "+settings)...)
		assert.Equal(t, 3, strings.Count(got.stdout, "refused"), got.stdout)
	})
	t.Run("questions", func(t *testing.T) {
		given := "--roles " + roles + " --kafka-cluster abc123 --groups " + file
		got := runWith("", strings.Fields("check "+given+" --principal User:carol --operation Write --topic payments.eu")...)
		assert.Equal(t, exitDone, got.status, got.stderr)
		assert.Contains(t, got.stdout, "allowed: User:carol with Group:payments, Group:payments-eu from")
		assert.Contains(t, got.stdout, ownerOrigin)
		got = runWith("principal,operation,resourceType,name\nUser:carol,Write,Topic,payments.eu\nUser:erin,Write,Topic,payments.eu\n", strings.Fields("check --questions - "+given)...)
		assert.Equal(t, exitDenied, got.status, got.stderr)
		assert.Contains(t, got.stdout, "allowed: User:carol")
		assert.Contains(t, got.stdout, "denied: User:erin")
		got = runWith("", strings.Fields("what-can "+given+" --principal User:bob")...)
		assert.Contains(t, got.stdout, ownerOrigin)
		got = runWith("", strings.Fields("check --acls "+acme+"acls.txt --groups /nowhere --principal User:carol --operation Write --topic payments.eu")...)
		assert.Equal(t, exitError, got.status)
	})
	t.Run("flags", func(t *testing.T) {
		for args, want := range map[string]string{
			"--roles " + roles: "--roles needs --kafka-cluster",
			"--mirror-acls --roles " + roles + " --kafka-cluster abc123": "--roles cannot be given with --mirror-acls: portcullis plan and apply bring roles into the cluster",
			"--roles " + roles + " --kafka-cluster other":                "has no role binding and no ACL of the Kafka cluster other",
			"": "expected either --acls, --roles or both, or --mirror-acls",
			"--acls " + acme + "acls.txt --groups " + file + " --groups-ldap x": "groups come from one of them",
			"--acls " + acme + "acls.txt --groups-claim groups":                 "--groups-claim: no listener takes tokens (OAUTHBEARER)",
			"--acls " + acme + "acls.txt --groups-refresh 3s":                   "--groups-refresh needs --groups or --groups-ldap",
			"--acls " + acme + "acls.txt --groups-claim g --groups-keep 3s":     "--groups-keep needs --groups or --groups-ldap",
			"--acls " + acme + "acls.txt --groups-keep 0s":                      "--groups-keep and --groups-refresh: expected a positive duration",
			"--acls " + acme + "acls.txt --groups /nowhere":                     "/nowhere: no such file",
		} {
			got := runWith("", strings.Fields("proxy --check --upstream localhost:9092 --listen PLAINTEXT://127.0.0.1:0 "+args)...)
			assert.Equal(t, exitError, got.status, args)
			assert.Contains(t, got.stderr, want, args)
		}
		got := runWith("", strings.Fields("proxy --check --upstream localhost:9092 --listen PLAINTEXT://127.0.0.1:0 --acls "+acme+"acls.txt --roles "+roles+" --kafka-cluster abc123 --groups "+file)...)
		assert.Contains(t, got.stdout, "roles: 2 role bindings of the cluster abc123 in "+roles+"\ngroups: 4 of "+file+", kept for 10m0s\n")
	})
}
