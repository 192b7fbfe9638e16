package proxy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/role"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// roleFlags are the flags of role bindings.
type roleFlags struct{ file, cluster *cli.Once }

func (r *roleFlags) add(cmd *cobra.Command) {
	r.file = cli.OnceFlag(cmd, "roles", "", "`file` of role bindings, as iam keeps it, whose ACLs count too")
	r.cluster = cli.OnceFlag(cmd, "kafka-cluster", "", "`id` of the Kafka cluster whose role bindings count, or its name in the file of roles")
}

// rolesPoll is how often the files of ACLs and of roles are looked at. They are read once they
// have not changed between two looks, so that none is read that is half written.
const rolesPoll = time.Second

// rolesRetries is after how many looks files are read again that could not be put in force, and have
// not changed since: the reason may be gone, such as a lack of file descriptors.
const rolesRetries = 10

// bound is the ACLs of a file of role bindings, and those of a file of ACLs if there is one. Both
// are put in force together.
type bound struct {
	acls, roles, cluster string // acls may be ""
	update               func(func(tx *snapshot.Tx) error) error

	mu          sync.RWMutex
	now, before *role.Policy // before is for events of decisions that were made just before a change
}

// newBound makes the store follow the files, unless the cluster is embedded: then clients change
// the ACLs in the store, and the files are where they begin.
func (p *command) newBound(store *snapshot.Store) (*bound, error) {
	b := &bound{acls: p.acls.Text, roles: p.roles.file.Text, cluster: p.roles.cluster.Text, update: store.Update}
	if p.embedded {
		return b, nil
	}
	var err error
	b.update, err = store.Follow("the files " + cli.JoinPrintable(b.sources()))
	return b, err
}

// mayBeEmpty reports whether a file of roles without any binding of the cluster is put in force. At
// the start the likely reason is another id of the cluster. Later it is that the last binding was
// taken away, if the file has a checksum: then somebody has saved it like that.
func (b *bound) mayBeEmpty() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, err := os.Lstat(b.roles + ".sum")
	return b.now != nil && err == nil
}

// load puts the ACLs of the files in force, or returns an error and changes nothing.
func (b *bound) load() error {
	policy, err := aclset.ReadPolicy(b.roles, b.cluster, b.mayBeEmpty(), "once there was one, a file that iam has saved with its checksum")
	if err != nil {
		return err
	}
	var list []acl.Binding
	if b.acls != "" {
		if list, err = aclfile.Load(b.acls, aclfile.ChecksumOptional); err != nil {
			return err
		}
	}
	list = slices.AppendSeq(list, policy.ACLs())
	b.mu.Lock()
	old := b.before
	b.now, b.before = policy, b.now
	b.mu.Unlock()
	err = b.update(func(tx *snapshot.Tx) error {
		tx.Replace(slices.Values(list))
		return nil
	})
	if err != nil {
		b.mu.Lock()
		b.now, b.before = b.before, old
		b.mu.Unlock()
	}
	return err
}

// origins returns where an ACL comes from, for audit events.
func (b *bound) origins(a acl.Binding) (texts []string) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, policy := range []*role.Policy{b.now, b.before} {
		if policy == nil {
			continue
		}
		for _, from := range policy.Sources(a) {
			texts = append(texts, from.Origin())
		}
		if texts != nil {
			return texts
		}
	}
	return nil
}

// bindings returns the number of role bindings in force.
func (b *bound) bindings() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.now.Len()
}

// files are those that are looked at, with their checksums.
func (b *bound) files() []string {
	if b == nil {
		return nil
	}
	var files []string
	for _, file := range b.sources() {
		files = append(files, file, file+".sum")
	}
	return files
}

// sources are the files without their checksums.
func (b *bound) sources() []string {
	if b.acls == "" {
		return []string{b.roles}
	}
	return []string{b.acls, b.roles}
}

// run puts changed files in force until ctx is done. seen is what they were when they were loaded.
func (b *bound) run(ctx context.Context, seen []stamp, poll time.Duration, report func(error)) {
	whenChanged(ctx, b.files(), seen, poll, b.load, report)
}

// whenChanged calls load for each change of the files, and report with what it returns, until ctx is
// done. seen is what they were when they were loaded. What failed is tried again, since the file may be
// right and something else was not.
func whenChanged(ctx context.Context, files []string, seen []stamp, poll time.Duration, load func() error, report func(error)) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	var last []stamp // of a change that was seen and not read yet
	failed := 0      // looks since the files could not be put in force
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch {
		case last == nil && !changed(seen):
			if failed == 0 {
				continue
			}
			if failed++; failed%rolesRetries == 0 && load() == nil { // the error is reported already
				failed = 0
				report(nil)
			}
		case last == nil || changed(last):
			last = stampsOf(files)
		default:
			seen, last, failed = last, nil, 0
			err := load()
			if err != nil {
				failed = 1
			}
			report(err)
		}
	}
}

// describe says what is configured, for --check.
func (b *bound) describe() string {
	return fmt.Sprintf("%d role bindings of the cluster %s in %s", b.bindings(), b.now.Cluster(), cli.FileName(b.roles))
}
