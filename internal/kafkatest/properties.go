package kafkatest

import (
	"crypto/tls"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// properties is a Java properties file.
type properties map[string]string

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// text returns the text of the file, in the order of its keys.
func (p properties) text() string {
	var b strings.Builder
	for _, key := range sorted(p) {
		b.WriteString(key + "=" + escapeProperty(p[key]) + "\n")
	}
	return b.String()
}

// Properties returns the text of a Java properties file.
func Properties(p map[string]string) string { return properties(p).text() }

// escapeProperty escapes a value for Java's Properties, which reads Latin-1.
func escapeProperty(value string) string {
	var b strings.Builder
	for i, r := range value {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == ' ' && i == 0:
			b.WriteString(`\ `)
		case r < 0x7f:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// small keeps a test's broker small and fast. The internal topics have as many replicas
// as there are brokers.
var small = properties{
	"group.initial.rebalance.delay.ms":             "0",
	"offsets.topic.num.partitions":                 "4",
	"transaction.state.log.num.partitions":         "4",
	"share.coordinator.state.topic.num.partitions": "4",
	"controlled.shutdown.enable":                   "true",
	"log.cleaner.dedupe.buffer.size":               "10485760",
	"num.network.threads":                          "2",
	"num.io.threads":                               "4",
	"auto.create.topics.enable":                    "false",
	"group.coordinator.rebalance.protocols":        "classic,consumer,share,streams",
}

// properties returns the broker's server.properties.
func (b *Broker) properties() (string, error) {
	c := b.cluster
	p := properties{"log.dirs": b.path("-data")}
	for key, value := range small {
		p[key] = value
	}
	if !AtLeast(c.Version, "4.0") || AtLeast(c.Version, "4.2") { // later and earlier versions use features for it
		delete(p, "group.coordinator.rebalance.protocols")
	}
	if c.usesZooKeeper() || AtLeast(c.Version, "3.6") {
		p["delegation.token.secret.key"] = "a-secret-of-the-test"
	}
	factor, isr := strconv.Itoa(c.config.Brokers), strconv.Itoa((c.config.Brokers+2)/2)
	for _, topic := range []string{"offsets.topic", "transaction.state.log", "share.coordinator.state.topic"} {
		p[topic+".replication.factor"], p[topic+".min.isr"] = factor, isr
	}
	delete(p, "offsets.topic.min.isr") // there is no such property
	p["default.replication.factor"], p["min.insync.replicas"] = factor, isr

	b.listenerProperties(p)
	if c.usesZooKeeper() {
		p["broker.id"], p["zookeeper.connect"] = strconv.Itoa(b.Node), c.zookeeperAddress()
	} else {
		b.quorumProperties(p)
	}
	b.authorizerProperties(p)
	for key, value := range c.config.Properties {
		p[key] = value
	}
	return p.text(), nil
}

// quorumProperties are those of a broker that is also a controller.
func (b *Broker) quorumProperties(p properties) {
	var voters []string
	for _, other := range b.cluster.Brokers {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", other.Node, other.controller))
	}
	p["process.roles"], p["node.id"] = "broker,controller", strconv.Itoa(b.Node)
	p["controller.quorum.voters"] = strings.Join(voters, ",")
	p["controller.listener.names"] = "CONTROLLER"
	p["listeners"] += fmt.Sprintf(",CONTROLLER://127.0.0.1:%d", b.controller)
	p["listener.security.protocol.map"] += ",CONTROLLER:SASL_PLAINTEXT"
	p["sasl.mechanism.controller.protocol"] = "PLAIN"
	p["listener.name.controller.sasl.enabled.mechanisms"] = "PLAIN"
	p["listener.name.controller.plain.sasl.jaas.config"] = plainModule(map[string]string{Admin: AdminPassword})
}

func (b *Broker) authorizerProperties(p properties) {
	c := b.cluster
	if c.config.NoAuthorizer {
		return
	}
	p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
	if c.usesZooKeeper() {
		p["authorizer.class.name"] = "kafka.security.authorizer.AclAuthorizer"
	}
	p["super.users"] = strings.Join(append([]string{"User:" + Admin}, c.config.SuperUsers...), ";")
	p["allow.everyone.if.no.acl.found"] = strconv.FormatBool(c.config.AllowEveryone)
}

func (b *Broker) listenerProperties(p properties) {
	c := b.cluster
	var addresses, protocols []string
	mechanisms := map[string]bool{}
	for _, l := range c.listeners() {
		addresses = append(addresses, l.Name+"://"+b.Address(l.Name))
		protocols = append(protocols, l.Name+":"+l.protocol())
		l.properties(p)
		for _, m := range l.mechanisms() {
			mechanisms[m] = true
		}
	}
	p["listeners"], p["listener.security.protocol.map"] = strings.Join(addresses, ","), strings.Join(protocols, ",")
	p["inter.broker.listener.name"], p["sasl.mechanism.inter.broker.protocol"] = Internal, "PLAIN"
	p["sasl.enabled.mechanisms"] = strings.Join(sorted(mechanisms), ",")
	if c.config.SSLRules != "" {
		p["ssl.principal.mapping.rules"] = c.config.SSLRules
	}
	if len(c.config.KerberosRules) > 0 {
		p["sasl.kerberos.principal.to.local.rules"] = strings.Join(c.config.KerberosRules, ",")
	}
}

// properties adds the properties of the listener.
func (l *Listener) properties(p properties) {
	prefix := "listener.name." + strings.ToLower(l.Name) + "."
	for _, m := range l.mechanisms() {
		p[prefix+strings.ToLower(m)+".sasl.jaas.config"] = l.loginModule(m)
		if m == "GSSAPI" {
			service, _, _ := strings.Cut(l.Service, "/")
			p[prefix+"gssapi.sasl.kerberos.service.name"] = service
			p["sasl.kerberos.service.name"] = service
		}
	}
	if len(l.mechanisms()) > 0 {
		p[prefix+"sasl.enabled.mechanisms"] = strings.Join(l.mechanisms(), ",")
	}
	if l.TLS != nil {
		for key, value := range l.TLS.serverProperties() {
			p[prefix+key] = value
		}
		p[prefix+"ssl.client.auth"] = "none"
		if l.ClientAuth != "" {
			p[prefix+"ssl.client.auth"] = l.ClientAuth
		}
	}
	for key, value := range l.Properties {
		p[prefix+key] = value
	}
}

// loginModule returns the JAAS line of a mechanism on the broker's side.
func (l *Listener) loginModule(mechanism string) string {
	switch mechanism {
	case "PLAIN":
		return plainModule(l.Users)
	case "GSSAPI":
		return fmt.Sprintf("com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab=%s principal=%s;",
			quoteJAAS(l.Keytab), quoteJAAS(l.Service))
	case "OAUTHBEARER":
		return "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
	}
	return "org.apache.kafka.common.security.scram.ScramLoginModule required;"
}

func plainModule(users map[string]string) string {
	line := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	line += fmt.Sprintf(" username=%s password=%s", quoteJAAS(Admin), quoteJAAS(AdminPassword))
	for _, user := range sorted(users) {
		line += fmt.Sprintf(" user_%s=%s", user, quoteJAAS(users[user]))
	}
	return line + ";"
}

func quoteJAAS(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// clientProperties are those of a Java client of the listener.
func (l *Listener) clientProperties(user string, cert *tls.Certificate) map[string]string {
	p := map[string]string{"security.protocol": l.protocol()}
	if mechanisms := l.mechanisms(); len(mechanisms) > 0 {
		p["sasl.mechanism"] = mechanisms[0]
		module := "org.apache.kafka.common.security.scram.ScramLoginModule"
		if mechanisms[0] == "PLAIN" {
			module = "org.apache.kafka.common.security.plain.PlainLoginModule"
		}
		p["sasl.jaas.config"] = fmt.Sprintf("%s required username=%s password=%s;", module, quoteJAAS(user), quoteJAAS(l.Users[user]))
	}
	if l.TLS != nil {
		maps.Copy(p, l.TLS.clientProperties(cert))
	}
	return p
}
