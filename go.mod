module github.com/portcullis-authz/portcullis

go 1.26.0

require (
	github.com/google/btree v1.1.3
	golang.org/x/text v0.43.0
)

require go.yaml.in/yaml/v3 v3.0.6 // indirect

// Test dependencies.
require (
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)
