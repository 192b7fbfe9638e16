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
// Kafka's, without backtracking: package principal replays the family with it. A list that is refused for a construct of the documented
// list, and only in a row marked javaOnly, counts as one check.
func replaySSLMapping(row []byte) (r replayed, err error) {
	var v sslRow
	if err := decodeStrict(row, &v); err != nil {
		return r, err
	}
	list := defaultRules
	if v.Rules != nil {
		list = *v.Rules
	}
	mismatch := func(format string, args ...any) {
		r.mismatches = append(r.mismatches, fmt.Sprintf("%q: ", list)+fmt.Sprintf(format, args...))
	}
	rules, parseErr := principal.ParseSSLRules(list, 0)
	var fault *principal.RuleError
	switch errors.As(parseErr, &fault); {
	case v.ErrorClass != "":
		if rules != nil || fault == nil {
			mismatch("parsed as %v, %v, Kafka refuses it: %s", rules, parseErr, v.ErrorClass)
		}
		r.checks = 1
		return r, nil
	case parseErr != nil:
		documented := fault != nil && slices.Contains(javaregex.Constructs(), fault.Construct)
		if rules != nil || !documented || !v.JavaOnly {
			mismatch("refused: %v", parseErr)
		}
		r.checks, r.refused = 1, 1
		return r, nil
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
			return r, fmt.Errorf("a case has a name or an error: %s", row)
		}
		got, err := rules.Name(c.DN)
		if problem := c.compare(got, err); problem != "" {
			mismatch("%q: %q, %v, %s", c.DN, got, err, problem)
		}
		if trace := rules.Trace(c.DN); trace.Result != got || (trace.Err == nil) != (err == nil) {
			mismatch("%q: traced as %q, %v, mapped as %q, %v", c.DN, trace.Result, trace.Err, got, err)
		}
	}
	r.checks = 1 + len(v.Cases)
	return r, nil
}

// compare returns what Kafka did, if that is not what was done.
func (c sslCase) compare(got string, err error) string {
	noRule := strings.HasSuffix(c.ErrorClass, "$NoMatchingRule")
	switch {
	case err != nil && got != "":
		return "an error that leaves a name"
	case c.Name == nil && err == nil:
		return "Kafka refuses it: " + c.ErrorClass
	case c.Name == nil && (reasonOf(err) == noRuleApplies) != noRule:
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
