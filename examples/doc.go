// Package examples holds programs that show how to embed the engine, each in a folder
// of its own: in the loop of a proxy, in the handlers of a broker, and in an HTTP service.
// The tests of this package run them.
package examples
