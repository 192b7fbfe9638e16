package ops_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/ops"
)

func TestSetString(t *testing.T) {
	for want, set := range map[string]ops.Set{
		"none":                     0,
		"READ":                     ops.SetOf(ops.Read),
		"READ,WRITE,ALTER_CONFIGS": ops.SetOf(ops.AlterConfigs, ops.Write, ops.Read),
		"UNKNOWN,TWO_PHASE_COMMIT": 1<<15 | 1,
	} {
		t.Run(want, func(t *testing.T) { assert.Equal(t, want, set.String()) })
	}
}
