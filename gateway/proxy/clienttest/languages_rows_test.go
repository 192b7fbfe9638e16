package clienttest

// The rights of the actions that the clients in other languages have in common.
var (
	transactRights = []string{"Write on Topic l-$", "Write on TransactionalId tx-$", "Read on Group g-$", readIn}
	grantRights    = []string{"Alter on Cluster kafka-cluster"}
	aclsRights     = []string{"Describe on Cluster kafka-cluster"}
)

// saramaRows are what clients of Sarama do.
var saramaRows = []row{
	{
		name: "sarama producer", program: []string{"produce", "l-$"}, topics: []string{"l-$=0"},
		rights: []string{"Write on Topic l-$"}, want: "produced 0 1",
	},
	{
		name: "sarama idempotent producer", program: []string{"idempotent", "l-$"}, topics: []string{"l-$=0"},
		rights: []string{"Write on Topic l-$"}, want: "produced 0 1",
	},
	{
		name: "sarama transaction with offsets", program: []string{"transact", "l-$", "tx-$", "g-$", "in"}, topics: []string{"l-$=0"},
		rights: transactRights, want: "offsets added\ncommitted",
	},
	{
		name: "sarama consumer", program: []string{"consume", "in", "g-$"},
		rights: []string{readIn, "Read on Group g-$"}, want: "read [v0 v1 v2 v3 v4]\ncommitted 5",
	},
	{
		name: "sarama creates a topic", program: []string{"create", "new-$"},
		rights: []string{"Create on Topic new-$"}, want: "created",
	},
	{
		name: "sarama describes a topic", program: []string{"describe", "in"},
		rights: []string{"Describe on Topic in"}, want: "described in",
	},
	{
		name: "sarama grants and revokes", program: []string{"grant", "granted-$"},
		rights: grantRights, want: "found [granted-$]",
	},
	{
		name: "sarama lists ACLs", program: []string{"acls", "l-$"}, topics: []string{"l-$=0"},
		rights: aclsRights, want: "found []",
	},
}

// kafkaJSRows are what clients of kafkajs do.
var kafkaJSRows = []row{
	{
		name: "kafkajs producer", program: []string{"produce", "l-$"}, topics: []string{"l-$=0"},
		rights: []string{"Write on Topic l-$"}, want: `produced [[0,0,"0"]]`,
	},
	{
		name: "kafkajs idempotent producer", program: []string{"idempotent", "l-$"}, topics: []string{"l-$=0"},
		rights: []string{"Write on Topic l-$"}, want: `produced [[0,0,"0"]]`,
	},
	{
		name: "kafkajs transaction with offsets", program: []string{"transact", "l-$", "tx-$", "g-$", "in"}, topics: []string{"l-$=0"},
		rights: transactRights, want: "offsets sent\ncommitted",
	},
	{
		name: "kafkajs consumer", program: []string{"consume", "in", "g-$"},
		rights: []string{readIn, "Read on Group g-$"}, want: "read v0 v1 v2 v3 v4\ncommitted",
	},
	{
		name: "kafkajs creates a topic", program: []string{"create", "new-$"},
		rights: []string{"Create on Topic new-$", "Describe on Topic new-$"}, want: "created true",
	},
	{
		name: "kafkajs describes a topic", program: []string{"describe", "in"},
		rights: []string{"Describe on Topic in"}, want: `described [["in",[[0,0]]]]`,
	},
	{
		name: "kafkajs grants and revokes", program: []string{"grant", "granted-$"},
		rights: grantRights, want: `revoked [[0,["granted-$"]]]`,
	},
	{
		name: "kafkajs lists ACLs", program: []string{"acls", "l-$"}, topics: []string{"l-$=0"},
		rights: aclsRights, want: "found 0",
	},
}
