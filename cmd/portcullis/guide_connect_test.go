package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// indentedBlock is a block of code in a list or outside: its indentation, its language, the name of the
// file that it is, and its lines.
var indentedBlock = regexp.MustCompile("(?ms)^( *)```(\\w+)(?: file=(\\S+))?\n(.*?)^ *```$")

// connectGuide runs the commands of docs/guide-connect.md.
type connectGuide struct {
	t *testing.T
	// known is what the guide cannot know: addresses.
	known    *strings.Replacer
	guard    *guarded
	commands int
}

// TestConnectGuide runs the commands of docs/guide-connect.md in their order: against a broker and a
// worker of Kafka 4.4.0 that has two connectors with the names of the guide.
func TestConnectGuide(t *testing.T) {
	guide := readAll(t, "../../docs/guide-connect.md")
	c := startConnectCluster(t)
	everything := allRights()
	needed := runWith("", connectArgs("needs", "-o", "acls")...)
	require.Equal(t, exitDone, needed.status, needed.stderr)
	own, err := acl.Read(strings.NewReader(needed.stdout), "", acl.FormatJSON)
	require.NoError(t, err)
	c.SetACLs(t, slices.Concat(everything, own)...)
	c.start()
	for name, template := range map[string]string{"orders-archive": "file-sink", "customers": "file-source"} {
		require.Eventually(t, func() bool {
			status, _ := c.call(http.MethodPut, "/connectors/"+name+"/config", c.configuration(template, nil))
			return status == http.StatusCreated || status == http.StatusOK
		}, 2*time.Minute, 500*time.Millisecond, "%s is not created", name)
	}
	folder := t.TempDir()
	for _, name := range []string{"worker.properties", "orders-archive.json", "customers.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(readAll(t, acme+"connect/"+name)), 0o600))
	}
	admin := kafkatest.Properties(c.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil))
	g := newGuarded(t)
	for name, text := range map[string]string{"admin.properties": admin, "ca.pem": g.ca.PEM(), "cert.pem": readAll(t, g.path("server.pem")), "key.pem": readAll(t, g.path("server-key.pem"))} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	t.Chdir(folder)
	r := &connectGuide{t: t, guard: g, known: strings.NewReplacer("kafka:9092", c.Bootstrap(kafkatest.Internal), "http://127.0.0.1:8083", c.url)}
	for _, block := range indentedBlock.FindAllStringSubmatch(guide, -1) {
		text := strings.ReplaceAll("\n"+block[4], "\n"+block[1], "\n")[1:]
		switch language, name := block[2], block[3]; {
		case name != "":
			require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		case language == "console":
			for step := range strings.SplitSeq(strings.TrimPrefix(text, "$ "), "\n$ ") {
				command, want, _ := strings.Cut(step, "\n")
				got := strings.ReplaceAll(r.run(command), c.url, "http://127.0.0.1:8083")
				assert.Equal(t, strings.TrimSpace(want), strings.TrimSpace(got), command)
			}
		case language == "sh":
			r.run(strings.TrimSpace(text))
		}
	}
	assert.Equal(t, 14, r.commands, "commands in the guide")
}

// run runs a line of commands with pipes between, and returns what the last one prints. Those of this
// program run in this process.
func (r *connectGuide) run(line string) (text string) {
	r.commands++
	line = r.known.Replace(line)
	if r.guard.url != "" {
		line = strings.ReplaceAll(line, "https://connect.acme.example:8443", r.guard.url)
	}
	for command := range strings.SplitSeq(line, " | ") {
		if !strings.HasPrefix(command, "portcullis ") {
			cmd := exec.CommandContext(r.t.Context(), "sh", "-c", command)
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.Output()
			require.NoError(r.t, err, command)
			text = string(out)
			continue
		}
		args := r.words(command)[1:]
		switch {
		case args[1] == "guard" && slices.Contains(args, "--check"):
			args = append(args, "--allow-readable-secrets") // temporary folders are open to all
		case args[1] == "guard":
			args[slices.Index(args, "--listen")+1] = "127.0.0.1:0"
			r.guard.start(append(args, "--allow-readable-secrets"))
			return ""
		}
		got := runWith(text, args...)
		want := exitDone
		if slices.Contains(args, "-") { // the connectors of the test are not those of the guide
			want = exitDenied
		}
		require.Equal(r.t, want, got.status, "%s: %s%s", command, got.stdout, got.stderr)
		text = got.stdout
	}
	return text
}

// words returns the words of a command as a shell reads them.
func (r *connectGuide) words(command string) []string {
	out, err := exec.CommandContext(r.t.Context(), "sh", "-c", `for word in `+strings.TrimSpace(command)+`; do printf '%s\n' "$word"; done`).Output()
	require.NoError(r.t, err)
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}
