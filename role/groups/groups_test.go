package groups_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// text returns groups as one text.
func text(list []principal.Principal) string {
	var names []string
	for _, g := range list {
		names = append(names, g.String())
	}
	return strings.Join(names, " ")
}

func TestSorted(t *testing.T) {
	list, err := groups.Sorted([]string{"b", "a", "b", "A"})
	require.NoError(t, err)
	assert.Equal(t, "Group:A Group:a Group:b", text(list))
	for name, names := range map[string][]string{
		"empty": {""}, "a line": {"a\nb"}, "not UTF-8": {"\xff"}, "long": {strings.Repeat("x", groups.MaxNameBytes+1)}, "too many": numbers(groups.MaxGroups + 1),
	} {
		list, err := groups.Sorted(names)
		require.ErrorIs(t, err, groups.ErrUnusable, name)
		assert.Nil(t, list, name)
	}
	list, err = groups.Sorted(numbers(groups.MaxGroups))
	require.NoError(t, err)
	assert.Len(t, list, groups.MaxGroups)
	a, _ := groups.Sorted([]string{"a", "b"})
	b, _ := groups.Sorted([]string{"b", "c"})
	assert.Equal(t, "Group:a Group:b Group:c", text(groups.Union(a, b)))
	assert.Equal(t, "Group:a Group:b", text(groups.Union(a, nil)))
	assert.Equal(t, "Group:a Group:b", text(groups.Union(nil, a)))
}

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(i))
	}
	return list
}

func TestTable(t *testing.T) {
	table, err := groups.ParseTable([]byte(`{"group":"Group:payments","members":["User:alice","Group:payments-eu"]}

{"group":"Group:payments-eu","members":["User:bob"]}
{"group":"Group:ring-a","members":["Group:ring-b","User:carol"]}
{"group":"Group:ring-b","members":["Group:ring-a"]}
{"group":"Group:empty","members":[]}
{"group":"Group:self","members":["Group:self","User:CN=x, O=y"]}
`))
	require.NoError(t, err)
	assert.Equal(t, 6, table.Len())
	for range 2 { // also from memory
		for who, want := range map[string]string{
			"User:alice": "Group:payments", "User:bob": "Group:payments Group:payments-eu", "User:carol": "Group:ring-a Group:ring-b",
			"User:CN=x, O=y": "Group:self", "User:Alice": "", "User:nobody": "", "Service:alice": "", "Group:payments-eu": "Group:payments",
		} {
			p, err := principal.Parse(who)
			require.NoError(t, err)
			list, err := table.Groups(t.Context(), p)
			require.NoError(t, err)
			assert.Equal(t, want, text(list), who)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"no JSON":          {"payments: alice", "1: expected an object such as"},
		"an array":         {`["a"]`, "1: expected an object such as"},
		"no group":         {`{"members":[]}`, "1: expected an object such as"},
		"no members":       {`{"group":"Group:a"}`, "1: expected an object such as"},
		"another field":    {`{"group":"Group:a","members":[],"deny":true}`, "1: expected an object such as"},
		"two objects":      {`{"group":"Group:a","members":[]}{}`, "1: expected nothing after the object"},
		"without a type":   {`{"group":"a","members":[]}`, `1: found the group "a", expected Group:name`},
		"a user":           {`{"group":"User:a","members":[]}`, `1: found the group "User:a", expected Group:name`},
		"a member":         {`{"group":"Group:a","members":["alice"]}`, `1: found the member "alice", expected Type:name`},
		"an empty member":  {`{"group":"Group:a","members":["User:"]}`, `1: found the member "User:"`},
		"everyone":         {`{"group":"Group:a","members":["User:*"]}`, `1: found the member "User:*"`},
		"twice":            {"{\"group\":\"Group:a\",\"members\":[]}\n\n{\"group\":\"Group:a\",\"members\":[]}", `3: the group "Group:a" is on line 1 already`},
		"a name in a line": {`{"group":"Group:a\nb","members":[]}`, "1: found the group"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := groups.ParseTable([]byte(test.text))
			require.ErrorContains(t, err, test.want)
		})
	}
	var chain strings.Builder
	for i := range groups.MaxGroups + 1 {
		fmt.Fprintf(&chain, `{"group":"Group:%d","members":["User:all","Group:%d"]}`+"\n", i, i+1)
	}
	table, err = groups.ParseTable([]byte(chain.String()))
	require.NoError(t, err)
	_, err = table.Groups(t.Context(), principal.User("all"))
	require.ErrorIs(t, err, groups.ErrUnusable)
}

// source is one that a test changes.
type source struct {
	mu    sync.Mutex
	names []string
	err   error
	slow  time.Duration
	asked atomic.Int32
}

func (s *source) Groups(ctx context.Context, _ principal.Principal) ([]principal.Principal, error) {
	s.asked.Add(1)
	s.mu.Lock()
	names, err, slow := s.names, s.err, s.slow
	s.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err != nil {
		return nil, err
	}
	return groups.Sorted(names)
}

func (s *source) set(err error, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.err = names, err
}

var errDown = errors.New("down")

// A cache asks again after Refresh, keeps the last answer for Keep while the source fails, and
// then says that nothing is known.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		s.set(nil, "a")
		c, err := groups.NewCache(s, groups.Options{Refresh: time.Minute, Keep: 10 * time.Minute, Retry: 5 * time.Second})
		require.NoError(t, err)
		ask := func(user string) (string, error) {
			list, err := c.Groups(t.Context(), principal.User(user))
			return text(list), err
		}
		expect := func(user, want string, asked int) {
			t.Helper()
			got, err := ask(user)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.EqualValues(t, asked, s.asked.Load(), "questions")
		}
		expect("alice", "Group:a", 1)
		s.set(nil, "a", "b")
		time.Sleep(time.Minute)
		expect("alice", "Group:a", 1) // not older than Refresh
		time.Sleep(time.Second)
		expect("alice", "Group:a Group:b", 2)
		expect("alice", "Group:a Group:b", 2)

		s.set(errDown)
		time.Sleep(61 * time.Second)
		expect("alice", "Group:a Group:b", 3) // the last answer
		expect("alice", "Group:a Group:b", 3) // not asked in the pause
		_, err = ask("bob")
		require.Error(t, err, "nobody knows of bob")
		assert.EqualValues(t, 3, s.asked.Load(), "nor is it asked for bob in the pause")
		time.Sleep(6 * time.Second)
		expect("alice", "Group:a Group:b", 4)
		assert.False(t, c.Stats().Outdated)
		time.Sleep(10 * time.Minute)
		_, err = ask("alice")
		require.ErrorIs(t, err, errDown)
		assert.True(t, c.Stats().Outdated)
		assert.Equal(t, 10*time.Minute+6*time.Second, c.Stats().Failing)
		time.Sleep(6 * time.Second)
		s.set(nil, "b")
		expect("alice", "Group:b", 6)
		assert.Zero(t, c.Stats().Failing)

		// An answer that cannot be used ends the one before, and is not asked for at once again.
		s.set(groups.Unusable("two users"))
		time.Sleep(61 * time.Second)
		for range 2 {
			_, err = ask("alice")
			require.ErrorIs(t, err, groups.ErrUnusable)
			assert.EqualValues(t, 7, s.asked.Load())
		}
		assert.Zero(t, c.Stats().Failing, "it has answered")
		expectOther := principal.Principal{Type: "User", Name: "alice", TokenAuthenticated: true}
		_, err = c.Groups(t.Context(), expectOther)
		require.ErrorIs(t, err, groups.ErrUnusable, "the same user")
		assert.Equal(t, 2, c.Stats().Users)
	})
}

// Many callers ask one question. A slow source costs each at most the timeout, and in the pause
// after it nothing.
func TestCacheOfASlowSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{slow: time.Second}
		s.set(nil, "a")
		c, err := groups.NewCache(s, groups.Options{Timeout: 2 * time.Second})
		require.NoError(t, err)
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				list, err := c.Groups(t.Context(), principal.User("alice"))
				assert.NoError(t, err)
				assert.Equal(t, "Group:a", text(list))
			})
		}
		// One whose connection ends does not wait, and the others get their answer.
		ended, end := context.WithCancel(t.Context())
		wait.Go(func() {
			time.Sleep(time.Millisecond)
			end()
		})
		wait.Go(func() { _, _ = c.Groups(ended, principal.User("alice")) })
		wait.Wait()
		assert.EqualValues(t, 1, s.asked.Load())

		s.mu.Lock()
		s.slow = time.Hour
		s.mu.Unlock()
		began := time.Now()
		for i := range 100 {
			wait.Go(func() {
				_, err := c.Groups(t.Context(), principal.User(fmt.Sprint(i)))
				assert.Error(t, err)
			})
		}
		wait.Wait()
		assert.Equal(t, 2*time.Second, time.Since(began), "all wait together")
		_, err = c.Groups(t.Context(), principal.User("another"))
		require.Error(t, err)
		assert.Equal(t, 2*time.Second, time.Since(began), "nobody waits in the pause")
	})
}

// A cache does not grow beyond its limit, and a source with a fault does not end the program.
func TestCacheLimits(t *testing.T) {
	s := &source{}
	s.set(nil, "a")
	c, err := groups.NewCache(s, groups.Options{Users: 10})
	require.NoError(t, err)
	for i := range 1000 {
		list, err := c.Groups(t.Context(), principal.User(fmt.Sprint(i)))
		require.NoError(t, err)
		require.Equal(t, "Group:a", text(list))
	}
	assert.Equal(t, 10, c.Stats().Users)
	c, err = groups.NewCache(broken{}, groups.Options{})
	require.NoError(t, err)
	_, err = c.Groups(t.Context(), principal.User("a"))
	require.ErrorContains(t, err, "has a fault: oh")
	for name, o := range map[string]groups.Options{"negative": {Refresh: -1}, "keep": {Refresh: time.Hour, Keep: time.Minute}, "users": {Users: -1}} {
		_, err := groups.NewCache(s, o)
		require.Error(t, err, name)
	}
	_, err = groups.NewCache(nil, groups.Options{})
	require.Error(t, err)
}

type broken struct{}

func (broken) Groups(context.Context, principal.Principal) ([]principal.Principal, error) {
	panic("oh")
}

// A file is read again when it changes. What cannot be used leaves the last groups in force for a
// time, and then nothing.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "groups.jsonl")
	write := func(text string) {
		t.Helper()
		next := path + ".new"
		require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
		old := time.Now().Add(-time.Hour) // it is not being written
		require.NoError(t, os.Chtimes(next, old, old))
		require.NoError(t, os.Rename(next, path))
	}
	_, err := groups.NewFile(path, 0, 0)
	require.ErrorIs(t, err, os.ErrNotExist)
	write(`{"group":"Group:a","members":["User:alice"]}`)
	const keep = 300 * time.Millisecond
	f, err := groups.NewFile(path, time.Nanosecond, keep)
	require.NoError(t, err)
	ask := func() (string, error) {
		list, err := f.Groups(t.Context(), principal.User("alice"))
		return text(list), err
	}
	expect := func(want string) {
		t.Helper()
		got, err := ask()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	expect("Group:a")
	write(`{"group":"Group:b","members":["User:alice"]}`)
	expect("Group:b")
	require.NoError(t, os.WriteFile(path, []byte(`{"group":"Group:c","members":["User:al`), 0o600)) // in place
	expect("Group:b")
	assert.Zero(t, f.Stats().Failing, "it may be half written")
	write("oh")
	expect("Group:b")
	require.ErrorContains(t, f.Err(), path+":1: expected an object")
	require.Eventually(t, func() bool { _, err := ask(); return err != nil }, 10*time.Second, time.Millisecond)
	assert.True(t, f.Stats().Outdated)
	write(`{"group":"Group:d","members":["User:alice"]}`)
	expect("Group:d")
	assert.Zero(t, f.Stats().Failing)
	require.NoError(t, os.Remove(path))
	expect("Group:d")
	require.Eventually(t, func() bool { _, err := ask(); return err != nil }, 10*time.Second, time.Millisecond)
}

func BenchmarkCache(b *testing.B) {
	s := &source{}
	s.set(nil, "a", "b", "c")
	c, err := groups.NewCache(s, groups.Options{})
	require.NoError(b, err)
	who := principal.User("alice")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Groups(b.Context(), who); err != nil {
			b.Fatal(err)
		}
	}
}
