package fuzz_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/principal"
)

// sslRow is a row of family ssl_mapping.
type sslRow struct {
	Rules      *string         `json:"rules"`
	Source     string          `json:"source"`
	ErrorClass string          `json:"errorClass"`
	Error      *string         `json:"error"`
	BadPattern string          `json:"badPattern"`
	ToString   string          `json:"toString"`
	Parsed     []parsedSSLRule `json:"parsed"`
	JavaOnly   bool            `json:"javaOnly"`
	Cases      []sslCase       `json:"cases"`
}

type sslCase struct {
	DN              string  `json:"dn"`
	Name            *string `json:"name"`
	ErrorClass      string  `json:"errorClass"`
	Error           *string `json:"error"`
	GoRegexpDiffers bool    `json:"goRegexpDiffers"`
	// LoneSurrogate says that the name is no Unicode, so that none in Go equals it.
	LoneSurrogate bool `json:"loneSurrogate"`
}

// parsedSSLRule is a rule as Kafka parsed it: a string or an object.
type parsedSSLRule string

func (r *parsedSSLRule) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*string)(r))
	}
	var v struct{ Pattern, Replacement, Case string }
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&v)
	*r = parsedSSLRule("RULE:" + v.Pattern + "/" + v.Replacement + "/" + v.Case)
	return err
}

// replaySSLMapping compares a list of rules, and the names that it maps, with
// Kafka's, without an engine that backtracks. A list that is refused for a construct
// of the documented list, and only in a row marked javaOnly, counts as one check.
func replaySSLMapping(row []byte) (checks int, mismatches []string, err error) {
	var v sslRow
	decoder := json.NewDecoder(bytes.NewReader(row))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		return 0, nil, err
	}
	list := principal.DefaultSSLRules
	if v.Rules != nil {
		list = *v.Rules
	}
	mismatch := func(format string, args ...any) {
		mismatches = append(mismatches, fmt.Sprintf("%q: ", list)+fmt.Sprintf(format, args...))
	}
	rules, parseErr := principal.ParseSSLRules(list, nil)
	var fault *principal.SSLRulesError
	switch errors.As(parseErr, &fault); {
	case v.ErrorClass != "":
		if rules != nil || fault == nil {
			mismatch("parsed as %v, %v, Kafka refuses it: %s", rules, parseErr, v.ErrorClass)
		}
		return 1, mismatches, nil
	case parseErr != nil:
		documented := fault != nil && slices.Contains(principal.UnsupportedConstructs(), fault.Construct)
		if rules != nil || !documented || !v.JavaOnly {
			mismatch("refused: %v", parseErr)
		}
		return 1, mismatches, nil
	}
	var want []string
	for _, rule := range v.Parsed {
		want = append(want, string(rule))
	}
	if got := rules.String(); got != strings.Join(want, ",") {
		mismatch("parsed as %q, by Kafka as %q", got, want)
	}
	for _, c := range v.Cases {
		if (c.Name == nil) == (c.ErrorClass == "") {
			return 0, nil, fmt.Errorf("a case has a name or an error: %s", row)
		}
		got, err := rules.Name(c.DN)
		if problem := c.compare(got, err); problem != "" {
			mismatch("%q: %q, %v, %s", c.DN, got, err, problem)
		}
		if trace := rules.Trace(c.DN); trace.Name != got || (trace.Err == nil) != (err == nil) {
			mismatch("%q: traced as %q, %v, mapped as %q, %v", c.DN, trace.Name, trace.Err, got, err)
		}
	}
	return 1 + len(v.Cases), mismatches, nil
}

// compare returns what Kafka did, if that is not what was done.
func (c sslCase) compare(got string, err error) string {
	noRule := strings.HasSuffix(c.ErrorClass, "$NoMatchingRule")
	switch {
	case err != nil && got != "":
		return "an error that leaves a name"
	case c.Name == nil && err == nil:
		return "Kafka refuses it: " + c.ErrorClass
	case c.Name == nil && errors.Is(err, principal.ErrNoSSLRule) != noRule:
		return "Kafka refuses it for another reason: " + c.ErrorClass
	case c.Name == nil:
		return ""
	case c.LoneSurrogate && err == nil:
		return "Kafka makes a name that is no Unicode"
	case !c.LoneSurrogate && (err != nil || got != *c.Name):
		return fmt.Sprintf("by Kafka %q", *c.Name)
	}
	return ""
}

func TestSSLMappingVectors(t *testing.T) {
	refusals := 0
	replayFile(t, "ssl_mapping", func(row []byte) (int, []string, error) {
		checks, mismatches, err := replaySSLMapping(row)
		var v sslRow
		if json.Unmarshal(row, &v) == nil && len(v.Cases) > 0 && checks == 1 {
			refusals++
		}
		return checks, mismatches, err
	}, 579, 5878)
	t.Logf("%d lists refused for a construct that needs an engine that backtracks", refusals)
	if refusals != 104 {
		t.Errorf("%d lists refused, want 104", refusals)
	}
}
