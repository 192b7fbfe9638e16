package acl

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// MetadataVersion is the finalized level of a cluster's feature metadata.version, such as 32
// for 4.4-IV1. It decides which ACLs a controller creates, whatever its own release is. The
// zero MetadataVersion is not known: [Binding.ValidateNew] then accepts what the newest
// release accepts.
//
// Source: Kafka's MetadataVersion.
type MetadataVersion int16

// networksVersion is the first version with which a controller creates ACLs whose host is a
// network: 4.4-IV1 (KIP-1276). It does not decide which ACLs match: the authorizer of Kafka
// 4.4 matches networks with every version.
const networksVersion MetadataVersion = 32

// firstMetadataVersion is the level of the first of metadataVersions.
const firstMetadataVersion = 7

// metadataVersions are the names of the levels, in their order.
var metadataVersions = []string{
	"3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4",
	"3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0", "4.4-IV1", "4.4-IV2",
}

// ParseMetadataVersion reads a version as kafka-features takes it: its name ("4.4-IV1"), a
// release ("4.4", its last version) or a level ("32"). A level may be higher than those with
// a known name. On error the result is zero.
func ParseMetadataVersion(s string) (MetadataVersion, error) {
	last := -1
	for i, name := range metadataVersions {
		release, _, _ := strings.Cut(name, "-")
		if s == name || s == release {
			last = i
		}
	}
	if last >= 0 {
		return firstMetadataVersion + MetadataVersion(last), nil
	}
	if level, err := strconv.ParseInt(s, 10, 16); err == nil && level >= firstMetadataVersion {
		return MetadataVersion(level), nil
	}
	return 0, fmt.Errorf("unknown metadata version %s: expected a version such as %s, a release such as 4.4, or a level from %d",
		enum.Quote(s), networksVersion, firstMetadataVersion)
}

// String returns the name of v, or its level if it has no known name.
func (v MetadataVersion) String() string {
	if i := int(v) - firstMetadataVersion; i >= 0 && i < len(metadataVersions) {
		return metadataVersions[i]
	}
	return strconv.Itoa(int(v))
}

// hasNetworks reports whether networks are created with v.
func (v MetadataVersion) hasNetworks() bool { return v == 0 || v >= networksVersion }
