package clienttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// requireClients names the environment variable with which a client in another language
// must be there: without it the client is skipped where what runs it is missing.
const requireClients = "PORTCULLIS_REQUIRE_CLIENTS"

// languageClient is a library in another language, or of another author, with a program
// of this package that uses it.
type languageClient struct {
	name string
	// install makes the program ready in a folder, and returns the words that run it.
	install func(t *testing.T, folder string) []string
	rows    []row // whose programs are the words that follow
}

var languageClients = []languageClient{
	{"sarama", installSarama, saramaRows},
	{"kafkajs", installKafkaJS, kafkaJSRows},
}

// Sarama and kafkajs do the same through the proxy as straight at the broker.
func TestLanguages(t *testing.T) {
	kafkatest.Jars(t, *versionFlag) // or skip
	only, err := regexp.Compile(*onlyFlag)
	require.NoError(t, err)
	w := startWorld(t, *versionFlag)
	number := 0
	for _, client := range languageClients {
		t.Run(client.name, func(t *testing.T) {
			program := client.install(t, t.TempDir())
			var groups [][]*run
			var all []*run
			for _, r := range client.rows {
				if !only.MatchString(r.name) {
					continue
				}
				r.program = append(append([]string{}, program...), r.program...)
				var runs []*run
				for _, v := range r.variants(t, *fullFlag) {
					runs = append(runs, newRun(w, &r, v, number))
					number++
				}
				groups, all = append(groups, runs), append(all, runs...)
			}
			require.Less(t, number, maxUsers)
			checkCount(t, client.name, judgeAll(t, w, nil, groups, all))
		})
	}
}

// installSarama builds the program of the folder sarama.
func installSarama(t *testing.T, folder string) []string {
	t.Helper()
	program := filepath.Join(folder, "sarama")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Env = "sarama", append(os.Environ(), "GOWORK=off") // it is a module of its own
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return []string{program, "{B}", "{U}"}
}

// installKafkaJS installs kafkajs, of the version that the tests with a cluster in the
// same process use as well.
func installKafkaJS(t *testing.T, folder string) []string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv(requireClients) != "" {
				t.Fatalf("%s is set: %v", requireClients, err)
			}
			t.Skipf("kafkajs needs node and npm: %v", err)
		}
	}
	pinned := filepath.Join("..", "clients", "kafkajs")
	for _, file := range []string{filepath.Join(pinned, "package.json"), filepath.Join(pinned, "package-lock.json"), "kafkajs.mjs"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, filepath.Base(file)), text, 0o600))
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	install.Dir = folder
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return []string{"node", filepath.Join(folder, "kafkajs.mjs"), "{B}", "{U}"}
}
