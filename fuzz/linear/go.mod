module github.com/portcullis-authz/portcullis/fuzz/linear

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/portcullis-authz/portcullis v0.1.0
)

require (
	github.com/google/btree v1.1.3 // indirect
	golang.org/x/text v0.43.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)
