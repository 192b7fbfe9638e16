// Package principal has the command principal.
package principal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/broker"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// command holds the flags of the command principal.
type command struct {
	dn, cert, name *cli.Once // one of them

	// the rules
	sslRules, properties, listener, krb5Conf, realm *cli.Once
	kerberosRules                                   []string
	mit                                             bool

	stdin    io.Reader
	warnings []string

	// Of MIT's rules some may be left out, because they cannot be compiled.
	kept        []int // the indexes of the others
	unknownFrom error // a name that the others do not map reaches this rule
}

// New returns the command principal.
func New() *cobra.Command {
	p := &command{}
	cmd := cli.Command(p.run, &cobra.Command{
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
	})
	p.dn = cli.OnceFlag(cmd, "dn", "", "distinguished `name`, as Java prints it: CN=alice,OU=Sales,O=Acme")
	p.cert = cli.OnceFlag(cmd, "cert", "", "PEM `file` of a client's certificate, or - for standard input")
	p.name = cli.OnceFlag(cmd, "name", "", "Kerberos `name`, such as alice@EXAMPLE.COM")
	p.sslRules = cli.OnceFlag(cmd, "ssl-rules", "", "`rules` as in "+broker.SSLRules)
	cmd.Flags().StringArrayVar(&p.kerberosRules, "kerberos-rules", nil, "`rules` as in "+broker.KerberosRules+"; with --mit one rule, may be repeated")
	cmd.Flags().BoolVar(&p.mit, "mit", false, "map Kerberos names as MIT krb5 does")
	p.properties = cli.OnceFlag(cmd, "properties", "", "server.properties of a broker: a `file` with the rules, or - for standard input")
	p.listener = cli.OnceFlag(cmd, "listener", "", "`name` of the listener whose rules in --properties apply")
	p.krb5Conf = cli.OnceFlag(cmd, "krb5-conf", "", "krb5.conf: a `file` with the default realm and, for --mit, the rules")
	p.realm = cli.OnceFlag(cmd, "realm", "", "the default `realm`; default that of --krb5-conf")
	cli.AddOutput(cmd)
	return cmd
}

func (p *command) run(cmd *cobra.Command, out *cli.Output) error {
	if err := errors.Join(p.checkUsage(cmd), out.UsageErr); err != nil {
		return err
	}
	p.stdin = cmd.InOrStdin()
	mapName := p.mapDN
	if p.name.Given {
		mapName = p.mapKerberosName
	}
	m, err := mapName()
	if err != nil {
		return err
	}
	for _, warning := range p.warnings {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: "+warning)
	}
	out.Line(m, m.text())
	return cli.DeniedIf(!m.Mapped)
}

// exclusions are the flags that conflict, with the reason.
var exclusions = []cli.Relation{
	{Flag: "cert", Others: []string{"dn"}, Why: "expected one name"},
	{Flag: "name", Others: []string{"dn", "cert"}, Why: "expected one name"},
	{Flag: "properties", Others: []string{"ssl-rules", "kerberos-rules"}, Why: "expected rules from one of them"},
	{Flag: "properties", Others: []string{"mit"}, Why: "the rules of a broker are Kafka's"},
	{Flag: "name", Others: []string{"ssl-rules"}, Why: "they are for distinguished names"},
	{Flag: "dn", Others: []string{"kerberos-rules"}, Why: "they are for Kerberos names"},
	{Flag: "dn", Others: []string{"mit", "krb5-conf", "realm"}, Why: "it is for Kerberos names"},
	{Flag: "cert", Others: []string{"kerberos-rules"}, Why: "they are for Kerberos names"},
	{Flag: "cert", Others: []string{"mit", "krb5-conf", "realm"}, Why: "it is for Kerberos names"},
}

// checkUsage returns an error for each missing, conflicting or invalid flag.
func (p *command) checkUsage(cmd *cobra.Command) error {
	var errs cli.Errors
	errs.Add(cli.CheckStandardInput(p.cert.Text, p.properties.Text))
	errs.Exclude(cmd, exclusions)
	for _, flag := range []struct{ name, text string }{
		{"dn", p.dn.Text}, {"name", p.name.Text}, {"ssl-rules", p.sslRules.Text},
		{"kerberos-rules", strings.Join(p.kerberosRules, "\n")}, {"realm", p.realm.Text},
	} {
		if !utf8.ValidString(flag.text) {
			errs.Add(cli.BadFlag(flag.name, flag.text, "valid UTF-8"))
		}
	}
	switch {
	case !p.dn.Given && !p.cert.Given && !p.name.Given:
		errs.Refuse("no name is given: expected one of --dn, --cert, --name")
	case p.listener.Given && !p.properties.Given:
		errs.Refuse("--listener needs --properties")
	case p.mit && !p.krb5Conf.Given && len(p.kerberosRules) == 0:
		errs.Refuse("--mit without rules: expected --krb5-conf or --kerberos-rules")
	case !p.mit && len(p.kerberosRules) > 1:
		errs.Refuse("--kerberos-rules is given twice: expected one list with commas, or --mit")
	}
	return errs.Join()
}

func (p *command) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// warnOf warns of the findings about rules.
func (p *command) warnOf(findings []principal.RuleFinding) {
	for _, f := range findings {
		p.warn("rule %d: %s: %s", f.Rule, f.Check, f.Msg)
	}
}

// mapDN maps a distinguished name.
func (p *command) mapDN() (*mapping, error) {
	dn, errName := p.dn.Text, error(nil)
	if p.cert.Given {
		dn, errName = p.readSubject()
	}
	p.warnOfName(dn)
	rules, errRules := p.readSSLRules()
	if err := errors.Join(errName, errRules); err != nil {
		return nil, err
	}
	p.warnOf(rules.Lint())
	return newMapping(rules.Trace(dn)), nil
}

func (p *command) readSSLRules() (*principal.SSLRules, error) {
	if p.properties.Given {
		settings, err := p.settings(broker.SSLRules, "")
		return settings.SSLRules, err
	}
	settings, err := p.flagSettings("--ssl-rules", broker.SSLRules, p.sslRules.Text, p.sslRules.Given, "")
	return settings.SSLRules, err
}

// mapKerberosName maps a Kerberos name.
func (p *command) mapKerberosName() (*mapping, error) {
	rules, err := p.readKerberosRules()
	if err != nil {
		return nil, err
	}
	findings := rules.Lint()
	for i := range findings {
		findings[i].Rule = p.ruleAt(findings[i].Rule)
	}
	p.warnOf(findings)
	trace := rules.Trace(p.name.Text)
	if n := len(trace.Steps); trace.Err != nil && p.unknownFrom != nil && n == len(p.kept) && trace.Steps[n-1].Err == nil {
		return nil, p.unknownFrom // it reaches the rule that cannot be compiled
	}
	for i := range trace.Steps {
		trace.Steps[i].Rule = p.ruleAt(trace.Steps[i].Rule)
	}
	return newMapping(trace), nil
}

func (p *command) readKerberosRules() (*principal.KerberosRules, error) {
	config := &krb5.Config{}
	if p.krb5Conf.Given {
		var missing []*krb5.ConfigError
		var err error
		if config, missing, err = krb5.LoadAvailable(p.krb5Conf.Text); err != nil {
			return nil, err
		}
		for _, m := range missing {
			p.warn("%s: with it, names may be mapped differently", lines.Escape(m.Error()))
		}
	}
	realm := config.DefaultRealm
	if p.realm.Given {
		realm = p.realm.Text
	}
	if p.mit {
		return p.readMITRules(config, realm)
	}
	if realm == "" {
		p.warn("no default realm is known: DEFAULT does not match names with a realm; give --realm or --krb5-conf")
	}
	if p.properties.Given {
		settings, err := p.settings(broker.KerberosRules, realm)
		return settings.KerberosRules, err
	}
	settings, err := p.flagSettings("--kerberos-rules", broker.KerberosRules, strings.Join(p.kerberosRules, ""), len(p.kerberosRules) > 0, realm)
	return settings.KerberosRules, err
}

// flagSettings reads the rules that a flag gives for a setting of a broker, or Kafka's
// default. Errors name the flag, not the setting.
func (p *command) flagSettings(flag, key, rules string, given bool, realm string) (principal.Settings, error) {
	asked := map[string]string{}
	if given {
		asked[key] = rules
	}
	return parseRules(p, flag, func(maxSteps int) (principal.Settings, error) {
		settings, err := principal.ParseSettings(asked, realm, maxSteps)
		return settings, errors.Unwrap(err)
	})
}

// matchLimit is the limit on the steps of a match that backtracks, about 0.3 s. It is
// higher than in a server, because the only work is for the user of the tool.
const matchLimit = 10 * principal.DefaultMaxSteps

// parseRules parses rules that a broker would accept. It warns of rules that need
// backtracking, because programs that embed these packages must enable it.
func parseRules(p *command, from string, parse func(maxSteps int) (principal.Settings, error)) (principal.Settings, error) {
	rules, linear := parse(0)
	if linear == nil {
		return rules, nil
	}
	rules, err := parse(matchLimit)
	if err != nil {
		return rules, fmt.Errorf("%s: %w", from, err)
	}
	p.warn("%s", linear.Error())
	return rules, nil
}

// readMITRules returns the mapping of MIT krb5. The rules in a krb5.conf belong to its
// default realm, so that another realm is refused.
func (p *command) readMITRules(config *krb5.Config, realm string) (*principal.KerberosRules, error) {
	if p.krb5Conf.Given && realm != config.DefaultRealm {
		return nil, cli.BadFlag("realm", realm, enum.Quote(config.DefaultRealm)+", the default_realm of --krb5-conf")
	}
	config.DefaultRealm = realm
	from := p.krb5Conf.Text
	if len(p.kerberosRules) > 0 {
		config.AuthToLocal, from = p.kerberosRules, "--kerberos-rules"
	}
	return p.compileMITRules(config, from)
}

// settings reads the rules of one kind from --properties. It does not parse the rules of
// the other kind, so that errors in them do not matter.
func (p *command) settings(key, realm string) (principal.Settings, error) {
	file := cli.FileName(p.properties.Text)
	all, err := properties.Read(p.properties.Text, p.stdin)
	if err != nil {
		return principal.Settings{}, err
	}
	config := broker.New(all)
	p.warnOfKeys(file, all, config)
	if !p.listener.Given {
		for _, k := range config.OfListeners(key) {
			p.warn("%s: %s has other rules for one listener: --listener uses them", file, lines.Printable(k))
		}
	}
	listener := config.Named(p.listener.Text)
	if rules, _ := listener.Get("", key); isUTF8Twice(rules) {
		p.warn(`%s: %s seems to be UTF-8, but Kafka reads ISO 8859-1: write characters beyond ASCII as \uXXXX`, file, key)
	}
	return parseRules(p, file, func(maxSteps int) (principal.Settings, error) {
		return listener.ParseNames(realm, maxSteps, key)
	})
}

// isUTF8Twice reports whether the characters of s, taken as bytes, are UTF-8 with
// characters outside ASCII.
func isUTF8Twice(s string) bool {
	bytes := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xFF {
			return false
		}
		bytes = append(bytes, byte(r))
	}
	return len(bytes) < len(s) && utf8.Valid(bytes)
}
