package kafkatest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Sources holds the Java programs of this package. Each file compiles together with
// only Helper.java.
//
//go:embed java/*.java
var Sources embed.FS

// toolLimit is how long a command-line tool of Kafka may run.
const toolLimit = 5 * time.Minute

// Compile compiles Java files against the jars of a version of Kafka, and returns a
// class path with both. The classes are cached until a file changes. A name without a
// folder is a file in [Sources]; any other is a path on disk.
func Compile(t testing.TB, version string, files ...string) string {
	t.Helper()
	lib := Jars(t, version)
	classes, err := compile(version, lib, files)
	if err != nil {
		t.Fatal(err)
	}
	return classes + string(os.PathListSeparator) + classPath(lib)
}

func compile(version, lib string, files []string) (string, error) {
	sum := sha256.New()
	texts := map[string][]byte{}
	for _, file := range files {
		var text []byte
		var err error
		if filepath.Base(file) == file {
			text, err = fs.ReadFile(Sources, "java/"+file)
		} else {
			text, err = os.ReadFile(file)
		}
		if err != nil {
			return "", fmt.Errorf("kafkatest: Java program: %w", err)
		}
		texts[filepath.Base(file)] = text
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(file), len(text), text)
	}
	return cached(filepath.Join("classes", version+"-"+hex.EncodeToString(sum.Sum(nil)[:8])), func(folder string) error {
		args := []string{"-encoding", "UTF-8", "-nowarn", "-cp", filepath.Join(lib, "*"), "-d", folder}
		for name, text := range texts {
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				return err
			}
			args = append(args, path)
		}
		result, err := run("javac", args, nil, nil, toolLimit)
		if err == nil && result.Status != 0 {
			err = errors.New(result.String())
		}
		if err != nil {
			return fmt.Errorf("kafkatest: compile against Kafka %s: %w", version, err)
		}
		return nil
	})
}

// quick makes programs of tests start faster: they end before the second compiler pays. It
// takes more time than a broker has for its work in its first minutes.
var quick = []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"}

// quiet limits the log of clients and tools to warnings, on standard error.
const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

// JavaWithin runs a Java class until it ends, for so long at most. files are as for [Compile];
// args are options of the JVM, if any, the name of the class, and its arguments.
func JavaWithin(t testing.TB, limit time.Duration, version string, files []string, stdin string, args ...string) Result {
	t.Helper()
	classes := Compile(t, version, files...)
	result, err := run("java", slices.Concat(quick, []string{quiet, "-Xmx256m", "-cp", classes}, args), nil, strings.NewReader(stdin), limit)
	if err != nil {
		t.Fatalf("java %q: %v\n%v", args, err, result)
	}
	return result
}

// Tool runs a command-line tool of Kafka, such as "kafka-topics", like the script of
// that name in Kafka's bin folder. It returns the output of the tool and its exit
// status. version is that of the jars, which may differ from that of the brokers.
func Tool(t testing.TB, version, stdin, tool string, args ...string) Result {
	t.Helper()
	class, err := ToolClass(version, tool)
	if err != nil {
		t.Fatal(err)
	}
	lib := Jars(t, version)
	jvm := slices.Concat(quick, []string{quiet, "-Xmx256m", "-cp", classPath(lib), class}, args)
	result, err := run("java", jvm, nil, strings.NewReader(stdin), toolLimit)
	if err != nil {
		t.Fatalf("%s %q: %v\n%v", tool, args, err, result)
	}
	return result
}

// tools lists the classes of each tool, with the first version that has the class,
// newest first. It is data: the packages of one tool tell nothing about those of another.
var tools = map[string][]struct{ since, class string }{
	"kafka-acls":                      {{"4.0", "org.apache.kafka.tools.AclCommand"}, {"0", "kafka.admin.AclCommand"}},
	"kafka-broker-api-versions":       {{"4.0", "org.apache.kafka.tools.BrokerApiVersionsCommand"}, {"0", "kafka.admin.BrokerApiVersionsCommand"}},
	"kafka-client-metrics":            {{"3.7", "org.apache.kafka.tools.ClientMetricsCommand"}},
	"kafka-cluster":                   {{"3.7", "org.apache.kafka.tools.ClusterTool"}, {"0", "kafka.tools.ClusterTool"}},
	"kafka-configs":                   {{"4.4", "org.apache.kafka.tools.ConfigCommand"}, {"0", "kafka.admin.ConfigCommand"}},
	"kafka-console-consumer":          {{"3.8", "org.apache.kafka.tools.consumer.ConsoleConsumer"}, {"0", "kafka.tools.ConsoleConsumer"}},
	"kafka-console-producer":          {{"4.0", "org.apache.kafka.tools.ConsoleProducer"}, {"0", "kafka.tools.ConsoleProducer"}},
	"kafka-console-share-consumer":    {{"4.0", "org.apache.kafka.tools.consumer.ConsoleShareConsumer"}},
	"kafka-consumer-groups":           {{"3.8", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"}, {"0", "kafka.admin.ConsumerGroupCommand"}},
	"kafka-consumer-perf-test":        {{"3.7", "org.apache.kafka.tools.ConsumerPerformance"}, {"0", "kafka.tools.ConsumerPerformance"}},
	"kafka-delegation-tokens":         {{"3.8", "org.apache.kafka.tools.DelegationTokenCommand"}, {"0", "kafka.admin.DelegationTokenCommand"}},
	"kafka-delete-records":            {{"3.7", "org.apache.kafka.tools.DeleteRecordsCommand"}, {"0", "kafka.admin.DeleteRecordsCommand"}},
	"kafka-e2e-latency":               {{"3.7", "org.apache.kafka.tools.EndToEndLatency"}, {"0", "kafka.tools.EndToEndLatency"}},
	"kafka-features":                  {{"3.7", "org.apache.kafka.tools.FeatureCommand"}, {"0", "kafka.admin.FeatureCommand"}},
	"kafka-get-offsets":               {{"3.7", "org.apache.kafka.tools.GetOffsetShell"}, {"0", "kafka.tools.GetOffsetShell"}},
	"kafka-groups":                    {{"4.0", "org.apache.kafka.tools.GroupsCommand"}},
	"kafka-leader-election":           {{"3.8", "org.apache.kafka.tools.LeaderElectionCommand"}, {"0", "kafka.admin.LeaderElectionCommand"}},
	"kafka-dump-log":                  {{"4.4", "org.apache.kafka.tools.DumpLogSegments"}, {"0", "kafka.tools.DumpLogSegments"}},
	"kafka-log-dirs":                  {{"3.7", "org.apache.kafka.tools.LogDirsCommand"}, {"0", "kafka.admin.LogDirsCommand"}},
	"kafka-metadata-quorum":           {{"3.7", "org.apache.kafka.tools.MetadataQuorumCommand"}, {"3.3", "kafka.admin.MetadataQuorumCommand"}},
	"kafka-producer-perf-test":        {{"0", "org.apache.kafka.tools.ProducerPerformance"}},
	"kafka-reassign-partitions":       {{"3.8", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"}, {"0", "kafka.admin.ReassignPartitionsCommand"}},
	"kafka-replica-verification":      {{"3.7", "org.apache.kafka.tools.ReplicaVerificationTool"}, {"0", "kafka.tools.ReplicaVerificationTool"}},
	"kafka-share-consumer-perf-test":  {{"4.1", "org.apache.kafka.tools.ShareConsumerPerformance"}},
	"kafka-share-groups":              {{"4.0", "org.apache.kafka.tools.consumer.group.ShareGroupCommand"}},
	"kafka-streams-application-reset": {{"3.7", "org.apache.kafka.tools.StreamsResetter"}, {"0", "kafka.tools.StreamsResetter"}},
	"kafka-streams-groups":            {{"4.1", "org.apache.kafka.tools.streams.StreamsGroupCommand"}},
	"kafka-topics":                    {{"3.7", "org.apache.kafka.tools.TopicCommand"}, {"0", "kafka.admin.TopicCommand"}},
	"kafka-transactions":              {{"0", "org.apache.kafka.tools.TransactionsCommand"}},
	"kafka-verifiable-consumer":       {{"0", "org.apache.kafka.tools.VerifiableConsumer"}},
	"kafka-verifiable-producer":       {{"0", "org.apache.kafka.tools.VerifiableProducer"}},
	"kafka-verifiable-share-consumer": {{"4.1", "org.apache.kafka.tools.VerifiableShareConsumer"}},
	"kafka-metadata-shell":            {{"0", "org.apache.kafka.shell.MetadataShell"}},
	"connect-standalone":              {{"0", "org.apache.kafka.connect.cli.ConnectStandalone"}},
	"connect-distributed":             {{"0", "org.apache.kafka.connect.cli.ConnectDistributed"}},
	"kafka-storage":                   {{"0", "kafka.tools.StorageTool"}},
	"kafka-server-start":              {{"0", "kafka.Kafka"}},
	"zookeeper-server-start":          {{"0", "org.apache.zookeeper.server.quorum.QuorumPeerMain"}},
}

// ToolClass returns the main class of a tool in a version of Kafka.
func ToolClass(version, tool string) (string, error) {
	for _, c := range tools[tool] {
		if AtLeast(version, c.since) {
			return c.class, nil
		}
	}
	return "", fmt.Errorf("kafkatest: Kafka %s has no tool %q", version, tool)
}

// JVM is a Java program that responds to lines. It is safe for concurrent use; it
// handles one line at a time.
type JVM struct {
	t      testing.TB
	p      *process
	stdin  io.WriteCloser
	stderr *bytes.Buffer // to be read once the process has ended

	mu      sync.Mutex
	answers *bufio.Reader
}

// StartJVM starts the program Helper with the classes of files. It is stopped at the
// end of the test. Files are as for [Compile].
func StartJVM(t testing.TB, version string, files ...string) *JVM {
	t.Helper()
	classes := Compile(t, version, append([]string{"Helper.java"}, files...)...)
	in, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	j := &JVM{t: t, stdin: stdin, stderr: &bytes.Buffer{}, answers: bufio.NewReaderSize(stdout, 1<<16)}
	j.p, err = launch("java", []string{quiet, "-XX:+UseSerialGC", "-Xmx1g", "-cp", classes, "Helper"}, nil, in, out, j.stderr)
	in.Close()
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		j.stdin.Close()
		j.p.kill()
		stdout.Close()
		if t.Failed() && j.stderr.Len() > 0 {
			t.Logf("the Java helper printed:\n%s", lastLines(j.stderr.Bytes(), 100))
		}
	})
	return j
}

// Call calls the static method "run" of a class with arguments, and returns its result.
// If the method throws, the error is a [JavaError].
func (j *JVM) Call(class string, args ...string) (string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	words := []string{escape(class)}
	for _, arg := range args {
		words = append(words, escape(arg))
	}
	if _, err := io.WriteString(j.stdin, strings.Join(words, "\t")+"\n"); err != nil {
		return "", fmt.Errorf("java helper: %w", err)
	}
	line, err := j.answers.ReadString('\n')
	if err != nil {
		j.p.kill()
		return "", fmt.Errorf("java helper: %w\n%s", err, lastLines(j.stderr.Bytes(), 50))
	}
	kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
	if kind == "ok" {
		return unescape(rest), nil
	}
	thrown, message, _ := strings.Cut(rest, "\t")
	return "", &JavaError{Class: unescape(thrown), Message: unescape(message)}
}

// MustCall is [JVM.Call] for calls that must not throw: if one does, it fails the test.
func (j *JVM) MustCall(class string, args ...string) string {
	j.t.Helper()
	answer, err := j.Call(class, args...)
	if err != nil {
		j.t.Fatalf("%s %q: %v", class, args, err)
	}
	return answer
}

// JavaError is an exception that a Java method threw.
type JavaError struct {
	Class   string // its full name
	Message string
}

// Error returns the exception as Java prints it.
func (e *JavaError) Error() string { return e.Class + ": " + e.Message }

var (
	escaper   = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
	unescaper = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r")
)

func escape(s string) string   { return escaper.Replace(s) }
func unescape(s string) string { return unescaper.Replace(s) }

// lastLines returns the end of a text.
func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
