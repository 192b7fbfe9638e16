package clienttest

import (
	"testing"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// oldVersions are versions of Java clients that are older than the brokers. Those of the
// smaller set could once not connect.
var (
	oldVersions  = []string{"3.3.2", "3.7.2"}
	manyVersions = []string{"2.8.2", "3.3.2", "3.7.2", "3.9.2", "4.2.1", "4.4.0"}
)

// Java clients of old versions do the same through the proxy as straight at the broker.
func TestOldClients(t *testing.T) {
	kafkatest.Jars(t, *versionFlag) // or skip
	w := startWorld(t, *versionFlag)
	versions := oldVersions
	if *fullFlag {
		versions = manyVersions
	}
	compared, number := 0, 0
	for _, version := range versions {
		t.Run("Java "+version, func(t *testing.T) {
			var groups [][]*run
			var all []*run
			for _, r := range chosen(t) {
				if r.class != "Clients" || r.alone || r.since != "" || r.full {
					continue
				}
				var runs []*run
				for _, v := range r.variants(t, false) {
					runs = append(runs, newRun(w, r, v, number))
					number++
				}
				groups, all = append(groups, runs), append(all, runs...)
			}
			compared += judgeAll(t, w, startJVM(t, version), groups, all)
		})
	}
	checkCount(t, "old", compared)
}
