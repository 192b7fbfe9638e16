// Package ldap asks an LDAP directory, such as OpenLDAP or Active Directory, which groups a
// client is in. It is a source for package groups:
//
//	directory, err := ldap.New(ldap.Config{URLs: []string{"ldaps://ldap.example.com"}, UserBase: …, GroupBase: …})
//	cache, err := groups.NewCache(directory, groups.Options{})
//
// # How a user is found
//
// First the entry of the user is looked for (Config.UserFilter), then the groups that have it as a
// member (Config.GroupFilter), then the groups that have these as members, and so on, up to
// Config.Depth. Groups may be in each other.
//
// Everything that comes from a client is escaped in filters (RFC 4515), so that a name such as
// "*)(uid=admin" is only a name that nobody has.
//
// # What is an error
//
// An answer that may lack a group is an error, because a DENY may be for it: a referral to another
// server, a limit of the server, nesting that is too deep, a group without a name, and an entry whose
// name is spelled differently (Config.AnySpelling).
//
// # What a server can cause
//
// Messages, their parts and the answer to one request are bounded, so that a server that was taken
// over, or somebody on the way without TLS, does not fill memory. Referrals are not followed.
package ldap

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	client "github.com/go-ldap/ldap/v3"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// Defaults of [Config].
const (
	DefaultUserFilter  = "(uid={user})"
	DefaultGroupFilter = "(member={dn})"
	DefaultGroupName   = "cn"
	// DefaultDepth is deeper than people nest groups.
	DefaultDepth = 10
	// DefaultPage is a page that every server sends: Active Directory sends at most 1,000 entries.
	DefaultPage = 500
	// DefaultConnections is the number of connections that are kept, that of the questions of a
	// groups.Cache.
	DefaultConnections = groups.DefaultQuestions
)

const (
	// mostParents is how many groups one question about nesting names: a filter of some kilobytes.
	mostParents = 50
	// maxUserBytes limits the name of a user that is looked for. Attributes for names are shorter.
	maxUserBytes = 1024
	// connectTime limits a connection and its login, if the caller has no deadline.
	connectTime = 10 * time.Second
	// NoNesting is the Depth with which only direct members count.
	NoNesting = -1
)

// Config says where the directory is and how users and groups are found. URLs and GroupBase are
// required, and UserBase if a filter has {dn}.
type Config struct {
	// URLs are ldaps://host:port or ldap://host:port. They are tried in order.
	URLs []string
	// StartTLS secures ldap:// with TLS before the login.
	StartTLS bool
	// TLS is for ldaps and StartTLS. Nil means that the authorities of the system count.
	TLS *tls.Config
	// Plaintext accepts ldap:// without TLS to hosts other than loopback: who is on the way reads
	// the password, and says who is in which group.
	Plaintext bool
	// BindDN and Password are the login. Without both there is none.
	BindDN, Password string
	// UserBase is the entry under which users are, and UserFilter finds one: {user} is its name.
	// The name is that of the principal, which must have the type User. Others are in no groups.
	UserBase, UserFilter string
	// GroupBase is the entry under which groups are, and GroupFilter finds those of a user: {dn}
	// is the entry of the user, {user} its name, as in (memberUid={user}).
	GroupBase, GroupFilter string
	// NestedFilter finds the groups that a group is in: {dn} is its entry. The default is
	// (member={dn}).
	NestedFilter string
	// GroupName is the attribute with the name of a group. It must have one value.
	GroupName string
	// Depth is how deep groups may be nested: 0 means DefaultDepth, NoNesting that only direct
	// members count. Deeper nesting is an error.
	Depth int
	// AnySpelling accepts an entry that has the name of the user in another spelling: directories
	// ignore case, repeated spaces and the width of characters, while Kafka compares principals byte
	// by byte. Without it, User:ALICE does not get the groups of alice: its groups are not known.
	AnySpelling bool
	// Page is how many entries the directory sends at a time; 0 means DefaultPage.
	Page int
	// Connections is how many idle connections are kept; 0 means DefaultConnections.
	Connections int
}

// Directory is a groups.Source. It is safe for concurrent use. Create it with [New].
type Directory struct {
	config Config
	urls   []*url.URL
	names  []assertion // of Config.UserFilter
	idle   chan *conn
}

var _ groups.Source = (*Directory)(nil)

// New returns a directory. It connects to nothing. The error lists everything that is wrong with
// config.
func New(config Config) (*Directory, error) {
	config.UserFilter = cmp.Or(config.UserFilter, DefaultUserFilter)
	config.GroupFilter = cmp.Or(config.GroupFilter, DefaultGroupFilter)
	config.NestedFilter = cmp.Or(config.NestedFilter, DefaultGroupFilter)
	config.GroupName = cmp.Or(config.GroupName, DefaultGroupName)
	config.Depth, config.Page, config.Connections = cmp.Or(config.Depth, DefaultDepth), cmp.Or(config.Page, DefaultPage), cmp.Or(config.Connections, DefaultConnections)
	d := &Directory{config: config}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("ldap: "+format, args...)) }
	if len(config.URLs) == 0 {
		fail("expected the URL of a directory, such as ldaps://ldap.example.com")
	}
	for _, text := range config.URLs {
		u, err := parseURL(text, config.StartTLS || config.Plaintext)
		if err != nil {
			fail("%w", err)
		}
		d.urls = append(d.urls, u)
	}
	if config.GroupBase == "" {
		fail("expected the entry under which the groups are, such as ou=groups,dc=example,dc=com")
	}
	if (config.BindDN == "") != (config.Password == "") {
		fail("expected a login with a name and a password, or none: a name without a password is anonymous")
	}
	if config.Page < 1 || config.Page > groups.MaxGroups || config.Connections < 1 || config.Depth < NoNesting {
		fail("expected a page of 1 to %d entries, a positive number of connections, and a depth of -1 or more", groups.MaxGroups)
	}
	for _, f := range []struct{ name, filter, needs string }{{"user filter", config.UserFilter, "{user}"}, {"group filter", config.GroupFilter, ""}, {"nested filter", config.NestedFilter, "{dn}"}} {
		_, err := client.CompileFilter(fill(f.filter, "x", "x"))
		switch {
		case err != nil:
			fail("%s %s: %w", f.name, lines.Name(f.filter), err)
		case f.needs != "" && !strings.Contains(f.filter, f.needs), !strings.Contains(f.filter, "{user}") && !strings.Contains(f.filter, "{dn}"):
			fail("%s %s: expected %s", f.name, lines.Name(f.filter), cmp.Or(f.needs, "{dn} or {user}"))
		}
	}
	for _, f := range []struct {
		name, filter string
		keep         *[]assertion
	}{{"user filter", config.UserFilter, &d.names}, {"group filter", config.GroupFilter, new([]assertion)}} {
		list, err := assertions(f.filter)
		if err != nil {
			fail("%s %s: %w", f.name, lines.Name(f.filter), err)
		}
		*f.keep = list
	}
	if config.UserBase == "" && strings.Contains(config.GroupFilter, "{dn}") {
		fail("expected the entry under which the users are, such as ou=people,dc=example,dc=com")
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	d.idle = make(chan *conn, config.Connections)
	return d, nil
}

func parseURL(text string, mayBePlain bool) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, fmt.Errorf("found the URL %s, expected ldaps://host:port or ldap://host:port", lines.Name(text))
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "ldap" && !mayBePlain && u.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, fmt.Errorf("%s is not secured: expected ldaps://, or StartTLS", lines.Name(text))
	}
	return u, nil
}

// String says on one line which directory is asked.
func (d *Directory) String() string {
	login := "without a login"
	if d.config.BindDN != "" {
		login = "as " + lines.Printable(d.config.BindDN)
	}
	return fmt.Sprintf("%s %s: groups under %s that match %s", lines.Printable(strings.Join(d.config.URLs, ",")), login, lines.Printable(d.config.GroupBase), lines.Printable(d.config.GroupFilter))
}

// fill replaces {user} and {dn} in a filter, escaped.
func fill(filter, user, dn string) string {
	return strings.NewReplacer("{user}", client.EscapeFilter(user), "{dn}", client.EscapeFilter(dn)).Replace(filter)
}

// Groups asks the directory. A question takes a search for the user, one for its groups, and one
// for each fifty groups that they may be nested in.
func (d *Directory) Groups(ctx context.Context, who principal.Principal) ([]principal.Principal, error) {
	if who.Type != "User" {
		return nil, nil
	}
	if len(who.Name) > maxUserBytes || strings.ContainsRune(who.Name, 0) || who.Name == "" {
		return nil, nil // which no directory has
	}
	for {
		c, used, err := d.connection(ctx)
		if err != nil {
			return nil, err
		}
		names, err := d.groupsOf(ctx, c, who.Name)
		broken := c.IsClosing() || client.IsErrorAnyOf(err, client.ErrorNetwork, client.LDAPResultUnavailable, client.LDAPResultBusy)
		if broken || err != nil && !errors.Is(err, groups.ErrUnusable) {
			_ = c.Close()
		} else {
			d.keep(c)
		}
		if broken && used && ctx.Err() == nil {
			continue // the server has closed an idle connection
		}
		if err != nil {
			return nil, err
		}
		return groups.Sorted(names)
	}
}

// keep keeps a connection for the next question, if there is room.
func (d *Directory) keep(c *conn) {
	select {
	case d.idle <- c:
	default:
		_ = c.Close()
	}
}

// Close closes the idle connections.
func (d *Directory) Close() {
	for {
		select {
		case c := <-d.idle:
			_ = c.Close()
		default:
			return
		}
	}
}

// connection returns a connection that is logged in, and whether it was used before.
func (d *Directory) connection(ctx context.Context) (c *conn, used bool, err error) {
	for {
		select {
		case c := <-d.idle:
			if !c.IsClosing() {
				return c, true, nil
			}
			_ = c.Close()
			continue
		default:
		}
		break
	}
	var errs []error
	for _, u := range d.urls {
		c, err := d.connect(ctx, u)
		if err == nil {
			return c, false, nil
		}
		errs = append(errs, fmt.Errorf("ldap: %s: %w", lines.Printable(u.String()), readable(err)))
	}
	return nil, false, errors.Join(errs...)
}

// connect connects to a server, secures the connection, and logs in.
func (d *Directory) connect(ctx context.Context, u *url.URL) (_ *conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	port := map[string]string{"ldap": client.DefaultLdapPort, "ldaps": client.DefaultLdapsPort}[u.Scheme]
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = raw.Close()
		}
	}()
	deadline, _ := ctx.Deadline()
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.config.TLS != nil {
		config = d.config.TLS.Clone()
	}
	config.ServerName = cmp.Or(config.ServerName, u.Hostname())
	plain := u.Scheme == "ldap"
	if plain && d.config.StartTLS {
		if err := startTLS(raw); err != nil {
			return nil, err
		}
		plain = false
	}
	inner := raw
	if !plain {
		secured := tls.Client(raw, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		inner = secured
	}
	w := newWire(inner)
	c := &conn{client.NewConn(w, !plain), w}
	c.Start()
	c.SetTimeout(time.Until(deadline))
	if d.config.BindDN != "" {
		w.expectAnswer()
		err = c.explain(c.Bind(d.config.BindDN, d.config.Password))
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = c.Close()
	}
	return c, err
}

// groupsOf returns the names of the groups of a user.
func (d *Directory) groupsOf(ctx context.Context, c *conn, user string) ([]string, error) {
	dn := ""
	if d.config.UserBase != "" {
		users, err := d.search(ctx, c, d.config.UserBase, fill(d.config.UserFilter, user, ""), attributesOf(d.names), 2)
		if err != nil || len(users) == 0 {
			return nil, err
		}
		if len(users) > 1 {
			return nil, groups.Unusable("several entries have the name %s: %s and %s", lines.Name(user), lines.Name(users[0].DN), lines.Name(users[1].DN))
		}
		if !d.config.AnySpelling && !hasName(users[0], d.names, user) {
			return nil, groups.Unusable("the directory takes %s for the entry %s, whose name is spelled differently", lines.Name(user), lines.Name(users[0].DN))
		}
		dn = users[0].DN
	}
	found, err := d.search(ctx, c, d.config.GroupBase, fill(d.config.GroupFilter, user, dn), []string{d.config.GroupName}, groups.MaxGroups)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var names []string
	for depth := 0; ; depth++ {
		var parents []string
		for _, group := range found {
			if seen[group.DN] {
				continue
			}
			seen[group.DN] = true
			values := group.GetEqualFoldAttributeValues(d.config.GroupName)
			if len(values) != 1 {
				return nil, groups.Unusable("the group %s has %d values of %s: expected one", lines.Name(group.DN), len(values), d.config.GroupName)
			}
			names, parents = append(names, values[0]), append(parents, group.DN)
		}
		if len(names) > groups.MaxGroups {
			return nil, groups.Unusable("%s is in more than %d groups", lines.Name(user), groups.MaxGroups)
		}
		if len(parents) == 0 || d.config.Depth == NoNesting {
			return names, nil
		}
		if depth > d.config.Depth {
			return nil, groups.Unusable("the groups of %s are nested deeper than %d", lines.Name(user), d.config.Depth)
		}
		if found, err = d.nestedIn(ctx, c, parents); err != nil {
			return nil, err
		}
	}
}

// nestedIn returns the groups that some groups are in.
func (d *Directory) nestedIn(ctx context.Context, c *conn, children []string) (found []*client.Entry, err error) {
	for part := range slices.Chunk(children, mostParents) {
		filter := "(|"
		for _, dn := range part {
			filter += fill(d.config.NestedFilter, "", dn)
		}
		list, err := d.search(ctx, c, d.config.GroupBase, filter+")", []string{d.config.GroupName}, groups.MaxGroups)
		if err != nil {
			return nil, err
		}
		if found = append(found, list...); len(found) > len(children)*groups.MaxGroups {
			return nil, groups.Unusable("more than %d groups", groups.MaxGroups)
		}
	}
	return found, nil
}

// search returns the entries that match, with some attributes. It returns an error for more than most.
func (d *Directory) search(ctx context.Context, c *conn, base, filter string, attributes []string, most int) (found []*client.Entry, err error) {
	paging := client.NewControlPaging(uint32(min(d.config.Page, most)))
	for {
		deadline, ok := ctx.Deadline()
		if !ok {
			deadline = time.Now().Add(connectTime)
		}
		left := time.Until(deadline)
		if left <= 0 || ctx.Err() != nil {
			return nil, errors.New("ldap: the directory is slow")
		}
		c.SetTimeout(left)
		request := client.NewSearchRequest(base, client.ScopeWholeSubtree, client.NeverDerefAliases, 0, int(left.Seconds())+1, false, filter, attributes, []client.Control{paging})
		c.wire.expectAnswer()
		result, err := c.Search(request)
		if err = c.explain(err); err != nil {
			return nil, fmt.Errorf("ldap: search under %s: %w", lines.Name(base), readable(err))
		}
		if len(result.Referrals) > 0 {
			return nil, groups.Unusable("the directory refers to %s, which is not asked", lines.Name(result.Referrals[0]))
		}
		if found = append(found, result.Entries...); len(found) > most && most == groups.MaxGroups {
			return nil, groups.Unusable("more than %d groups", most)
		}
		page, _ := client.FindControl(result.Controls, client.ControlTypePaging).(*client.ControlPaging)
		if page == nil || len(page.Cookie) == 0 {
			return found, nil
		}
		if len(found) >= most && most < groups.MaxGroups { // enough to know that there are too many
			return found, nil
		}
		if len(result.Entries) == 0 {
			return nil, errors.New("ldap: the directory sends empty pages")
		}
		paging.SetCookie(page.Cookie)
	}
}

// readable returns an error of the library with its text escaped and cut: the server sends a part
// of it.
func readable(err error) error {
	return &serverError{err}
}

// serverError is an error with text of a server.
type serverError struct{ error }

func (e *serverError) Error() string { return lines.Escape(lines.Cut(e.error.Error(), 500)) }
func (e *serverError) Unwrap() error { return e.error }
