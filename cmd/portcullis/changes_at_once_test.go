package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestChangesAtOnce: several people, or jobs, change one file at the same time. A change that was
// reported as done is in the file afterwards: a DENY that is lost is a wrong allow, and so is a role
// that comes back after it was deleted.
func TestChangesAtOnce(t *testing.T) {
	const rounds, changes = 60, 4
	for name, tt := range map[string]struct {
		file   string
		change func(path, user string) result
	}{
		"acl": {"acls.txt", func(path, user string) result {
			return runWith("", "acl", "--file", path, "--add", "--deny-principal", "User:"+user, "--operation", "Read", "--topic", "payroll")
		}},
		"iam": {"roles.json", func(path, user string) result {
			return runIAM(path, "", "- rolebinding create --principal User:"+user+" --role SystemAdmin --kafka-cluster-id c")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			require.Equal(t, exitDone, tt.change(path, "first").status)
			for round := range rounds {
				var results [changes]result
				var running sync.WaitGroup
				user := func(i int) string { return fmt.Sprintf("u%d-%d-end", round, i) }
				for i := range changes {
					running.Go(func() { results[i] = tt.change(path, user(i)) })
				}
				running.Wait()
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				done := slices.ContainsFunc(results[:], func(r result) bool { return r.status == exitDone })
				require.True(t, done, "round %d: no change is possible any more: %s", round, results[0].stderr)
				for i := range results {
					if results[i].status == exitDone && !strings.Contains(string(text), "User:"+user(i)) {
						assert.Fail(t, "a change that was reported as done is lost", "round %d: User:%s", round, user(i))
						return
					}
				}
			}
		})
	}
}
