package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestAddWithMetadataVersion: acl add refuses what a cluster of that version refuses, and
// changes nothing.
func TestAddWithMetadataVersion(t *testing.T) {
	const refusal = `portcullis: (principal=User:a, host=10.0.0.0/8, operation=READ, permissionType=ALLOW) on ResourcePattern(resourceType=TOPIC, name=t, patternType=LITERAL): ` +
		`invalid host: "10.0.0.0/8" needs metadata version 4.4-IV1, and the cluster has `
	add := func(t *testing.T, host string, more ...string) result {
		path := filepath.Join(t.TempDir(), "acls.txt")
		got := runWith("", append([]string{"acl", "add", "--file", path, "--allow-principal", "User:a", "--allow-host", host, "--operation", "Read", "--topic", "t"}, more...)...)
		if got.status != exitDone {
			assert.NoFileExists(t, path)
		}
		return got
	}
	for _, tt := range []struct {
		host, version string
		status        int
		stderr        string
	}{
		{"10.0.0.0/8", "4.4-IV1", exitDone, "added: 1, removed: 0\n"},
		{"10.0.0.0/8", "4.4", exitDone, "added: 1, removed: 0\n"},
		{"10.0.0.0/8", "4.3", exitError, refusal + "4.3-IV0: expected an address, or \"*\" for all\n"},
		{"10.0.0.0/8", "31", exitError, refusal + "4.4-IV0: expected an address, or \"*\" for all\n"},
		{"10.0.0.1", "4.3", exitDone, "added: 1, removed: 0\n"},
		{"10.0.0.1", "4.9", exitError, "portcullis: --metadata-version: unknown metadata version \"4.9\": expected a version such as 4.4-IV1, a release such as 4.4, or a level from 7\n"},
	} {
		t.Run(tt.host+" at "+tt.version, func(t *testing.T) {
			got := add(t, tt.host, "--metadata-version", tt.version)
			assert.Equal(t, tt.status, got.status)
			assert.Equal(t, tt.stderr, got.stderr)
		})
	}
	assert.Equal(t, exitDone, add(t, "10.0.0.0/8").status, "the newest version has networks")
	refuse(t, "", []string{"acl", "--file", "f", "--remove", "--metadata-version", "4.4", "--topic", "t"}, "portcullis: --metadata-version cannot be given with --remove")
	refuse(t, "", []string{"acl", "remove", "--file", "f", "--metadata-version", "4.4", "--topic", "t"}, "portcullis: --metadata-version has no effect on a removal")
}
