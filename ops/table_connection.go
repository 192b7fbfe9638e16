package ops

// connectionAPIs are the requests that need no authorization.
var connectionAPIs = []API{
	saslAPI(SASLHandshakeKey, 1, "handleSaslHandshakeRequest"),
	openAPI(APIVersionsKey, 5, onBoth, "KafkaApis.handleApiVersionsRequest", "ControllerApis.handleApiVersionsRequest").newer(5, Kafka44).notes(
		everyClient,
		"From version 5 the request may say which cluster and which broker the client expects: both, or neither, otherwise the answer is INVALID_REQUEST. A broker that is another answers REBOOTSTRAP_REQUIRED, but not before SASL authentication. A controller does not compare.",
	),
	saslAPI(SASLAuthenticateKey, 2, "handleSaslAuthenticateRequest"),
	openAPI(GetTelemetrySubscriptionsKey, 0, onBroker, "KafkaApis.handleGetTelemetrySubscriptionsRequest").notes(everyClient, telemetry),
	openAPI(PushTelemetryKey, 0, onBroker, "KafkaApis.handlePushTelemetryRequest").notes(everyClient, telemetry),
}

const (
	everyClient = "Every client may send it."
	telemetry   = "Only brokers with a metrics reporter that receives telemetry show it in their versions. What clients are asked to send is the configuration of client metrics, which needs AlterConfigs on the cluster."
)

// openAPI returns the row of a request that every client may send.
func openAPI(key APIKey, maxVersion int16, listeners []Endpoint, handlers ...string) API {
	return API{Key: key, MaxVersion: maxVersion, Listeners: listeners, Handlers: handlers, Placement: topLevel}.notes(everyClient)
}

// saslAPI returns the row of a request of authentication.
func saslAPI(key APIKey, maxVersion int16, handler string) API {
	api := openAPI(key, maxVersion, onBoth, "KafkaApis."+handler, "ControllerApis."+handler)
	api.Notes = []string{"Authentication handles this request. After authentication it fails with an illegal state for every client."}
	return api.guarded(guardRequest(0, saslSession, IllegalSASLState))
}
