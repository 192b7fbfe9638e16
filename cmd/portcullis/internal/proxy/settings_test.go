package proxy

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// following is a proxy that follows its settings.
type following struct {
	place
	log      logtest.Log
	running  *proxy.Proxy
	registry *prometheus.Registry
	command  *command
}

// follow serves a proxy with settings, in which @ stands for the folder. more makes other files
// there.
func follow(t *testing.T, properties, flags string, more ...func(place)) *following {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	f := &following{place: newPlace(t), registry: prometheus.NewRegistry()}
	f.write("secrets.properties", "carol=c\n")
	for _, prepare := range more {
		prepare(f.place)
	}
	f.write("server.properties", strings.ReplaceAll(properties, "@", f.folder+"/"))
	command := &command{hangup: make(chan os.Signal, 1)}
	f.command = command
	cmd := command.cobra()
	cmd.SetErr(&f.log)
	require.NoError(t, cmd.ParseFlags(strings.Fields(strings.ReplaceAll(flags, "@", f.folder+"/")+" --properties "+f.folder+"/server.properties --acls "+f.folder+"/acls.txt --upstream "+cluster.ListenAddrs()[0])))
	require.NoError(t, command.checkUsage(cmd))
	config, read, err := command.build(cmd)
	require.NoError(t, err)
	require.NoError(t, config.Store.Update(func(*snapshot.Tx) error { return nil }))
	require.NoError(t, read.verifiers.load(t.Context(), nil))
	config.Logger = slog.New(slog.NewTextHandler(&f.log, nil))
	f.running, err = proxy.Listen(t.Context(), config)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = f.running.Serve(ctx) })
	follower := newFollower(command, f.running, config.Logger, f.registry, read, nil)
	running.Go(func() { follower.run(ctx, 20*time.Millisecond) })
	t.Cleanup(func() { stop(); running.Wait() })
	return f
}

func (f *following) logsIn(user, password string) bool {
	c, err := kgo.NewClient(kgo.SeedBrokers(f.running.Addresses()[0]), kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()), kgo.RequestRetries(0))
	require.NoError(f.t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	return c.Ping(ctx) == nil
}

// replace puts another file in the place of one, as programs do that write secrets.
func (f *following) replace(name, text string) {
	f.write("new", text)
	require.NoError(f.t, os.Rename(filepath.Join(f.folder, "new"), filepath.Join(f.folder, name)))
}

func (f *following) metric(name string) (value float64) {
	families, err := f.registry.Gather()
	require.NoError(f.t, err)
	for _, family := range families {
		if family.GetName() == name {
			value = family.Metric[0].GetCounter().GetValue() + family.Metric[0].GetGauge().GetValue()
		}
	}
	return value
}

func (f *following) waits(text string, times int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return strings.Count(f.log.String(), text) >= times }, 20*time.Second, 5*time.Millisecond, "%s", text)
}

// Files that change are read again: users, settings, and secrets that settings refer to. What
// cannot be used is reported once, and the previous settings stay in force.
func TestSettingsAreFollowed(t *testing.T) {
	f := follow(t, `listeners=SASL_PLAINTEXT://127.0.0.1:0
sasl.enabled.mechanisms=PLAIN
config.providers=file
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_carol="${file:@secrets.properties:carol}";
`, "--users @users.txt --allow-readable-secrets")
	require.True(t, f.logsIn("alice", "a"))
	require.True(t, f.logsIn("carol", "c"))
	loaded := f.metric("portcullis_settings_loaded_timestamp_seconds")
	require.Positive(t, loaded)

	f.replace("users.txt", "bob:b\n")
	f.waits("settings loaded", 1)
	assert.True(t, f.logsIn("bob", "b"))
	assert.False(t, f.logsIn("alice", "a"))
	assert.Greater(t, f.metric("portcullis_settings_loaded_timestamp_seconds"), loaded)

	f.replace("secrets.properties", "carol=new\n")
	f.waits("settings loaded", 2)
	assert.True(t, f.logsIn("carol", "new"))
	assert.False(t, f.logsIn("carol", "c"))

	const failed = "settings not loaded: the previous ones stay in force"
	f.replace("users.txt", "bob\n")
	f.waits(failed, 1)
	assert.True(t, f.logsIn("bob", "b"))
	require.NoError(t, os.Remove(filepath.Join(f.folder, "secrets.properties")))
	f.waits(failed, 2)
	assert.True(t, f.logsIn("carol", "new"))
	time.Sleep(100 * time.Millisecond) // in which the files are looked at several times
	assert.Equal(t, 2, strings.Count(f.log.String(), failed), "each change is reported once")
	assert.Equal(t, 2.0, f.metric("portcullis_settings_load_failures_total"))

	f.replace("secrets.properties", "carol=last\n")
	f.waits(failed, 3) // the users still have an error
	f.replace("users.txt", "bob:z\n")
	f.waits("settings loaded", 3)
	assert.True(t, f.logsIn("bob", "z"))
	assert.True(t, f.logsIn("carol", "last"))
}

// On SIGHUP they are read whether or not a file seems to have changed.
func TestSettingsAreReadOnSIGHUP(t *testing.T) {
	f := follow(t, "listeners=SASL_PLAINTEXT://127.0.0.1:0\n", "--users @users.txt")
	f.command.hangup <- syscall.SIGHUP
	f.waits("settings loaded", 1)
	assert.True(t, f.logsIn("alice", "a"))
}

// The secret of salts is read without the end of its line, is long enough, and is protected.
func TestSaltSecret(t *testing.T) {
	p := newPlace(t)
	p.write("users.txt", "SCRAM-SHA-256=[name=bob,salt=\""+encoded(20)+"\",saltedpassword=\""+encoded(32)+"\",iterations=8192]\n")
	secret := strings.Repeat("s", 32)
	p.write("salts", secret+"\r\n")
	const flags = "--listen SASL_PLAINTEXT://127.0.0.1:0 --users @users.txt"
	config, _, err := p.build("", flags+" --salt-secret @salts")
	require.NoError(t, err)
	assert.Equal(t, []byte(secret), config.Listeners[0].SASL.SaltSecret)
	assert.Empty(t, config.Listeners[0].Warnings())
	config, _, err = p.build("", flags)
	require.NoError(t, err)
	assert.Len(t, config.Listeners[0].Warnings(), 1)

	for name, text := range map[string]string{"31 bytes": secret[1:] + "\n", "empty": ""} {
		t.Run(name, func(t *testing.T) {
			p.write("short", text)
			_, err := p.checks(flags + " --upstream b:1 --mirror-acls --salt-secret @short")
			require.ErrorContains(t, err, "expected at least 32")
		})
	}
	require.NoError(t, os.Chmod(p.write("exposed", secret), 0o644))
	_, err = p.checks(flags + " --upstream b:1 --mirror-acls --salt-secret @exposed")
	require.ErrorContains(t, err, "--salt-secret: everybody on this machine can read")
	command := &command{}
	require.NoError(t, command.cobra().ParseFlags([]string{"--salt-secret", "salts"}))
	assert.Equal(t, []string{"salts"}, command.settingFiles(), "a change of it is noticed")
}

// What needs a restart is refused, with all that has changed at the same time.
func TestSettingsThatNeedARestart(t *testing.T) {
	const before = "listeners=SASL_PLAINTEXT://127.0.0.1:0\nsuper.users=User:admin\n"
	for name, test := range map[string]struct{ settings, want string }{
		"super users":    {strings.Replace(before, "User:admin", "User:other", 1), "super.users and allow.everyone.if.no.acl.found cannot change"},
		"everyone":       {before + "allow.everyone.if.no.acl.found=true\n", "super.users and allow.everyone.if.no.acl.found cannot change"},
		"a listener":     {strings.Replace(before, ":0", ":0,PLAINTEXT://127.0.0.1:1", 1), "2 listeners: expected the 1"},
		"a protocol":     {strings.Replace(before, "SASL_PLAINTEXT", "PLAINTEXT", 1), "cannot change while it is open"},
		"a typing error": {before + "super.user=User:x\n", "did you mean super.users?"},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, before, "--users @users.txt")
			f.write("users.txt", "bob:b\n") // at about the same time
			f.replace("server.properties", test.settings)
			f.waits(test.want, 1)
			assert.Positive(t, f.metric("portcullis_settings_load_failures_total"))
		})
	}
}

func TestReferencesMustLeadSomewhere(t *testing.T) {
	_, _, err := newPlace(t).build(`listeners=SASL_PLAINTEXT://127.0.0.1:0
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=${env:PORTCULLIS_NO_SUCH_VARIABLE}
log.dirs=${env:PORTCULLIS_NO_OTHER_VARIABLE}
`, "")
	require.ErrorContains(t, err, "PORTCULLIS_NO_SUCH_VARIABLE")
	assert.NotContains(t, err.Error(), "PORTCULLIS_NO_OTHER_VARIABLE", "what is not used does not matter")
}
