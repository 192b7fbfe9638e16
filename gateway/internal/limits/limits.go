// Package limits has the limits of what the gateway and its packages write into answers.
package limits

import "math"

// Texts limits the total length of texts in an answer, in bytes. A request can name
// a topic or a partition in two bytes, a hundred times less than Kafka's error text.
// Once a text does not fit, the remaining refusals have a code and no text.
const Texts = 64 << 10

// String is the length of the longest string that Kafka accepts, in bytes.
const String = math.MaxInt16
