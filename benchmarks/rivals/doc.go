// Package rivals sets up other ways to answer the questions of a workload, so that
// they can be timed beside this project in one run: one Go map, a scan of all ACLs,
// and two general policy engines.
//
// Each engine is set up as its own documentation says for such a policy, with
// everything that can be prepared prepared before it is asked, and none is asked
// before [Verify] has found it to give the right answers. What each cannot do is
// said with its constructor.
package rivals
