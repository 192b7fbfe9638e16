package judge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// situation is a difference with all that led to it.
type situation struct {
	question
	difference
	client        client
	acls          []acl.Binding
	semantics     snapshot.Semantics
	allowEveryone bool
}

// allowed recognises the differences that docs/differences.md lists, by their ids there.
var allowed = map[string]func(s situation) bool{
	// Kafka's text shows the connection and the address of an object.
	"text-of-cluster-refusals": func(s situation) bool {
		return strings.HasSuffix(s.Path, "ErrorMessage") && requestText.MatchString(s.Kafka) && s.Ours == `"Cluster authorization failed."`
	},
	// Kafka's handler fails on the null list.
	"refused-scram-list-unanswered": func(s situation) bool {
		r, ok := s.request.(*kmsg.DescribeUserSCRAMCredentialsRequest)
		return ok && r.Users == nil && s.Path == "" && s.Kafka == unanswered && s.Ours == "answers"
	},
	// What the proxy does not serve it does not show.
	"versions-shown": func(s situation) bool {
		return s.key == apiVersionsKey && (s.Path == "ApiKeys[]" && s.Ours == "lacks it" || s.Path == "ApiKeys[].MaxVersion" && s.Ours < s.Kafka)
	},
}

// requestText is how Kafka words most refusals of the cluster's resource.
var requestText = regexp.MustCompile(`^"Request Request\(processor=[0-9]+, connectionId=`)

// published returns the ids that the page lists.
func published(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "differences.md"))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	row := regexp.MustCompile(`(?m)^\| ([a-z0-9][a-z0-9-]*) \|`)
	for _, match := range row.FindAllStringSubmatch(string(page), -1) {
		ids[match[1]] = true
	}
	delete(ids, "id")
	return ids
}

// Every difference that the judge lets pass is on the page.
func TestAllowedDifferencesArePublished(t *testing.T) {
	ids := published(t)
	for id := range allowed {
		if !ids[id] {
			t.Errorf("the judge allows the difference %q, which docs/differences.md does not list", id)
		}
	}
}

// allowedID returns the id of the published difference that s is, or "".
func allowedID(s situation) string {
	for id, is := range allowed {
		if is(s) {
			return id
		}
	}
	return ""
}

// class returns the text that differences of the same cause share: the API, the place,
// and both values without names.
func (s situation) class() string {
	if s.key < 0 {
		return s.Path
	}
	return fmt.Sprintf("%s %s: %s, here %s", s.api(), s.Path, blur(s.Kafka), blur(s.Ours))
}

var names = regexp.MustCompile(`id:[a-z0-9]+|[a-z]+[0-9]*-[0-9]+|snew[0-9]+|\b[0-9a-f]{32}\b`)

func blur(value string) string {
	value = names.ReplaceAllString(value, "…")
	if len(value) > 120 {
		value = value[:120] + "…"
	}
	return strings.ReplaceAll(value, "\n", " ")
}
