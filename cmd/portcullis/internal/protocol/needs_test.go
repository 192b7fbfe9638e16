package protocol

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Every name in the needs of a client can be replaced by a flag, or is the cluster's.
func TestNeedNamesAreThoseOfTheClients(t *testing.T) {
	needed := map[string]bool{resource.ClusterName: true}
	for _, c := range ops.Clients() {
		for _, g := range c.Needs() {
			needed[g.Name] = true
		}
	}
	named := map[string]bool{resource.ClusterName: true}
	for _, f := range needNames {
		named[f.standsFor] = true
	}
	assert.Equal(t, needed, named)
}
