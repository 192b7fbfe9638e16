package fuzz_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/gen"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/internal/shrink"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What TestKafkaAuthorizer compares for each release.
const (
	authorizerRounds = 200
	worldsInRound    = 75
	leastVerdicts    = 1_200_000
	leastByType      = 150_000
	leastOfEach      = 5_000 // verdicts of each kind
	// Kafka loops for ever or throws on at most one question in noAnswerShare. There the
	// engine must give the documented answer.
	noAnswerShare = 8
)

// TestKafkaAuthorizer puts the same questions to Kafka's StandardAuthorizer and to the
// engine: who is allowed, and which ACL decided, as Kafka's audit log has it.
func TestKafkaAuthorizer(t *testing.T) {
	versions := []string{"4.2.1", "4.4.0"}
	if *kafkaFlag != "" {
		versions = []string{*kafkaFlag}
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := &authorizerComparison{t: t, jvm: startJudge(t, version, "AuthorizerJudge"), kinds: map[string]int{}}
			inRounds(authorizerRounds, func(n uint64) { c.round(n, kafkatest.AtLeast(version, "4.4")) })
			c.report()
			assert.GreaterOrEqual(t, c.verdicts, leastVerdicts)
			assert.GreaterOrEqual(t, c.byType, leastByType)
			assert.Less(t, c.noAnswer, (c.verdicts+c.byType)/noAnswerShare)
			for _, kind := range []string{"super user", "default allow", "default deny", "matching allow", "matching deny", "not ready", "endless", "thrown", "by type allowed", "by type denied"} {
				assert.GreaterOrEqual(t, c.kinds[kind], leastOfEach, kind)
			}
		})
	}
}

// authorizerComparison counts what was compared.
type authorizerComparison struct {
	t   *testing.T
	jvm *kafkatest.JVM

	mu                         sync.Mutex
	verdicts, byType, noAnswer int
	kinds                      map[string]int
	differences                []kafkaDifference // the first of them
	different                  int
}

// kafkaDifference is one question at which the engine differs, in a world of its own.
type kafkaDifference struct {
	seed  uint64
	world kafkaWorld
	what  string
}

// maxDifferences is how many differences are shrunk and printed.
const maxDifferences = 5

func (c *authorizerComparison) round(n uint64, networks bool) {
	var words []string
	var worlds []kafkaWorld
	questions := 0
	for i := range uint64(worldsInRound) {
		w := newKafkaWorld(gen.Seeded(kafkaSeed+n*worldsInRound+i), networks)
		worlds = append(worlds, w)
		words = w.words(words)
		questions += w.questions()
	}
	answers := callJudge(c.t, c.jvm, "AuthorizerJudge", " ", questions, words)
	if answers == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range worlds {
		c.compareWorld(kafkaSeed+n*worldsInRound+uint64(i), w, answers[:w.questions()])
		answers = answers[w.questions():]
	}
}

func (c *authorizerComparison) compareWorld(seed uint64, w kafkaWorld, answers []string) {
	store, err := w.store()
	if err != nil {
		c.t.Errorf("seed %d: %v", seed, err)
		return
	}
	for _, b := range w.batches {
		session := store.Session(snapshot.Subject(b.subject))
		decisions := session.CheckBatch(nil, b.actions)
		for i, r := range b.actions {
			c.verdicts++
			d := decisions[i]
			if other := session.Check(r.Operation, r.Type, r.Name); other != d {
				c.differ(seed, w, b.only(r, false), fmt.Sprintf("a batch decides %v, a check %v", d, other))
			}
			problem := c.compare(w, b.subject, r, d, answers[i])
			c.differ(seed, w, b.only(r, false), problem)
		}
		answers = answers[len(b.actions):]
		for i, r := range b.byType {
			c.byType++
			c.differ(seed, w, b.only(r, true), c.compareByType(w, b.subject, r, session.CheckAny(r.Operation, r.Type), answers[i]))
		}
		answers = answers[len(b.byType):]
	}
}

// only returns the batch with one question.
func (b kafkaBatch) only(r snapshot.Request, byType bool) kafkaBatch {
	if byType {
		return kafkaBatch{subject: b.subject, byType: []snapshot.Request{r}}
	}
	return kafkaBatch{subject: b.subject, actions: []snapshot.Request{r}}
}

// differ records a difference, if problem is one.
func (c *authorizerComparison) differ(seed uint64, w kafkaWorld, b kafkaBatch, problem string) {
	if problem == "" {
		return
	}
	if c.different++; len(c.differences) < maxDifferences {
		c.differences = append(c.differences, kafkaDifference{seed, kafkaWorld{w.model, []kafkaBatch{b}}, problem})
	}
}

// compare returns how a decision differs from Kafka's answer, or "".
func (c *authorizerComparison) compare(w kafkaWorld, s refmodel.Subject, r snapshot.Request, d snapshot.Decision, answer string) string {
	if isNoAnswer(answer) {
		c.noAnswer++
		c.kinds[map[bool]string{true: "endless", false: "thrown"}[answer == "H"]]++
		return compareDocumented(w.model.Check(s, refmodel.Request(r)), d, answer)
	}
	c.kinds[d.Reason().String()]++
	if got := answerOf(d, w.model.ACLs); got != answer {
		return fmt.Sprintf("the engine says %s (%v), Kafka %s", got, d, answer)
	}
	return ""
}

// compareByType is compare for questions by type.
func (c *authorizerComparison) compareByType(w kafkaWorld, s refmodel.Subject, r snapshot.Request, d snapshot.Decision, answer string) string {
	refused := ops.ValidateByType(r.Operation, r.Type) != nil
	switch {
	case refused && (answer != "Ejava.lang.IllegalArgumentException" || d.Allowed()):
		return fmt.Sprintf("not a question by type: the engine says %v, Kafka %s", d, answer)
	case refused:
		return ""
	case isNoAnswer(answer):
		c.noAnswer++
		return compareDocumented(w.model.CheckAny(s, r.Operation, r.Type), d, answer)
	}
	if got := answerOf(d, nil)[:1]; got != answer {
		return fmt.Sprintf("the engine says %v by type, Kafka %s", d, answer)
	}
	c.kinds["by type "+map[bool]string{true: "allowed", false: "denied"}[d.Allowed()]]++
	return ""
}

// isNoAnswer reports whether Kafka looped for ever, or threw.
func isNoAnswer(answer string) bool { return answer == "H" || answer[0] == 'E' }

// compareDocumented compares a decision with the documented answer, where Kafka gives
// none. The model must expect that Kafka gives none.
func compareDocumented(want refmodel.Answer, d snapshot.Decision, answer string) string {
	if !want.Fallback {
		return fmt.Sprintf("Kafka gives no answer (%s), which is not a known case", answer)
	}
	if want.Allowed() != d.Allowed() {
		return fmt.Sprintf("Kafka gives no answer (%s); the engine says %v, the documented rules %v", answer, d, want)
	}
	return ""
}

// answerOf spells a decision as AuthorizerJudge does.
func answerOf(d snapshot.Decision, acls []acl.Binding) string {
	verdict := "D"
	switch {
	case d.Reason() == snapshot.NotReady:
		return "N"
	case d.Allowed():
		verdict = "A"
	}
	b, ok := d.Binding()
	switch {
	case ok:
		return verdict + strconv.Itoa(slices.Index(acls, b))
	case d.Reason() == snapshot.SuperUser:
		return verdict + "s"
	}
	return verdict + "d"
}

// report prints what was compared, and fails the test for each difference.
func (c *authorizerComparison) report() {
	c.t.Logf("%d verdicts, %d by type, %d without an answer of Kafka's, %d differences: %v", c.verdicts, c.byType, c.noAnswer, c.different, c.kinds)
	if c.different > 0 {
		c.t.Errorf("%d differences", c.different)
	}
	for _, d := range c.differences {
		w, answer := c.shrink(d.world)
		c.t.Errorf("seed %d: %s\nin the world of this row for fuzz/testdata, family %s:\n%s", d.seed, d.what, w.family(), w.row(answer))
	}
}

// shrink makes a world smaller as long as there is a difference, and returns Kafka's
// answer in what is left.
func (c *authorizerComparison) shrink(w kafkaWorld) (_ kafkaWorld, answer string) {
	first := func(worlds []kafkaWorld) int {
		var words []string
		for _, w := range worlds {
			words = w.words(words)
		}
		answers := callJudge(c.t, c.jvm, "AuthorizerJudge", " ", len(worlds), words)
		if answers == nil {
			return -1
		}
		for i, w := range worlds {
			one := &authorizerComparison{t: c.t, kinds: map[string]int{}}
			if one.compareWorld(0, w, answers[i:i+1]); one.different > 0 {
				answer = answers[i]
				return i
			}
		}
		return -1
	}
	if first([]kafkaWorld{w}) < 0 {
		c.t.Errorf("Kafka no longer differs")
		return w, "H"
	}
	return shrink.Value(w, kafkaWorld.smaller, first), answer
}

// smaller returns worlds that differ from w in that something is taken away.
func (w kafkaWorld) smaller() (smaller []kafkaWorld) {
	for _, supers := range shrink.List(w.model.SuperUsers) {
		less := w
		less.model.SuperUsers = supers
		smaller = append(smaller, less)
	}
	for _, acls := range shrink.List(w.model.ACLs) {
		less := w
		less.model.ACLs = acls
		smaller = append(smaller, less)
	}
	return smaller
}

// family returns the family of captured rows in which the one question of w belongs.
func (w kafkaWorld) family() string {
	if len(w.batches[0].byType) > 0 {
		return "authorize_by_resource_type"
	}
	return "authorize"
}

// row returns the one question of w, and Kafka's answer, as a captured row.
func (w kafkaWorld) row(answer string) string {
	supers := []string{}
	for _, p := range w.model.SuperUsers {
		supers = append(supers, p.String())
	}
	acls := []map[string]any{}
	for _, b := range w.model.ACLs {
		acls = append(acls, map[string]any{"resourceType": b.Pattern.Type, "name": b.Pattern.Name, "patternType": b.Pattern.PatternType,
			"principal": b.Entry.Principal, "host": b.Entry.Host, "operation": b.Entry.Operation, "permission": b.Entry.Permission})
	}
	row := map[string]any{"superUsers": supers, "allowEveryoneIfNoAclFound": w.model.AllowIfNoACL, "acls": acls, "checks": []any{w.check(answer)}}
	if w.model.Loading {
		row["loadingComplete"] = false
	}
	if w.model.Networks {
		row["since"] = "4.4"
	}
	text, err := json.Marshal(row)
	if err != nil {
		panic(err) // all of it can be written
	}
	return string(text)
}

// check returns the one question of w, and Kafka's answer, as captured rows have it.
func (w kafkaWorld) check(answer string) map[string]any {
	b := w.batches[0]
	r := slices.Concat(b.actions, b.byType)[0]
	check := map[string]any{"principal": b.subject.Principal.String(), "host": b.subject.Host.String(), "operation": r.Operation, "resourceType": r.Type}
	documented := w.model
	documented.Exact, documented.Networks = false, false
	said := documented.Check(b.subject, refmodel.Request(r))
	if len(b.byType) > 0 {
		said = documented.CheckAny(b.subject, r.Operation, r.Type)
	} else {
		check["name"] = r.Name
	}
	check["result"] = map[byte]string{'A': "ALLOWED", 'D': "DENIED", 'H': "HANG"}[answer[0]]
	switch rule := answer[1:]; answer[0] {
	case 'E', 'N':
		check["result"], check["errorClass"] = "ERROR", strings.TrimPrefix(rule, "E")
	case 'A', 'D':
		if len(b.byType) > 0 {
			break
		}
		check["rule"] = map[string]string{"As": "SuperUser", "Ad": "DefaultAllow", "Dd": "DefaultDeny"}[answer]
		if index, err := strconv.Atoi(rule); err == nil {
			check["rule"], check["aclIndex"] = "MatchingAcl", index
		}
	}
	if documented := verdictOf(said); documented != check["result"] {
		check["documented"] = documented
	}
	return check
}

// TestKafkaRowsReplay holds that the rows that TestKafkaAuthorizer prints are captured
// rows: they pass where Kafka's answer is the engine's, and fail where it is not.
func TestKafkaRowsReplay(t *testing.T) {
	rows := 0
	for seed := range uint64(300) {
		w := newKafkaWorld(gen.Seeded(seed), seed%2 == 1)
		store, err := w.store()
		require.NoError(t, err)
		for _, b := range w.batches {
			session := store.Session(snapshot.Subject(b.subject))
			r := b.actions[0]
			one := kafkaWorld{w.model, []kafkaBatch{b.only(r, false)}}
			d := session.Check(r.Operation, r.Type, r.Name)
			if w.model.Loading || strings.Contains(b.subject.Principal.Type, ":") || w.model.Check(b.subject, refmodel.Request(r)).Fallback {
				continue
			}
			rows++
			requireReplay(t, replayAuthorize, one, answerOf(d, w.model.ACLs), map[bool]string{true: "Dd", false: "Ad"}[d.Allowed()])
			if len(b.byType) == 0 || ops.ValidateByType(b.byType[0].Operation, b.byType[0].Type) != nil || w.model.CheckAny(b.subject, b.byType[0].Operation, b.byType[0].Type).Fallback {
				continue
			}
			one = kafkaWorld{w.model, []kafkaBatch{b.only(b.byType[0], true)}}
			allowed := session.CheckAny(b.byType[0].Operation, b.byType[0].Type).Allowed()
			requireReplay(t, replayAuthorizeByResourceType, one, map[bool]string{true: "A", false: "D"}[allowed], map[bool]string{true: "D", false: "A"}[allowed])
		}
	}
	assert.Greater(t, rows, 700)
}

func requireReplay(t *testing.T, replay func([]byte) (int, []string, error), w kafkaWorld, right, wrong string) {
	t.Helper()
	checks, mismatches, err := replay([]byte(w.row(right)))
	require.NoError(t, err)
	require.Empty(t, mismatches, w.row(right))
	require.Equal(t, 2, checks)
	_, mismatches, err = replay([]byte(w.row(wrong)))
	require.NoError(t, err)
	require.NotEmpty(t, mismatches, w.row(wrong))
}
