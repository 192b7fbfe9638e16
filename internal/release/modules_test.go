package release_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/portcullis-authz/portcullis"

// programs are modules that nobody imports. That everything they import can be had is enough:
// some need a minute to compile.
var programs = []string{"benchmarks", "examples", "fuzz/linear", "gateway/proxy/clienttest/sarama", "tools"}

// TestModules serves the tree as a module proxy, as if it had been released, and uses it as
// other software would: nothing of the workspace helps, and nothing comes from the network.
// Other modules come from the module cache.
func TestModules(t *testing.T) {
	if testing.Short() {
		t.Skip("builds every module, and what they require, once more")
	}
	world := serveModules(t)

	t.Run("each alone", func(t *testing.T) {
		require.GreaterOrEqual(t, len(world.tags), 15, "modules")
		for _, tag := range world.tags {
			folder, version := path.Split(tag)
			name := path.Join(module, folder)
			t.Run(name, func(t *testing.T) {
				dir := world.consumer(t)
				world.run(t, dir, "go", "get", name+"/...@"+version)
				packages := strings.Fields(world.run(t, dir, "go", "list", name+"/..."))
				require.NotEmpty(t, packages)
				world.run(t, dir, "go", append([]string{"list", "-deps"}, packages...)...)
				if slices.Contains(programs, path.Clean(folder)) {
					return
				}
				packages = slices.DeleteFunc(packages, func(p string) bool { return strings.Contains(p, "/internal/") })
				world.run(t, dir, "go", append([]string{"build"}, packages...)...)
			})
		}
	})

	t.Run("install", func(t *testing.T) {
		world.run(t, t.TempDir(), "go", "install", module+"/cmd/portcullis@"+world.version)
		portcullis := filepath.Join(world.bin, "portcullis")
		assert.Contains(t, world.run(t, "../..", portcullis, "--version"), world.version)
		allowed := world.run(t, "../..", portcullis, "check", "--acls", "examples/acme/acls.txt", "--principal", "User:billing", "--operation", "Write", "--topic", "payments.eu")
		assert.True(t, strings.HasPrefix(allowed, "allowed: "), "it prints %q", allowed)
	})

	// Software of others: each needs several modules, in the same version.
	for name, consumer := range map[string]struct {
		main    string
		needs   []string
		without []string // modules that it must not get
	}{
		"follow":  {"testdata/consumers/follow/main.go", []string{"", "aclfile/watch", "gateway"}, nil},
		"produce": {"testdata/consumers/produce/main.go", []string{"gateway/proxy"}, []string{"go.opentelemetry.io/"}},
		"relay": {"../../examples/relay/main.go", []string{"", "gateway", "gateway/relay"},
			[]string{"go.opentelemetry.io/", "github.com/prometheus/", "github.com/jcmturner/", "github.com/xdg-go/", module + "/gateway/proxy", module + "/principal/krb5"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := world.consumer(t)
			main, err := os.ReadFile(filepath.FromSlash(consumer.main))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), main, 0o600))
			get := []string{"get"}
			for _, need := range consumer.needs {
				get = append(get, path.Join(module, need)+"@"+world.version)
			}
			world.run(t, dir, "go", get...)
			world.run(t, dir, "go", "get", ".") // go.sum
			world.run(t, dir, "go", "build", "-o", filepath.Join(dir, "consumer"), ".")
			assert.FileExists(t, filepath.Join(dir, "consumer"))
			requires, err := os.ReadFile(filepath.Join(dir, "go.mod")) // all modules that it needs something of
			require.NoError(t, err)
			for _, other := range consumer.without {
				assert.NotContains(t, string(requires), other)
			}
		})
	}
}

// moduleWorld is where the modules of the tree can be downloaded, and nothing else can that
// is not in the module cache already.
type moduleWorld struct {
	tags    []string // of a release: the folder of each module, and the version
	version string
	bin     string // where "go install" puts programs
	env     []string
}

func serveModules(t *testing.T) *moduleWorld {
	t.Helper()
	proxy, bin, cache := t.TempDir(), t.TempDir(), t.TempDir()
	run := func(dir string, env []string, args ...string) string {
		return runProgram(t, dir, append(os.Environ(), env...), "go", args...)
	}
	run("../../tools", []string{"GOWORK=off"}, "run", "./modules", "proxy", proxy)
	tags := strings.Fields(run("../../tools", []string{"GOWORK=off"}, "run", "./modules", "list"))

	// From here on nothing is downloaded; what has never been is downloaded now.
	run("../../tools", []string{"GOWORK=off"}, "run", "./modules", "download")
	downloads := filepath.Join(strings.TrimSpace(run("../..", nil, "env", "GOMODCACHE")), "cache", "download")
	return &moduleWorld{
		tags: tags, version: path.Base(tags[0]), bin: bin,
		env: append(os.Environ(), "GOWORK=off", "GOBIN="+bin, "GOMODCACHE="+cache, "GOSUMDB=off", "GOTOOLCHAIN=local",
			"GOPROXY="+fileURL(proxy)+","+fileURL(downloads),
			// The cache of compiled packages does not depend on the folder of a module with -trimpath.
			"GOFLAGS=-modcacherw -trimpath -buildvcs=false"),
	}
}

// consumer makes the folder of a module that requires nothing yet.
func (w *moduleWorld) consumer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	w.run(t, dir, "go", "mod", "init", "example.com/consumer")
	return dir
}

func (w *moduleWorld) run(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	return runProgram(t, dir, w.env, program, args...)
}

// runProgram runs a program that must succeed, and returns what it prints.
func runProgram(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s:\n%s%s", program, strings.Join(args, " "), out, stderr.String())
	return string(out)
}

func fileURL(dir string) string { return "file://" + filepath.ToSlash(dir) }
