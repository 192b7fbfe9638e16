//go:build js

// Command wasm is the engine of the playground. It gives JavaScript the function portcullis.
package main

import (
	"syscall/js"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/playground"
)

// main sets portcullis(args, input, done): an array of strings, a Uint8Array, and a function
// that is called with the exit status, the output and the errors.
func main() {
	js.Global().Set("portcullis", js.FuncOf(func(_ js.Value, params []js.Value) any {
		args := make([]string, params[0].Length())
		for i := range args {
			args[i] = params[0].Index(i).String()
		}
		input := make([]byte, params[1].Length())
		js.CopyBytesToGo(input, params[1])
		go func() { // a call from JavaScript must not wait for JavaScript, as a file that is opened would
			a := playground.Run(args, input)
			params[2].Invoke(a.Status, a.Stdout, a.Stderr)
		}()
		return nil
	}))
	select {}
}
