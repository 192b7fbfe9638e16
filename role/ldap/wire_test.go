package ldap_test

import (
	"bytes"
	"context"
	"io"
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

// mostSent is what a hostile server sends before it gives up.
const mostSent = 200 << 20

// hostile listens, and sends head to each client once it has asked for something, and then body again
// and again. It returns its URL, and how much was sent to the last client, once that is gone.
func hostile(t *testing.T, head, body []byte) (url string, sent func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	counts := make(chan int, 100)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000))
			n, err := c.Write(head)
			for err == nil && len(body) > 0 && n < mostSent {
				var more int
				more, err = c.Write(body)
				n += more
			}
			if len(body) == 0 { // until the client goes
				_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
				_, _ = io.Copy(io.Discard, c)
			}
			_ = c.Close()
			counts <- n
		}
	}()
	return "ldap://" + l.Addr().String(), func() int {
		t.Helper()
		select {
		case n := <-counts:
			return n
		case <-time.After(20 * time.Second):
			require.Fail(t, "the client keeps the connection")
			return 0
		}
	}
}

// TestHostileServer: what a server sends is bounded, and an answer that is cut off is an error.
func TestHostileServer(t *testing.T) {
	entry := []byte("\x30\x0c\x02\x01\x01\x64\x07\x04\x01a\x30\x00")
	entry[1] = byte(len(entry) - 2)
	entry[6] = byte(len(entry) - 7)
	parts := bytes.Repeat([]byte("\x05\x00"), 200)
	for name, test := range map[string]struct {
		head, body []byte
		want       string
		most       int // bytes that are sent, with those in buffers of the system
	}{
		"a message of 2 GiB":        {[]byte("\x30\x84\x7f\xff\xff\xff\x02\x01\x01"), make([]byte, 1<<16), "announces a message of 2147483647 bytes: expected at most 262144", 16 << 20},
		"a message of 4 GiB":        {[]byte("\x30\x84\xff\xff\xff\xff\x02\x01\x01"), make([]byte, 1<<16), "announces a message of 2147483647 bytes", 16 << 20},
		"a length of eight bytes":   {[]byte("\x30\x88\x00\x00\x00\x00\x00\x00\x00\x05"), make([]byte, 1<<16), "expected a message with its length", 16 << 20},
		"no length":                 {[]byte("\x30\x80"), bytes.Repeat([]byte("\x04\x01a"), 1000), "expected a message with its length", 16 << 20},
		"a long part of a short":    {[]byte("\x30\x0a\x02\x01\x01\x04\x84\x7f\xff\xff\xff\x00"), make([]byte, 1<<16), "whose parts are longer than it is", 16 << 20},
		"a part that ends too late": {[]byte("\x30\x06\x02\x01\x01\x30\x05\x00"), make([]byte, 1<<16), "whose parts are longer than it is", 16 << 20},
		"a part without a header":   {[]byte("\x30\x04\x02\x01\x01\x04"), make([]byte, 1<<16), "whose parts are longer than it is", 16 << 20},
		"many parts":                {append([]byte{0x30, 0x82, byte(len(parts) >> 8), byte(len(parts))}, parts...), nil, "more than 128 parts", 1 << 20},
		"parts in parts":            {append([]byte{0x30, 0x82, 2, 0}, bytes.Repeat([]byte("\x30\x80"), 256)...), nil, "whose parts are longer than it is", 1 << 20},
		"entries without end":       {nil, bytes.Repeat(entry, 1000), "sends more than 2000 messages or 16777216 bytes in one answer", 16 << 20},
		"HTTP":                      {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), nil, "the server does not speak LDAP", 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			url, sent := hostile(t, test.head, test.body)
			d := directory(t, ldap.Config{URLs: []string{url}, UserBase: "o=u", GroupBase: "o=g"})
			list, err := d.Groups(t.Context(), principal.User("alice"))
			require.ErrorContains(t, err, test.want)
			assert.NotErrorIs(t, err, groups.ErrUnusable, "the last answer counts for a time")
			assert.Empty(t, list)
			assert.Less(t, sent(), test.most)
		})
	}
}

// TestStartTLSAnswer: no login is sent unless the server begins TLS.
func TestStartTLSAnswer(t *testing.T) {
	for name, test := range map[string]struct{ answer, want string }{
		"refused":       {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00", "the server refuses StartTLS: result 2, Protocol Error"},
		"another id":    {"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "does not answer StartTLS as LDAP servers do"},
		"an entry":      {"\x30\x0c\x02\x01\x01\x64\x07\x0a\x01\x00\x04\x00\x04\x00", "does not answer StartTLS as LDAP servers do"},
		"a long result": {"\x30\x0d\x02\x01\x01\x78\x08\x0a\x02\x00\x00\x04\x00\x04\x00", "does not answer StartTLS as LDAP servers do"},
		"nothing in it": {"\x30\x05\x02\x01\x01\x78\x00", "does not answer StartTLS as LDAP servers do"},
		"too long":      {"\x30\x84\x7f\xff\xff\xff", "announces a message of 2147483647 bytes"},
		// What follows the answer is the handshake, and no LDAP in clear text.
		"a bind in clear text": {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00", "tls: "},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := hostile(t, []byte(test.answer), nil)
			d := directory(t, ldap.Config{URLs: []string{url}, StartTLS: true, BindDN: "cn=x", Password: "y", UserBase: "o=u", GroupBase: "o=g"})
			_, err := d.Groups(t.Context(), principal.User("alice"))
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestSpellingOfUsers: a directory takes other spellings of a name for the same user. Kafka does not,
// so that such a principal must not get the groups.
func TestSpellingOfUsers(t *testing.T) {
	s := ldaptest.Start(t, ldaptest.Person("alice")+ldaptest.Group("payments", "alice"))
	strict := directory(t, config(t, s))
	c := config(t, s)
	c.AnySpelling = true
	loose := directory(t, c)
	got, err := ask(t, strict, "alice")
	require.NoError(t, err)
	assert.Equal(t, "Group:payments", got)
	for _, user := range []string{"ALICE", "Alice", "alice ", " alice", "ａｌｉｃｅ"} {
		got, err := ask(t, strict, user)
		require.ErrorIs(t, err, groups.ErrUnusable, "%q", user)
		require.ErrorContains(t, err, "whose name is spelled differently")
		assert.Empty(t, got)
		got, err = ask(t, loose, user)
		require.NoError(t, err)
		assert.Equal(t, "Group:payments", got)
	}
	c = config(t, s)
	c.UserFilter = "(&(objectClass=inetOrgPerson)(|(uid={user})(cn={user})))"
	got, err = ask(t, directory(t, c), "alice")
	require.NoError(t, err)
	assert.Equal(t, "Group:payments", got)
}

// TestFiltersThatMatchOthers are refused.
func TestFiltersThatMatchOthers(t *testing.T) {
	for filter, want := range map[string]string{
		"(uid={user}*)":                      "expected no * and no escapes next to {user}",
		"(|(uid=x)(mail=*{user}))":           "expected no * and no escapes next to {user}",
		`(uid={user}\2a)`:                    "expected no * and no escapes next to {user}",
		"(uid~={user})":                      "expected = before {user}",
		"(uid>={user})":                      "expected = before {user}",
		"(member=uid={user},ou=people)":      "found {user} in the name of an entry",
		"({user}=alice)":                     "expected {user} as a value",
		"(:caseIgnoreMatch:={user})":         "expected an attribute before {user}",
		"(uid={user})":                       "",
		"(uid:caseExactMatch:={user})":       "",
		"(userPrincipalName={user}@EX.C)":    "",
		"(&(a=b)(|(uid={user})(cn={user})))": "",
	} {
		t.Run(filter, func(t *testing.T) {
			for _, c := range []ldap.Config{
				{URLs: []string{"ldaps://x"}, UserBase: "o=u", GroupBase: "o=g", UserFilter: filter},
				{URLs: []string{"ldaps://x"}, UserBase: "o=u", GroupBase: "o=g", GroupFilter: filter},
			} {
				_, err := ldap.New(c)
				if want == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, want)
				assert.False(t, strings.Contains(err.Error(), "\n") && !strings.Contains(err.Error(), "ldap: "), err)
			}
		})
	}
}

// TestReferrals: another server is never asked, and an answer that refers to one may lack a group.
func TestReferrals(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	asked := make(chan bool, 1)
	go func() {
		if c, err := other.Accept(); err == nil {
			_ = c.Close()
			asked <- true
		}
	}()
	target := "ldap://" + other.Addr().String()
	part := func(tag byte, content string) string { return string([]byte{tag, byte(len(content))}) + content }
	message := func(content string) string { return part(0x30, "\x02\x01\x01"+content) }
	done := func(code byte, more string) string {
		return message(part(0x65, "\x0a\x01"+string([]byte{code})+"\x04\x00\x04\x00"+more))
	}
	for name, test := range map[string]struct{ answer, want string }{
		"among the entries": {message(part(0x73, part(0x04, target))) + done(0, ""), "the directory refers to " + target + ", which is not asked"},
		"instead of them":   {done(10, part(0xa3, part(0x04, target))), "Referral"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := hostile(t, []byte(test.answer), nil)
			list, err := directory(t, ldap.Config{URLs: []string{url}, UserBase: "o=u", GroupBase: "o=g"}).Groups(t.Context(), principal.User("alice"))
			require.ErrorContains(t, err, test.want)
			assert.Empty(t, list)
		})
	}
	select {
	case <-asked:
		assert.Fail(t, "the other server was asked")
	case <-time.After(50 * time.Millisecond):
	}
}

// TestSlowServer sends a byte now and then. The question ends with its time all the same.
func TestSlowServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, err := c.Write([]byte("\x30\x82\x7f\xff\x02\x01\x01"))
				for range 500 {
					if err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond)
					_, err = c.Write([]byte{4})
				}
			}()
		}
	}()
	for _, bind := range []string{"", "cn=x"} {
		d := directory(t, ldap.Config{URLs: []string{"ldap://" + l.Addr().String()}, BindDN: bind, Password: bind, UserBase: "o=u", GroupBase: "o=g"})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		_, err := d.Groups(ctx, principal.User("alice"))
		cancel()
		require.Error(t, err)
		assert.Less(t, time.Since(began), 5*time.Second)
	}
}
