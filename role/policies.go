package role

// Policies returns the policies of all Kafka clusters that bindings are for, by their ids. Bindings
// of components are in none. It is for a program that decides for many clusters: each binding is
// looked at once, whereas [Policy.Apply] of each cluster would look at all of them.
//
// On error there is no policy. The cost is that of the bindings: 100,000 of 20 clusters take less
// than a second.
func Policies(table *Table, registry *Registry, bindings []Binding) (map[string]*Policy, error) {
	byCluster := map[string][]held{}
	for _, b := range bindings {
		h, scope, err := resolve(table, registry, b)
		if err != nil {
			return nil, err
		}
		if scope.isKafka() {
			byCluster[scope.Kafka] = append(byCluster[scope.Kafka], h)
		}
	}
	policies := make(map[string]*Policy, len(byCluster))
	for cluster, list := range byCluster {
		p := NewPolicy(cluster, table, registry)
		p.expect(len(list))
		p.change(list, nil)
		policies[cluster] = p
	}
	return policies, nil
}
