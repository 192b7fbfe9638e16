package main

import (
	"strings"
	"testing"
)

var exampleACLs = []string{"acls.txt", "acls-3.txt", "acls.jsonl", "acls-zookeeper.txt"}

// The files of acme are one set of ACLs, each as the program writes it.
func TestExamplesAreTheSameACLs(t *testing.T) {
	formats := map[string]string{
		"acls.txt": "kafka-acls", "acls-3.txt": "kafka-acls-3", "acls.jsonl": "json", "acls-zookeeper.txt": "zookeeper",
	}
	for _, from := range exampleACLs {
		for _, to := range exampleACLs {
			expect(t, exitDone, readAll(t, acme+to), "", "", "convert", "--acls", acme+from, "--to", formats[to])
		}
	}
	if n := strings.Count(readAll(t, acme+"acls.jsonl"), "\n"); n != 58 {
		t.Errorf("the example has %d ACLs, want 58", n)
	}
}

func TestExampleAnswers(t *testing.T) {
	const summary = "questions: 28, allowed: 20, denied: 8\n"
	for _, acls := range exampleACLs {
		for _, questions := range []string{"questions.csv", "questions.jsonl"} {
			args := []string{"check", "--acls", acme + acls, "--questions", acme + questions, "--super-users", "User:admin;User:CN=broker,OU=Kafka,O=Acme"}
			expect(t, exitDenied, readAll(t, acme+"answers.txt"), summary, "", args...)
			expect(t, exitDenied, readAll(t, acme+"answers.jsonl"), summary, "", append(args, "-o", "json")...)
		}
	}
	if !strings.Contains(readAll(t, acme+"server.properties"), "super.users=User:admin;User:CN=broker,OU=Kafka,O=Acme\n") {
		t.Error("the super users are not those of server.properties")
	}
}

// Each question alone gets the answer that it gets among others.
func TestExampleQuestionsOneByOne(t *testing.T) {
	header, rest, _ := strings.Cut(readAll(t, acme+"questions.csv"), "\n")
	questions := strings.Split(strings.TrimSpace(rest), "\n")
	answers := strings.Split(strings.TrimSpace(readAll(t, acme+"answers.txt")), "\n")
	if len(questions) != len(answers) {
		t.Fatalf("%d questions, %d answers", len(questions), len(answers))
	}
	for i, q := range questions {
		status, summary := exitDone, "questions: 1, allowed: 1, denied: 0\n"
		if strings.HasPrefix(answers[i], "denied") {
			status, summary = exitDenied, "questions: 1, allowed: 0, denied: 1\n"
		}
		expect(t, status, answers[i]+"\n", summary, header+"\n"+q+"\n",
			"check", "--acls", acme+"acls.txt", "--questions", "-", "--super-users", "User:admin")
	}
}

func TestBrokenExample(t *testing.T) {
	const broken = "../../examples/broken/"
	want := strings.ReplaceAll("\n"+readAll(t, broken+"errors.txt"), "\nacls.txt:", "\n"+broken+"acls.txt:")[1:]
	for _, args := range [][]string{
		{"list"},
		{"convert", "--to", "json"},
		{"check", "--principal", "User:heidi", "--operation", "Read", "--topic", "fine"},
	} {
		expect(t, exitError, "", want, "", append(args, "--acls", broken+"acls.txt")...)
	}
	if n := strings.Count(want, "\n"); n != 12 {
		t.Errorf("%d errors are reported, want 12", n)
	}
}
