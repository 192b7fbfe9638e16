package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func TestMetadataVersions(t *testing.T) {
	r := kmsg.NewPtrApiVersionsResponse()
	supported, finalized := gateway.MetadataVersions(r)
	assert.Zero(t, supported)
	assert.Zero(t, finalized)
	assert.Equal(t, snapshot.KafkaExact, gateway.SemanticsOf(supported))
	r.SupportedFeatures = []kmsg.ApiVersionsResponseSupportedFeature{{Name: "share.version", MaxVersion: 99}, {Name: "metadata.version", MinVersion: 7, MaxVersion: 33}}
	r.FinalizedFeatures = []kmsg.ApiVersionsResponseFinalizedFeature{{Name: "metadata.version", MaxVersionLevel: 29}, {Name: "share.version", MaxVersionLevel: 98}}
	supported, finalized = gateway.MetadataVersions(r)
	assert.Equal(t, acl.MetadataVersion(33), supported)
	assert.Equal(t, acl.MetadataVersion(29), finalized)
	for level, want := range map[acl.MetadataVersion]snapshot.Semantics{31: snapshot.KafkaExact, 32: snapshot.KafkaExact44, 33: snapshot.KafkaExact44} {
		assert.Equal(t, want, gateway.SemanticsOf(level), level)
	}
}
