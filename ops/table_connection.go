package ops

// connectionAPIs are the requests that need no authorization.
var connectionAPIs = []API{
	{
		Key:        SASLHandshakeKey,
		MinVersion: 0, MaxVersion: 1,
		Listeners: onBoth,
		Handlers:  []string{"KafkaApis.handleSaslHandshakeRequest", "ControllerApis.handleSaslHandshakeRequest"},
		Guards:    []Guard{guardRequest(0, saslSession, IllegalSASLState)},
		Placement: topLevel,
		Notes:     []string{saslIsOver},
	},
	{
		Key:        APIVersionsKey,
		MinVersion: 0, MaxVersion: 4,
		Listeners: onBoth,
		Handlers:  []string{"KafkaApis.handleApiVersionsRequest", "ControllerApis.handleApiVersionsRequest"},
		Placement: topLevel,
		Notes:     []string{neverAuthorized},
	},
	{
		Key:        SASLAuthenticateKey,
		MinVersion: 0, MaxVersion: 2,
		Listeners: onBoth,
		Handlers:  []string{"KafkaApis.handleSaslAuthenticateRequest", "ControllerApis.handleSaslAuthenticateRequest"},
		Guards:    []Guard{guardRequest(0, saslSession, IllegalSASLState)},
		Placement: topLevel,
		Notes:     []string{saslIsOver},
	},
	{
		Key:        GetTelemetrySubscriptionsKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners: onBroker,
		Handlers:  []string{"KafkaApis.handleGetTelemetrySubscriptionsRequest"},
		Placement: topLevel,
		Notes:     []string{neverAuthorized},
	},
	{
		Key:        PushTelemetryKey,
		MinVersion: 0, MaxVersion: 0,
		Listeners: onBroker,
		Handlers:  []string{"KafkaApis.handlePushTelemetryRequest"},
		Placement: topLevel,
		Notes:     []string{neverAuthorized},
	},
}

const (
	neverAuthorized = "Every client may send it."
	saslIsOver      = "Authentication handles this request. After authentication it fails with an illegal state for every client."
)
