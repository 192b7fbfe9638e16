package fuzz_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/stretchr/testify/assert"
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

// ruleList is a list of rules, ready to be put to both sides.
type ruleList struct {
	words []string // as MapperJudge reads it, with the names
	text  string   // for messages
	names []string
	// readings are the list as this project reads it, without and with backtracking.
	readings []ruleReading
}

type ruleReading struct {
	name func(string) (string, error)
	text string // as Kafka would print the rules; empty if that is not compared
	err  error
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
		t.Error(d)
	}
	assert.GreaterOrEqual(t, c.pairs, leastPairs)
	assert.GreaterOrEqual(t, c.mapped, leastMapped)
	assert.GreaterOrEqual(t, c.refusedLists, leastRefusedList)
	assert.LessOrEqual(t, c.refused, c.pairs/refusedShare)
	assert.LessOrEqual(t, c.late, c.pairs/lateShare)
}

type mappingComparison struct {
	t   *testing.T
	jvm *kafkatest.JVM

	mu                                                                      sync.Mutex
	pairs, mapped, failed, refused, late, lists, refusedLists, refusedAlone int
	different                                                               int
	differences                                                             []string
}

func (c *mappingComparison) differ(format string, args ...any) {
	if c.different++; len(c.differences) < 20 {
		c.differences = append(c.differences, fmt.Sprintf(format, args...))
	}
}

func (c *mappingComparison) round(n uint64, draw func(gen.Source) ruleList) {
	src := gen.Seeded(kafkaSeed + n)
	var words []string
	var lists []ruleList
	for range listsInRound {
		list := draw(src)
		lists = append(lists, list)
		words = append(append(words, list.words...), strconv.Itoa(len(list.names)))
		words = append(words, list.names...)
	}
	answers := callJudge(c.t, c.jvm, "MapperJudge", "\n", listsInRound*(1+namesOfList), words)
	if answers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range lists {
		for _, r := range list.readings {
			c.compareList(list, r, answers[0], answers[1:1+namesOfList])
		}
		answers = answers[1+namesOfList:]
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
			c.differ("%s: refused (%v), Kafka reads it", list.text, r.err)
		}
		return
	}
	if !accepted {
		c.differ("%s: read, Kafka refuses it: %s", list.text, kafka)
		return
	}
	c.lists++
	if text, _ := fromJava(kafka[1:]); r.text != "" && text != r.text {
		c.differ("%s: read as %s, by Kafka as %s", list.text, r.text, text)
	}
	for i, name := range list.names {
		got, err := r.name(name)
		c.compareName(list.text, name, got, err, answers[i])
	}
}

// isOurOwn reports whether a list is refused for a construct that Portcullis does not
// have, by its documentation.
func isOurOwn(err error) bool {
	var ssl *principal.SSLRulesError
	var kerberos *principal.KerberosRuleError
	switch {
	case errors.As(err, &ssl):
		return slices.Contains(principal.UnsupportedConstructs(), ssl.Construct)
	case errors.As(err, &kerberos):
		return slices.Contains(principal.UnsupportedConstructs(), kerberos.Construct)
	}
	return false
}

func (c *mappingComparison) compareName(list, name, got string, err error, kafka string) {
	c.pairs++
	want, isText := "", false
	if kafka[0] == '=' {
		want, isText = fromJava(kafka[1:])
	}
	none := errors.Is(err, principal.ErrNoSSLRule) || errors.Is(err, principal.ErrNoKerberosRule) || errors.Is(err, principal.ErrNotSimpleName)
	switch {
	case err != nil && got != "":
		c.differ("%s on %q: refused (%v), but leaves the name %q", list, name, err, got)
	case kafka == "H":
		c.late++
	case err == nil && (!isText || got != want):
		c.differ("%s on %q: %q, Kafka %s", list, name, got, kafka)
	case err == nil:
		c.mapped++
	case none != strings.HasSuffix(kafka, "NoMatchingRule") && (none || kafka[0] == '!' && !isLimit(err)):
		c.differ("%s on %q: refused (%v), Kafka %s", list, name, err, kafka)
	case kafka[0] == '!':
		c.failed++
	case errors.Is(err, principal.ErrMalformedKerberosName):
		c.differ("%s on %q: refused (%v), Kafka %s", list, name, err, kafka)
	default:
		c.refused++
	}
}

// isLimit reports whether a rule cannot be applied to a name by a limit of Portcullis:
// then a later rule, or none, may apply in Kafka.
func isLimit(err error) bool {
	return errors.Is(err, principal.ErrSSLRuleFailed) || errors.Is(err, principal.ErrKerberosRuleFailed)
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
	list := ruleList{text: strconv.Quote(rules.String()), words: []string{"ssl", rules.String()}}
	for range namesOfList {
		list.names = append(list.names, newDN(src, attributes))
	}
	for _, backtracking := range []*principal.Backtracking{nil, {}} {
		r, err := principal.ParseSSLRules(rules.String(), backtracking)
		reading := ruleReading{err: err}
		if err == nil {
			reading.name = r.Name
		}
		list.readings = append(list.readings, reading)
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
	realm := gen.Pick(src, []string{"R", "R", "EXAMPLE.COM", ""})
	var rules []string
	for range 1 + src.IntN(3) {
		rules = append(rules, newKerberosRule(src))
	}
	list := ruleList{text: fmt.Sprintf("%q of realm %q", rules, realm), words: append([]string{"kerberos", realm, strconv.Itoa(len(rules))}, rules...)}
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
	for _, backtracking := range []*principal.Backtracking{nil, {}} {
		r, err := principal.ParseKerberosRules(rules, realm, backtracking)
		reading := ruleReading{err: err}
		if err == nil {
			reading.name = r.ShortName
			reading.text = "KerberosShortNamer(principalToLocalRules = [" + strings.Join(r.Rules(), ", ") + "])"
		}
		list.readings = append(list.readings, reading)
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
