package audit_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

var alice = snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}

func update(t testing.TB, store *snapshot.Store, change func(tx *snapshot.Tx)) {
	t.Helper()
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { change(tx); return nil }))
}

// recorder keeps events, or refuses them with its error.
type recorder struct {
	events []audit.Event
	err    error
}

func (r *recorder) Handle(e *audit.Event) error {
	if r.err == nil {
		r.events = append(r.events, *e)
	}
	return r.err
}

func TestLevels(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	for _, test := range []struct {
		call        audit.Call
		name        string
		level       slog.Level
		loggedSince []slog.Level // the levels of an auditor that receive it
	}{
		{audit.Call{}, "a", slog.LevelDebug, []slog.Level{audit.LevelTrace, slog.LevelDebug}},
		{audit.Call{QuietDenied: true}, "a", slog.LevelDebug, []slog.Level{audit.LevelTrace, slog.LevelDebug}},
		{audit.Call{QuietAllowed: true}, "a", audit.LevelTrace, []slog.Level{audit.LevelTrace}},
		{audit.Call{}, "b", slog.LevelInfo, []slog.Level{audit.LevelTrace, slog.LevelDebug, slog.LevelInfo}},
		{audit.Call{QuietAllowed: true}, "b", slog.LevelInfo, []slog.Level{audit.LevelTrace, slog.LevelDebug, slog.LevelInfo}},
		{audit.Call{QuietDenied: true}, "b", audit.LevelTrace, []slog.Level{audit.LevelTrace}},
	} {
		var since []slog.Level
		for _, level := range []slog.Level{audit.LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
			var r recorder
			auditor := audit.Auditor{Handler: &r, Level: level}
			auditor.Session(store, alice).Check(test.call, ops.Read, resource.Topic, test.name)
			if len(r.events) == 1 {
				since = append(since, level)
				got := r.events[0].Level()
				assert.Equal(t, test.level, got, "%+v on %s is logged at %v, want %v", test.call, test.name, got, test.level)
			}
		}
		assert.Equal(t, test.loggedSince, since, "%+v on %s is logged with the levels %v, want %v", test.call, test.name, since, test.loggedSince)
	}
}

func TestEventSaysWhatWasAsked(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("Group:ops", ops.Read, acltest.Topic("a")))
	subject := alice
	subject.Groups = []principal.Principal{{Type: "Group", Name: "ops"}}
	now := time.Unix(1_700_000_000, 0)
	var r recorder
	auditor := audit.Auditor{Handler: &r, Level: audit.LevelTrace, Now: func() time.Time { return now }}
	session := auditor.Session(store, subject)
	call := audit.Call{API: 1, ClientID: "c", CorrelationID: 7, References: 3}
	d := session.Check(call, ops.Describe, resource.Topic, "a")
	any := session.CheckAny(call, ops.Read, resource.Topic)
	byType := call
	byType.References = 0
	want := []audit.Event{
		{Time: now, Subject: subject, Request: snapshot.Request{Operation: ops.Describe, Type: resource.Topic, Name: "a"}, Decision: d, Call: call},
		{Time: now, Subject: subject, Request: snapshot.Request{Operation: ops.Read, Type: resource.Topic}, ByType: true, Decision: any, Call: byType},
	}
	assert.True(t, d.Allowed(), "got %+v\nwant %+v", r.events, want)
	assert.True(t, any.Allowed(), "got %+v\nwant %+v", r.events, want)
	assert.Equal(t, fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", r.events))
}

// An allow that could not be recorded is denied.
func TestUnrecordedIsDenied(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	full := errors.New("disk full")
	var failed []error
	auditor := audit.Auditor{Handler: &recorder{err: full}, Level: slog.LevelDebug, Failed: func(e *audit.Event, err error) {
		failed = append(failed, fmt.Errorf("%s: %w", e.Request.Name, err))
	}}
	session := auditor.Session(store, alice)
	view := session.View(audit.Call{})
	for _, d := range []snapshot.Decision{
		session.Check(audit.Call{}, ops.Read, resource.Topic, "a"), session.CheckAny(audit.Call{}, ops.Read, resource.Topic),
		session.Check(audit.Call{}, ops.Read, resource.Topic, "b"),
		view.Check(ops.Read, resource.Topic, "a"), view.CheckAny(ops.Read, resource.Topic),
	} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			assert.False(t, d.Allowed(), "%v, though it is not recorded", d)
		})
	}
	require.Len(t, failed, 5, "failed")
	assert.EqualError(t, failed[2], "b: disk full", "failed")
	assert.ErrorIs(t, failed[0], full, "failed")
	// Events below the level need no record.
	auditor.Level = slog.LevelInfo
	d := auditor.Session(store, alice).Check(audit.Call{}, ops.Read, resource.Topic, "a")
	assert.True(t, d.Allowed(), "an allow below the level: %v", d)
}

func TestZeroValuesDeny(t *testing.T) {
	var session audit.Session
	var view audit.View
	for _, d := range []snapshot.Decision{
		session.Check(audit.Call{}, ops.Read, resource.Topic, "a"), session.CheckAny(audit.Call{}, ops.Read, resource.Topic),
		session.View(audit.Call{}).Check(ops.Read, resource.Topic, "a"), session.View(audit.Call{}).CheckAny(ops.Read, resource.Topic),
		view.Check(ops.Read, resource.Topic, "a"), view.CheckAny(ops.Read, resource.Topic),
		new(audit.Event).Decision,
	} {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			if d != (snapshot.Decision{}) {
				t.Errorf("a zero value decides %v", d)
			}
		})
	}
	view.Begin(ops.Action{})
	assert.False(t, view.Allowed(ops.Read, resource.Topic, "a"), "the zero View allows")
	assert.False(t, view.AllowedAny(ops.Read, resource.Topic), "the zero View allows")
}

// config returns the configuration of a world.
func config(w refmodel.World) snapshot.Config {
	c := snapshot.Config{SuperUsers: w.SuperUsers, AllowIfNoACL: w.AllowIfNoACL, AwaitInitialLoad: w.Loading}
	if w.Exact {
		c.Semantics = snapshot.KafkaExact
		if w.Networks {
			c.Semantics = snapshot.KafkaExact44
		}
	}
	return c
}

// TestVerdictsAreTheStores: auditing changes no verdict, and reports each one.
func TestVerdictsAreTheStores(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		src := gen.Rapid(rt)
		w := gen.World(src)
		store := acltest.Store(t, config(w), w.ACLs...)
		candidate := acltest.Store(t, snapshot.Config{}, gen.ACLs(src, 5)...)
		var r recorder
		var flips []audit.Flip
		shadow := &audit.Shadow{Candidate: candidate, Report: func(f audit.Flip) { flips = append(flips, f) }}
		full := &audit.Auditor{Handler: &r, Level: audit.LevelTrace, Hits: new(audit.Hits), Shadow: shadow}
		subject, request := gen.Question(src, w.ACLs)
		s := snapshot.Subject{Principal: subject.Principal, Groups: subject.Groups, Host: subject.Host}
		op, typ, name := request.Operation, request.Type, request.Name
		live := store.Session(s)
		want, wantAny := live.Check(op, typ, name), live.CheckAny(op, typ)
		for _, a := range []*audit.Auditor{nil, {}, full} {
			session := a.Session(store, s)
			view := session.View(audit.Call{})
			for _, got := range []snapshot.Decision{session.Check(audit.Call{}, op, typ, name), view.Check(op, typ, name)} {
				if got != want {
					rt.Fatalf("got %v, want %v", got, want)
				}
			}
			if got := session.CheckAny(audit.Call{}, op, typ); got != wantAny {
				rt.Fatalf("by type: got %v, want %v", got, wantAny)
			}
		}
		flipped := candidate.Load().Check(s, op, typ, name).Allowed() != want.Allowed()
		flippedAny := candidate.Load().CheckAny(s, op, typ).Allowed() != wantAny.Allowed()
		expected := 0
		if flipped {
			expected += 2
		}
		if flippedAny {
			expected++
		}
		counts := audit.ShadowCounts{Compared: 3, Flipped: uint64(expected)}
		require.Len(rt, r.events, 3, "%d events, %d flips, %+v, want 3, %d", len(r.events), len(flips), shadow.Counts(), expected)
		require.True(rt, r.events[0].Decision == want, "%d events, %d flips, %+v, want 3, %d", len(r.events), len(flips), shadow.Counts(), expected)
		require.Len(rt, flips, expected, "%d events, %d flips, %+v, want 3, %d", len(r.events), len(flips), shadow.Counts(), expected)
		require.Equal(rt, counts, shadow.Counts(), "%d events, %d flips, %+v, want 3, %d", len(r.events), len(flips), shadow.Counts(), expected)
	})
}

func TestShadowReportsFlips(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Write, acltest.Topic("a")))
	candidate := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topic("b")))
	var flips []string
	shadow := &audit.Shadow{Candidate: candidate, Report: func(f audit.Flip) {
		flips = append(flips, fmt.Sprintf("%v %s: %t, candidate %t", f.Event.Request.Operation, f.Event.Request.Name, f.Event.Decision.Allowed(), f.Candidate.Allowed()))
	}}
	session := (&audit.Auditor{Shadow: shadow}).Session(store, alice)
	for _, op := range []ops.Operation{ops.Read, ops.Write} {
		for _, name := range []string{"a", "b"} {
			session.Check(audit.Call{}, op, resource.Topic, name)
		}
	}
	want := []string{"READ b: false, candidate true", "WRITE a: true, candidate false"}
	assert.Equal(t, want, flips, "flips %q, want %q", flips, want)
	// Updates of the candidate take effect. A candidate that is not loaded denies.
	update(t, candidate, func(tx *snapshot.Tx) { tx.Add(acltest.Allow("User:alice", ops.Write, acltest.Topic("a"))) })
	flips = nil
	d := session.Check(audit.Call{}, ops.Write, resource.Topic, "a")
	assert.True(t, d.Allowed(), "after the update: %v, flips %q", d, flips)
	assert.Nil(t, flips, "after the update: %v, flips %q", d, flips)
	empty := &audit.Shadow{Candidate: snapshot.NewStore(snapshot.Config{})}
	d = (&audit.Auditor{Shadow: empty}).Session(store, alice).Check(audit.Call{}, ops.Read, resource.Topic, "a")
	assert.True(t, d.Allowed(), "with a candidate that is not loaded: %v, %+v", d, empty.Counts())
	assert.Equal(t, uint64(1), empty.Counts().Flipped, "with a candidate that is not loaded")
	d = (&audit.Auditor{Shadow: &audit.Shadow{}}).Session(store, alice).Check(audit.Call{}, ops.Read, resource.Topic, "a")
	assert.True(t, d.Allowed(), "without a candidate: %v", d)
}

// TestEvaluate checks that the flags of the protocol table reach the events.
func TestEvaluate(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Describe, resource.PrefixedPattern(resource.Topic, "a")))
	var r recorder
	auditor := audit.Auditor{Handler: &r, Level: audit.LevelTrace}
	view := auditor.Session(store, alice).View(audit.Call{API: 3, ClientID: "c", CorrelationID: 9})
	outcome := ops.Evaluate(view, &ops.Request{
		Key: 3, Version: 9, Endpoint: ops.Broker, AllowAutoCreate: true, IncludeOperations: true,
		Topics: []ops.Topic{{Name: "a", Exists: true}, {Name: "a-new"}, {Name: "b"}},
	})
	require.Len(t, outcome.Items, 3, "outcome %+v", outcome)
	assert.Equal(t, ops.TopicAuthorizationFailed, outcome.Items[2].Code, "outcome %+v", outcome)
	var got []string
	for _, e := range r.events {
		if e.Request.Operation != ops.Describe && e.Request.Operation != ops.Create && e.Request.Operation != ops.Read {
			continue
		}
		got = append(got, fmt.Sprintf("%v %v %v %s", e.Level(), e.Request.Operation, e.Request.Type, e.Request.Name))
		assert.Equal(t, "c", e.Call.ClientID, "call %+v", e.Call)
		assert.Equal(t, int32(9), e.Call.CorrelationID, "call %+v", e.Call)
		assert.Equal(t, ops.APIKey(3), e.Call.API, "call %+v", e.Call)
		assert.Equal(t, 1, e.Call.References, "call %+v", e.Call)
	}
	want := []string{
		"DEBUG DESCRIBE TOPIC a", "DEBUG DESCRIBE TOPIC a-new", "INFO DESCRIBE TOPIC b",
		"DEBUG-4 CREATE CLUSTER kafka-cluster", "INFO CREATE TOPIC a-new",
		"DEBUG-4 READ TOPIC a", "DEBUG-4 CREATE TOPIC a", "DEBUG-4 DESCRIBE TOPIC a",
	}
	assert.Equal(t, want, got, "events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	_, ok := any(view).(interface {
		ops.Authorizer
		Begin(ops.Action)
	})
	assert.True(t, ok, "a View does not receive the purpose of its questions")
}

// TestTellingIsSafe lets many goroutines share a session with all receivers, and counts
// the events. It is meant for the race detector.
func TestTellingIsSafe(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("a")))
	shadow := &audit.Shadow{Candidate: acltest.Store(t, snapshot.Config{}), Report: func(audit.Flip) {}}
	delivered := 0
	queue := newQueue(t, handlerFunc(func(*audit.Event) error { delivered++; return nil }), 8, audit.WaitWhenFull, nil)
	hits := new(audit.Hits)
	auditor := audit.Auditor{Handler: queue, Level: audit.LevelTrace, Hits: hits, Shadow: shadow}
	session := auditor.Session(store, alice)
	done := make(chan error, 1)
	go func() { done <- queue.Run(t.Context()) }()
	const goroutines, each = 4, 100
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for range each {
				if !session.Check(audit.Call{}, ops.Read, resource.Topic, "a").Allowed() || session.View(audit.Call{}).Allowed(ops.Write, resource.Topic, "a") {
					t.Error("the verdict is not that of the ACLs")
				}
			}
		})
	}
	group.Wait()
	queue.Close()
	assert.NoError(t, <-done)
	counts := audit.ShadowCounts{Compared: 2 * goroutines * each, Flipped: goroutines * each}
	assert.Equal(t, 2*goroutines*each, delivered, "%d events, %+v, %d hits", delivered, shadow.Counts(), hits.Of(acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))))
	assert.Equal(t, counts, shadow.Counts(), "%d events, %+v, %d hits", delivered, shadow.Counts(), hits.Of(acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))))
	assert.Equal(t, uint64(goroutines*each), hits.Of(acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))), "%d events, %+v, %d hits", delivered, shadow.Counts(), hits.Of(acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))))
}

// A session copies its subject: later changes have no effect.
func TestSessionKeepsNoMemory(t *testing.T) {
	store := acltest.Store(t, snapshot.Config{}, acltest.Allow("Group:a", ops.Read, acltest.Topic("a")))
	subject := alice
	subject.Groups = []principal.Principal{{Type: "Group", Name: "a"}}
	var r recorder
	session := (&audit.Auditor{Handler: &r, Level: slog.LevelDebug}).Session(store, subject)
	subject.Groups[0].Name = "b"
	assert.True(t, session.Check(audit.Call{}, ops.Read, resource.Topic, "a").Allowed(), "the events are of %+v", r.events)
	assert.Equal(t, "a", r.events[0].Subject.Groups[0].Name, "the events are of %+v", r.events)
}

// TestRecord: a decision that Live made is reported as the one of Check is: to the handler by its
// level, to the hit counters and to the shadow. An error of the handler is returned.
func TestRecord(t *testing.T) {
	store := snapshot.NewStore(snapshot.Config{})
	subject := snapshot.Subject{Principal: principal.User("a"), Host: netip.MustParseAddr("10.0.0.1")}
	handler := &recorder{}
	shadow := &audit.Shadow{Candidate: snapshot.NewStore(snapshot.Config{SuperUsers: []principal.Principal{subject.Principal}})}
	s := (&audit.Auditor{Handler: handler, Shadow: shadow}).Session(store, subject)
	d := s.Live().Check(ops.Read, resource.Topic, "t")
	require.False(t, d.Allowed())
	question := snapshot.Request{Operation: ops.Read, Type: resource.Topic, Name: "t"}
	require.NoError(t, s.Record(audit.Call{References: 3}, question, false, d))
	require.NoError(t, s.Record(audit.Call{References: 3}, snapshot.Request{Operation: ops.Read, Type: resource.Topic}, true, s.Live().CheckAny(ops.Read, resource.Topic)))
	require.NoError(t, s.Record(audit.Call{QuietDenied: true}, question, false, d), "below the level")
	require.Len(t, handler.events, 2)
	assert.Equal(t, question, handler.events[0].Request)
	assert.Equal(t, 3, handler.events[0].Call.References)
	assert.True(t, handler.events[1].ByType)
	assert.Zero(t, handler.events[1].Call.References)
	handler.err = errors.New("full")
	assert.ErrorIs(t, s.Record(audit.Call{}, question, false, d), handler.err)
	assert.Equal(t, audit.ShadowCounts{Compared: 4, Flipped: 4}, shadow.Counts())

	for _, tt := range []struct {
		auditor *audit.Auditor
		want    bool
	}{
		{nil, false}, {&audit.Auditor{}, false}, {&audit.Auditor{Handler: handler}, true},
		{&audit.Auditor{Handler: handler, Level: slog.LevelWarn}, false}, {&audit.Auditor{Hits: new(audit.Hits)}, true},
	} {
		assert.Equal(t, tt.want, tt.auditor.Session(store, subject).Receives(slog.LevelInfo))
	}
	assert.NoError(t, new(audit.Session).Record(audit.Call{}, question, false, d))
}
