module github.com/portcullis-authz/portcullis/examples

go 1.26.0

require (
	github.com/portcullis-authz/portcullis v0.1.0
	github.com/portcullis-authz/portcullis/aclfile/watch v0.1.0
	github.com/portcullis-authz/portcullis/gateway v0.1.0
	github.com/portcullis-authz/portcullis/gateway/relay v0.1.0
	github.com/stretchr/testify v1.12.1
	github.com/twmb/franz-go v1.22.2
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c
	github.com/twmb/franz-go/pkg/kmsg v1.15.0
)

require (
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

require (
	github.com/google/btree v1.1.3 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	golang.org/x/text v0.43.0 // indirect
)
