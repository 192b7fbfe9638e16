package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/program"
)

const (
	exitDone   = program.ExitDone
	exitDenied = program.ExitDenied
	exitError  = program.ExitError
)

// TestMain lets the scripts run the program as a separate process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"portcullis": main})
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EXAMPLES", examples)
			return nil
		},
	})
}

// result is the output and the exit status of a run of the program.
type result struct {
	status         int
	stdout, stderr string
}

func runWith(stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	status := run(args, strings.NewReader(stdin), &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// expect fails the test unless the program ends with this status and writes
// exactly this. With status 2 it writes only to standard error.
func expect(t *testing.T, status int, stdout, stderr, stdin string, args ...string) {
	t.Helper()
	got := runWith(stdin, args...)
	assert.Equal(t, status, got.status, "portcullis %q", args)
	assert.Equal(t, stdout, got.stdout, "portcullis %q", args)
	assert.Equal(t, stderr, got.stderr, "portcullis %q", args)
}

// refuse fails the test unless the program ends with status 2 and exactly these
// lines on standard error.
func refuse(t *testing.T, stdin string, args []string, lines ...string) {
	t.Helper()
	expect(t, exitError, "", strings.Join(lines, "\n")+"\n", stdin, args...)
}

// file writes a file for one test and returns its name.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

const acme = "../../examples/acme/"

func TestUsage(t *testing.T) {
	const (
		noValue = `portcullis: invalid argument "false" for "--cluster" flag: takes no value: give the flag alone, or omit it: see portcullis `
	)
	for line, want := range map[string]string{
		"":                                    "portcullis: no command is given: see portcullis --help",
		"chekc":                               `portcullis: unknown command "chekc" for "portcullis": did you mean check?`,
		"list --nonsense":                     "portcullis: unknown flag: --nonsense: see portcullis list --help",
		"list acls.txt":                       `portcullis: unknown command "acls.txt" for "portcullis list"`,
		"help nonsense":                       `portcullis: unknown command "nonsense" for "portcullis"`,
		"help list nonsense":                  `portcullis: unknown command "nonsense" for "portcullis list"`,
		"help acl nonsense":                   `portcullis: unknown command "nonsense" for "portcullis acl"`,
		"list --acls EMPTY":                   `portcullis: --acls "": expected a file, or - for standard input`,
		"check --acls ACME --questions EMPTY": `portcullis: --questions "": expected a file, or - for standard input`,
		// Without the cluster there would be no filter, and all ACLs would be listed.
		"list --cluster=false":           noValue + "list --help",
		"acl list --cluster=false":       noValue + "acl list --help",
		"acl add --cluster=false":        noValue + "acl add --help",
		"acl lits --file x":              `portcullis: unknown command "lits" for "portcullis acl": did you mean list?`,
		"help chekc":                     `portcullis: unknown command "chekc" for "portcullis": did you mean check?`,
		"list --formta x":                "portcullis: unknown flag: --formta: did you mean --format? see portcullis list --help",
		"list --acl x":                   "portcullis: unknown flag: --acl: did you mean --acls? see portcullis list --help",
		"list --acls ACME kafka-cluster": `portcullis: unknown command "kafka-cluster" for "portcullis list"`,
		"list --acls ACME --cluster x":   `portcullis: unknown command "x" for "portcullis list"`,
		"list --acls ACME --cluster=x":   `portcullis: invalid argument "x" for "--cluster" flag: takes no value: give the flag alone, or omit it: see portcullis list --help`,
		"report --acls ACME":             "portcullis: --html is missing: see portcullis report --help",
		"convert --acls ACME":            "portcullis: --to is missing: see portcullis convert --help",
		"version -o xml":                 `portcullis: --output "xml": expected text or json`,
		"list --acls no-such-file":       "portcullis: open no-such-file: no such file or directory",
		"list --acls ACME --format yaml": `portcullis: --format "yaml": expected one of auto, kafka-acls, kafka-acls-3, json, zookeeper, strimzi, rpk, ksm, kafka-ui`,
		"list --acls ACME -o yaml":       `portcullis: --output "yaml": expected text or json`,
		"list --acls - --acls -":         "portcullis: standard input (-) can be read only once: use files for the other inputs",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(line)
			for i, word := range args {
				args[i] = map[string]string{"EMPTY": "", "ACME": acme + "acls.txt"}[word]
				if word != "EMPTY" && word != "ACME" {
					args[i] = word
				}
			}
			refuse(t, "", args, want)
		})
	}
}

// Commands that need ACLs say so together with the other flags that are missing.
func TestMissingACLs(t *testing.T) {
	for line, others := range map[string]int{"check": 3, "list": 0, "explain": 3, "who-can": 2, "what-can": 1, "lint": 0, "diff": 1, "report": 1, "convert": 1, "report --html -": 0, "convert --to json": 0} {
		t.Run(line, func(t *testing.T) {
			got := runWith("", strings.Fields(line)...)
			assert.Equal(t, exitError, got.status)
			assert.Empty(t, got.stdout)
			name, _, _ := strings.Cut(line, " ")
			assert.Contains(t, got.stderr, "portcullis: no ACLs are given: expected --acls, --roles or --bootstrap-server: see portcullis "+name+" --help\n")
			assert.Equal(t, 1+others, strings.Count(got.stderr, "\n"), got.stderr)
		})
	}
}

func TestHelpVersionAndCompletion(t *testing.T) {
	for _, line := range []string{"--help", "help", "help check", "help acl add", "check --help", "list -h", "principal --help", "protocol --help",
		"explain --help", "who-can --help", "what-can --help", "lint --help", "diff --help", "suggest --help", "report --help", "proxy --help", "--version", "version", "version -o json", "completion bash"} {
		t.Run(line, func(t *testing.T) {
			got := runWith("", strings.Fields(line)...)
			assert.Equal(t, exitDone, got.status)
			assert.NotEmpty(t, got.stdout)
			assert.Empty(t, got.stderr)
		})
	}
	for line, want := range map[string]string{
		"check --operation": "DescribeConfigs\n", "check --semantics": "kafka-exact=4.2\n", "check --format": "kafka-acls-3\n", "check --output": "json\n",
		"help acl": "add\t", "protocol": "Fetch\n", "protocol --for": "connect-worker\n",
	} {
		t.Run("complete "+line, func(t *testing.T) {
			args := append([]string{"__complete"}, strings.Fields(line)...)
			assert.Contains(t, runWith("", append(args, "")...).stdout, want)
		})
	}
}

type failingWriter struct{}

var errFull = errors.New("no space left")

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

// An answer that is not written must not look like an allow.
func TestOutputThatFails(t *testing.T) {
	for _, args := range [][]string{
		{"check", "--acls", acme + "acls.txt", "--principal", "User:billing", "--operation", "Write", "--topic", "payments.eu"},
		{"list", "--acls", acme + "acls.txt"},
		{"convert", "--acls", acme + "acls.txt", "--to", "json"},
		{"convert", "--acls", acme + "acls.txt", "--to", "rpk"},
		{"principal", "--dn", "CN=a"},
		{"principal", "--dn", "CN=a", "-o", "json"},
		{"principal", "--dn", "CN=a", "--ssl-rules", ""},
		{"protocol"},
		{"protocol", "--for", "producer"},
		{"explain", "--acls", acme + "acls.txt", "--principal", "User:billing", "--operation", "Write", "--topic", "payments.eu"},
		{"who-can", "--acls", acme + "acls.txt", "--operation", "Read", "--topic", "payments.eu"},
		{"what-can", "--acls", acme + "acls.txt", "--principal", "User:billing"},
		{"lint", "--acls", acme + "acls.txt"},
		{"diff", "--acls", acme + "acls.txt", "--new-semantics", "kafka-exact"},
		{"suggest", "--trace", acme + "kafka-authorizer.log"},
		{"report", "--acls", acme + "acls.txt", "--html", "-"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			var stderr bytes.Buffer
			assert.Equal(t, exitError, run(args, strings.NewReader(""), failingWriter{}, &stderr))
			assert.Equal(t, "portcullis: no space left\n", stderr.String())
		})
	}
}

// Errors escape the command line: flags, and names of files, which can come from a pattern
// of the shell.
func TestErrorsAreEscaped(t *testing.T) {
	odd := "a\u202e\x1b[31m\u009b"
	const escaped = `a\u202e\x1b[31m\u009b`
	refuse(t, "", []string{"list", "--acls", odd}, "portcullis: open "+escaped+": no such file or directory")
	refuse(t, "", []string{"list", "--" + odd}, "portcullis: unknown flag: --"+escaped+": see portcullis list --help")
	name := filepath.Join(t.TempDir(), odd)
	require.NoError(t, os.WriteFile(name, []byte("{\n"), 0o600))
	var stderr strings.Builder
	assert.Equal(t, exitError, run([]string{"list", "--acls", name, "--format", "json"}, nil, io.Discard, &stderr))
	assert.Contains(t, stderr.String(), escaped)
	assert.False(t, strings.ContainsAny(stderr.String(), "\u202e\x1b\u009b"), "%q", stderr.String())
}
