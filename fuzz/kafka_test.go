package fuzz_test

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/stretchr/testify/require"
)

// soakFlag makes the tests against Kafka's classes go on with further seeds.
var soakFlag = flag.Duration("soak", 0, "compare with Kafka's classes for this long in each test, with other seeds than usual")

// kafkaFlag is the version of Kafka that the tests compare with, in place of the usual ones.
var kafkaFlag = flag.String("kafka", "", "compare with the classes of this version of Kafka alone")

// kafkaSeed begins the seeds of all tests against Kafka's classes. Change it to try
// other inputs.
const kafkaSeed = 17_000_000

// startJudge starts a JVM with programs of the folder java. It skips the test where
// there is no Java, unless kafkatest.RequireVariable is set.
func startJudge(t *testing.T, version string, programs ...string) *kafkatest.JVM {
	t.Helper()
	if *kafkaFlag != "" {
		version = *kafkaFlag
	}
	return startJVM(t, version, programs...)
}

// startJudgeSince is startJudge for classes that Kafka has since a release. If an older one is
// to be judged, that release is.
func startJudgeSince(t *testing.T, since string, programs ...string) *kafkatest.JVM {
	t.Helper()
	if *kafkaFlag != "" && !kafkatest.AtLeast(*kafkaFlag, since) {
		return startJVM(t, since, programs...)
	}
	return startJudge(t, since, programs...)
}

func startJVM(t *testing.T, version string, programs ...string) *kafkatest.JVM {
	t.Helper()
	files := []string{"java/Words.java"}
	for _, p := range programs {
		files = append(files, "java/"+p+".java")
	}
	return kafkatest.StartJVM(t, version, files...)
}

// inRounds calls round for the numbers 0 to rounds-1, two at a time, so that one
// round is prepared while the JVM answers another. With -soak it goes on until that
// time is over.
func inRounds(rounds int, round func(n uint64)) {
	deadline := time.Now().Add(*soakFlag)
	numbers := make(chan uint64)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for n := range numbers {
				round(n)
			}
		})
	}
	for n := 0; n < rounds || time.Now().Before(deadline); n++ {
		numbers <- uint64(n)
	}
	close(numbers)
	both.Wait()
}

// callJudge calls a program and returns the parts of its answer, of which there must
// be n.
func callJudge(t *testing.T, jvm *kafkatest.JVM, program, separator string, n int, words []string) []string {
	answer, err := jvm.Call(program, words...)
	if err != nil {
		t.Errorf("%s: %v", program, err)
		return nil
	}
	parts := strings.Split(strings.TrimSuffix(answer, separator), separator)
	if len(parts) != n {
		t.Errorf("%s: %d answers to %d questions", program, len(parts), n)
		return nil
	}
	return parts
}

// TestKafkaIsRequired holds that the tests against Kafka's classes fail, and are not
// skipped, where Java is required and missing.
func TestKafkaIsRequired(t *testing.T) {
	run := func(require string) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKafkaAuthorizer$", "-test.v")
		cmd.Env = []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir(), kafkatest.RequireVariable + "=" + require}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("1")
	require.Error(t, err)
	require.Contains(t, out, "java, javac, mvn")
	out, err = run("")
	require.NoError(t, err, out)
	require.Contains(t, out, "--- SKIP: TestKafkaAuthorizer")
}
