package workload

import (
	"math/rand/v2"
	"strconv"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Updates returns count different bindings that Flat(n) and Kafka(n) do not have,
// in random order: one in two is on a resource of theirs, the others are on new
// ones. count must not be above 20 times the number of resources.
func Updates(n, count int) []acl.Binding {
	b := benchmark{resources: n / aclsPerResource}
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	old := r.Perm(b.resources * aclsPerResource)[:count/2]
	updates := make([]acl.Binding, count)
	for i := range updates {
		number, a := b.resources+i/2/aclsPerResource, i/2%aclsPerResource
		if i%2 == 0 {
			number, a = old[i/2]/aclsPerResource, old[i/2]%aclsPerResource
		}
		updates[i] = allow(b.pattern(number), "User:"+testUser+strconv.Itoa(a), ops.Write)
	}
	r.Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
	return updates
}

// Updater changes a store, transaction by transaction: it adds its bindings in
// turn and then removes them again. It is not safe for concurrent use.
type Updater struct {
	store   *snapshot.Store
	updates []acl.Binding
	next    int // of 2*len(updates) steps
}

// NewUpdater returns an updater of store, which must hold none of the updates.
func NewUpdater(store *snapshot.Store, updates []acl.Binding) *Updater {
	return &Updater{store: store, updates: updates}
}

// Run publishes one transaction of the next size changes.
func (u *Updater) Run(size int) error {
	return u.store.Update(func(tx *snapshot.Tx) error {
		for range size {
			if b := u.updates[u.next%len(u.updates)]; u.next < len(u.updates) {
				tx.Add(b)
			} else {
				tx.Remove(b)
			}
			u.next = (u.next + 1) % (2 * len(u.updates))
		}
		return nil
	})
}

// Reset takes every binding of the updater out of the store, in one transaction.
func (u *Updater) Reset() error {
	u.next = 0
	return u.store.Update(func(tx *snapshot.Tx) error {
		for _, b := range u.updates {
			tx.Remove(b)
		}
		return nil
	})
}

// ByType is the question of Kafka's benchmark for whether anything of a type may be
// read.
func ByType(s Shape) (snapshot.Subject, ops.Operation, resource.Type) {
	subject := s.Subject
	subject.Host = subject.Host.Next() // 127.0.0.2
	return subject, ops.Read, resource.Topic
}
