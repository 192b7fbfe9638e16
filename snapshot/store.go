package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/btree"

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
	writing sync.Mutex // held while a transaction runs
	current atomic.Pointer[Snapshot]
}

// NewStore returns an empty store. It is not ready, and so denies everyone but
// super users, until its first transaction: see Config.AwaitInitialLoad. A
// Semantics value that is neither of the constants is taken as Documented.
func NewStore(config Config) *Store {
	if config.Semantics != KafkaExact {
		config.Semantics = Documented
	}
	s := &Store{config: config}
	s.config.SuperUsers = slices.Clone(config.SuperUsers)
	first := &Snapshot{semantics: config.Semantics, superUsers: make(map[string]struct{}, len(config.SuperUsers))}
	for _, p := range config.SuperUsers {
		first.superUsers[p.String()] = struct{}{}
	}
	first.index.keepsBelow = config.Semantics == KafkaExact
	if config.AllowIfNoACL {
		first.defaultTo = DefaultAllow
		first.index.keepsCovered = true
	}
	s.current.Store(first)
	return s
}

// emptySnapshot stands for the zero Store's; nothing changes it.
var emptySnapshot Snapshot

// Load returns the snapshot in force. It is one atomic load.
func (s *Store) Load() *Snapshot {
	if n := s.current.Load(); n != nil {
		return n
	}
	return &emptySnapshot
}

// Session returns a session for subject, of which it keeps no memory. It allocates;
// the first check looks the subject up.
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
// A transaction that adds nothing new and removes nothing publishes nothing, but
// for the first one, which makes the store ready.
//
// Transactions run one after the other. change must not call Update on the same
// store, which would wait for itself for ever, nor keep tx. A transaction of k
// changes costs k times the logarithm of the number of bindings.
func (s *Store) Update(change func(tx *Tx) error) error {
	return s.publish(change, !s.config.AwaitInitialLoad)
}

// CompleteInitialLoad declares the first load complete: from now on the ACLs
// decide. It is needed only with Config.AwaitInitialLoad, and does nothing if the
// store is ready.
//
// Source: Kafka's ClusterMetadataAuthorizer.completeInitialLoad.
func (s *Store) CompleteInitialLoad() {
	// The transaction changes nothing, so it cannot fail.
	_ = s.publish(func(*Tx) error { return nil }, true)
}

func (s *Store) publish(change func(tx *Tx) error, makeReady bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()

	old := s.Load()
	tx := newTx(old)
	defer tx.close()
	if err := change(tx); err != nil {
		return err
	}
	if len(tx.errs) > 0 {
		return errors.Join(tx.errs...)
	}
	makeReady = makeReady && !old.ready
	if !tx.changed && !makeReady {
		return nil
	}
	tx.next.ready = old.ready || makeReady
	tx.next.generation++
	s.current.Store(tx.next)
	return nil
}

// BindingError is a binding that a transaction refused to add.
type BindingError struct {
	Index   int // how many calls of Tx.Add came before
	Binding acl.Binding
	Err     error // an *acl.InvalidError
}

// Error names the binding by its index and says what is wrong with it.
func (e *BindingError) Error() string { return fmt.Sprintf("binding %d: %v", e.Index, e.Err) }

// Unwrap returns Err.
func (e *BindingError) Unwrap() error { return e.Err }

// Tx is a transaction: a private copy of the ACLs, seen by nobody before it is
// published. It is not safe for concurrent use, and must not be used after the
// function it was given to has returned: its methods then panic.
type Tx struct {
	next    *Snapshot
	edit    *edit
	added   int // calls of Add
	changed bool
	errs    []error
}

// degree is the number of children of a node of the ordered set. Somewhat
// arbitrarily chosen: from 16 to 64 the cost of an update hardly changes.
const degree = 32

func newTx(old *Snapshot) *Tx {
	next := *old
	if next.records == nil {
		next.records = btree.NewG(degree, func(a, b *record) bool { return compareRecords(a, b) < 0 })
	} else {
		next.records = next.records.Clone()
	}
	return &Tx{next: &next, edit: &edit{}}
}

func (tx *Tx) close() { tx.next, tx.edit = nil, nil }

// Add adds b and reports whether it was new. Adding it twice is no error. A
// binding whose types, operation or permission are none of an ACL
// ([acl.Binding.ValidateTypes]) is not added, and makes Update fail. Nothing else
// is checked: a name, principal or host that matches nothing does no harm, and the
// log of an earlier Kafka release may hold one. Use [acl.Binding.Validate] where
// ACLs are created.
func (tx *Tx) Add(b acl.Binding) bool {
	index := tx.added
	tx.added++
	if err := b.ValidateTypes(); err != nil {
		tx.errs = append(tx.errs, &BindingError{Index: index, Binding: b, Err: err})
		return false
	}
	return tx.set(b, true)
}

// Remove removes b and reports whether it was there.
func (tx *Tx) Remove(b acl.Binding) bool {
	return b.ValidateTypes() == nil && tx.set(b, false)
}

// RemoveMatching removes every binding that f selects and returns them in the
// order of [acl.Binding.Compare].
func (tx *Tx) RemoveMatching(f acl.Filter) []acl.Binding {
	removed := slices.Collect(tx.next.Matching(f))
	for _, b := range removed {
		tx.set(b, false)
	}
	return removed
}

// Len returns the number of bindings, with the changes made so far.
func (tx *Tx) Len() int { return tx.next.bindings }

func (tx *Tx) set(b acl.Binding, present bool) bool {
	old := tx.next.record(b)
	op, permission := b.Entry.Operation, b.Entry.Permission
	if (old != nil && old.has(op, permission)) == present {
		return false
	}
	from := old
	if from == nil {
		from = recordFor(b, tx.next.index.party(b.Entry.Principal, b.Entry.Host))
	}
	new := from.toggle(op, permission)
	if new != nil {
		tx.next.records.ReplaceOrInsert(new)
	} else {
		tx.next.records.Delete(old)
	}
	tx.next.index.change(tx.edit, old, new)
	if present {
		tx.next.bindings++
	} else {
		tx.next.bindings--
	}
	tx.changed = true
	return true
}
