module github.com/portcullis-authz/portcullis/fuzz/linear

go 1.26.0

replace github.com/portcullis-authz/portcullis => ../..

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/portcullis-authz/portcullis v0.0.0-00010101000000-000000000000
)

require (
	github.com/google/btree v1.1.3 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/text v0.43.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)
