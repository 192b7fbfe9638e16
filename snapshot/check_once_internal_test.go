package snapshot

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestTextOn proves the bounds of the unsafe text: every length up to the buffer is written and
// nothing beyond it, wherever the type ends.
func TestTextOn(t *testing.T) {
	for size := range maxStackText + 3 {
		for _, typeBytes := range []int{0, 1, size / 2, max(size-1, 0)} {
			p := principal.Principal{Type: strings.Repeat("t", typeBytes), Name: strings.Repeat("n", max(size-1-typeBytes, 0))}
			buffer := [maxStackText]byte{}
			text := textOn(&buffer, &p)
			want := p.String()
			require.Equal(t, want[:min(len(want), maxStackText)], text)
			for _, b := range buffer[len(text):] {
				require.Zero(t, b)
			}
		}
	}
}

// TestCheckOnce compares checks without a session with those of a session, in worlds with super
// users, hosts, networks and the default of Kafka, and counts what the short way decided.
func TestCheckOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 0))
	long := "CN=" + strings.Repeat("x", maxStackText)
	names := []string{"alice", "bob", "*", "", long, long[:maxStackText-len("User:")], long[:maxStackText-len("User:")+1]}
	hosts := []string{"*", "10.0.0.1", "10.0.0.2", "::1", "fe80::1", "10.0.0.0/33", "localhost"}
	topics := []string{"a", "ab", "abc", "b", "*", "**"}
	operations := []ops.Operation{ops.Read, ops.Write, ops.Describe, ops.All, ops.Alter}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	checks, once := 0, 0
	for range 300 {
		config := Config{AllowIfNoACL: r.IntN(3) == 0, AwaitInitialLoad: r.IntN(10) == 0, Semantics: []Semantics{Documented, Documented, Documented, KafkaExact44}[r.IntN(4)]}
		if r.IntN(3) == 0 {
			config.SuperUsers = []principal.Principal{principal.User(pick(names[:2]))}
		}
		store := NewStore(config)
		require.NoError(t, store.Update(func(tx *Tx) error {
			for range r.IntN(12) {
				b := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, pick(topics)), Entry: acl.Entry{Principal: "User:" + pick(names), Host: pick(hosts), Operation: operations[r.IntN(len(operations))], Permission: acl.Allow}}
				if r.IntN(3) == 0 {
					b.Entry.Permission = acl.Deny
				}
				if r.IntN(2) == 0 {
					b.Pattern.PatternType = resource.Prefixed
				}
				if r.IntN(60) == 0 {
					b.Entry.Host = "10.0.0.0/8"
				}
				if b.Entry.Principal != "User:" && b.Validate() == nil {
					tx.Add(b)
				}
			}
			return nil
		}))
		n := store.Load()
		for range 200 {
			subject := Subject{Principal: principal.User(pick(names))}
			switch r.IntN(20) {
			case 0:
				subject.Principal = principal.Principal{}
			case 1:
				subject.Principal.Type = "User:x"
			case 2:
				subject.Groups = []principal.Principal{principal.User("bob")}
			}
			if host := pick([]string{"10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "::1", "fe80::1%2", ""}); host != "" {
				subject.Host = netip.MustParseAddr(host)
			}
			op, kind, name := ops.Operation(r.IntN(16)), resource.Type(r.IntN(5)), pick(append(topics, "", "c"))
			_, short := n.checkOnce(&subject, op, kind, name)
			want := store.Session(subject).Check(op, kind, name)
			got := n.Check(subject, op, kind, name)
			if got != want {
				require.Failf(t, "differs", "%+v %v %v %q: %v, a session decides %v", subject, op, kind, name, got, want)
			}
			if checks++; short {
				once++
			}
		}
	}
	t.Logf("%d checks, %d of them the short way", checks, once)
	assert.Greater(t, once, checks/10)
}

// BenchmarkStoreCheck checks without a session, as a service does that has no connections.
func BenchmarkStoreCheck(b *testing.B) {
	for _, size := range []int{1_200, 120_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			store := NewStore(Config{})
			require.NoError(b, store.Update(func(tx *Tx) error {
				for i := range size {
					tx.Add(acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, fmt.Sprint("topic-", i)), Entry: acl.Entry{Principal: fmt.Sprint("User:", i%100), Host: "*", Operation: ops.Read, Permission: acl.Allow}})
				}
				return nil
			}))
			names := make([]string, 4096)
			for i := range names {
				names[i] = fmt.Sprint("topic-", rand.IntN(size)/100*100)
			}
			subject := Subject{Principal: principal.User("0"), Host: netip.MustParseAddr("10.0.0.1")}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !store.Check(subject, ops.Read, resource.Topic, names[i%len(names)]).Allowed() {
					b.Fatal(names[i%len(names)])
				}
			}
		})
	}
}
