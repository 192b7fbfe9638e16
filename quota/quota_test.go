package quota_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/quota"
)

func user(name string) quota.Entity   { return quota.Entity{User: quota.Literal(name)} }
func client(name string) quota.Entity { return quota.Entity{ClientID: quota.Literal(name)} }
func both(u, c quota.Part) quota.Entity {
	return quota.Entity{User: u, ClientID: c}
}

func table(t testing.TB, entries ...quota.Entry) *quota.Table {
	t.Helper()
	table, err := quota.New(entries...)
	require.NoError(t, err)
	return table
}

// TestPrecedence: each quota of the list in Find's documentation stands above the next ones.
func TestPrecedence(t *testing.T) {
	alice, app := quota.Literal("alice"), quota.Literal("app")
	order := []quota.Entity{
		both(alice, app), both(alice, quota.Default), {User: alice}, both(quota.Default, app),
		both(quota.Default, quota.Default), {User: quota.Default}, {ClientID: app}, {ClientID: quota.Default},
	}
	for first := range order {
		t.Run(order[first].String(), func(t *testing.T) {
			var entries []quota.Entry
			for i, e := range order[first:] {
				entries = append(entries, quota.Entry{Entity: e, Kind: quota.ConsumerByteRate, Limit: float64(first + i + 1)})
			}
			_, limit, ok := table(t, entries...).Find(quota.ConsumerByteRate, "alice", "app")
			assert.True(t, ok)
			assert.EqualValues(t, first+1, limit)
		})
	}
}

// TestBuckets: who shares a limit.
func TestBuckets(t *testing.T) {
	type row struct {
		name         string
		of           []quota.Entity
		user, client string
		bucket       quota.Bucket
		limited      bool
	}
	for _, row := range []row{
		{"a client id", []quota.Entity{client("app")}, "alice", "app", quota.Bucket{ClientID: "app"}, true},
		{"another client id", []quota.Entity{client("app")}, "alice", "other", quota.Bucket{ClientID: "other"}, false},
		{"a user", []quota.Entity{user("alice")}, "alice", "app", quota.Bucket{User: "alice"}, true},
		{"a user of the default", []quota.Entity{{User: quota.Default}}, "bob", "app", quota.Bucket{User: "bob"}, true},
		{"both", []quota.Entity{both(quota.Literal("alice"), quota.Default)}, "alice", "app", quota.Bucket{User: "alice", ClientID: "app"}, true},
		{"an empty client id", []quota.Entity{both(quota.Literal("alice"), quota.Default)}, "alice", "", quota.Bucket{User: "alice"}, false},
		{"an empty client id, with a quota of client ids", []quota.Entity{{ClientID: quota.Default}}, "alice", "", quota.Bucket{}, false},
		{"a user who is named like the default", []quota.Entity{user("<default>")}, "bob", "app", quota.Bucket{User: "bob"}, false},
		{"nobody", nil, "alice", "app", quota.Bucket{ClientID: "app"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var entries []quota.Entry
			for _, e := range row.of {
				entries = append(entries, quota.Entry{Entity: e, Kind: quota.ProducerByteRate, Limit: 1})
			}
			bucket, _, limited := table(t, entries...).Find(quota.ProducerByteRate, row.user, row.client)
			assert.Equal(t, row.bucket, bucket)
			assert.Equal(t, row.limited, limited)
		})
	}
}

// TestRefusedEntries: what Kafka does not have, with its position.
func TestRefusedEntries(t *testing.T) {
	ip := func(text string) quota.Entity { return quota.Entity{IP: quota.Literal(text)} }
	fine := quota.Entry{Entity: user("alice"), Kind: quota.ProducerByteRate, Limit: 1}
	address := quota.Entry{Entity: ip("10.0.0.1"), Kind: quota.ConnectionCreationRate, Limit: 1}
	other := quota.Entry{Entity: quota.Entity{IP: quota.Default}, Kind: quota.ConnectionCreationRate, Limit: 1}
	for _, row := range []struct {
		name  string
		entry quota.Entry
		want  string
	}{
		{"nobody", quota.Entry{Kind: quota.ProducerByteRate, Limit: 1}, "quota: entry 3 (producer_byte_rate of nobody): no user, client id or address: say whose quota it is"},
		{"the zero entry", quota.Entry{}, "entry 3 (Kind(0) of nobody): no kind of quota"},
		{"an unknown kind", quota.Entry{Entity: user("a"), Kind: 99, Limit: 1}, "no kind of quota"},
		{"no limit", quota.Entry{Entity: user("a"), Kind: quota.ProducerByteRate}, "a limit of 0: it must be above 0"},
		{"no number", quota.Entry{Entity: user("a"), Kind: quota.ProducerByteRate, Limit: math.NaN()}, "a limit of NaN"},
		{"no end", quota.Entry{Entity: user("a"), Kind: quota.ProducerByteRate, Limit: math.Inf(1)}, "a limit of +Inf"},
		{"a user with an address", quota.Entry{Entity: quota.Entity{User: quota.Default, IP: quota.Default}, Kind: quota.ProducerByteRate, Limit: 1}, "an address together with a user or client id"},
		{"connections of a user", quota.Entry{Entity: user("a\x1b"), Kind: quota.ConnectionCreationRate, Limit: 1}, `of user "a\x1b"): this quota is for addresses (ip)`},
		{"bytes of an address", quota.Entry{Entity: ip("10.0.0.1"), Kind: quota.ProducerByteRate, Limit: 1}, "this quota is for users and client ids"},
		{"a host name", quota.Entry{Entity: ip("localhost"), Kind: quota.ConnectionCreationRate, Limit: 1}, `"localhost" is no address`},
		{"twice", quota.Entry{Entity: user("alice"), Kind: quota.ProducerByteRate, Limit: 2}, "a limit of 2, and 1 before for the same"},
		{"an address twice, in another form", quota.Entry{Entity: ip("::ffff:10.0.0.1"), Kind: quota.ConnectionCreationRate, Limit: 2}, "a limit of 2, and 1 before for the same"},
		{"the default twice", quota.Entry{Entity: quota.Entity{IP: quota.Default}, Kind: quota.ConnectionCreationRate, Limit: 2}, "a limit of 2, and 1 before for the same"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := quota.New(fine, address, other, row.entry)
			require.ErrorContains(t, err, row.want)
			var wrong *quota.EntryError
			require.True(t, errors.As(err, &wrong))
			assert.Equal(t, 3, wrong.Index)
			assert.Error(t, errors.Unwrap(wrong))
		})
	}
	assert.Equal(t, 3, table(t, fine, fine, address, address, other, other).Len(), "the same twice is once")
}

// TestConnections: an address, however it is written, and the others.
func TestConnections(t *testing.T) {
	listed := func(text string, limit float64) quota.Entry {
		return quota.Entry{Entity: quota.Entity{IP: quota.Literal(text)}, Kind: quota.ConnectionCreationRate, Limit: limit}
	}
	some := table(t, listed("10.0.0.1", 5), listed("2001:db8::1", 6))
	all := table(t, listed("10.0.0.1", 5), quota.Entry{Entity: quota.Entity{IP: quota.Default}, Kind: quota.ConnectionCreationRate, Limit: 1})
	for _, row := range []struct {
		name    string
		table   *quota.Table
		from    string
		limit   float64
		limited bool
	}{
		{"listed", some, "10.0.0.1", 5, true},
		{"in an IPv6 form", some, "::ffff:10.0.0.1", 5, true},
		{"IPv6", some, "2001:DB8:0::1", 6, true},
		{"with a zone", some, "2001:db8::1%eth0", 6, true},
		{"not listed", some, "10.0.0.2", 0, false},
		{"not listed, with a default", all, "10.0.0.2", 1, true},
		{"listed, with a default", all, "10.0.0.1", 5, true},
		{"no table", nil, "10.0.0.1", 0, false},
		{"the zero table", &quota.Table{}, "10.0.0.1", 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			limit, limited := row.table.Connections(netip.MustParseAddr(row.from))
			assert.Equal(t, row.limit, limit)
			assert.Equal(t, row.limited, limited)
		})
	}
}

// TestNoTable: nobody is limited.
func TestNoTable(t *testing.T) {
	for _, none := range []*quota.Table{nil, {}} {
		for kind := range quota.Kind(10) {
			_, _, limited := none.Find(kind, "alice", "app")
			assert.False(t, limited)
		}
		assert.Zero(t, none.Len())
		tracker := quota.NewTracker(quota.Window{})
		tracker.Set(none)
		assert.Zero(t, tracker.Use(quota.ProducerByteRate, quota.Request{User: "alice"}, 1e12, time.Now()))
		throttle, taken := tracker.Mutate(quota.Request{User: "alice"}, 1e12, true, time.Now())
		assert.Zero(t, throttle)
		assert.True(t, taken)
		assert.Zero(t, tracker.Len())
	}
	limiting := table(t, quota.Entry{Entity: user("alice"), Kind: quota.ProducerByteRate, Limit: 1})
	for kind := range quota.Kind(10) {
		_, _, limited := limiting.Find(kind, "alice", "app")
		assert.Equal(t, kind == quota.ProducerByteRate, limited)
	}
}

// TestRequestPercentage: throttled for one window at most.
func TestRequestPercentage(t *testing.T) {
	tracker := quota.NewTracker(quota.Window{Samples: 5, Size: 2 * time.Second})
	tracker.Set(table(t, quota.Entry{Entity: user("alice"), Kind: quota.RequestPercentage, Limit: 1}))
	now := time.Unix(1_000_000, 0)
	assert.Equal(t, 2*time.Second, tracker.Use(quota.RequestPercentage, quota.Request{User: "alice"}, 1e9, now))
	assert.Zero(t, tracker.Use(quota.ConnectionCreationRate, quota.Request{User: "alice"}, 1e9, now))
}

// TestAllocations: nothing is allocated for a bucket that is known, nor for a client without a limit.
func TestAllocations(t *testing.T) {
	tracker, now := quota.NewTracker(quota.Window{}), time.Unix(1_000_000, 0)
	tracker.Set(table(t, quota.Entry{Entity: both(quota.Literal("alice"), quota.Default), Kind: quota.ProducerByteRate, Limit: 1000},
		quota.Entry{Entity: user("bob"), Kind: quota.ProducerByteRate, Limit: 1000}))
	for _, of := range []quota.Request{{User: "alice", ClientID: "app"}, {User: "bob", ClientID: "app"}, {User: "carol", ClientID: "app"}} {
		tracker.Use(quota.ProducerByteRate, of, 10, now)
		assert.Zero(t, testing.AllocsPerRun(100, func() { tracker.Use(quota.ProducerByteRate, of, 10, now) }), of)
	}
}

// TestGivenBack: an amount that is given back does not count.
func TestGivenBack(t *testing.T) {
	tracker, of, now := quota.NewTracker(quota.Window{}), quota.Request{User: "alice"}, time.Unix(1_000_000, 0)
	tracker.Set(table(t, quota.Entry{Entity: user("alice"), Kind: quota.ConsumerByteRate, Limit: 1000}))
	assert.Equal(t, 10*time.Second, tracker.Use(quota.ConsumerByteRate, of, 20_000, now))
	assert.Zero(t, tracker.Use(quota.ConsumerByteRate, of, -20_000, now))
	assert.Zero(t, tracker.Use(quota.ConsumerByteRate, of, 9_000, now))
}

// TestRate: what is measured, without a limit and when the clock goes back.
func TestRate(t *testing.T) {
	var r quota.Rate
	now, w := time.Unix(1_000_000, 0), quota.Window{Samples: 2, Size: 1}
	assert.Zero(t, r.Measure(quota.Window{}, now))
	for _, limit := range []float64{0, -1, math.NaN()} {
		assert.Zero(t, r.Record(quota.Window{}, limit, 1e6, now))
	}
	assert.Equal(t, 3e5, r.Measure(quota.Window{}, now))
	assert.Positive(t, r.Record(quota.Window{}, 1, 1, now.Add(-time.Hour)))
	var small quota.Rate
	assert.EqualValues(t, time.Duration(math.MaxInt32)*time.Millisecond, small.Record(w, 1e-300, 1e300, now), "a time that Kafka can tell")
}

// TestMillionClientIDs: a user who sends a million client ids takes bounded memory, is throttled as one
// client beyond the first thousand, and harms nobody else.
func TestMillionClientIDs(t *testing.T) {
	const clientIDs = 1_000_000
	tracker, now := quota.NewTracker(quota.Window{}), time.Unix(1_000_000, 0)
	tracker.Set(table(t, quota.Entry{Entity: both(quota.Default, quota.Default), Kind: quota.ProducerByteRate, Limit: 1000},
		quota.Entry{Entity: quota.Entity{ClientID: quota.Default}, Kind: quota.ConsumerByteRate, Limit: 1000}))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	assert.Positive(t, tracker.Use(quota.ProducerByteRate, quota.Request{User: "bob", ClientID: "app"}, 1e6, now))
	throttled := 0
	for i := range clientIDs {
		of := quota.Request{User: "mallory", ClientID: fmt.Sprint(i)}
		if tracker.Use(quota.ProducerByteRate, of, 100, now) > 0 {
			throttled++
		}
		tracker.Use(quota.ConsumerByteRate, of, 100, now)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Greater(t, throttled, clientIDs-2*quota.MaxClientIDs)
	assert.LessOrEqual(t, tracker.Len(), quota.MaxClientIDs+4)
	assert.Positive(t, tracker.Use(quota.ProducerByteRate, quota.Request{User: "bob", ClientID: "app"}, 1, now), "what bob has used is remembered")
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	assert.Less(t, kept, int64(2<<20))
	t.Logf("%d client ids of one user take %d bytes; %d requests throttled", clientIDs, kept, throttled)

	later := now.Add(time.Minute)
	for i := range 3 * quota.MaxClientIDs {
		tracker.Use(quota.ProducerByteRate, quota.Request{User: fmt.Sprint(i)}, 1, later)
		tracker.Use(quota.ProducerByteRate, quota.Request{User: "mallory", ClientID: fmt.Sprint(i)}, 1, later.Add(time.Duration(i)*time.Second))
	}
	assert.Less(t, tracker.Len(), 100, "what is like new is forgotten")
	runtime.KeepAlive(tracker)
}

// TestMaxBuckets: with too many clients at a time, those that were used longest ago are forgotten.
func TestMaxBuckets(t *testing.T) {
	tracker, now := quota.NewTracker(quota.Window{}), time.Unix(1_000_000, 0)
	tracker.Set(table(t, quota.Entry{Entity: quota.Entity{User: quota.Default}, Kind: quota.ProducerByteRate, Limit: 1},
		quota.Entry{Entity: quota.Entity{User: quota.Default}, Kind: quota.ControllerMutationRate, Limit: 1}))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range quota.MaxBuckets + 1000 {
		of := quota.Request{User: fmt.Sprint(i)}
		tracker.Use(quota.ProducerByteRate, of, 1e6, now)
		tracker.Mutate(of, 1e6, false, now)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.LessOrEqual(t, tracker.Len(), quota.MaxBuckets)
	assert.Greater(t, tracker.Len(), quota.MaxBuckets-10)
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	assert.Less(t, kept, int64(50<<20))
	t.Logf("%d buckets take %d bytes each", tracker.Len(), kept/int64(tracker.Len()))
	runtime.KeepAlive(tracker)
}

// TestLongClientIDs: what is kept of a client id does not grow with its length, and long ones are counted
// one by one.
func TestLongClientIDs(t *testing.T) {
	tracker, now := quota.NewTracker(quota.Window{}), time.Unix(1_000_000, 0)
	tracker.Set(table(t, quota.Entry{Entity: both(quota.Default, quota.Default), Kind: quota.ProducerByteRate, Limit: 1000}))
	long := strings.Repeat("x", 32_000)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range quota.MaxClientIDs {
		assert.Zero(t, tracker.Use(quota.ProducerByteRate, quota.Request{User: "mallory", ClientID: long + fmt.Sprint(i)}, 9000, now), i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(2<<20))
	assert.Equal(t, quota.MaxClientIDs, tracker.Len())
	assert.Positive(t, tracker.Use(quota.ProducerByteRate, quota.Request{User: "mallory", ClientID: long + "0"}, 9000, now), "it has used its limit")
	runtime.KeepAlive(tracker)
}

// TestDebtIsRemembered: a client that has taken too many tokens waits until they are back, while others
// come and go.
func TestDebtIsRemembered(t *testing.T) {
	tracker, now := quota.NewTracker(quota.Window{}), time.Unix(1_000_000, 0)
	tracker.Set(table(t, quota.Entry{Entity: quota.Entity{User: quota.Default}, Kind: quota.ControllerMutationRate, Limit: 10}))
	debtor := quota.Request{User: "alice"}
	_, taken := tracker.Mutate(debtor, 110+6000, true, now)
	require.True(t, taken)
	for second := range 599 {
		now = now.Add(time.Second)
		tracker.Mutate(quota.Request{User: fmt.Sprint(second)}, 1, true, now)
	}
	assert.Less(t, tracker.Len(), 60, "others are forgotten meanwhile")
	throttle, taken := tracker.Mutate(debtor, 1, true, now)
	assert.False(t, taken)
	assert.Equal(t, time.Second, throttle)
	_, taken = tracker.Mutate(debtor, 1, true, now.Add(time.Second))
	assert.True(t, taken)
}

const described = `# kafka-configs --describe
Quota configs for user-principal 'alice', client-id 'app' are producer_byte_rate=1024.0, request_percentage=50.5
Quota configs for the default user-principal, the default client-id are consumer_byte_rate=1.0E7

SCRAM credential configs for user-principal 'alice' are SCRAM-SHA-256=iterations=4096
Quota configs for ip '127.0.0.1' are connection_creation_rate=5.0
Quota configs for the default ip are connection_creation_rate=6.0
`

func TestRead(t *testing.T) {
	entries, err := quota.Read(strings.NewReader(described), "")
	require.NoError(t, err)
	of := both(quota.Literal("alice"), quota.Literal("app"))
	assert.Equal(t, []quota.Entry{
		{Entity: of, Kind: quota.ProducerByteRate, Limit: 1024}, {Entity: of, Kind: quota.RequestPercentage, Limit: 50.5},
		{Entity: both(quota.Default, quota.Default), Kind: quota.ConsumerByteRate, Limit: 1e7},
		{Entity: quota.Entity{IP: quota.Literal("127.0.0.1")}, Kind: quota.ConnectionCreationRate, Limit: 5},
		{Entity: quota.Entity{IP: quota.Default}, Kind: quota.ConnectionCreationRate, Limit: 6},
	}, entries)
	all := table(t, entries...)
	assert.Equal(t, 5, all.Len())
	again := maps.Collect(func(yield func(quota.Entry, bool) bool) {
		all.All()(func(e quota.Entry) bool { return yield(e, true) })
	})
	for _, e := range entries {
		assert.True(t, again[e], e)
	}
	for n := range 5 {
		count := 0
		for range all.All() {
			if count++; count > n {
				break
			}
		}
		assert.Equal(t, n+1, count)
	}
}

func TestReadErrors(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"another line", "alice=5", `f:1:1: found line "alice=5", expected a line such as`},
		{"another entity", "Quota configs for topic 'x' are producer_byte_rate=1", `f:1:19: found "topic 'x' are producer_byte_rate=1", expected user-principal, client-id or ip, or the default one`},
		{"no quotes", "Quota configs for user-principal alice are producer_byte_rate=1", "expected a name in quotes"},
		{"no end", "Quota configs for user-principal 'alice are producer_byte_rate=1", "expected the end of the name, a quote"},
		{"a quote in the name", "Quota configs for user-principal 'o'hara' are producer_byte_rate=1", `expected ", " or " are " after a name without quotes in it`},
		{"two users", "Quota configs for user-principal 'a', the default user-principal are producer_byte_rate=1", "found another user-principal, expected one"},
		{"an unknown kind", "\nQuota configs for user-principal 'a' are bytes=1", `f:2:42: found key "bytes", expected one of producer_byte_rate, consumer_byte_rate`},
		{"no number", "Quota configs for user-principal 'a' are producer_byte_rate=x", `found value "x", expected a number`},
		{"nothing", "Quota configs for user-principal 'a' are ", `found key "", expected one of`},
		{"no characters", "Quota configs for user-principal '\xff'", "expected valid UTF-8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := quota.Read(strings.NewReader(row.text), "f")
			require.ErrorContains(t, err, row.want)
			var wrong *acl.ParseError
			assert.True(t, errors.As(err, &wrong))
		})
	}
	_, err := quota.Read(iotest.ErrReader(assert.AnError), "f")
	assert.ErrorIs(t, err, assert.AnError)
}

func TestKinds(t *testing.T) {
	for kind := quota.ProducerByteRate; kind <= quota.ConnectionCreationRate; kind++ {
		parsed, ok := quota.ParseKind(kind.String())
		assert.True(t, ok)
		assert.Equal(t, kind, parsed)
	}
	_, ok := quota.ParseKind("")
	assert.False(t, ok)
	name, ok := quota.Literal("a").Literal()
	assert.Equal(t, "a", name)
	assert.True(t, ok)
	assert.Equal(t, []string{`"a\x1b"`, "<default>", "-"}, []string{quota.Literal("a\x1b").String(), quota.Default.String(), quota.Part{}.String()})
}

// FuzzRead: no text makes Read or New panic; what they accept is found again.
func FuzzRead(f *testing.F) {
	f.Add(described)
	f.Add("Quota configs for client-id 'a' are request_percentage=NaN")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := quota.Read(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		table, err := quota.New(entries...)
		if err != nil {
			return
		}
		for _, e := range entries {
			u, _ := e.Entity.User.Literal()
			c, _ := e.Entity.ClientID.Literal()
			if u != "" && c != "" {
				_, limit, limited := table.Find(e.Kind, u, c)
				assert.True(t, limited)
				assert.Equal(t, e.Limit, limit)
			}
		}
	})
}
