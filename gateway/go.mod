module github.com/portcullis-authz/portcullis/gateway

go 1.26.0

require (
	github.com/portcullis-authz/portcullis v0.1.0
	github.com/stretchr/testify v1.12.1
	github.com/twmb/franz-go/pkg/kmsg v1.15.0
)

require go.yaml.in/yaml/v3 v3.0.6 // indirect

require (
	github.com/google/btree v1.1.3 // indirect
	golang.org/x/text v0.43.0 // indirect
)
