package fuzz_test

import (
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

type auditRow struct {
	world
	Checks []auditCheck `json:"checks"`
}

// auditCheck is a check with what Kafka logged of it.
type auditCheck struct {
	question
	Name         string     `json:"name"`
	Result       string     `json:"result"`
	APIKey       ops.APIKey `json:"apiKey"`
	References   int        `json:"resourceReferenceCount"`
	LogIfAllowed bool       `json:"logIfAllowed"`
	LogIfDenied  bool       `json:"logIfDenied"`
	LoggerLevel  string     `json:"loggerLevel"`
	Level        *string    `json:"level"`   // null where nothing is logged
	Message      *string    `json:"message"` // as Kafka 4.0 prints it
}

// logLevels are Kafka's names of the levels.
var logLevels = map[string]slog.Level{"TRACE": audit.LevelTrace, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo}

// heard keeps the last event.
type heard struct{ event *audit.Event }

func (h *heard) Handle(e *audit.Event) error { h.event = e; return nil }

// replayAudit compares the verdict, the level and the line of each check, the line in
// the spelling of Kafka 4.0, which was captured, and in that of 4.2, and reads both back.
func replayAudit(row []byte) (checks int, mismatches []string, err error) {
	var r auditRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	store, err := r.store(snapshot.KafkaExact)
	if err != nil {
		return 0, nil, err
	}
	for i, c := range r.Checks {
		threshold, ok := logLevels[c.LoggerLevel]
		if !ok || (c.Level == nil) != (c.Message == nil) {
			return checks, mismatches, fmt.Errorf("check %d: level %q, logged at %v: %v", i, c.LoggerLevel, c.Level, c.Message)
		}
		checks += 2
		for _, m := range c.replay(store, threshold) {
			mismatches = append(mismatches, fmt.Sprintf("check %d: %s", i, m))
		}
	}
	return checks, mismatches, nil
}

func (c auditCheck) replay(store *snapshot.Store, threshold slog.Level) []string {
	var h heard
	auditor := audit.Auditor{Handler: &h, Level: threshold, Now: func() time.Time { return time.Time{} }}
	call := audit.Call{API: c.APIKey, References: c.References, QuietAllowed: !c.LogIfAllowed, QuietDenied: !c.LogIfDenied}
	d := auditor.Session(store, c.subject()).Check(call, c.Operation, c.ResourceType, c.Name)
	if got := verdict(d); got != c.Result {
		return mismatch("%+v: got %v", c, d)
	}
	if h.event == nil || c.Level == nil {
		if h.event != nil || c.Level != nil {
			return mismatch("%+v: logged: %t", c, h.event != nil)
		}
		return nil
	}
	if want, ok := logLevels[*c.Level]; !ok || h.event.Level() != want {
		return mismatch("%+v: logged at %v, want %s", c, h.event.Level(), *c.Level)
	}
	var mismatches []string
	for style, line := range map[audit.LineStyle]string{audit.Kafka40: *c.Message, audit.Kafka42: since42(*c.Message)} {
		mismatches = append(mismatches, compareLine(h.event, style, line)...)
		mismatches = append(mismatches, c.readBack(line)...)
	}
	return mismatches
}

// readBack reads Kafka's line and compares it with the question and its answer.
func (c auditCheck) readBack(line string) []string {
	want := audit.Record{
		Subject: c.subject(), Request: snapshot.Request{Operation: c.Operation, Type: c.ResourceType, Name: c.Name},
		Allowed: c.Result == "ALLOWED", SuperUser: strings.HasSuffix(line, " based on rule SuperUser"), Line: 1,
		Form: audit.FormStandard,
	}
	switch {
	case strings.Contains(line, "StandardAcl("):
		want.Form = audit.FormStandard32
	case strings.Contains(line, "StandardAcl["):
		want.Form = audit.FormStandard42
	}
	for r, err := range audit.ReadTrace(strings.NewReader(line), "", audit.TraceKafka) {
		if err != nil || !reflect.DeepEqual(r, want) {
			return mismatch("%s is read as %+v, %v", line, r, err)
		}
	}
	return nil
}

// since42 returns a line of Kafka 4.0 as 4.2 prints it: the ACL is a record now.
func since42(line string) string {
	before, rest, ok := strings.Cut(line, "(acl=StandardAcl(")
	if !ok {
		return line
	}
	return before + "(acl=StandardAcl[" + strings.TrimSuffix(rest, "))") + "])"
}

// quotedText is a text that is quoted as in Go.
var quotedText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// withoutQuotes returns a line in which the texts that must be quoted are not: those
// that begin with a quotation mark, are not printable, or could hold a word of the line.
func withoutQuotes(line string) string {
	return quotedText.ReplaceAllStringFunc(line, func(quoted string) string {
		text, err := strconv.Unquote(quoted)
		isForeign := func(r rune) bool { return !unicode.IsPrint(r) }
		if err != nil || !strings.HasPrefix(text, `"`) && !strings.ContainsFunc(text, isForeign) &&
			!strings.Contains(text, "=") && !strings.Contains(text, "based on") {
			return quoted
		}
		return text
	})
}

// compareLine compares the exact line with Kafka's, and the escaped one but for the
// texts that must be quoted in it.
func compareLine(e *audit.Event, style audit.LineStyle, want string) (mismatches []string) {
	if got := string(audit.AppendExactLine(nil, e, style)); got != want {
		mismatches = append(mismatches, fmt.Sprintf("got  %s\nwant %s", got, want))
	}
	got := string(audit.AppendLine(nil, e, style))
	isForeign := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case strings.ContainsFunc(got, isForeign):
		mismatches = append(mismatches, fmt.Sprintf("not escaped: %q", got))
	case got != want && withoutQuotes(got) != want:
		mismatches = append(mismatches, fmt.Sprintf("escaped without need: %s\nwant %s", got, want))
	}
	return mismatches
}
