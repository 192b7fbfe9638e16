package roleformats

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/role"
)

// fuzz reads any text in a format. What is taken is valid, and an error has no Set.
func fuzz(f *testing.F, from string, options Options, seeds ...string) {
	format, err := Find(from)
	require.NoError(f, err)
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := format.Read("file", text, options)
		if err != nil {
			require.Nil(t, set)
			return
		}
		require.Empty(t, set.problems)
		for _, a := range set.ACLs {
			require.NoError(t, a.ACL.ValidateNew(0))
			require.NotEqual(t, role.Scope{}, a.Scope)
		}
		for _, b := range set.Bindings {
			require.NotEqual(t, role.Scope{}, b.Scope)
		}
		again, err := format.Read("file", text, options)
		require.NoError(t, err)
		require.Equal(t, textOf(set), textOf(again))
	})
}

func FuzzScript(f *testing.F) {
	fuzz(f, "script", Options{}, "a && confluent iam rolebinding create --principal 'User:a' --role \"B\" --resource Topic:c --kafka-cluster-id d \\\n --prefix # x",
		"confluent iam acl create --allow --principal User:$a --operation all --topic \\* --kafka-cluster c; if a; then b; fi; x=$(confluent iam acl list)")
}

func FuzzTerraform(f *testing.F) {
	fuzz(f, "terraform", abc, `{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"a","mode":"managed","type":"confluent_role_binding","values":{"principal":"User:a","role_name":"B","crn_pattern":"crn:///kafka=a/topic=b*"}}]}}}`,
		`{"format_version":"1.0","planned_values":{"root_module":{"child_modules":[{"resources":[{"address":"a","mode":"managed","type":"confluent_kafka_acl","values":{"resource_type":"TOPIC","resource_name":"a","pattern_type":"LITERAL","principal":"User:a","host":"*","operation":"READ","permission":"ALLOW","kafka_cluster":[{"id":"a"}]}}]}]}}}`)
}

func FuzzHCL(f *testing.F) {
	fuzz(f, "hcl", abc, "resource \"confluent_role_binding\" \"a\" {\n principal = \"User:a\"\n role_name = \"B\"\n crn_pattern = <<E\ncrn:///kafka=a\nE\n}",
		"resource \"confluent_kafka_acl\" \"a\" {\n kafka_cluster { id = \"a\" }\n resource_type = var.x\n dynamic \"x\" {}\n}\nmodule \"m\" {}")
}

func FuzzRPK(f *testing.F) {
	fuzz(f, "rpk", abc, "PERMISSIONS\n===\n"+strings.Join(rpkPermissions, "  ")+"\nRedpandaRole:a  *   TOPIC\n\nPRINCIPALS (1)\n===\nNAME  TYPE\na     User\n",
		`{"permissions":[{"principal":"RedpandaRole:a","host":"*","resource_type":"TOPIC","resource_name":"a","resource_pattern_type":"LITERAL","operation":"READ","permission":"ALLOW"}],"members":[{"name":"a","principal_type":"User"}]}`)
}

func FuzzRedpanda(f *testing.F) {
	fuzz(f, "redpanda", abc, "kind: RedpandaRole\nmetadata: {name: a}\nspec:\n  principals: [b]\n  authorization: {acls: [{type: allow, resource: {type: topic, name: t, patternType: prefixed}, operations: [Read]}]}\n---\nkind: RedpandaRoleBinding\nspec: {roleRef: {name: a}, principals: ['Group:c']}")
}

func FuzzMSK(f *testing.F) {
	fuzz(f, "msk", mskOptions, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kafka-cluster:*Topic","kafka-cluster:ReadData"],"Resource":["`+strings.Replace(arn, "cluster", "topic", 1)+`/a*","arn:*/b"]},{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"x","Resource":"*","Condition":{}}}`)
}

// FuzzCRN reads any text as a CRN: what is taken is valid.
func FuzzCRN(f *testing.F) {
	for _, seed := range []string{"crn://confluent.cloud/organization=o/environment=e/cloud-cluster=a/kafka=a/topic=b*", "crn:///kafka=a/connect=b/connector=c", "crn://mds/kafka=*/topic=**"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scope, pattern, err := parseCRN(text)
		if err != nil {
			require.Equal(t, role.Scope{}, scope)
			require.Equal(t, role.Pattern{}, pattern)
			return
		}
		require.NoError(t, scope.Validate())
		if pattern != (role.Pattern{}) {
			require.NotEmpty(t, pattern.Name)
		}
	})
}
