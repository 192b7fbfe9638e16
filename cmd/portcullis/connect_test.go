package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// acmeConnect are the flags for the worker and the connectors of the example company.
var acmeConnect = []string{"--worker", acme + "connect/worker.properties", "--connector", acme + "connect/orders-archive.json", "--connector", acme + "connect/customers.json"}

func connectArgs(command string, more ...string) []string {
	return append(append([]string{"connect", command}, acmeConnect...), more...)
}

// TestConnectExample goes through the example company's configurations as the guide does: what is
// needed, as ACLs, is all that is missing, and lint finds nothing.
func TestConnectExample(t *testing.T) {
	needs := runWith("", connectArgs("needs", "-o", "json")...)
	require.Equal(t, exitDone, needs.status, needs.stderr)
	assert.Equal(t, 28, strings.Count(needs.stdout, "\n"))
	assert.Contains(t, needs.stdout, `{"principal":"User:customers","client":"producer","connector":"customers","resourceType":"TOPIC","name":"crm.","patternType":"PREFIXED","operation":"WRITE","without":"its tasks fail, or wait"}`)

	commands := runWith("", connectArgs("needs", "-o", "commands")...)
	require.Equal(t, exitDone, commands.status, commands.stderr)
	assert.Equal(t, 15, strings.Count(commands.stdout, "\n"))
	assert.Contains(t, commands.stdout, "kafka-acls --bootstrap-server localhost:9092 --add --allow-principal User:customers --operation Write --topic crm. --resource-pattern-type prefixed\n")
	assert.Equal(t, 10, strings.Count(commands.stderr, "note: not included: "))
	all := runWith("", connectArgs("needs", "-o", "commands", "--all")...)
	assert.Equal(t, 22, strings.Count(all.stdout, "\n"))

	acls := runWith("", connectArgs("needs", "-o", "acls")...)
	require.Equal(t, exitDone, acls.status, acls.stderr)
	check := runWith("", connectArgs("check", "--acls", file(t, "acls.jsonl", acls.stdout))...)
	assert.Equal(t, exitDone, check.status, check.stderr)
	assert.Empty(t, check.stdout)
	assert.Contains(t, check.stderr, "needed: 28, missing: 0\n")

	// Without one, that one is missing. Each way.
	list := strings.SplitAfter(strings.TrimSuffix(acls.stdout, "\n"), "\n")
	for i := range list {
		rest := strings.Join(append(append([]string{}, list[:i]...), list[i+1:]...), "")
		got := runWith("", connectArgs("check", "--acls", file(t, "acls.jsonl", rest), "-o", "acls")...)
		assert.Equal(t, exitDenied, got.status, "%d: %s", i, got.stderr)
		assert.Equal(t, strings.TrimSuffix(list[i], "\n")+"\n", got.stdout, "%d", i)
	}
	expect(t, exitDone, "", "connectors: 2, findings: 0\n", "", connectArgs("lint")...)
}

// TestConnectPrefixes has ACLs around the prefix of a connector's topics: the right is there only
// if each name with the prefix is allowed.
func TestConnectPrefixes(t *testing.T) {
	acls := runWith("", connectArgs("needs", "-o", "acls")...).stdout
	const own = `{"resourceType":"TOPIC","name":"crm.","patternType":"PREFIXED","principal":"User:customers","host":"*","operation":"WRITE","permission":"ALLOW"}` + "\n"
	require.Contains(t, acls, own)
	rest := strings.Replace(acls, own, "", 1)
	for name, row := range map[string]struct {
		acls   string
		status int
	}{
		"shorter prefix":    {strings.Replace(own, "crm.", "cr", 1), exitDone},
		"longer prefix":     {strings.Replace(own, "crm.", "crm.a", 1), exitDenied},
		"every topic":       {strings.NewReplacer("crm.", "*", "PREFIXED", "LITERAL").Replace(own), exitDone},
		"one denied":        {own + strings.NewReplacer("crm.", "crm.secret", "PREFIXED", "LITERAL", "ALLOW", "DENY").Replace(own), exitDenied},
		"prefix denied":     {own + strings.NewReplacer("crm.", "c", "ALLOW", "DENY").Replace(own), exitDenied},
		"other denied":      {own + strings.NewReplacer("crm.", "erp.", "ALLOW", "DENY").Replace(own), exitDone},
		"everyone":          {strings.Replace(own, "User:customers", "User:*", 1), exitDone},
		"another host":      {strings.Replace(own, `"host":"*"`, `"host":"10.0.0.1"`, 1), exitDenied},
		"another operation": {strings.Replace(own, "WRITE", "READ", 1), exitDenied},
		"all operations":    {strings.Replace(own, "WRITE", "ALL", 1), exitDone},
	} {
		t.Run(name, func(t *testing.T) {
			got := runWith("", connectArgs("check", "--acls", file(t, "acls.jsonl", rest+row.acls))...)
			assert.Equal(t, row.status, got.status, "%s%s", got.stdout, got.stderr)
		})
	}
	expect(t, exitDone, "", "connectors: 2, findings: 0\n", "", connectArgs("lint")...)
}

// TestConnectInput has ways to write the configuration of a connector, and faults in it.
func TestConnectInput(t *testing.T) {
	const plain = `{"name":"s","connector.class":"MySink","topics":"a","tasks.max":1,"x":null,"y":true}`
	const posted = `{"name":"s","config":{"connector.class":"MySink","topics":"a"}}`
	const properties = "name=s\nconnector.class=MySink\ntopics=a\n"
	worker := file(t, "worker.properties", "bootstrap.servers=k:1\ngroup.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\nstatus.storage.topic=s\n")
	for name, row := range map[string]struct {
		text   string
		args   string
		status int
		want   string // part of what is printed
	}{
		"configuration":   {plain, "", exitDone, "Read on Topic a"},
		"as posted":       {posted, "", exitDone, "Read on Topic a"},
		"list":            {"\ufeff[" + posted + "," + strings.Replace(plain, `"s"`, `"t"`, 1) + "]", "", exitDone, "Read on Group connect-t"},
		"answer of GET":   {`{"s":{"info":` + posted + `,"status":{}}}`, "", exitDone, "Read on Topic a"},
		"properties":      {properties, "", exitDone, "Read on Topic a"},
		"kind":            {strings.Replace(plain, "MySink", "x.Y", 1), "--kind s=sink", exitDone, "Read on Topic a"},
		"principal":       {plain, "--principal consumer=User:c --principal s/consumer=User:s --principal worker=User:w", exitDone, "User:s (consumer of \"s\"): Read on Topic a"},
		"expression":      {strings.Replace(plain, `"topics":"a"`, `"topics.regex":"[ab]"`, 1), "", exitDenied, "not known: topics for consumer of \"s\": topics.regex \"[ab]\" matches topics that no ACL covers exactly: say which topics there are\n"},
		"topic":           {strings.Replace(plain, `"topics":"a"`, `"topics.regex":"[ab]"`, 1), "--topic s=b", exitDone, "Read on Topic b"},
		"no principal":    {strings.Replace(plain, `"y":true`, `"consumer.override.security.protocol":"SSL"`, 1), "-o acls", exitError, "the principal of consumer of \"s\" is not known: its settings do not tell it, so give --principal consumer=Type:name"},
		"empty":           {" \n", "", exitError, "the file is empty: expected the configuration of a connector, in JSON or as properties"},
		"two values":      {plain + plain, "", exitError, "more than one JSON value: put them into a list"},
		"nested":          {`{"connector.class":{}}`, "", exitError, "\"connector.class\": expected a text, a number, true or false"},
		"other object":    {`{"a":{}}`, "", exitError, "\"a\": expected the configuration of a connector, with connector.class, or the answer of GET /connectors?expand=info"},
		"number":          {`[1]`, "", exitError, "element 0: expected an object with the configuration of a connector, or a list of them"},
		"no kind":         {strings.Replace(plain, "MySink", "x.Y", 1), "", exitError, "portcullis: give --kind s=source or --kind s=sink\n"},
		"twice":           {"[" + plain + "," + posted + "]", "", exitError, "connector \"s\" is there twice"},
		"unknown name":    {plain, "--topic x=b", exitError, "--topic: no connector is called \"x\""},
		"unknown kind":    {plain, "--kind x=sink", exitError, "--kind: no connector is called \"x\""},
		"bad kind":        {plain, "--kind s=both", exitError, "--kind: \"both\" is no kind of connector: expected source or sink"},
		"bad principal":   {plain, "--principal consumer=bob", exitError, "--principal \"consumer=bob\": expected CLIENT=Type:name, such as worker=User:connect or orders/producer=User:orders"},
		"bad client":      {plain, "--principal s/other=User:bob", exitError, "--principal \"s/other=User:bob\""},
		"control":         {strings.Replace(plain, `"s"`, `"s\u001b[2J"`, 1), "", exitDone, `consumer of "s\x1b[2J"`},
		"control command": {strings.Replace(plain, `"s"`, `"s\u001b[2J"`, 1), "-o commands", exitError, "cannot be written as a command: use --output acls"},
		"quoted command":  {strings.Replace(plain, `"s"`, `"it's $(x)"`, 1), "-o commands", exitDone, `--group 'connect-it'\''s $(x)'`},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"connect", "needs", "--worker", worker, "--connector", file(t, "connector.json", row.text)}, strings.Fields(row.args)...)
			got := runWith("", args...)
			assert.Equal(t, row.status, got.status, "%s%s", got.stdout, got.stderr)
			assert.Contains(t, got.stdout+got.stderr, row.want)
			if row.status == exitError {
				assert.Empty(t, got.stdout)
			}
		})
	}
	t.Run("no worker", func(t *testing.T) {
		got := runWith("", "connect", "lint", "--connector", filepath.Join(t.TempDir(), "none"))
		assert.Equal(t, exitError, got.status)
		assert.Contains(t, got.stderr, "--worker")
	})
	t.Run("no command", func(t *testing.T) {
		got := runWith("", "connect")
		assert.Equal(t, exitError, got.status)
		assert.Contains(t, got.stderr, "expected a command")
	})
	t.Run("release", func(t *testing.T) {
		got := runWith("", connectArgs("lint", "--release", "4.3.1")...)
		assert.Equal(t, exitDenied, got.status)
		assert.Contains(t, got.stdout, "error: validate-reveals: the worker: ")
		got = runWith("", connectArgs("lint", "--release", "new")...)
		assert.Equal(t, exitError, got.status)
	})
}

// TestConnectResolve has references that lead somewhere, and others that do not.
func TestConnectResolve(t *testing.T) {
	secrets := file(t, "secrets.properties", "password=hunter2\n")
	t.Setenv("DB_PASSWORD", "hunter3")
	const providers = "config.providers=file,env\nconfig.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n" +
		"config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\nconfig.providers.env.param.allowlist.pattern=DB_.*\n"
	base := "bootstrap.servers=k:1\ngroup.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\nstatus.storage.topic=s\nconnector.client.config.override.policy=None\n" + providers +
		"config.providers.file.param.allowed.paths=" + filepath.Dir(secrets) + "\n"
	for name, row := range map[string]struct {
		worker, connector string
		status            int
		want              string
	}{
		"resolved":      {"ssl.key.password=${file:" + secrets + ":password}\n", `"a":"${env:DB_PASSWORD}"`, exitDone, ""},
		"no key":        {"", `"a":"${file:` + secrets + `:other}"`, exitDenied, "error: unresolved-reference: connector \"s\", a: on this machine: "},
		"no file":       {"", `"a":"${file:` + secrets + `.none:other}"`, exitDenied, "error: unresolved-reference: connector \"s\", a: on this machine: "},
		"no variable":   {"", `"a":"${env:DB_NONE}"`, exitDenied, "error: unresolved-reference: connector \"s\", a: on this machine: "},
		"of the worker": {"ssl.key.password=${file:" + secrets + ":other}\n", `"a":"b"`, exitDenied, "error: unresolved-reference: the worker, ssl.key.password: on this machine: "},
		"own providers": {"", `"a":"${own:x}","config.providers":"own","config.providers.own.class":"x.Y"`, exitDenied, "unknown-provider: connector \"s\", a: "},
		"wrong worker":  {"config.providers.file.param.allowed.paths=relative\n", `"a":"b"`, exitError, "is not absolute"},
	} {
		t.Run(name, func(t *testing.T) {
			worker := file(t, "worker.properties", base+row.worker)
			connector := file(t, "connector.json", `{"name":"s","connector.class":"MySink","topics":"t",`+row.connector+`}`)
			got := runWith("", "connect", "lint", "--worker", worker, "--connector", connector, "--resolve", "--principal", "worker=User:w", "--principal", "consumer=User:c")
			assert.Equal(t, row.status, got.status, "%s%s", got.stdout, got.stderr)
			assert.Contains(t, got.stdout+got.stderr, row.want)
			assert.NotContains(t, got.stdout+got.stderr, "hunter")
		})
	}
}
