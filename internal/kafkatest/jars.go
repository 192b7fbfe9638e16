package kafkatest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"
)

// RequireVariable is the environment variable that, when set, runs the tests against
// real brokers. Without it they are skipped, because they download jars and take
// minutes.
const RequireVariable = "PORTCULLIS_REQUIRE_KAFKA"

// DefaultVersion is the version of Kafka that is started by default.
const DefaultVersion = "4.4.0"

// pom lists the jars of a broker, its tools and its clients. Without a binding for
// slf4j, the log of a broker would be lost.
var pom = template.Must(template.New("pom.xml").Parse(`<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>portcullis.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{{range .Artifacts}}
<dependency><groupId>org.apache.kafka</groupId><artifactId>{{.}}</artifactId><version>{{$.Version}}</version></dependency>{{end}}
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{{.Logger}}</version></dependency>
</dependencies>
<build><plugins><plugin>
<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.6.1</version>
</plugin></plugins></build>
</project>
`))

var artifacts = []string{"kafka_2.13", "kafka-tools", "kafka-clients", "kafka-streams", "connect-runtime"}

// logger is the version of slf4j-simple.
const logger = "1.7.36"

// classPath returns the class path for a folder of jars. The logger that writes to
// standard error comes first: old versions of Kafka include another, which needs a
// configuration file.
func classPath(lib string) string {
	return filepath.Join(lib, "slf4j-simple-"+logger+".jar") + string(os.PathListSeparator) + filepath.Join(lib, "*")
}

var versionText = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// Jars returns the folder with the jars of a version of Kafka, such as "4.4.0". It
// skips the test if Java or Maven is missing, and fails it if Maven cannot download the
// jars.
func Jars(t testing.TB, version string) string {
	t.Helper()
	needTools(t)
	folder, err := jars(version)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// needTools skips or fails the test if a program that brokers need is missing.
func needTools(t testing.TB) {
	t.Helper()
	if os.Getenv(RequireVariable) == "" {
		t.Skipf("no Kafka: set %s=1 to run the tests against real brokers", RequireVariable)
	}
	var missing []string
	for _, tool := range []string{"java", "javac", "mvn", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if len(missing) == 0 {
		return
	}
	reason := fmt.Sprintf("no Kafka: %s not found (Debian: openjdk-17-jdk-headless, maven)", strings.Join(missing, ", "))
	t.Fatalf("%s is set, but %s", RequireVariable, reason)
}

// jarsMu prevents two tests of a binary from running Maven at the same time.
var jarsMu sync.Mutex

func jars(version string) (string, error) { return jarsOf(version, version, artifacts...) }

// ClassPath returns the class path of another artifact of Kafka and what it needs, such as
// connect-mirror. It skips and fails the test as [Jars] does.
func ClassPath(t testing.TB, artifact, version string) string {
	t.Helper()
	needTools(t)
	folder, err := jarsOf(artifact+"-"+version, version, artifact)
	if err != nil {
		t.Fatal(err)
	}
	return classPath(folder)
}

// jarsOf returns the folder in the cache with some artifacts of one version of Kafka.
func jarsOf(name, version string, artifacts ...string) (string, error) {
	if !versionText.MatchString(version) {
		return "", fmt.Errorf("kafkatest: version %q: expected numbers like 4.4.0", version)
	}
	jarsMu.Lock()
	defer jarsMu.Unlock()
	return cached(name, func(folder string) error {
		var text bytes.Buffer
		if err := pom.Execute(&text, struct {
			Version, Logger string
			Artifacts       []string
		}{version, logger, artifacts}); err != nil {
			return err
		}
		project := filepath.Join(folder, "pom.xml")
		if err := os.WriteFile(project, text.Bytes(), 0o600); err != nil {
			return err
		}
		result, err := run("mvn", []string{"-q", "-B", "-f", project, "dependency:copy-dependencies", "-DoutputDirectory=" + folder}, nil, nil, 10*time.Minute)
		if err == nil && result.Status != 0 {
			err = errors.New(result.String())
		}
		if err != nil {
			return fmt.Errorf("kafkatest: jars of Kafka %s: %w", name, err)
		}
		return nil
	})
}

// cached returns a folder in the user's cache. If it does not exist, fill creates its
// content. The folder appears atomically, so that processes can share it.
func cached(name string, fill func(folder string) error) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("kafkatest: %w", err)
	}
	folder := filepath.Join(base, "portcullis-kafka", name)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		return "", fmt.Errorf("kafkatest: %w", err)
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(folder), ".unfinished-")
	if err != nil {
		return "", fmt.Errorf("kafkatest: %w", err)
	}
	defer os.RemoveAll(unfinished)
	if err := fill(unfinished); err != nil {
		return "", err
	}
	if err := os.Rename(unfinished, folder); err != nil {
		if _, other := os.Stat(folder); other != nil { // otherwise another process was faster
			return "", fmt.Errorf("kafkatest: %w", err)
		}
	}
	return folder, nil
}

// AtLeast reports whether version is at least other. Both are numbers like 4.4.0, or
// shorter.
func AtLeast(version, other string) bool {
	a, b := strings.Split(version, "."), strings.Split(other, ".")
	for i := range min(len(a), len(b)) {
		x, _ := strconv.Atoi(a[i])
		y, _ := strconv.Atoi(b[i])
		if x != y {
			return x > y
		}
	}
	return len(a) >= len(b)
}
