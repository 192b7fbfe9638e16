module github.com/portcullis-authz/portcullis/ops/kmsgtest

go 1.26.0

require (
	github.com/portcullis-authz/portcullis v0.0.0
	github.com/twmb/franz-go/pkg/kmsg v1.15.0
)

replace github.com/portcullis-authz/portcullis => ../..
