package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

var (
	aclKafkaFlag = flag.String("kafka", "4.2.1", "the version of Kafka whose kafka-acls is run")
	aclStepFlag  = flag.Int("step", 5, "run one captured command line of kafka-acls in so many")
)

// TestCapturedKafkaACLs runs captured command lines of kafka-acls once more, at a real
// broker with the same ACLs. TestACLAsKafkaACLs compares portcullis acl with what was
// captured.
func TestCapturedKafkaACLs(t *testing.T) {
	jvm := kafkatest.StartJVM(t, *aclKafkaFlag, aclData+"AclTool.java")
	tool := newACLTool(t, jvm, kafkatest.Start(t, kafkatest.Config{Version: *aclKafkaFlag}))
	done, changed, listed, refused := 0, 0, 0, 0
	for i, captured := range capturedACLRuns(t) {
		if i%*aclStepFlag != 0 {
			continue
		}
		done++
		t.Run(strings.Join(captured.Args, " "), func(t *testing.T) {
			got := tool.run(t, captured)
			assert.Equal(t, captured, got)
			changed += min(1, len(got.Changed))
			listed += min(1, len(got.Listed))
			refused += min(1, got.Status)
		})
	}
	t.Logf("%d command lines at Kafka %s: %d changed ACLs, %d listed some, %d were refused", done, *aclKafkaFlag, changed, listed, refused)
	assert.GreaterOrEqual(t, done, 100)
	assert.GreaterOrEqual(t, changed, 30)
	assert.GreaterOrEqual(t, listed, 10)
	assert.GreaterOrEqual(t, refused, 20)
}

// aclTool is kafka-acls and a broker.
type aclTool struct {
	jvm        *kafkatest.JVM
	cluster    *kafkatest.Cluster
	properties string // path of the client's properties
	before     []acl.Binding
	had        []string
}

func newACLTool(t *testing.T, jvm *kafkatest.JVM, cluster *kafkatest.Cluster) *aclTool {
	text := readAll(t, aclData+"before.jsonl")
	bindings, err := acl.Read(strings.NewReader(text), "", acl.FormatJSON)
	require.NoError(t, err)
	var properties strings.Builder
	for key, value := range cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil) {
		fmt.Fprintf(&properties, "%s=%s\n", key, value)
	}
	path := filepath.Join(t.TempDir(), "client.properties")
	require.NoError(t, os.WriteFile(path, []byte(properties.String()), 0o600))
	return &aclTool{jvm, cluster, path, bindings, aclLines(t, text)}
}

// run runs a command line and waits until the broker has what was captured in force.
func (a *aclTool) run(t *testing.T, captured kafkaACLRun) kafkaACLRun {
	a.cluster.SetACLs(t, a.before...)
	bootstrap := a.cluster.Bootstrap(kafkatest.Internal)
	answer := a.jvm.MustCall("AclTool", append([]string{"run", "--bootstrap-server", bootstrap, "--command-config", a.properties}, captured.Args...)...)
	status, printed, _ := strings.Cut(answer, "\n")
	got := kafkaACLRun{Args: captured.Args}
	var err error
	got.Status, err = strconv.Atoi(status)
	require.NoError(t, err)
	if slices.Contains(captured.Args, "--list") && got.Status == 0 {
		got.Listed = listedACLs(printed)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		got.Changed = aclChanges(a.had, strings.Split(a.jvm.MustCall("AclTool", "acls", bootstrap, a.properties), "\n"))
		if slices.Equal(got.Changed, captured.Changed) || time.Now().After(deadline) {
			return got
		}
	}
}
