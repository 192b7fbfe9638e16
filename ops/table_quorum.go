package ops

import "github.com/portcullis-authz/portcullis/resource"

// quorumAPIs are the requests to controllers, most of them from brokers and other
// controllers.
var quorumAPIs = []API{
	toController(VoteKey, 0, 2, "ControllerApis.handleVote"),
	toController(BeginQuorumEpochKey, 0, 1, "ControllerApis.handleBeginQuorumEpoch"),
	toController(EndQuorumEpochKey, 0, 1, "ControllerApis.handleEndQuorumEpoch"),
	forwardedAPI(DescribeQuorumKey, 0, 2, Describe, "ControllerApis.handleDescribeQuorum", topLevel),
	toController(AlterPartitionKey, 2, 3, "ControllerApis.handleAlterPartitionRequest"),
	{
		Key:        EnvelopeKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onController,
		Handlers:   []string{"ControllerApis.handleEnvelopeRequest", "EnvelopeUtils.handleEnvelopeRequest"},
		Documented: documents(ClusterAction.on(resource.Cluster)),
		Steps: []step{
			requireCluster(ClusterAction).at(Controller).
				note("Checked for the forwarding broker. Then the embedded request is authorized for the client, from the client's address. If the broker is refused, the client gets UNKNOWN_SERVER_ERROR."),
		},
		Guards: []guard{
			guardRequest(1, principalUnreadable, PrincipalDeserializationFailure),
			guardRequest(1, embeddedNotForwardable, InvalidRequest),
			guardRequest(1, embeddedUnreadable, UnsupportedVersion),
		},
		Placement: "the error code of the envelope's response",
	},
	toController(FetchSnapshotKey, 0, 1, "ControllerApis.handleFetchSnapshot"),
	toController(BrokerRegistrationKey, 0, 4, "ControllerApis.handleBrokerRegistration"),
	toController(BrokerHeartbeatKey, 0, 2, "ControllerApis.handleBrokerHeartBeatRequest").newer(2, Kafka43),
	allocateProducerIDs(),
	toController(ControllerRegistrationKey, 0, 0, "ControllerApis.handleControllerRegistration"),
	toController(AssignReplicasToDirsKey, 0, 0, "ControllerApis.handleAssignReplicasToDirs"),
	forwardedAPI(AddRaftVoterKey, 0, 1, Alter, "ControllerApis.handleAddRaftVoter", topLevel).undocumented(),
	forwardedAPI(RemoveRaftVoterKey, 0, 0, Alter, "ControllerApis.handleRemoveRaftVoter", topLevel).undocumented(),
	toController(UpdateRaftVoterKey, 0, 0, "ControllerApis.handleUpdateRaftVoter").undocumented(),
}

// toController returns the row of a request that brokers and controllers send to a
// controller.
func toController(key APIKey, minVersion, maxVersion int16, handler string) API {
	api := brokerAPI(key, minVersion, maxVersion, requireCluster(ClusterAction).at(Controller), handler, topLevel)
	api.Listeners = onController
	return api
}

// allocateProducerIDs returns the row of AllocateProducerIds.
func allocateProducerIDs() API {
	api := toController(AllocateProducerIDsKey, 0, 0, "ControllerApis.handleAllocateProducerIdsRequest")
	api.Forwardable = true
	return api.notes("An Envelope may contain it, but brokers send it directly to the controller, and no broker accepts it from a client.")
}

// undocumented returns the row without documented permissions.
func (api API) undocumented() API {
	api.Documented = nil
	return api.differs("The API is not documented.")
}
