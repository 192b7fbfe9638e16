package snapshot

import (
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/principal"
)

// Config returns the configuration that n decides by. Its super users are sorted by
// their text and without repeats, read back as principal.Parse reads them; a store
// of this configuration gives the same answers. AwaitInitialLoad is false: whether
// the first load is complete, [Snapshot.Ready] reports.
func (n *Snapshot) Config() Config {
	config := Config{Semantics: n.semantics, AllowIfNoACL: n.defaultTo == DefaultAllow, KeepIDs: n.keepsIDs}
	for _, text := range slices.Sorted(maps.Keys(n.superUsers)) {
		if p, err := principal.Parse(text); err == nil { // the text of a principal has a colon
			config.SuperUsers = append(config.SuperUsers, p)
		}
	}
	return config
}
