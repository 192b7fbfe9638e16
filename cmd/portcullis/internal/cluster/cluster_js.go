package cluster

import (
	"context"
	"errors"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/formats"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// errBrowser is the error of everything that needs a connection. A page in a browser has
// none, and the client of a cluster would be most of the size of the playground.
var errBrowser = errors.New("a page in a browser cannot connect to a cluster: paste its ACLs")

// Cluster is a connection to a cluster, which a page in a browser cannot have.
type Cluster struct{}

// State is what a cluster shows of itself. See [Cluster.Read].
type State struct{ formats.Set }

// Connect returns an error.
func (f *Flags) Connect() (*Cluster, error) { return nil, errBrowser }

// Close does nothing.
func (c *Cluster) Close() {}

// Read returns an error.
func (c *Cluster) Read(context.Context) (*State, error) { return nil, errBrowser }

// Semantics returns the documented semantics.
func (s *State) Semantics() snapshot.Semantics { return snapshot.Documented }

// String returns "".
func (s *State) String() string { return "" }
