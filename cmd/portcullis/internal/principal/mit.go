package principal

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// compileMITRules returns the rules of MIT krb5. A rule that cannot be compiled is a warning, and
// names that do not reach it are mapped: those with another number of components, and those that
// an earlier rule maps. For the others it is the error.
func (p *command) compileMITRules(config *krb5.Config, from string) (*principal.KerberosRules, error) {
	left := *config
	left.AuthToLocal = slices.Clone(config.AuthToLocal)
	p.kept = make([]int, len(left.AuthToLocal))
	for i := range p.kept {
		p.kept[i] = i
	}
	for {
		rules, err := left.MITRules()
		if err == nil {
			return rules, nil
		}
		wrong, ok := errors.AsType[*principal.RuleError](err)
		if !ok || wrong.Rule >= len(left.AuthToLocal) {
			return nil, fmt.Errorf("%s: %w", from, err)
		}
		at := wrong.Rule
		wrong.Rule = p.kept[at]
		reached := p.reaches(left.AuthToLocal[at])
		if at == 0 && (reached || len(left.AuthToLocal) == 1) { // without rules, DEFAULT would apply
			return nil, fmt.Errorf("%s: %w", from, wrong)
		}
		p.warn("%s: %v: the names that reach it are not mapped here", from, wrong)
		if reached {
			p.unknownFrom = fmt.Errorf("%s: %w", from, wrong)
			left.AuthToLocal, p.kept = left.AuthToLocal[:at], p.kept[:at]
		} else {
			left.AuthToLocal, p.kept = slices.Delete(left.AuthToLocal, at, at+1), slices.Delete(p.kept, at, at+1)
		}
	}
}

// reaches reports whether a rule that cannot be compiled may be for the name: unless it has
// another number of components. A quoted slash separates none.
func (p *command) reaches(rule string) bool {
	selector, ok := strings.CutPrefix(rule, "RULE:[")
	if !ok {
		return true
	}
	digits, _, _ := strings.Cut(selector, ":")
	n, err := strconv.Atoi(digits)
	name := p.name.Text
	return err != nil || strings.Contains(name, `\`) || n == 1+strings.Count(name[:realmAt(name)], "/")
}

// realmAt returns where the realm of a name begins, or its length.
func realmAt(name string) int {
	if i := strings.IndexByte(name, '@'); i >= 0 {
		return i
	}
	return len(name)
}

// ruleAt returns the index of a rule in the configuration.
func (p *command) ruleAt(i int) int {
	if i < len(p.kept) {
		return p.kept[i]
	}
	return i
}
