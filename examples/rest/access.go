package main

import (
	"net/http"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// allowed answers with a refusal unless the client may do the operation on the topic of the path.
// First of all: a client without the right must not learn whether there is such a topic.
func (s *service) allowed(w http.ResponseWriter, r *http.Request, api ops.APIKey, op ops.Operation) bool {
	who, _ := httpauth.FromContext(r.Context()) // nobody, who may do nothing, without the middleware
	subject := snapshot.Subject{Principal: who.Principal, Groups: who.Groups, Host: who.Host}
	if s.auditor.Session(s.store, subject).Check(audit.Call{API: api}, op, resource.Topic, r.PathValue("topic")).Allowed() {
		return true
	}
	http.Error(w, ops.TopicAuthorizationFailed.String(), http.StatusForbidden)
	return false
}
