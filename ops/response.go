package ops

// finish computes what depends on several entries, and removes what must not be shown.
func (e *evaluation) finish() {
	if !e.over {
		e.fillOperations()
		e.fillCreate()
		e.guard(len(e.api.Steps))
	}
	if e.over {
		e.out.ClusterOperations, e.out.HasClusterOperations = 0, false
		e.out.Create, e.out.CannotCreate, e.out.Matched = nil, nil, nil
	}
	if e.api.AllOrNothing != None {
		e.failTogether()
	}
	if e.hides {
		e.removeHidden()
	}
	if e.api.MayBeSilent && e.r.NoResponse {
		e.closeOnError()
	}
}

// fillOperations fills in the KIP-430 fields of the entries. Denied entries show
// nothing. A missing topic that may be described does have the field.
func (e *evaluation) fillOperations() {
	for i := range e.api.OperationFields {
		f := &e.api.OperationFields[i]
		if e.r.Version < f.MinVersion || !f.Always && !e.r.IncludeOperations {
			continue
		}
		for i := range e.out.Items {
			if it := &e.out.Items[i]; it.Type == f.Type && it.passes() {
				it.Operations, it.HasOperations = e.operations(f.Type, e.r.name(it)), true
			}
		}
	}
}

// fillCreate lists the topics that the broker will create.
func (e *evaluation) fillCreate() {
	for i := range e.api.Steps {
		s := &e.api.Steps[i]
		switch {
		case s.Name == newTopics && len(e.out.CannotCreate) == 0:
			e.out.Create = e.r.NewTopics
		case s.Name == eachTopic && s.When == topicToCreate && e.mayHold(topicToCreate):
			e.out.Create = e.topicsToCreate()
		}
	}
}

// topicsToCreate returns the missing topics that may be described and created.
func (e *evaluation) topicsToCreate() []string {
	n := 0
	for i := range e.out.Items {
		if it := &e.out.Items[i]; it.passes() && topicToCreate.holdsFor(e.r, it) {
			n++
		}
	}
	names := make([]string, 0, n)
	for i := range e.out.Items {
		if it := &e.out.Items[i]; it.passes() && topicToCreate.holdsFor(e.r, it) {
			names = append(names, e.r.name(it))
		}
	}
	return names
}

// failTogether sets the error of entries that would have passed in a request that is
// applied completely or not at all. Each transaction counts separately.
func (e *evaluation) failTogether() {
	items := e.out.Items
	for len(items) > 0 {
		n, failed := 0, false
		for ; n < len(items) && items[n].Parent == items[0].Parent; n++ {
			failed = failed || items[n].Code != None
		}
		for i := range items[:n] {
			if failed && items[i].Code == None {
				items[i].Code = e.api.AllOrNothing
			}
		}
		items = items[n:]
	}
}

// takeOut withholds names, moves filtered entries out of the response, and drops the
// topics of a group or a transaction that is itself refused.
func (e *evaluation) removeHidden() {
	kept, parentPasses := e.out.Items[:0], true
	if e.filtered > 0 && !e.over {
		e.out.Filtered = make([]Item, 0, e.filtered)
	}
	for i := range e.out.Items {
		it := &e.out.Items[i]
		if it.flags&hidesName != 0 && it.Code != None {
			it.NameWithheld = true
		}
		if it.Parent < 0 {
			parentPasses = it.passes()
		}
		switch {
		case it.flags&gone != 0:
			e.out.Filtered = append(e.out.Filtered, *it)
		case !parentPasses && it.Parent >= 0:
		case len(kept) == i:
			kept = kept[:i+1]
		default:
			kept = append(kept, *it)
		}
	}
	clear(e.out.Items[len(kept):])
	e.out.Items = kept
}

// closeOnError closes the connection if anything failed in a request that wants no
// response.
func (e *evaluation) closeOnError() {
	for i := range e.out.Items {
		if e.out.Error == None {
			e.out.Error = e.out.Items[i].Code
		}
	}
	if e.out.Error != None {
		e.out.CloseConnection = true
		e.out.Items = nil
	}
}
