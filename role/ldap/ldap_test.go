package ldap_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/ldaptest"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/role/ldap"
)

// config returns the configuration of a directory.
func config(t testing.TB, s *ldaptest.Server) ldap.Config {
	return ldap.Config{
		URLs: []string{s.URL()}, TLS: s.TLS(t), BindDN: ldaptest.Admin, Password: ldaptest.Password,
		UserBase: ldaptest.People, GroupBase: ldaptest.Groups,
	}
}

func directory(t testing.TB, c ldap.Config) *ldap.Directory {
	t.Helper()
	d, err := ldap.New(c)
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// ask returns the groups of a user as one text.
func ask(t testing.TB, s groups.Source, user string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	list, err := s.Groups(ctx, principal.User(user))
	var texts []string
	for _, g := range list {
		texts = append(texts, g.String())
	}
	return strings.Join(texts, " "), err
}

// people have groups that are nested, in each other, and with names that filters must escape.
func people() string {
	text := ldaptest.Person("alice") + ldaptest.Person("bob") + ldaptest.Person("carol") + ldaptest.Person("dave") + ldaptest.Person("erin") +
		ldaptest.Group("payments", "alice", "cn=payments-eu") + ldaptest.Group("payments-eu", "bob", "cn=odd (name) *") + ldaptest.Group("odd (name) *", "carol") +
		ldaptest.Group("ring-a", "dave", "cn=ring-b") + ldaptest.Group("ring-b", "cn=ring-a") + ldaptest.Group("Payments2", "alice")
	// A chain that is deeper than ldap.DefaultDepth.
	text += ldaptest.Group("deep-0", "erin")
	for i := range ldap.DefaultDepth + 1 {
		text += ldaptest.Group(fmt.Sprintf("deep-%d", i+1), fmt.Sprintf("cn=deep-%d", i))
	}
	return text + "dn: cn=posix," + ldaptest.Groups + "\nobjectClass: posixGroup\ncn: posix\ngidNumber: 7\nmemberUid: bob\n\n" +
		"dn: uid=twin,ou=a," + ldaptest.People + "\nobjectClass: inetOrgPerson\nuid: twin\ncn: t\nsn: t\n\n"
}

// TestOpenLDAP asks a real server.
func TestOpenLDAP(t *testing.T) {
	text := strings.Replace(people(), "dn: uid=twin", "dn: ou=a,"+ldaptest.People+"\nobjectClass: organizationalUnit\n\ndn: uid=twin", 1) + ldaptest.Person("twin")
	var many []string
	for i := range 1300 {
		group := ldaptest.Group(fmt.Sprintf("many-%04d", i), "many")
		if i < 900 {
			group = ldaptest.Group(fmt.Sprintf("many-%04d", i), "many", "some")
		}
		many = append(many, group)
	}
	s := ldaptest.Start(t, text+ldaptest.Person("many")+ldaptest.Person("some")+strings.Join(many, ""))
	d := directory(t, config(t, s))
	for user, want := range map[string]string{
		"alice": "Group:Payments2 Group:payments", "bob": "Group:payments Group:payments-eu",
		"carol": "Group:odd (name) * Group:payments Group:payments-eu", "dave": "Group:ring-a Group:ring-b", "nobody": "",
		// Names that would be other filters if they were not escaped.
		"*": "", "alice)(uid=*": "", "a*": "", "alice\x00": "", "*)(|(uid=*": "", `\2a`: "", "alice)(|(objectClass=*)": "", strings.Repeat("x", 5000): "", "": "", "\xff": "",
	} {
		t.Run(fmt.Sprintf("%.20q", user), func(t *testing.T) {
			got, err := ask(t, d, user)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
	t.Run("not a user", func(t *testing.T) {
		list, err := d.Groups(t.Context(), principal.Principal{Type: "Service", Name: "alice"})
		require.NoError(t, err)
		assert.Empty(t, list)
	})
	t.Run("several pages", func(t *testing.T) {
		got, err := ask(t, d, "some")
		require.NoError(t, err)
		assert.Equal(t, 900, strings.Count(got, "Group:"))
	})
	for user, want := range map[string]string{
		"erin": "nested deeper than 10", "many": "more than 1000 groups", "twin": "several entries have the name twin",
	} {
		t.Run("unusable "+user, func(t *testing.T) {
			got, err := ask(t, d, user)
			require.ErrorIs(t, err, groups.ErrUnusable)
			require.ErrorContains(t, err, want)
			assert.Empty(t, got)
		})
	}
	t.Run("other settings", func(t *testing.T) {
		for name, test := range map[string]struct {
			set  func(*ldap.Config)
			user string
			want string
		}{
			"no nesting":     {func(c *ldap.Config) { c.Depth = ldap.NoNesting }, "bob", "Group:payments-eu"},
			"a depth of one": {func(c *ldap.Config) { c.Depth = 1 }, "bob", "Group:payments Group:payments-eu"},
			"names of users": {func(c *ldap.Config) { c.UserBase, c.GroupFilter = "", "(memberUid={user})" }, "bob", "Group:posix"},
			"StartTLS":       {func(c *ldap.Config) { c.URLs, c.StartTLS = []string{s.PlainURL()}, true }, "bob", "Group:payments Group:payments-eu"},
			"the second URL": {func(c *ldap.Config) { c.URLs = []string{"ldap://127.0.0.1:1", s.URL()} }, "bob", "Group:payments Group:payments-eu"},
			"small pages":    {func(c *ldap.Config) { c.Page = 1 }, "carol", "Group:odd (name) * Group:payments Group:payments-eu"},
		} {
			t.Run(name, func(t *testing.T) {
				c := config(t, s)
				test.set(&c)
				got, err := ask(t, directory(t, c), test.user)
				require.NoError(t, err)
				assert.Equal(t, test.want, got)
			})
		}
	})
	t.Run("what fails", func(t *testing.T) {
		for name, test := range map[string]struct {
			set  func(*ldap.Config)
			want string
		}{
			"the password":         {func(c *ldap.Config) { c.Password = "wrong" }, "Invalid Credentials"},
			"an unknown authority": {func(c *ldap.Config) { c.TLS = nil }, "certificate"},
			"no login":             {func(c *ldap.Config) { c.BindDN, c.Password = "", "" }, "Insufficient Access Rights"},
			"the base":             {func(c *ldap.Config) { c.GroupBase = "ou=none," + ldaptest.Suffix }, "No Such Object"},
			"depth":                {func(c *ldap.Config) { c.Depth = 0; c.GroupName = "description" }, "has 0 values of description"},
		} {
			t.Run(name, func(t *testing.T) {
				c := config(t, s)
				test.set(&c)
				got, err := ask(t, directory(t, c), "alice")
				require.ErrorContains(t, err, test.want)
				assert.Empty(t, got)
				assert.NotContains(t, err.Error(), ldaptest.Password)
			})
		}
	})
}

// TestDirectoryThatIsDown asks a server that stops and comes back. Old connections are replaced.
func TestDirectoryThatIsDown(t *testing.T) {
	s := ldaptest.Start(t, ldaptest.Person("alice")+ldaptest.Group("payments", "alice"))
	d := directory(t, config(t, s))
	cache, err := groups.NewCache(d, groups.Options{Refresh: time.Millisecond, Keep: 2 * time.Second, Retry: 10 * time.Millisecond})
	require.NoError(t, err)
	got, err := ask(t, cache, "alice")
	require.NoError(t, err)
	assert.Equal(t, "Group:payments", got)

	// A change counts after Refresh.
	s.Change(t, strings.Replace(ldaptest.Group("audit", "alice"), "\n", "\nchangetype: add\n", 1))
	time.Sleep(2 * time.Millisecond)
	got, err = ask(t, cache, "alice")
	require.NoError(t, err)
	assert.Equal(t, "Group:audit Group:payments", got)

	s.Stop(t)
	got, err = ask(t, cache, "alice")
	require.NoError(t, err, "the last answer counts")
	assert.Equal(t, "Group:audit Group:payments", got)
	_, err = ask(t, cache, "bob")
	require.Error(t, err, "nothing is known of others")
	require.Eventually(t, func() bool { _, err := ask(t, cache, "alice"); return err != nil }, 20*time.Second, 50*time.Millisecond)
	assert.True(t, cache.Stats().Outdated)

	s.Run(t)
	require.Eventually(t, func() bool {
		got, err := ask(t, cache, "alice")
		return err == nil && got == "Group:audit Group:payments"
	}, 20*time.Second, 50*time.Millisecond)
	assert.False(t, cache.Stats().Outdated)
}

// TestSilentServer does not answer. The question ends with its time.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, start := range []bool{false, true} {
		d := directory(t, ldap.Config{URLs: []string{"ldap://" + l.Addr().String()}, StartTLS: start, BindDN: "cn=x", Password: "y", UserBase: "o=u", GroupBase: "o=g"})
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		began := time.Now()
		_, err = d.Groups(ctx, principal.User("alice"))
		cancel()
		require.Error(t, err)
		assert.Less(t, time.Since(began), 5*time.Second)
	}
}

// TestConfig says what is wrong with a configuration.
func TestConfig(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(*ldap.Config)
		want string
	}{
		"no URL":               {func(c *ldap.Config) { c.URLs = nil }, "expected the URL of a directory"},
		"http":                 {func(c *ldap.Config) { c.URLs = []string{"http://x"} }, "expected ldaps://host:port"},
		"a password in it":     {func(c *ldap.Config) { c.URLs = []string{"ldaps://a:b@x"} }, "expected ldaps://host:port"},
		"plain":                {func(c *ldap.Config) { c.URLs = []string{"ldap://ldap.example.com"} }, "is not secured"},
		"no password":          {func(c *ldap.Config) { c.BindDN = "cn=x" }, "a name without a password is anonymous"},
		"no groups":            {func(c *ldap.Config) { c.GroupBase = "" }, "expected the entry under which the groups are"},
		"no users":             {func(c *ldap.Config) { c.UserBase = "" }, "expected the entry under which the users are"},
		"the user filter":      {func(c *ldap.Config) { c.UserFilter = "(uid=alice)" }, "expected {user}"},
		"the group filter":     {func(c *ldap.Config) { c.GroupFilter = "(member=alice)" }, "expected {dn} or {user}"},
		"no filter":            {func(c *ldap.Config) { c.NestedFilter = "(member={dn}" }, "nested filter"},
		"the depth":            {func(c *ldap.Config) { c.Depth = -2 }, "a depth of -1 or more"},
		"the page":             {func(c *ldap.Config) { c.Page = 5000 }, "a page of 1 to 1000"},
		"negative connections": {func(c *ldap.Config) { c.Connections = -1 }, "connections"},
	} {
		t.Run(name, func(t *testing.T) {
			c := ldap.Config{URLs: []string{"ldaps://x"}, UserBase: "o=u", GroupBase: "o=g"}
			test.set(&c)
			_, err := ldap.New(c)
			require.ErrorContains(t, err, test.want)
		})
	}
	d, err := ldap.New(ldap.Config{URLs: []string{"ldap://localhost:389"}, BindDN: "cn=x", Password: "secret", UserBase: "o=u", GroupBase: "o=g"})
	require.NoError(t, err)
	assert.Equal(t, `ldap://localhost:389 as cn=x: groups under o=g that match (member={dn})`, d.String())
}
