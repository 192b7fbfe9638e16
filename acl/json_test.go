package acl_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

const allKeys = `"resourceType" or "name" or "patternType" or "principal" or "host" or "operation" or "permission"`

func TestReadJSON(t *testing.T) {
	// Keys in any order, white space between tokens, every spelling of the enumerations.
	read(t, "\t{ \"name\" : \"foo\",\"patternType\":\"LITERAL\" , \"resourceType\":\"topic\",\"permission\":\"Allow\",\r\"host\":\"*\","+
		"\"operation\":\"read\",\"principal\":\"User:alice\" } \n", acl.FormatJSON, one)
	// Escapes, including surrogate pairs, and a U+FFFD that is in the input.
	read(t, strings.Replace(oneJSON, "foo", `\u0066\ud83d\ude00\ufffd\\ud800\n\/`, 1)+strings.Replace(oneJSON, "foo", "\uFFFD", 1),
		acl.FormatJSON, topic("f😀\uFFFD\\ud800\n/", "User:alice"), topic("\uFFFD", "User:alice"))
}

func TestReadJSONRefuses(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(strings.TrimSpace(oneJSON), old, new, 1) }
	for _, test := range []struct{ line, want string }{
		{`null`, `1: found "null", expected a JSON object`},
		{`[]`, `1: found "[", expected a JSON object`},
		{`"{}"`, `1: found "\"{}\"", expected a JSON object`},
		{`{"host":"*"`, `12: found the end of the JSON text, expected the key "resourceType" or "name" or "patternType" or "principal" or "operation" or "permission"`},
		{`{"host":"*" "name":"x"}`, `13: found "\"name\":\"x\"}" (not valid JSON), expected the key "resourceType" or "name" or "patternType" or "principal" or "operation" or "permission"`},
		{with(`"host"`, `"Host"`), `87: found the key "Host", expected the key "host" or "operation" or "permission"`},
		{with(`"host"`, `"name"`), `87: found the key "name", expected the key "host" or "operation" or "permission"`},
		{with(`"host"`, `host`), `87: found "host:\"*\",\"operation\":\"READ\",\"permission\":\"ALLOW\"}" (not valid JSON), expected the key "host" or "operation" or "permission"`},
		{with(`,"permission":"ALLOW"`, ``), `116: found "}", expected the key "permission"`},
		{with(`"ALLOW"}`, `"ALLOW","note":"x"}`), `138: found the key "note", expected a closing brace without a comma before it`},
		{with(`"ALLOW"}`, `"ALLOW",}`), `138: found "}" (not valid JSON), expected a closing brace without a comma before it`},
		{with(`"ALLOW"}`, `"ALLOW"`), `137: found the end of the JSON text, expected a closing brace without a comma before it`},
		{with(`}`, `} {}`), `139: found "{}", expected nothing more on this line`},
		{with(`}`, `},`), `138: found ",", expected nothing more on this line`},
		{with(`"*"`, `null`), `94: found "null", expected a JSON string`},
		{with(`"*"`, `7`), `94: found "7", expected a JSON string`},
		{with(`"*"`, `true`), `94: found "true", expected a JSON string`},
		{with(`"*"`, `["*"]`), `94: found "[", expected a JSON string`},
		{with(`"*"`, `{}`), `94: found "{", expected a JSON string`},
		{with(`foo`, `\ud83d\u0041`), `33: found \ud83d, expected both halves of the UTF-16 pair of a character`},
		{with(`foo`, `a\\\n\u0041\ude00`), `44: found \ude00, expected both halves of the UTF-16 pair of a character`},
		{with(`foo`, `a\ud83d\ude00\udbff`), `46: found \udbff, expected both halves of the UTF-16 pair of a character`},
		{with(`"host"`, `"host\ud800"`), `87: found the key "host�", expected the key "host" or "operation" or "permission"`},
		{with(`foo`, "f\too"), `32: found "\"f\too\",\"patternType\":\"LITERAL\",\"principal\":\"User:alice\",\"host\":\""… (not valid JSON), expected a JSON string`},
		{with(`READ`, `ANY`), `110: found operation "ANY", ` + someOperation},
		{with(`LITERAL`, `literal`), `52: found pattern type "literal", expected one of LITERAL, PREFIXED`},
	} {
		t.Run(test.line, func(t *testing.T) {
			refuse(t, oneJSON+test.line, acl.FormatJSON, "dump.txt:2:"+test.want)
		})
	}
	// All fields of a line are checked.
	refuse(t, with("TOPIC", "Q")+"\n"+strings.NewReplacer("alice", "bob", "User:", "", "*", "", "ALLOW", "ANY").Replace(oneJSON), acl.FormatJSON,
		`dump.txt:1:17: found resource type "Q", `+someType,
		`dump.txt:2:122: found permission type "ANY", expected one of ALLOW, DENY`)
}

func TestBindingJSON(t *testing.T) {
	nasty := binding(resource.PrefixedPattern(resource.TransactionalID, "a\n\"<\x00😀\u2028"), "User:CN=a, OU=b", "10.0.0.0/8", ops.TwoPhaseCommit)
	text, err := json.Marshal([]acl.Binding{one, nasty})
	require.NoError(t, err)
	var got []acl.Binding
	err = json.Unmarshal(text, &got)
	require.NoError(t, err, "Unmarshal(%s)", text)
	require.Len(t, got, 2, "Unmarshal(%s)", text)
	assert.Equal(t, one, got[0], "Unmarshal(%s)", text)
	assert.Equal(t, nasty, got[1], "Unmarshal(%s)", text)
	own, err := one.MarshalJSON()
	assert.NoError(t, err, "MarshalJSON()")
	assert.Equal(t, oneJSON, string(own)+"\n", "MarshalJSON()")
}

func TestMarshalJSONRefusesWhatCannotBeReadBack(t *testing.T) {
	for _, test := range []struct {
		binding acl.Binding
		want    string
	}{
		{acl.Binding{}, `acl: the binding of UNKNOWN "" (UNKNOWN), UNKNOWN UNKNOWN for "" from host "" cannot be written as json: ` +
			`reading it back finds resource type "UNKNOWN", expected one of TOPIC, GROUP, CLUSTER, TRANSACTIONAL_ID, DELEGATION_TOKEN, USER`},
		{topic("a\xff", "User:a"), `acl: the binding of TOPIC "a\xff" (LITERAL), ALLOW READ for "User:a" from host "*" cannot be written as json: ` +
			`it would be read back as another binding`},
	} {
		t.Run(fmt.Sprint(test.binding), func(t *testing.T) {
			text, err := test.binding.MarshalJSON()
			assert.Empty(t, text)
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestUnmarshalJSONLeavesTheBindingOnError(t *testing.T) {
	indented := "{\n  \"resourceType\": \"TOPIC\",\n  \"name\": \"foo\",\n  \"patternType\": \"LITERAL\",\n  \"principal\": \"User:alice\",\n" +
		"  \"host\": \"*\",\n  \"operation\": \"READ\",\n  \"permission\": \"ALLOW\"\n}"
	for _, test := range []struct{ text, want string }{
		{strings.Replace(indented, "READ", "SWIM", 1), `7:16: found operation "SWIM", ` + someOperation},
		{strings.Replace(indented, `"name"`, `"title"`, 1), `3:3: found the key "title", expected the key "name" or "patternType" or "principal" or "host" or "operation" or "permission"`},
		{"null", `1:1: found "null", expected a JSON object`},
		{"{}", `1:2: found "}", expected the key ` + allKeys},
		{strings.Replace(indented, "foo", "f\xffo", 1), `3:13: found the byte "\xff", expected valid UTF-8`},
	} {
		t.Run(test.text, func(t *testing.T) {
			b := one
			err := json.Unmarshal([]byte(test.text), &b)
			assert.EqualError(t, err, test.want, "Unmarshal(%s) = %v, leaves %v\nwant %s", test.text, err, b, test.want)
			assert.Equal(t, one, b, "Unmarshal(%s) = %v, leaves %v\nwant %s", test.text, err, b, test.want)
		})
	}
	var b acl.Binding
	err := json.Unmarshal([]byte(indented), &b)
	assert.NoError(t, err, "Unmarshal(%s)", indented)
	assert.Equal(t, one, b, "Unmarshal(%s)", indented)
}

func ExampleBinding_MarshalJSON() {
	b := acl.Binding{
		Pattern: resource.PrefixedPattern(resource.Topic, "orders-"),
		Entry:   acl.Entry{Principal: "User:alice", Host: acl.WildcardHost, Operation: ops.Read, Permission: acl.Allow},
	}
	text, err := json.Marshal(b)
	fmt.Println(string(text), err)
	// Output: {"resourceType":"TOPIC","name":"orders-","patternType":"PREFIXED","principal":"User:alice","host":"*","operation":"READ","permission":"ALLOW"} <nil>
}
