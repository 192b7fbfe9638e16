package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// The broker settings with mapping rules.
const (
	sslRulesKey      = "ssl.principal.mapping.rules"
	kerberosRulesKey = "sasl.kerberos.principal.to.local.rules"
)

// principalCommand holds the flags of the command principal.
type principalCommand struct {
	json func() (bool, error)

	// the name: one of these
	dn   *once
	cert *once
	name *once

	// the rules
	sslRules      *once
	kerberosRules []string
	mit           bool
	properties    *once
	listener      *once
	krb5Conf      *once
	realm         *once
}

func newPrincipalCommand() *cobra.Command {
	p := &principalCommand{}
	cmd := &cobra.Command{
		Use:   "principal --dn NAME | --cert FILE | --name NAME",
		Short: "Map a certificate or a Kerberos name to a principal, and show the rule that does it",
		Long: `principal prints the principal to which Kafka maps a distinguished name, the subject of
a certificate, or a Kerberos name. It also prints the result of each rule.

--ssl-rules maps distinguished names, --kerberos-rules maps Kerberos names, and
--properties takes the rules of either kind from a broker's file. Without rules, Kafka's
default applies. Warnings about suspicious rules go to standard error.

With --mit, Kerberos names are mapped as MIT krb5 maps them: by the auth_to_local and
auth_to_local_names of --krb5-conf. Each --kerberos-rules is then one rule, and together
they replace auth_to_local.

Exit status: 0 mapped, 1 refused by the rules, 2 bad input or usage.`,
		Example: `  portcullis principal --ssl-rules 'RULE:^CN=([^,]+),.*$/$1/L,DEFAULT' --cert alice.pem
  portcullis principal --properties server.properties --krb5-conf /etc/krb5.conf --name kafka/broker1@EXAMPLE.COM`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.run(cmd) },
	}
	p.dn = onceFlag(cmd, "dn", "", "distinguished `name`, as Java prints it: CN=alice,OU=Sales,O=Acme")
	p.cert = onceFlag(cmd, "cert", "", "PEM `file` of a client's certificate, or - for standard input")
	p.name = onceFlag(cmd, "name", "", "Kerberos `name`, such as alice@EXAMPLE.COM")
	p.sslRules = onceFlag(cmd, "ssl-rules", "", "`rules` as in "+sslRulesKey)
	cmd.Flags().StringArrayVar(&p.kerberosRules, "kerberos-rules", nil, "`rules` as in "+kerberosRulesKey+"; with --mit one rule, may be repeated")
	cmd.Flags().BoolVar(&p.mit, "mit", false, "map Kerberos names as MIT krb5 does")
	p.properties = onceFlag(cmd, "properties", "", "server.properties of a broker: a `file` with the rules, or - for standard input")
	p.listener = onceFlag(cmd, "listener", "", "`name` of the listener whose rules in --properties apply")
	p.krb5Conf = onceFlag(cmd, "krb5-conf", "", "krb5.conf: a `file` with the default realm and, for --mit, the rules")
	p.realm = onceFlag(cmd, "realm", "", "the default `realm`; default that of --krb5-conf")
	p.json = outputFlag(cmd)
	return cmd
}

func (p *principalCommand) run(cmd *cobra.Command) error {
	asJSON, errJSON := p.json()
	if err := errors.Join(p.checkUsage(), errJSON); err != nil {
		return err
	}
	mapIt := p.mapDN
	if p.name.given {
		mapIt = p.mapKerberosName
	}
	m, warnings, err := mapIt(cmd.InOrStdin())
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning)
	}
	write := m.writeText
	if asJSON {
		write = m.writeJSON
	}
	if err := write(cmd.OutOrStdout()); err != nil {
		return err
	}
	if !m.Mapped {
		return errDenied
	}
	return nil
}

// conflicts are the pairs of flags that conflict, with the reason.
var conflicts = []struct{ one, other, why string }{
	{"dn", "cert", "expected one name"},
	{"dn", "name", "expected one name"},
	{"cert", "name", "expected one name"},
	{"ssl-rules", "properties", "expected rules from one of them"},
	{"kerberos-rules", "properties", "expected rules from one of them"},
	{"mit", "properties", "the rules of a broker are Kafka's"},
	{"ssl-rules", "name", "they are for distinguished names"},
	{"kerberos-rules", "dn", "they are for Kerberos names"},
	{"kerberos-rules", "cert", "they are for Kerberos names"},
	{"mit", "dn", "it is for Kerberos names"},
	{"mit", "cert", "it is for Kerberos names"},
	{"krb5-conf", "dn", "it is for Kerberos names"},
	{"krb5-conf", "cert", "it is for Kerberos names"},
	{"realm", "dn", "it is for Kerberos names"},
	{"realm", "cert", "it is for Kerberos names"},
}

// checkUsage returns an error for each missing, conflicting or invalid flag.
func (p *principalCommand) checkUsage() error {
	texts := map[string]*once{
		"dn": p.dn, "cert": p.cert, "name": p.name, "ssl-rules": p.sslRules, "properties": p.properties,
		"listener": p.listener, "krb5-conf": p.krb5Conf, "realm": p.realm,
		"kerberos-rules": {text: strings.Join(p.kerberosRules, "\n"), given: len(p.kerberosRules) > 0},
		"mit":            {given: p.mit},
	}
	errs := []error{checkStandardInput(p.cert.text, p.properties.text)}
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, c := range conflicts {
		if texts[c.one].given && texts[c.other].given {
			refuse("--%s cannot be given with --%s: %s", c.one, c.other, c.why)
		}
	}
	for _, flag := range []string{"dn", "name", "ssl-rules", "kerberos-rules", "realm"} {
		if !utf8.ValidString(texts[flag].text) {
			errs = append(errs, badFlag(flag, texts[flag].text, "valid UTF-8"))
		}
	}
	switch {
	case !p.dn.given && !p.cert.given && !p.name.given:
		refuse("no name is given: expected one of --dn, --cert, --name")
	case p.listener.given && !p.properties.given:
		refuse("--listener needs --properties")
	case p.mit && !p.krb5Conf.given && len(p.kerberosRules) == 0:
		refuse("--mit without rules: expected --krb5-conf or --kerberos-rules")
	case !p.mit && len(p.kerberosRules) > 1:
		refuse("--kerberos-rules is given twice: expected one list with commas, or --mit")
	}
	return errors.Join(errs...)
}

// mapDN maps a distinguished name. It also returns warnings.
func (p *principalCommand) mapDN(stdin io.Reader) (mapping, []string, error) {
	dn, warnings, errName := p.distinguishedName(stdin)
	rules, rulesWarnings, errRules := p.readSSLRules(stdin)
	if err := errors.Join(errName, errRules); err != nil {
		return mapping{}, nil, err
	}
	warnings = append(append(warnings, rulesWarnings...), findingTexts(rules.Lint())...)
	return sslMapping(rules.Trace(dn)), warnings, nil
}

func (p *principalCommand) distinguishedName(stdin io.Reader) (dn string, warnings []string, err error) {
	if !p.cert.given {
		return p.dn.text, nil, nil
	}
	file := fileName(p.cert.text)
	cert, err := readFile(p.cert.text, stdin, func(r io.Reader) (certificateFile, error) { return readCertificate(r, file) })
	if cert.count > 1 {
		warnings = append(warnings, fmt.Sprintf("%s has %d certificates: the first is used", file, cert.count))
	}
	return cert.subject, warnings, err
}

func (p *principalCommand) readSSLRules(stdin io.Reader) (*principal.SSLRules, []string, error) {
	if p.properties.given {
		settings, warnings, err := p.settings(stdin, sslRulesKey, "")
		return settings.SSLRules, warnings, err
	}
	list := principal.DefaultSSLRules
	if p.sslRules.given {
		list = p.sslRules.text
	}
	return parseRules("--ssl-rules", func(backtracking *principal.Backtracking) (*principal.SSLRules, error) {
		return principal.ParseSSLRules(list, backtracking)
	})
}

// mapKerberosName maps a Kerberos name. It also returns warnings.
func (p *principalCommand) mapKerberosName(stdin io.Reader) (mapping, []string, error) {
	rules, warnings, err := p.readKerberosRules(stdin)
	if err != nil {
		return mapping{}, nil, err
	}
	warnings = append(warnings, findingTexts(rules.Lint())...)
	return kerberosMapping(rules.Trace(p.name.text)), warnings, nil
}

func (p *principalCommand) readKerberosRules(stdin io.Reader) (rules *principal.KerberosRules, warnings []string, err error) {
	config := &krb5.Config{}
	if p.krb5Conf.given {
		if config, err = krb5.LoadConfig(p.krb5Conf.text); err != nil {
			return nil, nil, err
		}
	}
	if p.mit {
		rules, err = p.readMITRules(config)
		return rules, nil, err
	}
	realm := p.defaultRealm(config)
	if realm == "" {
		warnings = append(warnings, "no default realm is known: DEFAULT does not match names with a realm; give --realm or --krb5-conf")
	}
	if p.properties.given {
		settings, more, err := p.settings(stdin, kerberosRulesKey, realm)
		return settings.KerberosRules, append(warnings, more...), err
	}
	list := principal.DefaultKerberosRules
	if len(p.kerberosRules) > 0 {
		list = p.kerberosRules[0]
	}
	rules, more, err := parseRules("--kerberos-rules", func(backtracking *principal.Backtracking) (*principal.KerberosRules, error) {
		return principal.ParseKerberosRules(principal.SplitKerberosRules(list), realm, backtracking)
	})
	return rules, append(warnings, more...), err
}

// matchLimit is the limit on the steps of a match that backtracks, about 0.3 s. It is
// higher than in a server, because the only work is for the user of the tool.
const matchLimit = 10 * principal.DefaultMaxSteps

// parseRules parses rules that a broker would accept. It warns of rules that need
// backtracking, because programs that embed these packages must enable it.
func parseRules[T any](from string, parse func(*principal.Backtracking) (T, error)) (rules T, warnings []string, err error) {
	rules, linear := parse(nil)
	if linear == nil {
		return rules, nil, nil
	}
	rules, err = parse(&principal.Backtracking{MaxSteps: matchLimit})
	if err != nil {
		return rules, nil, fmt.Errorf("%s: %w", from, err)
	}
	return rules, []string{linear.Error()}, nil
}

func (p *principalCommand) defaultRealm(config *krb5.Config) string {
	if p.realm.given {
		return p.realm.text
	}
	return config.DefaultRealm
}

// readMITRules returns the mapping of MIT krb5. The rules in a krb5.conf belong to its
// default realm, so that another realm is refused.
func (p *principalCommand) readMITRules(config *krb5.Config) (*principal.KerberosRules, error) {
	realm := p.defaultRealm(config)
	if p.krb5Conf.given && realm != config.DefaultRealm {
		return nil, badFlag("realm", realm, enum.Quote(config.DefaultRealm)+", the default_realm of --krb5-conf")
	}
	config.DefaultRealm = realm
	from := p.krb5Conf.text
	if len(p.kerberosRules) > 0 {
		config.AuthToLocal, from = p.kerberosRules, "--kerberos-rules"
	}
	rules, err := config.MITRules()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return rules, nil
}

// findingTexts returns the findings about rules as text.
func findingTexts(findings []principal.RuleFinding) []string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, fmt.Sprintf("rule %d: %s: %s", f.Rule, f.Check, f.Msg))
	}
	return texts
}
