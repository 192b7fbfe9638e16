package role

import (
	"errors"
	"fmt"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Scope says where a binding holds: in a Kafka cluster, or in another component that belongs
// to one. Scopes are comparable with ==. The zero Scope is not valid.
//
// A binding holds in exactly its scope: one for a Kafka cluster does not reach the Connect
// clusters that use it, and one for a Connect cluster does not reach topics.
//
// Source: MdsScope of Confluent's metadata service.
type Scope struct {
	// Name is that of a cluster in a [Registry]. It stands for the other fields, which are then
	// empty.
	Name string `json:"-"`
	// Kafka is the id of a Kafka cluster.
	Kafka string `json:"kafka-cluster,omitempty"`
	// At most one component may be named, FlinkEnvironment only together with CMF.
	Connect          string `json:"connect-cluster,omitempty"`
	SchemaRegistry   string `json:"schema-registry-cluster,omitempty"`
	KSQL             string `json:"ksql-cluster,omitempty"`
	CMF              string `json:"cmf,omitempty"`
	FlinkEnvironment string `json:"flink-environment,omitempty"`
}

// Validate returns an error unless the scope names one cluster.
func (s Scope) Validate() error {
	ids := s
	ids.Name = ""
	components := 0
	for _, id := range []string{s.Connect, s.SchemaRegistry, s.KSQL, s.CMF} {
		if id != "" {
			components++
		}
	}
	switch {
	case s == Scope{}:
		return errors.New("expected a scope: the id of a Kafka cluster, or the name of a registered one")
	case s.Name != "" && ids != Scope{}:
		return fmt.Errorf("found the cluster name %s and ids of clusters, expected one of both", enum.Quote(s.Name))
	case s.Name != "" && !isName(s.Name):
		return fmt.Errorf("found the cluster name %s, expected printable characters without spaces", enum.Quote(s.Name))
	case components > 1:
		return errors.New("expected no more than one component: bind the role in each scope of its own")
	case s.FlinkEnvironment != "" && s.CMF == "":
		return errors.New("found a Flink environment without the id of its CMF")
	case s.Name == "" && s.Kafka == "" && s.CMF == "":
		return errors.New("expected the id of the Kafka cluster that the component belongs to")
	}
	for _, id := range []string{s.Kafka, s.Connect, s.SchemaRegistry, s.KSQL, s.CMF, s.FlinkEnvironment} {
		if id != "" && !isName(id) {
			return fmt.Errorf("found the id %s, expected printable characters without spaces", enum.Quote(id))
		}
	}
	return nil
}

// isKafka reports whether the scope is a Kafka cluster and no component of it.
func (s Scope) isKafka() bool { return s.Kafka != "" && s == Scope{Kafka: s.Kafka} }

// Registry is the names of clusters. The zero Registry is empty, and so is a nil one. It is
// safe for concurrent reads.
type Registry struct {
	scopes map[string]Scope
	names  map[Scope]string
	owner  map[string]string // ids of Kafka clusters, and the name of a cluster that has it
}

// Add registers a cluster under a name. It returns an error if the scope is not one of ids,
// if the name or the scope is taken, or if a name is the id of another Kafka cluster: what is bound
// by one would be read as bound by the other.
func (r *Registry) Add(name string, scope Scope) error {
	if err := (Scope{Name: name}).Validate(); err != nil {
		return err
	}
	if scope.Name != "" {
		return fmt.Errorf("cluster %s: expected the ids of the cluster, found the name %s", name, enum.Quote(scope.Name))
	}
	if err := scope.Validate(); err != nil {
		return fmt.Errorf("cluster %s: %w", name, err)
	}
	if _, taken := r.scopes[name]; taken {
		return fmt.Errorf("cluster %s is registered already", name)
	}
	if other, taken := r.names[scope]; taken {
		return fmt.Errorf("cluster %s: its ids are registered already, as %s", name, other)
	}
	if other, taken := r.owner[name]; taken && scope.Kafka != name {
		return fmt.Errorf("cluster %s: its name is the id of the cluster %s: rename it", name, other)
	}
	if err := r.checkID(scope.Kafka); err != nil {
		return fmt.Errorf("cluster %s: %w", name, err)
	}
	if r.scopes == nil {
		r.scopes, r.names, r.owner = map[string]Scope{}, map[Scope]string{}, map[string]string{}
	}
	r.scopes[name], r.names[scope] = scope, name
	if _, taken := r.owner[scope.Kafka]; !taken && scope.Kafka != "" {
		r.owner[scope.Kafka] = name
	}
	return nil
}

// checkID returns an error for the id of a Kafka cluster that is the name of another one.
func (r *Registry) checkID(id string) error {
	if r == nil || id == "" {
		return nil
	}
	if named, ok := r.scopes[id]; ok && named.Kafka != id {
		return fmt.Errorf("found the id %s, which is the name of the cluster with the id %s: expected it as a name, or the other id", id, named.Kafka)
	}
	return nil
}

// Resolve returns the scope of ids that a valid scope stands for. An id that is the name of another
// Kafka cluster is an error: a binding of it, or a DENY, would hold nowhere.
func (r *Registry) Resolve(s Scope) (Scope, error) {
	if err := s.Validate(); err != nil {
		return Scope{}, err
	}
	if s.Name == "" {
		return s, r.checkID(s.Kafka)
	}
	if r != nil {
		if found, ok := r.scopes[s.Name]; ok {
			return found, nil
		}
	}
	return Scope{}, fmt.Errorf("no cluster %s is registered", s.Name)
}
