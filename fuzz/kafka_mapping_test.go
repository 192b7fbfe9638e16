package fuzz_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/shrink"
	"github.com/portcullis-authz/portcullis/principal"
)

// What the tests of mapping rules compare, for each release.
const (
	sslRounds        = 150
	kerberosRounds   = 250 // of lists of which Kafka refuses most
	listsInRound     = 100
	namesOfList      = 8
	leastPairs       = 100_000 // of lists that Kafka accepts, and names, in each test
	leastMapped      = 15_000
	leastRefusedList = 1_000  // by Kafka
	refusedShare     = 12     // at most one pair in so many is refused by Portcullis alone
	lateShare        = 10_000 // at most one pair in so many takes Kafka seconds
)

// mappingRelease is the release of Kafka that mapping rules are compared with: its
// classes that do it are the same in all releases from 4.0 on.
const mappingRelease = "4.4.0"

// ruleList is a list of rules, and names to map.
type ruleList struct {
	kerberos bool
	realm    string   // the default realm
	rules    []string // of Kerberos; else one text with all of them
	names    []string
}

// ruleReading is a list as this project reads it.
type ruleReading struct {
	how  string
	name func(string) (string, error)
	text string // as Kafka would print the rules
	err  error
}

// readings returns the list as this project reads it, without and with backtracking.
func (l ruleList) readings() (both []ruleReading) {
	for how, maxSteps := range []int{0, principal.DefaultMaxSteps} {
		reading := ruleReading{how: []string{"in linear time", "with backtracking"}[how]}
		if l.kerberos {
			r, err := principal.ParseKerberosRules(l.rules, l.realm, maxSteps)
			if reading.err = err; err == nil {
				reading.name, reading.text = r.ShortName, kerberosText(r.Rules())
			}
		} else {
			r, err := principal.ParseSSLRules(l.rules[0], maxSteps)
			if reading.err = err; err == nil {
				reading.name, reading.text = r.Name, r.String()
			}
		}
		both = append(both, reading)
	}
	return both
}

func kerberosText(rules []string) string {
	return "KerberosShortNamer(principalToLocalRules = [" + strings.Join(rules, ", ") + "])"
}

// words appends the list as MapperJudge reads it.
func (l ruleList) words(words []string) []string {
	if l.kerberos {
		words = append(words, "kerberos", l.realm, strconv.Itoa(len(l.rules)))
	} else {
		words = append(words, "ssl")
	}
	words = append(words, l.rules...)
	return append(append(words, strconv.Itoa(len(l.names))), l.names...)
}

// smaller returns lists that differ from this one in that something is taken away.
func (l ruleList) smaller() (smaller []ruleList) {
	for _, names := range shrink.List(l.names) {
		smaller = append(smaller, ruleList{l.kerberos, l.realm, l.rules, names})
	}
	if l.kerberos {
		for _, rules := range shrink.List(l.rules) {
			smaller = append(smaller, ruleList{l.kerberos, l.realm, rules, l.names})
		}
	}
	replaced := func(list []string, i int, text string) []string {
		list = slices.Clone(list)
		list[i] = text
		return list
	}
	for i := range l.rules {
		for _, text := range shrink.Text(l.rules[i]) {
			smaller = append(smaller, ruleList{l.kerberos, l.realm, replaced(l.rules, i, text), l.names})
		}
	}
	for i := range l.names {
		for _, text := range shrink.Text(l.names[i]) {
			smaller = append(smaller, ruleList{l.kerberos, l.realm, l.rules, replaced(l.names, i, text)})
		}
	}
	return smaller
}

// family returns the family of captured rows in which the list belongs.
func (l ruleList) family() string {
	if l.kerberos {
		return "kerberos"
	}
	return "ssl_mapping"
}

// row returns the list, and Kafka's answers for the rules and each name, as a captured
// row.
func (l ruleList) row(answers []string) string {
	row := map[string]any{"source": "TestKafka"}
	if l.kerberos {
		row["defaultRealm"], row["rules"] = l.realm, l.rules
	} else {
		row["rules"] = l.rules[0]
	}
	text, accepted := fromJava(answers[0][1:])
	switch {
	case answers[0][0] != '=':
		row["errorClass"] = answers[0][1:]
	case l.kerberos:
		row["toString"] = text
	default:
		row["parsed"] = []string{text}
	}
	cases := []map[string]any{}
	for i, name := range l.names {
		if !accepted || answers[0][0] != '=' || answers[1+i] == "H" {
			continue
		}
		one := map[string]any{"dn": name}
		if l.kerberos {
			one = map[string]any{"principal": name}
			addParts(one, name)
		}
		mapped, isText := fromJava(answers[1+i][1:])
		switch {
		case answers[1+i][0] == '!':
			one["errorClass"] = answers[1+i][1:]
		case !isText && !l.kerberos:
			one["name"], one["loneSurrogate"] = mapped, true
		default:
			one["name"] = mapped
		}
		cases = append(cases, one)
	}
	row["cases"] = cases
	encoded, err := json.Marshal(row)
	if err != nil {
		panic(err) // all of it can be written
	}
	return string(encoded)
}

// addParts adds what a Kerberos name is made of, which captured rows have as well. It is
// this project's reading: KerberosName.parse is not asked by itself.
func addParts(row map[string]any, name string) {
	rules, err := principal.ParseKerberosRules([]string{"DEFAULT"}, "", 0)
	if err != nil {
		panic(err) // they are the usual rules
	}
	trace := rules.Trace(name)
	for i, key := range []string{"serviceName", "hostName"} {
		if i < len(trace.Components) {
			row[key] = trace.Components[i]
		}
	}
	if len(trace.Components) > 0 {
		row["realm"] = trace.Realm
	}
}

// TestKafkaSSLMapping compares the names that lists of ssl.principal.mapping.rules make
// of DNs with those of Kafka's SslPrincipalMapper. A list or a name may be refused; it
// must not be mapped in another way.
func TestKafkaSSLMapping(t *testing.T) { compareMapping(t, sslRounds, newSSLList) }

// TestKafkaKerberosMapping is TestKafkaSSLMapping for lists of
// sasl.kerberos.principal.to.local.rules and Kafka's KerberosShortNamer.
func TestKafkaKerberosMapping(t *testing.T) { compareMapping(t, kerberosRounds, newKerberosList) }

func compareMapping(t *testing.T, rounds int, list func(gen.Source) ruleList) {
	c := &mappingComparison{t: t, jvm: startJudge(t, mappingRelease, "MapperJudge")}
	inRounds(rounds, func(n uint64) { c.round(n, list) })
	t.Logf("%d pairs: %d mapped, %d refused by both, %d by Portcullis alone, %d too slow in Kafka; lists: %d read by both, %d refused by both, %d by Portcullis alone; %d differences",
		c.pairs, c.mapped, c.failed, c.refused, c.late, c.lists, c.refusedLists, c.refusedAlone, c.different)
	assert.Zero(t, c.different)
	for _, d := range c.differences {
		list, what, answers := c.shrink(d)
		t.Errorf("%s\nas in this row for fuzz/testdata, family %s:\n%s", what, list.family(), list.row(answers))
	}
	assert.GreaterOrEqual(t, c.pairs, leastPairs)
	assert.GreaterOrEqual(t, c.mapped, leastMapped)
	assert.GreaterOrEqual(t, c.refusedLists, leastRefusedList)
	assert.LessOrEqual(t, c.refused, c.pairs/refusedShare)
	assert.LessOrEqual(t, c.late, c.pairs/lateShare)
}

// TestKafkaMappingRowsReplay holds that the rows that the tests of mapping rules print
// are captured rows: they pass where Kafka's answers are this project's, and fail where
// one is not.
func TestKafkaMappingRowsReplay(t *testing.T) {
	rows := map[string]int{}
	replay := map[string]func([]byte) (replayed, error){"ssl_mapping": replaySSLMapping, "kerberos": plain(replayKerberos)}
	for seed := range uint64(600) {
		list := []func(gen.Source) ruleList{newSSLList, newKerberosList}[seed%2](gen.Seeded(seed))
		list.names = list.names[:1]
		reading := list.readings()[0]
		if reading.err != nil {
			continue
		}
		name, err := reading.name(list.names[0])
		if err != nil && reasonOf(err) != noRuleApplies {
			continue
		}
		right, wrong := "="+javaText(name), "=no name"
		if err != nil {
			right = "!org.apache.kafka.common.security.ssl.SslPrincipalMapper$NoMatchingRule"
		}
		rules := "=" + javaText(reading.text)
		rows[list.family()]++
		for _, tt := range []struct {
			rules, name string
			same        bool
		}{{rules, right, true}, {rules, wrong, false}, {rules + "x", right, false}, {"!java.lang.IllegalArgumentException", "!", false}} {
			row := list.row([]string{tt.rules, tt.name})
			r, err := replay[list.family()]([]byte(row))
			require.NoError(t, err, row)
			require.Equal(t, tt.same, len(r.mismatches) == 0, "%s: %q", row, r.mismatches)
		}
	}
	assert.Greater(t, rows["ssl_mapping"], 100)
	assert.Greater(t, rows["kerberos"], 10)
}

// javaText escapes a text as the judges do.
func javaText(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String()
}

type mappingComparison struct {
	t   *testing.T
	jvm *kafkatest.JVM

	mu                                                                      sync.Mutex
	pairs, mapped, failed, refused, late, lists, refusedLists, refusedAlone int
	different                                                               int
	differences                                                             []ruleList // the first of them
	what                                                                    string     // the last of them
}

// differ records that Kafka differs at a list, or at a list and a name.
func (c *mappingComparison) differ(list ruleList, how, format string, args ...any) {
	c.what = fmt.Sprintf("%q (realm %q) %s: ", list.rules, list.realm, how) + fmt.Sprintf(format, args...)
	if c.different++; len(c.differences) < maxDifferences {
		c.differences = append(c.differences, list)
	}
}

// shrink makes a list at which Kafka differs smaller. It returns also what the
// difference is then, and Kafka's answers.
func (c *mappingComparison) shrink(list ruleList) (_ ruleList, what string, answers []string) {
	first := func(lists []ruleList) int {
		var words []string
		n := 0
		for _, l := range lists {
			words = l.words(words)
			n += 1 + len(l.names)
		}
		all := callJudge(c.t, c.jvm, "MapperJudge", "\n", n, words)
		if all == nil {
			return -1
		}
		for i, l := range lists {
			one := &mappingComparison{t: c.t}
			one.compare(l, all[:1+len(l.names)])
			if one.different > 0 {
				what, answers = one.what, all[:1+len(l.names)]
				return i
			}
			all = all[1+len(l.names):]
		}
		return -1
	}
	if first([]ruleList{list}) < 0 {
		c.t.Errorf("Kafka no longer differs at %q of realm %q and one of %q", list.rules, list.realm, list.names)
		return list, "", slices.Repeat([]string{"H"}, 1+len(list.names))
	}
	return shrink.Value(list, ruleList.smaller, first), what, answers
}

func (c *mappingComparison) round(n uint64, draw func(gen.Source) ruleList) {
	src := gen.Seeded(kafkaSeed + n)
	var words []string
	var lists []ruleList
	for range listsInRound {
		list := draw(src)
		lists = append(lists, list)
		words = list.words(words)
	}
	answers := callJudge(c.t, c.jvm, "MapperJudge", "\n", listsInRound*(1+namesOfList), words)
	if answers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range lists {
		c.compare(list, answers[:1+namesOfList])
		answers = answers[1+namesOfList:]
	}
}

// compare compares Kafka's answers, for a list and each of its names, with both readings.
func (c *mappingComparison) compare(list ruleList, answers []string) {
	for _, r := range list.readings() {
		c.compareList(list, r, answers[0], answers[1:])
	}
}

func (c *mappingComparison) compareList(list ruleList, r ruleReading, kafka string, answers []string) {
	if kafka == "H" {
		c.late++
		return
	}
	accepted := kafka[0] == '='
	if r.err != nil {
		switch {
		case !accepted:
			c.refusedLists++
		case isOurOwn(r.err):
			c.refusedAlone++
		default:
			c.differ(list, r.how, "refused (%v), Kafka reads it", r.err)
		}
		return
	}
	if !accepted {
		c.differ(list, r.how, "read, Kafka refuses it: %s", kafka)
		return
	}
	c.lists++
	if text, _ := fromJava(kafka[1:]); text != r.text {
		c.differ(list, r.how, "read as %s, by Kafka as %s", r.text, text)
	}
	for i, name := range list.names {
		list.names = []string{name}
		got, err := r.name(name)
		c.compareName(list, r.how, got, err, answers[i])
	}
}

// isOurOwn reports whether a list is refused for a construct that Portcullis does not
// have, by its documentation.
func isOurOwn(err error) bool {
	var fault *principal.RuleError
	return errors.As(err, &fault) && slices.Contains(javaregex.Constructs(), fault.Construct)
}

// compareName compares the name that became of that of the list.
func (c *mappingComparison) compareName(list ruleList, how, got string, err error, kafka string) {
	c.pairs++
	name := list.names[0]
	want, isText := "", false
	if kafka[0] == '=' {
		want, isText = fromJava(kafka[1:])
	}
	none := reasonOf(err) == noRuleApplies || reasonOf(err) == "the rule makes a name that is not simple"
	switch {
	case err != nil && got != "":
		c.differ(list, how, "%q: refused (%v), but leaves the name %q", name, err, got)
	case kafka == "H":
		c.late++
	case err == nil && (!isText || got != want):
		c.differ(list, how, "%q: %q, Kafka %s", name, got, kafka)
	case err == nil:
		c.mapped++
	case none != strings.HasSuffix(kafka, "NoMatchingRule") && (none || kafka[0] == '!' && !isLimit(err)):
		c.differ(list, how, "%q: refused (%v), Kafka %s", name, err, kafka)
	case kafka[0] == '!':
		c.failed++
	case reasonOf(err) == "malformed name":
		c.differ(list, how, "%q: refused (%v), Kafka %s", name, err, kafka)
	default:
		c.refused++
	}
}

// isLimit reports whether a rule cannot be applied to a name by a limit of Portcullis:
// then a later rule, or none, may apply in Kafka.
func isLimit(err error) bool {
	return reasonOf(err) == "the rule cannot be applied"
}

// fromJava reads a text that the judge has escaped. ok is false if it is no Unicode.
func fromJava(text string) (_ string, ok bool) {
	var units []uint16
	for i := 0; i < len(text); i++ {
		unit := uint64(text[i])
		if text[i] == '\\' {
			var err error
			if unit, err = strconv.ParseUint(text[i+2:i+6], 16, 16); err != nil {
				return "", false
			}
			i += 5
		}
		units = append(units, uint16(unit))
	}
	decoded := string(utf16.Decode(units))
	return decoded, slices.Equal(utf16.Encode([]rune(decoded)), units)
}

// The parts of rules for DNs. The first of a list are the usual ones.
var (
	sslAttributes = []string{"CN=", "CN=", "CN=", "OU=", "O=", "UID=", "(?:CN|OU)=", "(CN|O)=", "[A-Z]+=", "(?i:cn)=", `\w+=`, `\p{Lu}+=`, "C="}
	sslValues     = []string{"(.*?)", "([^,]*)", "(.*)", "([a-z]+)", `(\w+)`, ".*", "(a|ab)(c|bcd)?", "(?<n>[^,]+)", "((a)|b)+", "([a-z])*", "(.)(.*)", `([^,\\]|\\.)*`, "(.+)",
		"([a-z]++)", "(?>a|ab)c?", `(.)\1*.*`, "(?=a)(.*)", "(?!a)([^,]*)", `([^,]+)(?<!c)`, "x*", "(|a)*", `\b(.*)\b`, `([\w-&&[^b]]+)`, `(\d+)`, `\Qa.b\E`, `(\p{L}+)`, `([\x{61}-\x{7a}]+)`,
		"(?s:(.*))", "(?i)(ABC)", "(?i:\u00e9|abc)", "([^\u00e9]*)", "(.{1,3})", "(.{2,}?)", `(\S*)`, `([\S\s]*)`, "\U0001f600?"}
	sslTails        = []string{"", "", ".*", ",.*", "(,.*)?", "(,.*|$)", "$", `\z`, `\Z`, ",?.*?", "(?:,[^,]*)*"}
	sslReplacements = []string{"$1", "$1", "$1", "$1@$2", "$0", "$2", "", "x", "$1x", "a$1b", "${n}", "$10", "$01", "$00", `\$1`, `\\`, "$", "$x", "$1,$2", "$3", "$9", `a\/b`, "\u00df$1", "$1\U0001f600"}
	sslGarbage      = []string{"", " ", "DEFAULT DEFAULT", "default", "RULE:", "RULE:a", "RULE:a/b", "RULE:a/b/X", "RULE:a/b/LU", "RULE:(/b/", "RULE:[/b/", "RULE:*/b/", "RULE:a{2,1}/b/", `RULE:\/b/`,
		"x", "RULE:(?<a/b/", `RULE:\1/b/`, "RULE:a/b/L ", "RULE:/x/", "RULE://", "RULE:a/b//", "RULE:[b-a]/b/", `RULE:\p{X}/b/`, "RULE:(?P<n>a)/b/", "RULE:a**/b/"}
	dnAttributes = []string{"CN=", "CN=", "CN=", "OU=", "O=", "UID=", "C=", "cn=", "1.2.3=", "", "\u00c9="}
	dnValues     = []string{"abc", "a", "ab", "aab", "abcd", "abab", "", "Duke", "x-y", "123", "a.b", "Tkac\\, Adam", `\#a`, `\ a\ `, "\u00e9", "\u00c9", "e\u0301", "\U0001f600", "a\nb", "a\n", "a\r\n",
		"a\u2028b", "\u03a3\u0391\u03a3", "\u0130", "\u00df", "\ufb01x", "K", "\u212a", "ABC", "xx", "aaaaaa", "#0403616263", "$1", `\\`, "a b", "a+CN=b", "\u01c5"}
)

func newSSLList(src gen.Source) ruleList {
	var rules strings.Builder
	var attributes []string // of the patterns, so that names match them
	for i := range 1 + src.IntN(3) {
		if i > 0 {
			rules.WriteString(gen.Pick(src, []string{",", ",", ",", ", ", " ,", ",\n", "\n", "\r\n,", "", ",,", "\t,\u00a0"}))
		}
		rules.WriteString(newSSLRule(src, &attributes))
	}
	list := ruleList{rules: []string{rules.String()}}
	for range namesOfList {
		list.names = append(list.names, newDN(src, attributes))
	}
	return list
}

func newSSLRule(src gen.Source, attributes *[]string) string {
	switch src.IntN(20) {
	case 0, 1:
		return "DEFAULT"
	case 2:
		return gen.Pick(src, sslGarbage)
	}
	var pattern strings.Builder
	pattern.WriteString(gen.Pick(src, []string{"", "", "", "^", "^", ".*", "(?i)", `\A`, "(?s)", "(?m)^", "(?m)(?s).*^"}))
	for i := range 1 + src.IntN(3) {
		attribute := gen.Pick(src, sslAttributes)
		if i > 0 {
			pattern.WriteString(gen.Pick(src, []string{",", ",", ",", ".*,", ",?", "[,+]"}))
		}
		pattern.WriteString(attribute + gen.Pick(src, sslValues))
		*attributes = append(*attributes, attribute)
	}
	pattern.WriteString(gen.Pick(src, sslTails))
	return "RULE:" + pattern.String() + "/" + gen.Pick(src, sslReplacements) + "/" + gen.Pick(src, []string{"", "", "", "L", "U"})
}

// newDN returns a name with some of the attributes.
func newDN(src gen.Source, attributes []string) string {
	var dn strings.Builder
	for i := range 1 + src.IntN(4) {
		if i > 0 {
			dn.WriteString(gen.Pick(src, []string{",", ",", ",", ",", ",", ",", ",", "+", ", ", "\n", "\r\n"}))
		}
		attribute := gen.Pick(src, dnAttributes)
		if i < len(attributes) && src.IntN(4) > 0 && !strings.ContainsAny(attributes[i], `([\`) {
			attribute = attributes[i]
		}
		dn.WriteString(attribute + gen.Pick(src, dnValues))
	}
	return dn.String()
}

// The parts of rules for Kerberos principals, and of these.
var (
	kerberosCounts   = []string{"1", "2", "1", "2", "1", "2", "1", "2", "0", "3", "02", "", "x", "99999999999"}
	kerberosFormats  = []string{"$1", "$1", "$1", "$1@$0", "$1@$0", "$2", "$1/$2", "$0", "$1$2", "x$1", "$1;$2", "$3", "$", "$a", "$01", "$10", "", "a]b", "\u00e9$1", "$1\n"}
	kerberosPatterns = []string{"", "", "", "(.*)", "(.*)", "(a.*)", "(.*@R)", "(a|ab)", "([^b]*)", "(.*;[ab]+)", "(^a$)", "()", `(\w+)`, `(\p{L}+)`, "(a*+b?)", "(.*?)", `([a-z]+\b)`, "(a{1,2}b*)", "((a))", "([)",
		"(*)", "([[:alpha:]]+)", "(?i)", `(\Qa\E.*)`, "(.)"}
	kerberosEdits = []string{"", "", "", "s/@.*//", "s/@.*//", "s/a/b/", "s/a/b/g", "s/.*/x/g", "s/(a)(b)?/$2$1/g", "s/b*/-/g", "s//-/g", "s/;.*//", `s/a/\$1/`, "s/(.)@R/$1/", "s/a/$1/",
		"s/(a)/$10$11/", "s/(a)/$01/", "s/^a//g", "s/b$//g", "s/x/$/", `s/a/\/`, "s/(?<n>a)/${n}${n}/", "s/(?=b)/-/g", "s/\u00e9/e/g", "s/[^a-z]//g", `s/\b/|/g`, "s/a/b", "s/a/", "s/(/x/", "s/.//g"}
	kerberosEnds   = []string{"", "", "", "", "", "", "/L", "/U", "L", "U", "/", "//", "//L", "/L/U", "/l", " ", "g"}
	kerberosParts  = []string{"a", "ab", "abab", "A", "b", "", "aB;", "x", "\u00e9", "\U0001f600", "\u00df", "a b", "kafka", "host.example.com", "a\n", "\u03a3\u03b1\u03a3", "a;b", "User", "aaaa"}
	kerberosRealms = []string{"R", "R", "R", "r", "", "RR", "R\n", "EXAMPLE.COM"}
)

func newKerberosList(src gen.Source) ruleList {
	list := ruleList{kerberos: true, realm: gen.Pick(src, []string{"R", "R", "EXAMPLE.COM", ""})}
	for range 1 + src.IntN(3) {
		list.rules = append(list.rules, newKerberosRule(src))
	}
	for range namesOfList {
		name := gen.Pick(src, kerberosParts)
		for range max(0, src.IntN(5)-2) {
			name += gen.Pick(src, []string{"/", "/", "/", "@"}) + gen.Pick(src, kerberosParts)
		}
		if src.IntN(8) > 0 {
			name += "@" + gen.Pick(src, kerberosRealms)
		}
		list.names = append(list.names, name)
	}
	return list
}

func newKerberosRule(src gen.Source) string {
	switch src.IntN(16) {
	case 0, 1:
		return "DEFAULT"
	case 2:
		return gen.Pick(src, []string{"", "RULE:", "RULE:[1]", "RULE:[1:$1", "default", "DEFAULT ", " DEFAULT", "RULE:[1:$1]x", "RULE:[1:$1](a)(b)", "x"})
	}
	end := ""
	if src.IntN(3) == 0 {
		end = gen.Pick(src, kerberosEnds)
	}
	return "RULE:[" + gen.Pick(src, kerberosCounts) + ":" + gen.Pick(src, kerberosFormats) + "]" + gen.Pick(src, kerberosPatterns) + gen.Pick(src, kerberosEdits) + end
}
