package fuzz_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"testing"
)

func TestKerberosFamily(t *testing.T) {
	file, err := os.Open("testdata/kerberos.shared.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(unzipped)
	scanner.Buffer(nil, 1<<20)
	rows, checks := 0, 0
	for scanner.Scan() {
		n, mismatches, err := replayKerberos(scanner.Bytes())
		if err != nil {
			t.Fatalf("line %d: %v", rows+1, err)
		}
		for _, m := range mismatches {
			t.Errorf("line %d: %s", rows+1, m)
		}
		rows, checks = rows+1, checks+n
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	// 519 lists that Kafka reads with 5,515 names, 52 that it refuses, and 60 formats.
	if rows != 631 || checks != 5515+52+60 {
		t.Errorf("%d lines with %d checks, want 631 with 5627", rows, checks)
	}
}
