package clienttest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

var (
	versionFlag = flag.String("kafka", kafkatest.DefaultVersion, "the version of the broker")
	fullFlag    = flag.Bool("full", false, "run all rows")
	onlyFlag    = flag.String("only", "", "run the rows whose names match this regular expression")
	verboseFlag = flag.Bool("outcomes", false, "print what the clients print")
)

const (
	// runLimit is how long one client may run.
	runLimit = 150 * time.Second
	// atOnce is how many clients run at the same time.
	atOnce = 6
)

// javaFiles are those of the Java programs that every version from 2.8 can compile, and
// newFiles those of the others, with the version.
var (
	javaFiles = []string{"Batch.java", "Transcript.java", "Clients.java", "Tools.java"}
	newFiles  = map[string]string{"NewClients.java": "4.1", "Flow.java": "3.0", "Worker.java": "3.8"}
)

// startJVM starts the Java programs of this package with the clients of a version.
func startJVM(t *testing.T, version string) *kafkatest.JVM {
	t.Helper()
	var files []string
	for _, name := range javaFiles {
		files = append(files, filepath.Join("java", name))
	}
	for name, since := range newFiles {
		if kafkatest.AtLeast(version, since) {
			files = append(files, filepath.Join("java", name))
		}
	}
	slices.Sort(files)
	return kafkatest.StartJVM(t, version, files...)
}

// Kafka's clients do the same through the proxy as straight at the broker.
func TestClients(t *testing.T) {
	kafkatest.Jars(t, *versionFlag) // or skip
	w := startWorld(t, *versionFlag)
	var groups [][]*run
	var all []*run
	for _, r := range chosen(t) {
		var runs []*run
		for _, v := range r.variants(t, *fullFlag) {
			runs = append(runs, newRun(w, r, v, len(all)+len(runs)))
		}
		groups = append(groups, runs)
		all = append(all, runs...)
	}
	require.Less(t, len(all), maxUsers)
	checkCount(t, "clients", judgeAll(t, w, startJVM(t, *versionFlag), groups, all))
}

// judgeAll begins all runs, and compares those of each row.
func judgeAll(t *testing.T, w *world, jvm *kafkatest.JVM, groups [][]*run, all []*run) (compared int) {
	t.Helper()
	w.prepare(t, all)
	for _, x := range all {
		for i := range w.ways {
			x.awaits[i] = start(t, w, jvm, x, w.ways[i])
		}
	}
	for _, runs := range groups {
		t.Run(runs[0].row.name, func(t *testing.T) { compared += judge(t, w, runs) })
	}
	return compared
}

// chosen returns the rows that the flags choose.
func chosen(t *testing.T) []*row {
	t.Helper()
	only, err := regexp.Compile(*onlyFlag)
	require.NoError(t, err)
	var list []*row
	for _, r := range slices.Concat(javaRows, toolRows, toolGroupRows, toolAdminRows, needsRows, franzRows, otherRows()) {
		if (*fullFlag || !r.full) && only.MatchString(r.name) && (r.since == "" || kafkatest.AtLeast(*versionFlag, r.since)) {
			list = append(list, &r)
		}
	}
	return list
}

// checkCount fails the test if fewer runs were compared than the file of counts says.
func checkCount(t *testing.T, what string, compared int) {
	t.Helper()
	t.Logf("%s: %d runs compared with Kafka %s", what, compared, *versionFlag)
	if *onlyFlag != "" {
		return
	}
	set := "small"
	if *fullFlag {
		set = "full"
	}
	text, err := os.ReadFile(filepath.Join("testdata", "counts.tsv"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 4 && f[0] == what && f[1] == set && f[2] == *versionFlag {
			want, err := strconv.Atoi(f[3])
			require.NoError(t, err)
			assert.GreaterOrEqual(t, compared, want, "runs were lost")
			return
		}
	}
	if *versionFlag == kafkatest.DefaultVersion {
		t.Errorf("testdata/counts.tsv has no count of %s, %s, %s", what, set, *versionFlag)
	}
}

// ownJVM begins the command of a tool in a JVM of its own.
var ownJVM = []string{"java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"}

var programs = make(chan struct{}, atOnce)

// start begins a run on a way. What it returns waits for the outcome.
func start(t *testing.T, w *world, jvm *kafkatest.JVM, x *run, way way) func() string {
	t.Helper()
	id := x.own(way)
	class, args := x.row.class, x.arguments(t, w, way, x.row.args)
	if x.row.function != nil {
		return startFunction(x, way)
	}
	if x.row.program != nil {
		return startProgram(x.arguments(t, w, way, x.row.program), x.expand(x.row.stdin, way))
	}
	if x.row.tools != nil {
		class = "Tools"
		for _, tool := range x.row.tools {
			words := x.arguments(t, w, way, tool.words())
			name, err := kafkatest.ToolClass(*versionFlag, words[0])
			require.NoError(t, err)
			if x.row.ownJVM {
				return startProgram(slices.Concat(ownJVM, []string{"-cp", filepath.Join(kafkatest.Jars(t, *versionFlag), "*"), name}, words[1:]), x.expand(tool.stdin, way))
			}
			args = append(args, name, x.expand(tool.stdin, way), strconv.Itoa(len(words)-1))
			args = append(args, words[1:]...)
		}
	}
	jvm.MustCall("Batch", append([]string{"start", id, class}, args...)...)
	return func() string {
		outcome, err := jvm.Call("Batch", "await", id, strconv.Itoa(int(runLimit.Seconds())))
		if err != nil {
			return "the JVM: " + err.Error()
		}
		return outcome
	}
}

// startProgram begins to run a program.
func startProgram(args []string, stdin string) func() string {
	done := make(chan string, 1)
	go func() {
		programs <- struct{}{}
		defer func() { <-programs }()
		ctx, cancel := context.WithTimeout(context.Background(), runLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		var stdout, stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
		err := cmd.Run()
		if cmd.ProcessState == nil {
			done <- err.Error()
			return
		}
		done <- fmt.Sprintf("stdout:\n%s\nstderr:\n%s\nexit status %d\n", &stdout, &stderr, cmd.ProcessState.ExitCode())
	}()
	return func() string { return <-done }
}
