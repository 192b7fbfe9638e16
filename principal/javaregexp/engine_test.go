package javaregexp_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/javaregexp"
)

func ExampleEngine() {
	rules, err := principal.ParseSSLRules(`RULE:(?!.*OU=Guests)CN=([^,]+).*/$1/`, javaregexp.Engine(0))
	if err != nil {
		panic(err)
	}
	fmt.Println(rules.Name("CN=alice,OU=Sales"))
	_, err = rules.Name("CN=bob,OU=Guests")
	fmt.Println(errors.Is(err, principal.ErrNoSSLRule))
	// Output:
	// alice <nil>
	// true
}

// TestVectors replays every list of rules of family ssl_mapping: with the engine
// none is refused that Kafka accepts, and the names are Kafka's.
func TestVectors(t *testing.T) {
	file, err := os.Open("../../fuzz/testdata/ssl_mapping.shared.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<24)
	engine := javaregexp.Engine(time.Second)
	lists, javaOnly, names := 0, 0, 0
	for ; lines.Scan(); lists++ {
		var row struct {
			Rules      *string
			ErrorClass string
			JavaOnly   bool
			Cases      []struct {
				DN            string
				Name          *string
				LoneSurrogate bool
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		list := principal.DefaultSSLRules
		if row.Rules != nil {
			list = *row.Rules
		}
		rules, err := principal.ParseSSLRules(list, engine)
		if (err != nil) != (row.ErrorClass != "") {
			t.Errorf("%q: %v, Kafka: %q", list, err, row.ErrorClass)
		}
		if row.JavaOnly {
			javaOnly++
		}
		for _, c := range row.Cases {
			names++
			got, err := rules.Name(c.DN)
			refused := c.Name == nil || c.LoneSurrogate
			if (err != nil) != refused || !refused && got != *c.Name {
				t.Errorf("%q on %q: %q, %v, want %v", list, c.DN, got, err, c.Name)
			}
		}
	}
	if lists != 579 || javaOnly != 116 || names != 6277 {
		t.Errorf("%d lists, %d of them javaOnly, %d names; want 579, 116, 6277", lists, javaOnly, names)
	}
}

// TestTimeLimit has a name on which the pattern takes exponential time: the answer
// is an error, and it comes in time.
func TestTimeLimit(t *testing.T) {
	rules, err := principal.ParseSSLRules(`RULE:(?=C)(?:CN=)?((?:a|aa)+)+b/$1/,DEFAULT`, javaregexp.Engine(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	name, err := rules.Name("CN=" + strings.Repeat("a", 60))
	if name != "" || !errors.Is(err, principal.ErrSSLRuleFailed) {
		t.Errorf("%q, %v", name, err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestTimeLimitOfAllMatches has a name with many matches, of which each takes little
// time, and all together most of a second.
func TestTimeLimitOfAllMatches(t *testing.T) {
	rules, err := principal.ParseSSLRules(`RULE:(?=[^x]*x?)(.*?)/y/`, javaregexp.Engine(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if name, err := rules.Name(strings.Repeat("a", 8000)); name != "" || !errors.Is(err, principal.ErrSSLRuleFailed) {
		t.Errorf("%.20q, %v", name, err)
	}
}

// TestLookBehindAtomic has patterns that look behind for what gives nothing back.
// Java matches it from left to right, the engine from right to left: they are refused.
func TestLookBehindAtomic(t *testing.T) {
	for _, pattern := range []string{`.*(?<=a{0,1}+)b`, `.*(?<=(?>a|ab)c)d`} {
		rules, err := principal.ParseSSLRules("RULE:"+pattern+"/x/", javaregexp.Engine(0))
		var fault *principal.SSLRulesError
		if rules != nil || !errors.As(err, &fault) || fault.Construct != "look-behind" || fault.Offset != len("RULE:.*") {
			t.Errorf("%s: %v, %v, want a refusal", pattern, rules, err)
		}
	}
}

// TestWholeCharacters has names that Java would look at from inside a character:
// they are an error, because only Java's engine can do that.
func TestWholeCharacters(t *testing.T) {
	rules, err := principal.ParseSSLRules(`RULE:(?=|x)(.*?)/<$1>/`, javaregexp.Engine(0))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := rules.Name("é"); got != "<>é<>" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := rules.Name("\U0001F600"); got != "" || !errors.Is(err, principal.ErrSSLRuleFailed) {
		t.Errorf("%q, %v", got, err)
	}
}
