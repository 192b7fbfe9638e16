package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// wire is the name of the part that compares requests; it says itself what it counted.
const wire = "wire"

// timeLimit is how long the tests of a package may take.
const timeLimit = "90m"

// part is a set of tests, beside those of the wire. What is counted stands in what they print.
type part struct {
	name string
	// text says what the part compares.
	text string
	// tests are the arguments of "go test" for each package; VERSION is that of Kafka.
	tests []string
	// counts are what is counted, and where its numbers stand. They are added up.
	counts []count
}

type count struct {
	name    string
	pattern *regexp.Regexp
}

var parts = []part{
	{
		name:  "engine",
		text:  "Kafka's authorizer, its mapping of names and `kafka-acls` were asked the same as the engine and the tool.",
		tests: []string{"./fuzz -run TestKafka|TestJava -args -kafka VERSION", "./cmd/portcullis -run KafkaACLs -args -kafka VERSION"},
		counts: []count{
			{"verdicts", regexp.MustCompile(`: (\d+) verdicts`)},
			{"rules with names", regexp.MustCompile(`: (\d+) pairs:`)},
			{"distinguished names", regexp.MustCompile(`: (\d+) names:`)},
			{"lines of kafka-acls", regexp.MustCompile(`: (\d+) [a-z -]+ at Kafka`)},
		},
	},
	{
		name:  "clients",
		text:  "Each client ran at a broker directly and through the proxy: with all rights, with those that it needs, and without each of them.",
		tests: []string{"./gateway/proxy/clienttest -run TestClients|TestOldClients|TestSCRAMNonce|TestLanguages -args -kafka VERSION -full"},
		counts: []count{
			{"runs of clients", regexp.MustCompile(`clients: (\d+) runs compared`)},
			{"runs of old Java clients", regexp.MustCompile(`old: (\d+) runs compared`)},
		},
	},
	{
		name:  "reconnections",
		text:  "Java clients of 4.4 connected through the proxy again and again for minutes, and said which cluster and which broker they expect. They never had to bootstrap again.",
		tests: []string{"./gateway/proxy/clienttest -run TestReconnects|TestOtherCluster -args -kafka VERSION -reconnect 4m"},
		counts: []count{
			{"connections", regexp.MustCompile(`reconnections: (\d+) connections`)},
		},
	},
	{
		name:  "failover",
		text:  "Three brokers and the proxy were stopped and started under load.",
		tests: []string{"./gateway/proxy/failover -args -kafka VERSION"},
		counts: []count{
			{"records acknowledged", regexp.MustCompile(`: (\d+) records acknowledged`)},
		},
	},
}

// partNames returns the names of all parts.
func partNames() []string {
	names := []string{wire}
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}

// run runs the tests of the part against a version of Kafka. The error is that of the last
// that failed.
func (p part) run(version string) (Figures, error) {
	var printed bytes.Buffer
	var failure error
	for _, words := range p.tests {
		args := append([]string{"test", "-count=1", "-v", "-timeout", timeLimit}, strings.Fields(strings.ReplaceAll(words, "VERSION", version))...)
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), kafkatest.RequireVariable+"=1")
		cmd.Stdout, cmd.Stderr = io.MultiWriter(os.Stdout, &printed), os.Stderr
		if err := cmd.Run(); err != nil {
			failure = fmt.Errorf("%s: go %s: %w", p.name, strings.Join(args, " "), err)
		}
	}
	f := Figures{Counts: map[string]int{}, Failed: failure != nil}
	for _, c := range p.counts {
		f.Counts[c.name] = c.sum(printed.String())
	}
	return f, failure
}

// sum adds up the numbers in a text.
func (c count) sum(text string) (sum int) {
	for _, m := range c.pattern.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err == nil { // the pattern has digits only
			sum += n
		}
	}
	return sum
}

// merge returns a result with what an older one of the same version has more.
func merge(old, result Result) Result {
	parts := maps.Clone(old.Parts)
	if parts == nil {
		parts = map[string]Figures{}
	}
	maps.Copy(parts, result.Parts)
	if result.Requests == 0 { // another part was run
		result = old
	}
	result.Parts = parts
	return result
}

// writeParts writes a table for each part that was run.
func writeParts(w io.Writer, all []Result) {
	for _, p := range parts {
		if !slices.ContainsFunc(all, func(r Result) bool { _, ran := r.Parts[p.name]; return ran }) {
			continue
		}
		fmt.Fprintf(w, "\n## %s%s\n\n%s\n\n| Kafka |", strings.ToUpper(p.name[:1]), p.name[1:], p.text)
		for _, c := range p.counts {
			fmt.Fprintf(w, " %s |", c.name)
		}
		fmt.Fprintf(w, " tests |\n| --- |%s --- |\n", strings.Repeat(" ---: |", len(p.counts)))
		for _, r := range all {
			f, ran := r.Parts[p.name]
			if !ran {
				continue
			}
			fmt.Fprintf(w, "| %s |", r.Kafka)
			for _, c := range p.counts {
				fmt.Fprintf(w, " %d |", f.Counts[c.name])
			}
			fmt.Fprintf(w, " %s |\n", map[bool]string{false: "passed", true: "failed"}[f.Failed])
		}
	}
}
