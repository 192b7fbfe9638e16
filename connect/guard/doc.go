// Package guard decides who may do what over the REST interface of Kafka Connect, which has no
// authorization of its own: whoever reaches it controls every connector.
//
// A [Guard] is an HTTP handler that stands in front of a worker, as a reverse proxy or, by
// [Behind], as a middleware. For each request it finds who sends it (package httpauth), what it
// is about, and which right that needs; asks an [Authorizer] ([ByRoles] for role bindings); records
// an [Event]; and sends on a request of its own making.
//
// # What reaches a worker
//
// Nothing of the client's request is passed on but what the guard has read and understood: a path
// of a known form, parameters that it knows, and a body that it has decoded. All of these are
// written anew, so that the worker reads exactly what was authorized. Headers of the client do not
// reach the worker. Requests that workers send each other are refused, as are unknown paths.
//
// # What a client sees
//
// A refusal is the same whether there is such a connector or not, and is given without asking the
// worker. Lists have only the connectors that the client may see. Values that are probably
// secrets are masked in every answer, and so is every value for a client that may not read
// configurations but gets one in an answer. References such as ${file:/path:key} are shown. A
// masked value that comes back is refused, and not replaced by the stored one: whoever may change
// a configuration could otherwise send a secret that they cannot read to a server of their own,
// and between reading and writing it the stored value could have changed.
//
// Source: the resources of connect-runtime 4.4.0 (ConnectorsResource, ConnectorPluginsResource,
// LoggingResource, RootResource, InternalConnectResource).
package guard
