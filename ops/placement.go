package ops

// The places in a response where the error of a whole request can be, as in
// [API.Placement].
const (
	topLevel          = "the error code of the response"
	everyPartition    = "every partition of the request; the response has no error code of its own"
	topAndPartitions  = "the error code of the response, and every partition"
	perTopic          = "each topic"
	perGroup          = "each group"
	perResource       = "each resource"
	groupTopThenParts = "for the group: the error code of the response; for a topic: each of its partitions"
	neverAnError      = "nowhere: a denial is never an error"
)
