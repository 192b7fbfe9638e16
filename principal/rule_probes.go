package principal

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// A rule may give several clients the same name. Lint finds that by trying: it maps names that
// differ only in what tells clients apart, and reports two with the same result, which are the
// proof.

// probe is the part of a name that is tried, and variants are what other clients may be called.
const probe = "alice"

var variants = []string{"alice-x", "alice.x", "alice_x", "alice1", "alice x", "bob"}

// cutting returns the finding for two names that become the same principal, or "".
func cutting(a, b, result string) string {
	return fmt.Sprintf("%s and %s both become %s", enum.Quote(a), enum.Quote(b), enum.Quote(result))
}

// lintConstant returns the finding about a rule whose replacement has no reference, or "".
func (r *sslRule) lintConstant() string {
	if len(r.to.Groups()) > 0 || r.compiled.IsOneText() {
		return ""
	}
	hint := "end the pattern so that it matches the names that are meant, and no others"
	if r.compiled.Groups() > 0 {
		hint = "write $1 for the first group"
	}
	return fmt.Sprintf("every name that it applies to becomes %s: %s", enum.Quote(r.replacement), hint)
}

// lintCutting returns the finding about the rule at index i if it cuts a value that tells
// clients apart, as CN=(\w+).* cuts alice-x, or "".
func (s *SSLRules) lintCutting(i int) string {
	rule := &s.rules[i]
	if len(s.rules) > maxProbedRules || rule.compiled.GoSyntax() == "" { // it may need backtracking
		return ""
	}
	for _, group := range rule.to.Groups() {
		first, ok := s.probe(i, group, probe)
		for _, v := range variants {
			if other, ok2 := s.probe(i, group, v); ok && ok2 && other.Name != first.Name && other.Result == first.Result {
				return "it cuts the value of an attribute: " + cutting(first.Name, other.Name, first.Result)
			}
		}
	}
	return ""
}

// probe maps a name in which a group of the rule at index i has a value. ok says that the rule
// maps it.
func (s *SSLRules) probe(i, group int, value string) (trace Trace, ok bool) {
	name, ok := s.rules[i].compiled.Sample(map[int]string{group: value})
	if !ok || group == 0 {
		return trace, false
	}
	trace = s.Trace(name)
	n := len(trace.Steps)
	return trace, trace.Err == nil && n > 0 && trace.Steps[n-1].Rule == i
}

// kerberosProbes are names that differ in their first component, and in their realm.
func (k *KerberosRules) kerberosProbes() (names [][2]string) {
	realm := mitQuoter.Replace(k.defaultRealm)
	if realm == "" || strings.ContainsAny(realm, "/@") {
		realm = "EXAMPLE.COM"
	}
	for _, host := range []string{"", "/host.example.com"} {
		base := probe + host + "@" + realm
		for _, v := range variants {
			if !strings.Contains(v, " ") {
				names = append(names, [2]string{base, v + host + "@" + realm})
			}
		}
		names = append(names, [2]string{probe + host + "@ONE.TEST", probe + host + "@TWO.TEST"})
	}
	return names
}

// cuttingRules returns, by the index of the rule, the finding about a rule that gives clients
// of different names, or of different realms, the same short name.
func (k *KerberosRules) cuttingRules() map[int]string {
	found := map[int]string{}
	if len(k.rules) > maxProbedRules {
		return found
	}
	for _, pair := range k.kerberosProbes() {
		a, b := k.Trace(pair[0]), k.Trace(pair[1])
		n := len(a.Steps)
		if a.Err != nil || b.Err != nil || a.Result != b.Result || n == 0 || len(b.Steps) != n {
			continue
		}
		rule := a.Steps[n-1].Rule
		if _, known := found[rule]; known {
			continue
		}
		what := "it cuts the name"
		if a.Realm != b.Realm {
			what = "it takes names of every realm"
		}
		found[rule] = what + ": " + cutting(pair[0], pair[1], a.Result)
	}
	return found
}

// maxProbedRules bounds the work of Lint, which tries each rule with the whole list: real lists
// have a handful.
const maxProbedRules = 100
