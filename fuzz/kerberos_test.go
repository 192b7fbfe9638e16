package fuzz_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/javaregex"
	"github.com/portcullis-authz/portcullis/principal"
)

// reasonOf returns why a name is not mapped, or "" for another error.
func reasonOf(err error) string {
	var fault *principal.NameError
	if errors.As(err, &fault) {
		return fault.Reason.Error()
	}
	return ""
}

const noRuleApplies = "no rule applies"

// defaultRules are Kafka's rules of either kind where none are configured.
const defaultRules = "DEFAULT"

// kerberosRow is a line of family kerberos: a list of rules with what became of
// names, or a filling in of one format.
type kerberosRow struct {
	Kind         string         `json:"kind"`
	DefaultRealm *string        `json:"defaultRealm"`
	Rules        []string       `json:"rules"`
	Source       string         `json:"source"`
	ToString     *string        `json:"toString"`
	ErrorClass   *string        `json:"errorClass"`
	Error        *string        `json:"error"`
	BadPattern   *string        `json:"badPattern"`
	JavaOnly     bool           `json:"javaOnly"`
	Cases        []kerberosCase `json:"cases"`
	Format       string         `json:"format"`
	Params       []string       `json:"params"`
	Result       *string        `json:"result"`
}

type kerberosCase struct {
	Principal         string  `json:"principal"`
	ServiceName       *string `json:"serviceName"`
	HostName          *string `json:"hostName"`
	Realm             *string `json:"realm"`
	Name              *string `json:"name"`
	ErrorClass        *string `json:"errorClass"`
	Error             *string `json:"error"`
	GoRegexpMayDiffer bool    `json:"goRegexpMayDiffer"`
}

// replayKerberos compares one line of family kerberos. A list of rules that Kafka
// reads and this module does not is a mismatch, unless the line says that a pattern
// is beyond Go's engine and the error names a construct that is documented so.
func replayKerberos(row []byte) (checks int, mismatches []string, err error) {
	var r kerberosRow
	decoder := json.NewDecoder(bytes.NewReader(row))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return 0, nil, err
	}
	switch r.Kind {
	case "":
		return r.replayRules()
	case "replaceParameters":
		return 0, nil, nil // no name is mapped: TestKerberosFormats of package principal
	default:
		return 0, nil, fmt.Errorf("unknown kind %q", r.Kind)
	}
}

func (r *kerberosRow) replayRules() (checks int, mismatches []string, err error) {
	list, defaultRealm := r.Rules, ""
	if list == nil { // Kafka's null is the key's default
		list = []string{defaultRules}
	}
	if r.DefaultRealm != nil {
		defaultRealm = *r.DefaultRealm
	}
	rules, err := principal.ParseKerberosRules(list, defaultRealm, 0)
	if err != nil {
		var fault *principal.RuleError
		switch {
		case !errors.As(err, &fault) || rules != nil:
			return 1, []string{fmt.Sprintf("rules %q: error %T beside %v", list, err, rules)}, nil
		case r.ErrorClass == nil && !(r.JavaOnly && slices.Contains(javaregex.Constructs(), fault.Construct)):
			return 1, []string{fmt.Sprintf("rules %q: refused: %v", list, err)}, nil
		}
		return 1, nil, nil
	}
	if r.ErrorClass != nil {
		return 1, []string{fmt.Sprintf("rules %q: accepted, but Kafka refuses them: %s", list, *r.ErrorClass)}, nil
	}
	if r.ToString == nil {
		return 0, nil, errors.New("a line without toString and without an error")
	}
	want := *r.ToString
	if got := "KerberosShortNamer(principalToLocalRules = [" + strings.Join(rules.Rules(), ", ") + "])"; got != want {
		mismatches = append(mismatches, fmt.Sprintf("rules %q: printed as %s, want %s", list, got, want))
	}
	for _, c := range r.Cases {
		got, err := rules.ShortName(c.Principal)
		mismatches = append(mismatches, compareName(fmt.Sprintf("rules %q: %q", list, c.Principal), got, err, c.Name)...)
		mismatches = append(mismatches, c.compareParts(rules.Trace(c.Principal), got, err)...)
	}
	return len(r.Cases), mismatches, nil
}

// compareName compares a name, or an error if want is nil.
func compareName(what, got string, err error, want *string) []string {
	switch {
	case want == nil && err == nil:
		return []string{fmt.Sprintf("%s became %q, but Kafka refuses it", what, got)}
	case want == nil && got != "":
		return []string{fmt.Sprintf("%s is refused and yet became %q", what, got)}
	case want != nil && err != nil:
		return []string{fmt.Sprintf("%s is refused (%v), but Kafka makes it %q", what, err, *want)}
	case want != nil && got != *want:
		return []string{fmt.Sprintf("%s became %q, but Kafka makes it %q", what, got, *want)}
	default:
		return nil
	}
}

// compareParts compares how Kafka takes the name apart, and that the trace tells
// the same as ShortName.
func (c *kerberosCase) compareParts(trace principal.Trace, short string, err error) []string {
	var mismatches []string
	if trace.Result != short || fmt.Sprint(trace.Err) != fmt.Sprint(err) {
		mismatches = append(mismatches, fmt.Sprintf("%q: the trace has %q, %v, and ShortName %q, %v",
			c.Principal, trace.Result, trace.Err, short, err))
	}
	var realm string
	var components []string
	if c.Realm != nil {
		realm, components = *c.Realm, []string{*c.ServiceName}
		if c.HostName != nil {
			components = append(components, *c.HostName)
		}
	}
	if trace.Realm != realm || fmt.Sprintf("%q", trace.Components) != fmt.Sprintf("%q", components) {
		mismatches = append(mismatches, fmt.Sprintf("%q: taken apart as %q of %q, want %q of %q",
			c.Principal, trace.Components, trace.Realm, components, realm))
	}
	return mismatches
}
