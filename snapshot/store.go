package snapshot

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Store holds the ACLs in force. It is safe for concurrent use by any number of
// goroutines: readers never wait, writers wait for each other. It must not be
// copied after first use. The zero Store is an empty store with the zero Config:
// it denies everything.
type Store struct {
	config  Config
	writing sync.Mutex  // held while a transaction runs
	recent  recentNames // guarded by writing
	source  string      // what the store follows, or ""; guarded by writing
	current atomic.Pointer[Snapshot]
	waiting waiters // for the next snapshot
}

// NewStore returns an empty store. It is not ready, and so denies everyone but
// super users, until its first transaction: see Config.AwaitInitialLoad. An unknown
// Semantics value counts as Documented.
func NewStore(config Config) *Store {
	if !config.Semantics.isKafkaExact() {
		config.Semantics = Documented
	}
	s := &Store{config: config}
	s.config.SuperUsers = slices.Clone(config.SuperUsers)
	first := &Snapshot{semantics: config.Semantics, superUsers: make(map[string]struct{}, len(config.SuperUsers))}
	for _, p := range config.SuperUsers {
		first.superUsers[p.String()] = struct{}{}
	}
	first.history, first.memo = new(history), newAnyMemo()
	first.keepsIDs = config.KeepIDs
	first.index.keepsBelow = config.Semantics.isKafkaExact()
	if config.AllowIfNoACL {
		first.defaultTo = DefaultAllow
		first.index.keepsCovered = true
	}
	s.current.Store(first)
	return s
}

// emptySnapshot is the snapshot of a zero Store. It never changes.
var emptySnapshot Snapshot

// Load returns the snapshot in force. It is one atomic load.
func (s *Store) Load() *Snapshot {
	if n := s.current.Load(); n != nil {
		return n
	}
	return &emptySnapshot
}

// begin returns the snapshot in force. For a zero Store it makes the first one.
func (s *Store) begin() *Snapshot {
	if n := s.current.Load(); n != nil {
		return n
	}
	s.current.CompareAndSwap(nil, &Snapshot{history: new(history)})
	return s.current.Load()
}

// Session returns a session for subject. It copies what it needs of subject, and allocates.
// The first check looks the subject up.
func (s *Store) Session(subject Subject) *Session {
	return &Session{store: s, identity: s.Load().identify(&subject)}
}

// Check is [Snapshot.Check] on the snapshot in force.
func (s *Store) Check(subject Subject, op ops.Operation, t resource.Type, name string) Decision {
	return s.Load().Check(subject, op, t, name)
}

// Update runs change on a transaction and, if it returns nil and every binding it
// added was valid, publishes the result as one snapshot: readers see all of it or
// none of it. Otherwise nothing changes, and the error is the one that change
// returned or one [*BindingError] for each invalid binding, joined. A panic in
// change changes nothing either.
//
// A transaction that changes nothing publishes nothing, except the first one, which makes the
// store ready.
//
// Transactions run one after the other. change must not call Update on the same store, which
// would wait for itself forever, and must not keep tx. A transaction of k changes costs k
// times the logarithm of the number of bindings. For each principal and host whose PREFIXED
// patterns change, it also costs one step for each length that these patterns have. One
// transaction in a few thousand changes takes a few milliseconds more: it sorts the changes
// since the last search (see [Snapshot.Matching]).
//
// If the store follows a source ([Store.Follow]), Update does not run change, and the error is a
// [*RefusedError].
func (s *Store) Update(change func(tx *Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.source != "" {
		return &RefusedError{Code: ops.PolicyViolation, Source: s.source}
	}
	return s.publish(change, !s.config.AwaitInitialLoad)
}

// Follow makes source the only one that changes the ACLs of the store, and returns the function
// that does so: it is [Store.Update] for the program that follows the source. From now on all other
// writes are refused with a [*RefusedError]: Update, UpdateIf, Replace, Create and Delete. What
// they wrote would be lost, DENY entries too, when the source changes next.
//
// For the same reason Follow returns an error if the store has ACLs already, or follows another
// source. So call it before anything else fills the store. It may be called again with the same
// source. A store follows its source for as long as it exists.
//
// source names the source in errors, such as "the file /etc/acls.txt". It must not be empty.
func (s *Store) Follow(source string) (update func(change func(tx *Tx) error) error, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case source == "":
		return nil, errors.New("the source of a store has no name")
	case s.source != "" && s.source != source:
		return nil, fmt.Errorf("the store follows %s, and cannot follow %s too: each would drop the ACLs of the other", s.source, source)
	case s.source == "" && s.begin().bindings > 0:
		return nil, fmt.Errorf("the store has ACLs from elsewhere, which would be lost if it followed %s: follow it with a new store", source)
	}
	s.source = source
	return func(change func(tx *Tx) error) error {
		s.writing.Lock()
		defer s.writing.Unlock()
		return s.publish(change, !s.config.AwaitInitialLoad)
	}, nil
}

// UpdateIf is [Store.Update] on condition that generation is still the one in force. Otherwise
// it does not run change, and the error is a [*ConflictError].
func (s *Store) UpdateIf(generation uint64, change func(tx *Tx) error) error {
	return s.Update(func(tx *Tx) error {
		if current := tx.next.generation; current != generation {
			return &ConflictError{Expected: generation, Current: current}
		}
		return change(tx)
	})
}

// Replace makes the bindings of list the only ones, in one transaction: see [Tx.Replace] for
// what it does, and [Store.Update] for errors.
func (s *Store) Replace(list iter.Seq[acl.Binding]) error {
	return s.Update(func(tx *Tx) error {
		tx.Replace(list)
		return nil
	})
}

// ConflictError says that the ACLs have changed since a transaction was prepared. Load the
// snapshot in force and prepare it again.
type ConflictError struct {
	Expected uint64 // the generation that the caller asked for
	Current  uint64 // the generation in force
}

// Error names both generations.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("conflict: the ACLs are at generation %d, expected %d: load them again", e.Current, e.Expected)
}

// CompleteInitialLoad says that the first load is complete: from now on the ACLs decide. It is
// needed only with Config.AwaitInitialLoad. If the store is ready, it does nothing.
//
// Source: Kafka's ClusterMetadataAuthorizer.completeInitialLoad.
func (s *Store) CompleteInitialLoad() {
	s.writing.Lock()
	defer s.writing.Unlock()
	// The transaction changes nothing, so it cannot fail.
	_ = s.publish(func(*Tx) error { return nil }, true)
}

// publish runs a transaction. The caller holds s.writing.
func (s *Store) publish(change func(tx *Tx) error, makeReady bool) error {
	old := s.begin()
	tx := newTx(old, &s.recent)
	defer tx.close()
	if err := change(tx); err != nil {
		return err
	}
	if len(tx.errs) > 0 {
		return errors.Join(tx.errs...)
	}
	makeReady = makeReady && !old.ready
	if tx.changes == 0 && !makeReady && tx.next.semantics == old.semantics {
		return nil
	}
	tx.finish()
	tx.next.ready = old.ready || makeReady
	tx.next.generation++
	tx.next.mustVerify()
	tx.next.history.add(tx.next.generation, &tx.log)
	s.recent.add(tx.log.changes)
	s.current.Store(tx.next)
	s.waiting.wake()
	return nil
}

// BindingError says why a transaction refused to add a binding.
type BindingError struct {
	Index   int // the number of calls of Tx.Add and Tx.AddID before this one
	Binding acl.Binding
	Err     error // an *acl.InvalidError, or that the store keeps no ids
}

// Error names the binding by its index and says what is wrong with it.
func (e *BindingError) Error() string { return fmt.Sprintf("binding %d: %v", e.Index, e.Err) }

// Unwrap returns Err.
func (e *BindingError) Unwrap() error { return e.Err }
