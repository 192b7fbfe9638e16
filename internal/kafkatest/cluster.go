package kafkatest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The super user that brokers use among themselves, and its password. It can log in
// with PLAIN at the listener [Internal], which every broker has.
const (
	Admin         = "admin"
	AdminPassword = "admin-secret"
)

// Internal is the name of the listener that brokers use among themselves.
const Internal = "INTERNAL"

// startLimit is how long brokers may take to answer. It is ten seconds on a machine that
// has nothing else to do.
const startLimit = 5 * time.Minute

// stopLimit is how long a broker may take to end after SIGTERM.
const stopLimit = 30 * time.Second

// Config says which brokers to start. The zero Config is one broker of [DefaultVersion]
// with only the listener [Internal], where only [Admin] is allowed anything.
type Config struct {
	// Version is the version of Kafka: 2.8.2 runs with ZooKeeper, 3.3.2 and later
	// without.
	Version string
	// Brokers is the number of brokers: 1 (also if it is 0) or 3.
	Brokers int
	// Listeners are for clients.
	Listeners []Listener
	// SuperUsers are principals such as "User:root". User:admin is always one.
	SuperUsers []string
	// AllowEveryone allows access to resources without ACLs
	// (allow.everyone.if.no.acl.found).
	AllowEveryone bool
	// NoAuthorizer runs the brokers without an authorizer.
	NoAuthorizer bool
	// SSLRules is ssl.principal.mapping.rules.
	SSLRules string
	// KerberosRules is sasl.kerberos.principal.to.local.rules.
	KerberosRules []string
	// KerberosConfig is the path of a krb5.conf, for listeners with GSSAPI.
	KerberosConfig string
	// Properties are added to those of the brokers, and override them.
	Properties map[string]string
	// Plugins are Java files with classes that the Properties name, as for [Compile].
	Plugins []string
	// LogLevel is the level of the brokers' log; "" means "info".
	LogLevel string
	// Loggers are the levels of single loggers, such as "kafka.authorizer.logger":
	// "debug".
	Loggers map[string]string
}

// Listener is a port for clients on every broker. It has TLS or SASL if the fields for
// it are set.
type Listener struct {
	// Name is in capital letters, such as "CLIENT".
	Name string
	// Mechanisms are the SASL mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI, and
	// OAUTHBEARER, whose keys the Properties name.
	// With Users and without Mechanisms it is PLAIN.
	Mechanisms []string
	// Users are the passwords of the users, for PLAIN and SCRAM.
	Users map[string]string
	// Keytab is the path of a keytab with the key of Service, for GSSAPI.
	Keytab string
	// Service is the Kerberos principal of the brokers, such as "kafka/127.0.0.1@REALM".
	Service string
	// TLS, if not nil, is the authority that signs the certificates of the listener and
	// of clients.
	TLS *Authority
	// ClientAuth is "required" or "requested" for mutual TLS.
	ClientAuth string
	// Properties are properties of the listener; each is prefixed by
	// listener.name.NAME.
	Properties map[string]string
}

func (l *Listener) mechanisms() []string {
	if len(l.Mechanisms) == 0 && len(l.Users) > 0 {
		return []string{"PLAIN"}
	}
	return l.Mechanisms
}

func (l *Listener) protocol() string {
	switch sasl := len(l.mechanisms()) > 0; {
	case sasl && l.TLS != nil:
		return "SASL_SSL"
	case sasl:
		return "SASL_PLAINTEXT"
	case l.TLS != nil:
		return "SSL"
	}
	return "PLAINTEXT"
}

// Cluster is a set of brokers started by [Start]. Its methods must be called from one
// goroutine.
type Cluster struct {
	Version string
	Brokers []*Broker

	config    Config
	folder    string
	classes   string // the class path of the brokers
	lib       string
	zookeeper *process
	zkPort    int
}

// Broker is one broker of a Cluster.
type Broker struct {
	// Node is its node id, starting at 1.
	Node int

	cluster    *Cluster
	ports      map[string]int // by listener
	controller int
	p          *process
}

// Start starts brokers, which are stopped at the end of the test, and returns when all
// of them respond. If the test fails, it logs the end of the brokers' logs. It skips
// the test if Java or Maven is missing: see the package comment.
func Start(t testing.TB, config Config) *Cluster {
	t.Helper()
	if config.Version == "" {
		config.Version = DefaultVersion
	}
	if config.Brokers == 0 {
		config.Brokers = 1
	}
	c := &Cluster{config: config}
	c.use(t, config.Version)
	folder := temporary(t)
	t.Cleanup(func() {
		if t.Failed() {
			c.logTails(t)
		}
		c.Stop()
	})
	var err error
	for attempt := range 3 { // another program may take a port that was free
		c.folder = filepath.Join(folder, strconv.Itoa(attempt))
		if err = os.Mkdir(c.folder, 0o700); err != nil {
			break
		}
		if err = c.start(); err == nil {
			return c
		}
		c.Stop()
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	t.Fatalf("Kafka %s does not start: %v", config.Version, err)
	return nil
}

var errPortTaken = errors.New("a port is taken")

// use makes the cluster run with the jars of a version.
func (c *Cluster) use(t testing.TB, version string) {
	t.Helper()
	c.Version, c.lib = version, Jars(t, version)
	if c.classes = classPath(c.lib); len(c.config.Plugins) > 0 {
		c.classes = Compile(t, version, c.config.Plugins...)
	}
}

// usesZooKeeper reports whether the version runs with ZooKeeper.
func (c *Cluster) usesZooKeeper() bool { return !AtLeast(c.Version, "3.3") }

func (c *Cluster) start() error {
	if err := c.place(); err != nil {
		return err
	}
	if c.usesZooKeeper() {
		if err := c.startZooKeeper(); err != nil {
			return err
		}
	}
	for _, b := range c.Brokers {
		if err := b.format(); err != nil {
			return err
		}
	}
	for _, b := range c.Brokers {
		if err := b.launch(); err != nil {
			return err
		}
	}
	return c.ready()
}

// place chooses the ports of all brokers.
func (c *Cluster) place() error {
	c.Brokers = nil
	listeners := c.listeners()
	ports, err := freePorts(c.config.Brokers*(len(listeners)+1) + 1)
	if err != nil {
		return err
	}
	for node := 1; node <= c.config.Brokers; node++ {
		b := &Broker{Node: node, cluster: c, ports: map[string]int{}}
		for _, l := range listeners {
			b.ports[l.Name], ports = ports[0], ports[1:]
		}
		b.controller, ports = ports[0], ports[1:]
		c.Brokers = append(c.Brokers, b)
	}
	c.zkPort = ports[0]
	return nil
}

// listeners returns the listeners for clients, and that of the brokers.
func (c *Cluster) listeners() []Listener {
	internal := Listener{Name: Internal, Users: map[string]string{Admin: AdminPassword}}
	return append(slices.Clone(c.config.Listeners), internal)
}

// freePorts returns n ports of the loopback interface that nobody listens on. They are below
// those of connections that go out: one of these would keep a broker that is restarted from
// its port.
func freePorts(n int) ([]int, error) {
	var ports []int
	for attempt := 0; len(ports) < n; attempt++ {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(10_000+rand.IntN(10_000)))
		switch {
		case err == nil:
			defer l.Close() // so that no port is there twice
			ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		case attempt >= 1000:
			return nil, err
		}
	}
	return ports, nil
}

func (c *Cluster) startZooKeeper() error {
	path := filepath.Join(c.folder, "zookeeper.properties")
	text := properties{
		"dataDir": filepath.Join(c.folder, "zookeeper"), "clientPort": strconv.Itoa(c.zkPort), "clientPortAddress": "127.0.0.1",
		"admin.enableServer": "false", "maxClientCnxns": "0",
	}.text()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	p, err := c.jvm("zookeeper", []string{"-Xmx128m"}, "zookeeper-server-start", path)
	if err != nil {
		return err
	}
	c.zookeeper = p
	return c.await(p, "zookeeper", func() error {
		conn, err := net.Dial("tcp", c.zookeeperAddress())
		if err == nil {
			conn.Close()
		}
		return err
	})
}

func (c *Cluster) zookeeperAddress() string { return "127.0.0.1:" + strconv.Itoa(c.zkPort) }

// jvm starts a Java program. Its output goes to the file NAME.log in the folder.
func (c *Cluster) jvm(name string, options []string, tool string, args ...string) (*process, error) {
	class, err := ToolClass(c.Version, tool)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(c.folder, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return launch("java", slices.Concat(options, []string{"-cp", c.classes, class}, args), nil, nil, log, log)
}

// format creates the broker's folder, with the SCRAM users.
func (b *Broker) format() error {
	c := b.cluster
	text, err := b.properties()
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path(".properties"), []byte(text), 0o600); err != nil {
		return err
	}
	if c.usesZooKeeper() {
		if b.Node == 1 {
			return c.scramInZooKeeper()
		}
		return nil
	}
	args := []string{"format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", b.path(".properties")}
	for _, s := range c.scramUsers() {
		if !AtLeast(c.Version, "3.5") {
			return fmt.Errorf("SCRAM users need Kafka 3.5, or 2.8 with ZooKeeper")
		}
		args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", s.mechanism, s.user, s.password))
	}
	return c.tool("kafka-storage", args...)
}

// tool runs a tool and returns an error unless it succeeds.
func (c *Cluster) tool(tool string, args ...string) error {
	class, err := ToolClass(c.Version, tool)
	if err != nil {
		return err
	}
	jvm := slices.Concat(quick, []string{quiet, "-Xmx256m", "-cp", c.classes, class}, args)
	result, err := run("java", jvm, nil, nil, toolLimit)
	if err == nil && result.Status != 0 {
		err = errors.New(result.String())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	return nil
}

func (c *Cluster) scramInZooKeeper() error {
	for _, s := range c.scramUsers() {
		err := c.tool("kafka-configs", "--zookeeper", c.zookeeperAddress(), "--alter", "--entity-type", "users", "--entity-name", s.user,
			"--add-config", fmt.Sprintf("%s=[password=%s]", s.mechanism, s.password))
		if err != nil {
			return err
		}
	}
	return nil
}

type scramUser struct{ mechanism, user, password string }

// scramUsers returns the users of all listeners with SCRAM, in order.
func (c *Cluster) scramUsers() []scramUser {
	var users []scramUser
	for _, l := range c.config.Listeners {
		for _, mechanism := range l.mechanisms() {
			if !strings.HasPrefix(mechanism, "SCRAM-") {
				continue
			}
			for _, user := range sorted(l.Users) {
				if s := (scramUser{mechanism, user, l.Users[user]}); !slices.Contains(users, s) {
					users = append(users, s)
				}
			}
		}
	}
	return users
}

// path returns the path of a file of the broker.
func (b *Broker) path(suffix string) string {
	return filepath.Join(b.cluster.folder, "broker-"+strconv.Itoa(b.Node)+suffix)
}

func (b *Broker) launch() error {
	c := b.cluster
	level := c.config.LogLevel
	if level == "" {
		level = "info"
	}
	options := []string{"-Xmx600m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=" + level, "-Dorg.slf4j.simpleLogger.showDateTime=true"}
	options = slices.Concat(quick, options)
	for _, name := range sorted(c.config.Loggers) {
		options = append(options, "-Dorg.slf4j.simpleLogger.log."+name+"="+c.config.Loggers[name])
	}
	if c.config.KerberosConfig != "" {
		options = append(options, "-Djava.security.krb5.conf="+c.config.KerberosConfig)
	}
	var err error
	b.p, err = c.jvm("broker-"+strconv.Itoa(b.Node), options, "kafka-server-start", b.path(".properties"))
	return err
}

// ready waits until every broker answers and knows all the others.
func (c *Cluster) ready() error {
	for _, b := range c.Brokers {
		if err := b.ready(len(c.Brokers)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) ready(brokers int) error {
	return b.cluster.await(b.p, "broker-"+strconv.Itoa(b.Node), func() error {
		conn, err := b.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		known, err := conn.brokers()
		if err == nil && known < brokers {
			err = fmt.Errorf("it knows only %d of %d brokers", known, brokers)
		}
		return err
	})
}

// await calls try until it returns nil or the process ends.
func (c *Cluster) await(p *process, name string, try func() error) error {
	deadline := time.Now().Add(startLimit)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if p.ended() {
			err = fmt.Errorf("%s ended: %v", name, p.err)
			if log, _ := os.ReadFile(filepath.Join(c.folder, name+".log")); strings.Contains(string(log), "Address already in use") {
				err = fmt.Errorf("%w: %w", errPortTaken, err)
			}
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer after %v: %w", name, startLimit, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Bootstrap returns the addresses (host:port) of a listener on all brokers, separated
// by commas.
func (c *Cluster) Bootstrap(listener string) string {
	var addresses []string
	for _, b := range c.Brokers {
		addresses = append(addresses, b.Address(listener))
	}
	return strings.Join(addresses, ",")
}

// Address returns the address (host:port) of a listener of the broker, or "" if there
// is no such listener.
func (b *Broker) Address(listener string) string {
	port, ok := b.ports[listener]
	if !ok {
		return ""
	}
	return "127.0.0.1:" + strconv.Itoa(port)
}

// Configuration returns the broker's server.properties.
func (b *Broker) Configuration(t testing.TB) string {
	t.Helper()
	text, err := b.properties()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Kill ends the broker with SIGKILL, as a power failure would.
func (b *Broker) Kill() {
	if b.p != nil {
		b.p.kill()
	}
}

// Stop ends the broker with SIGTERM: it first hands its partitions to the others.
func (b *Broker) Stop(t testing.TB) {
	t.Helper()
	if err := b.p.stop(stopLimit); err != nil {
		t.Errorf("broker %d: %v", b.Node, err)
	}
}

// Pause stops the broker with SIGSTOP: it keeps its connections and accepts new ones,
// but does not respond until [Broker.Resume].
func (b *Broker) Pause() { b.p.signal(syscall.SIGSTOP) }

// Resume continues a broker after [Broker.Pause].
func (b *Broker) Resume() { b.p.signal(syscall.SIGCONT) }

// Restart starts a broker that has ended, with the same data and ports, and returns
// when it responds.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.Kill()
	if err := errors.Join(b.launch(), b.ready(1)); err != nil {
		t.Fatalf("broker %d: %v", b.Node, err)
	}
}

// Upgrade stops all brokers and starts them again as another version of Kafka, with the same
// data and ports. The features of the cluster, such as metadata.version, keep their levels.
func (c *Cluster) Upgrade(t testing.TB, version string) {
	t.Helper()
	c.use(t, version)
	for _, b := range c.Brokers {
		b.Stop(t)
	}
	for _, b := range c.Brokers {
		text, err := b.properties()
		if err := errors.Join(err, os.WriteFile(b.path(".properties"), []byte(text), 0o600), b.launch()); err != nil {
			t.Fatalf("broker %d: %v", b.Node, err)
		}
	}
	if err := c.ready(); err != nil {
		t.Fatal(err)
	}
}

// Log returns everything that the broker has logged.
func (b *Broker) Log() string {
	text, _ := os.ReadFile(b.path(".log"))
	return string(text)
}

// Stop ends all brokers at once. It may be called again.
func (c *Cluster) Stop() {
	for _, b := range c.Brokers {
		b.Kill()
	}
	if c.zookeeper != nil {
		c.zookeeper.kill()
	}
}

// logTails logs the end of the brokers' logs.
func (c *Cluster) logTails(t testing.TB) {
	for _, b := range c.Brokers {
		t.Logf("broker %d logged last:\n%s", b.Node, lastLines([]byte(b.Log()), 60))
	}
}

// ClientProperties returns the properties with which Kafka's own clients and tools
// connect to a listener. If the listener has SASL with passwords, user is one of its
// users, or [Admin] for [Internal]. cert is for mutual TLS, otherwise nil.
func (c *Cluster) ClientProperties(listener, user string, cert *tls.Certificate) map[string]string {
	for _, l := range c.listeners() {
		if l.Name == listener {
			return l.clientProperties(user, cert)
		}
	}
	return nil
}
