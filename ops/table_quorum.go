package ops

import "github.com/portcullis-authz/portcullis/resource"

// quorumAPIs are the requests to controllers, most of them from brokers and other
// controllers.
var quorumAPIs = []API{
	toController(VoteKey, 0, 2, "ControllerApis.handleVote"),
	toController(BeginQuorumEpochKey, 0, 1, "ControllerApis.handleBeginQuorumEpoch"),
	toController(EndQuorumEpochKey, 0, 1, "ControllerApis.handleEndQuorumEpoch"),
	{
		Key:        DescribeQuorumKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:   []string{"ControllerApis.handleDescribeQuorum"},
		Documented: documents(Describe.on(resource.Cluster)),
		Steps:      []Step{requireCluster(Describe).at(Controller)},
		Placement:  topLevel,
	},
	toController(AlterPartitionKey, 2, 3, "ControllerApis.handleAlterPartitionRequest"),
	{
		Key:        EnvelopeKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners:  onController,
		Handlers:   []string{"ControllerApis.handleEnvelopeRequest", "EnvelopeUtils.handleEnvelopeRequest"},
		Documented: documents(ClusterAction.on(resource.Cluster)),
		Steps: []Step{
			requireCluster(ClusterAction).at(Controller).
				note("Checked for the forwarding broker. Then the embedded request is authorized for the client, from the client's address. If the broker is refused, the client gets UNKNOWN_SERVER_ERROR."),
		},
		Guards: []Guard{
			guardRequest(1, principalUnreadable, PrincipalDeserializationFailure),
			guardRequest(1, embeddedNotForwardable, InvalidRequest),
			guardRequest(1, embeddedUnreadable, UnsupportedVersion),
		},
		Placement: "the error code of the envelope's response",
	},
	toController(FetchSnapshotKey, 0, 1, "ControllerApis.handleFetchSnapshot"),
	toController(BrokerRegistrationKey, 0, 4, "ControllerApis.handleBrokerRegistration"),
	toController(BrokerHeartbeatKey, 0, 1, "ControllerApis.handleBrokerHeartBeatRequest"),
	allocateProducerIDs(),
	toController(ControllerRegistrationKey, 0, 0, "ControllerApis.handleControllerRegistration"),
	toController(AssignReplicasToDirsKey, 0, 0, "ControllerApis.handleAssignReplicasToDirs"),
	raftVoter(AddRaftVoterKey, 1, "ControllerApis.handleAddRaftVoter"),
	raftVoter(RemoveRaftVoterKey, 0, "ControllerApis.handleRemoveRaftVoter"),
	updateRaftVoter(),
}

// toController is the row of a request that brokers and controllers send to a
// controller.
func toController(key APIKey, minVersion, maxVersion int16, handler string) API {
	return API{
		Key: key, MinVersion: minVersion, MaxVersion: maxVersion,
		Listeners:  onController,
		Handlers:   []string{handler},
		Documented: documents(ClusterAction.on(resource.Cluster)),
		Steps:      []Step{requireCluster(ClusterAction).at(Controller)},
		Placement:  topLevel,
	}
}

// allocateProducerIDs is the row of AllocateProducerIds.
func allocateProducerIDs() API {
	api := toController(AllocateProducerIDsKey, 0, 0, "ControllerApis.handleAllocateProducerIdsRequest")
	api.Forwardable = true
	api.Notes = []string{"An Envelope may contain it, but brokers send it directly to the controller, and no broker accepts it from a client."}
	return api
}

const votersUndocumented = "The API is not documented."

// raftVoter is the row of a request that adds or removes a voter of the quorum.
func raftVoter(key APIKey, maxVersion int16, handler string) API {
	return API{
		Key: key, MaxVersion: maxVersion,
		Listeners: onBoth, Forwarded: true, Forwardable: true,
		Handlers:    []string{handler},
		Steps:       []Step{requireCluster(Alter).at(Controller)},
		Placement:   topLevel,
		Differences: []string{votersUndocumented},
	}
}

// updateRaftVoter is the row of UpdateRaftVoter, which a voter sends for itself.
func updateRaftVoter() API {
	api := toController(UpdateRaftVoterKey, 0, 0, "ControllerApis.handleUpdateRaftVoter")
	api.Documented = nil
	api.Differences = []string{votersUndocumented}
	return api
}
