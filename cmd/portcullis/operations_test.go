package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// metric is a metric of a proxy that runs.
type metric struct{ kind, help string }

// scrape returns the metrics of a proxy that has served some requests.
func scrape(t *testing.T) map[string]metric {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	free.Close()
	p := startAudited(t, "--metrics", address, "--otlp-endpoint", "http://127.0.0.1:1",
		"--roles", acme+"roles.json", "--kafka-cluster", "prod", "--groups", acme+"groups.jsonl")
	require.NoError(t, p.produce(t, "alice", "a"))
	require.Error(t, p.produce(t, "bob", "b"))
	response, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	p.stop(t)
	found := map[string]metric{}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(fields) < 4 || fields[0] != "#" {
			continue
		}
		m := found[fields[2]]
		if fields[1] == "HELP" {
			m.help = fields[3]
		} else {
			m.kind = fields[3]
		}
		found[fields[2]] = m
	}
	return found
}

// metricNames are the names of metrics in an expression, without the suffixes of a histogram's
// series.
func metricNames(expression string) (names []string) {
	for _, name := range regexp.MustCompile(`\b(portcullis|go|process)_[a-z_]+`).FindAllString(expression, -1) {
		names = append(names, strings.TrimSuffix(name, "_bucket"))
	}
	return names
}

// The dashboard and the alerts are about metrics that the proxy has, and docs/operations.md
// lists all of them as the proxy describes them.
func TestMetricsAreThoseOfTheProxy(t *testing.T) {
	found := scrape(t)
	require.Greater(t, len(found), 40)

	read := func(name string) string {
		text, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		return string(text)
	}
	t.Run("dashboard", func(t *testing.T) {
		var d struct {
			Panels     []struct{ Targets []struct{ Expr string } }
			Templating struct{ List []struct{ Definition string } }
		}
		require.NoError(t, json.Unmarshal([]byte(read("deploy/grafana/portcullis.json")), &d))
		var named []string
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				names := metricNames(target.Expr)
				assert.NotEmpty(t, names, target.Expr)
				named = append(named, names...)
			}
		}
		for _, v := range d.Templating.List {
			named = append(named, metricNames(v.Definition)...)
		}
		for _, name := range named {
			assert.Contains(t, found, name)
		}
		// What the proxy counts can be seen.
		for name := range found {
			if strings.HasPrefix(name, "portcullis_") {
				assert.Contains(t, named, name)
			}
		}
	})
	t.Run("alerts", func(t *testing.T) {
		var named []string
		for _, m := range regexp.MustCompile(`(?m)^ *expr: (.*)$`).FindAllStringSubmatch(read("deploy/prometheus/alerts.yml"), -1) {
			named = append(named, metricNames(m[1])...)
		}
		require.Greater(t, len(named), 16)
		for _, name := range named {
			assert.Contains(t, found, name)
		}
	})
	t.Run("documentation", func(t *testing.T) {
		var rows []string
		for name, m := range found {
			if strings.HasPrefix(name, "portcullis_") {
				rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", name, m.kind, strings.ReplaceAll(m.help, "|", `\|`)))
			}
		}
		slices.Sort(rows)
		want := strings.Join(rows, "")
		if !strings.Contains(read("docs/operations.md"), "| metric | type | what it says |\n| --- | --- | --- |\n"+want+"\n") {
			assert.Fail(t, "the table of metrics in docs/operations.md is not", want)
		}
	})
}
