package ops_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
)

var update = flag.Bool("update", false, "write docs/protocol.md, docs/protocol-4.2.md and docs/protocol.json")

// protocolHeader introduces the page; the table provides the sections.
const protocolHeader = `<!-- Rendered from the table in package ops by "go test ./ops -run TestProtocolDocs -update". Do not edit. -->
# What each Kafka request needs

Which questions Kafka %s asks its authorizer about each request, in order, and what a denial does to the response.
Kafka %s is on [another page](%s). The table of all releases as JSON is [protocol.json](protocol.json).

A request passes when no step denies it. The steps are asked in order. A step whose denial is "no error" is enough by
itself: when it allows, the steps that are its fallback are not asked. An *entry* is the part of the response that is about
one topic, group, transactional id or other resource; a step about each topic is asked once for each. Steps that come after a
denial of the whole request, or of their entry, are not asked. At a controller means also: of what a broker forwards to it.
*Not logged* is a denial that Kafka's audit log has at level TRACE only, since the client did not ask for the access.

Errors that depend on no ACL are listed where they decide what a caller may learn: one that comes before the steps is seen
by everybody, one that comes after them only by who was allowed.

`

func TestProtocolDocs(t *testing.T) {
	page := func(r ops.Release, version, other, otherPage string) []byte {
		page := ops.AppendMarkdown(fmt.Appendf(nil, protocolHeader, version, other, otherPage), ops.APIsIn(r)...)
		return append(bytes.TrimRight(page, "\n"), '\n')
	}
	data, err := json.MarshalIndent(ops.APIs(), "", " ")
	require.NoError(t, err)
	for name, want := range map[string][]byte{
		"protocol.md":     page(ops.Kafka44, "4.4.0", "4.2.1", "protocol-4.2.md"),
		"protocol-4.2.md": page(ops.Kafka42, "4.2.1", "4.4.0", "protocol.md"),
		"protocol.json":   append(data, '\n'),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("..", "docs", name)
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, want, 0o644))
			}
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, want, got, "docs/%s differs from the table: run go test ./ops -run TestProtocolDocs -update", name)
		})
	}
}
