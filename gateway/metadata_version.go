package gateway

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// metadataVersion is the feature whose levels are acl.MetadataVersion.
const metadataVersion = "metadata.version"

// MetadataVersions returns what an ApiVersions response says about the feature
// metadata.version: the newest level that the broker supports, which shows its release, and
// the level that the cluster has finalized. Each is zero if the response does not have it:
// brokers with ZooKeeper have neither.
func MetadataVersions(r *kmsg.ApiVersionsResponse) (supported, finalized acl.MetadataVersion) {
	for _, f := range r.SupportedFeatures {
		if f.Name == metadataVersion {
			supported = acl.MetadataVersion(f.MaxVersion)
		}
	}
	for _, f := range r.FinalizedFeatures {
		if f.Name == metadataVersion {
			finalized = acl.MetadataVersion(f.MaxVersionLevel)
		}
	}
	return supported, finalized
}

// networksLevel is the first metadata version that a broker of Kafka 4.4 supports and one of
// 4.3 does not. The authorizer of Kafka 4.4 matches networks, whatever level the cluster has
// finalized.
//
// Source: Kafka's MetadataVersion.IBP_4_4_IV1, KIP-1276.
const networksLevel acl.MetadataVersion = 32

// SemanticsOf returns the semantics of the authorizer of a release. supported is the newest
// metadata version that its brokers support, or zero if they have none.
func SemanticsOf(supported acl.MetadataVersion) snapshot.Semantics {
	if supported >= networksLevel {
		return snapshot.KafkaExact44
	}
	return snapshot.KafkaExact
}
