package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// readersBenchmark is the benchmark that is run on one processor, two, four and so
// on. The others are run on as many as there are.
const readersBenchmark = "BenchmarkReaders"

// runBenchmarks writes the output of go test to file, headed by what benchstat
// takes for configuration: the commit and the command.
func runBenchmarks(o options, file string, log io.Writer) error {
	checkedOut := commit() // before a file that is part of it is written
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(f, "commit: %s\ncommand: %s\ngo: %s\n", checkedOut, o.command(), runtime.Version())
	runs, err := invocations(o)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	for _, args := range runs {
		fmt.Fprintln(log, "go", strings.Join(args, " "))
		cmd := exec.Command("go", args...)
		cmd.Stdout, cmd.Stderr = io.MultiWriter(f, log), log
		if err := cmd.Run(); err != nil {
			return errors.Join(fmt.Errorf("go %s: %w", strings.Join(args, " "), err), f.Close())
		}
	}
	return f.Close()
}

// invocations returns the arguments of go for each time it is to be run.
func invocations(o options) (runs [][]string, err error) {
	common := []string{"test", "-run", "^$", "-timeout", "0", "-benchtime", o.benchtime.String(), "-count", fmt.Sprint(o.count)}
	top, rest, nested := strings.Cut(o.bench, "/")
	pattern, err := regexp.Compile(top)
	if err != nil {
		return nil, fmt.Errorf("-bench %s: %w", o.bench, err)
	}
	runs = append(runs, slices.Concat(common, []string{"-bench", o.bench, "-skip", "^" + readersBenchmark + "$", "."}))
	if pattern.MatchString(readersBenchmark) {
		readers := "^" + readersBenchmark + "$"
		if nested {
			readers += "/" + rest
		}
		runs = append(runs, slices.Concat(common, []string{"-bench", readers, "-cpu", processors(), "."}))
	}
	if o.large {
		for i := range runs {
			runs[i] = append(runs[i], "-large")
		}
	}
	return runs, nil
}

// processors returns 1,2,4,… up to the number there is.
func processors() string {
	list := "1"
	for n := 2; n <= runtime.NumCPU(); n *= 2 {
		list += fmt.Sprint(",", n)
	}
	return list
}

// commit returns the commit that is checked out, marked if files differ from it.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if err != nil {
		return "unknown" // no repository: an unpacked archive
	}
	return strings.TrimSpace(string(out))
}

// benchstat returns what benchstat says of the results.
func benchstat(file string) (string, error) {
	cmd := exec.Command("go", "tool", "benchstat", "-ignore", "commit,command", file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("benchstat: %w: %s", err, stderr.String())
	}
	return string(out), nil
}

// runBudget returns what the budget prints. That it falls short is no error.
func runBudget(log io.Writer) (string, error) {
	fmt.Fprintln(log, "go run ./budget")
	cmd := exec.Command("go", "run", "./budget")
	cmd.Stderr = log
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && bytes.Contains(out, []byte("short, in"))) {
		return "", fmt.Errorf("budget: %w", err)
	}
	return string(out), nil
}
