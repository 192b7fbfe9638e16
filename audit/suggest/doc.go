// Package suggest finds the smallest set of ACLs that a recorded trace needs, and the
// ACLs that it never used.
//
//	var c suggest.Collector
//	for record, err := range audit.ReadTrace(file, "trace.jsonl", audit.TraceAuto) { … c.Add(record) … }
//	s, err := c.Suggest(suggest.Options{})
//
// The suggested ACLs allow everything that the trace has allowed, plus only what those
// operations imply, unless the caller asks for prefixes, for every host, or for what was
// denied as well. A trace is a sample: it may lack an access that is needed once a year.
package suggest
