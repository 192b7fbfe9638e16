package roleformats

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// errNoKafka says that a CRN is about something that no Kafka cluster decides about.
var errNoKafka = errors.New("it is about a Schema Registry, ksqlDB or Flink of Confluent Cloud, which gives no right in a Kafka cluster")

// cloudAuthority is the authority of the CRNs of Confluent Cloud. Those of a metadata service
// have its host, or none.
const cloudAuthority = "confluent.cloud"

// crnTypes are the types of resources, by the keys that CRNs have for them. Confluent's command
// line lower-cases the name of the type, and Terraform's examples write transactional-id.
var crnTypes = map[string]string{
	"topic": "Topic", "group": "Group", "transactional-id": "TransactionalId", "transactionalid": "TransactionalId",
	"subject": "Subject", "connector": "Connector", "delegation-token": "DelegationToken", "delegationtoken": "DelegationToken",
}

// crnScopes are the keys of a scope.
var crnScopes = []string{"organization", "environment", "cloud-cluster", "kafka", "schema-registry", "ksql", "connect", "flink-region"}

// mostSegments is more than any CRN has.
const mostSegments = 16

// parseCRN reads a Confluent Resource Name: where a role holds, and on what. A * at the end of a
// name makes it a prefix, and * alone is all names.
//
// Source: the documentation of confluent_role_binding and of audit log routes.
func parseCRN(text string) (scope role.Scope, pattern role.Pattern, err error) {
	rest, ok := strings.CutPrefix(text, "crn://")
	authority, path, found := strings.Cut(rest, "/")
	if !ok || !found || path == "" {
		return role.Scope{}, role.Pattern{}, errors.New("expected crn://AUTHORITY/KEY=VALUE, with more of /KEY=VALUE if needed")
	}
	ids := map[string]string{}
	segments := strings.Split(path, "/")
	if len(segments) > mostSegments {
		return role.Scope{}, role.Pattern{}, fmt.Errorf("found %d parts, expected no more than %d", len(segments), mostSegments)
	}
	for i, segment := range segments {
		key, value, ok := strings.Cut(segment, "=")
		if !ok || key == "" || value == "" || strings.ContainsAny(value, "=%") {
			return role.Scope{}, role.Pattern{}, fmt.Errorf("found the part %s, expected KEY=VALUE without %% and a second =", shown(segment))
		}
		if kind, isType := crnTypes[key]; isType && i == len(segments)-1 {
			if pattern, err = crnPattern(kind, value); err != nil {
				return role.Scope{}, role.Pattern{}, err
			}
			continue
		}
		if _, twice := ids[key]; twice || !slices.Contains(crnScopes, key) {
			return role.Scope{}, role.Pattern{}, fmt.Errorf("found the part %s, expected one of %s, each once, and then a resource", shown(segment), strings.Join(crnScopes, ", "))
		}
		if strings.Contains(value, "*") {
			return role.Scope{}, role.Pattern{}, fmt.Errorf("found the part %s, which is several clusters: expected one", shown(segment))
		}
		ids[key] = value
	}
	if authority == cloudAuthority {
		scope, err = cloudScope(ids)
	} else {
		scope, err = platformScope(ids)
	}
	if err == nil {
		err = scope.Validate()
	}
	if err != nil {
		return role.Scope{}, role.Pattern{}, err
	}
	return scope, pattern, nil
}

func crnPattern(kind, value string) (role.Pattern, error) {
	p := role.Pattern{ResourceType: kind, Name: value, PatternType: resource.Literal}
	if value == resource.Wildcard {
		return p, nil
	}
	if name, prefix := strings.CutSuffix(value, "*"); prefix {
		p.Name, p.PatternType = name, resource.Prefixed
	}
	if strings.Contains(p.Name, "*") {
		return role.Pattern{}, fmt.Errorf("found the name %s, expected * only at its end", shown(value))
	}
	return p, nil
}

// cloudScope returns the scope of ids of Confluent Cloud. The ids of an organization and an
// environment are unique, and are not kept.
func cloudScope(ids map[string]string) (role.Scope, error) {
	kafka, cluster := ids["kafka"], ids["cloud-cluster"]
	switch {
	case kafka != "" && cluster != "" && kafka != cluster:
		return role.Scope{}, fmt.Errorf("found the clusters %s and %s, expected one", shown(cluster), shown(kafka))
	case ids["schema-registry"]+ids["ksql"]+ids["flink-region"] != "":
		return role.Scope{}, errNoKafka
	case ids["connect"] != "":
		return role.Scope{}, errors.New("found connect in a CRN of Confluent Cloud, expected connector")
	case kafka+cluster == "":
		return role.Scope{}, errors.New("it covers all clusters of an organization or an environment: expected one for each cluster")
	}
	if kafka == "" {
		kafka = cluster
	}
	return role.Scope{Kafka: kafka}, nil
}

func platformScope(ids map[string]string) (role.Scope, error) {
	for _, key := range []string{"organization", "environment", "cloud-cluster", "flink-region"} {
		if ids[key] != "" {
			return role.Scope{}, fmt.Errorf("found %s in the CRN of a metadata service, expected crn://%s/", key, cloudAuthority)
		}
	}
	return role.Scope{Kafka: ids["kafka"], Connect: ids["connect"], SchemaRegistry: ids["schema-registry"], KSQL: ids["ksql"]}, nil
}
