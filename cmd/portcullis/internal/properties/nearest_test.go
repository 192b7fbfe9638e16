package properties

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abd", 1}, {"abc", "acb", 2}, {"kitten", "sitting", 3}, {"abcdef", "uvwxyz", 4}} {
		t.Run(test.a+"-"+test.b, func(t *testing.T) { assert.Equal(t, test.want, distance(test.a, test.b, 4)) })
	}
}

func TestNearest(t *testing.T) {
	known := []string{"sasl.mechanism", "sasl.jaas.config", "ssl.truststore.location"}
	for key, want := range map[string]string{
		"sasl.mechanisms": "sasl.mechanism", "sasl.jass.config": "sasl.jaas.config", "ssl.trust-store.location": "ssl.truststore.location",
		"sasl": "", "": "", "retries": "", "ssl.keystore.location": "",
	} {
		t.Run(key, func(t *testing.T) { assert.Equal(t, want, Nearest(key, known)) })
	}
}
