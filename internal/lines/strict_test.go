package lines_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// TestCheckKeys: each of these is read by encoding/json, and what it drops is found.
func TestCheckKeys(t *testing.T) {
	type inner struct {
		Host string `json:"host,omitempty"`
	}
	type outer struct {
		List []*inner            `json:"list"`
		Map  map[string][]inner  `json:"map"`
		Any  map[string]struct{} `json:"any"`
	}
	for text, found := range map[string]string{
		`{"list":[{"host":"a"},{"host":"b"}],"map":{"x":[{"host":"c"}],"X":[]},"any":null}`: "",
		`{"list":[{"host":"a","host":"b"}]}`:                                                `the key "host" again`,
		`{"list":[{"Host":"a"}]}`:                                                           `the key "Host"`,
		`{"list":[],"map":{"x":[],"x":[]}}`:                                                 `the key "x" again`,
		`{"map":{"x":[{"HOST":"c"}]}}`:                                                      `the key "HOST"`,
		`{"list":[{"host":"\ud800"}]}`:                                                      `\ud800`,
		"{\"list\":[{\"host\":\"\xff\"}]}":                                                  `"\xff"`,
	} {
		t.Run(text, func(t *testing.T) {
			var value outer
			decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(&value))
			wrong := lines.CheckKeys([]byte(text), &value)
			if found == "" {
				require.Nil(t, wrong)
				return
			}
			require.NotNil(t, wrong)
			assert.Contains(t, wrong.Found, found)
		})
	}
}
