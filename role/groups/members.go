package groups

import (
	"context"

	"github.com/portcullis-authz/portcullis/principal"
)

// Users returns how many principals that are no groups are in each group, directly or through
// other groups, and how many there are in all. A group that is not in the map has none. It costs
// what [Table.Groups] costs for each of them.
func (t *Table) Users() (byGroup map[string]int, all int, err error) {
	byGroup = map[string]int{}
	users := make([]principal.Principal, 0, len(t.parents))
	for who := range t.parents {
		if who.Type != GroupType {
			users = append(users, who)
		}
	}
	for _, who := range users {
		list, err := t.Groups(context.Background(), who)
		if err != nil {
			return nil, 0, err
		}
		for _, group := range list {
			byGroup[group.Name]++
		}
	}
	return byGroup, len(users), nil
}
