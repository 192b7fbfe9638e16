package proxy

import (
	"crypto/tls"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/secretfile"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/role/groups"
	"github.com/portcullis-authz/portcullis/role/ldap"
)

// groupFlags are the flags that say where the groups of clients come from.
type groupFlags struct {
	file, directory, claim *cli.Once
	claimOptional          bool
	refresh, keep          time.Duration
}

func (g *groupFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	g.file = cli.OnceFlag(cmd, "groups", "", "`file` of groups and their members, JSON lines")
	g.directory = cli.OnceFlag(cmd, "groups-ldap", "", "`file` of settings of an LDAP directory with the groups")
	g.claim = cli.OnceFlag(cmd, "groups-claim", "", "`claim` of tokens (OAUTHBEARER) with the groups; with a slash at the beginning, a JSON pointer such as /realm_access/roles")
	f.BoolVar(&g.claimOptional, "groups-claim-optional", false, "accept tokens without --groups-claim: their clients are in no group")
	f.DurationVar(&g.refresh, "groups-refresh", 0, "`duration` after which a client's groups are asked for again: a change counts by then (default 1m, for a file 5s)")
	f.DurationVar(&g.keep, "groups-keep", groups.DefaultKeep, "`duration` for which the last groups count while the file or the directory cannot be read; then the requests of its clients are refused")
}

// groupSource is a source of groups that runs.
type groupSource struct {
	groups.Source
	stats func() groups.Stats
	text  string // for --check
	close func()
}

// open returns the source, or nil. It connects to nothing.
func (p *command) openGroups() (*groupSource, error) {
	g := &p.groups
	switch {
	case g.file.Given:
		f, err := groups.NewFile(g.file.Text, g.refresh, g.keep)
		if err != nil {
			return nil, fmt.Errorf("--groups: %w", err)
		}
		return &groupSource{f, f.Stats, fmt.Sprintf("%d of %s", f.Len(), cli.FileName(g.file.Text)), func() {}}, nil
	case g.directory.Given:
		config, err := p.readDirectory(g.directory.Text)
		if err != nil {
			return nil, err
		}
		directory, err := ldap.New(config)
		if err != nil {
			return nil, fmt.Errorf("--groups-ldap: %w", err)
		}
		cache, err := groups.NewCache(directory, groups.Options{Refresh: g.refresh, Keep: g.keep})
		if err != nil {
			return nil, fmt.Errorf("--groups-refresh, --groups-keep: %w", err)
		}
		return &groupSource{cache, cache.Stats, directory.String(), directory.Close}, nil
	}
	return nil, nil
}

// directorySettings are the settings in the file of --groups-ldap.
var directorySettings = map[string]func(c *ldap.Config, value string) error{
	"url": func(c *ldap.Config, v string) error {
		for u := range strings.SplitSeq(v, ",") {
			c.URLs = append(c.URLs, strings.TrimSpace(u))
		}
		return nil
	},
	"start-tls":     func(c *ldap.Config, v string) (err error) { c.StartTLS, err = parseBool(v); return err },
	"plaintext":     func(c *ldap.Config, v string) (err error) { c.Plaintext, err = parseBool(v); return err },
	"any-spelling":  func(c *ldap.Config, v string) (err error) { c.AnySpelling, err = parseBool(v); return err },
	"bind-dn":       func(c *ldap.Config, v string) error { c.BindDN = v; return nil },
	"user-base":     func(c *ldap.Config, v string) error { c.UserBase = v; return nil },
	"user-filter":   func(c *ldap.Config, v string) error { c.UserFilter = v; return nil },
	"group-base":    func(c *ldap.Config, v string) error { c.GroupBase = v; return nil },
	"group-filter":  func(c *ldap.Config, v string) error { c.GroupFilter = v; return nil },
	"nested-filter": func(c *ldap.Config, v string) error { c.NestedFilter = v; return nil },
	"group-name":    func(c *ldap.Config, v string) error { c.GroupName = v; return nil },
	"depth": func(c *ldap.Config, v string) (err error) {
		if c.Depth, err = parseCount(v); c.Depth == 0 {
			c.Depth = ldap.NoNesting
		}
		return err
	},
	"page": func(c *ldap.Config, v string) (err error) { c.Page, err = parseCount(v); return err },
}

func parseBool(v string) (bool, error) {
	if v != "true" && v != "false" {
		return false, fmt.Errorf("true or false")
	}
	return v == "true", nil
}

func parseCount(v string) (int, error) {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("a number")
	}
	return int(n), nil
}

// readDirectory reads the file of --groups-ldap: lines "name = value".
func (p *command) readDirectory(file string) (c ldap.Config, err error) {
	names := "url, start-tls, plaintext, ca, bind-dn, password-file, user-base, user-filter, any-spelling, group-base, group-filter, nested-filter, group-name, depth or page"
	seen := map[string]string{}
	err = secretfile.ReadLines(file, func(line string) (found, expected string) {
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		set, known := directorySettings[name]
		switch _, twice := seen[name]; {
		case !ok || !known && name != "ca" && name != "password-file":
			return enum.Quote(name), names
		case twice:
			return enum.Quote(name) + " again", "each setting once"
		case value == "":
			return enum.Quote(name) + " without a value", "one"
		}
		seen[name] = value
		if set != nil {
			if err := set(&c, value); err != nil {
				return enum.Quote(value), err.Error()
			}
		}
		return "", ""
	})
	if err != nil {
		return c, fmt.Errorf("--groups-ldap: %w", err)
	}
	if ca := seen["ca"]; ca != "" {
		pool, err := secretfile.ReadPool("groups-ldap, ca", ca)
		if err != nil {
			return c, err
		}
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	if password := seen["password-file"]; password != "" {
		if !p.allowReadable {
			if err := secretfile.Refuse("--groups-ldap, password-file", password); err != nil {
				return c, err
			}
		}
		text, err := cli.ReadConfig(password, nil)
		if err != nil {
			return c, fmt.Errorf("--groups-ldap, password-file: %w", err)
		}
		c.Password = strings.TrimRight(string(text), "\r\n")
	}
	return c, nil
}

// collectors returns the metrics of the source.
func (g *groupSource) collectors() []prometheus.Collector {
	counter := func(name, help string, value func(groups.Stats) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "portcullis_groups_" + name, Help: help}, func() float64 { return value(g.stats()) })
	}
	return []prometheus.Collector{
		counter("questions_total", "Times that the file of groups was read, or the directory was asked.", func(s groups.Stats) float64 { return float64(s.Asked) }),
		counter("failures_total", "Times that it could not be read, did not answer, or its answer could not be used.", func(s groups.Stats) float64 { return float64(s.Failed) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "portcullis_groups_failing_seconds", Help: "Time since the file of groups or the directory last could be read, while it cannot. It is 0 while it can."},
			func() float64 { return g.stats().Failing.Seconds() }),
	}
}

// describe says what is configured, for --check.
func (g *groupFlags) describe(source *groupSource) (list []string) {
	if source != nil {
		list = append(list, "groups: "+source.text+fmt.Sprintf(", kept for %v", g.keep))
	}
	if g.claim.Given {
		text := "groups: those of the claim " + lines.Printable(g.claim.Text) + " of tokens"
		if g.claimOptional {
			text += ", if they have it"
		}
		list = append(list, text)
	}
	return list
}
