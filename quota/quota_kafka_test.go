package quota_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/quota"
)

// TestKafkaQuotas compares buckets, limits and throttle times with those of Kafka 4.4.0's quota
// managers: drawn quotas, and drawn requests at drawn times.
func TestKafkaQuotas(t *testing.T) {
	const runs, steps = 3000, 40
	jvm := kafkatest.StartJVM(t, "4.4.0", "testdata/Quotas.java")
	r := rand.New(rand.NewPCG(1, 24))
	users, clients := []string{"alice", "bob", "<default>", "CN=a,O=b", "*"}, []string{"", "app", "<default>", "a:b", "-"}
	one := func(list []string) string { return list[r.IntN(len(list))] }
	counted, throttled, refused, unlimited := 0, 0, 0, 0
	for run := range runs {
		kind := []quota.Kind{quota.ProducerByteRate, quota.ControllerMutationRate}[run%2]
		manager := map[quota.Kind]string{quota.ProducerByteRate: "Produce", quota.ControllerMutationRate: "ControllerMutation"}[kind]
		var entries []quota.Entry
		var args []string
		listed := map[quota.Entity]bool{}
		for range r.IntN(6) {
			limit := float64(1 + r.IntN(2000))
			user, userText := drawPart(r, one(users))
			client, clientText := drawPart(r, one(clients))
			e := quota.Entity{User: user, ClientID: client}
			if listed[e] || e == (quota.Entity{}) || clientText == "=" {
				continue
			}
			listed[e] = true
			entries = append(entries, quota.Entry{Entity: e, Kind: kind, Limit: limit})
			args = append(args, userText, clientText, fmt.Sprint(limit))
		}
		args = append([]string{manager, strconv.Itoa(len(entries))}, args...)
		table, err := quota.New(entries...)
		require.NoError(t, err)
		tracker := quota.NewTracker(quota.Window{})
		tracker.Set(table)
		now := time.UnixMilli(1_700_000_000_000)
		var got []string
		for range steps {
			user, client, wait := one(users), one(clients), r.IntN([]int{2, 300, 3000, 20000}[r.IntN(4)])
			amount, strict := float64(r.IntN([]int{10, 3000, 100_000}[r.IntN(3)])), r.IntN(2) == 0
			args = append(args, user, client, fmt.Sprint(amount), strconv.Itoa(wait), map[bool]string{true: "strict"}[strict])
			now = now.Add(time.Duration(wait) * time.Millisecond)
			line := answer(tracker, kind, quota.Request{User: user, ClientID: client}, amount, strict, now)
			if counted++; strings.Contains(line, "none") {
				unlimited++
			} else if !strings.HasSuffix(line, "\t0") {
				throttled++
			}
			if strings.HasSuffix(line, "refused") {
				refused++
			}
			got = append(got, line)
		}
		want, err := jvm.Call("Quotas", args...)
		require.NoError(t, err)
		for i, line := range strings.Split(want, "\n") {
			require.Equal(t, line, got[i], "run %d, step %d of %q", run, i, args)
		}
	}
	assert.Greater(t, throttled, counted/10)
	assert.Greater(t, refused, counted/50)
	assert.Less(t, unlimited, counted/2)
	t.Logf("%d sets of quotas with %d requests compared: %d throttled, %d refused, %d without a limit", runs, counted, throttled, refused, unlimited)
}

// drawPart returns a part of an entity, and as the program in Java reads it.
func drawPart(r *rand.Rand, name string) (quota.Part, string) {
	switch r.IntN(3) {
	case 0:
		return quota.Part{}, "-"
	case 1:
		return quota.Default, "*"
	}
	return quota.Literal(name), "=" + name
}

// answer counts a request and returns what the program in Java says of it.
func answer(tracker *quota.Tracker, kind quota.Kind, of quota.Request, amount float64, strict bool, now time.Time) string {
	bucket, limit, limited := tracker.Table().Find(kind, of.User, of.ClientID)
	var throttle time.Duration
	taken := true
	if kind == quota.ControllerMutationRate {
		throttle, taken = tracker.Mutate(of, amount, strict, now)
	} else {
		throttle = tracker.Use(kind, of, amount, now)
	}
	line := "\t\tnone"
	if tracker.Table().Len() > 0 {
		line = javaSanitized(bucket.User) + "\t" + bucket.ClientID + "\tnone"
	}
	if limited {
		line = strings.TrimSuffix(line, "none") + strconv.FormatFloat(limit, 'f', 0, 64)
	}
	line += "\t" + strconv.FormatInt(throttle.Milliseconds(), 10)
	if !taken {
		line += " refused"
	}
	return line
}

// javaSanitized is what Kafka's Sanitizer makes of a user.
func javaSanitized(user string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(user))
}

// TestKafkaConfigs: what kafka-configs prints of a broker is read, and is what was set.
func TestKafkaConfigs(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{})
	properties := filepath.Join(t.TempDir(), "admin.properties")
	require.NoError(t, os.WriteFile(properties, []byte(kafkatest.Properties(cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil))), 0o600))
	configs := func(args ...string) string {
		t.Helper()
		printed := kafkatest.Tool(t, cluster.Version, "", "kafka-configs", append([]string{"--bootstrap-server", cluster.Bootstrap(kafkatest.Internal), "--command-config", properties}, args...)...)
		require.Zero(t, printed.Status, printed)
		return printed.Stdout
	}
	for _, alter := range [][]string{
		{"--add-config", "producer_byte_rate=1024,request_percentage=50.5", "--entity-type", "users", "--entity-name", "alice", "--entity-type", "clients", "--entity-name", "a:b, c"},
		{"--add-config", "consumer_byte_rate=123456789012", "--entity-type", "users", "--entity-default"},
		{"--add-config", "controller_mutation_rate=0.5", "--entity-type", "clients", "--entity-default"},
		{"--add-config", "connection_creation_rate=7", "--entity-type", "ips", "--entity-name", "127.0.0.1"},
		{"--add-config", "connection_creation_rate=100", "--entity-type", "ips", "--entity-default"},
	} {
		configs(append([]string{"--alter"}, alter...)...)
	}
	text := ""
	for _, of := range [][]string{{"users"}, {"clients"}, {"users", "clients"}, {"ips"}} {
		args := []string{"--describe"}
		for _, kind := range of {
			args = append(args, "--entity-type", kind)
		}
		text += configs(args...)
	}
	t.Log(text)
	entries, err := quota.Read(strings.NewReader(text), "kafka-configs")
	require.NoError(t, err)
	of := quota.Entity{User: quota.Literal("alice"), ClientID: quota.Literal("a:b, c")}
	assert.ElementsMatch(t, []quota.Entry{
		{Entity: of, Kind: quota.ProducerByteRate, Limit: 1024}, {Entity: of, Kind: quota.RequestPercentage, Limit: 50.5},
		{Entity: quota.Entity{User: quota.Default}, Kind: quota.ConsumerByteRate, Limit: 123456789012},
		{Entity: quota.Entity{ClientID: quota.Default}, Kind: quota.ControllerMutationRate, Limit: 0.5},
		{Entity: quota.Entity{IP: quota.Literal("127.0.0.1")}, Kind: quota.ConnectionCreationRate, Limit: 7},
		{Entity: quota.Entity{IP: quota.Default}, Kind: quota.ConnectionCreationRate, Limit: 100},
	}, entries)
	_, err = quota.New(entries...)
	require.NoError(t, err)
}
