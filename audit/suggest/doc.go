// Package suggest finds the least ACLs that a recorded trace needs, and those that it
// never used.
//
//	var c suggest.Collector
//	for record, err := range audit.ReadTrace(file, "trace.jsonl", audit.TraceAuto) { … c.Add(record) … }
//	s, err := c.Suggest(suggest.Options{})
//
// What it suggests allows everything that the trace has allowed, and nothing else but
// what those operations imply, unless the caller asks for prefixes or for every host.
// A trace is a sample: an access that somebody needs once a year may not be in it.
package suggest
