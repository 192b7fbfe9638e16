package clienttest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// row is a client and what it needs. In all texts "$" stands for what is different for
// each run, so that runs do not disturb each other.
type row struct {
	name string
	// class is a Java class of this package, and args what it gets. In these, {P} is the
	// text of the client's properties, {F} the path of a file with them, {B} the address to
	// connect to, {A} the properties of a super user straight at the broker, {E} those of
	// a user with all rights on the same way, {ID:TOPIC} the id of a topic, {J} the path of a file
	// with the text of stdin, and {8s} how many seconds to wait for what comes if no right is missing.
	class string
	args  []string
	// tools are command lines of Kafka's tools, in place of class and args.
	tools []tool
	// ownJVM means that the tool does things when its JVM ends, so that it needs one of its own.
	ownJVM bool
	// program is a program and its arguments, in place of class and args.
	program []string
	stdin   string
	// function is a client in this process, in place of class and args.
	function func(ctx context.Context, way way, user, own string) (string, error)
	// props are added to the client's properties.
	props map[string]string

	topics        []string // to be made before; with "=0" at the end without records, with "=compact" compacted with one record, with "=open" with one of a transaction that does not end
	groups        []string // that have committed offsets before
	shareGroups   []string // share groups that begin with the first record of a topic
	streamsGroups []string // groups of Streams applications that have stopped
	transactional []string // transactional ids that have been used before

	// rights are those that the client needs, such as "Read on Topic t (prefixed)".
	rights []string
	// needs is the client of "portcullis protocol --for", in place of rights, and names is
	// what its words in capitals stand for.
	needs string
	names map[string]string
	// unneeded are the rights without which this client prints the same all the same.
	unneeded []string

	// want is a text that the client prints with the rights.
	want string
	// since is the first version of brokers and clients that has what the client does.
	since string
	// full rows are left out of the smaller set.
	full bool
	// alone means that there is nothing to learn from missing rights.
	alone bool
	// exact means that the row is about exactly its rights: with all it does something else.
	exact bool
	// lists means that the client lists what everybody has: with all rights only the lines
	// of its own are compared. Their order is up to chance.
	lists bool
	// unordered means that the order of lines is up to chance.
	unordered bool
	// digits means that the numbers that the client prints are up to chance.
	digits bool
	// check compares the two outcomes, in place of a comparison of the texts.
	check func(t *testing.T, direct, proxied string)
}

// tool is a command line of a tool, and what it reads.
type tool struct {
	line  string // words with spaces between; {C} stands for the address and the file of properties
	stdin string
}

// variant is the rights with which a row runs.
type variant struct {
	name    string
	missing string // the right that is missing, if one is
	rights  []string
}

// allRights is the name of the variant of a user who may do everything.
const allRights = "all rights"

// run is a row with a set of rights, as a user of its own.
type run struct {
	row      *row
	variant  variant
	number   int
	user     string
	bindings []acl.Binding
	awaits   [2]func() string
	outcomes [2]string
}

// variants returns the sets of rights with which the row runs.
func (r *row) variants(t *testing.T, full bool) []variant {
	t.Helper()
	rights := r.needed(t)
	list := []variant{{name: "exactly the rights needed", rights: rights}}
	if full && !r.exact {
		list = append(list, variant{name: allRights, rights: nil})
	}
	if r.alone {
		return list
	}
	for i, right := range rights {
		list = append(list, variant{"without " + right, right, slices.Delete(slices.Clone(rights), i, i+1)})
	}
	return list
}

// needed returns the rights that the client needs.
func (r *row) needed(t *testing.T) []string {
	t.Helper()
	if r.needs == "" {
		return r.rights
	}
	clients := ops.Clients()
	i := slices.IndexFunc(clients, func(c ops.Client) bool { return c.Name == r.needs })
	require.GreaterOrEqual(t, i, 0, r.needs)
	rights := slices.Clone(r.rights)
	for _, g := range clients[i].Needs() {
		name := g.Name
		if known, ok := r.names[name]; ok {
			name = known
		}
		if name != "" {
			rights = append(rights, fmt.Sprintf("%v on %v %s", g.Operation, g.Type, name))
		}
	}
	return rights
}

// binding parses a right: OPERATION on TYPE NAME, with " (prefixed)" at the end if it is.
func binding(principal, right string) acl.Binding {
	words := strings.Fields(right)
	operation, err := ops.ParseOperation(words[0])
	if err != nil {
		panic(right + ": " + err.Error())
	}
	kind, err := resource.ParseType(words[2])
	if err != nil {
		panic(right + ": " + err.Error())
	}
	pattern := resource.Literal
	if strings.HasSuffix(right, " (prefixed)") {
		pattern = resource.Prefixed
	}
	return acl.Binding{
		Pattern: resource.Pattern{Type: kind, Name: words[3], PatternType: pattern},
		Entry:   acl.Entry{Principal: principal, Host: acl.WildcardHost, Operation: operation, Permission: acl.Allow},
	}
}

// newRun makes a run, with the ACLs of its user.
func newRun(w *world, r *row, v variant, number int) *run {
	x := &run{row: r, variant: v, number: number, user: userName(number)}
	if v.name == allRights {
		x.bindings = allowAll("User:" + x.user)
	}
	for _, right := range v.rights {
		for _, way := range w.ways {
			b := binding("User:"+x.user, x.expand(right, way))
			if !slices.Contains(x.bindings, b) {
				x.bindings = append(x.bindings, b)
			}
		}
	}
	return x
}

// own is what stands for "$" in a run on a way.
func (x *run) own(way way) string { return fmt.Sprintf("r%dx%s", x.number, way.name) }

// expand replaces "$", but not in the names of Java's classes.
func (x *run) expand(s string, way way) string {
	return strings.NewReplacer("Serdes$", "Serdes$", "Worker$", "Worker$", "$", x.own(way)).Replace(s)
}

// patience is how many times longer a client may take if no right is missing: it ends when
// it has what it waits for, however busy the machine is.
const patience = 3

var secondsWord = regexp.MustCompile(`\{(\d+)s\}`)

// seconds returns how long a client may take.
func (x *run) seconds(word string) string {
	n, err := strconv.Atoi(secondsWord.FindStringSubmatch(word)[1])
	if err != nil {
		panic(word + ": " + err.Error())
	}
	if x.variant.missing == "" {
		n *= patience
	}
	return strconv.Itoa(n)
}

var idWord = regexp.MustCompile(`\{ID:([^}]*)\}`)

// arguments replaces all that stands for something in the arguments of a client.
func (x *run) arguments(t *testing.T, w *world, way way, args []string) []string {
	t.Helper()
	props := map[string]string{}
	for k, v := range x.row.props {
		props[k] = x.expand(v, way)
	}
	text := w.properties(way, x.user, props)
	owner := w.cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil)
	owner["sasl.jaas.config"] = fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q;", kafkatest.Admin, kafkatest.AdminPassword)
	owner["bootstrap.servers"] = w.cluster.Bootstrap(kafkatest.Internal)
	short := strings.NewReplacer("{P}", text, "{F}", w.file(t, x.own(way), text), "{B}", way.bootstrap, "{U}", x.user,
		"{J}", w.file(t, x.own(way)+"-json", x.expand(x.row.stdin, way)),
		"{A}", kafkatest.Properties(owner), "{E}", w.properties(way, everything, props))
	var out []string
	for _, arg := range args {
		arg = x.expand(arg, way)
		arg = idWord.ReplaceAllStringFunc(arg, func(s string) string { return w.ids[idWord.FindStringSubmatch(s)[1]] })
		arg = secondsWord.ReplaceAllStringFunc(arg, x.seconds)
		out = append(out, short.Replace(arg))
	}
	return out
}

// noise is what differs between two runs of a client, with what it is replaced by, in
// this order.
var noise = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^\[[^\n]*?\] (WARN|ERROR|INFO) [^\n]*\n`), ""}, // the log of a client
	{regexp.MustCompile(`(?m)^(Tools\$Exited: )?exit$\n`), ""},              // in place of the end of the JVM
	{regexp.MustCompile(`(?m)^\s+at [^\n]*\n`), ""},
	{regexp.MustCompile(`(?m)^\s+\.\.\. \d+ more\n`), ""},
	{regexp.MustCompile(`Request Request\([^\n]*\) (is not authorized|needs \w+ permission)\.?`), "Cluster authorization failed."}, // text-of-cluster-refusals
	{regexp.MustCompile(`(?m)^javax\.management\.InstanceAlreadyExistsException[^\n]*\n`), ""},                                     // clients of one name in one JVM
	{regexp.MustCompile(`The topic authorization is failed\.`), "Topic authorization failed."},                                     // texts-of-releases
	{regexp.MustCompile(`, "endpoints": \[[^]]*\]`), ""},                                                                           // controllers-hidden
	{regexp.MustCompile(`(127\.0\.0\.1|localhost):\d+`), "ADDRESS"},
	{regexp.MustCompile(`(ADDRESS\s+\(\d+\)\s+)sticky\s+`), "${1}"}, // versions-shown: StreamsGroupDescribe 0 has no assignor
	// librdkafka names the connection to begin with otherwise than that to the same broker.
	{regexp.MustCompile(`ADDRESS/(bootstrap|\d+)`), "ADDRESS/NODE"},
	{regexp.MustCompile(`from broker (-1|\d+):`), "from broker NODE:"},
	{regexp.MustCompile(`\|\d{10}\.\d{3}\|`), "|TIME|"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`(?i)(TopicId: |topic id |topicId=)[A-Za-z0-9_-]{22}`), "${1}ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,:]?\d*`), "TIME"},
	{regexp.MustCompile(`\b1[6-9]\d{11}\b`), "TIME"},
	{regexp.MustCompile(`\b\d+ ?ms\b`), "N ms"},
	{regexp.MustCompile(`@[0-9a-f]{5,8}\b`), "@OBJECT"},
	// The assignment of a new member is made at most once a second (KIP-1263): it may come with a later heartbeat.
	{regexp.MustCompile(`(?m)^\{"timestamp":TIME,"name":"partitions_assigned","partitions":\[\]\}\n`), ""},
	{regexp.MustCompile(`[ \t]+`), " "}, // tables are as wide as their widest word
}

// race is what a member of a group hears first of a topic that it may not describe: the
// answer to a heartbeat, or that to Metadata, which has the name.
var race = regexp.MustCompile(`(TopicAuthorizationException): (Not authorized to access topics: \[[^]]*\]|Topic authorization failed\.)`)

// allTopics is the list of all topics. Other runs make and delete some at the same time.
var allTopics = regexp.MustCompile(`(?m)^topics \[.*\]$`)

var number = regexp.MustCompile(`\d+(\.\d+)?`)

// unowned puts "$" back in place of what is the run's own.
func (x *run) unowned(w *world, s string) string {
	for _, way := range w.ways {
		s = strings.ReplaceAll(s, x.own(way), "$")
	}
	return s
}

// heartbeats reports whether the clients of a row join groups by heartbeats (KIP-848 and later).
func (r *row) heartbeats() bool {
	isNew := func(t tool) bool { return strings.Contains(t.line, "--group-protocol consumer") }
	return r.props["group.protocol"] != "" || slices.ContainsFunc(r.tools, isNew) || len(r.shareGroups) > 0 && r.tools != nil
}

// outcome returns what a client printed without what is different each time.
func (x *run) outcome(w *world, i int) string {
	s := x.awaits[i]()
	s = x.unowned(w, s)
	for name, id := range w.ids {
		if len(id) > 10 && strings.Contains(s, id) {
			s = strings.ReplaceAll(s, id, "ID-OF-"+x.unowned(w, name))
		}
	}
	for _, n := range noise {
		s = n.pattern.ReplaceAllString(s, n.with)
	}
	if x.row.heartbeats() {
		s = race.ReplaceAllString(s, "$1")
	}
	if x.variant.name == allRights {
		s = allTopics.ReplaceAllString(s, "topics ALL")
	}
	if x.row.digits {
		s = number.ReplaceAllString(s, "N")
	}
	// How often a client that asks again hears the same is up to timing.
	s = strings.Join(slices.CompactFunc(strings.Split(s, "\n"), func(a, b string) bool { return a == b && strings.HasPrefix(a, "org.apache.kafka.common.errors.") }), "\n")
	if x.row.unordered || x.row.lists {
		lines := strings.Split(s, "\n")
		if x.row.lists && x.variant.name == allRights {
			lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, "$") && !strings.HasPrefix(line, "exit status") })
		}
		slices.Sort(lines)
		s = strings.Join(lines, "\n")
	}
	return strings.TrimSpace(s)
}

// compare compares the outcomes of a run on both ways.
func (x *run) compare(t *testing.T, w *world) {
	t.Helper()
	for i := range x.outcomes {
		x.outcomes[i] = x.outcome(w, i)
	}
	if *verboseFlag {
		t.Logf("%s: %s:\n%s", x.row.name, x.variant.name, x.outcomes[0])
	}
	if x.row.check != nil {
		x.row.check(t, x.outcomes[0], x.outcomes[1])
		return
	}
	if x.variant.missing == "" {
		assert.Contains(t, x.outcomes[0], x.row.want, "straight at the broker")
		assert.Contains(t, x.outcomes[1], x.row.want, "through the proxy")
	}
	assert.Equal(t, x.outcomes[0], x.outcomes[1], "straight at the broker, and through the proxy")
}

// judge compares all the runs of a row. Without a right that it needs, a client prints
// something else than with all of them.
func judge(t *testing.T, w *world, runs []*run) int {
	t.Helper()
	compared := 0
	for _, x := range runs {
		t.Run(x.variant.name, func(t *testing.T) {
			compared++
			x.compare(t, w)
			if x.variant.missing == "" {
				return
			}
			if slices.Contains(x.row.unneeded, x.variant.missing) {
				assert.Equal(t, runs[0].outcomes[0], x.outcomes[0], "the right is needed after all")
				return
			}
			assert.NotEqual(t, runs[0].outcomes[0], x.outcomes[0], "the right is not needed")
		})
	}
	return compared
}

// with returns a copy of a map with more in it.
func with(m map[string]string, more map[string]string) map[string]string {
	m = maps.Clone(m)
	maps.Copy(m, more)
	return m
}
