package judge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/resource"
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
	all           []difference // of the same answer
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
	// A consumer's fetch makes no session here.
	"fetch-no-session": func(s situation) bool {
		r, ok := s.request.(*kmsg.FetchRequest)
		return ok && r.SessionEpoch == 0 && s.Path == "SessionID" && s.Kafka == "random" && s.Ours == "0"
	},
	// Kafka's handler fails on a topic with the id zero: when it puts it into a session, and
	// when another partition follows it in the answer.
	"fetch-zero-id": func(s situation) bool {
		r, ok := s.request.(*kmsg.FetchRequest)
		isZero := func(t kmsg.FetchRequestTopic) bool { return t.TopicID == symbol("zero") && len(t.Partitions) > 0 }
		return ok && s.version >= 13 && slices.ContainsFunc(r.Topics, isZero) &&
			(s.Path == "ErrorCode" && s.Kafka == "-1" && s.Ours == "0" || s.Path == "Topics[]" && s.Kafka == "lacks it" ||
				s.Path == "SessionID" && s.Kafka == "0" && s.Ours == "random")
	},
	// The cluster is not told, nor are its credentials those of the proxy's clients.
	"credentials-kept": func(s situation) bool {
		ours := s.Ours == "44" || s.Ours == `"the passwords of clients are kept elsewhere and cannot be changed here"`
		return s.key == 51 && strings.HasPrefix(s.Path, "Results[].Error") && ours ||
			s.Path == effectsPath+"SCRAM" && s.Ours == ""
	},
	// Up to 4.3 the controller refuses, with a text.
	"alter-broker-text": func(s situation) bool {
		return !kafkatest.AtLeast(*versionFlag, "4.4") && (s.key == 33 || s.key == 44) && s.Path == "Resources[].ErrorMessage" &&
			strings.HasPrefix(s.Entry, "(BROKER") && requestText.MatchString(s.Kafka) && s.Ours == "null"
	},
	// Up to 4.3 the name and the values come first.
	"alter-broker-order": func(s situation) bool {
		return !kafkatest.AtLeast(*versionFlag, "4.4") && (s.key == 33 || s.key == 44) && strings.HasPrefix(s.Entry, "(BROKER") &&
			(s.Path == "Resources[].ErrorCode" && (s.Kafka == "42" || s.Kafka == "-1") && s.Ours == "31" ||
				s.Path == "Resources[].ErrorMessage" && !requestText.MatchString(s.Kafka) && s.Ours == "null")
	},
	// Up to 4.3 the text of a heartbeat is about offsets first, whatever else is wrong with it.
	"texts-of-releases": func(s situation) bool {
		return !kafkatest.AtLeast(*versionFlag, "4.4") && s.key == 88 && s.Path == "ErrorMessage" && aboutOffsets.MatchString(s.Kafka) && aboutHeartbeat.MatchString(s.Ours)
	},
	// Kafka's handler fails on the name "", for all topics.
	"describe-no-name": func(s situation) bool {
		r, ok := s.request.(*kmsg.DescribeTopicPartitionsRequest)
		isNameless := func(t kmsg.DescribeTopicPartitionsRequestTopic) bool { return t.Topic == "" }
		return ok && s.Path == "Topics[].ErrorCode" && s.Kafka == "-1" && s.Ours == "29" && slices.ContainsFunc(r.Topics, isNameless)
	},
	// A topic that the client may not describe has no id for it.
	"share-offsets-id": func(s situation) bool {
		return s.key == 91 && s.Path == "Topics[]" && (strings.HasPrefix(s.Entry, "(id:") && s.Ours == "lacks it" || !strings.HasPrefix(s.Entry, "(id:") && s.Kafka == "lacks it")
	},
	// Pages of all topics begin and end where the cluster says: they have all that the client
	// may see, whatever its limit, and it has no cursor that was sealed.
	"sealed-cursor": func(s situation) bool {
		r, ok := s.request.(*kmsg.DescribeTopicPartitionsRequest)
		switch {
		case !ok || len(r.Topics) > 0:
			return false
		case r.Cursor != nil:
			return strings.HasPrefix(s.Path, "Topics[]") || strings.HasPrefix(s.Path, "NextCursor")
		}
		return r.ResponsePartitionLimit < 2000 && (s.Path == "NextCursor" && s.Ours == "null" ||
			(s.Path == "Topics[]" || s.Path == "Topics[].Partitions[]") && s.Kafka == "lacks it")
	},
	// An ACL for * is for names that begin with it, too.
	"asterisk-names": func(s situation) bool {
		if s.semantics != snapshot.Documented || s.request == nil {
			return false
		}
		isAsterisk := func(b acl.Binding) bool { return b.Pattern.Type != resource.Cluster && b.Pattern.Name == "*" }
		request := asJSON(reflect.ValueOf(s.request))
		isMeant := strings.Contains(s.Entry, "(*") || strings.Contains(s.Entry, "/*") || s.Entry == "" && strings.Contains(jsonOf(request), `"*`)
		return isMeant && slices.ContainsFunc(s.acls, isAsterisk)
	},
	// The texts name the same topics in another order.
	"entry-order": func(s situation) bool {
		return s.key == 88 && (s.Path == "ErrorMessage" || s.Path == "Status[].StatusDetail") && s.Kafka != s.Ours && sameWords(s.Kafka, s.Ours)
	},
	// A refused topic without partitions is refused like others.
	"no-partitions-in-transaction": func(s situation) bool {
		r, ok := s.request.(*kmsg.AddPartitionsToTxnRequest)
		hasNone := func(t kmsg.AddPartitionsToTxnRequestTopic) bool { return len(t.Partitions) == 0 }
		return ok && s.version < 4 && slices.ContainsFunc(r.Topics, hasNone) &&
			(s.Path == "Topics[]" && s.Ours == "lacks it" || s.Path == "Topics[].Partitions[].ErrorCode" && s.Ours == "55")
	},
	// The proxy asks the coordinator for the topology before it forwards the heartbeat.
	"streams-coordinator-first": func(s situation) bool {
		moving := []string{"14", "15", "16"} // COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
		isCode := func(d difference) bool {
			return d.Path == "ErrorCode" && d.Kafka == "42" && slices.Contains(moving, d.Ours)
		}
		return s.key == 88 && slices.ContainsFunc(s.all, isCode) && (s.Path == "ErrorCode" || s.Path == "ErrorMessage")
	},
	// Nothing is left to match for a client that may describe no transactional id.
	"transaction-pattern-unread": func(s situation) bool {
		r, ok := s.request.(*kmsg.ListTransactionsRequest)
		isCode := func(d difference) bool { return d.Path == "ErrorCode" && d.Kafka == "128" && d.Ours == "0" }
		return ok && r.TransactionalIDPattern != nil && slices.ContainsFunc(s.all, isCode) &&
			(s.Path == "ErrorCode" || s.Path == "UnknownStateFilters[]" && s.Kafka == "lacks it")
	},
	// Kafka does not check the topics of a description.
	"streams-description": func(s situation) bool {
		return s.key == 89 && strings.HasPrefix(s.Path, "Groups[].TopologyDescription.") &&
			(strings.HasSuffix(s.Path, ".SourceTopics[]") && s.Ours == "lacks it" || strings.HasSuffix(s.Path, ".SinkTopic") && s.Ours == "null")
	},
	// Kafka's handlers fail on a topic id that nobody has.
	"share-unknown-id": func(s situation) bool {
		var ids []uuid
		switch r := s.request.(type) {
		case *kmsg.ShareFetchRequest:
			if r.ShareSessionEpoch != 0 {
				return false
			}
			for _, t := range r.Topics {
				ids = append(ids, t.TopicID)
			}
		case *kmsg.ShareAcknowledgeRequest:
			for _, t := range r.Topics {
				ids = append(ids, t.TopicID)
			}
		}
		isUnknown := func(id uuid) bool {
			name, _ := symbolName(id)
			return !slices.Contains(worldTopics, name)
		}
		return slices.ContainsFunc(ids, isUnknown) && isShareFault(s)
	},
	// Kafka's handler fails on a partition that a new session has twice.
	"share-twice": func(s situation) bool {
		r, ok := s.request.(*kmsg.ShareFetchRequest)
		return ok && r.ShareSessionEpoch == 0 && namesTwice(r) && isShareFault(s)
	},
	// The coordinator resolves a pattern after it has answered, and counts its epoch up by then.
	"regex-at-once": func(s situation) bool {
		r, ok := s.request.(*kmsg.ConsumerGroupHeartbeatRequest)
		return ok && r.SubscribedTopicRegex != nil && *r.SubscribedTopicRegex != "" &&
			(strings.HasPrefix(s.Path, "Assignment") || s.Path == "MemberEpoch" && s.Kafka == "1" && s.Ours == "2")
	},
	// What the proxy does not serve it does not show.
	"versions-shown": func(s situation) bool {
		return s.key == apiVersionsKey && (s.Path == "ApiKeys[]" && s.Ours == "lacks it" || s.Path == "ApiKeys[].MaxVersion" && s.Ours < s.Kafka)
	},
}

// isShareFault reports whether a difference is that Kafka fails on a request of a share
// consumer.
func isShareFault(s situation) bool {
	return s.Path == "ErrorCode" && s.Kafka == "-1" && s.Ours == "0" || s.Path == "Topics[]" && s.Kafka == "lacks it" ||
		s.Path == "AcquisitionLockTimeoutMillis" && s.Kafka == "0"
}

// namesTwice reports whether a share fetch names a partition twice.
func namesTwice(r *kmsg.ShareFetchRequest) bool {
	type place struct {
		topic     uuid
		partition int32
	}
	seen := map[place]bool{}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			at := place{t.TopicID, p.Partition}
			if seen[at] {
				return true
			}
			seen[at] = true
		}
	}
	return false
}

// sameWords reports whether two texts have the same words, in any order.
func sameWords(a, b string) bool {
	words := func(text string) []string {
		return slices.Sorted(slices.Values(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(` ,"[]`, r) })))
	}
	return slices.Equal(words(a), words(b))
}

// requestText is how Kafka words most refusals of the cluster's resource.
var requestText = regexp.MustCompile(`^"Request Request\(processor=[0-9]+, connectionId=`)

// The texts of a heartbeat of a streams group that is no valid request.
var (
	aboutOffsets   = regexp.MustCompile(`^"Task(End)?Offsets are not supported yet\."$`)
	aboutHeartbeat = regexp.MustCompile(`^"((Member|Group)Id can't be empty|Regular expressions for source topics are not supported yet)\."$`)
)

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
