// Command judge compares Portcullis with real brokers of any version of Kafka. It
// maintains docs/kafka-tested.md, which says how many requests were compared:
//
//	go run ./internal/kafkatest/judge -kafka 4.4.0
//	go run ./internal/kafkatest/judge -kafka 4.4.0,4.2.1,3.9.2 -soak 1h
//	go run ./internal/kafkatest/judge -kafka 4.4.0,4.2.1 -counts
//	go run ./internal/kafkatest/judge -kafka 4.4.0 -parts clients,failover
//
// It runs all that is compared: requests on the wire, Kafka's classes and the engine, real
// clients, and three brokers that fail.
//
// Run it in the root folder of the repository. It has the requirements of package
// kafkatest. Its exit status is 1 if a test fails. It then prints the differences, and
// the page reports them too.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// page is the generated page, and results the file with its figures.
var (
	page    = filepath.Join("docs", "kafka-tested.md")
	results = filepath.Join("gateway", "proxy", "judge", "testdata", "results.json")
)

// Result is the result for a version of Kafka. The tests write it.
type Result struct {
	Kafka       string `json:"kafka"`
	Requests    int    `json:"requests"`
	Versions    int    `json:"versions"`
	Differences int    `json:"differences"`
	// Published is how often each difference in docs/differences.md occurred.
	Published map[string]int `json:"published"`
	// Parts is what else was compared, by the name of the part.
	Parts map[string]Figures `json:"parts,omitempty"`
}

// Figures is what a part counted, and whether one of its tests failed.
type Figures struct {
	Counts map[string]int `json:"counts"`
	Failed bool           `json:"failed"`
}

func main() {
	versions := flag.String("kafka", kafkatest.DefaultVersion, "the versions of Kafka, separated by commas")
	soak := flag.Duration("soak", 0, "how long to judge each version; 0 is the usual number of requests")
	seed := flag.Uint64("seed", 1, "the seed of all requests and ACLs")
	counts := flag.Bool("counts", false, "keep how many requests of each API and version were compared: later runs must compare as many")
	chosen := flag.String("parts", strings.Join(partNames(), ","), "what to compare, with commas between")
	pageOnly := flag.Bool("page", false, "compare nothing; make the page anew from the results that are kept")
	flag.Parse()
	if *pageOnly {
		if err := keep(Result{}); err != nil {
			fmt.Fprintf(os.Stderr, "judge: %v\n", err)
			os.Exit(2)
		}
		return
	}
	for _, name := range strings.Split(*chosen, ",") {
		if !slices.Contains(partNames(), name) {
			fmt.Fprintf(os.Stderr, "judge: -parts: %q: expected some of %s\n", name, strings.Join(partNames(), ", "))
			os.Exit(2)
		}
	}
	failed := false
	check := func(version string, err error) {
		if err != nil {
			fmt.Fprintf(os.Stderr, "judge: Kafka %s: %v\n", version, err)
			failed = true
		}
	}
	save := func(result Result) {
		if err := keep(result); err != nil {
			fmt.Fprintf(os.Stderr, "judge: %v\n", err)
			os.Exit(2)
		}
	}
	for _, version := range strings.Split(*versions, ",") {
		for _, name := range strings.Split(*chosen, ",") {
			if name == wire {
				result, err := judge(version, *soak, *seed, *counts)
				check(version, err)
				if result != nil {
					save(*result)
				}
				continue
			}
			figures, err := parts[slices.IndexFunc(parts, func(p part) bool { return p.name == name })].run(version)
			check(version, err)
			save(Result{Kafka: version, Parts: map[string]Figures{name: figures}})
		}
	}
	if failed {
		os.Exit(1)
	}
}

// judge runs the tests against a version. The result is nil if there is none.
func judge(version string, soak time.Duration, seed uint64, counts bool) (*Result, error) {
	file, err := os.CreateTemp("", "judge-*.json")
	if err != nil {
		return nil, err
	}
	file.Close()
	defer os.Remove(file.Name())
	cmd := exec.Command("go", "test", "-count=1", "-v", "-timeout", (soak + time.Hour).String(), "-run", "TestJudge", "./gateway/proxy/judge",
		"-args", "-kafka", version, "-soak", soak.String(), "-seed", strconv.FormatUint(seed, 10), "-result", file.Name())
	if counts {
		cmd.Args = append(cmd.Args, "-counts", filepath.Join("testdata", "counts-"+version+".tsv"))
	}
	cmd.Env = append(os.Environ(), kafkatest.RequireVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	failure := cmd.Run()
	text, err := os.ReadFile(file.Name())
	if err != nil || len(text) == 0 {
		return nil, cmp.Or(failure, errors.New("the tests returned no result"))
	}
	var result Result
	if err := json.Unmarshal(text, &result); err != nil {
		return nil, err
	}
	return &result, failure
}

// keep writes a result into the file of results, in place of what an older one of the
// same version has of the same parts, and makes the page anew. A result of no version is
// not kept.
func keep(result Result) error {
	var all []Result
	text, err := os.ReadFile(results)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, old := range all {
		if old.Kafka == result.Kafka {
			result = merge(old, result)
		}
	}
	all = slices.DeleteFunc(all, func(r Result) bool { return r.Kafka == result.Kafka })
	if result.Kafka != "" {
		all = append(all, result)
	}
	slices.SortFunc(all, func(a, b Result) int {
		if a.Kafka == b.Kafka {
			return 0
		}
		if kafkatest.AtLeast(a.Kafka, b.Kafka) {
			return -1
		}
		return 1
	})
	if text, err = json.MarshalIndent(all, "", "  "); err != nil {
		return err
	}
	if err := os.WriteFile(results, append(text, '\n'), 0o644); err != nil {
		return err
	}
	var b bytes.Buffer
	write(&b, all)
	return os.WriteFile(page, b.Bytes(), 0o644)
}

// write writes the page.
func write(w io.Writer, all []Result) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	fmt.Fprint(b, "<!-- Generated by internal/kafkatest/judge; do not edit. -->\n# Tested against real Kafka\n\n"+
		"Each request was sent to a broker directly, where Kafka's own authorizer decides, and through the proxy, where Portcullis\n"+
		"decides by the same ACLs. Both answers were decoded and compared field by field. What requests changed was compared too.\n"+
		"The published differences are those of [differences.md](differences.md), with how often each showed.\n\n"+
		"To judge another version, run `go run ./internal/kafkatest/judge -kafka VERSION`.\n\n"+
		"| Kafka | requests compared | versions of APIs | other differences | published differences |\n| --- | ---: | ---: | ---: | --- |\n")
	for _, r := range all {
		var published []string
		for id, n := range r.Published {
			published = append(published, fmt.Sprintf("%s %d", id, n))
		}
		slices.Sort(published)
		if r.Requests > 0 {
			fmt.Fprintf(b, "| %s | %d | %d | %d | %s |\n", r.Kafka, r.Requests, r.Versions, r.Differences, strings.Join(published, ", "))
		}
	}
	writeParts(b, all)
}
