package acl_test

import (
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

func TestReadZooKeeper(t *testing.T) {
	const document = ` {"acls" : [{"host":"*","permissionType":"ALLOW","operation":"rEaD","principal":"User:a {\"x\":[]}"}], "version":1 }` + "\n"
	for path, pattern := range map[string]resource.Pattern{
		"/kafka-acl/Topic/foo":                             resource.LiteralPattern(resource.Topic, "foo"),
		"/kafka-acl/Topic/*":                               resource.LiteralPattern(resource.Topic, "*"),
		"/kafka-acl/Group/a b":                             resource.LiteralPattern(resource.Group, "a b"),
		"/kafka-acl/Group/a ":                              resource.LiteralPattern(resource.Group, "a "),
		"/kafka-acl/Group/{}":                              resource.LiteralPattern(resource.Group, "{}"),
		"/kafka-acl/TransactionalId/...":                   resource.LiteralPattern(resource.TransactionalID, "..."),
		"/kafka-acl/DelegationToken/é":                     resource.LiteralPattern(resource.DelegationToken, "é"),
		"/kafka-acl/Cluster/kafka-cluster":                 resource.LiteralPattern(resource.Cluster, "kafka-cluster"),
		"/kafka-acl-extended/prefixed/Group/g-":            resource.PrefixedPattern(resource.Group, "g-"),
		"/kafka-acl-extended/PREFIXED/User/kafka-acl":      resource.PrefixedPattern(resource.User, "kafka-acl"),
		"/kafka-acl-extended/Prefixed/TransactionalId/t\"": resource.PrefixedPattern(resource.TransactionalID, "t\""),
	} {
		t.Run(path, func(t *testing.T) {
			read(t, path+document, acl.FormatZooKeeper, binding(pattern, `User:a {"x":[]}`, "*", ops.Read))
		})
	}
	read(t, `/kafka-acl/Topic/foo {"version":1,"acls":[]}`, acl.FormatZooKeeper)
}

func TestReadZooKeeperRefuses(t *testing.T) {
	const (
		below = "expected a path below /kafka-acl/ or /kafka-acl-extended/prefixed/"
		types = "expected the node of a resource type, one of Topic, Group, Cluster, TransactionalId, DelegationToken, User, and a name below it"
		hold  = "expected a name that is allowed in ZooKeeper: use the json format for other names"
		empty = ` {"version":1,"acls":[]}`
		acls  = `{"principal":"User:a","permissionType":"Allow","operation":"Read","host":"*"}`
	)
	for _, test := range []struct{ line, want string }{
		{`/kafka-acl/Topic/foo`, `21: found the end of the line, expected a node's path, a space and its document, such as /kafka-acl/Topic/orders {"version":1,"acls":[]}`},
		{`/kafka-acl/Topic/foo{"version":1,"acls":[]}`, `44: found the end of the line, expected a node's path, a space and its document, such as /kafka-acl/Topic/orders {"version":1,"acls":[]}`},
		{`/kafka/kafka-acl/Topic/foo` + empty, `1: found "/kafka/kafka-acl/Topic/foo", ` + below},
		{`/kafka-acl-extended/literal/Topic/foo` + empty, `1: found "/kafka-acl-extended/literal/Topic/foo", ` + below},
		{`/kafka-acl-extended/prefixed` + empty, `1: found "/kafka-acl-extended/prefixed", ` + below},
		{`/kafka-acl-changes/x` + empty, `1: found "/kafka-acl-changes/x", ` + below},
		{`/kafka-acl/topic/foo` + empty, `12: found "topic", ` + types},
		{`/kafka-acl/Any/foo` + empty, `12: found resource type "Any", ` + someType},
		{`/kafka-acl/TRANSACTIONAL_ID/foo` + empty, `12: found "TRANSACTIONAL_ID", ` + types},
		{`/kafka-acl/Topic` + empty, `12: found "Topic", ` + types},
		{`/kafka-acl/Topic/` + empty, `18: found "", ` + hold},
		{`/kafka-acl/Group/.` + empty, `18: found ".", ` + hold},
		{`/kafka-acl/Group/..` + empty, `18: found "..", ` + hold},
		{`/kafka-acl/Group/a/b` + empty, `19: found the character '/' in a name, ` + hold},
		{"/kafka-acl/Group/a\tb" + empty, `19: found the character '\t' in a name, ` + hold},
		{"/kafka-acl/Group/a\u0085b" + empty, `19: found the character '\u0085' in a name, ` + hold},
		{"/kafka-acl/Group/é😀" + empty, `20: found the character '😀' in a name, ` + hold},
		{"/kafka-acl/Group/\uE000" + empty, `18: found the character '\ue000' in a name, ` + hold},
		{`/kafka-acl/Group/g {"version":2,"acls":[]}`, `31: found "2", expected the number 1`},
		{`/kafka-acl/Group/g {"version":1.0,"acls":[]}`, `31: found "1.0", expected the number 1`},
		{`/kafka-acl/Group/g {"version":"1","acls":[]}`, `31: found "\"1\"", expected the number 1`},
		{`/kafka-acl/Group/g {"acls":[]}`, `30: found "}", expected the key "version"`},
		{`/kafka-acl/Group/g {"version":1}`, `32: found "}", expected the key "acls"`},
		{`/kafka-acl/Group/g {"version":1,"acls":{}}`, `40: found "{", expected a JSON array`},
		{`/kafka-acl/Group/g {"version":1,"acls":[null]}`, `41: found "null", expected a JSON object`},
		{`/kafka-acl/Group/g {"version":1,"acls":[` + acls + `,]}`, `119: found "]}" (not valid JSON), expected a JSON object`},
		{`/kafka-acl/Group/g {"version":1,"acls":[` + acls, `118: found the end of the JSON text, expected another element, or a closing bracket`},
		{`/kafka-acl/Group/g {"version":1,"acls":[}`, `41: found "}" (not valid JSON), expected another element, or a closing bracket`},
		{`/kafka-acl/Group/g {"version":1,"acls":[` + strings.Replace(acls, `"host"`, `"hosts"`, 1) + `]}`, `107: found the key "hosts", expected the key "host"`},
		{`/kafka-acl/Group/g {"version":1,"acls":[` + strings.Replace(acls, `"*"`, `["*"]`, 1) + `]}`, `114: found "[", expected a JSON string`},
		{`/kafka-acl/Group/g {"version":1,"acls":[` + strings.Replace(acls, `User:a`, `User:\udc00`, 1) + `]}`, `60: found \udc00, expected both halves of the UTF-16 pair of a character`},
		{`/kafka-acl/Group/g {"version":1,"acls":[]} {"version":1,"acls":[]}`, `44: found "{\"version\":1,\"acls\":[]}", expected nothing more on this line`},
	} {
		t.Run(test.line, func(t *testing.T) {
			refuse(t, oneZooKeeper+test.line, acl.FormatZooKeeper, "dump.txt:2:"+test.want)
		})
	}
	// All fields of all ACLs in a line are checked.
	refuse(t, `/kafka-acl/Group/. {"version":1,"acls":[`+strings.NewReplacer("User:", "", "Read", "Any").Replace(acls)+`,`+
		strings.Replace(acls, "Allow", "Any", 1)+`],"x":1}`, acl.FormatZooKeeper,
		`dump.txt:1:18: found ".", `+hold,
		`dump.txt:1:95: found operation "Any", `+someOperation,
		`dump.txt:1:152: found permission type "Any", expected one of ALLOW, DENY`,
		`dump.txt:1:190: found the key "x", expected a closing brace without a comma before it`)
}
