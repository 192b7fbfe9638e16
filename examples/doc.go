// Package examples holds programs that show how to embed the engine, each in a folder
// of its own: in the loop of a proxy, and in the handlers of a broker. The test of this
// package runs them.
package examples
