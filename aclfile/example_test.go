package aclfile_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// A program keeps its ACLs across a restart.
func Example() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "acls.jsonl")

	store := snapshot.NewStore(snapshot.Config{})
	if err := store.Update(func(tx *snapshot.Tx) error {
		tx.Add(acl.Binding{
			Pattern: resource.PrefixedPattern(resource.Topic, "payments."),
			Entry:   acl.Entry{Principal: "User:billing", Host: acl.WildcardHost, Operation: ops.Write, Permission: acl.Allow},
		})
		return nil
	}); err != nil {
		panic(err)
	}
	if err := aclfile.Save(path, acl.FormatJSON, store.Load().All()); err != nil {
		panic(err)
	}

	restarted := snapshot.NewStore(snapshot.Config{})
	if err := aclfile.Apply(restarted, path, aclfile.ChecksumRequired); err != nil {
		panic(err)
	}
	for b := range restarted.Load().All() {
		fmt.Println(b)
	}
	// Output:
	// (pattern=ResourcePattern(resourceType=TOPIC, name=payments., patternType=PREFIXED), entry=(principal=User:billing, host=*, operation=WRITE, permissionType=ALLOW))
}
