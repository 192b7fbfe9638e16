package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/role"
)

var exampleACLs = []string{"acls.txt", "acls-3.txt", "acls.jsonl", "acls-zookeeper.txt"}

// The files of acme are one set of ACLs, each as the program writes it.
func TestExamplesAreTheSameACLs(t *testing.T) {
	formats := map[string]string{
		"acls.txt": "kafka-acls", "acls-3.txt": "kafka-acls-3", "acls.jsonl": "json", "acls-zookeeper.txt": "zookeeper",
	}
	for _, from := range exampleACLs {
		for _, to := range exampleACLs {
			t.Run(from+" to "+to, func(t *testing.T) {
				expect(t, exitDone, readAll(t, acme+to), "", "", "convert", "--acls", acme+from, "--to", formats[to])
			})
		}
	}
	assert.Equal(t, 58, strings.Count(readAll(t, acme+"acls.jsonl"), "\n"), "ACLs")
}

func TestExampleAnswers(t *testing.T) {
	const summary = "questions: 28, allowed: 20, denied: 8\n"
	for _, acls := range exampleACLs {
		for _, questions := range []string{"questions.csv", "questions.jsonl"} {
			t.Run(acls+" "+questions, func(t *testing.T) {
				args := []string{"check", "--acls", acme + acls, "--questions", acme + questions, "--super-users", "User:admin;User:CN=broker,OU=Kafka,O=Acme"}
				expect(t, exitDenied, readAll(t, acme+"answers.txt"), summary, "", args...)
				expect(t, exitDenied, readAll(t, acme+"answers.jsonl"), summary, "", append(args, "-o", "json")...)
			})
		}
	}
	assert.Contains(t, readAll(t, acme+"server.properties"), "super.users=User:admin;User:CN=broker,OU=Kafka,O=Acme\n")
}

// Each question alone gets the answer that it gets among others.
func TestExampleQuestionsOneByOne(t *testing.T) {
	header, rest, _ := strings.Cut(readAll(t, acme+"questions.csv"), "\n")
	questions := strings.Split(strings.TrimSpace(rest), "\n")
	answers := strings.Split(strings.TrimSpace(readAll(t, acme+"answers.txt")), "\n")
	require.Len(t, answers, len(questions))
	for i, q := range questions {
		t.Run(q, func(t *testing.T) {
			status, summary := exitDone, "questions: 1, allowed: 1, denied: 0\n"
			if strings.HasPrefix(answers[i], "denied") {
				status, summary = exitDenied, "questions: 1, allowed: 0, denied: 1\n"
			}
			expect(t, status, answers[i]+"\n", summary, header+"\n"+q+"\n",
				"check", "--acls", acme+"acls.txt", "--questions", "-", "--super-users", "User:admin")
		})
	}
}

func TestBrokenExample(t *testing.T) {
	const broken = "../../examples/broken/"
	want := strings.ReplaceAll("\n"+readAll(t, broken+"errors.txt"), "\nacls.txt:", "\n"+broken+"acls.txt:")[1:]
	want = strings.Replace(want, "the text of acls.txt", "the text of "+broken+"acls.txt", 1)
	for _, args := range [][]string{
		{"list"},
		{"convert", "--to", "json"},
		{"check", "--principal", "User:heidi", "--operation", "Read", "--topic", "fine"},
	} {
		t.Run(args[0], func(t *testing.T) { expect(t, exitError, "", want, "", append(args, "--acls", broken+"acls.txt")...) })
	}
	assert.Equal(t, 9, strings.Count(want, "\n"), "errors")
}

// The company's roles decide together with its ACLs, and the answers name them.
func TestExampleRoles(t *testing.T) {
	const questions = "questions: 15, allowed: 10, denied: 5\n"
	args := []string{"check", "--acls", acme + "acls.txt", "--roles", acme + "roles.json", "--kafka-cluster", "prod", "--groups", acme + "groups.jsonl", "--questions", acme + "role-questions.csv"}
	answers := readAll(t, acme+"role-answers.txt")
	expect(t, exitDenied, answers, questions, "", args...)
	assert.Equal(t, 9, strings.Count(answers, " by binding "), "answers by a role")
	args[6] = "acme-prod" // its id
	expect(t, exitDenied, answers, questions, "", args...)

	doc, err := role.ParseDocument([]byte(readAll(t, acme+"roles.json")))
	require.NoError(t, err)
	text, err := doc.Text()
	require.NoError(t, err)
	assert.Equal(t, readAll(t, acme+"roles.json"), string(text), "as the program writes it")
}
