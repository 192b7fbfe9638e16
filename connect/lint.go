package connect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/inspect"
)

// Code names a kind of finding.
type Code string

// The kinds of findings.
const (
	// CodeRefusedOverride: the policy of the worker refuses a setting of the connector.
	CodeRefusedOverride Code = "refused-override"
	// CodeAnyOverride: the worker lets connectors override everything, also who they are.
	CodeAnyOverride Code = "any-override"
	// CodeSharedPrincipal: a client of a connector has the principal of the worker, which may
	// write the topic of configurations.
	CodeSharedPrincipal Code = "shared-principal"
	// CodeSharedOffsets: connectors can read or move each other's offsets.
	CodeSharedOffsets Code = "shared-offsets"
	// CodeSharedGroup: sinks share a consumer group.
	CodeSharedGroup Code = "shared-group"
	// CodeUnprotected: a client speaks another protocol than the worker.
	CodeUnprotected Code = "unprotected-client"
	// CodeClearSecret: a secret stands in the configuration.
	CodeClearSecret Code = "clear-secret"
	// CodeUnknownProvider: a reference names a provider that the worker does not configure.
	CodeUnknownProvider Code = "unknown-provider"
	// CodeForbiddenPath: a reference leads out of the allowed paths of its provider.
	CodeForbiddenPath Code = "forbidden-path"
	// CodeAnyPath: a provider reads every file that the worker may read.
	CodeAnyPath Code = "any-path"
	// CodeAnyVariable: a provider reads every environment variable of the worker.
	CodeAnyVariable Code = "any-variable"
	// CodeNoPath: a reference lacks the path that its provider needs, or has one that it refuses.
	CodeNoPath Code = "reference-path"
	// CodeUnresolved: a reference cannot be resolved on this machine. Lint, which opens no file,
	// does not find it; portcullis connect lint --resolve does.
	CodeUnresolved Code = "unresolved-reference"
	// CodeOwnProvider: a connector brings providers of its own.
	CodeOwnProvider Code = "own-provider"
	// CodeValidateReveals: the worker's release answers with resolved secrets.
	CodeValidateReveals Code = "validate-reveals"
)

// Finding is something about configurations that is probably not meant.
type Finding struct {
	Code      Code
	Level     inspect.Level
	Connector string // its name; "" for the worker
	Key       string // the setting; "" if it is about several
	Reason    string // may contain names from the configurations, unescaped; never a value that may be a secret
	Fix       string
}

// LintOptions is what the configurations do not tell.
type LintOptions struct {
	// Principal returns who a client of a connector is, or "" if that is not known. For the
	// worker's own client the name of the connector is "". Nil means that no principal is known.
	Principal func(client Client, connector string) string
	// BeforeKafka44 says that the workers run an older release.
	BeforeKafka44 bool
}

// Lint returns the findings about a worker and its connectors, the most dangerous first. It
// opens no file: what a reference leads to is judged by its text. The cost grows with the
// settings.
//
// Source: Kafka 4.4.0, the policies, Worker, ConfigTransformer and AllowedPaths; KIP-297, KIP-458;
// that validation answered with resolved values before 4.4: ConnectorPluginsResource.
func Lint(w *Worker, connectors []*Connector, o LintOptions) []Finding {
	if o.Principal == nil {
		o.Principal = func(Client, string) string { return "" }
	}
	l := &linter{w: w, connectors: connectors, o: o, providers: providersOf(w.settings)}
	l.lintWorker()
	for _, c := range connectors {
		l.lintOverrides(c)
		l.lintPrincipals(c)
		l.lintSecrets(c.Name, c.settings, inspect.LevelError, "Connect answers with it to whoever reaches its REST interface")
		l.lintOwnProviders(c)
	}
	l.lintShared()
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Level, a.Level), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Key, b.Key))
	})
	return l.findings
}

type linter struct {
	w          *Worker
	connectors []*Connector
	o          LintOptions
	providers  map[string]provider
	findings   []Finding
}

func (l *linter) add(level inspect.Level, code Code, connector, key, fix, reason string, args ...any) {
	l.findings = append(l.findings, Finding{Code: code, Level: level, Connector: connector, Key: key, Reason: fmt.Sprintf(reason, args...), Fix: fix})
}

// lintWorker looks at the worker alone.
func (l *linter) lintWorker() {
	if l.w.Policy.all {
		l.add(inspect.LevelWarning, CodeAnyOverride, "", policyKey,
			"set it to Allowlist, with the keys that connectors need in "+allowlistKey+" (since Kafka 4.2), or to None",
			"whoever may create a connector chooses its principal, its cluster and the login classes that the worker loads")
	}
	l.lintSecrets("", l.w.settings, inspect.LevelWarning, "it is as safe as the file")
	for name, p := range l.providers {
		if p.readsFiles && len(p.allowed) == 0 {
			l.add(inspect.LevelWarning, CodeAnyPath, "", "config.providers."+name+allowedPaths, "set it to the folders with the secrets of connectors",
				"whoever may create a connector reads every file that the worker may read")
		}
		if p.readsVariables && p.variables == nil {
			l.add(inspect.LevelWarning, CodeAnyVariable, "", "config.providers."+name+allowedVariable, "set it to an expression that matches the variables with the secrets of connectors",
				"whoever may create a connector reads every environment variable of the worker")
		}
	}
	if l.o.BeforeKafka44 && len(l.providers) > 0 {
		l.add(inspect.LevelError, CodeValidateReveals, "", "", "upgrade to Kafka 4.4, or let nobody but administrators reach PUT /connector-plugins/PLUGIN/config/validate",
			"before Kafka 4.4 the validation of a configuration answers with the secrets that its references stand for")
	}
}

// lintOverrides finds settings that the policy refuses, and clients without the protection that
// the worker itself has.
func (l *linter) lintOverrides(c *Connector) {
	validated := l.w.ValidatedClients(c)
	for _, r := range l.w.Policy.Refused(c.settings, ConnectorClients()...) {
		effect := "the worker refuses the configuration"
		if !slices.Contains(validated, r.Client) {
			effect = "the connector fails if it makes such a client"
		}
		l.add(inspect.LevelError, CodeRefusedOverride, c.Name, r.Setting(), "remove the setting, or have it allowed in the worker's "+policyKey, "%s: %s", r.Message(), effect)
	}
	worker := protocolOf(l.w.ClientConfig(WorkerClient, nil))
	for _, client := range validated {
		settings := l.w.ClientConfig(client, c)
		if protocol := protocolOf(settings); protocol != worker && settings["bootstrap.servers"] == l.w.settings["bootstrap.servers"] {
			l.add(inspect.LevelError, CodeUnprotected, c.Name, "", "repeat security.protocol and the login in the worker's settings with the prefix "+client.workerPrefix(),
				"its %v connects with %s, and the worker with %s to the same brokers: only the admin client inherits settings without a prefix", client, protocol, worker)
		}
	}
}

func protocolOf(settings map[string]string) string {
	return cmp.Or(strings.ToUpper(trimJava(settings["security.protocol"])), "PLAINTEXT")
}

// lintPrincipals finds clients with the principal of the worker.
func (l *linter) lintPrincipals(c *Connector) {
	worker := l.o.Principal(WorkerClient, "")
	if worker == "" || !l.w.IsDistributed() {
		return
	}
	var same []string
	for _, client := range l.w.ValidatedClients(c) {
		if l.o.Principal(client, c.Name) == worker {
			same = append(same, client.String())
		}
	}
	if len(same) > 0 {
		l.add(inspect.LevelError, CodeSharedPrincipal, c.Name, "", "give the connector a principal of its own, by producer., consumer. and admin. in the worker's settings or by overrides",
			"its %s is %s as the worker is, which may write %s: whoever writes there controls every connector", strings.Join(same, ", "), worker, l.w.topic(internalTopics[0]))
	}
}

// lintShared finds connectors that can read or move each other's offsets. Each is compared with
// the first of those that share something with it.
func (l *linter) lintShared() {
	groups, principals, topics := map[string]*Connector{}, map[string]*Connector{}, map[string]*Connector{}
	for _, c := range l.connectors {
		if c.Kind == Source {
			l.lintSource(c, topics)
			continue
		}
		group := l.w.ClientConfig(ConsumerClient, c)["group.id"]
		if other := groups[group]; other != nil {
			l.add(inspect.LevelWarning, CodeSharedGroup, c.Name, "", "give each a group.id of its own", "it shares the group %s with %s: each gets a part of the records", group, other.Name)
			continue
		}
		groups[group] = c
		for _, client := range []Client{ConsumerClient, AdminClient} {
			who := l.o.Principal(client, c.Name)
			key := client.String() + who
			if other := principals[key]; who != "" && other != nil {
				l.add(inspect.LevelNote, CodeSharedOffsets, c.Name, "", "give each a principal of its own", "its %v is %s, as that of %s: each can commit for the other's group", client, who, other.Name)
				break
			}
			principals[key] = c
		}
	}
}

// lintSource looks whether a source, whose clients write and read its offsets, shares the topic
// with one of those before.
func (l *linter) lintSource(c *Connector, topics map[string]*Connector) {
	topic := l.offsets(c)
	other := topics[topic]
	if other == nil || topic == "" {
		topics[topic] = c
		return
	}
	l.add(inspect.LevelWarning, CodeSharedOffsets, c.Name, "offsets.storage.topic", "give each a topic of its own for its offsets",
		"it keeps its offsets in %s, as %s: its clients can read and move the other's", topic, other.Name)
}

// offsets returns the topic where a source's own clients keep its offsets, or "".
func (l *linter) offsets(c *Connector) string {
	if topic := c.offsetsTopic(); topic != "" || l.w.ExactlyOnce != Enabled {
		return topic
	}
	return l.w.topic("offset.storage.topic")
}

// lintOwnProviders finds providers in the configuration of a connector.
func (l *linter) lintOwnProviders(c *Connector) {
	if c.settings["config.providers"] != "" {
		l.add(inspect.LevelWarning, CodeOwnProvider, c.Name, "config.providers",
			"configure providers in the worker, and limit the classes with the JVM property org.apache.kafka.automatic.config.providers",
			"the connector chooses which classes read which files of the worker")
	}
}

// lintSecrets finds secrets that stand in a configuration, and references that lead nowhere.
func (l *linter) lintSecrets(connector string, settings map[string]string, level inspect.Level, effect string) {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		value := settings[key]
		for _, r := range reference.FindAllStringSubmatch(value, -1) {
			l.lintReference(connector, key, ref{provider: r[1], path: r[3], name: r[4]})
		}
		if Secrets(key, value) != nil {
			l.add(level, CodeClearSecret, connector, key, "put it into a file or a variable of the worker, and a reference such as ${file:/etc/kafka/secrets.properties:key} here (KIP-297)",
				"the value is probably a secret, and stands there in clear text: %s", effect)
		}
	}
}
