package fuzz_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConformanceFails shows that the replay cannot pass by reading nothing, or by
// not understanding what it reads. It runs this test binary on folders of its own.
func TestConformanceFails(t *testing.T) {
	const good = `{"kind":"principal","input":"User:a","principal":{"type":"User","name":"a","toString":"User:a"}}` + "\n"
	const audited = `{"superUsers":[],"allowEveryoneIfNoAclFound":false,"acls":[],"checks":[{"principal":"Group:x","host":"127.0.0.1","operation":"DESCRIBE",` +
		`"resourceType":"TOPIC","name":"NAME","apiKey":8,"resourceReferenceCount":1,"logIfAllowed":true,"logIfDenied":true,"loggerLevel":"INFO","result":"DENIED",` +
		`"level":"INFO","message":"Principal = Group:x is Denied operation = DESCRIBE from host = 127.0.0.1 on resource = Topic:LITERAL:NAME for request = OffsetCommit ` +
		`with resourceRefCount = 1 based on rule DefaultDeny"}]}` + "\n"
	named := func(name string) map[string]string {
		return map[string]string{"audit.mine.jsonl": strings.ReplaceAll(audited, "NAME", name)}
	}
	for _, tt := range []struct {
		name   string
		files  map[string]string
		passes bool
		says   string
	}{
		{"good row", map[string]string{"parse.mine.jsonl": good}, true, "parse: 1 rows, 1 checks, 0 mismatches"},
		{"two files", map[string]string{"parse.a.jsonl": good, "parse.b.jsonl": good, "README.md": "text"}, true, "parse: 2 rows, 2 checks, 0 mismatches"},
		{"empty folder", nil, false, "nothing was replayed"},
		{"family without a row", map[string]string{"parse.a.jsonl": good, "filter.a.jsonl": "\n"}, false, "filter: no rows"},
		{"unknown family", map[string]string{"parse.a.jsonl": good, "nonsense.a.jsonl": good}, false, `unknown family "nonsense"`},
		{"unreadable row", map[string]string{"parse.a.jsonl": good + "{\n"}, false, "parse.a.jsonl:2: unreadable row"},
		{"unknown kind", map[string]string{"parse.a.jsonl": `{"kind":"nonsense"}`}, false, "unknown kind"},
		{"unknown field", map[string]string{"parse.a.jsonl": `{"kind":"principal","nonsense":1}`}, false, "unreadable row"},
		{"wrong answer", map[string]string{"parse.a.jsonl": strings.ReplaceAll(good, `"name":"a"`, `"name":"b"`)}, false, "1 mismatches"},
		{"name with a quotation mark at its start", named(`\"t`), true, "audit: 1 rows, 2 checks, 0 mismatches"},
		{"name in quotation marks", named(`\"t\"`), true, "audit: 1 rows, 2 checks, 0 mismatches"},
		{"name with a quotation mark inside", named(`a\"t\"`), true, "audit: 1 rows, 2 checks, 0 mismatches"},
		{"another name in the message", map[string]string{"audit.mine.jsonl": strings.Replace(strings.ReplaceAll(audited, "NAME", `\"t`), `LITERAL:\"t`, `LITERAL:t`, 1)}, false, "mismatches"},
		{"not gzip", map[string]string{"parse.a.jsonl.gz": good}, false, "gzip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestConformance$", "-test.v")
			cmd.Env = append(os.Environ(), "PORTCULLIS_VECTORS="+dir)
			out, err := cmd.CombinedOutput()
			assert.Equal(t, tt.passes, err == nil, "passes: %t, want %t and %q; output:\n%s", err == nil, tt.passes, tt.says, out)
			assert.Contains(t, string(out), tt.says, "passes: %t, want %t and %q; output:\n%s", err == nil, tt.passes, tt.says, out)
		})
	}
}
